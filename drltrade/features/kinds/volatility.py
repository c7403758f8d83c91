"""How much a price moves. Deviations are of one bar's log return."""

import numpy as np

from drltrade.features import indicators, rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, ascending, bars, feature, number


@feature(
    "(close - moving average) / (k standard deviations): 1 on the upper band",
    bars(20), number("k", 2, 0.1), warm_up=lambda n, k: n - 1,
)  # fmt: skip
def bollinger(history: History, n: int, k: float) -> Floats:
    return indicators.bollinger_position(history.close, n, k, history.memory)


@feature(
    "width of the Bollinger bands / moving average", bars(20), number("k", 2, 0.1),
    warm_up=lambda n, k: n - 1,
)  # fmt: skip
def bandwidth(history: History, n: int, k: float) -> Floats:
    spread = indicators.std(history.close, n, 0, history.memory)
    return 2.0 * k * spread / indicators.sma(history.close, n, history.memory)


@feature("average true range / close", bars(14, 1), warm_up=lambda n: n)
def atr(history: History, n: int) -> Floats:
    high, low, close = history.high, history.low, history.close
    return indicators.atr(high, low, close, n, history.memory) / close


@feature(
    "standard deviation of one-bar log returns, per bar (ddof 1)", bars(20), warm_up=lambda n: n
)
def volatility(history: History, n: int) -> Floats:
    return indicators.realised_volatility(history.close, n, history.memory)


@feature("root of the exponential average of squared log returns", bars(20), warm_up=lambda n: n)
def ewm_volatility(history: History, n: int) -> Floats:
    return indicators.exponential_volatility(history.close, n, history.memory)


@feature(
    "root mean squares of the rises and of the falls", bars(20), warm_up=lambda n: n,
    columns=("up", "down"),
)  # fmt: skip
def semi_volatility(history: History, n: int) -> tuple[Floats, Floats]:
    return indicators.semi_deviation(history.close, n, history.memory)


@feature("Parkinson's volatility, from ranges", bars(20, 1), warm_up=lambda n: n - 1)
def parkinson(history: History, n: int) -> Floats:
    return indicators.parkinson(history.high, history.low, n, history.memory)


@feature("Garman and Klass' volatility", bars(20, 1), warm_up=lambda n: n - 1)
def garman_klass(history: History, n: int) -> Floats:
    prices = (history.open, history.high, history.low, history.close)
    return indicators.garman_klass(*prices, n, history.memory)


@feature("Rogers and Satchell's volatility", bars(20, 1), warm_up=lambda n: n - 1)
def rogers_satchell(history: History, n: int) -> Floats:
    prices = (history.open, history.high, history.low, history.close)
    return indicators.rogers_satchell(*prices, n, history.memory)


@feature("Yang and Zhang's volatility, with gaps overnight", bars(20), warm_up=lambda n: n)
def yang_zhang(history: History, n: int) -> Floats:
    prices = (history.open, history.high, history.low, history.close)
    return indicators.yang_zhang(*prices, n, history.memory)


@feature(
    "volatility of `fast` bars / that of `slow` ones - 1", bars(5, 2, "fast"), bars(60, 3, "slow"),
    warm_up=lambda fast, slow: slow, rule=ascending("fast", "slow"),
)  # fmt: skip
def volatility_ratio(history: History, fast: int, slow: int) -> Floats:
    quick = indicators.realised_volatility(history.close, fast, history.memory)
    calm = indicators.realised_volatility(history.close, slow, history.memory)
    return rolling.ratio(quick, calm, 1.0) - 1.0


@feature(
    "choppiness: log(path / range) / log n, 0 straight, 1 going nowhere", bars(14),
    warm_up=lambda n: n,
)  # fmt: skip
def choppiness(history: History, n: int) -> Floats:
    ranges = indicators.true_range(history.high, history.low, history.close, history.memory)
    path = rolling.window_sum(ranges, n, history.memory)
    top = rolling.highest(history.high, n, history.memory)
    span = top - rolling.lowest(history.low, n, history.memory)
    choppy: Floats = np.log(rolling.ratio(path, span, 1.0)) / np.log(n)
    return choppy


@feature("skewness of log returns", bars(60, 3), warm_up=lambda n: n)
def skewness(history: History, n: int) -> Floats:
    returns = indicators.log_return(history.close, 1, history.memory)
    return rolling.skewness(returns, n, history.memory)


@feature("excess kurtosis of log returns", bars(60, 4), warm_up=lambda n: n)
def kurtosis(history: History, n: int) -> Floats:
    returns = indicators.log_return(history.close, 1, history.memory)
    return rolling.excess_kurtosis(returns, n, history.memory)
