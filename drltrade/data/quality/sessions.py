"""Dates: what befalls all symbols of one, and whether they are sessions of the exchange."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data import calendars
from drltrade.data.quality.days import DAY, Ints, dates, days_of, labels
from drltrade.data.quality.finding import Finding

SHIFTED_DAYS = 5
"""Days in a row on other hours from which it is no accident."""
SYSTEMIC = 0.5
"""Share of the symbols of a date beyond which what befalls them is the date's."""
SUMMER_TIME = 1.0
"""Hours."""


class Sessions(NamedTuple):
    """Sessions of an exchange, on the clock of the labels."""

    days: pd.DatetimeIndex
    """[S] their dates."""
    opens: Ints
    """[S] in microseconds since 1970, as the closes."""
    closes: Ints


def sessions_of(
    frames: Mapping[str, pd.DataFrame], calendar: str, zone: str | None = None
) -> Sessions:
    """The sessions of a calendar in the time of the data.

    Sessions that are whole days, as of coins and of currencies, are those of the labels' own clock.

    Args:
        frames: bars by symbol.
        calendar: its name.
        zone: of the labels; None: the exchange's own.
    """
    day = pd.Timedelta(days=1)
    first = min(pd.Timestamp(frame.index[0]) for frame in frames.values()) - day
    last = max(pd.Timestamp(frame.index[-1]) for frame in frames.values()) + day
    known = calendars.schedule(calendar, zone, first, last)
    return Sessions(known.sessions, known.opens.asi8, known.closes.asi8)


def of_dates(frames: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """What befalls most symbols at once."""
    if len(frames) < 5:
        return
    silent = [frame.index[frame["volume"].to_numpy() == 0.0] for frame in frames.values()]
    counts = _together(silent)
    if counts.empty:
        return
    there = _together(frame.index for frame in frames.values()).reindex(counts.index)
    most = (counts > SYSTEMIC * there).to_numpy()
    if most.any():
        times = pd.DatetimeIndex(counts.index[most]).sort_values()
        text = f"no volume for {counts[times[0]]} of {there[times[0]]} symbols"
        yield Finding("warning", "zero_volume", None, times, text)


def _together(indices: Iterable[pd.Index]) -> pd.Series:
    """How often each label is there."""
    found = [pd.DatetimeIndex(index).as_unit("us").asi8 for index in indices if len(index)]
    if not found:
        return pd.Series(dtype=np.int64)
    times, counts = np.unique(np.concatenate(found), return_counts=True)
    return pd.Series(counts, labels(times))


def of_sessions(
    frames: Mapping[str, pd.DataFrame], calendar: str, sessions: Sessions
) -> Iterator[Finding]:
    """Sessions without a bar, and bars without a session."""
    holes: dict[str, pd.DatetimeIndex] = {}
    for symbol, frame in frames.items():
        there = _session_dates(frame, sessions)
        expected = sessions.days[(sessions.days >= there[0]) & (sessions.days <= there[-1])]
        holes[symbol] = expected.difference(there)
        strange = there.difference(sessions.days)
        if len(strange):
            text = f"a bar on {strange[0].date()}, which is no session of {calendar}"
            yield Finding("warning", "no_session", symbol, strange, text)
    counts = _together(holes.values())
    most = (counts > SYSTEMIC * len(frames)).to_numpy() & (len(frames) >= 5)
    every = pd.DatetimeIndex(counts.index[most]).sort_values()
    if len(every):
        text = f"a session of {calendar} that most symbols lack"
        yield Finding("warning", "missing_session", None, every, text)
    for symbol, missing in holes.items():
        own = missing.difference(every)
        if len(own):
            text = f"{len(own)} sessions of {calendar} without a bar; the first: {own[0].date()}"
            yield Finding("warning", "missing_session", symbol, own, text)


def _session_dates(frame: pd.DataFrame, sessions: Sessions) -> pd.DatetimeIndex:
    """Dates of the sessions that bars lie in: in (open, close], or on the same date before or after
    it, as what is traded when the exchange is closed."""
    days = days_of(frame)
    if days is None or not len(sessions.days):
        return dates(frame)
    at = np.searchsorted(sessions.closes, days.times)  # the first that has not closed before
    at = np.minimum(at, len(sessions.days) - 1)
    inside = (sessions.opens[at] < days.times) & (days.times <= sessions.closes[at])
    found = np.where(inside, sessions.days.as_unit("us").asi8[at], days.day)
    return labels(np.unique(found))


def of_hours(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Days that begin and end hours before or after the usual ones, of bars within the day.

    So they do where labels change their zone; and, by one hour from spring to autumn, where they
    are of a zone without the exchange's summer time, which is only worth knowing.
    """
    days = days_of(frame)
    if days is None:
        return
    day, start = np.unique(days.day, return_index=True)
    end = np.concatenate((start[1:], [len(days.times)])) - 1
    if np.median(end - start) < 1:
        return
    shifts = [
        (edge - np.median(edge)) / (DAY / 24.0) for edge in (days.within[start], days.within[end])
    ]
    both = (shifts[0] == shifts[1]) & (shifts[0] != 0) & (shifts[0] % 0.5 == 0)
    if not both.any():
        return
    # A half day ends early, and a holiday's eve: only days in a row are another clock.
    edges = np.flatnonzero(np.diff(np.concatenate(([0], both.astype(np.int8), [0]))))
    summers = both & (np.abs(shifts[0]) == SUMMER_TIME)
    shifted = np.zeros_like(both)
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        shifted[first:last] = last - first >= SHIFTED_DAYS
    for severity, mask, why in (
        ("note", shifted & summers, "summer time of a zone that the labels are not in?"),
        ("warning", shifted & ~summers, "another time zone?"),
    ):
        if mask.any():
            hours = shifts[0][mask][0]
            text = (
                f"the day begins and ends {abs(hours):g} hours {'late' if hours > 0 else 'early'}"
            )
            yield Finding(severity, "zone_shift", symbol, labels(day[mask]), f"{text}: {why}")  # type: ignore[arg-type]
