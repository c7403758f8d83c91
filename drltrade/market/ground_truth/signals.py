"""One signal, proportional costs, a few positions: when to trade and when to wait.

    x' = rho x + sqrt(1 - rho^2) eps,  r' = ic x + sqrt(1 - ic^2) e,  eps, e ~ N(0, 1)
    reward a r' - kappa |a - p| - h |a|,  then p = a

The noise e has no influence on what is best, so the reward is a ic x - kappa |a - p| - h |a|. The
signal lives on a grid, whose transitions are the exact probabilities of its cells (Tauchen 1986,
"Finite state Markov-chain approximations to univariate and vector autoregressions", Economics
Letters 20). For the no-trade band see Martin and Schoeneborn 2011, "Mean reversion pays, but
costs", and de Lataillade, Deremble, Potters and Bouchaud 2012, "Optimal trading with linear costs".
"""

from collections.abc import Sequence

import numpy as np

from drltrade.market.ground_truth.positions import (
    PositionProblem,
    cells,
    proportional,
)

POINTS, REACH = 801, 6.0
"""Of the grid, which spans so many standard deviations to either side."""


def ar1_problem(
    rho: float,
    ic: float,
    kappa: float,
    *,
    holding: float = 0.0,
    positions: Sequence[float] = (-1.0, 0.0, 1.0),
    points: int = POINTS,
) -> PositionProblem:
    """The problem above; returns are in units of their standard deviation.

    Args:
        rho: autocorrelation of the signal.
        ic: correlation of signal and next return.
        kappa: cost of a unit traded.
        holding: h, cost of a unit held for a step.
        positions: those to choose from.
        points: of the grid.
    """
    from scipy.special import ndtr

    grid, each = np.linspace(-REACH, REACH, points), np.array(sorted(positions), np.float64)
    edges = (cells(grid) - rho * grid[:, None]) / np.sqrt(1.0 - rho**2)
    transition = np.diff(ndtr(edges), axis=1)
    gain = ic * grid[:, None] * each - holding * np.abs(each)
    return PositionProblem(grid, each, transition, gain, proportional(each, kappa))
