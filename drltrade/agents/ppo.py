"""Proximal policy optimisation (Schulman et al. 2017) on the batched market."""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from drltrade.agents.losses import approximate_kl, clipped_policy_loss, clipped_value_loss
from drltrade.agents.policy_gradient import PolicyGradientAgent
from drltrade.agents.returns import against_twins, normalized
from drltrade.agents.rollout import Rollout, RolloutConfig


class PPOConfig(RolloutConfig):
    """Hyperparameters of `ppo`."""

    algorithm: Literal["ppo"] = "ppo"
    n_envs: int = Field(256, ge=1, description="accounts stepped at once")
    n_steps: int = Field(64, ge=1, description="steps of each account per rollout")
    learning_rate: float = Field(2e-3, gt=0, description="at its height")
    gamma: float = Field(0.97, ge=0, lt=1, description="discount of the next step's reward")
    batch_size: int = Field(4096, ge=2, description="transitions per gradient step")
    n_epochs: int = Field(4, ge=1, description="passes over each rollout")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "linear", description="how the learning rate falls over the training"
    )
    eps: float = Field(1e-5, gt=0, description="all but sgd")
    gae_lambda: float = Field(0.9, ge=0, le=1)
    clip_range: float = Field(0.2, gt=0)
    clip_range_vf: float | None = Field(
        None, gt=0, description="how far values may move in an update; none: as far as they like"
    )
    normalize_advantage: bool = Field(True, description="to mean 0 and deviation 1, batch by batch")
    target_kl: float | None = Field(
        None, gt=0, description="end a rollout's epochs once the policy moved 1.5 times as far"
    )

    @model_validator(mode="after")
    def _a_batch_fits(self) -> "PPOConfig":
        gathered = self.n_envs * self.n_steps
        if self.batch_size > gathered:
            raise ValueError(
                f"batch_size = {self.batch_size} is larger than a rollout of n_envs * n_steps = "
                f"{gathered} transitions: lower it, or raise n_envs or n_steps"
            )
        return self


class PPO(PolicyGradientAgent[PPOConfig]):
    """See `PolicyGradientAgent`."""

    figures = ("policy_loss", "value_loss", "entropy", "kl")

    def _update(self, rollout: Rollout, progress: float) -> Tensor:
        config = self.config
        exploration = self.network.entropy_weight(progress)
        advantage = rollout.advantage(config.gamma, config.gae_lambda)
        flat = Rollout(*(field.flatten(0, 1) for field in rollout))
        target = (advantage + rollout.value).flatten()
        advantage = against_twins(advantage, config.twins, rollout.counts).flatten()
        sums, updates = torch.zeros(4, device=self.device), 0
        for _ in range(config.n_epochs):
            furthest = torch.zeros((), device=self.device)
            with config.autocast(self.device):
                for batch in self._collector.batches(rollout, config.batch_size):
                    index = batch.steps
                    if len(index) < 2:
                        continue  # a single advantage has no spread to be normalised by
                    log_probability, value, entropy = self._judged(flat, batch)
                    gain = advantage[index]
                    if config.normalize_advantage:
                        gain = normalized(gain)
                    old = flat.log_probability[index]
                    policy_loss = clipped_policy_loss(log_probability, old, gain, config.clip_range)
                    value_loss = clipped_value_loss(
                        value, flat.value[index], target[index], config.clip_range_vf
                    )
                    loss = policy_loss + config.vf_coef * value_loss - exploration * entropy
                    self._optimization.step(loss, progress)
                    with torch.no_grad():
                        kl = approximate_kl(log_probability, old)
                        sums += torch.stack((policy_loss, value_loss, entropy, kl)).detach()
                        furthest = torch.maximum(furthest, kl)
                    updates += 1
            if config.target_kl is not None and float(furthest) > 1.5 * config.target_kl:
                break
        return sums / max(updates, 1)
