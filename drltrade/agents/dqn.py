"""Deep Q-learning on the batched market, with the extensions that are independent of one another.

Sources: Mnih et al. 2015, "Human-level control through deep reinforcement learning"; double: van
Hasselt, Guez & Silver 2016; dueling: Wang et al. 2016; prioritised: Schaul et al. 2016; quantiles:
Dabney et al. 2018; noisy: Fortunato et al. 2018; all together: Hessel et al. 2018, "Rainbow";
recurrent: Kapturowski et al. 2019, "Recurrent experience replay in distributed reinforcement
learning".
"""

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from drltrade.agents.agent import OnProgress, Policy
from drltrade.agents.alternation import follow, live_and_learn
from drltrade.agents.config import DistributionConfig
from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.level import Level
from drltrade.agents.losses import (
    double_q_target,
    dueling_values,
    quantile_loss,
    quantile_q_target,
    squared_loss,
    tail_mean,
    temporal_difference_loss,
    weighted_mean,
)
from drltrade.agents.noisy import draw_from, resample
from drltrade.agents.off_policy import Experience, OffPolicyConfig
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.towers import Tower
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError


class DQNConfig(OffPolicyConfig, DistributionConfig):
    """Hyperparameters of `dqn`."""

    algorithm: Literal["dqn"] = "dqn"
    network: NetworkConfig = NetworkConfig(activation="relu", initialisation="uniform")
    double: bool = Field(True, description="choose by the online network, value by the target's")
    dueling: bool = Field(True, description="separate state value and advantages")
    n_envs: int = Field(256, ge=1, description="accounts stepped at once")
    prioritized: bool = Field(False, description="draw transitions by their last error")
    priority_alpha: float = Field(0.6, ge=0, le=1, description="how far priorities matter")
    priority_beta: float = Field(
        0.4, ge=0, le=1, description="share of the correction for priorities at first; rises to 1"
    )
    noisy: bool = Field(False, description="explore by noise in the weights instead of epsilon")
    loss: Literal["huber", "squared"] = Field(
        "squared", description="of errors, without quantiles; huber estimates medians, not means"
    )
    exploration_fraction: float = Field(
        0.3, gt=0, le=1, description="share of the training over which epsilon falls"
    )
    exploration_final_eps: float = Field(0.05, ge=0, le=1)


