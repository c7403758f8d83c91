"""The columns of a price file: what each of ours is called there, by any vendor known to us."""

import re
from collections.abc import Iterable, Mapping, Sequence

from drltrade.data.bars import COLUMNS
from drltrade.data.layout import Layout
from drltrade.errors import DataError

TIME_COLUMNS = ("date", "datetime", "time", "timestamp")
SYMBOL_COLUMNS = ("symbol", "ticker")
FRED_TIME = "observation_date"
"""As the Federal Reserve Bank of St. Louis writes it, in files of series alone."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "close": ("closelast",),
    "volume": ("vol",),
    "symbol": ("symbol", "ticker"),
    "adjusted close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    "dividend": (
        "dividend", "dividends", "exdividend", "divcash", "dividendamount", "cashdividend",
        "dividendcash",
    ),
    "capital gain": ("capitalgain", "capitalgains"),
    "split": (
        "split", "splits", "stocksplit", "stocksplits", "splitratio", "splitfactor",
        "splitcoefficient",
    ),
    "factor": ("factor", "adjfactor", "adjustfactor", "adjustmentfactor"),
}  # fmt: skip
"""Names in files, of letters and digits alone, by our name."""

IMPLIED = re.compile(
    r"(adj|adjusted)(open|high|low|volume|vol)|(open|high|low|volume|vol)(adj|adjusted)"
    r"|(closeunadj|closeunadjusted|unadjclose|unadjustedclose)"
)
"""Columns that follow from others of the same file: they are not read."""
ADJUSTING = re.compile(r"adj|split|dividend|^div|div$|factor|^cfac")
"""Names that look as if they told of adjustments."""


def key_of(name: object) -> str:
    """A column's name as it is compared: "Adj. Close" -> "adjclose", "<VOL>" -> "vol"."""
    text = re.sub(r"^\d+\. ", "", str(name).strip().lower())  # "5. adjusted close"
    return re.sub(r"[^a-z0-9]", "", text)


def lower(name: object) -> str:
    """A column's name without regard to case; brackets around it are not part of it."""
    return str(name).strip().lower().strip("<>")


def find_columns(names: Sequence[object], layout: Layout, where: str) -> dict[str, int]:
    """The place of each of our columns in the file, by our name for it.

    Keys: "time", perhaps "time of day", open, high, low, close, volume, and of `SYNONYMS` what is
    there.

    Args:
        names: of all columns, as the file has them.
        layout: what is stated about them.
        where: the file, for errors.

    Raises:
        DataError: a column is missing, there twice, or looks as if it told of adjustments and is
            not understood; says which are there and which are needed.
    """
    places = placed(names, where)
    stated = {ours: theirs.strip().lower() for ours, theirs in layout.columns.items()}
    ignored = _ignored(layout, places, where)
    found = {
        ours: places[lower(theirs)] for ours, theirs in stated.items() if lower(theirs) in places
    }
    missing = [f"{theirs} (for {ours})" for ours, theirs in stated.items() if ours not in found]
    free = {name: place for name, place in places.items() if name not in ignored}
    for ours in (*COLUMNS, *(name for name in SYNONYMS if name not in COLUMNS)):
        if ours in stated:
            continue
        if ours in COLUMNS and ours in free:
            found[ours] = free[ours]
            continue
        present = [name for name in free if key_of(name) in SYNONYMS.get(ours, ())]
        if len(present) > 1:
            raise DataError(
                f"{where}: {ours} is there twice: columns {', '.join(present)}; say which it is "
                f"(--column '{ours}={present[0]}') and leave out the other (--ignore)"
            )
        if present:
            found[ours] = free[present[0]]
        elif ours in COLUMNS:
            missing.append(ours)
    if "time" not in stated:
        _find_time(free, found, missing, where)
    if missing:
        there = ", ".join(repr(str(name)) for name in names)
        comma = "; is a comma the separator?" if len(names) == 1 else ""
        raise DataError(
            f"{where}: missing column {', '.join(missing)} (found: {there}{comma}); say which it "
            f"is: --column '{missing[0].split()[0]}=NAME', in a preset layout.columns"
        )
    _check_understood(free, found, where)
    return found


def placed(names: Iterable[object], where: str) -> dict[str, int]:
    """Places of columns by their names in lower case. Raises DataError where two have the same."""
    places: dict[str, int] = {}
    shown = list(names)
    for place, name in enumerate(shown):
        known = lower(name)
        if known in places and known:
            raise DataError(
                f"{where}: two columns are called {known!r}: {shown[places[known]]!r} and {name!r}"
            )
        places.setdefault(known, place)
    return places


def find_time(places: Mapping[str, int], layout: Layout, where: str) -> str:
    """The lower-case name of the time column of a file of which only the time is known.

    Raises:
        DataError: there is none, or several.
    """
    stated = layout.columns.get("time", "").strip().lower()
    times = [stated] if stated in places else [name for name in TIME_COLUMNS if name in places]
    if FRED_TIME in places and not times:
        times = [FRED_TIME]
    if len(times) != 1:
        raise DataError(
            f"{where}: {len(times)} time columns ({', '.join(times) or ', '.join(places)}); one "
            f"of {', '.join(TIME_COLUMNS)} is needed, or layout.columns says which"
        )
    return times[0]


def _find_time(
    places: Mapping[str, int], found: dict[str, int], missing: list[str], where: str
) -> None:
    times = [name for name in TIME_COLUMNS if name in places]
    if times == ["date", "time"]:
        found["time of day"] = places["time"]
    elif len(times) > 1:
        raise DataError(
            f"{where}: several time columns ({', '.join(times)}); say which it is (--column "
            f"time={times[0]}), or keep one"
        )
    if times:
        found["time"] = places[times[0]]
    else:
        missing.insert(0, f"time ({', '.join(TIME_COLUMNS)})")


def _ignored(layout: Layout, places: Mapping[str, int], where: str) -> set[str]:
    ignored = {lower(name) for name in layout.ignore}
    if absent := ignored - set(places):
        raise DataError(
            f"{where}: no column {sorted(absent)[0]!r} to ignore (found: {', '.join(places)})"
        )
    return ignored


def _check_understood(free: Mapping[str, int], found: Mapping[str, int], where: str) -> None:
    """Refuse a column that looks as if it told of adjustments, and is not read."""
    read = set(found.values())
    for name, place in free.items():
        key = key_of(name)
        if place in read or not ADJUSTING.search(key):
            continue
        if IMPLIED.fullmatch(key):
            if "adjusted close" in found or not key.startswith(("adj", "open", "high", "low")):
                continue
            raise DataError(
                f"{where}: column {name!r} is adjusted, and there is no adjusted close beside it; "
                "say what it is (--column close=...), or --ignore it"
            )
        raise DataError(
            f"{where}: column {name!r} looks as if it told of splits, dividends or adjustments, "
            "and is not understood; say what it is (--column 'adjusted close=...', dividend=..., "
            "split=... or factor=...), or --ignore it"
        )
