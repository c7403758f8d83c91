"""REINFORCE (Williams 1992, "Simple statistical gradient-following algorithms") on whole episodes.

Returns are those that an episode really paid, from each action to its end; no value is asked for
what follows, unless as a baseline, which leaves the gradient's expectation as it is.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from drltrade.agents.losses import policy_gradient_loss
from drltrade.agents.policy_gradient import PolicyGradientAgent
from drltrade.agents.returns import against_twins, discounted_return
from drltrade.agents.rollout import Rollout, RolloutConfig


class ReinforceConfig(RolloutConfig):
    """Hyperparameters of `reinforce`."""

    algorithm: Literal["reinforce"] = "reinforce"
    baseline: Literal["none", "learned"] = Field(
        "learned", description="what is taken off a return: nothing, or the state's learned value"
    )
    n_envs: int = Field(256, ge=1, description="episodes played at once")
    n_steps: int = Field(64, ge=1, description="steps of an episode that returns are summed over")
    learning_rate: float = Field(3e-3, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "linear", description="how the learning rate falls over the training"
    )
    gamma: float = Field(0.93, ge=0, lt=1, description="discount of the next step's reward")


class Reinforce(PolicyGradientAgent[ReinforceConfig]):
    """See `PolicyGradientAgent`."""

    report_every = 20
    figures = ("policy_loss", "value_loss", "entropy")

    def _update(self, rollout: Rollout, progress: float) -> Tensor:
        """One gradient step; -> policy loss, value loss, entropy."""
        config = self.config
        exploration = self.network.entropy_weight(progress)
        returns = discounted_return(rollout.reward, rollout.done, config.gamma) * rollout.counts
        flat = Rollout(*(field.flatten(0, 1) for field in rollout))
        with config.autocast(self.device):
            batch = next(self._collector.batches(rollout, rollout.t.numel()))
            log_probability, value, entropy = self._judged(flat, batch)
        learned = config.baseline == "learned"
        gain = returns - rollout.value if learned else returns
        gain = against_twins(gain, config.twins, rollout.counts)
        earned, gain = returns.flatten()[batch.steps], gain.flatten()[batch.steps]
        gain = gain / (gain.std() + 1e-8)  # a scale alone: the gradient's direction is the paper's
        policy_loss = policy_gradient_loss(log_probability, gain)
        value_loss = (value - earned).square().mean()
        loss = policy_loss - exploration * entropy
        if learned:
            loss = loss + config.vf_coef * value_loss
        self._optimization.step(loss, progress)
        return torch.stack((policy_loss, value_loss, entropy)).detach()