class QNetwork(nn.Module):
    """Market and account -> a value per position, or its quantiles."""

    def __init__(self, config: DQNConfig, shape: tuple[int, int], positions: int) -> None:
        super().__init__()
        self.dueling, self.quantiles = config.dueling, config.quantiles
        self.encoder = make_encoder(config.network, shape, config.network.hidden[0])
        outputs = (positions + self.dueling) * self.quantiles
        self.tower = Tower(config.network, outputs, noisy=config.noisy)

    def values(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, H], [N, 4] -> [N, A], or [N, A, Q]."""
        outputs: Tensor = self.tower(embedding, account).float()
        if self.quantiles > 1:
            outputs = outputs.reshape(*outputs.shape[:-1], -1, self.quantiles)
        return dueling_values(outputs) if self.dueling else outputs


class DQN:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    report_every = 100
    """Steps of all accounts between two reports of progress."""

    def __init__(self, config: DQNConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random.

        Raises:
            ConfigError: the environment's actions are no choice among positions of one asset.
        """
        positions = _positions(task)
        self.config, self.device, self._generator = config, generator.device, generator
        self._shape = task.observation_size
        priorities = (config.priority_alpha, config.priority_beta) if config.prioritized else None
        self._experience = Experience(config, task, generator, False, priorities)
        self._positions = torch.tensor(positions, dtype=torch.float64, device=self.device)
        network = QNetwork(config, self._shape, len(positions)).eval()
        config.initialise(network, generator, head_gain=0.01)
        # Copied before the move: an LSTM copied on a GPU loses the one block its weights lie in.
        self._target = copy.deepcopy(network).requires_grad_(False).to(self.device)
        self.network = network.to(self.device)
        for each in (self.network, self._target):
            draw_from(each, generator)
        self._optimization = Optimization(config, self.network.parameters())
        self._level = Level(config.gamma, self.device, config.relative)

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Step all accounts, then take a few gradient steps; again and again."""

        def tell(steps: int, figures: Mapping[str, float], policy: Policy) -> bool:
            epsilon = {} if self.config.noisy else {"epsilon": self._epsilon(steps / total_steps)}
            return on_progress(steps, {**figures, **epsilon}, policy)

        live_and_learn(
            self._experience, self._act, self._update, [self.network, self._target],
            [self._optimization], ("loss",), total_steps,
            self.report_every, tell, self.policy(),
        )  # fmt: skip

    def _epsilon(self, progress: float) -> float:
        left = max(1.0 - progress / self.config.exploration_fraction, 0.0)
        return left * (1.0 - self.config.exploration_final_eps) + self.config.exploration_final_eps

    def _act(self, progress: float) -> tuple[Tensor, Tensor]:
        """Positions by noisy values, or the best but for a share epsilon that is random."""
        n, options = self.config.n_envs, {"generator": self._generator, "device": self.device}
        if self.config.noisy:
            self.network.tower.train()
            resample(self.network, self._generator)
        embedding = self._experience.look(self.network.encoder)
        values = self.network.values(embedding, self._experience.simulator.account)
        self.network.eval()
        action = self._worth(values).argmax(1)
        if not self.config.noisy:
            random = torch.randint(len(self._positions), (n,), **options)  # type: ignore[call-overload]
            explore = torch.rand(n, **options) < self._epsilon(progress)  # type: ignore[call-overload]
            action = torch.where(explore, random, action)
        return action, self._positions[action]

    def _worth(self, values: Tensor) -> Tensor:
        """[N, A], or of quantiles [N, A, Q] -> [N, A] what to choose by."""
        return tail_mean(values, self.config.risk_level) if self.config.quantiles > 1 else values

    def _update(self, progress: float) -> Tensor:
        """One gradient step; -> loss."""
        config, experience = self.config, self._experience
        sample = experience.sample(progress)
        batch, index = sample.batch, torch.arange(len(sample.batch.t), device=self.device)
        if config.noisy:
            resample(self.network, self._generator)
            resample(self._target, self._generator)
        with config.autocast(self.device):
            if config.double:
                now, later = experience.both(self.network.encoder, sample)
            else:
                now = experience.now(self.network.encoder, sample)
            value = self.network.values(now, batch.account)[index, batch.action]
            with torch.no_grad():
                embedding = experience.later(self._target.encoder, sample)
                next_target = next_online = self._target.values(embedding, batch.next_account)
                if config.double:
                    next_online = self.network.values(later, batch.next_account)
        reward = self._level.reward(batch)
        known = (reward, batch.discount, next_online, next_target, config.double)
        if config.quantiles > 1:
            target = quantile_q_target(*known, config.risk_level)
            loss = weighted_mean(quantile_loss(value, target), sample.weight)
            error = target.mean(1) - value.mean(1)
        else:
            target = double_q_target(*known)
            losses = {"huber": temporal_difference_loss, "squared": squared_loss}
            loss = losses[config.loss](value, target, sample.weight)
            error = target - value
        self._optimization.step(loss, progress)
        self._level.follow(error, sample.weight)
        experience.surprise(sample, error)
        follow(self._target, self.network, config.tau)
        return loss.detach()[None]

    def policy(self) -> NetworkPolicy:
        """The position of highest value."""
        network = self.network
        return NetworkPolicy(
            network.encoder, network.values, lambda values: self._worth(values).argmax(-1),
            self.config.network, self._shape, self.device,
        )  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """The online network's parameters."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the online network's parameters."""
        self.network.load_state_dict(weights)
        self._target.load_state_dict(weights)


def _positions(task: Task) -> tuple[float, ...]:
    """The listed positions of an environment.

    Raises:
        ConfigError: there are none; names the agents that can.
    """
    if isinstance(task.config, PortfolioConfig):
        raise ConfigError(
            "dqn chooses among listed positions of one asset, but the environment is a portfolio "
            f"of {task.market.assets}: take ddpg, td3, sac, ppo or exo_dqn, or kind = 'trading'"
        )
    positions = task.trading.discrete_positions
    if positions is None:
        raise ConfigError(
            "dqn chooses among listed positions, but the environment sets position_range = "
            f"{list(task.trading.position_range or ())}: set positions instead, or take ddpg, td3, "
            "sac or ppo"
        )
    return positions
