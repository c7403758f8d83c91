"""Advantage actor-critic, synchronous, on the batched market.

One gradient step per short rollout of many accounts. Source: Mnih et al. 2016, "Asynchronous
methods for deep reinforcement learning", section 4, whose workers here step together.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from drltrade.agents.losses import policy_gradient_loss
from drltrade.agents.policy_gradient import PolicyGradientAgent
from drltrade.agents.returns import against_twins, normalized
from drltrade.agents.rollout import Rollout, RolloutConfig


class A2CConfig(RolloutConfig):
    """Hyperparameters of `a2c`."""

    algorithm: Literal["a2c"] = "a2c"
    n_envs: int = Field(256, ge=1, description="accounts stepped at once")
    n_steps: int = Field(16, ge=1, description="steps of each account per gradient step")
    learning_rate: float = Field(1e-3, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "linear", description="how the learning rate falls over the training"
    )
    gamma: float = Field(0.95, ge=0, lt=1, description="discount of the next step's reward")
    gae_lambda: float = Field(0.9, ge=0, le=1, description="1: n-step returns, as in the paper")
    normalize_advantage: bool = Field(True, description="to mean 0 and deviation 1")


class A2C(PolicyGradientAgent[A2CConfig]):
    """See `PolicyGradientAgent`."""

    report_every = 20
    figures = ("policy_loss", "value_loss", "entropy")

    def _update(self, rollout: Rollout, progress: float) -> Tensor:
        """One gradient step; -> policy loss, value loss, entropy."""
        config = self.config
        exploration = self.network.entropy_weight(progress)
        advantage = rollout.advantage(config.gamma, config.gae_lambda)
        flat = Rollout(*(field.flatten(0, 1) for field in rollout))
        with config.autocast(self.device):
            batch = next(self._collector.batches(rollout, rollout.t.numel()))
            log_probability, value, entropy = self._judged(flat, batch)
        target = (advantage + rollout.value).flatten()[batch.steps]
        gain = against_twins(advantage, config.twins, rollout.counts).flatten()[batch.steps]
        if config.normalize_advantage:
            gain = normalized(gain)
        policy_loss = policy_gradient_loss(log_probability, gain)
        value_loss = (value - target).square().mean()
        loss = policy_loss + config.vf_coef * value_loss - exploration * entropy
        self._optimization.step(loss, progress)
        return torch.stack((policy_loss, value_loss, entropy)).detach()
