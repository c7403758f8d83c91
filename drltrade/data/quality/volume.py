"""Volumes in another unit than those around them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.quality.days import days_of
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
SAMPLE = 100_000
"""Bars, of whole days spread over the series, by which the usual volume of an hour is told."""


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
    # Middles are smooth: of long spans those of short blocks are enough.
    block = max(around // AROUND, 1)
    thin = _thinned(logs, block)
    middle = np.repeat(_middle(thin, around // block), block)[: len(logs)]
    apart = np.abs(logs - middle)
    far = apart > np.log(UNIT_CHANGE)
    swapped = np.zeros(len(logs), np.bool_)
    if far.sum() >= max(SWAPS, SWAPPED_SHARE * len(far)):
        price = np.log(frame["close"].to_numpy(np.float64)[traded])
        swapped = far & (np.abs(apart - price) < np.log(CLOSE_TO)) & (price > np.log(SWAPPED))
    if swapped.sum() >= max(SWAPS, SWAPPED_SHARE * len(swapped)):
        mask = np.zeros(len(frame), np.bool_)
        mask[traded] = swapped
        yield from finding(
            "warning", "volume_unit", symbol, frame, mask,
            "volume {volume:g} at a close of {close:g}: in currency among units, or the reverse",
        )  # fmt: skip
        logs = np.where(swapped, middle, logs)
        thin = _thinned(logs, block)
    mask, most = np.zeros(len(frame), np.bool_), 0.0
    for where, change in _steps(thin, around // block):
        mask[np.flatnonzero(traded)[_within(logs, where * block, around, block)]] = True
        most = max(most, change)
    yield from finding(
        "warning", "volume_unit", symbol, frame, mask,
        f"from here on volumes are {np.exp(most):.0f} times others, or a part so small",
    )  # fmt: skip


def _scale(frame: pd.DataFrame, traded: NDArray[np.bool_]) -> tuple[int, Floats]:
    """Bars that a middle is taken over, and [traded] the log volume usual at the hour of each."""
    days = days_of(frame)
    if days is None:
        return AROUND, np.zeros(1)
    number = np.cumsum(np.concatenate(([False], np.diff(days.day) > 0)))
    a_day = len(days.times) // (int(number[-1]) + 1)
    place = (days.within - 1) // days.spacing
    # Every so many days; 7 and 5 divide none of the numbers, so that all weekdays are there.
    every = _no_week(len(place) // SAMPLE)
    taken = traded if every == 1 else traded & (number % every == 0)
    logs = np.log(frame["volume"].to_numpy(np.float64)[taken])
    known = place[taken]
    order = np.lexsort((logs, known))
    hours, start, count = np.unique(known[order], return_index=True, return_counts=True)
    usual = np.full(int(place.max()) + 1, np.median(logs) if len(logs) else 0.0)
    usual[hours] = logs[order][start + count // 2]
    return max(AROUND, DAYS * a_day), usual[place[traded]]


def _no_week(count: int) -> int:
    """The first number from `count` on, and from 1, that 5 and 7 do not divide."""
    count = max(count, 1)
    return count if count % 5 and count % 7 else _no_week(count + 1)


def _spread(logs: Floats) -> bool:
    """Whether any two stretches of volumes differ enough to be in two units."""
    if not len(logs):
        return False
    apart = np.abs(logs - np.median(logs)) > np.log(UNIT_CHANGE) / 2
    return int(apart.sum()) >= SWAPS


def _thinned(logs: Floats, block: int) -> Floats:
    """The medians of blocks; the last takes what is left over."""
    if block == 1:
        return logs
    whole = len(logs) // block * block
    thin = np.median(logs[:whole].reshape(-1, block), axis=1)
    return np.append(thin, np.median(logs[whole:])) if whole < len(logs) else thin


def _middle(logs: Floats, around: int) -> Floats:
    """[T] medians of the volumes around each."""
    series = pd.Series(logs)
    middle = series.rolling(2 * around + 1, center=True, min_periods=around).median()
    return middle.to_numpy(np.float64)


def _steps(logs: Floats, around: int) -> Iterator[tuple[int, float]]:
    """Where a stretch in another unit begins, and by how much its volumes differ, as a log.

    The medians say that there is a change, and the means where: at both ends of a stretch.
    """
    change = _change(logs, around, "median")
    if change.max(initial=0.0) <= np.log(UNIT_CHANGE):
        return
    steps = np.where(change > np.log(UNIT_CHANGE), _change(logs, around, "mean"), 0.0)
    while steps.any():
        where = int(np.argmax(steps))
        yield where + 1, float(change.max())
        steps[max(where - around + 1, 0) : where + around] = 0.0


def _change(logs: Floats, around: int, middle: str) -> Floats:
    """[T] from the `around` volumes up to each to those after it."""
    before = getattr(pd.Series(logs).rolling(around), middle)()
    after = before.shift(-around)
    change: Floats = np.abs((after - before).to_numpy(np.float64))
    return np.nan_to_num(change)


def _within(logs: Floats, near: int, around: int, block: int) -> int:
    """The bar of a change that lies close to `near`: where the means differ most."""
    if block == 1:
        return near
    first = max(near - around - 2 * block, 0)
    change = _change(logs[first : near + around + 2 * block], around, "mean")
    return first + int(np.argmax(change)) + 1
