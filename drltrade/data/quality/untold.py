"""Splits that nothing tells of: a step of the price by a ratio of shares, and nothing else.

A split has a ratio of small numbers at the open already, on a day that is otherwise like any other:
its range, between high and low, is the usual one, and its volume is that of other days, in new
shares or in old ones. A crash is traded on many times the volume, through a wide range.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.quality.days import DAY, days_of

Floats = NDArray[np.float64]

SPLITS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 1.5])
"""New shares for an old one; the inverses are reverse splits."""
SMALLEST_MOVE = np.log(1.4)
"""Of a close over the one before: the smallest that is looked at."""
NEAR_SPLIT = 0.06
"""How far the move of a split's session may take its ratio from the split's, at most."""
DEVIATIONS = 4.0
"""How far, in deviations of the series' own moves."""
WIDE = 3.0
"""Times the usual range of a bar: a crash."""
ORDINARY = np.log(2.0)
"""How far from its usual volume an ordinary day is, as a logarithm."""
SURE = np.log(1.9)
"""Smaller splits are told from true moves by their volume alone, and not for sure."""
TRUE = np.log(2.5)
"""Moves that shares have truly made overnight, on two or three times their volume."""
HUGE = np.log(3.5)
"""Splits from which on an unchanged volume rules out a true move."""
CLEAR = 12.0
"""Deviations that a split is larger than; of what moves more, moves of its size are ordinary."""
AROUND = 60
LONGER = 5 * DAY
"""Between bars that are longer than a day."""


class Untold(NamedTuple):
    """Moves that are splits, as far as prices and volumes tell."""

    shares: Floats
    """[T] new shares for an old one; 1: none."""
    sure: NDArray[np.bool_]
    """[T] whether nothing speaks against it."""


def nearest_split(shares: float) -> float:
    """The split closest to a ratio."""
    candidates = np.concatenate((SPLITS, 1.0 / SPLITS))
    return float(candidates[np.argmin(np.abs(np.log(candidates / shares)))])


def untold_splits(frame: pd.DataFrame, ratio: Floats, asked: NDArray[np.bool_]) -> Untold:
    """Which of the moves asked for are splits; `ratio` [T] are closes over those before."""
    shares, sure = np.ones(len(ratio)), np.zeros(len(ratio), np.bool_)
    rows = np.flatnonzero(asked & (np.abs(np.log(ratio)) > SMALLEST_MOVE))
    if len(rows):
        rows = rows[_overnight(frame)[rows]]
    if not len(rows):
        return Untold(shares, sure)
    short = not _longer_than_days(frame)
    opened, high, low, close, volume = (
        frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")
    )
    for row in rows:
        split = nearest_split(1.0 / ratio[row])
        prices = np.array([opened[row], high[row], low[row], close[row]])
        usual = _usual_moves(opened, close, int(row))
        if not (prices > 0).all() or abs(np.log(split)) < CLEAR * usual:
            continue
        off = np.log(prices * split / close[row - 1])
        near = min(NEAR_SPLIT, max(DEVIATIONS * usual, 1e-3))
        range_ = _usual_range(high, low, int(row))
        wide = np.log(high[row] / low[row]) > WIDE * max(range_, usual)
        if max(abs(off[0]), abs(off[3])) > near or wide:
            continue
        large = abs(np.log(split)) > SURE
        before, after = volume[max(row - 20, 0) : row], volume[row : row + 5]
        if (before > 0).any() and not (after > 0).any():
            continue  # it is quoted and not traded any more, which is no split's
        if not ((before > 0).any() and (after > 0).all()):
            shares[row] = split if large else 1.0  # by its price alone
            continue
        usual_volume = np.log(np.median(before[before > 0]))
        day, days = np.log(after[0]) - usual_volume, np.log(np.median(after)) - usual_volume
        in_new = max(abs(day - np.log(split)), abs(days - np.log(split))) < ORDINARY
        in_old = max(abs(day), abs(days)) < ORDINARY
        told_by_volume = in_new and abs(days - np.log(split)) < abs(days)
        huge = abs(np.log(split)) > HUGE and in_old
        if large and (in_new or in_old):
            sure[row] = short and (told_by_volume or huge) and abs(np.log(split)) > TRUE
            shares[row] = split
        elif told_by_volume and short:
            shares[row] = split
    return Untold(shares, sure)


def _overnight(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """[T] the first bars of their days: splits come into force overnight."""
    first = np.ones(len(frame), np.bool_)
    days = days_of(frame)
    if days is not None:
        first[1:] = np.diff(days.day) > 0
    return first


def _longer_than_days(frame: pd.DataFrame) -> bool:
    """Of a week or a month that a split lies in, prices are on both sides of it: none is sure."""
    times = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    return len(times) > 1 and bool(np.median(np.diff(times)) > LONGER)


def _usual_range(high: Floats, low: Floats, row: int) -> float:
    """Median of the logarithmic ranges of the bars around one, without it."""
    part = np.r_[max(row - AROUND, 0) : row, row + 1 : min(row + 1 + AROUND, len(high))]
    with np.errstate(divide="ignore", invalid="ignore"):
        ranges = np.log(high[part] / low[part])
    ranges = ranges[np.isfinite(ranges)]
    return float(np.median(ranges)) if len(ranges) else 0.0


def _usual_moves(opened: Floats, close: Floats, row: int) -> float:
    """Deviation of closes, or opens, over the close before, as a median tells it."""
    first = max(row - AROUND, 0)
    part = slice(first, row + AROUND)
    usual = [0.0]
    for prices in (opened, close):  # of some vendors an open is the close before
        with np.errstate(divide="ignore", invalid="ignore"):
            moves = np.abs(np.log(prices[part][1:] / close[part][:-1]))
        moves = moves[np.isfinite(moves)]
        usual.append(1.48 * float(np.median(moves)) if len(moves) else 0.0)
    return max(usual)
