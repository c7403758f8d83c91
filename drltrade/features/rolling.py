"""What indicators are made of: windows and recursions over float64 arrays [T], oldest bar first.

Each returns an array of the same length, NaN during its warm-up, and is exactly causal: the value
at t is bit for bit the same whatever comes after t. A window depends on nothing before it either.
Bars may come in parts, if the same `memory` is handed in with each (see `memory`).

NaN in, NaN out: a window has no value while one of its values is missing; a recursion has none at
that bar, and goes on after it.
"""

import numpy as np

from drltrade.features import kernels
from drltrade.features.arrays import Floats
from drltrade.features.memory import Memory


def lag(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """x[t - n]. First at n."""
    return (memory or Memory()).before(x, n)[: len(x)]


def change(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """x[t] - x[t - n]. First at n."""
    return x - lag(x, n, memory)


def sma(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Simple moving average: mean(x[t-n+1..t]). First at n - 1."""
    mean: Floats = x + _moments(x, n, 1, memory)[0]
    return mean


def window_sum(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """sum(x[t-n+1..t]). First at n - 1."""
    return weighted(x, np.ones(n), memory)


def weighted(x: Floats, weights: Floats, memory: Memory | None = None) -> Floats:
    """sum over lags of weights[lag] x[t - lag]. First at len(weights) - 1."""
    return kernels.weighted_sums(_window(x, len(weights), memory), weights)


def std(x: Floats, n: int, ddof: int = 0, memory: Memory | None = None) -> Floats:
    """Standard deviation of x[t-n+1..t], exactly 0 where the window is constant. First at n - 1."""
    deviation: Floats = np.sqrt(_moments(x, n, 2, memory)[1] / (n - ddof))
    return deviation


def zscore(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """(x[t] - mean) / std over x[t-n+1..t], population std; 0 where std is 0. First at n - 1."""
    offset, squares = _moments(x, n, 2, memory)
    return ratio(-offset, np.sqrt(squares / n), 0.0)


def skewness(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """m3 / m2^1.5 of x[t-n+1..t], population moments; 0 where m2 is 0. First at n - 1."""
    _, squares, cubes, _ = _moments(x, n, 4, memory)
    return ratio(cubes / n, (squares / n) ** 1.5, 0.0)


def excess_kurtosis(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """m4 / m2^2 - 3 of x[t-n+1..t], population moments; 0 where m2 is 0. First at n - 1."""
    _, squares, _, fourths = _moments(x, n, 4, memory)
    return ratio(fourths / n, (squares / n) ** 2, 3.0) - 3.0


def mean_absolute_deviation(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """mean(|x - their mean|) over x[t-n+1..t]. First at n - 1."""
    values = _window(x, n, memory)
    return kernels.absolute_deviations(values, n, kernels.moments(values, n, 1)[0]) / n


def covariance(
    x: Floats, y: Floats, n: int, memory: Memory | None = None
) -> tuple[Floats, Floats, Floats]:
    """(variance of x, variance of y, covariance) over the last n, divided by n. First at n - 1."""
    memory = memory or Memory()
    xs, ys = _window(x, n, memory), _window(y, n, memory)
    (mean_x, of_x), (mean_y, of_y) = kernels.moments(xs, n, 2), kernels.moments(ys, n, 2)
    return of_x / n, of_y / n, kernels.products(xs, ys, n, mean_x, mean_y) / n


def highest(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """max(x[t-n+1..t]). First at n - 1."""
    return kernels.highest(_window(x, n, memory), n)[0]


def lowest(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """min(x[t-n+1..t]). First at n - 1."""
    return -highest(-x, n, memory)


NO_RANGE = 1e-10
"""Of a value: what differs by less is the same but for rounding."""


def neutral_when_still(
    x: Floats, high: Floats, low: Floats, n: int, otherwise: float, memory: Memory | None = None
) -> Floats:
    """x, and `otherwise` where high and low have not moved for n bars.

    A recursion forgets its last move bit by bit, and never wholly; the ratio of two that forget at
    different rates has no bound, and of two that forget alike stays where it was.
    """
    memory = memory or Memory()
    top, bottom = highest(high, n, memory), lowest(low, n, memory)
    still = (top == bottom) & ~np.isnan(x)
    return np.where(still, otherwise, x)


def bars_since_highest(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """How long ago the (latest) largest of x[t-n+1..t] was. First at n - 1."""
    return kernels.highest(_window(x, n, memory), n)[1]


def rank(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """The share of x[t-n+1..t-1] that is below x[t], equal ones by a half. First at n - 1."""
    return kernels.ranks(_window(x, n, memory), n)


def ema(x: Floats, n: int, memory: Memory | None = None, skipped: int = 0) -> Floats:
    """Exponential moving average: e[t] = e[t-1] + 2/(n+1) (x[t] - e[t-1]).

    As in TA-Lib (ta_EMA.c) the first value is the mean of the first n after `skipped` ones.
    """
    state = (memory or Memory()).state(2)
    return kernels.smooth(np.array(x, np.float64), 2.0 / (n + 1), n, skipped, state)


def wilder(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Wilder's average: w[t] = w[t-1] + (x[t] - w[t-1]) / n, from the mean of the first n on.

    Wilder, New Concepts in Technical Trading Systems, 1978.
    """
    state = (memory or Memory()).state(2)
    return kernels.smooth(np.array(x, np.float64), 1.0 / n, n, 0, state)


def cumulative(x: Floats, memory: Memory | None = None) -> Floats:
    """The sum of all values so far."""
    return kernels.cumulative(np.array(x, np.float64), (memory or Memory()).state(1))


def ratio(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    """numerator / denominator, and `otherwise` where that is 0; NaN where one of them is."""
    missing = np.isnan(numerator) | np.isnan(denominator)
    result = np.where(missing, np.nan, otherwise)
    return np.divide(numerator, denominator, out=result, where=~missing & (denominator != 0.0))


def _window(x: Floats, n: int, memory: Memory | None) -> Floats:
    return (memory or Memory()).before(x, n - 1)


def _moments(x: Floats, n: int, powers: int, memory: Memory | None) -> Floats:
    return kernels.moments(_window(x, n, memory), n, powers)
