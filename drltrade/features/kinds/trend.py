"""Where a price goes: averages, bands and lines that follow it."""

import numpy as np

from drltrade.features import indicators, rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, Parameter, ascending, bars, feature, number


@feature("log(close / simple moving average)", bars(20), warm_up=lambda n: n - 1)
def ma_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.sma(history.close, n, history.memory))


@feature("log(close / exponential moving average)", bars(20), warm_up=lambda n: n - 1)
def ema_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.ema(history.close, n, history.memory))


@feature("log(close / linearly weighted average)", bars(20), warm_up=lambda n: n - 1)
def wma_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.wma(history.close, n, history.memory))


@feature("log(close / triangular average)", bars(20), warm_up=lambda n: n - 1)
def trima_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.trima(history.close, n, history.memory))


@feature(
    "log(close / Hull's average)", bars(16, 4), warm_up=lambda n: n - 1 + int(np.sqrt(n)) - 1
)  # fmt: skip
def hma_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.hma(history.close, n, history.memory))


@feature("log(close / double exponential average)", bars(20), warm_up=lambda n: 2 * (n - 1))
def dema_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.dema(history.close, n, history.memory))


@feature("log(close / triple exponential average)", bars(20), warm_up=lambda n: 3 * (n - 1))
def tema_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.tema(history.close, n, history.memory))


@feature("log(close / Tillson's T3 average)", bars(5), warm_up=lambda n: 6 * (n - 1))
def t3_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.t3(history.close, n, memory=history.memory))


@feature("log(close / Kaufman's adaptive average)", bars(10), warm_up=lambda n: n)
def kama_ratio(history: History, n: int) -> Floats:
    return np.log(history.close / indicators.kama(history.close, n, memory=history.memory))


@feature(
    "log(fast simple moving average / slow one)", bars(10, 1, "fast"), bars(50, 2, "slow"),
    warm_up=lambda fast, slow: slow - 1, rule=ascending("fast", "slow"),
)  # fmt: skip
def ma_cross(history: History, fast: int, slow: int) -> Floats:
    quick = indicators.sma(history.close, fast, history.memory)
    return np.log(quick / indicators.sma(history.close, slow, history.memory))


@feature(
    "MACD histogram / close", bars(12, 2, "fast"), bars(26, 3, "slow"), bars(9, 1, "signal"),
    warm_up=lambda fast, slow, signal: slow + signal - 2, rule=ascending("fast", "slow"),
)  # fmt: skip
def macd(history: History, fast: int, slow: int, signal: int) -> Floats:
    close = history.close
    return indicators.macd(close, fast, slow, signal, history.memory)[2] / close


@feature(
    "log(close / parabolic stop and reverse): above 0 in a rise",
    number("step", 0.02, 0.001), number("limit", 0.2, 0.001),
    warm_up=lambda step, limit: 1,
    rule=lambda step, limit: None if step <= limit else f"step = {step} is above limit = {limit}",
)  # fmt: skip
def sar(history: History, step: float, limit: float) -> Floats:
    stop = indicators.parabolic_sar(history.high, history.low, step, limit, history.memory)
    return (history.close - stop) / history.close


@feature(
    "1 - supertrend band / close: above 0 in a rise", bars(10), number("k", 3, 0.1),
    warm_up=lambda n, k: n,
)  # fmt: skip
def supertrend(history: History, n: int, k: float) -> Floats:
    high, low, close = history.high, history.low, history.close
    return 1.0 - indicators.supertrend(high, low, close, n, k, history.memory) / close


@feature(
    "average directional index / 100: strength of a trend", bars(14), warm_up=lambda n: 2 * n - 1
)
def adx(history: History, n: int) -> Floats:
    high, low, memory = history.high, history.low, history.memory
    strength = indicators.adx(high, low, history.close, n, memory) / 100.0
    return rolling.neutral_when_still(strength, high, low, n, 0.0, memory)


@feature("(+DI - -DI) / 100, Wilder's directional movement", bars(14), warm_up=lambda n: n)
def directional(history: History, n: int) -> Floats:
    plus, minus = indicators.directional_index(
        history.high, history.low, history.close, n, history.memory
    )
    high, low, memory = history.high, history.low, history.memory
    return rolling.neutral_when_still((plus - minus) / 100.0, high, low, n, 0.0, memory)


