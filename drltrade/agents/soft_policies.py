"""The two kinds of policy of soft actor-critic: a squashed Gaussian, and a softmax over positions.

Each draws actions, and says what a state is worth to it: V(s), its values less what they cost in
entropy. Sources: Haarnoja et al. 2018, "Soft actor-critic algorithms and applications", appendix C;
Christodoulou 2019, "Soft actor-critic for discrete action settings".
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drltrade.agents.actions import WeightBox
from drltrade.agents.actor_critic import Critic, PositionCritic
from drltrade.agents.encoders import NetworkConfig
from drltrade.agents.heads import gumbel_max
from drltrade.agents.losses import soft_state_value, soft_value

LEAST_LOG_STD, MOST_LOG_STD = -20.0, 2.0


class Soft(NamedTuple):
    """What states are worth to a policy."""

    value: Tensor
    """[B] V(s)."""
    log_probability: Tensor
    """[B] of the action drawn; of positions the mean over all, minus the entropy."""


def squashed(mean: Tensor, log_std: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Draw from tanh of a Gaussian, by reparametrisation.

    Args:
        mean: [B, N].
        log_std: [B, N] log standard deviation, clamped to [-20, 2].
        normal: [B, N] standard normal.

    Returns:
        (actions in [-1, 1] [B, N], their log densities [B]).
    """
    log_std = log_std.clamp(LEAST_LOG_STD, MOST_LOG_STD)
    before = mean + log_std.exp() * normal
    density = -0.5 * normal.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    # log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2x)), which does not overflow.
    slope = 2.0 * (math.log(2.0) - before - functional.softplus(-2.0 * before))
    return torch.tanh(before), (density - slope).sum(-1)


class SquashedGaussian:
    """Weights from a range."""

    continuous = True

    def __init__(self, box: WeightBox, initial_std: float) -> None:
        """`initial_std`: where a network's output of 0 puts the standard deviation."""
        self.box, self.assets, self.outputs = box, box.assets, 2
        self._log_std = math.log(initial_std)
        self.target_entropy = -float(box.assets)
        """Nats, as in Haarnoja et al. 2018; of a range [-1, 1] per asset."""

    def critic(self, config: NetworkConfig, shape: tuple[int, int]) -> Critic:
        """Two values of an action."""
        return Critic(config, shape, self.box, 2)

    def draw(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """[n, 2 N] -> [n, N] actions."""
        return self._drawn(outputs, generator)[0]

    def _drawn(self, outputs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        pairs = outputs.reshape(*outputs.shape[:-1], self.assets, 2)
        normal = torch.randn(pairs.shape[:-1], generator=generator, device=outputs.device)
        mean, log_std = pairs.unbind(-1)
        return squashed(mean, log_std + self._log_std, normal)

    def target(self, action: Tensor) -> Tensor:
        """[n, N] actions -> [n, N] weights."""
        return self.box.weights(action)

    def greedy(self, outputs: Tensor) -> Tensor:
        """[n, 2 N] -> [n, N] the means' weights, as the environment takes them."""
        mean = outputs.reshape(*outputs.shape[:-1], self.assets, 2)[..., 0]
        return self.box.orders(self.box.weights(torch.tanh(mean)))

    def taken(self, critic: nn.Module, embedding: Tensor, account: Tensor, action: Tensor) -> Any:
        """[B, 2] values of what was done."""
        return critic.values(embedding, account, action)  # type: ignore[operator]

    def soft(
        self, outputs: Tensor, critic: nn.Module, embedding: Tensor, account: Tensor,
        temperature: Tensor, generator: torch.Generator,
    ) -> Soft:  # fmt: skip
        """What states are worth, by an action drawn for each."""
        action, log_probability = self._drawn(outputs, generator)
        values = critic.values(embedding, account, action)  # type: ignore[operator]
        return Soft(soft_value(values, log_probability, temperature), log_probability)


class Softmax:
    """A choice among listed positions of one asset."""

    continuous = False

    def __init__(self, positions: tuple[float, ...], device: torch.device) -> None:
        self.positions = torch.tensor(positions, dtype=torch.float64, device=device)
        self.assets, self.outputs = 1, len(positions)
        self.target_entropy = 0.1 * math.log(len(positions))
        """Nats."""

    def critic(self, config: NetworkConfig, shape: tuple[int, int]) -> PositionCritic:
        """Two values of every position."""
        return PositionCritic(config, shape, len(self.positions), 2)

    def draw(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """[n, A] logits -> [n] actions."""
        return gumbel_max(outputs, generator)

    def target(self, action: Tensor) -> Tensor:
        """[n] actions -> [n] weights."""
        return self.positions[action]

    def greedy(self, outputs: Tensor) -> Tensor:
        """[n, A] -> [n] the most probable."""
        return outputs.argmax(-1)

    def taken(self, critic: nn.Module, embedding: Tensor, account: Tensor, action: Tensor) -> Any:
        """[B, 2] values of what was done."""
        values = critic.values(embedding, account)  # type: ignore[operator]
        return values[torch.arange(len(action), device=action.device), :, action]

    def soft(
        self, outputs: Tensor, critic: nn.Module, embedding: Tensor, account: Tensor,
        temperature: Tensor, generator: torch.Generator,
    ) -> Soft:  # fmt: skip
        """What states are worth, over all positions."""
        log_policy = outputs.log_softmax(-1)
        values = critic.values(embedding, account).amin(1)  # type: ignore[operator]
        negative_entropy = (log_policy.exp() * log_policy).sum(-1)
        return Soft(soft_state_value(log_policy, values, temperature), negative_entropy)
