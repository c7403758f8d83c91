"""A regime that is never seen: filter the returns, then trade on the belief.

    z in {-1, 1} keeps its value with probability q,  r' = mu z + e,  e ~ N(0, 1)
    reward a r' - kappa |a - p| - h |a|,  then p = a

All that the past says of z is the log odds L = log(b / (1 - b)) of the belief b = P(z = 1), which a
return moves to L + 2 mu r', and a step of the chain from b to q b + (1 - q) (1 - b); together

    tanh(L' / 2) = (2 q - 1) tanh((L + 2 mu r') / 2)

(Hamilton 1989, "A new approach to the economic analysis of nonstationary time series and the
business cycle", Econometrica 57(2)). L' grows with r', which is N(mu, 1) with probability b and
N(-mu, 1) otherwise; so the transitions between the cells of a grid over L are exact.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drltrade.market.ground_truth.positions import (
    PositionProblem,
    cells,
    proportional,
)

Floats = NDArray[np.float64]

POINTS = 601


def regime_problem(
    stay: float,
    mean: float,
    kappa: float,
    *,
    holding: float = 0.0,
    positions: Sequence[float] = (-1.0, 0.0, 1.0),
    points: int = POINTS,
) -> PositionProblem:
    """The problem above, on a grid over all values that the log odds can take.

    Args:
        stay: q, above one half.
        mean: mu, in units of the standard deviation of e.
        kappa: cost of a unit traded.
        holding: h, cost of a unit held for a step.
        positions: those to choose from.
        points: of the grid.
    """
    from scipy.special import ndtr

    most, each = np.log(stay / (1.0 - stay)), np.array(sorted(positions), np.float64)
    grid = np.linspace(-most, most, points)
    known = np.tanh(0.5 * cells(grid)) / (2.0 * stay - 1.0)
    inside = np.abs(known) < 1.0
    observed = np.where(inside, 2.0 * np.arctanh(np.where(inside, known, 0.0)), np.inf * known)
    returns = (observed - grid[:, None]) / (2.0 * mean)
    belief = belief_of(grid)[:, None]
    upto = belief * ndtr(returns - mean) + (1.0 - belief) * ndtr(returns + mean)
    gain = mean * (2.0 * belief - 1.0) * each - holding * np.abs(each)
    return PositionProblem(grid, each, np.diff(upto, axis=1), gain, proportional(each, kappa))


def belief_of(log_odds: Floats) -> Floats:
    """The probability of the regime +1."""
    belief: Floats = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
    return belief


def filter_regime(returns: Floats, stay: float, mean: float) -> Floats:
    """[T] log odds of the next step's regime after each return [T], from even odds at first."""
    log_odds = np.empty(len(returns))
    _filter()(np.ascontiguousarray(returns), 2.0 * stay - 1.0, mean, log_odds)
    return log_odds


@cache
def _filter() -> Any:
    import math

    from drltrade.market.kernel_cache import kernel

    @kernel()
    def run(returns: Any, kept: Any, mean: Any, log_odds: Any) -> None:
        odds = 0.0
        for t in range(returns.shape[0]):
            odds = 2.0 * math.atanh(kept * math.tanh(0.5 * odds + mean * returns[t]))
            log_odds[t] = odds

    return run
