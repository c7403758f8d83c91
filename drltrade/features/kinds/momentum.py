"""How fast a price moves, and how far it has come."""

import numpy as np

from drltrade.features import indicators, rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, ascending, bars, feature


@feature("log(close / close `horizon` bars ago)", bars(1, 1, "horizon"), warm_up=lambda n: n)
def log_return(history: History, horizon: int) -> Floats:
    return indicators.log_return(history.close, horizon, history.memory)


@feature(
    "log return of n bars without the latest `skipped` ones",
    bars(21, 1, "skipped"), bars(252, 2),
    warm_up=lambda skipped, n: n, rule=ascending("skipped", "n"),
)  # fmt: skip
def momentum(history: History, skipped: int, n: int) -> Floats:
    newer = rolling.lag(history.close, skipped, history.memory)
    return np.log(newer / rolling.lag(history.close, n, history.memory))


@feature(
    "relative strength index / 50 - 1: from -1 to 1, 0 when nothing moved",
    bars(14), warm_up=lambda n: n,
)  # fmt: skip
def rsi(history: History, n: int) -> Floats:
    return _rsi(history, n) / 50.0 - 1.0


def _rsi(history: History, n: int) -> Floats:
    """RSI, and its middle where no close of the last n has moved."""
    close, memory = history.close, history.memory
    strength = indicators.rsi(close, n, memory)
    return rolling.neutral_when_still(strength, close, close, n, 50.0, memory)


@feature(
    "where RSI(n) stands in its range of m bars, averaged over `smoothing`: -1 to 1",
    bars(14), bars(14, name="m"), bars(3, 1, "smoothing"),
    warm_up=lambda n, m, smoothing: n + m + smoothing - 2,
)  # fmt: skip
def stochastic_rsi(history: History, n: int, m: int, smoothing: int) -> Floats:
    strength = _rsi(history, n)
    placed = indicators.stochastic(strength, strength, strength, m, smoothing, history.memory)
    return placed / 50.0 - 1.0


@feature(
    "where the close stands in the range of n bars, averaged over `smoothing`: -1 to 1",
    bars(14), bars(3, 1, "smoothing"), warm_up=lambda n, smoothing: n + smoothing - 2,
)  # fmt: skip
def stochastic(history: History, n: int, smoothing: int) -> Floats:
    high, low, close = history.high, history.low, history.close
    return indicators.stochastic(high, low, close, n, smoothing, history.memory) / 50.0 - 1.0


@feature("commodity channel index / 100", bars(20), warm_up=lambda n: n - 1)
def cci(history: History, n: int) -> Floats:
    return indicators.cci(history.high, history.low, history.close, n, history.memory) / 100.0


@feature("Chande momentum oscillator / 100: -1 to 1", bars(14), warm_up=lambda n: n)
def cmo(history: History, n: int) -> Floats:
    close, memory = history.close, history.memory
    strength = indicators.chande_momentum(close, n, memory) / 100.0
    return rolling.neutral_when_still(strength, close, close, n, 0.0, memory)


@feature(
    "change of the thrice smoothed close, in per cent", bars(15), warm_up=lambda n: 3 * n - 2
)  # fmt: skip
def trix(history: History, n: int) -> Floats:
    return indicators.trix(history.close, n, history.memory)


@feature(
    "ultimate oscillator / 50 - 1",
    bars(7, 1, "short"), bars(14, 2, "middle"), bars(28, 3, "long"),
    warm_up=lambda short, middle, long: long, rule=ascending("short", "middle", "long"),
)  # fmt: skip
def ultimate(history: History, short: int, middle: int, long: int) -> Floats:
    high, low, close = history.high, history.low, history.close
    pressure = indicators.ultimate_oscillator(high, low, close, short, middle, long, history.memory)
    return pressure / 50.0 - 1.0


@feature(
    "true strength index: twice smoothed change / its size, -1 to 1",
    bars(13, 2, "fast"), bars(25, 3, "slow"),
    warm_up=lambda fast, slow: fast + slow - 1, rule=ascending("fast", "slow"),
)  # fmt: skip
def tsi(history: History, fast: int, slow: int) -> Floats:
    change = rolling.change(history.close, 1, history.memory)
    net, size = (
        rolling.ema(rolling.ema(x, slow, history.memory), fast, history.memory)
        for x in (change, np.abs(change))
    )
    strength, close = rolling.ratio(net, size, 0.0), history.close
    return rolling.neutral_when_still(strength, close, close, slow, 0.0, history.memory)


@feature(
    "share of the n - 1 closes before that are lower, from -1 to 1", bars(60),
    warm_up=lambda n: n - 1,
)  # fmt: skip
def percentile(history: History, n: int) -> Floats:
    return 2.0 * indicators.rank(history.close, n, history.memory) - 1.0


@feature("log(close / highest close of n bars)", bars(252), warm_up=lambda n: n - 1)
def drawdown(history: History, n: int) -> Floats:
    return np.log(history.close / rolling.highest(history.close, n, history.memory))


@feature("log(close / lowest close of n bars)", bars(252), warm_up=lambda n: n - 1)
def recovery(history: History, n: int) -> Floats:
    return np.log(history.close / rolling.lowest(history.close, n, history.memory))


@feature(
    "autocorrelation of log returns over n pairs", bars(60, 3), bars(1, 1, "lag"),
    warm_up=lambda n, lag: n + lag,
)  # fmt: skip
def autocorrelation(history: History, n: int, lag: int) -> Floats:
    returns = indicators.log_return(history.close, 1, history.memory)
    return indicators.autocorrelation(returns, n, lag, history.memory)


@feature(
    "variance of q bars' log returns / q variances of one bar's - 1: below 0 it reverts",
    bars(2, 2, "q"), bars(60, 3), warm_up=lambda q, n: n, rule=ascending("q", "n"),
)  # fmt: skip
def variance_ratio(history: History, q: int, n: int) -> Floats:
    return indicators.variance_ratio(np.log(history.close), n, q, history.memory) - 1.0
