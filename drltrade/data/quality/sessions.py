"""Dates: what befalls all symbols of one, and whether they are sessions of the exchange."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from drltrade.data import calendars
from drltrade.data.quality.finding import Finding

SHIFTED_DAYS = 5
"""Days in a row on other hours from which it is no accident."""
SYSTEMIC = 0.5
"""Share of the symbols of a date beyond which what befalls them is the date's."""


def of_dates(frames: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """What befalls most symbols at once."""
    if len(frames) < 5:
        return
    silent = [frame.index[frame["volume"].to_numpy() == 0.0] for frame in frames.values()]
    there = pd.concat([frame.index.to_series() for frame in frames.values()]).value_counts()
    counts = _together(silent)
    there = there.reindex(counts.index)
    most = (counts > SYSTEMIC * there).to_numpy()
    if most.any():
        times = pd.DatetimeIndex(counts.index[most]).sort_values()
        text = f"no volume for {counts[times[0]]} of {there[times[0]]} symbols"
        yield Finding("warning", "zero_volume", None, times, text)


def _together(indices: Iterable[pd.Index]) -> pd.Series:
    labels = [index.to_series() for index in indices if len(index)]
    return pd.concat(labels).value_counts() if labels else pd.Series(dtype=np.int64)


def of_sessions(frames: Mapping[str, pd.DataFrame], calendar: str) -> Iterator[Finding]:
    """Sessions without a bar, and bars without a session."""
    first = min(frame.index[0] for frame in frames.values())
    last = max(frame.index[-1] for frame in frames.values())
    sessions = calendars.sessions(calendar, first, last)
    holes: dict[str, pd.DatetimeIndex] = {}
    for symbol, frame in frames.items():
        dates = pd.DatetimeIndex(frame.index).normalize().unique().as_unit("us")
        expected = sessions[(sessions >= dates[0]) & (sessions <= dates[-1])]
        holes[symbol] = expected.difference(dates)
        strange = dates.difference(sessions)
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


def of_hours(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Days that begin and end hours before or after the usual ones, of bars within the day.

    So they do where labels change their zone, or are of a zone without the exchange's summer time.
    """
    times = pd.DatetimeIndex(frame.index)
    if times.is_normalized:
        return
    days = pd.Series(times, times.normalize()).groupby(level=0)
    first, last, count = days.min(), days.max(), days.size()
    if count.median() < 2:
        return
    shifts = []
    for edge in (first, last):
        of_day = (edge - edge.index).dt.total_seconds()
        shifts.append((of_day - of_day.median()) / 3600.0)
    both = (shifts[0] == shifts[1]) & (shifts[0] != 0) & (shifts[0] % 0.5 == 0)
    # A half day ends early, and a holiday's eve: only days in a row are another clock.
    length = both.groupby((both != both.shift()).cumsum()).transform("size")
    shifted = both & (length >= SHIFTED_DAYS)
    if shifted.any():
        hours = shifts[0][shifted].iloc[0]
        text = f"the day begins and ends {abs(hours):g} hours {'late' if hours > 0 else 'early'}"
        dates = pd.DatetimeIndex(shifted.index[shifted])
        yield Finding("warning", "zone_shift", symbol, dates, f"{text}: another time zone?")
