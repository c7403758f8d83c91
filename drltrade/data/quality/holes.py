"""Bars that are not there, between the first and the last of a series.

Where a calendar is known, the sessions say what is due; otherwise the series itself: the hours that
it has on nearly every such weekday. What is missing at the end of a session that nothing is known
of is a half day, and no hole; so is a whole day without bars, a holiday, but in a market that never
closes.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.quality.days import DAY, Days, Ints, dates, days_of, labels
from drltrade.data.quality.finding import Finding
from drltrade.data.quality.sessions import Sessions

USUAL = 0.9
"""Share of the days of a weekday that have a bar of an hour which is usual."""
FEW, USUAL_OF_FEW = 5, 0.75
"""Days of a weekday below which all weekdays are taken together, and their share."""
ALWAYS = 0.9
"""Share of the days and of the bars of a market that never closes."""
SPARSE = 50
"""Places of a day and bar from which bars are too few to tell what is usual."""
FITTING = 0.9
"""Share of the bars that lie in the sessions of a calendar if it is theirs, on this clock."""
HOLIDAYS = 14
"""Days without a bar beyond which it is no holiday: China's golden weeks have ten."""
COMMON = 5
"""Symbols from which on the others tell what is due."""
Seen = NDArray[np.bool_]


def of_holes(symbol: str, frame: pd.DataFrame, sessions: Sessions | None) -> Iterator[Finding]:
    """Bars that are due and missing, in one finding."""
    days = days_of(frame)
    missing = _missing_longer(frame) if days is None else _missing_within(days, sessions)
    if missing is None or not len(missing):
        return
    spacing = int(np.median(np.diff(pd.DatetimeIndex(frame.index).as_unit("us").asi8)))
    there = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    gaps = len(np.unique(np.searchsorted(there, missing)))
    first = labels(missing[:1])[0]
    shown = first if spacing < DAY else first.date()
    text = (
        f"{len(missing)} bars are missing in {gaps} gap{'s' if gaps > 1 else ''}; the first: "
        f"{shown}"
    )
    yield Finding("warning", "missing_bar", symbol, labels(missing), text)


