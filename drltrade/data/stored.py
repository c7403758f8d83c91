"""A data set of the local store, as bars."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from drltrade.data.bars import COLUMNS, Bars
from drltrade.data.series import adjustment_of, finished
from drltrade.data.store import Store
from drltrade.errors import DataError, suggestion

QUARANTINED = "quarantined"
"""A column of a stored series: 1 at bars that are known to be wrong, and are never handed out."""


def local_store() -> Store:
    """The store of the workspace, that is of the current directory."""
    return Store(Path("data") / "store")


@dataclass(frozen=True)
class StoredSet:
    """The series of one frequency of a data set."""

    store: Store
    dataset: str
    frequency: str

    @property
    def symbols(self) -> list[str]:
        """In alphabetical order."""
        return self.store.symbols(self.dataset, self.frequency)

    def published(self) -> dict[str, pd.DataFrame]:
        """Every series as it was published, but for what was repaired."""
        frames = {}
        for symbol in self.symbols:
            frame, _ = self.store.read(self.dataset, self.frequency, symbol)
            frames[symbol] = _without_quarantined(frame)
        return frames

    def bars(self, symbols: Sequence[str] | None = None) -> Bars:
        """Checked and adjusted bars, of the named symbols alone where some are named.

        Raises:
            DataError: a series is not there, or has a bar that cannot be true; or they differ in
                zone or adjustment.
        """
        where = f"{self.dataset}/{self.frequency}"
        there = self.symbols
        for symbol in symbols or ():
            if symbol not in there:
                raise DataError(
                    f"{where}: no symbol {symbol!r}{suggestion(symbol, there)} (available: "
                    f"{', '.join(there)})"
                )
        read = {
            symbol: self.store.read(self.dataset, self.frequency, symbol)
            for symbol in symbols or there
        }
        abouts = [about for _, about in read.values()]
        for key in ("zone", "adjustment"):
            values = sorted({str(getattr(about, key)) for about in abouts})
            if len(values) > 1:
                raise DataError(
                    f"{where}: series differ in {key} ({', '.join(values)}); name symbols that do "
                    "not, or import them as two data sets"
                )
        adjustment, frames = abouts[0].adjustment, {}
        for symbol, (frame, _) in read.items():
            try:
                kept = _without_quarantined(frame)
                frames[symbol] = finished(kept, adjustment, f"{where} (symbol {symbol})")
            except DataError as error:
                raise DataError(f"{error}; see drltrade data check {self.dataset}") from None
        published = {symbol: frame for symbol, (frame, _) in read.items()}
        digest = hashlib.sha256("".join(about.sha256 for about in abouts).encode()).hexdigest()
        sources = sorted({about.source for about in abouts})
        source = sources[0] if len(sources) == 1 else f"{len(sources)} sources"
        return Bars(
            frames={symbol: frame[list(COLUMNS)] for symbol, frame in frames.items()},
            zone=abouts[0].zone, frequency=self.frequency, source=f"{where}: {source}",
            sha256=digest, adjustment=adjustment_of(published, adjustment),
        )  # fmt: skip


def _without_quarantined(frame: pd.DataFrame) -> pd.DataFrame:
    if QUARANTINED not in frame:
        return frame
    kept: pd.DataFrame = frame[frame[QUARANTINED].to_numpy() == 0.0]
    return kept.drop(columns=QUARANTINED)
