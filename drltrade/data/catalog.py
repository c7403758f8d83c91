"""Which data sets there are, and the one function that loads any of them, or a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pandas as pd

from drltrade.data import embedded, frames
from drltrade.data.bars import Bars
from drltrade.data.files import Published, read_published
from drltrade.data.frames import Frames
from drltrade.data.gate import read_bars
from drltrade.data.layout import AS_IT_STANDS, Adjustment, Layout
from drltrade.data.store import LONGEST_NAME, Store, quoted
from drltrade.data.stored import StoredSet, local_store
from drltrade.data.text import SUFFIXES
from drltrade.errors import ConfigError, DataError, suggestion


class Prices(NamedTuple):
    """Bars by symbol, with what is wrong with them."""

    frames: Mapping[str, pd.DataFrame]
    adjustment: Adjustment | None
    """What they are adjusted for; None: not stated."""
    zone: str | None
    read_as: str = ""
    """What a file was recognised as, and what is to be said of how it was read."""


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
    published: Callable[[], Published]
    """What `load` checks and adjusts."""
    adjustment: Adjustment | None
    """Of what was published; None: of an index, without splits."""


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
            published=embedded.us5_published,
            adjustment="raw",
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
            published=embedded.sp500_published,
            adjustment=None,
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
            published=embedded.nasdaq_published,
            adjustment=None,
        ),
    )
}


def load_bars(
    source: str | Path | Frames,
    symbols: Sequence[str] | None = None,
    layout: Layout = AS_IT_STANDS,
) -> Bars:
    """Load an embedded data set by its name, a data set of the local store, a price file, or frames
    of pandas.

    All are checked alike: what cannot be true is refused, and what needs a look is said. A file is
    a CSV (also gzipped, zipped, or as .txt) or parquet with a time column (date, datetime, time or
    timestamp; or date and time apart) and open, high, low, close and volume, in any case and any
    order of columns, oldest or newest first; or an export that `formats` recognises. An adjusted
    close, a factor, or splits and dividends beside the prices adjust them. A column symbol or
    ticker makes several series; other columns are not read. Times are taken as the END of their
    bars, unless the layout says otherwise. For frames see `frames.bars_of`.

    A file is looked for at the path as given, then in the folder `data` of the current directory,
    there also without its suffix. The store is `data/store` of the current directory; a data set
    that has several frequencies is asked for as NAME/FREQUENCY, such as binance/1h.

    Args:
        source: what to load.
        symbols: load these alone, where that is quicker, as it is from the store.
        layout: what a file or frames do not say themselves.

    Raises:
        DataError: there is neither such a name nor such a file; or the prices are bad.
    """
    if not isinstance(source, str | Path):
        return frames.bars_of(source, layout)
    name_or_path = source
    if str(name_or_path).startswith(frames.PREFIX):
        return frames.handed_in(str(name_or_path))
    known = str(name_or_path) in CATALOG
    kept = None if known else find_stored(name_or_path)
    if known or kept is not None:
        _check_undescribed(layout, name_or_path)
    if known:
        return CATALOG[str(name_or_path)].load()
    if kept is None:
        return read_bars(find_file(name_or_path), layout)
    file = next((each for each in _candidates(name_or_path) if each.is_file()), None)
    if file is not None:
        raise DataError(
            f"{str(name_or_path)!r} is a data set of the store, and there is {file} too: say "
            f"{kept.name} or {file}"
        )
    return kept.bars(symbols)


def lasting_name(name_or_path: str | Path) -> str:
    """A name by which `load_bars` finds the same data from any directory.

    Raises:
        DataError: there is neither such a name nor such a file.
    """
    if str(name_or_path) in CATALOG or str(name_or_path).startswith(frames.PREFIX):
        return str(name_or_path)
    kept = find_stored(name_or_path)
    path = find_file(name_or_path) if kept is None else kept.folder
    return str(path.resolve())


def check_name(dataset: str) -> str:
    """A name that a data set of the store can have.

    Raises:
        ConfigError: it is empty, has a / in it, or is an embedded data set's.
    """
    if dataset in CATALOG or "/" in dataset or not dataset or len(quoted(dataset)) > LONGEST_NAME:
        raise ConfigError(
            f"name = {dataset!r}: is an embedded data set's, or empty, or too long, or has a "
            "/ in it; give another"
        )
    return dataset


def find_stored(name: str | Path) -> StoredSet | None:
    """The data set of that name in the store of the current directory, if there is one.

    A path to the folder of its series, `data/store/NAME/FREQUENCY` of any workspace, does as well.

    Raises:
        DataError: it has several frequencies, and the name does not say which.
    """
    folder = Path(name)
    if len(folder.parts) > 2 and any(folder.glob("*.json")):
        return StoredSet(Store(folder.parent.parent), unquote(folder.parent.name), folder.name)
    store = local_store()
    if str(name) in store.datasets():
        frequencies = store.frequencies(str(name))
        if len(frequencies) > 1:
            raise DataError(
                f"{str(name)!r} has several frequencies: ask for "
                + " or ".join(f"{name}/{each}" for each in frequencies)
            )
        return StoredSet(store, str(name), frequencies[0])
    dataset, _, frequency = str(name).rpartition("/")
    if dataset in store.datasets() and frequency in store.frequencies(dataset):
        return StoredSet(store, dataset, frequency)
    return None


def published(name_or_path: str | Path, layout: Layout = AS_IT_STANDS) -> Prices:
    """The bars of a data set or file as they were published, for `quality.check`.

    Raises:
        DataError: as `load_bars`, but for what is wrong with the prices.
        ConfigError: a layout is stated for what is no file.
    """
    known = CATALOG.get(str(name_or_path))
    kept = find_stored(name_or_path) if known is None else None
    if known is None and kept is None:
        read = read_published(find_file(name_or_path), layout)
        said = "; ".join(each for each in (read.read_as, *read.remarks) if each)
        return Prices(read.frames, read.adjustment, read.zone, said)
    _check_undescribed(layout, name_or_path)
    if kept is not None:
        return Prices(kept.published(), kept.about.adjustment, kept.about.zone)
    assert known is not None
    return Prices(known.published().frames, known.adjustment, known.zone)


def _check_undescribed(layout: Layout, name: str | Path) -> None:
    if layout != AS_IT_STANDS:
        said = ", ".join(
            f"{k} = {v!r}" for k, v in layout.model_dump(exclude_defaults=True).items()
        )
        raise ConfigError(f"{said}: {name} has been described; leave it out")


def find_file(name_or_path: str | Path) -> Path:
    """Where `load_bars` finds a price file. Raises DataError where there is none."""
    for candidate in _candidates(name_or_path):
        if candidate.is_file():
            return candidate
    stored = local_store().datasets()
    in_store = f", one of data/store ({', '.join(stored)})" if stored else ""
    hint = suggestion(name_or_path, [*CATALOG, *stored])
    raise DataError(
        f"{str(name_or_path)!r} is neither an embedded data set ({', '.join(CATALOG)}){in_store} "
        f"nor a file, here or in data/ ({', '.join(SUFFIXES)}){hint}"
    )


def _candidates(name_or_path: str | Path) -> list[Path]:
    """Where a price file of that name would be."""
    path = Path(name_or_path)
    in_workspace = Path("data") / path
    suffixed = [in_workspace.with_name(path.name + suffix) for suffix in SUFFIXES if path.name]
    return [path, in_workspace, *suffixed]
