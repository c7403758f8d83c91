"""Bars quoted in another unit than their neighbours: before a split, or in pence instead of pounds.

What `levels` finds by its prices, and single prices of a bar.
"""

import numpy as np
import pandas as pd

from drltrade.data.bars import PRICES
from drltrade.data.faults import Floats, Mask
from drltrade.data.levels import Levels, off_by
from drltrade.data.mending import Mending, Rescaled
from drltrade.data.unadjusted import adjust_for_forgotten_splits

HUNDREDTHS = ("L", "JO", "TA", "IL")
"""Suffixes of symbols of exchanges that quote in hundredths: pence, cents, agorot."""
SWITCH = 8.0
"""Minus the log probability of a change of unit."""
SWITCH = 8.0
"""Minus the log probability of a change of unit."""
OUT_OF_ORDER = 0.02
"""How far a rescaled high may lie below the middle of its bar, for it had few digits left."""
AT_END = 1.0
"""How far adjusted close and close are from each other at the end, as a logarithm, at most."""
LEAST_HIGH = 0.25
"""Share of the bars that are in hundredths, from which the exchange says that the others are wrong.
"""
BLOCK = 50
"""Bars of which, with the next as many, highest and lowest price are compared first."""
STEADY = 2.7
"""Times, within which no price is in another unit."""


def rescaled(frame: pd.DataFrame, symbol: str, raw: bool = False) -> list[Rescaled]:
    """Which values of a series are in another unit, and by what they are to be multiplied.

    Args:
        frame: bars [T] by ascending labels; perhaps with columns split and "adjusted close".
        symbol: says whether the exchange quotes in hundredths.
        raw: prices are not adjusted for splits, nor ought to be.
    """
    mending = Mending(frame)
    if not raw and "split" in frame:
        adjust_for_forgotten_splits(mending)
    told: Floats | float = 0.0
    if raw and "split" in frame and (frame["split"] != 1.0).any():
        told = np.cumsum(np.log(frame["split"].to_numpy()))
    elif _is_steady(mending.frame):
        return mending.found
    if _units(mending, symbol, told):
        _single_prices(mending, told)
    return mending.found


def _is_steady(frame: pd.DataFrame) -> bool:
    """Whether no price is so far from those around it that its unit could be another."""
    names = [name for name in (*PRICES, "adjusted close") if name in frame]
    highest: list[Floats] = []
    lowest: list[Floats] = []
    for name in names:
        values = frame[name].to_numpy(np.float64)
        whole = len(values) // BLOCK * BLOCK
        if not whole:
            return False
        # The last block takes what is left over with it. NaN is in no order, and not steady.
        blocks = values[:whole].reshape(-1, BLOCK)
        high, low = blocks.max(axis=1), blocks.min(axis=1)
        high[-1], low[-1] = values[whole - BLOCK :].max(), values[whole - BLOCK :].min()
        if name == "adjusted close":  # it has a level of its own
            return _are_near([high], [low]) and _are_near(highest, lowest)
        highest.append(high)
        lowest.append(low)
    return _are_near(highest, lowest)


def _are_near(highest: list[Floats], lowest: list[Floats]) -> bool:
    """Whether prices of a block and the next are all within a factor of each other."""
    high, low = np.maximum.reduce(highest), np.minimum.reduce(lowest)
    near = np.maximum(high[1:], high[:-1]) < STEADY * np.minimum(low[1:], low[:-1])
    return bool(near.all() and (low > 0).all() and (high < STEADY * low).all())


def _units(mending: Mending, symbol: str, told: Floats | float) -> bool:
    """Bars in pence among those in pounds, or the reverse; whether they are in one unit now."""
    level, adjusted = mending.level() + told, mending.adjusted()
    # Splits that are told of, and prices not adjusted for, are no change of unit.
    off = off_by(Levels(level, mending.log("close") + told, adjusted), 100.0, SWITCH)
    # At its end an adjusted close is the close: where it is, both are in the right unit there.
    there = np.flatnonzero(np.isfinite(level) & (adjusted is None or np.isfinite(adjusted)))
    last = int(there[-1]) if len(there) else 0
    at_end = adjusted is not None and bool(abs(adjusted[last] - level[last]) < AT_END)
    varies = [bool(each.any() and not each.all()) for each in off[:2]]
    hundredths = _in_hundredths(symbol)
    found = []
    for number, (high, columns) in enumerate(
        zip(off[:2], (list(PRICES), ["adjusted close"]), strict=True)
    ):
        if not varies[number] or (number == 1 and adjusted is None):
            continue
        low_is_wrong = hundredths or float(high.mean()) > 0.5
        if hundredths and float(high.mean()) < LEAST_HIGH:
            # The exchange says one thing and nearly all bars another: it is found, and stays.
            return False
        if at_end and not varies[1 - number]:
            low_is_wrong = bool(high[last])
        elif not hundredths and _in_doubt(high != low_is_wrong, off.doubtful):
            return False
        factor = 100.0 if low_is_wrong else 0.01
        found.append(((high != low_is_wrong) & np.isfinite(level), columns, factor))
    for wrong, columns, factor in found:
        mending.mend(wrong, columns, factor, f"{_times(factor)} of what the other bars are")
    return True


def _in_doubt(wrong: Mask, doubtful: Mask) -> bool:
    """Whether those that are wrong are the most between two doubts, though the fewest of all.

    Where it is open whether the unit changes, what lies on either side says nothing of the other.
    """
    part = np.cumsum(doubtful)
    return bool((np.bincount(part, wrong) > 0.5 * np.bincount(part)).any())


def _single_prices(mending: Mending, told: Floats | float) -> None:
    """Single prices in another unit than those around them."""
    level, adjusted = mending.level() + told, mending.adjusted()
    steps = [
        each is not None and bool((np.abs(np.diff(each)) > 3.0).any()) for each in (level, adjusted)
    ]
    for name in [*PRICES, *(["adjusted close"] if adjusted is not None else [])]:
        own = name == "adjusted close"  # it has a level of its own
        value = mending.log(name) + (0.0 if own else told)
        reference = value if own else level
        # Most series have no such step anywhere, and need no middle.
        if not ((np.abs(value - reference) > 1.0).any() or steps[own]):
            continue
        around = pd.Series(reference).rolling(7, center=True, min_periods=2).median().to_numpy()
        for factor in (100.0, 0.01):
            off = np.abs(value - around + np.log(factor)) < np.log(1.5)
            if not own:
                off &= _in_order(name, value + np.log(factor) - level)
            mending.mend(off, [name], factor, f"{_times(factor)} of the prices around it")


def _in_order(name: str, above: Floats) -> Mask:
    """[T] whether a high is not below the middle of its bar, and a low not above it; `above` is its
    logarithm over the middle's."""
    wrong = {"high": above < -OUT_OF_ORDER, "low": above > OUT_OF_ORDER}
    return ~wrong.get(name, np.zeros(len(above), np.bool_))


def _times(factor: float) -> str:
    return "a hundredth" if factor > 1 else "a hundred times"


def _in_hundredths(symbol: str) -> bool:
    return symbol.replace("-", ".").rpartition(".")[2] in HUNDREDTHS and symbol not in HUNDREDTHS
