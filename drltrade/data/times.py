"""Times as files write them, turned into the naive labels of bars. Nothing is guessed."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.epochs import are_dates, since_1970
from drltrade.data.layout import Layout
from drltrade.data.written_times import parse_text
from drltrade.errors import DataError


class Times(NamedTuple):
    """The time column of a file."""

    labels: pd.DatetimeIndex
    """[T] naive, on the clock of the zone, in microseconds."""
    utc: pd.DatetimeIndex | None
    """[T] the same moments in UTC, where the file or the zone tells; of dates alone, None."""
    zone: str | None
    note: str
    """What is to be said of how they were read; empty: nothing."""


def parse_times(
    values: pd.Series, layout: Layout, rows: NDArray[np.int64], where: str,
    of_day: pd.Series | None = None,
) -> Times:  # fmt: skip
    """Read the time column of a file.

    ISO 8601 is read as it stands; `written_times` says what else is. Numbers are read as times
    since 1970 in UTC, in the unit that their size proves, or as dates such as 20150102. Times with
    an offset are converted to the zone, by default to UTC; but where every time is a midnight, as
    of daily bars with the offset of their exchange, the date is the session's and stays as it is.

    Args:
        values: the column [T]: numbers, text, dates, or times with or without a zone.
        layout: what the file does not say itself: zone, date_order, time_unit, date_format.
        rows: the number of each row in the file [T], for errors.
        where: the file, for errors.
        of_day: a column with the time of day, if that stands apart.

    Raises:
        DataError: names row and value of the first time that cannot be read, or is ambiguous.
    """
    zone, note = layout.zone, ""
    utc: pd.Series | None = None
    missing = values.isna()
    if missing.any():
        raise DataError(f"{where}, row {rows[int(np.argmax(missing.to_numpy()))]}: time is missing")
    if of_day is not None:
        values = _together(values, of_day)
    counts = None if layout.date_format is not None else _numbers(values, layout)
    if counts is not None:
        epochs = since_1970(counts, values, layout, rows, where)
        moments, note = pd.Series(epochs.times), epochs.note
        wall, utc = moments.dt.tz_localize(None), moments
    elif isinstance(values.dtype, pd.PeriodDtype):
        wall = _of_periods(values, layout)
    elif isinstance(values.dtype, pd.DatetimeTZDtype):
        wall, utc = values.dt.tz_localize(None), values.dt.tz_convert("UTC")
        named = str(values.dt.tz)
        zone = zone or (named if "/" in named else None)
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        wall = values
    else:
        wall, utc = parse_text(_text(values), layout, rows, where)
    missing = wall.isna()
    if missing.any():
        raise DataError(f"{where}, row {rows[int(np.argmax(missing.to_numpy()))]}: time is missing")
    labels = pd.DatetimeIndex(wall).as_unit("us")
    if utc is None or labels.is_normalized:
        return Times(labels, None, zone, note)
    zone = zone or "UTC"
    moments_utc = pd.DatetimeIndex(utc).as_unit("us")
    labels = moments_utc.tz_convert(ZoneInfo(zone)).tz_localize(None)
    return Times(labels, moments_utc, zone, note)


def _of_periods(values: pd.Series, layout: Layout) -> pd.Series:
    """Periods as the labels that the layout says bars have: their END, or when they open."""
    opened, ends = pd.Series(values.dt.start_time), pd.Series((values + 1).dt.start_time)
    day = pd.Timedelta(days=1)
    ends = ends - day if (ends - opened).min() >= day else ends
    return opened if layout.label == "open" else ends


def _numbers(values: pd.Series, layout: Layout) -> NDArray[np.float64] | None:
    """[T] counts since 1970; None where the values are none."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        if layout.time_unit is None:
            return None
        read = pd.to_numeric(values.astype(object), errors="coerce")
        return np.asarray(read, np.float64)
    counts: NDArray[np.float64] = values.to_numpy(np.float64)
    if layout.time_unit is None and are_dates(counts):
        return None
    if values.dtype == np.int64:
        return counts if np.abs(counts).max() < 2**53 else values.to_numpy().astype(np.longdouble)
    return counts


def _text(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):  # dates such as 20150102
        return values.astype(np.int64).astype(str)
    return values.astype(object).astype(str).str.strip()


def _together(dates: pd.Series, of_day: pd.Series) -> pd.Series:
    """Dates and times of day in one column: added where both are typed, else as text."""
    if pd.api.types.is_datetime64_any_dtype(dates.dtype) and of_day.dtype == object:
        elapsed = pd.to_timedelta(of_day.astype(str), errors="coerce")
        if elapsed.notna().all():
            return dates + elapsed
    if pd.api.types.is_datetime64_any_dtype(dates.dtype):
        dates = dates.dt.strftime("%Y-%m-%d")
    clock = of_day.astype(object).astype(str)
    if pd.api.types.is_numeric_dtype(of_day.dtype):  # 93000, or 930
        width = 6 if float(of_day.max()) > 2400 else 4
        clock = of_day.astype(np.int64).astype(str).str.zfill(width)
    return _text(dates) + " " + clock
