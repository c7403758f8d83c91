"""The local bar store: one series a symbol and frequency, in parquet, that survives being killed.

    data/store/<data set>/<frequency>/AAPL.json          what there is: the sidecar
                                      AAPL@1.parquet     bars, oldest first: the base
                                      AAPL@7.parquet     bars appended since: the tail

A parquet file is never changed. A write makes new ones under new names, makes them durable, and
then replaces the sidecar, which is the commit: whoever dies before it has changed nothing, and a
reader sees the series before or after, never between. Readers take no lock. What a series no longer
needs is swept when the writer is done; a reader that was just about to open it reads the new
sidecar.

Appending rewrites the tail alone, until that is an eighth of the base and is merged with it.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from drltrade.atomic import write_many
from drltrade.data.bars import COLUMNS
from drltrade.data.layout import Adjustment
from drltrade.data.segments import ROW_GROUP, Segment, read_segment, to_parquet
from drltrade.errors import DataError, suggestion

MERGED = 8
"""A tail is merged with its base when it is one part in so many of it."""
FORMAT = 1
LONGEST_NAME = 150
"""Characters of a file name; file systems take 255, and suffixes come to it."""
CUT = "~"
_ATTEMPTS = 20


class PastChanged(DataError):
    """Bars that a series has are no more what they were when it was written."""


@dataclass(frozen=True)
class About:
    """What a stored series says of itself."""

    source: str
    """Where it came from: a file's path, "yahoo AAPL"."""
    zone: str | None
    """IANA name of the zone of its labels."""
    frequency: str
    adjustment: Adjustment
    """What its prices are adjusted for: nothing, splits, or splits and dividends."""
    since: str = ""
    """The first date that was asked for, of what is fetched."""
    fetched: str = ""
    """UTC time of the last write."""
    sha256: str = ""
    """Of the sha256 of its files."""


@dataclass(frozen=True)
class Sidecar:
    """The committed state of a series."""

    symbol: str
    about: About
    segments: tuple[Segment, ...]
    number: int
    """The last file's; the next has one more."""

    @property
    def last(self) -> pd.Timestamp:
        """The newest label."""
        return pd.Timestamp(self.segments[-1].last)


