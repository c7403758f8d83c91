"""Bars that cannot have been, as masks over a series: for the check and for the repair."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES, SLACK

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

NO_ACCIDENT = 5
"""So many at least."""
MIXED = 0.05
"""Share of closes outside their bar's range, all on one side, beyond which it is no accident."""
LARGE_MOVE = 0.4
"""Of one bar: beyond it a move is shown."""
BACK = 0.03
"""A bad tick is one after which prices are back where they were, within so much."""
BUSY = 3.0
"""Times the usual volume from which a move was traded on, and may be true."""
WILD = 15.0
"""Median moves of the bars around that a bad tick is larger than."""
TICKS = 8.0
"""Small steps of the price that a bad tick is more than: of a share at 0.02 every move is large."""


def missing(frame: pd.DataFrame) -> Mask:
    """[T] bars of which a price or the volume is missing, or infinite."""
    values = [frame[name].to_numpy(np.float64) for name in COLUMNS]
    # A sum is not finite where one of its parts is not, and is quicker than five comparisons.
    total = values[0] + values[1] + values[2] + values[3] + values[4]
    if np.isfinite(total.sum()):
        return np.zeros(len(frame), np.bool_)
    absent: Mask = ~np.logical_and.reduce([np.isfinite(each) for each in values])
    return absent


def not_positive(frame: pd.DataFrame) -> Mask:
    """[T] bars with a price of 0 or below, or a volume below 0."""
    wrong: Mask = frame["volume"].to_numpy(np.float64) < 0.0
    for name in PRICES:
        wrong |= frame[name].to_numpy(np.float64) <= 0.0
    return wrong


def outside_bars(frame: pd.DataFrame) -> tuple[Mask, Mask]:
    """[T] bars with a price above the high or below the low; and, if there are so many on one side
    that it is no accident but an adjusted close among prices that are not, [T] those apart."""
    opened, high, low, close = (frame[name].to_numpy(np.float64) for name in PRICES)
    slack = SLACK * np.abs(close)
    under, over = low - slack, high + slack
    below, above = close < under, close > over
    others = (high < under) | (opened > over) | (opened < under)
    none = np.zeros(len(frame), np.bool_)
    if not (below.any() or above.any() or others.any()):
        return none, none
    positive = (opened > 0.0) & (high > 0.0) & (low > 0.0) & (close > 0.0)
    below, above, others = below & positive, above & positive, others & positive
    one_sided = min(below.sum(), above.sum()) <= 0.05 * max(below.sum(), above.sum())
    many = (below | above).sum() > max(MIXED * positive.sum(), NO_ACCIDENT)
    if one_sided and many:
        return others, below | above
    return others | below | above, none


def returns(close: Floats) -> Floats:
    """[T] closes over those before; 1 of the first."""
    ratio = np.ones(len(close))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio[1:] = close[1:] / close[:-1]
    return ratio


def usual_volume(volume: Floats, row: int, bars: int = 20) -> float:
    """Median of the volumes around a bar, without it and the next; NaN if none was recorded."""
    around = np.concatenate((volume[max(row - bars, 0) : row], volume[row + 2 : row + 2 + bars]))
    around = around[around > 0]
    return float(np.median(around)) if len(around) else float("nan")


def bad_ticks(frame: pd.DataFrame) -> tuple[Mask, Mask]:
    """[T] closes far from both their neighbours, which agree, and from their own bar's open; and
    [T] those of them that are sure: outside their bar, or traded on no more volume than others.

    A flash crash is true: it trades many times what other bars do.
    """
    close = frame["close"].to_numpy(np.float64)
    tick, sure = np.zeros(len(close), np.bool_), np.zeros(len(close), np.bool_)
    large = np.abs(returns(close) - 1.0) > LARGE_MOVE
    rows = np.flatnonzero(large[1:-1]) + 1
    if not len(rows):
        return tick, sure
    opened, high, low, volume = (
        frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "volume")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        around = np.abs(close[rows + 1] / close[rows - 1] - 1.0) < BACK
        # False where it is missing. The way back need not be large as a return: of +60% it is -37%.
        at_home = np.abs(opened[rows] / close[rows - 1] - 1.0) < LARGE_MOVE / 2
    for row in rows[around & at_home]:
        near = close[max(row - 20, 0) : row + 20]
        steps, moves = np.abs(np.diff(near)), np.abs(np.log(near[1:] / near[:-1]))
        coarse = abs(close[row] - close[row - 1]) < TICKS * np.quantile(steps[steps > 0], 0.1)
        if coarse or abs(np.log(close[row] / close[row - 1])) < WILD * np.median(moves):
            continue
        tick[row] = True
        outside = not low[row] * (1 - SLACK) <= close[row] <= high[row] * (1 + SLACK)
        sure[row] = outside or volume[row] < BUSY * usual_volume(volume, int(row))
    return tick, sure
