"""How much of a growing asset to hold, without and with proportional costs.

The price of a geometric Brownian asset is multiplied by R a step, log R ~ N((mu - sigma^2 / 2) / m,
sigma^2 / m) with m steps a year; cash earns nothing. A weight w held over a step makes equity grow
by log(1 - w + w R) (Kelly 1956, "A new interpretation of information rate"; Merton 1969). The
expectation is a Gauss-Hermite sum of 64 points.

With costs the weight w R / (1 - w + w R) that a step leaves is the state, and one may trade before
the next. Buying at a cost of c a unit takes equity from E to E (1 + c w) / (1 + c w'), selling to
E (1 - c w) / (1 - c w'); the long-run growth g solves

    g + H(w') = E log(1 - w' + w' R) + E V(w' R / (1 - w' + w' R))
    V(w) = max_w' log(E' / E) + H(w')

by policy iteration (Howard 1960) on a grid of weights. Nothing is traded inside an interval, and
outside of it up to its next end (Taksar, Klass and Assaf 1988, "A diffusion model for optimal
portfolio selection in the presence of brokerage fees"; Davis and Norman 1990).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drltrade.errors import ConfigError

Floats = NDArray[np.float64]

NODES, POINTS, ROUNDS = 64, 1601, 200


@dataclass(frozen=True)
class Asset:
    """A geometric Brownian asset."""

    mu: float
    """Expected simple return, a year."""
    sigma: float
    """Volatility, a year."""
    periods_per_year: float = 252.0

    @cached_property
    def factors(self) -> tuple[Floats, Floats]:
        """([64] values of R, [64] their probabilities)."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        mean = (self.mu - 0.5 * self.sigma**2) / self.periods_per_year
        scale = self.sigma / np.sqrt(self.periods_per_year)
        return np.exp(mean + scale * nodes), weights / weights.sum()

    def growth(self, weight: Floats | float) -> Floats:
        """Expected log growth of a step in which `weight` (any shape) is held, costs left out.

        Minus infinity where equity may be lost.
        """
        values, chances = self.factors
        equity = 1.0 + np.multiply.outer(np.asarray(weight, np.float64), values - 1.0)
        safe = equity > 0.0
        logs = np.where(safe, np.log(np.where(safe, equity, 1.0)), -np.inf)
        growth: Floats = logs @ chances
        return growth


@dataclass(frozen=True)
class KellyOptimum:
    """The weight to hold always."""

    asset: Asset
    value: float
    """Growth a year."""
    weight: float

    def evaluate(self, weight: float) -> float:
        """Growth a year of another constant weight."""
        return float(self.asset.growth(weight)) * self.asset.periods_per_year


