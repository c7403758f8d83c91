"""What the volume says of a move. Ratios are in the middle of their scale where nothing traded."""

import numpy as np

from drltrade.features import rolling
from drltrade.features.arrays import Floats
from drltrade.features.indicators.volatility import log_return
from drltrade.features.memory import Memory


def on_balance_volume(close: Floats, volume: Floats, memory: Memory | None = None) -> Floats:
    """Volume so far, counted down on days that fall (Granville 1963; ta_OBV.c)."""
    memory = memory or Memory()
    before = rolling.lag(close, 1, memory)
    sign = np.where(np.isnan(before) & ~np.isnan(close), 1.0, np.sign(close - before))
    return rolling.cumulative(sign * volume, memory)


def accumulation_distribution(
    high: Floats, low: Floats, close: Floats, volume: Floats, memory: Memory | None = None
) -> Floats:
    """Volume so far, each times where its close stands in its range, -1 to 1 (ta_AD.c)."""
    return rolling.cumulative(_placed(high, low, close) * volume, memory)


def chaikin_oscillator(
    high: Floats, low: Floats, close: Floats, volume: Floats, fast: int, slow: int,
    memory: Memory | None = None,
) -> Floats:  # fmt: skip
    """EMA(fast) - EMA(slow) of accumulation/distribution.

    As in ta_ADOSC.c once the beginnings are forgotten. First at slow - 1.
    """
    memory = memory or Memory()
    line = accumulation_distribution(high, low, close, volume, memory)
    return rolling.ema(line, fast, memory) - rolling.ema(line, slow, memory)


def chaikin_money_flow(
    high: Floats, low: Floats, close: Floats, volume: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """Volume of n bars, each times where its close stands, by their volume: -1 to 1. First at
    n - 1."""
    memory = memory or Memory()
    placed = rolling.window_sum(_placed(high, low, close) * volume, n, memory)
    return rolling.ratio(placed, rolling.window_sum(volume, n, memory), 0.0)


def money_flow_index(
    high: Floats, low: Floats, close: Floats, volume: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """Share of the money traded in rises, 0 to 100, over n bars (ta_MFI.c). First at n."""
    memory = memory or Memory()
    price = (high + low + close) / 3.0
    change, money = rolling.change(price, 1, memory), price * volume
    missing = np.isnan(change) | np.isnan(money)
    up = np.where(missing, np.nan, np.where(change > 0.0, money, 0.0))
    down = np.where(missing, np.nan, np.where(change < 0.0, money, 0.0))
    risen = rolling.window_sum(up, n, memory)
    return 100.0 * rolling.ratio(risen, risen + rolling.window_sum(down, n, memory), 0.5)


def force_index(close: Floats, volume: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Exponential average of the change times the volume (Elder 1993). First at n."""
    memory = memory or Memory()
    return rolling.ema(rolling.change(close, 1, memory) * volume, n, memory)


def illiquidity(close: Floats, volume: Floats, n: int, memory: Memory | None = None) -> Floats:
    """Mean of |log return| by the money traded, of those of n bars that had any. First at n.

    Amihud 2002, Journal of Financial Markets 5(1). NaN where none of the n traded.
    """
    memory = memory or Memory()
    moved = rolling.ratio(np.abs(log_return(close, 1, memory)), close * volume, 0.0)
    traded = np.where(np.isnan(moved), np.nan, volume > 0.0)
    total = rolling.window_sum(moved, n, memory)
    return rolling.ratio(total, rolling.window_sum(traded, n, memory), np.nan)


def volume_weighted_price(
    high: Floats, low: Floats, close: Floats, volume: Floats, n: int, memory: Memory | None = None
) -> Floats:
    """Mean of (high + low + close) / 3 by volume; NaN where none traded. First at n - 1."""
    memory = memory or Memory()
    money = rolling.window_sum((high + low + close) / 3.0 * volume, n, memory)
    return rolling.ratio(money, rolling.window_sum(volume, n, memory), np.nan)


def _placed(high: Floats, low: Floats, close: Floats) -> Floats:
    """Where the close stands: 1 at the high, -1 at the low."""
    return rolling.ratio((close - low) - (high - close), high - low, 0.0)
