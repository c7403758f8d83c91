"""Regression, dependence and memory of a series."""

import numpy as np

from drltrade.features import rolling
from drltrade.features.arrays import Floats
from drltrade.features.memory import Memory


def linear_regression(
    x: Floats, n: int, memory: Memory | None = None
) -> tuple[Floats, Floats]:  # fmt: skip
    """(slope a bar, value at the newest bar) of the line through x[t-n+1..t]. First at n - 1.

    As ta_LINEARREG_SLOPE.c and ta_LINEARREG.c.
    """
    memory = memory or Memory()
    place = (n - 1) / 2.0 - np.arange(n)
    slope = rolling.weighted(x, place / (place @ place), memory)
    return slope, rolling.sma(x, n, memory) + slope * (n - 1) / 2.0


def correlation(x: Floats, y: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Correlation over the last n; 0 where one is constant (ta_CORREL.c). First at n - 1."""
    of_x, of_y, both = rolling.covariance(x, y, n, memory)
    return rolling.ratio(both, np.sqrt(of_x * of_y), 0.0)


def beta(x: Floats, market: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Slope of x on `market` over the last n; 0 where that is constant. First at n - 1."""
    _, of_market, both = rolling.covariance(x, market, n, memory)
    return rolling.ratio(both, of_market, 0.0)


def autocorrelation(
    x: Floats, n: int, lag: int = 1, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """Correlation of x with itself `lag` bars before, over n pairs. First at n + lag - 1."""
    memory = memory or Memory()
    return correlation(x, rolling.lag(x, lag, memory), n, memory)


def variance_ratio(x: Floats, n: int, q: int, memory: Memory | None = None) -> Floats:
    """Var(x[t] - x[t-q]) / (q Var(x[t] - x[t-1])) over n steps: below 1 it reverts. First at n.

    Lo and MacKinlay 1988, Review of Financial Studies 1(1), equations 12: without bias for either
    variance, about the mean step. 1 where nothing has moved.
    """
    memory = memory or Memory()
    step = rolling.change(x, n, memory) / n
    once = rolling.std(rolling.change(x, 1, memory), n, 1, memory) ** 2
    longer, count = rolling.change(x, q, memory), n - q + 1
    about_mean = rolling.sma(longer, count, memory) - q * step
    squares = rolling.std(longer, count, 0, memory) ** 2 + about_mean**2
    often = squares * count / (q * count * (1.0 - q / n))
    return rolling.ratio(often, once, 1.0)


def fractional_weights(d: float, n: int) -> Floats:
    """[n] coefficients of (1 - L)^d: 1, -d, d (d - 1) / 2 ... (Hosking 1981, Biometrika 68(1))."""
    k = np.arange(1.0, n)
    return np.concatenate([[1.0], np.cumprod((k - 1.0 - d) / k)])


def fractional_difference(x: Floats, d: float, n: int, memory: Memory | None = None) -> Floats:
    """(1 - L)^d x with the first n coefficients: between x (d = 0) and its change (d = 1).

    Lopez de Prado, Advances in Financial Machine Learning, 2018, section 5.5: a window of fixed
    width. First at n - 1.
    """
    return rolling.weighted(x, fractional_weights(d, n), memory)
