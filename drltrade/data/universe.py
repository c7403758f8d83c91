"""Who could be held when: members of an index by date, so that nobody picks the survivors.

A table of intervals says it: columns symbol, start, and end (the first day on which it is no member
any more; empty: it still is), perhaps series, the name under which the data keep the prices of a
symbol that was renamed. A symbol with several intervals has as many spells, and each is an asset of
its own, so that a ticker that was given to another company is another asset.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.labels import dates_of
from drltrade.errors import DataError

NAMES = {
    "symbol": ("symbol", "ticker"),
    "start": ("start", "start_date", "timestamp", "from"),
    "end": ("end", "end_date", "to"),
    "series": ("series",),
}
"""What the columns of a table are called in files, by our name."""
SPELL = "@"
"""Between a symbol and the start of its spell, in the name of an asset: AAL@2015-03-23."""


class Spell(NamedTuple):
    """A time in which a series belonged to the universe."""

    series: str
    start: pd.Timestamp
    end: pd.Timestamp | None
    """The first day on which it does not belong any more; None: it still does."""

    def covers(self, first: pd.Timestamp, last: pd.Timestamp) -> bool:
        """Whether any of the days from `first` to `last` is in it."""
        return self.start <= last and (self.end is None or self.end > first)

    def part(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame, by naive labels, whose days are in it."""
        return frame[self.holds(pd.DatetimeIndex(frame.index))]

    def holds(self, times: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """[T] whether the day of each naive label is in it."""
        days = dates_of(times)
        inside = np.asarray(days >= self.start)
        if self.end is not None:
            inside &= np.asarray(days < self.end)
        return inside


@dataclass(frozen=True)
class Universe:
    """Spells of all series, by series and start; no two of a series overlap or touch."""

    spells: tuple[Spell, ...]
    source: str

    def members(self, day: pd.Timestamp) -> list[str]:
        """Series that belong on a day, in alphabetical order."""
        return sorted({spell.series for spell in self.spells if spell.covers(day, day)})

    def between(self, first: pd.Timestamp, last: pd.Timestamp) -> list[Spell]:
        """Spells that touch the days from `first` to `last`."""
        return [spell for spell in self.spells if spell.covers(first, last)]

    def assets(
        self, series: Iterable[str], first: pd.Timestamp, last: pd.Timestamp
    ) -> dict[str, Spell]:
        """The spells of some series from `first` to `last`, by the names of their assets.

        A series with one spell keeps its name; of several each has its start behind it.
        """
        wanted = set(series)
        spells = [spell for spell in self.between(first, last) if spell.series in wanted]
        several = pd.Series([spell.series for spell in spells]).duplicated(keep=False)
        return {
            f"{spell.series}{SPELL}{spell.start.date()}" if again else spell.series: spell
            for spell, again in zip(spells, several, strict=True)
        }


def series_of(asset: str) -> str:
    """The series that an asset's prices are of."""
    return asset.partition(SPELL)[0]


def read_universe(path: str | Path) -> Universe:
    """Read a table of intervals, .csv or .parquet.

    Raises:
        DataError: the file is missing, lacks a column, or has a row with no symbol, with no start,
            with an end that is not after its start, or overlapping another of its series: names
            the row.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file (a universe is a table of symbol, start and end)")
    try:
        csv = path.suffix.lower() == ".csv"
        table = (
            pd.read_csv(path, dtype=str, keep_default_na=False) if csv else pd.read_parquet(path)
        )
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    columns = _columns(table, path)
    rows = table.reset_index(drop=True)
    symbol = _names(rows[columns["symbol"]])
    named = _names(rows[columns["series"]]) if "series" in columns else symbol
    series = named.where(named.notna() & (named != ""), symbol)
    start, end = (
        pd.to_datetime(
            rows[columns[name]].replace("", None), format="ISO8601", errors="coerce"
        ).dt.normalize()
        for name in ("start", "end")
    )
    written = rows[columns["end"]].notna() & (rows[columns["end"]].astype(str) != "")
    line = 2 if csv else 1
    for wrong, what in (
        (symbol.isna() | (symbol == ""), "there is no symbol"),
        (start.isna(), "start is no date"),
        (written & end.isna(), "end is no date"),
        (end <= start, "end is not after start"),
    ):
        if wrong.any():
            raise DataError(f"{path}, row {int(np.argmax(wrong)) + line}: {what}")
    spells = [
        Spell(str(name), first, None if pd.isna(last) else last)
        for name, first, last in zip(series, start, end, strict=True)
    ]
    return Universe(tuple(_merged(spells, path)), str(path))


def _names(column: pd.Series) -> pd.Series:
    """Symbols as text, without spaces around them; a ticker NA is a ticker."""
    texts = column.astype(object)
    return texts.where(texts.isna(), texts.astype(str).str.strip())


def _columns(table: pd.DataFrame, path: Path) -> dict[str, str]:
    there = {str(name).strip().lower(): name for name in table.columns}
    found = {
        ours: there[theirs[0]]
        for ours, names in NAMES.items()
        if (theirs := [name for name in names if name in there])
    }
    missing = [name for name in ("symbol", "start", "end") if name not in found]
    if missing:
        raise DataError(
            f"{path}: missing column {', '.join(missing)} (found: {', '.join(map(str, there))})"
        )
    return found


def _merged(spells: list[Spell], path: Path) -> Iterator[Spell]:
    """In order, those that follow on one another joined, as where a symbol was renamed."""
    open_one: Spell | None = None
    for spell in sorted(spells, key=lambda each: (each.series, each.start)):
        if open_one is None or open_one.series != spell.series:
            if open_one is not None:
                yield open_one
            open_one = spell
        elif open_one.end is None or spell.start < open_one.end:
            raise DataError(
                f"{path}: two intervals of {spell.series} overlap, from {open_one.start.date()} "
                f"and from {spell.start.date()}"
            )
        elif spell.start == open_one.end:
            open_one = open_one._replace(end=spell.end)
        else:
            yield open_one
            open_one = spell
    if open_one is not None:
        yield open_one


def without_prices(
    universe: Universe, frames: Mapping[str, pd.DataFrame]
) -> tuple[list[Spell], int]:
    """Spells within the time of the data of which there is not a single bar; and of how many."""
    first = min(frame.index[0] for frame in frames.values()).normalize()
    last = max(frame.index[-1] for frame in frames.values()).normalize()
    due = universe.between(first, last)
    absent = [
        spell for spell in due
        if spell.series not in frames or spell.part(frames[spell.series]).empty
    ]  # fmt: skip
    return absent, len(due)


def absent_members(
    universe: Universe, frames: Mapping[str, pd.DataFrame], first: pd.Timestamp, last: pd.Timestamp
) -> tuple[str, ...]:
    """A line that names the members of some days of whom there are no prices; none: no line."""
    due = {spell.series for spell in universe.between(first, last)}
    absent = sorted(due - set(frames))
    if not absent:
        return ()
    shown = [f"{name}{_spelled(name, frames)}" for name in absent[:5]]
    more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
    return (
        f"{len(absent)} of {len(due)} members of {universe.source} have no prices, and are no "
        f"assets: {', '.join(shown)}{more} (a column series gives the name in the data)",
    )


def _spelled(name: str, there: Iterable[str]) -> str:
    """The name in the data that differs from a member's by its punctuation alone."""

    def plain(text: str) -> str:
        return "".join(filter(str.isalnum, text.upper()))

    same = [each for each in there if plain(each) == plain(name)]
    return f" (there is {same[0]})" if same else ""
