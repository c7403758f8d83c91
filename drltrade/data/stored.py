"""A data set of the local store, as bars: with what was repaired, without what was set aside.

The log of a series' repairs lies beside it, data/store/<data set>/<frequency>/repairs/AAPL.csv, a
line for each value; see `repair`.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from drltrade.atomic import write_many
from drltrade.data.bars import COLUMNS, Bars
from drltrade.data.quality.moves import of_moves
from drltrade.data.repair import ACCEPTED, LOG, WHOLE, mended, repairs
from drltrade.data.series import adjustment_of, finished
from drltrade.data.store import About, Store
from drltrade.errors import DataError, suggestion


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
    def name(self) -> str:
        """By which it can be loaded."""
        return f"{self.dataset}/{self.frequency}"

    @property
    def folder(self) -> Path:
        """Where the series lie."""
        return self.store.folder(self.dataset, self.frequency)

    @property
    def symbols(self) -> list[str]:
        """In alphabetical order."""
        return self.store.symbols(self.dataset, self.frequency)

    @property
    def about(self) -> About:
        """What the series say of themselves.

        Raises:
            DataError: they differ in zone or adjustment.
        """
        return _common(self._abouts(self.symbols), self.name)

    def published(self) -> dict[str, pd.DataFrame]:
        """Every series with its repairs, and not adjusted."""
        return {symbol: self._repaired(symbol)[0] for symbol in self.symbols}

    def repair(self) -> dict[str, pd.DataFrame]:
        """Mend what can be mended, of the published values, and write the logs; they are returned.

        A symbol in which there is nothing to mend has no log, and loses the one it had.
        """
        logs = {}
        with self.store.writing(self.dataset, self.frequency):
            for symbol in self.symbols:
                frame, about = self.store.read(self.dataset, self.frequency, symbol)
                log = repairs(frame, symbol, about.adjustment)
                known = self._repaired(symbol)[1]
                log = pd.concat([log, known[known["column"] == ACCEPTED]])
                if len(log):
                    logs[symbol] = log
            self._write_logs(logs)
            self._forget([symbol for symbol in self.symbols if symbol not in logs])
        return logs

    def accept(self) -> dict[str, pd.DatetimeIndex]:
        """Call true what the check calls errors, but what cannot be; the bars, by symbol."""
        accepted, logs = {}, {}
        adjustment = self.about.adjustment
        with self.store.writing(self.dataset, self.frequency):
            for symbol in self.symbols:
                frame, log, _ = self._repaired(symbol)
                where = f"{self.name} (symbol {symbol})"
                wrong = _doubts(symbol, finished(frame, adjustment, where), log)
                if len(wrong):
                    published, _ = self.store.read(self.dataset, self.frequency, symbol)
                    lines = pd.DataFrame({"time": wrong, "column": ACCEPTED})
                    close = published.loc[wrong, "close"].to_numpy()
                    lines = lines.assign(before=close, after=np.nan, kind="accepted", why="true")
                    accepted[symbol], logs[symbol] = wrong, pd.concat([log, lines])
            self._write_logs(logs)
        return accepted

    def undo(self) -> int:
        """Take repairs back; how many symbols had any."""
        with self.store.writing(self.dataset, self.frequency):
            return self._forget(self.symbols)

    def bars(self, symbols: Sequence[str] | None = None) -> Bars:
        """Checked and adjusted bars, of the named symbols alone where some are named.

        Raises:
            DataError: a series is not there, has a bar that cannot be true, or one that is hardly
                true and was not accepted; or they differ in zone or adjustment.
        """
        there = self.symbols
        for symbol in symbols or ():
            if symbol not in there:
                raise DataError(
                    f"{self.name}: no symbol {symbol!r}{suggestion(symbol, there)} (available: "
                    f"{', '.join(there)})"
                )
        wanted = tuple(symbols or there)
        abouts = self._abouts(wanted)
        common = _common(abouts, self.name)
        published, frames, aside = {}, {}, {}
        told = [about.sha256 for about in abouts]
        for symbol in wanted:
            published[symbol], log, text = self._repaired(symbol)
            told.append(text)
            try:
                frames[symbol] = finished(
                    published[symbol], common.adjustment, f"{self.name} (symbol {symbol})"
                )
            except DataError as error:
                raise DataError(f"{error}; see drltrade data check {self.name}") from None
            wrong = _doubts(symbol, frames[symbol], log)
            if len(wrong):
                raise DataError(
                    f"{self.name} (symbol {symbol}), {wrong[0]}: a price that is hardly true; see "
                    f"drltrade data check {self.name}, then --repair it, or --accept it as true"
                )
            aside[symbol] = pd.DatetimeIndex(log.loc[log["column"] == WHOLE, "time"], name="time")
        sources = sorted({about.source for about in abouts})
        source = sources[0] if len(sources) == 1 else f"{len(sources)} sources"
        return Bars(
            frames={symbol: frame[list(COLUMNS)] for symbol, frame in frames.items()},
            zone=common.zone, frequency=self.frequency, source=f"{self.name}: {source}",
            sha256=hashlib.sha256("".join(told).encode()).hexdigest(),
            adjustment=adjustment_of(published, common.adjustment),
            quarantined={symbol: times for symbol, times in aside.items() if len(times)},
        )  # fmt: skip

    def _log(self, symbol: str) -> Path:
        return self.store.repairs(self.dataset, self.frequency, symbol)

    def _repaired(self, symbol: str) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        """A series with its log applied, the log, and its text."""
        frame, _ = self.store.read(self.dataset, self.frequency, symbol)
        path = self._log(symbol)
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return frame, pd.DataFrame(columns=list(LOG)), ""
        try:
            # Through text: pandas' own reading of numbers is off by one in the last place at times.
            types = {"before": object, "after": object}
            log = pd.read_csv(io.StringIO(text), parse_dates=["time"], dtype=types)
            numbers = {name: log[name].astype(np.float64) for name in ("before", "after")}
            log = log.assign(**numbers)[list(LOG)]
        except (ValueError, KeyError) as error:
            raise DataError(f"{path}: is no log of repairs ({error})") from None
        return mended(frame, log, f"{self.name} (symbol {symbol})"), log, text

    def _write_logs(self, logs: Mapping[str, pd.DataFrame]) -> None:
        if logs:
            self._log("").parent.mkdir(exist_ok=True)
        write_many(
            {self._log(symbol): log.to_csv(index=False).encode() for symbol, log in logs.items()}
        )

    def _forget(self, symbols: Sequence[str]) -> int:
        logs = [self._log(symbol) for symbol in symbols if self._log(symbol).is_file()]
        for path in logs:
            path.unlink()
        return len(logs)

    def _abouts(self, symbols: Sequence[str]) -> list[About]:
        return [self.store.sidecar(self.dataset, self.frequency, each).about for each in symbols]


def _doubts(symbol: str, frame: pd.DataFrame, log: pd.DataFrame) -> pd.DatetimeIndex:
    """Bars of a finished series with moves that are errors, and are not accepted in its log."""
    found = [each.times for each in of_moves(symbol, frame, None) if each.severity == "error"]
    times = pd.DatetimeIndex(sorted(set().union(*found)))
    return times.difference(pd.DatetimeIndex(log.loc[log["column"] == ACCEPTED, "time"]))


def _common(abouts: Sequence[About], where: str) -> About:
    for key in ("zone", "adjustment"):
        values = sorted({str(getattr(about, key)) for about in abouts})
        if len(values) > 1:
            raise DataError(
                f"{where}: series differ in {key} ({', '.join(values)}); name symbols that do not, "
                "or import them as two data sets"
            )
    return abouts[0]
