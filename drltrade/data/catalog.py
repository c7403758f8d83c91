"""Which data sets there are, and the one function that loads any of them, or a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from drltrade.data import embedded
from drltrade.data.bars import Bars
from drltrade.data.files import read_bars, read_published
from drltrade.data.tables import SUFFIXES
from drltrade.errors import ConfigError, DataError, suggestion


@dataclass(frozen=True)
class DataSet:
    """An embedded data set, as `drltrade data list` shows it."""

    name: str
    description: str
    symbols: tuple[str, ...]
    frequency: str
    start: str
    end: str
    zone: str
    licence: str
    load: Callable[[], Bars]


_NEW_YORK = "America/New_York"
_ARCH_LICENCE = "shipped by the package arch (NCSA licence), which states no terms for the prices"

CATALOG: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            name="us5",
            description="five US stocks, raw prices adjusted for splits and dividends",
            symbols=("AAPL", "FB", "GOOG", "IBM", "MSFT"),
            frequency="1d",
            start="2000-03-01",
            end="2013-03-01",
            zone=_NEW_YORK,
            licence="public domain, as declared by its publisher (Quandl WIKI)",
            load=embedded.us5,
        ),
        DataSet(
            name="sp500",
            description="the S&P 500 index, without dividends",
            symbols=("SP500",),
            frequency="1d",
            start="1999-01-04",
            end="2018-12-31",
            zone=_NEW_YORK,
            licence=_ARCH_LICENCE,
            load=embedded.sp500,
        ),
        DataSet(
            name="nasdaq",
            description="the Nasdaq Composite index, without dividends",
            symbols=("NASDAQ",),
            frequency="1d",
            start="1999-01-04",
            end="2018-12-31",
            zone=_NEW_YORK,
            licence=_ARCH_LICENCE,
            load=embedded.nasdaq,
        ),
    )
}


def load_bars(name_or_path: str | Path) -> Bars:
    """Load an embedded data set by its name, or a price file.

    A file is looked for at the path as given, then in the folder `data` of the current directory,
    there also without its suffix. `files.read_bars` says what a file may look like.

    Raises:
        DataError: there is neither such a name nor such a file; or the file is bad.
    """
    if str(name_or_path) in CATALOG:
        return CATALOG[str(name_or_path)].load()
    return read_bars(find_file(name_or_path))


def published(name_or_path: str | Path, zone: str | None = None) -> Mapping[str, pd.DataFrame]:
    """The bars of a data set or file by symbol, for `quality.check`: those of a file unchecked.

    Raises:
        DataError: as `load_bars`, but for what is wrong with the prices.
        ConfigError: there is no such zone, or a data set has its own.
    """
    if str(name_or_path) in CATALOG:
        entry = CATALOG[str(name_or_path)]
        if zone is not None:
            raise ConfigError(f"zone = {zone!r}: {entry.name} has one, {entry.zone}; leave it out")
        return entry.load().frames
    return read_published(find_file(name_or_path), zone).frames


def find_file(name_or_path: str | Path) -> Path:
    """Where `load_bars` finds a price file. Raises DataError where there is none."""
    path = Path(name_or_path)
    in_workspace = Path("data") / path
    suffixed = [in_workspace.with_name(path.name + suffix) for suffix in SUFFIXES if path.name]
    for candidate in (path, in_workspace, *suffixed):
        if candidate.is_file():
            return candidate
    hint = suggestion(name_or_path, CATALOG)
    raise DataError(
        f"{str(name_or_path)!r} is neither an embedded data set ({', '.join(CATALOG)}) nor a file, "
        f"here or in data/ ({', '.join(SUFFIXES)}){hint}"
    )
