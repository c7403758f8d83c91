"""Technical indicators over float64 arrays [T], oldest bar first.

Each returns arrays of the same length, NaN during its warm-up, and is exactly causal: the value at
t is bit for bit the same whatever comes after t. Windowed indicators sum over their window in a
fixed order, so they depend on nothing before it either. Seeds and smoothing are TA-Lib's
(https://github.com/TA-Lib/ta-lib, src/ta_func), which the tests compare against.
"""

from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def sma(x: Floats, n: int) -> Floats:
    """Simple moving average: mean(x[t-n+1..t]). First value at n - 1."""
    offset, _ = _window_moments(x, n)
    return x + offset


def rolling_std(x: Floats, n: int, ddof: int) -> Floats:
    """Standard deviation of x[t-n+1..t], exactly 0 where the window is constant. First at n - 1."""
    _, squares = _window_moments(x, n)
    result: Floats = np.sqrt(squares / (n - ddof))
    return result


def rolling_zscore(x: Floats, n: int) -> Floats:
    """(x[t] - mean) / std over x[t-n+1..t], population std; 0 where std is 0. First at n - 1."""
    offset, squares = _window_moments(x, n)
    std = np.sqrt(squares / n)
    return np.divide(-offset, std, out=np.where(np.isnan(std), np.nan, 0.0), where=std > 0)


def ema(x: Floats, n: int) -> Floats:
    """Exponential moving average: e[t] = e[t-1] + 2/(n+1) (x[t] - e[t-1]).

    As in TA-Lib (ta_EMA.c) the first value, at n - 1, is the mean of the first n.
    """
    return _smooth(x, n, alpha=2.0 / (n + 1))


def rsi(close: Floats, n: int) -> Floats:
    """Relative strength index, 0 to 100: 100 G / (G + L), and 50 where nothing has moved yet.

    G and L are Wilder averages of the gains and losses from bar to bar (Wilder, New Concepts in
    Technical Trading Systems, 1978; ta_RSI.c, which has 0 where nothing has moved). First at n.
    """
    change = np.diff(close)
    gain = _smooth(np.maximum(change, 0.0), n, alpha=1.0 / n)
    loss = _smooth(np.maximum(-change, 0.0), n, alpha=1.0 / n)
    moved = gain + loss
    share = np.divide(gain, moved, out=np.where(np.isnan(moved), np.nan, 0.5), where=moved > 0)
    return _after(1, 100.0 * share, len(close))


def macd(close: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats, Floats]:
    """Moving average convergence divergence: (line, signal line, histogram = line - signal line).

    line = EMA(fast) - EMA(slow), both starting at bar slow - 1, and the signal line is its
    EMA(signal) (Appel; ta_MACD.c). All three first at slow + signal - 2.
    """
    # The fast average is seeded with the `fast` closes before the slow average's first value.
    skipped = slow - fast
    fast_average = _after(skipped, ema(close[skipped:], fast), len(close))
    line = fast_average - ema(close, slow)
    signal_line = _after(slow - 1, ema(line[slow - 1 :], signal), len(close))
    line = np.where(np.isnan(signal_line), np.nan, line)
    return line, signal_line, line - signal_line


def bollinger_position(close: Floats, n: int, k: float) -> Floats:
    """Where the close stands between the bands: (close - SMA(n)) / (k std(n)); ±1 on a band.

    Population standard deviation, as in ta_BBANDS.c; 0 where it is 0. First at n - 1.
    """
    return rolling_zscore(close, n) / k


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """max(high, close[t-1]) - min(low, close[t-1]) (Wilder 1978; ta_TRANGE.c). First at 1."""
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return _after(1, ranges, len(close))


def atr(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Average true range, in price units: Wilder average of the true range. First at n."""
    ranges = true_range(high, low, close)[1:]
    return _after(1, _smooth(ranges, n, alpha=1.0 / n), len(close))


def log_return(close: Floats, horizon: int) -> Floats:
    """log(close[t] / close[t - horizon]). First at `horizon`."""
    return _after(
        horizon, np.log(close[horizon:] / close[: max(len(close) - horizon, 0)]), len(close)
    )


def realised_volatility(close: Floats, n: int) -> Floats:
    """Standard deviation (ddof 1) of the last n one-bar log returns, per bar. First at n."""
    return _after(1, rolling_std(log_return(close, 1)[1:], n, ddof=1), len(close))


def _window_moments(x: Floats, n: int) -> tuple[Floats, Floats]:
    """mean - x[t], and the sum of squared deviations from the mean, over x[t-n+1..t].

    Deviations are taken from x[t] first: so nothing cancels, and a constant window gives exactly 0.
    The sums run over the n lags, each one a vector operation on all bars.
    """
    count = max(len(x) - n + 1, 0)
    newest = x[n - 1 :]
    total, squares = np.zeros(count), np.zeros(count)
    for lag in range(n):
        total += x[n - 1 - lag : n - 1 - lag + count] - newest
    offset = total / n
    for lag in range(n):
        squares += (x[n - 1 - lag : n - 1 - lag + count] - newest - offset) ** 2
    return _after(n - 1, offset, len(x)), _after(n - 1, squares, len(x))


def _smooth(x: Floats, n: int, alpha: float) -> Floats:
    """y[t] = y[t-1] + alpha (x[t] - y[t-1]), from y[n-1] = mean(x[0..n-1]) on."""
    if len(x) < n:
        return np.full(len(x), np.nan)
    seeded = np.concatenate([[x[:n].mean()], x[n:]])
    smoothed = pd.Series(seeded).ewm(alpha=alpha, adjust=False).mean().to_numpy(np.float64)
    return _after(n - 1, smoothed, len(x))


def _after(warm_up: int, values: Floats, length: int) -> Floats:
    """`values` at the end of an array of `length`, NaN before them."""
    result = np.full(length, np.nan)
    if len(values):
        result[warm_up:] = values
    return result