def of_common_dates(frames: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Dates without a bar of a symbol on which most others have one, where no calendar is known.

    Who has dates of its own besides follows another calendar than the others.
    """
    if len(frames) < COMMON:
        return
    own = {symbol: dates(frame).asi8 for symbol, frame in frames.items()}
    days, counts = np.unique(np.concatenate(list(own.values())), return_counts=True)
    alive = np.zeros(len(days) + 1, np.int64)
    for there in own.values():
        alive[np.searchsorted(days, there[0])] += 1
        alive[np.searchsorted(days, there[-1]) + 1] -= 1
    alive = np.cumsum(alive)[:-1]
    common, rare = days[counts > 0.5 * alive], days[counts <= 0.5 * alive]
    for symbol, there in own.items():
        due = common[(common > there[0]) & (common < there[-1])]
        if len(due) + 2 <= len(there) or np.isin(there, rare).any():
            continue
        lacking = labels(due[~np.isin(due, there)])
        if len(lacking):
            text = (
                f"{len(lacking)} dates without a bar on which most others have one; the first: "
                f"{lacking[0].date()}"
            )
            yield Finding("warning", "missing_session", symbol, lacking, text)


def _missing_longer(frame: pd.DataFrame) -> Ints | None:
    """Labels of days, weeks or months that are missing; days of a market that never closes."""
    times = pd.DatetimeIndex(frame.index).as_unit("us").asi8
    if len(times) < 3:
        return None
    steps = np.diff(times)
    spacing = int(np.median(steps))
    if spacing == DAY:
        every = (times[-1] - times[0]) // DAY + 1
        weekday = (times // DAY + 3) % 7
        if len(times) < ALWAYS * every or not {5, 6} <= set(weekday.tolist()):
            return _long_gaps(times, steps)
        return np.setdiff1d(np.arange(times[0], times[-1], DAY), times)
    if spacing < 6 * DAY:
        return None
    gaps = np.flatnonzero(steps > 1.6 * spacing)
    found = [
        times[i] + np.arange(1, round(steps[i] / spacing), dtype=np.int64) * spacing for i in gaps
    ]
    return np.concatenate(found) if found else None


def _long_gaps(times: Ints, steps: Ints) -> Ints | None:
    """Weekdays in gaps that are longer than any holiday's, of daily bars without weekends."""
    gaps = np.flatnonzero(steps > HOLIDAYS * DAY)
    if not len(gaps):
        return None
    days = np.concatenate([np.arange(times[i] + DAY, times[i + 1], DAY) for i in gaps])
    missing: Ints = days[(days // DAY + 3) % 7 < 5]
    return missing


class _Grid(NamedTuple):
    """Rows of places in which bars are due: a day each, or a session of the calendar."""

    origin: Ints
    """[rows] when they begin, in microseconds since 1970."""
    until: Ints
    """[rows] and when they end."""
    row: Ints
    """[T] of each bar that lies in one."""
    within: Ints
    """[T] its end, since the beginning of its row."""
    whole: bool
    """Whether the rows are known to be as long as this."""


def _missing_within(days: Days, sessions: Sessions | None) -> Ints | None:
    """Labels of bars within the day that are due and not there."""
    grid = _grid(days, sessions)
    spacing, rows = days.spacing, len(grid.origin)
    places = -(-int((grid.until - grid.origin).max()) // spacing)
    if rows * places > SPARSE * len(days.times):
        return None
    place = (grid.within - 1) // spacing
    seen = np.zeros((rows, places), np.bool_)
    seen[grid.row, place] = True
    due = _due(seen, (grid.origin // DAY + 3) % 7)
    if grid.whole:
        due &= np.asarray(seen.any(1))[:, None]  # a session without any bar is told of as such
    # Labels of places that have no bar: as far after the beginning of their place as most have.
    phases, often = np.unique(grid.within - place * spacing, return_counts=True)
    phase = int(phases[np.argmax(often)])
    kept = due & ~seen if grid.whole else _between(due, seen) & ~seen
    row, place = np.nonzero(kept)
    missing = grid.origin[row] + place * spacing + phase
    known = (missing > days.times[0]) & (missing < days.times[-1]) & (missing <= grid.until[row])
    return np.asarray(missing[known], np.int64)


def _grid(days: Days, sessions: Sessions | None) -> _Grid:
    """The sessions of the calendar if the bars are theirs, or else the days."""
    if sessions is not None and len(sessions.closes):
        at = np.minimum(np.searchsorted(sessions.closes, days.times), len(sessions.closes) - 1)
        inside = (sessions.opens[at] < days.times) & (days.times <= sessions.closes[at])
        if inside.mean() > FITTING:
            at = at[inside]
            first, last = int(at[0]), int(at[-1]) + 1
            origin, until = sessions.opens[first:last], sessions.closes[first:last]
            return _Grid(origin, until, at - first, days.times[inside] - sessions.opens[at], True)
    first, last = int(days.day[0]), int(days.day[-1]) + DAY
    origin = np.arange(first, last, DAY)
    return _Grid(origin, origin + DAY, (days.day - first) // DAY, days.within, False)


def _due(seen: Seen, weekday: Ints) -> Seen:
    """[days, places] whether there is usually a bar."""
    with_bars = seen.any(1)
    used = seen.any(0)
    if with_bars.mean() >= ALWAYS and seen.mean() >= ALWAYS and used.all():
        return np.ones_like(seen)
    pooled = seen[with_bars].mean(0) >= USUAL_OF_FEW
    due = np.zeros_like(seen)
    for each in range(7):
        rows = (weekday == each) & with_bars
        if rows.any():
            count = int(rows.sum())
            least = min(USUAL * count, count - 1)  # one is no habit
            due[rows] = pooled if count < FEW else seen[rows].sum(0) >= least
    return due


def _between(due: Seen, seen: Seen) -> Seen:
    """Places between two bars of one stretch of due ones, which its ends are not."""
    if not (due & ~seen).any():
        return due  # nothing is missing
    used = np.flatnonzero(due.any(0))
    # One place more on either side parts the days, if it is never due.
    part = slice(max(int(used[0]) - 1, 0), int(used[-1]) + 2)
    between = np.zeros_like(due)
    between[:, part] = _in_stretches(due[:, part], seen[:, part])
    return between


def _in_stretches(due: Seen, seen: Seen) -> Seen:
    flat, there = due.ravel(), (due & seen).ravel()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flat.astype(np.int8), [0]))))
    known = np.concatenate(([0], np.cumsum(there)))
    stretch = np.cumsum(np.concatenate(([flat[0]], flat[1:] & ~flat[:-1]))) - 1
    begins, ends = known[edges[::2]], known[edges[1::2]]
    before = known[:-1] > begins[np.maximum(stretch, 0)]
    after = known[1:] < ends[np.maximum(stretch, 0)]
    return np.asarray(flat & before & after).reshape(due.shape)
