"""From a price file, or a folder of them, into the local store. Nothing is guessed silently."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import common_frequency
from drltrade.data.catalog import check_name
from drltrade.data.files import read_published
from drltrade.data.frequencies import DAILY
from drltrade.data.layout import Layout
from drltrade.data.store import About, Store
from drltrade.data.stored import StoredSet
from drltrade.data.tables import SUFFIXES
from drltrade.errors import ConfigError, DataError


class Imported(NamedTuple):
    """What an import has put into the store."""

    stored: StoredSet
    symbols: tuple[str, ...]
    bars: int
    """New ones."""
    dropped: int
    """Bars that were there twice with the same values, and are kept once."""


def import_prices(
    path: Path,
    store: Store,
    layout: Layout,
    *,
    name: str | None = None,
    symbol: str | None = None,
    existing: str = "refuse",
) -> Imported:
    """Put a price file, or every one in a folder, into the store.

    Values are stored as they were published: judging and mending them is for `quality.check` and
    `repair`. Bars are sorted, equal ones of one label kept once.

    Args:
        path: a file that `files.read_bars` can read but for the prices in it; or a folder of such,
            where a file that names no symbol holds the one that it is called by.
        store: where to.
        layout: what the files do not say themselves; zone and adjustment must be stated, and so
            must label for bars that are not daily.
        name: of the data set (default: of the file or folder).
        symbol: of a file that carries none (default: the file's name).
        existing: what to do with a symbol that the store has: "refuse", "replace", or "append" what
            is newer.

    Raises:
        ConfigError: something is not stated; says what. The name is an embedded data set's.
        DataError: a file cannot be read; two bars of one label differ; a symbol comes twice, or is
            in the store; files differ in frequency. Nothing has been stored then.
    """
    missing = [key for key in ("zone", "adjustment") if getattr(layout, key) is None]
    if missing:
        raise ConfigError(unstated(layout, missing))
    dataset = check_name(name or path.resolve().name.split(".")[0])
    frequency = layout.frequency
    there = store.frequencies(dataset)
    if frequency is None and existing == "append" and len(there) == 1:
        frequency = there[0]
    layout = layout.model_copy(update={"frequency": frequency})
    frames: dict[str, pd.DataFrame] = {}
    dropped = 0
    for file in _files(path):
        published = read_published(file, layout, symbol)
        for each, frame in published.frames.items():
            if each in frames:
                raise DataError(f"{file}: symbol {each} is in another file of {path} too")
            frames[each] = _once(frame, published.rows[each], f"{file} (symbol {each})")
            dropped += len(frame) - len(frames[each])
    frequency = frequency or common_frequency(frames, str(path))
    if layout.label is None and frequency != "1d":
        raise ConfigError(unstated(layout, ["label"]))
    if frequency in DAILY:
        frames = {each: _by_date(frame, f"{path} ({each})") for each, frame in frames.items()}
    assert layout.adjustment is not None
    about = About(str(path), layout.zone, frequency, layout.adjustment)
    stored = StoredSet(store, dataset, frequency)
    bars = 0
    with store.writing(dataset, frequency) as writer:
        if set(stored.symbols) - (set(frames) if existing == "replace" else set()):
            _check_alike(stored.about, about, stored.name)
        for each, frame in frames.items():
            if each not in writer or existing == "replace":
                writer.replace(each, frame, about)
                bars += len(frame)
            elif existing == "append":
                bars += writer.append(each, frame, str(path))
            else:
                raise DataError(
                    f"{stored.name} has {each} in the store already: append what is newer, or "
                    "replace it (--append, --replace)"
                )
    return Imported(stored, tuple(frames), bars, dropped)


def _by_date(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Daily bars by the date of their session, whatever the time of day they were stamped with."""
    dated = frame.set_axis(pd.DatetimeIndex(frame.index).normalize().rename("time"))
    if dated.index.has_duplicates:
        label = dated.index[int(np.argmax(dated.index.duplicated()))]
        raise DataError(
            f"{where}: two daily bars on {label.date()}; state the zone of the exchange"
        )
    return dated


def _check_alike(known: About, new: About, where: str) -> None:
    for key in ("zone", "adjustment"):
        before, now = getattr(known, key), getattr(new, key)
        if before != now:
            raise ConfigError(
                f"{key} = {now!r}: the series of {where} have {before!r}; give it another --name"
            )


def unstated(layout: Layout, keys: list[str]) -> str:
    """The error that asks for keys of a layout."""
    fields = type(layout).model_fields
    asked = "; ".join(f"{key} ({fields[key].description})" for key in keys)
    return f"an import does not guess: state {asked}"


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(each for each in path.iterdir() if each.name.lower().endswith(SUFFIXES))
    if not files:
        raise DataError(f"{path}: holds no file of {', '.join(SUFFIXES)}")
    yield from files


def _once(frame: pd.DataFrame, rows: NDArray[np.int64], where: str) -> pd.DataFrame:
    """Bars by ascending labels, each once.

    Raises:
        DataError: two bars of one label differ: names their rows.
    """
    again = np.asarray(frame.index.duplicated(keep=False))
    if again.any():
        twice = frame[again].assign(label=frame.index[again])
        other = ~twice.duplicated(keep=False).to_numpy()
        if other.any():
            label = twice.index[int(np.argmax(other))]
            named = ", ".join(map(str, rows[frame.index == label]))
            raise DataError(
                f"{where}, rows {named}: {label} comes twice, with different values; which is "
                "true? (If clocks went back that hour, state a zone without summer time: UTC)"
            )
        frame = frame[~frame.index.duplicated()]
    return frame.sort_index()
