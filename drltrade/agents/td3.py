"""Twin delayed DDPG: two critics, smoothed targets, an actor that learns less often.

Source: Fujimoto, van Hoof & Meger 2018, "Addressing function approximation error in actor-critic
methods" (ICML).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from drltrade.agents.actor_critic import DeterministicConfig
from drltrade.agents.ddpg import DDPG
from drltrade.agents.losses import smoothed_action
from drltrade.envs.task import Task


class TD3Config(DeterministicConfig):
    """Hyperparameters of `td3`."""

    algorithm: Literal["td3"] = "td3"
    policy_delay: int = Field(2, ge=1, description="updates of the critics to one of the actor")
    target_noise: float = Field(0.02, ge=0, description="deviation of the smoothing of targets")
    noise_clip: float = Field(0.05, ge=0, description="largest such noise")

    @property
    def policy_update(self) -> int:
        """See `OffPolicyConfig`; the actor learns with every `policy_delay`-th update."""
        return (self.actor_starts // self.policy_delay + 1) * self.policy_delay


class TD3(DDPG):
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    name = "td3"
    critics = 2
    config: TD3Config

    def __init__(self, config: TD3Config, task: Task, generator: torch.Generator) -> None:
        """As `DDPG`."""
        super().__init__(config, task, generator)

    def _smoothed(self, action: Tensor) -> Tensor:
        noise = torch.randn(action.shape, generator=self._generator, device=self.device)
        return smoothed_action(action, noise, self.config.target_noise, self.config.noise_clip)

    def _actor_is_due(self) -> bool:
        return self._updates % self.config.policy_delay == 0
