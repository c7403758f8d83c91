"""From a network's outputs to actions: a choice among positions, or weights from a density.

A head is a distribution over actions, given by `outputs` numbers per asset:
    sample(outputs [..., N outputs], generator) -> actions [...] or [..., N]
    log_probability(outputs, action) -> [...] log of the action's probability or density
    entropy(outputs) -> [] mean over the batch, nats (softmax: of the normal underneath)
    target(action) -> target weights [...] or [..., N], float64
    greedy(outputs) -> the action to take, as the environment means it: [n] or [n, N]
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError

WeightsHead = Literal["gaussian", "softmax", "dirichlet"]


def gumbel_max(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw from a softmax [..., A] -> [...], without cumulative sums and without the host."""
    uniform = torch.rand(logits.shape, generator=generator, device=logits.device)
    return (logits - torch.log(-torch.log(uniform))).argmax(-1)


class CategoricalHead(nn.Module):
    """A softmax over the listed positions."""

    positions: Tensor

    def __init__(self, positions: tuple[float, ...]) -> None:
        super().__init__()
        self.outputs = len(positions)
        self.register_buffer("positions", torch.tensor(positions, dtype=torch.float64), False)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """See the head of this file."""
        return gumbel_max(outputs, generator)

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """See the head of this file."""
        return outputs.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """See the head of this file."""
        log_p = outputs.log_softmax(-1)
        return -(log_p.exp() * log_p).sum(-1).mean()

    def target(self, action: Tensor) -> Tensor:
        """See the head of this file."""
        return self.positions[action]

    def greedy(self, outputs: Tensor) -> Tensor:
        """The most probable position."""
        return outputs.argmax(-1)


