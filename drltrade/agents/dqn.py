"""Deep Q-learning (Mnih et al. 2015) on the batched market; double, dueling, n-step as options."""

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from drltrade.agents.agent import OnProgress
from drltrade.agents.encoders import NetworkConfig, Tower, initialise, make_encoder
from drltrade.agents.losses import double_q_target, dueling_values, temporal_difference_loss
from drltrade.agents.market_view import MarketView, reward_scale
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.replay import Replay
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.settings import Settings


class DQNConfig(Settings):
    """Hyperparameters of `dqn`."""

    algorithm: Literal["dqn"] = "dqn"
    network: NetworkConfig = NetworkConfig(activation="relu")
    double: bool = Field(True, description="choose by the online network, value by the target's")
    dueling: bool = Field(True, description="separate state value and advantages")
    n_step: int = Field(3, ge=1, description="rewards summed before bootstrapping")
    n_envs: int = Field(64, ge=1, description="accounts stepped at once")
    buffer_size: int = Field(500_000, ge=1, description="transitions kept, all accounts together")
    learning_starts: int = Field(10_000, ge=0, description="transitions before the first update")
    batch_size: int = Field(256, ge=1, description="transitions per gradient step")
    gradient_steps: int = Field(2, ge=1, description="per step of all accounts")
    learning_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    gamma: float = Field(0.99, ge=0, lt=1)
    tau: float = Field(0.01, gt=0, le=1, description="share of the online weights taken a step")
    exploration_fraction: float = Field(
        0.3, gt=0, le=1, description="share of the training over which epsilon falls"
    )
    exploration_final_eps: float = Field(0.05, ge=0, le=1)
    max_grad_norm: float = Field(10.0, gt=0)
    normalize_reward: bool = Field(True, description="divide by the asset's volatility per bar")

    @model_validator(mode="after")
    def _buffer_is_large_enough(self) -> "DQNConfig":
        held = self.buffer_size // self.n_envs * self.n_envs
        needed = max(self.learning_starts, self.n_step * self.n_envs)
        if held < needed:
            raise ValueError(
                f"buffer_size = {self.buffer_size} holds {held} transitions of {self.n_envs} "
                f"accounts, but the first update waits for {needed} (learning_starts, and n_step "
                "times n_envs): it would never come"
            )
        return self


class QNetwork(nn.Module):
    """Window and account -> a value per position."""

    def __init__(self, config: DQNConfig, shape: tuple[int, int], positions: int) -> None:
        super().__init__()
        self.dueling = config.dueling
        self.encoder = make_encoder(config.network, shape, config.network.hidden[0])
        self.tower = Tower(config.network, positions + 1 if config.dueling else positions)

    def values(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, H], [N, 4] -> [N, A]."""
        outputs: Tensor = self.tower(embedding, account)
        return dueling_values(outputs) if self.dueling else outputs


class DQN:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    report_every = 100
    """Steps of all accounts between two reports of progress."""

    def __init__(self, config: DQNConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random.

        Raises:
            ConfigError: the environment's action is continuous.
        """
        positions = task.trading.discrete_positions
        if positions is None:
            raise ConfigError(
                "dqn chooses among listed positions, but the environment sets position_range = "
                f"{list(task.trading.position_range or ())}: set positions instead, or take ppo"
            )
        self.config, self.device, self._generator = config, generator.device, generator
        self._shape = task.observation_size
        self._simulator = task.simulator(
            config.n_envs, generator, episode_length=task.config.episode_length, detailed=False
        )
        self._view = MarketView(task, self._simulator)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        self._positions = torch.tensor(positions, dtype=torch.float64, device=self.device)
        network = QNetwork(config, self._shape, len(positions))
        initialise(network, torch.Generator().manual_seed(generator.initial_seed()))
        # Copied before the move: an LSTM copied on a GPU loses the one block its weights lie in.
        self._target = copy.deepcopy(network).requires_grad_(False).to(self.device)
        self.network = network.to(self.device)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay,
            fused=True,
        )  # fmt: skip
        self._replay = Replay(config.buffer_size, config.n_envs, self.device)
        self._steps = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Step all accounts, then take a few gradient steps; again and again."""
        policy, config = self.policy(), self.config
        reward = torch.zeros((), dtype=torch.float64, device=self.device)
        loss, updates, since = torch.zeros((), device=self.device), 0, 0
        while self._steps < total_steps:
            reward += self._interact(self._epsilon(total_steps))
            since += 1
            if len(self._replay) >= max(config.learning_starts, config.n_step * config.n_envs):
                for _ in range(config.gradient_steps):
                    loss += self._update()
                updates += config.gradient_steps
            if since == self.report_every or self._steps >= total_steps:
                figures = {
                    "reward": float(reward) / since,
                    "loss": float(loss) / max(updates, 1),
                    "epsilon": self._epsilon(total_steps),
                }
                if not on_progress(self._steps, figures, policy):
                    break
                reward, loss, updates, since = reward * 0, loss * 0, 0, 0

    def _epsilon(self, total_steps: int) -> float:
        progress = self._steps / (self.config.exploration_fraction * total_steps)
        return max(1.0 - progress, 0.0) * (1.0 - self.config.exploration_final_eps) + (
            self.config.exploration_final_eps
        )

    @torch.no_grad()
    def _interact(self, epsilon: float) -> Tensor:
        """One step of all accounts; -> mean reward."""
        simulator, n = self._simulator, self.config.n_envs
        t, account = simulator.t, simulator.account
        values = self.network.values(self._view.embed(self.network.encoder, t), account)
        options = {"generator": self._generator, "device": self.device}
        random = torch.randint(0, values.shape[1], (n,), **options)  # type: ignore[call-overload]
        explore = torch.rand(n, **options) < epsilon  # type: ignore[call-overload]
        action = torch.where(explore, random, values.argmax(1))
        transition = simulator.step(self._positions[action])
        self._replay.add(
            t, account, action, transition._replace(reward=transition.reward / self._scale)
        )
        self._steps += n
        return transition.reward.mean()

    def _update(self) -> Tensor:
        """One gradient step; -> loss."""
        config = self.config
        batch = self._replay.sample(config.batch_size, config.n_step, config.gamma, self._generator)
        with torch.no_grad():
            embedding = self._view.embed(self._target.encoder, batch.next_t)
            next_target = self._target.values(embedding, batch.next_account)
            next_online = next_target
            if config.double:
                embedding = self._view.embed(self.network.encoder, batch.next_t)
                next_online = self.network.values(embedding, batch.next_account)
            target = double_q_target(
                batch.reward, batch.discount, next_online, next_target, config.double
            )
        values = self.network.values(self._view.embed(self.network.encoder, batch.t), batch.account)
        loss = temporal_difference_loss(values.gather(1, batch.action[:, None]).squeeze(1), target)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), config.max_grad_norm)
        self._optimizer.step()
        with torch.no_grad():
            pairs = zip(self._target.parameters(), self.network.parameters(), strict=True)
            for target_parameter, parameter in pairs:
                target_parameter.lerp_(parameter, config.tau)
        return loss.detach()

    def policy(self) -> NetworkPolicy:
        """The position of highest value."""
        network = self.network
        return NetworkPolicy(
            network.encoder,
            network.values,
            lambda values: int(values.argmax(-1)),
            self._shape,
            self.device,
        )

    def weights(self) -> dict[str, Tensor]:
        """The online network's parameters."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the online network's parameters."""
        self.network.load_state_dict(weights)
        self._target.load_state_dict(weights)
