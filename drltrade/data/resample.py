"""Bars of a lower frequency out of those of a higher one, each labelled by its END.

A bar is complete when nothing can be added to it any more, and not before; until then it is nowhere
to be seen. When that is follows from the clock and the calendar, never from later bars.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data import calendars
from drltrade.data.bars import Bars, median_spacing
from drltrade.data.calendars import Schedule
from drltrade.data.frequencies import length_of, parse_frequency
from drltrade.data.labels import dates_of
from drltrade.errors import ConfigError

AGGREGATED = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
_DAY = pd.Timedelta(days=1)


class Resampled(NamedTuple):
    """Bars of a lower frequency."""

    frame: pd.DataFrame
    """[K] open, high, low, close, volume by label: the END of the bar, or the date on which it
    ends, where it is of a day or more."""
    complete: pd.DatetimeIndex
    """[K] the label of the bars they are made of from which on they are complete."""


def resampled(frame: pd.DataFrame, frequency: str, schedule: Schedule | None = None) -> Resampled:
    """Bars of a lower frequency; one that is not complete by the last label is left out.

    Hours begin on the hour, and parts of a day at midnight. A week ends on Friday and a month on
    its last weekday, and what trades at the weekend counts for what comes next, as in currencies.
    Only a calendar can tell that a market has sessions at weekends; there they end on Sunday, and
    on the month's last day.

    Args:
        frame: bars [T] by ascending naive labels, their ENDs.
        frequency: such as "1h" or "1w".
        schedule: sessions and when each closes, half days included, until after the last bar. Of
            bars within the day, a day is complete at its close, and what trades later counts for
            the next session; without it, a day is complete at midnight.

    Raises:
        ConfigError: the frequency is none, or higher than that of the bars.
    """
    times = pd.DatetimeIndex(frame.index)
    daily, (_, unit) = bool(times.is_normalized), parse_frequency(frequency)
    weekends = schedule is not None and bool((schedule.sessions.day_of_week >= 5).any())
    if schedule is not None and not daily and unit in ("d", "w", "mo"):
        sessions, closed = schedule.sessions, schedule.closes
        place = closed.searchsorted(times, "left")
        known = place < len(closed)
        frame, dates = frame[known], sessions[place[known]]
        labels = _last_dates(dates, unit, weekends)
        ends = _last_dates(sessions, unit, weekends)
        whole = pd.Series(closed, ends).groupby(level=0).max()
        grouped = frame[list(AGGREGATED)].groupby(labels).agg(AGGREGATED)
        complete = pd.DatetimeIndex(whole.loc[grouped.index])
    else:
        ends = _ends(times, frequency, daily, weekends)
        grouped = frame[list(AGGREGATED)].groupby(ends).agg(AGGREGATED)
        complete = pd.DatetimeIndex(grouped.index)
        if not daily and unit in ("d", "w", "mo"):
            grouped.index = complete - _DAY
    over = np.asarray(complete <= times[-1])
    return Resampled(grouped.set_axis(grouped.index.rename("time"))[over], complete[over])


def resampled_bars(bars: Bars, frequency: str, calendar: str | None = None) -> Bars:
    """Bars of every symbol at a lower frequency.

    Args:
        bars: of a higher one.
        frequency: such as "1h" or "1w".
        calendar: of the exchange; of bars within the day it says when a day is over.

    Raises:
        ConfigError: there is no such frequency or calendar, or the zone of the bars is not stated.
    """
    longer = median_spacing(pd.DatetimeIndex(max(bars.frames.values(), key=len).index))
    if length_of(frequency) < longer:
        raise ConfigError(f"frequency {frequency!r} is higher than that of the bars")
    if calendar is not None and calendar not in calendars.PLACELESS and bars.zone is None:
        raise ConfigError(f"calendar = {calendar!r}: the zone of {bars.source} is unknown")
    frames = {}
    for symbol, frame in bars.frames.items():
        schedule = None
        if calendar is not None:
            # Weeks and months that are not over yet end after the last bar.
            last = frame.index[-1] + pd.Timedelta(days=35)
            first = frame.index[0] - pd.Timedelta(days=1)
            schedule = calendars.schedule(calendar, bars.zone, first, last)
        frames[symbol] = resampled(frame, frequency, schedule).frame
    return replace(bars, frames=frames, frequency=frequency)


def _ends(times: pd.DatetimeIndex, frequency: str, daily: bool, weekends: bool) -> pd.DatetimeIndex:
    """[T] when the bar that each one belongs to ends; of days, at the midnight after the last."""
    count, unit = parse_frequency(frequency)
    if unit in ("m", "h"):
        if daily:
            raise ConfigError(f"frequency {frequency!r} is higher than that of the bars")
        return times.ceil(f"{count}{'min' if unit == 'm' else 'h'}")
    last = _last_dates(dates_of(times, daily), unit, weekends)
    return last if daily else last + _DAY


def _last_dates(dates: pd.DatetimeIndex, unit: str, weekends: bool) -> pd.DatetimeIndex:
    """[T] the last date of the day, week or month of each. Never told by the dates there are."""
    if unit == "w":
        last = 6 if weekends else 4
        return dates + pd.to_timedelta((last - dates.day_of_week) % 7, unit="D")
    if unit == "mo":
        return dates + (pd.offsets.MonthEnd(0) if weekends else pd.offsets.BMonthEnd(0))
    return dates
