"""Labels of bars: each is the END of its bar, and a date for bars of a day or more."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data import calendars
from drltrade.data.frequencies import DAILY, length_of
from drltrade.data.layout import Layout
from drltrade.errors import DataError

_INSTANT = pd.Timedelta(microseconds=1)
_HALF_A_DAY = pd.Timedelta(hours=12)


def dates_of(times: pd.DatetimeIndex, daily: bool | None = None) -> pd.DatetimeIndex:
    """[T] the day that each bar belongs to, as midnights.

    A daily label is its date. A bar within the day that ends at midnight belongs to the day that
    ends there.

    Args:
        times: naive labels [T].
        daily: whether they are dates (default: whether all are midnights).
    """
    if times.is_normalized if daily is None else daily:
        return times.normalize()
    return (times - _INSTANT).normalize()


def within(frame: pd.DataFrame, first: object, last: object) -> pd.DataFrame:
    """Rows of a frame, by naive labels, whose days lie from `first` to `last`, both included."""
    days = dates_of(pd.DatetimeIndex(frame.index))
    start, end = pd.Timestamp(str(first)), pd.Timestamp(str(last))
    return frame[np.asarray((days >= start) & (days <= end))]


def labelled_by_end(
    frame: pd.DataFrame,
    frequency: str,
    zone: str | None = None,
    utc: pd.DatetimeIndex | None = None,
    calendar: str | None = None,
) -> pd.DataFrame:
    """Bars of labels at which they open, relabelled by their END. Daily labels are sessions'.

    The length of a bar within the day is added in UTC, where the zone is known: over a change of
    clocks a bar of four hours ends three or five hours later on the clock.

    Args:
        frame: by labels in any order.
        frequency: of the bars.
        zone: of the labels; None: not known, and its clocks never change.
        utc: the same labels in UTC, where the file tells.
        calendar: of the exchange: a bar within the day ends when its session closes, at the latest.
    """
    times = pd.DatetimeIndex(frame.index)
    opened = times
    if frequency == "1d":
        return frame
    if frequency == "1mo":
        times = times + pd.offsets.MonthEnd(0)
    elif frequency == "1w":
        times = times + pd.Timedelta(days=6)
    elif zone is None:
        times = times + length_of(frequency)
    else:
        moments = utc if utc is not None else in_zone(times, zone)
        ends = moments.tz_convert("UTC") + length_of(frequency)
        times = ends.tz_convert(zone).tz_localize(None)
    if calendar is not None and zone is not None and frequency not in DAILY and len(times):
        times = _by_the_close(opened, times, calendar, zone)
    return frame.set_axis(times.as_unit("us").rename("time"))


def _by_the_close(
    opened: pd.DatetimeIndex, ends: pd.DatetimeIndex, calendar: str, zone: str
) -> pd.DatetimeIndex:
    """[T] ends, none after the close of the session that its bar opens in."""
    day = pd.Timedelta(days=1)
    known = calendars.schedule(calendar, zone, opened.min() - day, opened.max() + day)
    place = np.minimum(known.closes.searchsorted(opened, "right"), len(known.closes) - 1)
    inside = np.asarray((known.opens[place] <= opened) & (opened < known.closes[place]))
    closes = known.closes[place]
    return pd.DatetimeIndex(np.where(inside & np.asarray(ends > closes), closes, ends))


def in_zone(times: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Naive labels as moments of a zone. Of an hour that comes twice the order tells which it is,
    and where it does not, it is the first.

    Raises:
        DataError: a label names a time that its clock left out.
    """
    try:
        moments = times.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError:
        first = np.ones(len(times), np.bool_)
        moments = times.tz_localize(zone, ambiguous=first, nonexistent="NaT")
    if moments.hasnans:
        wrong = times[np.asarray(moments.isna())][0]
        raise DataError(
            f"a bar is stamped {wrong}, which the clock of {zone} left out when it was set "
            "forward: is that the zone of the times?"
        )
    return moments


def labelled_by_date(
    frame: pd.DataFrame,
    layout: Layout,
    zone: str | None,
    rows: NDArray[np.int64],
    where: str,
) -> pd.DataFrame:
    """Bars of a day or more by the dates of their sessions.

    Raises:
        DataError: labels have a time of day, and the zone in which they name dates is not stated;
            or two of a symbol fall on one date.
    """
    times = pd.DatetimeIndex(frame.index)
    if times.is_normalized:
        return frame
    if layout.zone is None:
        i = int(np.argmax(np.asarray(times != times.normalize())))
        clock = f"{times[i]:%H:%M} {zone or ''}".strip()
        raise DataError(
            f"{where}, row {rows[i]}: daily bars are stamped {times[i]}, at {clock}: on which date "
            "was that at the exchange? State its zone (--zone Asia/Tokyo; layout.zone in a preset)"
        )
    # A day that opens in the evening is the session of the date after.
    late = times + _HALF_A_DAY if layout.label == "open" else times
    dated = frame.set_axis(late.normalize().rename("time"))
    if dated.index.has_duplicates:
        i = int(np.argmax(dated.index.duplicated()))
        if not times.has_duplicates:
            raise DataError(
                f"{where}, row {rows[i]}: two daily bars on {dated.index[i].date()}; state "
                "the zone of the exchange"
            )
    return dated
