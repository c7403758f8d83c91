"""Times that are text: ISO 8601, and what else vendors write."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Layout
from drltrade.errors import DataError

_OFFSET = r"\d{2}:\d{2}.*?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_OFFSET_END = r"\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_DAY_OR_MONTH_FIRST = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(.*)$"
_YEAR_FIRST = r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})(.*)$"
_DAY_MONTH = r"^(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ,.]+(\d{4})(.*)$"
_MONTH_DAY = r"^([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})(.*)$"
_PACKED = r"^(\d{8})[ T_]?(\d{2}):?(\d{2}):?(\d{2})?$"
_HALF_DAY = r"^(.*\d{4}.*?)[ T](\d{1,2})(?::(\d{2}))?(?::(\d{2}))?[ -]?([AaPp][Mm])$"
_MIDNIGHT = r"[T ]24:?00(?::?00(?:\.0+)?)?$"
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {month: f"{number:02d}" for number, month in enumerate(MONTH_NAMES, start=1)}
ALLOWED = (
    "YYYY-MM-DD or YYYY-MM-DD HH:MM[:SS], perhaps with an offset such as +00:00; or say how times "
    "are written (--date-format '%d-%b-%y')"
)


def parse_text(
    text: pd.Series, layout: Layout, rows: NDArray[np.int64], where: str
) -> tuple[pd.Series, pd.Series | None]:
    """Times on the clock of the file, and in UTC where they carry offsets.

    Read are ISO 8601; 2015/01/02 and 2015.01.02; 01-Jan-2015 and Jan 2, 2015; 20150102 093000;
    half days, 09:30 PM or 09-PM; and 1/31/2015 or 31.01.2015, alone or among others, where the
    layout says which part is the day, or the column itself proves it by one that is above 12.

    Raises:
        DataError: names row and value of the first that cannot be read, or is ambiguous.
    """
    if layout.date_format is not None:
        return _formatted(text, layout.date_format, rows, where)
    shown = text
    offset = text.str.extract(_OFFSET)[0]
    offsets = offset.notna()
    if offsets.any() and not offsets.all():
        i = int(np.argmax((offsets != offsets.iloc[0]).to_numpy()))
        raise DataError(
            f"{where}, rows {rows[0]} and {rows[i]}: {shown.iloc[0]!r} and {shown.iloc[i]!r}: "
            "either every time has an offset from UTC or none"
        )
    if offsets.any():
        text = text.str.replace(_OFFSET_END, "", regex=True)
    wall = _iso(_as_iso(text, layout, where), shown, rows, where)
    if not offsets.any():
        return wall, None
    ahead = _ahead(offset)
    return wall, (wall - ahead).dt.tz_localize("UTC")


def _formatted(
    text: pd.Series, written: str, rows: NDArray[np.int64], where: str
) -> tuple[pd.Series, pd.Series | None]:
    zoned = "%z" in written or "%Z" in written
    try:
        times = pd.to_datetime(text, format=written, errors="coerce", utc=zoned)
    except ValueError as error:
        raise DataError(f"{where}: date_format {written!r}: {error}") from None
    wrong = times.isna().to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]}: time {text.iloc[i]!r} is not written as date_format "
            f"{written!r} says"
        )
    return (times.dt.tz_localize(None), times) if zoned else (times, None)


def _ahead(offset: pd.Series) -> pd.Series:
    """[T] how far the clock of each offset is ahead of UTC's."""
    known: dict[str, pd.Timedelta] = {}
    for text in offset.unique():
        digits = text.lstrip("+-").replace(":", "")
        if not digits.isdigit():
            known[text] = pd.Timedelta(0)
            continue
        hours, minutes = int(digits[:2]), int(digits[2:] or 0)
        sign = -1 if text.startswith("-") else 1
        known[text] = sign * pd.Timedelta(hours=hours, minutes=minutes)
    return offset.map(known)


def _as_iso(text: pd.Series, layout: Layout, where: str) -> pd.Series:
    """The same times in the order of ISO 8601, as far as they are of a form that is known."""
    halved = text.str.extract(_HALF_DAY)
    half = halved[0].notna()
    if half.any():
        hour = pd.to_numeric(halved[1]) % 12 + 12 * (halved[4].str.upper() == "PM")
        clock = hour.map("{:02.0f}".format, na_action="ignore")
        clock = clock + ":" + halved[2].fillna("00") + ":" + halved[3].fillna("00")
        text = text.mask(half, halved[0] + " " + clock)
    year = text.str.extract(_YEAR_FIRST)
    text = _rebuilt(text, year, year[0], year[1], year[2], year[3])
    named = text.str.extract(_DAY_MONTH)
    text = _rebuilt(text, named, named[2], _month(named[1]), named[0], named[3])
    named = text.str.extract(_MONTH_DAY)
    text = _rebuilt(text, named, named[2], _month(named[0]), named[1], named[3])
    packed = text.str.extract(_PACKED)
    whole = packed[0].notna()
    if whole.any():
        seconds = packed[3].fillna("00")
        text = text.mask(whole, packed[0] + " " + packed[1] + ":" + packed[2] + ":" + seconds)
    parts = text.str.extract(_DAY_OR_MONTH_FIRST)
    mixed = parts[0].notna()
    if mixed.any():
        text = text.mask(mixed, _in_order(parts[mixed], text, layout, where))
    return text


def _rebuilt(
    text: pd.Series, parts: pd.DataFrame, year: pd.Series, month: pd.Series, day: pd.Series,
    rest: pd.Series,
) -> pd.Series:  # fmt: skip
    found = parts[0].notna() & month.notna()
    if not found.any():
        return text
    clock = rest.str.replace(r"^[,\s]+", " ", regex=True)
    return text.mask(found, year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + clock)


def _month(names: pd.Series) -> pd.Series:
    return names.str.lower().map(_MONTHS)


def _iso(text: pd.Series, shown: pd.Series, rows: NDArray[np.int64], where: str) -> pd.Series:
    # A full date: "2020" alone, a Unix time and words like "now" are not one.
    dated = text.str.match(r"^(\d{4}-\d{2}-\d{2}|\d{8})([T ].*)?$")
    midnight = text.str.contains(_MIDNIGHT)  # 24:00 of a day is 00:00 of the next
    if midnight.any():
        text = text.mask(midnight, text.str.replace(_MIDNIGHT, " 00:00:00", regex=True))
    times = pd.to_datetime(text.where(dated), format="ISO8601", errors="coerce")
    wrong = times.isna().to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]}: time {shown.iloc[i]!r} cannot be read; write {ALLOWED}"
        )
    return times + pd.to_timedelta(midnight.astype(np.int64), unit="D") if midnight.any() else times


def _in_order(parts: pd.DataFrame, text: pd.Series, layout: Layout, where: str) -> pd.Series:
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
            f"say which comes first (date_order = day or month), or write {ALLOWED}"
        )
    month, day = (second, first) if day_first else (first, second)
    two = "{:02d}".format
    return parts[2] + "-" + month.map(two) + "-" + day.map(two) + parts[3]
