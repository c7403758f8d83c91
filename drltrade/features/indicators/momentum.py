"""How fast a price moves, and whether it has moved far."""

import numpy as np

from drltrade.features import rolling
from drltrade.features.arrays import Floats
from drltrade.features.indicators.volatility import true_range
from drltrade.features.memory import Memory


def rsi(close: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Relative strength index, 0 to 100: 100 G / (G + L), and 50 where nothing has moved yet.

    G and L are Wilder averages of the gains and losses from bar to bar (Wilder, New Concepts in
    Technical Trading Systems, 1978; ta_RSI.c, which has 0 where nothing has moved). First at n.
    """
    gain, loss = _gain_and_loss(close, n, memory)
    return 100.0 * rolling.ratio(gain, gain + loss, 0.5)


def chande_momentum(close: Floats, n: int, memory: Memory | None = None) -> Floats:
    """100 (G - L) / (G + L), -100 to 100, of the averages of `rsi` (ta_CMO.c). First at n."""
    gain, loss = _gain_and_loss(close, n, memory)
    return 100.0 * rolling.ratio(gain - loss, gain + loss, 0.0)


def _gain_and_loss(close: Floats, n: int, memory: Memory | None) -> tuple[Floats, Floats]:
    memory = memory or Memory()
    change = rolling.change(close, 1, memory)
    return (
        rolling.wilder(np.maximum(change, 0.0), n, memory),
        rolling.wilder(np.maximum(-change, 0.0), n, memory),
    )


def macd(
    close: Floats, fast: int, slow: int, signal: int, memory: Memory | None = None
) -> tuple[Floats, Floats, Floats]:
    """Moving average convergence divergence: (line, signal line, histogram = line - signal line).

    line = EMA(fast) - EMA(slow), both starting at bar slow - 1, and the signal line is its
    EMA(signal) (Appel; ta_MACD.c). All three first at slow + signal - 2.
    """
    memory = memory or Memory()
    # The fast average is seeded with the `fast` closes before the slow average's first value.
    line = rolling.ema(close, fast, memory, slow - fast) - rolling.ema(close, slow, memory)
    signal_line = rolling.ema(line, signal, memory)
    line = np.where(np.isnan(signal_line), np.nan, line)
    return line, signal_line, line - signal_line


def stochastic(
    high: Floats, low: Floats, close: Floats, n: int, smoothing: int, memory: Memory | None = None
) -> Floats:
    """Where the close stands in the range of n bars, 0 to 100, averaged over `smoothing` bars.

    Lane's %K; with smoothing 1 the fast one, and Williams' %R + 100 (ta_STOCHF.c, ta_STOCH.c). 50
    where there is no range. First at n + smoothing - 2.
    """
    memory = memory or Memory()
    top, bottom = rolling.highest(high, n, memory), rolling.lowest(low, n, memory)
    width = np.where(top - bottom <= rolling.NO_RANGE * np.abs(top), 0.0 * top, top - bottom)
    return rolling.sma(100.0 * rolling.ratio(close - bottom, width, 0.5), smoothing, memory)


def cci(
    high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """Commodity channel index: (p - mean) / (0.015 mean deviation) of p = (high + low + close) / 3.

    Lambert 1980; ta_CCI.c. 0 where nothing has moved. First at n - 1.
    """
    memory = memory or Memory()
    price = (high + low + close) / 3.0
    deviation = rolling.mean_absolute_deviation(price, n, memory)
    return rolling.ratio(price - rolling.sma(price, n, memory), 0.015 * deviation, 0.0)


def directional_index(
    high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> tuple[Floats, Floats]:
    """Wilder's (+DI, -DI), 0 to 100: his averages of moves up and down by that of the true range.

    As in ta_PLUS_DI.c once their beginnings are forgotten, for TA-Lib begins an average with n - 1
    values. First at n.
    """
    memory = memory or Memory()
    up, down = rolling.change(high, 1, memory), -rolling.change(low, 1, memory)
    missing = np.isnan(up) | np.isnan(down)
    plus = np.where(missing, np.nan, np.where((up > down) & (up > 0.0), up, 0.0))
    minus = np.where(missing, np.nan, np.where((down > up) & (down > 0.0), down, 0.0))
    width = rolling.wilder(true_range(high, low, close, memory), n, memory)
    return (
        100.0 * rolling.ratio(rolling.wilder(plus, n, memory), width, 0.0),
        100.0 * rolling.ratio(rolling.wilder(minus, n, memory), width, 0.0),
    )


def adx(
    high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """Average directional index, 0 to 100: Wilder average of 100 |+DI - -DI| / (+DI + -DI).

    First at 2 n - 1.
    """
    memory = memory or Memory()
    plus, minus = directional_index(high, low, close, n, memory)
    return rolling.wilder(100.0 * rolling.ratio(np.abs(plus - minus), plus + minus, 0.0), n, memory)


def aroon(
    high: Floats, low: Floats, n: int, memory: Memory | None = None
) -> tuple[Floats, Floats]:  # fmt: skip
    """(up, down), 0 to 100: 100 if the highest (lowest) of n + 1 bars is the newest, 0 if the
    oldest (Chande 1995; ta_AROON.c). First at n."""
    memory = memory or Memory()
    since_high = rolling.bars_since_highest(high, n + 1, memory)
    since_low = rolling.bars_since_highest(-low, n + 1, memory)
    return 100.0 * (n - since_high) / n, 100.0 * (n - since_low) / n


def trix(close: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Change of the thrice smoothed close, in per cent (ta_TRIX.c). First at 3 n - 2."""
    memory = memory or Memory()
    for _ in range(3):
        close = rolling.ema(close, n, memory)
    return 100.0 * (close / rolling.lag(close, 1, memory) - 1.0)


def ultimate_oscillator(
    high: Floats, low: Floats, close: Floats, short: int, middle: int, long: int,
    memory: Memory | None = None,
) -> Floats:  # fmt: skip
    """Williams' oscillator, 0 to 100: (4 a + 2 b + c) / 7 over three spans, each the buying
    pressure by the true range (ta_ULTOSC.c). First at the longest of the spans."""
    memory = memory or Memory()
    before = rolling.lag(close, 1, memory)
    pressure, width = close - np.minimum(low, before), true_range(high, low, close, memory)
    total = np.zeros(len(close))
    for weight, n in ((4.0, short), (2.0, middle), (1.0, long)):
        bought = rolling.window_sum(pressure, n, memory)
        total += weight * rolling.ratio(bought, rolling.window_sum(width, n, memory), 0.5)
    return 100.0 * total / 7.0