@feature("(Aroon up - Aroon down) / 100: how new the extremes are", bars(25), warm_up=lambda n: n)
def aroon(history: History, n: int) -> Floats:
    up, down = indicators.aroon(history.high, history.low, n, history.memory)
    return (up - down) / 100.0


@feature("vortex up - vortex down", bars(14), warm_up=lambda n: n)
def vortex(history: History, n: int) -> Floats:
    up, down = indicators.vortex(history.high, history.low, history.close, n, history.memory)
    return up - down


@feature("slope of a line through n log closes, times n", bars(20), warm_up=lambda n: n - 1)
def slope(history: History, n: int) -> Floats:
    return indicators.linear_regression(np.log(history.close), n, history.memory)[0] * n


@feature(
    "correlation of n log closes with time: 1 for a straight rise", bars(20, 3),
    warm_up=lambda n: n - 1,
)  # fmt: skip
def straightness(history: History, n: int) -> Floats:
    log = np.log(history.close)
    steepness, _ = indicators.linear_regression(log, n, history.memory)
    spread = indicators.std(log, n, 0, history.memory)
    return rolling.ratio(steepness * np.sqrt((n * n - 1) / 12.0), spread, 0.0)


@feature(
    "net move of n bars / length of its path: 1 if straight", bars(10), warm_up=lambda n: n
)  # fmt: skip
def efficiency(history: History, n: int) -> Floats:
    return indicators.efficiency_ratio(history.close, n, history.memory)


@feature("place in the range of n bars, -1 lowest, 1 highest", bars(20), warm_up=lambda n: n - 1)
def donchian(history: History, n: int) -> Floats:
    high, low, close = history.high, history.low, history.close
    return indicators.stochastic(high, low, close, n, 1, history.memory) / 50.0 - 1.0


@feature(
    "(close - EMA(n)) / (k ATR(m)): 1 on the upper Keltner band, 0 when nothing moves",
    bars(20), bars(10, name="m"), number("k", 2, 0.1), warm_up=lambda n, m, k: max(n - 1, m),
)  # fmt: skip
def keltner(history: History, n: int, m: int, k: float) -> Floats:
    distance = history.close - indicators.ema(history.close, n, history.memory)
    reach = indicators.atr(history.high, history.low, history.close, m, history.memory)
    placed = rolling.ratio(distance, k * reach, 0.0)
    return rolling.neutral_when_still(placed, history.high, history.low, m, 0.0, history.memory)


@feature(
    "Ichimoku: log(conversion / base line), log(close / middle of the cloud)",
    bars(9, 2, "conversion"), bars(26, 3, "base"), bars(52, 4, "span"),
    warm_up=lambda conversion, base, span: base + span - 1,
    columns=("cross", "cloud"), rule=ascending("conversion", "base", "span"),
)  # fmt: skip
def ichimoku(history: History, conversion: int, base: int, span: int) -> tuple[Floats, Floats]:
    middles = [_middle(history, n) for n in (conversion, base, span)]
    cloud = ((middles[0] + middles[1]) / 2.0 + middles[2]) / 2.0
    shown = rolling.lag(cloud, base, history.memory)  # the chart draws it `base` bars ahead
    return np.log(middles[0] / middles[1]), np.log(history.close / shown)


def _middle(history: History, n: int) -> Floats:
    top = rolling.highest(history.high, n, history.memory)
    return (top + rolling.lowest(history.low, n, history.memory)) / 2.0


@feature(
    "fractionally differenced log close above that n - 1 bars ago: d = 1 its return",
    number("d", 0.4, 0.0, 2.0), Parameter("n", 100, 2), warm_up=lambda d, n: n - 1,
)  # fmt: skip
def fracdiff(history: History, d: float, n: int) -> Floats:
    # The weights do not sum to 0: of the log price itself they would keep the unit of money.
    log = np.log(history.close)
    oldest = rolling.lag(log, n - 1, history.memory)
    kept = indicators.fractional_weights(d, n).sum()
    difference: Floats = indicators.fractional_difference(log, d, n, history.memory)
    return difference - np.float64(kept) * oldest
