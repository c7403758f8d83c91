"""Times as files write them, turned into the naive labels of bars. Nothing is guessed."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Layout
from drltrade.errors import DataError

_SLASHED = r"^(\d{1,2})[/.](\d{1,2})[/.](\d{4})(.*)$"
_OFFSET = r"\d{2}:\d{2}.*?\s*(Z|[+-]\d{2}(?::?\d{2})?)$"
_HALF_DAY = r"^(\d{4}-\d{2}-\d{2}) (\d{1,2})-(AM|PM)$"
_ALLOWED = "YYYY-MM-DD or YYYY-MM-DD HH:MM[:SS], perhaps with an offset such as +00:00"


def parse_times(
    values: pd.Series, layout: Layout, rows: NDArray[np.int64], where: str
) -> tuple[pd.DatetimeIndex, str | None]:
    """Read the time column of a file.

    ISO 8601 is read as it stands, and so is 2019-10-17 09-AM. Dates with slashes or points
    (1/31/1999, 31.01.1999), alone or among others, are read when the layout says which part is the
    day, or the column itself proves it by one that is above 12. Numbers are read as times since
    1970 in UTC when the layout gives their unit. Times with an offset are converted to the zone, by
    default to UTC; but where every time is a midnight, as of daily bars with the offset of their
    exchange, the date is the session's and stays as it is.

    Args:
        values: the column [T]: text, dates, or times with or without a zone.
        layout: what the file does not say itself: zone, date_order, time_unit.
        rows: the number of each row in the file [T], for errors.
        where: the file, for errors.

    Returns:
        Naive labels [T] in microseconds, and the zone that they are in.

    Raises:
        DataError: names row and value of the first time that cannot be read, or is ambiguous.
    """
    zone = layout.zone
    if layout.time_unit is not None:
        wall, utc = _since_1970(values, layout.time_unit, rows, where)
    elif isinstance(values.dtype, pd.DatetimeTZDtype):
        wall, utc = values.dt.tz_localize(None), values.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        wall, utc = values, None
    else:
        wall, utc = _parse_text(values.astype(str).str.strip(), layout, rows, where)
    missing = wall.isna().to_numpy()
    if missing.any():
        raise DataError(f"{where}, row {rows[int(np.argmax(missing))]}: time is missing")
    if utc is not None and (wall != wall.dt.normalize()).any():
        zone = zone or "UTC"
        wall = utc.dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
    return pd.DatetimeIndex(wall).as_unit("us"), zone


def _since_1970(
    values: pd.Series, unit: str, rows: NDArray[np.int64], where: str
) -> tuple[pd.Series, pd.Series]:
    """Numbers as times, on the clock of UTC and in UTC."""
    counts = pd.to_numeric(values, errors="coerce")
    times = pd.to_datetime(counts, unit=unit, errors="coerce", utc=True)  # type: ignore[call-overload]
    wrong = times.isna().to_numpy() | (times.dt.year.to_numpy() < 1971)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]}: time {values.iloc[i]!r} is no time after 1970 in {unit} "
            "(time_unit)"
        )
    return times.dt.tz_localize(None), times


def _parse_text(
    text: pd.Series, layout: Layout, rows: NDArray[np.int64], where: str
) -> tuple[pd.Series, pd.Series | None]:
    """Times on the clock of the file, and in UTC where they carry offsets."""
    shown = text
    parts = text.str.extract(_SLASHED)
    slashed = parts[0].notna()
    if slashed.any():
        text = text.mask(slashed, _slashed_as_iso(parts[slashed], text, layout, where))
    halved = text.str.extract(_HALF_DAY)
    if halved[0].notna().any():
        hour = pd.to_numeric(halved[1]) % 12 + 12 * (halved[2] == "PM")
        clock = hour.map("{:02.0f}:00".format, na_action="ignore")
        text = text.mask(halved[0].notna(), halved[0] + " " + clock)
    offset = text.str.extract(_OFFSET)[0]
    offsets = offset.notna()
    if offsets.any() and not offsets.all():
        i = int(np.argmax((offsets != offsets.iloc[0]).to_numpy()))
        raise DataError(
            f"{where}, rows {rows[0]} and {rows[i]}: {shown.iloc[0]!r} and {shown.iloc[i]!r}: "
            "either every time has an offset from UTC or none"
        )
    wall_text = text.str.replace(r"\s*(Z|[+-]\d{2}(?::?\d{2})?)$", "", regex=True)
    wall = _iso(wall_text if offsets.any() else text, shown, rows, where)
    if not offsets.any():
        return wall, None
    return wall, pd.to_datetime(text, format="ISO8601", utc=True)


def _iso(text: pd.Series, shown: pd.Series, rows: NDArray[np.int64], where: str) -> pd.Series:
    # A full date: "2020" alone, a Unix time and words like "now" are not one.
    dated = text.str.match(r"^(\d{4}-\d{2}-\d{2}|\d{8})([T ].*)?$")
    times = pd.to_datetime(text.where(dated), format="ISO8601", errors="coerce")
    wrong = times.isna().to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]}: time {shown.iloc[i]!r} cannot be read; write {_ALLOWED}"
        )
    return times


def _slashed_as_iso(parts: pd.DataFrame, text: pd.Series, layout: Layout, where: str) -> pd.Series:
    first, second = parts[0].astype(int), parts[1].astype(int)
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    example = text[parts.index[0]]
    if layout.date_order is not None:
        wrong = {"day": month_first, "month": day_first}[layout.date_order]
        day_first = layout.date_order == "day"
        if wrong:
            other = text[parts.index[int(np.argmax((second if day_first else first) > 12))]]
            raise DataError(
                f"{where}: time {other!r} does not begin with the {layout.date_order} (date_order)"
            )
    elif day_first == month_first:
        why = "both parts exceed 12" if day_first else "no part exceeds 12"
        raise DataError(
            f"{where}: times such as {example!r} do not tell the day from the month ({why}); "
            f"say which comes first (date_order = day or month), or write {_ALLOWED}"
        )
    month, day = (second, first) if day_first else (first, second)
    two = "{:02d}".format
    return parts[2] + "-" + month.map(two) + "-" + day.map(two) + parts[3]
