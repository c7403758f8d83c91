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

from drltrade.agents.actions import WeightBox, weight_box
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError

WeightsHead = Literal["gaussian", "softmax", "dirichlet"]

FIRST_DEVIATION = 0.2
"""Of an untrained normal, in units of half the range of a weight."""

HELD = 0.9
"""Share of the distance between the weight held and the middle of its range that an untrained
normal keeps. With 1, an error of an early actor would add up from bar to bar until the weight lies
at a bound, where nothing is learned."""


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
    """A normal around the network's output for each asset, held within bounds when carried out.

    What the network says is added to most of the weight held: it is a trade. An actor that knows
    nothing yet nearly holds, which costs nearly nothing; to learn a no-trade region it need not
    first learn to say the weight held (Davis & Norman 1990, "Portfolio selection with transaction
    costs").
    """

    def __init__(self, box: WeightBox) -> None:
        """`box`: the weights that the environment takes."""
        super().__init__()
        self.outputs, self.box = 1, box
        # A weight's share of what several assets may hold together.
        self._unit = box.half / box.assets
        self._middle = box.middle if box.assets == 1 else max(box.low, 0.0)
        self.log_std = nn.Parameter(torch.full((1,), math.log(FIRST_DEVIATION * self._unit)))

    def trading(self, outputs: Tensor, account: Tensor) -> Tensor:
        """[..., N], [..., 3 N + 1] the account -> [..., N] outputs beside the weights held."""
        weights = account[..., : self.box.assets].clamp(self.box.low, self.box.high)
        return outputs + HELD * (weights - self._middle) / self._unit

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
        return self.box.within(action.double())

    def greedy(self, outputs: Tensor) -> Tensor:
        """The mean."""
        return self.box.orders(self.box.within(self.mean(outputs)))


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
    config = task.config
    if isinstance(config, PortfolioConfig):
        if weights == "gaussian":
            return GaussianHead(weight_box(task))
        gross = config.gross_limit
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
    positions = task.trading.discrete_positions
    return GaussianHead(weight_box(task)) if positions is None else CategoricalHead(positions)
