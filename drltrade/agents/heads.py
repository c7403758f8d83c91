"""From a network's outputs to actions: a choice among positions, or a position from a range."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from drltrade.envs.config import TradingConfig


class CategoricalHead(nn.Module):
    """A softmax over the listed positions."""

    def __init__(self, positions: tuple[float, ...]) -> None:
        super().__init__()
        self.outputs = len(positions)
        self.register_buffer("positions", torch.tensor(positions, dtype=torch.float64), False)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """[N, A] logits -> [N] action indices (the Gumbel-max trick)."""
        uniform = torch.rand(outputs.shape, generator=generator, device=outputs.device)
        return (outputs - torch.log(-torch.log(uniform))).argmax(-1)

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """[N] log pi(action)."""
        return outputs.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Mean entropy over the batch, nats."""
        log_p = outputs.log_softmax(-1)
        return -(log_p.exp() * log_p).sum(-1).mean()

    def target(self, action: Tensor) -> Tensor:
        """[N] actions -> [N] target weights, float64."""
        positions: Tensor = self.get_buffer("positions")
        return positions[action]

    def greedy(self, outputs: Tensor) -> Any:
        """The most probable action, as the environment takes it."""
        return int(outputs.argmax(-1))


class GaussianHead(nn.Module):
    """A normal around the network's output, clipped to the range when it is carried out."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.outputs, self.low, self.high = 1, low, high
        self.log_std = nn.Parameter(torch.full((1,), math.log((high - low) / 4.0)))

    def _mean(self, outputs: Tensor) -> Tensor:
        return 0.5 * (self.low + self.high) + outputs.squeeze(-1)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """[N, 1] -> [N] actions, before clipping."""
        mean = self._mean(outputs)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + self.log_std.exp() * noise

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """[N] log density of the action."""
        standard = (action - self._mean(outputs)) / self.log_std.exp()
        return -0.5 * standard.square() - self.log_std - 0.5 * math.log(2.0 * math.pi)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Entropy of the normal, nats."""
        return (self.log_std + 0.5 * math.log(2.0 * math.pi * math.e)).mean()

    def target(self, action: Tensor) -> Tensor:
        """[N] actions -> [N] target weights, float64."""
        return action.clamp(self.low, self.high).double()

    def greedy(self, outputs: Tensor) -> Any:
        """The mean, as the environment takes it."""
        return self._mean(outputs).clamp(self.low, self.high).reshape(1).numpy(force=True)


Head = CategoricalHead | GaussianHead


def make_head(config: TradingConfig) -> Head:
    """The head that fits the environment's actions."""
    positions = config.discrete_positions
    if positions is not None:
        return CategoricalHead(positions)
    return GaussianHead(config.lowest_position, config.highest_position)
