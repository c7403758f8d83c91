"""How much a price moves. Deviations are of one bar, not of a year."""

import numpy as np

from drltrade.features import rolling
from drltrade.features.arrays import Floats
from drltrade.features.memory import Memory


def log_return(close: Floats, horizon: int, memory: Memory | None = None) -> Floats:
    """log(close[t] / close[t - horizon]). First at `horizon`."""
    result: Floats = np.log(close / rolling.lag(close, horizon, memory))
    return result


def realised_volatility(close: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Standard deviation (ddof 1) of the last n one-bar log returns. First at n."""
    memory = memory or Memory()
    return rolling.std(log_return(close, 1, memory), n, 1, memory)


def exponential_volatility(close: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Root of the exponential average of squared log returns, 2 / (n + 1) a bar. First at n.

    J. P. Morgan, RiskMetrics Technical Document, 1996.
    """
    memory = memory or Memory()
    result: Floats = np.sqrt(rolling.ema(log_return(close, 1, memory) ** 2, n, memory))
    return result


def semi_deviation(close: Floats, n: int, memory: Memory | None = None) -> tuple[Floats, Floats]:
    """(up, down): root mean square of the last n log returns' positive and negative parts. First
    at n."""
    memory = memory or Memory()
    returns = log_return(close, 1, memory)
    up = rolling.window_sum(np.maximum(returns, 0.0) ** 2, n, memory)
    down = rolling.window_sum(np.minimum(returns, 0.0) ** 2, n, memory)
    return np.sqrt(up / n), np.sqrt(down / n)


def true_range(
    high: Floats, low: Floats, close: Floats, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """max(high, close[t-1]) - min(low, close[t-1]) (Wilder 1978; ta_TRANGE.c). First at 1."""
    before = rolling.lag(close, 1, memory)
    result: Floats = np.maximum(high, before) - np.minimum(low, before)
    return result


def atr(
    high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """Average true range, in price units: Wilder average of the true range. First at n."""
    memory = memory or Memory()
    return rolling.wilder(true_range(high, low, close, memory), n, memory)


def bollinger_position(close: Floats, n: int, k: float, memory: Memory | None = None) -> Floats:
    """Where the close stands between the bands: (close - SMA(n)) / (k std(n)); ±1 on a band.

    Population standard deviation, as in ta_BBANDS.c; 0 where it is 0. First at n - 1.
    """
    return rolling.zscore(close, n, memory) / k


def parkinson(high: Floats, low: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Volatility from ranges: sqrt(mean of log(high / low)^2 / (4 log 2)). First at n - 1.

    Parkinson 1980, Journal of Business 53(1).
    """
    squares = np.log(high / low) ** 2 / (4.0 * np.log(2.0))
    return _root(rolling.sma(squares, n, memory))


def garman_klass(
    opened: Floats, high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """sqrt(mean of log(high / low)^2 / 2 - (2 log 2 - 1) log(close / open)^2). First at n - 1.

    Garman and Klass 1980, Journal of Business 53(1).
    """
    body = (2.0 * np.log(2.0) - 1.0) * np.log(close / opened) ** 2
    return _root(rolling.sma(0.5 * np.log(high / low) ** 2 - body, n, memory))


def rogers_satchell(
    opened: Floats, high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """Volatility from ranges that a drift does not disturb. First at n - 1.

    Rogers and Satchell 1991, Annals of Applied Probability 1(4).
    """
    return _root(rolling.sma(_rogers_satchell(opened, high, low, close), n, memory))


def yang_zhang(
    opened: Floats, high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """Volatility from ranges, with the gaps overnight. First at n.

    Yang and Zhang 2000, Journal of Business 73(3), equation 10, k = 0.34 / (1.34 + (n+1) / (n-1)).
    """
    memory = memory or Memory()
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    overnight = np.log(opened / rolling.lag(close, 1, memory))
    gaps = rolling.std(overnight, n, 1, memory) ** 2
    days = rolling.std(np.log(close / opened), n, 1, memory) ** 2
    ranges = rolling.sma(_rogers_satchell(opened, high, low, close), n, memory)
    return _root(gaps + k * days + (1.0 - k) * ranges)


def _rogers_satchell(opened: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    up, down, end = np.log(high / opened), np.log(low / opened), np.log(close / opened)
    result: Floats = up * (up - end) + down * (down - end)
    return result


def _root(x: Floats) -> Floats:
    """Square root of what rounding may have put just below 0."""
    result: Floats = np.sqrt(np.maximum(x, 0.0))
    return result
