"""What agents that learn from replay have in common: accounts that step, and what they lived."""

from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from drltrade.agents.config import AgentConfig
from drltrade.agents.encoders import Encoder
from drltrade.agents.market_view import MarketView, read, reward_scale
from drltrade.agents.priorities import Priorities
from drltrade.agents.replay import Batch, Replay, Slots
from drltrade.envs.task import Task


class OffPolicyConfig(AgentConfig):
    """Interaction, replay and targets."""

    learning_rate: float = Field(3e-3, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="how the learning rate falls over the training"
    )
    max_grad_norm: float | None = Field(
        10.0, gt=0, description="longest gradient of all weights together; none: never clipped"
    )
    n_envs: int = Field(64, ge=1, description="accounts stepped at once")
    buffer_size: int = Field(500_000, ge=1, description="transitions kept, all accounts together")
    learning_starts: int = Field(10_000, ge=0, description="transitions before the first update")
    batch_size: int = Field(1024, ge=1, description="transitions per gradient step")
    gradient_steps: int = Field(1, ge=1, description="per step of all accounts")
    n_step: int = Field(1, ge=1, description="rewards summed before bootstrapping")
    tau: float = Field(0.01, gt=0, le=1, description="share of the online weights taken a step")
    sequence_length: int | None = Field(
        None, ge=1, description="history memory: steps in a row that are learned from"
    )
    relative: bool = Field(
        True, description="learn the level of all values apart from them, as a number of its own"
    )

    @property
    def span(self) -> int:
        """Consecutive steps of an account in a sample."""
        return max(self.n_step, self.sequence_length or 1)

    @property
    def first_update(self) -> int:
        """Transitions that the first update waits for."""
        return max(self.learning_starts, self.span * self.n_envs)

    @property
    def policy_update(self) -> int:
        """Number of the first gradient step that changes the policy."""
        return 1

    @property
    def steps_to_learn(self) -> int:
        """Environment steps, all accounts together, that the policy's first change takes."""
        filling = -(-self.first_update // self.n_envs)
        learning = -(-self.policy_update // self.gradient_steps)
        return (filling + learning - 1) * self.n_envs

    @model_validator(mode="after")
    def _sequences_are_of_history(self) -> "OffPolicyConfig":
        history = self.network.memory == "history"
        if history and self.sequence_length is None:
            raise ValueError(
                f"network.memory = 'history' makes encoder {self.network.encoder!r} a recurrent "
                "option without sequence length: set sequence_length, the steps in a row to learn "
                "from (32, say)"
            )
        if self.sequence_length is None:
            return self
        if not history:
            raise ValueError(
                f"sequence_length = {self.sequence_length} is for history memory, but "
                "network.memory = 'window' reads each decision's window alone: leave it out, or "
                "set network.memory = 'history'"
            )
        if self.batch_size < self.sequence_length:
            raise ValueError(
                f"batch_size = {self.batch_size} holds no sequence of sequence_length = "
                f"{self.sequence_length} steps"
            )
        return self

    @model_validator(mode="after")
    def _buffer_is_large_enough(self) -> "OffPolicyConfig":
        held = self.buffer_size // self.n_envs * self.n_envs
        if held < self.first_update:
            raise ValueError(
                f"buffer_size = {self.buffer_size} holds {held} transitions of {self.n_envs} "
                f"accounts, but the first update waits for {self.first_update} (learning_starts, "
                "and n_step or sequence_length times n_envs): it would never come"
            )
        if held < self.batch_size:
            raise ValueError(
                f"batch_size = {self.batch_size} is larger than the buffer: buffer_size = "
                f"{self.buffer_size} holds {held} transitions of {self.n_envs} accounts"
            )
        return self


class Sample(NamedTuple):
    """M transitions to learn from; of sequences, M = B L, sequence by sequence.

    Of twins, the k-th block of transitions or sequences holds the k-th account of each group.
    """

    batch: Batch
    weight: Tensor | None
    """[M] weights of the losses, 0 beyond an episode's end; None: all count the same."""
    slots: Slots
    start: Tensor | None = None
    """[B] first bars of sequences."""
    next_bar: Tensor | None = None
    """[B, L] places of the next states' bars."""


class Experience:
    """Accounts on the train period of a task, and the replay of what they lived."""

    def __init__(
        self, config: OffPolicyConfig, task: Task, generator: torch.Generator,
        continuous: bool, priorities: tuple[float, float] | None = None, twins: int = 1,
    ) -> None:  # fmt: skip
        """Place the accounts.

        Args:
            config: of the agent.
            task: whose train period it is.
            generator: lives on the device to learn on; draws the episodes and the samples.
            continuous: whether actions are [n, N] numbers, or [n] indices.
            priorities: alpha and beta of prioritised replay; None: uniform.
            twins: accounts that meet the same bars, and whose steps are drawn together; there are
                no priorities then.

        Raises:
            ConfigError: the train period is too short for the burn-in.
        """
        self.config, self.device, self._generator = config, generator.device, generator
        self._view = MarketView(task, self.device)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        self.simulator = task.simulator(
            config.n_envs, generator, episode_length=task.config.episode_length, detailed=False,
            lead=config.lead, twins=twins,
        )  # fmt: skip
        self.twins = twins
        assets = task.market.assets
        self.replay = Replay(config.buffer_size, config.n_envs, self.device, assets, continuous)
        self.priorities = None
        if priorities is not None:
            rows, alpha, beta = self.replay.rows, *priorities
            self.priorities = Priorities(rows, config.n_envs, config.span, self.device, alpha, beta)
        self.steps = 0
        """Environment steps so far, all accounts together."""

    @property
    def enough(self) -> bool:
        """Whether there is enough to learn from."""
        return len(self.replay) >= self.config.first_update

    # Living.

    def look(self, encoder: Encoder) -> Tensor:
        """[n, E] embeddings of what the accounts see now.

        With history memory the encoder has read `burn_in` bars before, as where it learns.
        """
        t = self.simulator.t
        if self.config.network.memory == "window":
            return self._view.embed(encoder, t)
        bars = self._view.stretch(t, 1, self.config.burn_in)
        return read(encoder, bars, 1, history=True)[:, 0]

    def live(self, action: Tensor, target: Tensor) -> Tensor:
        """One step of all accounts.

        Args:
            action: [n] or [n, N], as it is to be remembered.
            target: [n] or [n, N] the weights that it means.

        Returns:
            [] mean reward.
        """
        t, account = self.simulator.t, self.simulator.account
        led_to = self.simulator.step(target.double())
        scaled = led_to._replace(reward=led_to.reward / self._scale)
        self.replay.add(t, account, action, scaled)
        if self.priorities is not None:
            self.priorities.added(self.replay.written)
        self.steps += self.config.n_envs
        return led_to.reward.mean()

    # Remembering.

    def sample(self, progress: float) -> Sample:
        """What a gradient step learns from; `progress`: the share of the training that is over."""
        config = self.config
        length = config.sequence_length or 1
        size, weight = config.batch_size // length, None
        if self.priorities is None:
            slots = self.replay.draw(size, config.span, self._generator, self.twins)
        else:
            slots, weight = self.priorities.draw(size, progress, self._generator)
        if config.sequence_length is None:
            return Sample(
                self.replay.transitions(slots, config.n_step, config.gamma), weight, slots
            )
        found = self.replay.sequences(slots, length, config.n_step, config.gamma)
        counts = found.counts.float()
        weights = counts / counts.mean()
        if weight is not None:
            weights = weights * weight[:, None]
        flat = Batch(*(part.flatten(0, 1) for part in found.batch))
        return Sample(flat, weights.flatten(), slots, found.start, found.next_bar)

    def now(self, encoder: Encoder, sample: Sample) -> Tensor:
        """[M, E] embeddings of the states."""
        if sample.start is None:
            return self._embed(encoder, sample.batch.t)
        return self._along(encoder, sample)[:, :-1].flatten(0, 1)

    def later(self, encoder: Encoder, sample: Sample) -> Tensor:
        """[M, E] embeddings of the next states."""
        if sample.start is None:
            return self._embed(encoder, sample.batch.next_t)
        return self._next(self._along(encoder, sample), sample)

    def both(self, encoder: Encoder, sample: Sample) -> tuple[Tensor, Tensor]:
        """[M, E] embeddings of the states, and of the next states without gradient."""
        if sample.start is None:
            now = self._embed(encoder, sample.batch.t)
            with torch.no_grad():
                return now, self._embed(encoder, sample.batch.next_t)
        along = self._along(encoder, sample)
        return along[:, :-1].flatten(0, 1), self._next(along.detach(), sample)

    def _embed(self, encoder: Encoder, t: Tensor) -> Tensor:
        """[M] bars -> [M, E]; twins' bars are the same, and encoded once."""
        return self._view.embed(encoder, t[: len(t) // self.twins]).repeat(self.twins, 1)

    def _along(self, encoder: Encoder, sample: Sample) -> Tensor:
        """[B, L + 1, E] embeddings of the bars of sequences, after their burn-in."""
        assert sample.start is not None
        assert self.config.sequence_length is not None
        length, features = self.config.sequence_length + 1, self._view.features
        offsets = torch.arange(-self.config.burn_in, length, device=self.device)
        # An episode that ends with the data leaves steps that do not count, and have no bar.
        start = sample.start[: len(sample.start) // self.twins]
        bars = (start[:, None] + offsets).clamp_max(len(features) - 1)
        return read(encoder, features[bars], length, history=True).repeat(self.twins, 1, 1)

    def _next(self, along: Tensor, sample: Sample) -> Tensor:
        assert sample.next_bar is not None
        index = sample.next_bar.unsqueeze(-1).expand(-1, -1, along.shape[-1])
        return along.gather(1, index).flatten(0, 1)

    def surprise(self, sample: Sample, error: Tensor) -> None:
        """Take the errors [M] of a sample as priorities, where replay is prioritised.

        Of a sequence: 0.9 of the largest and 0.1 of the mean error of the steps that count
        (Kapturowski et al. 2019, section 2.3).
        """
        if self.priorities is None:
            return
        error = error.detach().abs()
        if sample.next_bar is not None:
            assert sample.weight is not None
            counts = (sample.weight > 0).view_as(sample.next_bar)
            each = error.view_as(sample.next_bar) * counts
            error = 0.9 * each.amax(1) + 0.1 * each.sum(1) / counts.sum(1)
        self.priorities.update(sample.slots, error)
