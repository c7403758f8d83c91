"""The round that all policy-gradient agents go: play, learn from what was played, report."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from drltrade.agents.agent import OnProgress
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.rollout import Batch, Collector, Rollout, RolloutConfig, make_network
from drltrade.envs.task import Task

Config = TypeVar("Config", bound=RolloutConfig)


class Judged(NamedTuple):
    """What the network says of a batch of B steps, float32."""

    log_probability: Tensor
    """[B] of the actions that were taken."""
    value: Tensor
    """[B]"""
    entropy: Tensor
    """[]"""


class PolicyGradientAgent(ABC, Generic[Config]):
    """Learns on `task`'s train period; see `agents.agent.Agent`. `_update` is the algorithm."""

    report_every: ClassVar[int] = 1
    """Rollouts between two reports of progress."""
    figures: ClassVar[tuple[str, ...]]
    """What `_update` returns."""

    def __init__(self, config: Config, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random."""
        self.config, self.device, self._task = config, generator.device, task
        self.network = make_network(config, task, generator)
        self._collector = Collector(config, task, self.network, generator)
        self._optimization = Optimization(config, self.network.parameters())
        self._steps = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Alternate rollouts and updates."""
        policy, since = self.policy(), 0
        sums = torch.zeros(1 + len(self.figures), device=self.device)
        while self._steps < total_steps:
            rollout, reward = self._collector.collect()
            found = self._update(rollout, self._steps / total_steps)
            sums += torch.cat((reward.float().reshape(1), found))
            self._steps += rollout.t.numel()
            since += 1
            if since == self.report_every or self._steps >= total_steps:
                self._optimization.check()
                names = ("reward", *self.figures)
                figures = dict(zip(names, (sums / since).tolist(), strict=True))
                if not on_progress(self._steps, figures, policy):
                    break
                sums, since = torch.zeros_like(sums), 0

    @abstractmethod
    def _update(self, rollout: Rollout, progress: float) -> Tensor:
        """Learn from a rollout; -> one number for each of `figures`."""

    def _judged(self, flat: Rollout, batch: Batch) -> Judged:
        """What the network says of some steps of a flattened rollout."""
        network = self.network
        groups = len(batch.embedding)
        account = flat.account[batch.steps]
        account = account.view(groups, len(account) // max(groups, 1), account.shape[-1])
        outputs, value = network(batch.embedding.unsqueeze(1), account)
        outputs, value = outputs.float().flatten(0, 1), value.float().flatten(0, 1)
        log_probability = network.head.log_probability(outputs, flat.action[batch.steps])
        return Judged(log_probability, value, network.head.entropy(outputs))

    def policy(self) -> NetworkPolicy:
        """The most probable action (continuous: the mean)."""
        return self._collector.policy(self._task)

    def weights(self) -> dict[str, Tensor]:
        """The network's parameters."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the network's parameters."""
        self.network.load_state_dict(weights)
