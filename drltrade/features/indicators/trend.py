"""Averages that follow a price, and what says whether it goes somewhere."""

import numpy as np

from drltrade.features import kernels, rolling
from drltrade.features.arrays import Floats
from drltrade.features.indicators.volatility import atr, true_range
from drltrade.features.memory import Memory


def wma(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Linearly weighted average: n for the newest, 1 for the oldest (ta_WMA.c). First at n - 1."""
    weights = np.arange(n, 0, -1.0)
    return rolling.weighted(x, weights / weights.sum(), memory)


def trima(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Triangular average: weights rise to the middle and fall (ta_TRIMA.c). First at n - 1."""
    weights = np.minimum(np.arange(1.0, n + 1), np.arange(float(n), 0, -1))
    return rolling.weighted(x, weights / weights.sum(), memory)


def hma(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Hull's average: WMA(2 WMA(n / 2) - WMA(n), sqrt n). First at n + floor(sqrt n) - 2."""
    memory = memory or Memory()
    faster = 2.0 * wma(x, n // 2, memory) - wma(x, n, memory)
    return wma(faster, max(int(np.sqrt(n)), 1), memory)


def dema(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Double exponential average: 2 e1 - e2, e2 the EMA of e1 (Mulloy 1994). First at 2 (n - 1)."""
    memory = memory or Memory()
    once = rolling.ema(x, n, memory)
    return 2.0 * once - rolling.ema(once, n, memory)


def tema(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Triple exponential average: 3 e1 - 3 e2 + e3 (Mulloy 1994). First at 3 (n - 1)."""
    memory = memory or Memory()
    once = rolling.ema(x, n, memory)
    twice = rolling.ema(once, n, memory)
    return 3.0 * once - 3.0 * twice + rolling.ema(twice, n, memory)


def t3(x: Floats, n: int, factor: float = 0.7, memory: Memory | None = None) -> Floats:
    """Tillson's average: (e + factor (e - EMA(e))), three times over. First at 6 (n - 1)."""
    memory = memory or Memory()
    for _ in range(3):
        once = rolling.ema(x, n, memory)
        x = (1.0 + factor) * once - factor * rolling.ema(once, n, memory)
    return x


def efficiency_ratio(x: Floats, n: int, memory: Memory | None = None) -> Floats:
    """|x[t] - x[t-n]| / the sum of its n steps' lengths: 1 if straight. First at n.

    Kaufman, Smarter Trading, 1995. 1 where nothing has moved.
    """
    memory = memory or Memory()
    net = np.abs(rolling.change(x, n, memory))
    path = rolling.window_sum(np.abs(rolling.change(x, 1, memory)), n, memory)
    return np.minimum(rolling.ratio(net, path, 1.0), 1.0)


def kama(
    x: Floats, n: int, fast: int = 2, slow: int = 30, memory: Memory | None = None
) -> Floats:  # fmt: skip
    """Kaufman's average, as fast as the efficiency ratio is high (ta_KAMA.c). First at n."""
    memory = memory or Memory()
    quick, calm = 2.0 / (fast + 1), 2.0 / (slow + 1)
    alphas = (efficiency_ratio(x, n, memory) * (quick - calm) + calm) ** 2
    return kernels.kaufman(np.array(x, np.float64), alphas, memory.state(4))


def parabolic_sar(
    high: Floats, low: Floats, step: float = 0.02, limit: float = 0.2, memory: Memory | None = None
) -> Floats:
    """Wilder's parabolic stop: below the price in a rise, above it in a fall. First at 1."""
    state = (memory or Memory()).state(7)
    return kernels.parabolic(
        np.array(high, np.float64), np.array(low, np.float64), step, limit, state
    )


def supertrend(
    high: Floats, low: Floats, close: Floats, n: int, k: float, memory: Memory | None = None
) -> Floats:
    """Seban's band, k average true ranges from the bar's middle. First at n."""
    memory = memory or Memory()
    reach, middle = k * atr(high, low, close, n, memory), (high + low) / 2.0
    state = memory.state(5)
    return kernels.supertrend(np.array(close, np.float64), middle + reach, middle - reach, state)


def vortex(
    high: Floats, low: Floats, close: Floats, n: int, memory: Memory | None = None
) -> tuple[Floats, Floats]:
    """(up, down): sums of |high - low before| and |low - high before| over n, by that of the true
    range (Botes and Siepman 2010). First at n."""
    memory = memory or Memory()
    total = rolling.window_sum(true_range(high, low, close, memory), n, memory)
    up = rolling.window_sum(np.abs(high - rolling.lag(low, 1, memory)), n, memory)
    down = rolling.window_sum(np.abs(low - rolling.lag(high, 1, memory)), n, memory)
    return rolling.ratio(up, total, 1.0), rolling.ratio(down, total, 1.0)
