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
from drltrade.data.frequencies import length_of, parse_frequency
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


def resampled(
    frame: pd.DataFrame, frequency: str, closed: pd.DatetimeIndex | None = None
) -> Resampled:
    """Bars of a lower frequency; one that is not complete by the last label is left out.

    Hours begin on the hour, and parts of a day at midnight. A week ends on Friday, a month on its
    last weekday; in a market that is open at weekends on Sunday, and on its last day.

    Args:
        frame: bars [T] by ascending naive labels, their ENDs.
        frequency: such as "1h" or "1w".
        closed: of bars within the day, when each session closes, half days included, until after
            the last bar. A day is complete at its close, and what trades later counts for the next
            session. Without it, a day is complete at midnight.

    Raises:
        ConfigError: the frequency is none, or higher than that of the bars.
    """
    times = pd.DatetimeIndex(frame.index)
    daily, (_, unit) = bool(times.is_normalized), parse_frequency(frequency)
    if closed is not None and not daily and unit in ("d", "w", "mo"):
        place = closed.searchsorted(times, "left")
        known = place < len(closed)
        frame, dates = frame[known], closed[place[known]].normalize()
        labels = _last_dates(dates, unit)
        whole = pd.Series(closed, _last_dates(closed.normalize(), unit)).groupby(level=0).max()
        grouped = frame[list(AGGREGATED)].groupby(labels).agg(AGGREGATED)
        complete = pd.DatetimeIndex(whole.loc[grouped.index])
    else:
        ends = _ends(times, frequency, daily)
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
    frames = {}
    for symbol, frame in bars.frames.items():
        closed = None
        if calendar is not None:
            if bars.zone is None:
                raise ConfigError(f"calendar = {calendar!r}: the zone of {bars.source} is unknown")
            # Weeks and months that are not over yet end after the last bar.
            last = frame.index[-1] + pd.Timedelta(days=35)
            closed = calendars.closes(calendar, bars.zone, frame.index[0], last)
        frames[symbol] = resampled(frame, frequency, closed).frame
    return replace(bars, frames=frames, frequency=frequency)


def _ends(times: pd.DatetimeIndex, frequency: str, daily: bool) -> pd.DatetimeIndex:
    """[T] when the bar that each one belongs to ends; of days, at the midnight after the last."""
    count, unit = parse_frequency(frequency)
    if unit in ("m", "h"):
        if daily:
            raise ConfigError(f"frequency {frequency!r} is higher than that of the bars")
        return times.ceil(f"{count}{'min' if unit == 'm' else 'h'}")
    # A bar that ends at midnight belongs to the day that ends there.
    dates = times if daily else (times - pd.Timedelta(microseconds=1)).normalize()
    last = _last_dates(dates, unit)
    return last if daily else last + _DAY


def _last_dates(dates: pd.DatetimeIndex, unit: str) -> pd.DatetimeIndex:
    """[T] the last date of the day, week or month of each."""
    weekends = bool((dates.day_of_week >= 5).any())
    if unit == "w":
        return dates + pd.to_timedelta((6 if weekends else 4) - dates.day_of_week, unit="D")
    if unit == "mo":
        return dates + (pd.offsets.MonthEnd(0) if weekends else pd.offsets.BMonthEnd(0))
    return dates