def solve_kelly(
    mu: float, sigma: float, periods_per_year: float = 252.0, low: float = 0.0, high: float = 4.0
) -> KellyOptimum:
    """The weight between `low` and `high` that grows fastest, where trading is free."""
    from scipy.optimize import minimize_scalar

    asset = Asset(mu, sigma, periods_per_year)
    found = minimize_scalar(
        lambda weight: -float(asset.growth(weight)),
        bounds=(low, high), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    candidates = np.array([low, float(found.x), high])
    growth = asset.growth(candidates)
    best = int(growth.argmax())
    return KellyOptimum(asset, float(growth[best]) * periods_per_year, float(candidates[best]))


@dataclass(frozen=True)
class KellyCostOptimum:
    """The interval of weights in which nothing is traded."""

    problem: "GrowthProblem"
    value: float
    """Growth a year."""
    low: float
    high: float


@dataclass(frozen=True)
class GrowthProblem:
    """An asset that costs something to trade; weights from 0 to 1."""

    asset: Asset
    buying: float
    """Cost of a unit of value bought, as a fraction."""
    selling: float
    points: int = POINTS

    @cached_property
    def grid(self) -> Floats:
        """[n] weights."""
        return np.linspace(0.0, 1.0, self.points)

    @cached_property
    def _tolls(self) -> tuple[Floats, Floats]:
        """log(E' / E) = toll(w) - toll(w'), for those who buy and those who sell."""
        return np.log1p(self.buying * self.grid), np.log1p(-self.selling * self.grid)

    @cached_property
    def drift(self) -> Any:
        """[n, n] sparse: where a step leaves a weight, between the two nearest points."""
        from scipy.sparse import csr_array

        (values, chances), grid, n = self.asset.factors, self.grid, self.points
        grown = grid[:, None] * values
        left = grown / (1.0 - grid[:, None] + grown) * (n - 1)
        below = np.minimum(left.astype(np.int64), n - 2)
        share = left - below
        rows = np.repeat(np.arange(n), 2 * len(values))
        columns = np.stack((below, below + 1), 2).reshape(-1)
        mass = np.stack(((1.0 - share) * chances, share * chances), 2).reshape(-1)
        return csr_array((mass, (rows, columns)), shape=(n, n))

    def worth(self, before: Floats | float, after: Floats | float) -> Floats:
        """log(E' / E) of trading from one weight to another."""
        bought, before = np.greater(after, before), np.asarray(before, np.float64)
        rate = np.where(bought, self.buying, -self.selling)
        paid: Floats = np.log1p(rate * before) - np.log1p(rate * after)
        return paid

    def solve(self, low: float = 0.0, high: float = 1.0) -> KellyCostOptimum:
        """The optimum among targets from `low` to `high`."""
        first, last = np.searchsorted(self.grid, [low - 1e-12, high + 1e-12])
        growth = self.asset.growth(self.grid)
        start = first + int(growth[first:last].argmax())
        policy = np.full(self.points, start)
        for _ in range(ROUNDS):
            gain, held = self._evaluated(policy, growth)
            better = self._improved(held, int(first), int(last))
            if (better == policy).all():
                break
            policy = better
        else:
            raise ConfigError(f"no optimal growth found in {ROUNDS} rounds of policy iteration")
        value = gain * self.asset.periods_per_year
        return KellyCostOptimum(
            self, value, float(self.grid[policy.min()]), float(self.grid[policy.max()])
        )

    def evaluate(self, low: float, high: float) -> float:
        """Growth a year of not trading between two weights (rounded to the grid)."""
        ends = np.rint(np.array([low, high]) * (self.points - 1)).astype(np.int64)
        policy = np.arange(self.points).clip(*ends)
        gain, _ = self._evaluated(policy, self.asset.growth(self.grid))
        return gain * self.asset.periods_per_year

    def _evaluated(self, policy: NDArray[np.int64], growth: Floats) -> tuple[float, Floats]:
        """(growth a step, H [n]) of going from each weight to that of index policy [n]."""
        paid = self.worth(self.grid, self.grid[policy])
        targets, which = np.unique(policy, return_inverse=True)
        rows = self.drift[targets]
        # Unknown are H at the targets but the first, where it is 0, and the growth in its stead.
        onto = np.zeros((len(targets), len(targets)))
        entries = rows.tocoo()
        np.add.at(onto, (entries.row, which[entries.col]), entries.data)
        system = np.eye(len(targets)) - onto
        system[:, 0] = 1.0
        solved = np.linalg.solve(system, growth[targets] + rows @ paid)
        gain = float(solved[0])
        solved[0] = 0.0
        return gain, growth - gain + self.drift @ (paid + solved[which])

    def _improved(self, held: Floats, first: int, last: int) -> NDArray[np.int64]:
        """[n] the best target, of those from `first` to before `last`; staying wins a tie."""
        n, (bought, sold) = self.points, self._tolls
        allowed = np.full(n, -np.inf)
        allowed[first:last] = held[first:last]
        # The best of all higher targets, and of all lower ones.
        up, up_at = _running_best((allowed - bought)[::-1])
        up, up_at = up[::-1] + bought, n - 1 - up_at[::-1]
        down, down_at = _running_best(allowed - sold)
        down = down + sold
        best = np.where(up > down, up_at, down_at)
        stays = allowed >= np.maximum(up, down) - 1e-15
        return np.where(stays, np.arange(n), best)


def _running_best(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """(greatest value so far, where it was first found), [n] each."""
    best = np.maximum.accumulate(values)
    found = np.concatenate(([True], values[1:] > best[:-1]))
    return best, np.maximum.accumulate(np.where(found, np.arange(len(values)), 0))


def solve_kelly_cost(
    mu: float,
    sigma: float,
    buying: float,
    selling: float | None = None,
    *,
    periods_per_year: float = 252.0,
    low: float = 0.0,
    high: float = 1.0,
    points: int = POINTS,
) -> KellyCostOptimum:
    """The interval of no trade and its growth.

    Args:
        mu: expected simple return, a year.
        sigma: volatility, a year.
        buying: cost of a unit of value bought, as a fraction.
        selling: the same of a unit sold; default: as much.
        periods_per_year: steps a year.
        low, high: bounds of the weights that can be asked for, within 0 and 1.
        points: of the grid of weights.
    """
    costs = buying, buying if selling is None else selling
    problem = GrowthProblem(Asset(mu, sigma, periods_per_year), *costs, points)
    return problem.solve(low, high)