class Store:
    """The series under one folder. Opening it reads nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def datasets(self) -> list[str]:
        """Names of the data sets that hold a series."""
        folders = (path for path in self.root.glob("*") if any(path.glob("*/*.json")))
        return sorted(unquote(path.name) for path in folders)

    def frequencies(self, dataset: str) -> list[str]:
        """Frequencies that a data set holds."""
        folders = (self.root / quoted(dataset)).glob("*/*.json")
        return sorted({path.parent.name for path in folders})

    def symbols(self, dataset: str, frequency: str) -> list[str]:
        """Symbols of a data set, in alphabetical order."""
        folder = self.folder(dataset, frequency)
        return sorted(map(_symbol_of, folder.glob("*.json")))

    def repairs(self, dataset: str, frequency: str, symbol: str) -> Path:
        """Where the log of a series' repairs lies, if it has one; see `repair`."""
        return self.folder(dataset, frequency) / "repairs" / f"{quoted(symbol)}.csv"

    def sidecar(self, dataset: str, frequency: str, symbol: str) -> Sidecar:
        """The committed state of a series.

        Raises:
            DataError: there is none, or it was not written by this store.
        """
        folder = self.folder(dataset, frequency)
        path = folder / f"{quoted(symbol)}.json"
        try:
            content = json.loads(path.read_text("utf-8"))
            return Sidecar(
                content["symbol"], About(**content["about"]),
                tuple(Segment(**each) for each in content["segments"]), content["number"],
            )  # fmt: skip
        except FileNotFoundError:
            there = self.symbols(dataset, frequency)
            raise DataError(
                f"{folder}: no series {symbol!r}{suggestion(symbol, there)} (there are "
                f"{', '.join(there[:10]) or 'none'}{' ...' if len(there) > 10 else ''})"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is no sidecar of the store ({error!r})") from None

    def read(
        self, dataset: str, frequency: str, symbol: str,
        start: pd.Timestamp | None = None, end: pd.Timestamp | None = None,
    ) -> tuple[pd.DataFrame, About]:  # fmt: skip
        """Bars of a series, of the labels from `start` to `end`, both included.

        Returns:
            A frame [T] of float64 columns, open, high, low, close, volume and whatever else was
            written, by naive labels `time`; and what the series says of itself.

        Raises:
            DataError: there is no such series, or a file of it is damaged.
        """
        folder = self.folder(dataset, frequency)
        for attempt in range(_ATTEMPTS):
            known = self.sidecar(dataset, frequency, symbol)
            try:
                parts = [read_segment(folder, each, start, end) for each in known.segments]
                break
            except FileNotFoundError:  # a writer has just swept it, and committed before
                if attempt == _ATTEMPTS - 1:
                    raise DataError(
                        f"{folder}: {symbol} lacks a file that its sidecar names"
                    ) from None
        return pd.concat(parts) if len(parts) > 1 else parts[0], known.about

    @contextmanager
    def writing(self, dataset: str, frequency: str) -> Iterator["Writer"]:
        """The one writer of a data set's frequency; a second one waits.

        What it was given is committed at the end, or on `flush`; after an error it is dropped. What
        an earlier writer left behind when it was killed is swept first.
        """
        folder = self.folder(dataset, frequency)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            _lock(lock)
            writer = Writer(self, dataset, frequency)
            writer.sweep()
            try:
                yield writer
                writer.flush()
            finally:
                writer.sweep()

    def folder(self, dataset: str, frequency: str) -> Path:
        """Where the series of a frequency of a data set lie."""
        return self.root / quoted(dataset) / frequency


def _lock(file: IO[str]) -> None:
    """Wait until nobody else has locked it; the lock ends with the file, or with its process."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


class Change(NamedTuple):
    """What is to be committed of a series."""

    about: About
    kept: tuple[Segment, ...]
    frame: pd.DataFrame
    """The bars behind those kept."""
    number: int
    """Of the file that they will be in."""
    anew: bool
    """Whether the series is replaced."""


class Writer:
    """Writes series while it holds the lock of their folder. Each is committed as a whole."""

    def __init__(self, store: Store, dataset: str, frequency: str) -> None:
        self._store, self._dataset, self._frequency = store, dataset, frequency
        self._folder = store.folder(dataset, frequency)
        self._changes: dict[str, Change] = {}

    def __contains__(self, symbol: str) -> bool:
        return (self._folder / f"{quoted(symbol)}.json").is_file()

    def replace(self, symbol: str, frame: pd.DataFrame, about: About) -> None:
        """Write a series whole; of one that was there before nothing is left.

        Args:
            symbol: its name.
            frame: bars [T >= 1] by ascending naive labels.
            about: its origin; `fetched` and `sha256` are filled in here.
        """
        _check(symbol, frame)
        number = self._sidecar(symbol).number if symbol in self else 0
        self._changes[symbol] = Change(about, (), frame, number + 1, True)

    def append(self, symbol: str, frame: pd.DataFrame, source: str | None = None) -> int:
        """Add the bars that are newer than those there are.

        Args:
            symbol: name of a series that is there.
            frame: bars [T] with the columns of the series; those of labels that are already
                there must be the same.
            source: where they came from, if no more from where the series did.

        Returns:
            How many bars were new.

        Raises:
            PastChanged: a bar that is there has other values, as after a split or a correction:
                names the label, the column, both values.
            DataError: a column too many or too few.
        """
        if symbol in self._changes:
            self.flush()
        known = self._sidecar(symbol)
        base, tail = known.segments[0], known.segments[1:]
        last = known.last
        self._check_overlap(symbol, frame[frame.index <= last])
        there = read_segment(self._folder, known.segments[-1], last, last).columns
        if sorted(frame.columns) != sorted(there):
            raise DataError(
                f"{symbol}: columns {', '.join(frame.columns)}; the series has {', '.join(there)}"
            )
        new = frame[frame.index > last]
        if new.empty:
            return 0
        rows = sum(each.rows for each in tail) + len(new)
        merged = rows * MERGED > max(base.rows, ROW_GROUP)
        kept = () if merged else (base,)
        parts = [read_segment(self._folder, each) for each in known.segments if each not in kept]
        whole = pd.concat([*parts, new[parts[0].columns]]) if parts else new
        _check(symbol, whole)
        about = replace(known.about, source=source or known.about.source)
        self._changes[symbol] = Change(about, kept, whole, known.number + 1, False)
        return len(new)

    def sweep(self) -> None:
        """Delete what no sidecar names."""
        named = {".lock"}
        for symbol in self._store.symbols(self._dataset, self._frequency):
            known = self._sidecar(symbol)
            named |= {f"{quoted(symbol)}.json", *(each.file for each in known.segments)}
        for path in self._folder.iterdir():
            if path.name not in named and path.is_file():
                path.unlink(missing_ok=True)

    def _sidecar(self, symbol: str) -> Sidecar:
        return self._store.sidecar(self._dataset, self._frequency, symbol)

    def _check_overlap(self, symbol: str, again: pd.DataFrame) -> None:
        if again.empty:
            return
        there, about = self._store.read(
            self._dataset, self._frequency, symbol, again.index[0], again.index[-1]
        )
        both = there.index.intersection(again.index)
        for name in there.columns.intersection(again.columns):
            old, new = there.loc[both, name].to_numpy(), again.loc[both, name].to_numpy()
            other = ~np.isclose(old, new, rtol=1e-9, atol=0.0, equal_nan=True)
            if other.any():
                i = int(np.argmax(other))
                raise PastChanged(
                    f"{symbol} {both[i]}: {name} = {new[i]:.10g}, and was {old[i]:.10g} when it "
                    f"was fetched ({about.fetched}): its past has changed, as by a split or a "
                    "correction; fetch or import the series anew and replace it"
                )

    def flush(self) -> None:
        """Commit what was given: the files of bars first, then the sidecars."""
        bars: dict[Path, bytes] = {}
        sidecars: dict[Path, bytes] = {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for symbol, (about, kept, frame, number, _) in self._changes.items():
            name = f"{quoted(symbol)}@{number}.parquet"
            content = to_parquet(frame)
            times = frame.index
            sha256 = hashlib.sha256(content).hexdigest()
            new = Segment(name, len(frame), str(times[0]), str(times[-1]), sha256)
            segments = (*kept, new)
            whole = hashlib.sha256("".join(each.sha256 for each in segments).encode()).hexdigest()
            written = {
                "format": FORMAT, "symbol": symbol, "number": number,
                "about": asdict(replace(about, fetched=now, sha256=whole)),
                "segments": [asdict(each) for each in segments],
            }  # fmt: skip
            bars[self._folder / name] = content
            sidecars[self._folder / f"{quoted(symbol)}.json"] = json.dumps(written).encode()
        write_many(bars)
        write_many(sidecars)
        for symbol, change in self._changes.items():
            if change.anew:  # what was repaired is gone
                log = self._store.repairs(self._dataset, self._frequency, symbol)
                log.unlink(missing_ok=True)
        self._changes.clear()


def quoted(name: str) -> str:
    """A file name for any symbol: BTC/USDT is BTC%2FUSDT; a long one is cut, with a digest."""
    quoted = quote(name, safe="^=")
    if len(quoted) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return f"{quoted[:LONGEST_NAME].rsplit('%', 1)[0]}{CUT}{digest}"
    return quoted.replace(".", "%2E", 1) if quoted.startswith(".") else quoted


def _symbol_of(sidecar: Path) -> str:
    name = sidecar.name.removesuffix(".json")
    if CUT in name:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return str(json.loads(sidecar.read_text("utf-8"))["symbol"])
    return unquote(name)


def _check(symbol: str, frame: pd.DataFrame) -> None:
    missing = [column for column in COLUMNS if column not in frame]
    ascending = frame.index.is_monotonic_increasing and frame.index.is_unique
    if missing or frame.empty or not ascending:
        raise DataError(
            f"{symbol}: a series needs columns {', '.join(COLUMNS)}, a bar, and labels that ascend"
        )