class GaussianHead(nn.Module):
    """A normal around the network's output for each asset, held within bounds when carried out."""

    def __init__(self, low: float, high: float, gross: float, assets: int = 1) -> None:
        """`low`, `high`: of each weight; `gross`: of the sum of absolute weights."""
        super().__init__()
        self.outputs, self.low, self.high, self.gross = 1, low, high, gross
        # A weight's share of what several assets may hold together.
        self._unit = 0.5 * (high - low) / assets
        self._middle = 0.5 * (low + high) if assets == 1 else max(low, 0.0)
        self.log_std = nn.Parameter(torch.full((1,), math.log(0.1 * self._unit)))

    def mean(self, outputs: Tensor) -> Tensor:
        """[..., N] -> [..., N] weights, before they are held within bounds."""
        return self._middle + self._unit * outputs

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Before clipping."""
        noise = torch.randn(outputs.shape, generator=generator, device=outputs.device)
        return self.mean(outputs) + self.log_std.exp() * noise

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """See the head of this file."""
        standard = (action - self.mean(outputs)) / self.log_std.exp()
        each = -0.5 * standard.square() - self.log_std - 0.5 * math.log(2.0 * math.pi)
        return each.sum(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """See the head of this file."""
        return outputs.shape[-1] * (self.log_std + 0.5 * math.log(2.0 * math.pi * math.e)).mean()

    def target(self, action: Tensor) -> Tensor:
        """See the head of this file."""
        return within(action.double(), self.low, self.high, self.gross)

    def greedy(self, outputs: Tensor) -> Tensor:
        """The mean."""
        return within(self.mean(outputs), self.low, self.high, self.gross).float()


class SoftmaxGaussianHead(nn.Module):
    """Normals around logits; the softmax of these and of cash's, which is 0, are the weights.

    The logistic-normal distribution (Aitchison & Shen 1980); actions are the logits.
    """

    def __init__(self, gross: float) -> None:
        """`gross`: the sum of all weights, cash's too."""
        super().__init__()
        self.outputs, self.gross = 1, gross
        self.log_std = nn.Parameter(torch.full((1,), math.log(0.5)))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """See the head of this file."""
        noise = torch.randn(outputs.shape, generator=generator, device=outputs.device)
        return outputs + self.log_std.exp() * noise

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """See the head of this file; of the logits."""
        standard = (action - outputs) / self.log_std.exp()
        each = -0.5 * standard.square() - self.log_std - 0.5 * math.log(2.0 * math.pi)
        return each.sum(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """See the head of this file."""
        return outputs.shape[-1] * (self.log_std + 0.5 * math.log(2.0 * math.pi * math.e)).mean()

    def target(self, action: Tensor) -> Tensor:
        """See the head of this file."""
        return self.gross * _with_cash(action).double().softmax(-1)[..., :-1]

    def greedy(self, outputs: Tensor) -> Tensor:
        """The weights of the mean logits."""
        return self.target(outputs).float()


class DirichletHead(nn.Module):
    """A Dirichlet over the weights of the assets and of cash; actions are the assets' weights."""

    def __init__(self, gross: float) -> None:
        """`gross`: the sum of all weights, cash's too."""
        super().__init__()
        self.outputs, self.gross = 1, gross

    def _concentration(self, outputs: Tensor) -> Tensor:
        # At least one each: a density without poles.
        return 1.0 + functional.softplus(_with_cash(outputs))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Normalised gamma variates."""
        gamma = torch._standard_gamma(self._concentration(outputs), generator)
        return (gamma / gamma.sum(-1, keepdim=True))[..., :-1]

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """See the head of this file."""
        alpha = self._concentration(outputs)
        cash = 1.0 - action.sum(-1, keepdim=True)
        shares = torch.cat([action, cash], -1).clamp_min(1e-6)
        density = ((alpha - 1.0) * shares.log()).sum(-1)
        return density + torch.lgamma(alpha.sum(-1)) - torch.lgamma(alpha).sum(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """See the head of this file."""
        alpha = self._concentration(outputs)
        total, count = alpha.sum(-1), alpha.shape[-1]
        log_beta = torch.lgamma(alpha).sum(-1) - torch.lgamma(total)
        spread = (total - count) * torch.digamma(total)
        return (log_beta + spread - ((alpha - 1.0) * torch.digamma(alpha)).sum(-1)).mean()

    def target(self, action: Tensor) -> Tensor:
        """See the head of this file."""
        return self.gross * action.double()

    def greedy(self, outputs: Tensor) -> Tensor:
        """The mean."""
        alpha = self._concentration(outputs)
        return self.gross * (alpha / alpha.sum(-1, keepdim=True))[..., :-1]


Head = CategoricalHead | GaussianHead | SoftmaxGaussianHead | DirichletHead


def within(weights: Tensor, low: float, high: float, gross: float) -> Tensor:
    """Weights [..., N] within [low, high], scaled down to the gross limit where they exceed it."""
    weights = weights.clamp(low, high)
    if weights.shape[-1] == 1:
        return weights
    size = weights.abs().sum(-1, keepdim=True)
    return weights * torch.where(size > gross, gross / size, 1.0)


def _with_cash(logits: Tensor) -> Tensor:
    """[..., N] -> [..., N + 1]."""
    return functional.pad(logits, (0, 1))


def make_head(task: Task, weights: WeightsHead = "gaussian") -> Head:
    """The head that fits the environment's actions.

    Args:
        task: whose actions they are.
        weights: the distribution of a portfolio's weights.

    Raises:
        ConfigError: it does not fit them.
    """
    config, assets = task.config, task.market.assets
    if isinstance(config, PortfolioConfig):
        gross = config.gross_limit
        if weights == "gaussian":
            return GaussianHead(0.0 if config.long_only else -gross, gross, gross, assets)
        if not config.long_only:
            raise ConfigError(
                f"weights_head = {weights!r} is a distribution over long positions and cash, but "
                'the environment sells short: set long_only, or weights_head = "gaussian"'
            )
        return SoftmaxGaussianHead(gross) if weights == "softmax" else DirichletHead(gross)
    if weights != "gaussian":
        raise ConfigError(
            f"weights_head = {weights!r} is for the weights of a portfolio, and the environment "
            "trades one asset: leave it out"
        )
    trading = task.trading
    if trading.discrete_positions is not None:
        return CategoricalHead(trading.discrete_positions)
    low, high = trading.lowest_position, trading.highest_position
    return GaussianHead(low, high, max(abs(low), abs(high)))
