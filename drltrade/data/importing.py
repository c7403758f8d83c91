"""From a price file, or a folder of them, into the local store. Nothing is guessed silently."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import common_frequency
from drltrade.data.catalog import check_name
from drltrade.data.files import Published, read_published
from drltrade.data.layout import Layout
from drltrade.data.store import About, Store
from drltrade.data.stored import StoredSet
from drltrade.data.text import SUFFIXES
from drltrade.errors import ConfigError, DataError


class Unstated(ConfigError):
    """Something about the files was neither stated nor proven by their format."""

    def __init__(self, keys: Sequence[str]) -> None:
        fields = Layout.model_fields
        asked = "; ".join(f"--{key} ({fields[key].description})" for key in keys)
        super().__init__(f"an import does not guess: state {asked}")
        self.keys = tuple(keys)


class Imported(NamedTuple):
    """What an import has put into the store."""

    stored: StoredSet
    symbols: tuple[str, ...]
    bars: int
    """New ones."""
    dropped: int
    """Bars that were there twice with the same values, and are kept once."""
    read_as: tuple[str, ...]
    """What the files were recognised as, and what is to be said of them."""


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
            where a file that names no symbol holds the one that it is called by. Files of one
            symbol, each of another time, are joined.
        store: where to.
        layout: what the files do not say themselves; zone and adjustment must be stated, unless
            the format proves them, and so must label for bars that are not daily.
        name: of the data set (default: of the file or folder).
        symbol: of a file that carries none (default: the file's name).
        existing: what to do with a symbol that the store has: "refuse", "replace", or "append" what
            is newer.

    Raises:
        ConfigError: something is not stated; says what. The name is an embedded data set's.
        DataError: a file cannot be read; two bars of one label differ; a symbol is in the store;
            files differ in frequency. Nothing has been stored then.
    """
    dataset = check_name(name or path.resolve().name.split(".")[0])
    frequency = layout.frequency
    there = store.frequencies(dataset)
    if frequency is None and existing == "append" and len(there) == 1:
        frequency = there[0]
    layout = layout.model_copy(update={"frequency": frequency})
    frames: dict[str, pd.DataFrame] = {}
    read_as: list[str] = []
    known: Published | None = None
    lengths: set[str | None] = set()
    dropped = 0
    for file in _files(path):
        published = read_published(file, layout, symbol)
        _check_same(known, published, str(file))
        _check_stated(published)
        known, read_as = published, [*read_as, published.read_as, *published.remarks]
        dropped += published.dropped
        lengths |= {published.frequency} - {None}
        for each, frame in published.frames.items():
            once = _once(frame, published.rows[each], f"{file} (symbol {each})")
            dropped += len(frame) - len(once)
            if each in frames:
                both = pd.concat([frames[each], once])
                once = _once(both, np.arange(1, len(both) + 1), f"{path} (symbol {each}), joined")
                dropped += len(both) - len(once)
            frames[each] = once
    assert known is not None
    frequency = known.layout.frequency or common_frequency(frames, str(path))
    if frequency != "1d" and known.layout.label is None:
        raise Unstated(["label"])
    if known.layout.label == "open" and lengths != {frequency}:
        raise DataError(
            f"{path}: files of {', '.join(sorted(map(str, lengths)))} bars: state which "
            "(--frequency), or import them as two data sets"
        )
    layout = known.layout
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
    said = tuple(dict.fromkeys(each for each in read_as if each))
    return Imported(stored, tuple(frames), bars, dropped, said)


def _check_stated(published: Published) -> None:
    """Ask for zone and adjustment, and at once for the label that will be asked for next."""
    missing = [key for key in ("zone", "adjustment") if getattr(published.layout, key) is None]
    if missing and published.layout.label is None and published.frequency not in (None, "1d"):
        missing.append("label")
    if missing:
        raise Unstated(missing)


def _check_same(known: Published | None, other: Published, where: str) -> None:
    if known is None:
        return
    for key in ("zone", "adjustment"):
        before, now = getattr(known, key), getattr(other, key)
        if before != now and None not in (before, now):
            raise DataError(
                f"{where}: {key} = {now!r}, and of the files before it {before!r}; import them as "
                "two data sets"
            )


def _check_alike(known: About, new: About, where: str) -> None:
    for key in ("zone", "adjustment"):
        before, now = getattr(known, key), getattr(new, key)
        if before != now:
            raise ConfigError(
                f"{key} = {now!r}: the series of {where} have {before!r}; give it another --name"
            )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(each for each in path.iterdir() if each.name.lower().endswith(SUFFIXES))
    # A folder of tables has notes beside them.
    files = [each for each in files if not each.name.lower().endswith(".txt")] or files
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
                f"{where}, rows {named}: {label} comes twice, with different values; which is true?"
            )
        frame = frame[~frame.index.duplicated()]
    return frame.sort_index()
