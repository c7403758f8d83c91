"""Direct reinforcement: gradient ascent on the account's P&L itself, costs in.

The reward of a path of weights is a differentiable function of the weights, and the market does not
react, so no value is estimated and nothing explored: the gradient is taken through the account,
from bar to bar (Moody & Saffell 2001, "Learning to trade via direct reinforcement", IEEE
Transactions on Neural Networks 12(4); Deng et al. 2016).

Under proportional costs the plain form is unstable: once a policy trades rarely, its gradient is
flat. Two things cure it.

- The policy is a no-trade band. The network maps the market to an interval [lo, hi] and a rate, and
  the weight p is moved towards the interval: p + rate (clamp(p, lo, hi) - p). The optima under
  proportional costs (Davis & Norman 1990; de Lataillade et al. 2012) and under quadratic costs
  (Garleanu & Pedersen 2013) both have this form; and in the interval the gradient passes on
  undiminished to the trade that brought p there.
- Costs rise from nothing to their exact size over the first part of the training, and segments
  begin with any position, so that the band is met from both sides.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from drltrade.agents.actions import weight_box
from drltrade.agents.agent import OnProgress
from drltrade.agents.band_path import band_path
from drltrade.agents.config import AgentConfig
from drltrade.agents.encoders import Encoder, NetworkConfig, make_encoder
from drltrade.agents.encoders.base import State
from drltrade.agents.market_view import MarketView, read, reward_scale
from drltrade.agents.noisy import draw_from
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.towers import Tower
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.reward_spec import make_reward
from drltrade.market.rewards import Outcome
from drltrade.market.smooth import SmoothBars, account_path, check_smooth, smooth_bars


class DirectConfig(AgentConfig):
    """Hyperparameters of `direct`."""

    algorithm: Literal["direct"] = "direct"
    network: NetworkConfig = NetworkConfig(hidden=(32, 32), initialisation="uniform")
    learning_rate: float = Field(1e-2, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="how the learning rate falls over the training"
    )
    max_grad_norm: float | None = Field(1.0, gt=0, description="none: never clipped")
    batch_size: int = Field(16_384, ge=1, description="bars per gradient step")
    sequence_length: int | None = Field(
        None, ge=2,
        description="bars that a gradient reaches back over; default: a quarter of an episode, "
        "but at least 64",
    )  # fmt: skip
    cost_annealing: float = Field(
        0.5, ge=0, le=1, description="share of the training over which costs rise to their size"
    )

    def length(self, task: Task) -> int:
        """Bars of a segment.

        Raises:
            ConfigError: a batch does not hold one.
        """
        episode = task.config.episode_length
        longest = episode[1] if isinstance(episode, tuple) else episode or 0
        length = self.sequence_length or max(longest // 4, 64)
        if self.batch_size < length:
            raise ConfigError(
                f"batch_size = {self.batch_size} holds no segment of {length} bars "
                "(sequence_length)"
            )
        return length


class BandValues(Encoder):
    """Market -> (lo, hi, rate) of the no-trade band of each asset."""

    def __init__(self, config: NetworkConfig, task: Task) -> None:
        super().__init__()
        self.box, self.assets = weight_box(task, "direct"), task.market.assets
        self.width = 3 * self.assets
        self.encoder = make_encoder(config, task.observation_size, config.hidden[0], self.assets)
        self.tower = Tower(config, 3, self.assets, account=False)

    @property
    def reach(self) -> int | None:
        """That of the encoder."""
        return self.encoder.reach

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, 3 N]: all lo, all hi, all rates."""
        return self._bands(self.tower(self.encoder(windows)))

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, 3 N]."""
        embeddings, state = self.encoder.sequence(bars, state)
        return self._bands(self.tower(embeddings)), state

    def _bands(self, outputs: Tensor) -> Tensor:
        # A narrow band and a quick rate to begin with.
        each = outputs.float().reshape(*outputs.shape[:-1], self.assets, 3)
        centre, width, rate = each.unbind(-1)
        width = functional.softplus(width - 2.0)
        lo = self.box.middle + self.box.half * torch.tanh(centre - width)
        hi = self.box.middle + self.box.half * torch.tanh(centre + width)
        return torch.cat((lo, hi, torch.sigmoid(rate + 2.0)), -1)

    def act(self, bands: Tensor, account: Tensor) -> Tensor:
        """[B, 3 N], [B, 3 N + 1] -> target weights [B, N]."""
        target = self.move(account[..., : self.assets], *bands.chunk(3, -1))
        return target.clamp(self.box.low, self.box.high)  # rounding

    def move(self, weight: Tensor, lo: Tensor, hi: Tensor, rate: Tensor) -> Tensor:
        """[B, N] each -> target weights."""
        # clamp(p, lo, hi) - p in the form whose gradient is the cheapest.
        outside = torch.relu(lo - weight) - torch.relu(weight - hi)
        target = torch.addcmul(weight, rate, outside)
        return self.box.within(target) if self.assets > 1 else target


class Direct:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    report_every = 20
    """Gradient steps between two reports of progress."""

    def __init__(self, config: DirectConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random.

        Raises:
            ConfigError: actions are discrete, or costs have no derivative.
        """
        check_smooth(task.rules, task.market, task.spans("train"), "direct")
        self.config, self.device, self._generator = config, generator.device, generator
        self._task, self._view = task, MarketView(task, self.device)
        self._length = config.length(task)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        self._history = config.network.memory == "history"
        self._lead = config.burn_in if self._history else task.config.window - 1
        network = BandValues(config.network, task)
        config.initialise(network, generator, head_gain=0.1)
        self.network = network.to(self.device)
        config.compiled(network.encoder, network.tower)
        draw_from(network, generator)
        self._reward = make_reward(torch, task.rules.reward)
        self._optimization = Optimization(config, network.parameters())
        self._steps = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Follow the gradient of the reward of random segments of the train period.

        Args:
            total_steps: bars to learn from, each once per gradient step that it is drawn for.
            on_progress: see `Agent`.
        """
        config, policy = self.config, self.policy()
        segments = self._view.segments(self._length, config.lead)
        bars = smooth_bars(self._task.market, self._task.rules, self.device)
        count = config.batch_size // self._length
        earned, since = torch.zeros((), dtype=torch.float64, device=self.device), 0
        while self._steps < total_steps:
            progress = self._steps / total_steps
            reward = self._reward_of(segments.draw(count, self._generator), bars, progress)
            self._optimization.step(-reward / self._scale, progress)
            earned += reward.detach()
            self._steps += count * self._length
            since += 1
            if since == self.report_every or self._steps >= total_steps:
                self._optimization.check()
                if not on_progress(self._steps, {"reward": float(earned) / since}, policy):
                    break
                earned, since = torch.zeros_like(earned), 0

    def _reward_of(self, start: Tensor, bars: SmoothBars, progress: float) -> Tensor:
        """Mean reward of a step along segments that begin at rows `start` [B]."""
        config, network, length = self.config, self.network, self._length
        with config.autocast(self.device):
            stretches = self._view.stretch(start, length, self._lead)
            bands = read(network, stretches, length, self._history).transpose(0, 1)
        rows = start + torch.arange(length, device=self.device)[:, None]
        seen = SmoothBars(*(field[rows] for field in bars))
        options = {"generator": self._generator, "device": self.device}
        unit = torch.rand(len(start), network.assets, **options)  # type: ignore[call-overload]
        weight = network.box.weights(2.0 * unit - 1.0)
        lo, hi, rate = bands.chunk(3, -1)
        delayed = self._task.config.fill == "next_close"
        weights, targets = band_path(weight, lo, hi, rate, seen.move.float(), delayed, network.move)
        share = min(progress / config.cost_annealing, 1.0) if config.cost_annealing else 1.0
        outcome = account_path(weights, targets, seen, self._task.rules, share)
        return self._paid(outcome, len(start)).mean()

    def _paid(self, outcome: Outcome, count: int) -> Tensor:
        """[L, B] rewards; those with a memory step by step."""
        if not self._reward.initial:
            rewards: Tensor = self._reward.step((), outcome)[1]
            return rewards
        memory = tuple(
            torch.full((count,), number, dtype=torch.float64, device=self.device)
            for number in self._reward.initial
        )
        initial, *path = outcome
        paid = []
        for step in zip(*path, strict=True):
            memory, reward = self._reward.step(memory, Outcome(initial, *step))
            paid.append(reward)
        return torch.stack(paid)

    def policy(self) -> NetworkPolicy:
        """The band's trade."""
        return NetworkPolicy(
            self.network, self.network.act, lambda target: target, self.config.network,
            self._task.observation_size, self.device, reads="position",
        )  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """The network's parameters."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the network's parameters."""
        self.network.load_state_dict(weights)
