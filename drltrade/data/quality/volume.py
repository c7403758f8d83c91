"""Volumes in another unit than those around them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.quality.days import bars_a_day, days_of
from drltrade.data.quality.finding import Finding, finding

Floats = NDArray[np.float64]

UNIT_CHANGE = 30.0
"""Times, of the median of `AROUND` volumes: more than interest changes them, less than lots do."""
AROUND = 40
DAYS = 3
"""Days that a change within the day is measured over; busy hours are no change of unit."""
SWAPPED = 20.0
"""Least price at which volumes in units are told from those in currency."""
SWAPS, SWAPPED_SHARE = 10, 0.01
"""So many at least, and this share of bars: single ones are days on which one joins an index."""
CLOSE_TO = 2.5
"""Times: how near a volume is to its neighbours' when it is taken in the other unit."""


def of_volume(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Volumes that are in currency among those in units, or the reverse; and a change of unit."""
    volume = frame["volume"].to_numpy(np.float64)
    traded = volume > 0
    around, hours = _scale(frame, traded)
    if traded.sum() < 3 * around:
        return
    logs = np.log(volume[traded]) - hours
    if not _spread(logs):
        return  # as in nearly every series
    price = np.log(frame["close"].to_numpy(np.float64)[traded])
    middle = _middle(logs, around)
    apart = logs - middle
    swapped = (np.abs(np.abs(apart) - price) < np.log(CLOSE_TO)) & (price > np.log(SWAPPED))
    swapped &= np.abs(apart) > np.log(UNIT_CHANGE)
    if swapped.sum() < max(SWAPS, SWAPPED_SHARE * len(swapped)):
        swapped[:] = False
    mask = np.zeros(len(frame), np.bool_)
    mask[traded] = swapped
    yield from finding(
        "warning", "volume_unit", symbol, frame, mask,
        "volume {volume:g} at a close of {close:g}: in currency among units, or the reverse",
    )  # fmt: skip
    logs = np.where(swapped, middle, logs)
    mask = np.zeros(len(frame), np.bool_)
    change = _change(logs, around, "median")
    # The medians say that there is a change, and the means where: at both ends of a stretch.
    steps = np.where(change > np.log(UNIT_CHANGE), _change(logs, around, "mean"), 0.0)
    while steps.any():
        where = int(np.argmax(steps))
        mask[np.flatnonzero(traded)[where + 1]] = True
        steps[max(where - around + 1, 0) : where + around] = 0.0
    yield from finding(
        "warning", "volume_unit", symbol, frame, mask,
        f"from here on volumes are {np.exp(change.max()):.0f} times others, or a part so small",
    )  # fmt: skip


def _scale(frame: pd.DataFrame, traded: NDArray[np.bool_]) -> tuple[int, Floats]:
    """Bars that a middle is taken over, and [traded] the log volume usual at the hour of each."""
    days = days_of(frame)
    if days is None:
        return AROUND, np.zeros(int(traded.sum()))
    place = (days.within[traded] - 1) // days.spacing
    logs = np.log(frame["volume"].to_numpy(np.float64)[traded])
    order = np.lexsort((logs, place))
    _, start, inverse, count = np.unique(
        place[order], return_index=True, return_inverse=True, return_counts=True
    )
    usual = np.empty(len(logs))
    usual[order] = logs[order][start + count // 2][inverse]
    return max(AROUND, DAYS * bars_a_day(frame)), usual


def _spread(logs: Floats) -> bool:
    """Whether any two stretches of volumes differ enough to be in two units."""
    if not len(logs):
        return False
    apart = np.abs(logs - np.median(logs)) > np.log(UNIT_CHANGE) / 2
    return int(apart.sum()) >= SWAPS


def _middle(logs: Floats, around: int) -> Floats:
    """[T] medians of the volumes around each."""
    series = pd.Series(logs)
    middle = series.rolling(2 * around + 1, center=True, min_periods=around).median()
    return middle.to_numpy(np.float64)


def _change(logs: Floats, around: int, middle: str) -> Floats:
    """[T] from the `around` volumes up to each to those after it."""
    before = getattr(pd.Series(logs).rolling(around), middle)()
    after = before.shift(-around)
    change: Floats = np.abs((after - before).to_numpy(np.float64))
    return np.nan_to_num(change)
