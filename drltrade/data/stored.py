"""A data set of the local store, as bars: with what was repaired, without what was set aside.

The log of a series' repairs lies beside it, data/store/<data set>/<frequency>/repairs/AAPL.csv, a
line for each value; see `repair`.
"""

import contextlib
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.atomic import write_many
from drltrade.data.bars import COLUMNS, Bars
from drltrade.data.files import Published
from drltrade.data.gate import examined, left_over, refuse
from drltrade.data.layout import Layout
from drltrade.data.quality import Finding, check
from drltrade.data.quality.finding import SEVERITIES
from drltrade.data.repair import ACCEPTED, LOG, WHOLE, mended, repairs
from drltrade.data.series import finished
from drltrade.data.stated import STATED, Action, lines_of, with_stated
from drltrade.data.store import About, Store
from drltrade.data.universe import Universe
from drltrade.errors import ConfigError, DataError, suggestion


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
                kept = (known["column"] == ACCEPTED) | (known["kind"] == STATED)
                log = pd.concat([log, known[kept]])
                if len(log):
                    logs[symbol] = log
            self._write_logs(logs)
            self._forget([symbol for symbol in self.symbols if symbol not in logs])
        return logs

    def accept(self) -> dict[str, pd.DatetimeIndex]:
        """Call true what the check calls errors, but what cannot be; the bars, by symbol."""
        accepted, logs = {}, {}
        with self.store.writing(self.dataset, self.frequency):
            for symbol in self.symbols:
                log = self._repaired(symbol)[1]
                read = self._read((symbol,))
                known = pd.DatetimeIndex(log.loc[log["column"] == ACCEPTED, "time"])
                wrong = _errors(read.findings).difference(known)
                if len(wrong):
                    published, _ = self.store.read(self.dataset, self.frequency, symbol)
                    lines = pd.DataFrame({"time": wrong, "column": ACCEPTED})
                    close = published.loc[wrong, "close"].to_numpy()
                    lines = lines.assign(before=close, after=np.nan, kind="accepted", why="true")
                    accepted[symbol], logs[symbol] = wrong, pd.concat([log, lines])
            self._write_logs(logs)
        return accepted

    def undo(self) -> int:
        """Take repairs, acceptance and stated actions back; how many symbols had any."""
        with self.store.writing(self.dataset, self.frequency):
            return self._forget(self.symbols)

    def state(self, actions: Sequence[Action]) -> dict[str, int]:
        """State splits and dividends by hand; how many, by symbol.

        Raises:
            ConfigError: an action names no symbol, and there are several.
            DataError: there is no such symbol, or it has no bars around the date.
        """
        named: dict[str, list[Action]] = {}
        for each in actions:
            if each.symbol is None and len(self.symbols) > 1:
                raise ConfigError(
                    f"--{each.what} {each.date.date()}={each.amount:g}: of which symbol? "
                    f"({', '.join(self.symbols[:10])})"
                )
            named.setdefault(each.symbol or self.symbols[0], []).append(each)
        self._check_there(tuple(named))
        with self.store.writing(self.dataset, self.frequency):
            logs = {}
            for symbol, stated in named.items():
                published, _ = self.store.read(self.dataset, self.frequency, symbol)
                lines = lines_of(stated, published, f"{self.name} (symbol {symbol})")
                known = self._repaired(symbol)[1]
                same = (known["kind"] == STATED) & known["time"].isin(lines["time"])
                logs[symbol] = pd.concat([known[~same], lines]) if len(known) else lines
            self._write_logs(logs)
        return {symbol: len(stated) for symbol, stated in named.items()}

    def bars(self, symbols: Sequence[str] | None = None) -> Bars:
        """Checked and adjusted bars, of the named symbols alone where some are named.

        Raises:
            DataError: a series is not there, has a bar that cannot be true, or one that is hardly
                true and was not accepted; or they differ in zone or adjustment.
        """
        self._check_there(tuple(symbols or ()))
        read = self._read(tuple(symbols or self.symbols))
        accepted = {
            symbol: pd.DatetimeIndex(log.loc[log["column"] == ACCEPTED, "time"])
            for symbol, log in read.logs.items()
        }
        refuse(read.findings, self.name, self._help(read.findings), accepted)
        aside = {
            symbol: pd.DatetimeIndex(log.loc[log["column"] == WHOLE, "time"], name="time")
            for symbol, log in read.logs.items()
        }
        return replace(
            read.bars, findings=tuple(each for each in read.findings if each.severity != "error"),
            quarantined={symbol: times for symbol, times in aside.items() if len(times)},
        )  # fmt: skip

    def findings(
        self, calendar: str | None = None, universe: Universe | None = None
    ) -> list[Finding]:
        """What is wrong with all series as they are repaired, errors first; see `quality.check`.

        What was accepted as true is a note.
        """
        about = self.about
        repaired = {symbol: self._repaired(symbol) for symbol in self.symbols}
        frames = {symbol: frame for symbol, (frame, _, _) in repaired.items()}
        found = check(frames, calendar, about.adjustment, universe, about.zone)
        adjusted = {}
        for symbol, frame in frames.items():
            # What cannot be adjusted is found for other reasons.
            with contextlib.suppress(DataError):
                adjusted[symbol] = finished(frame, about.adjustment, symbol).frame
        found += left_over(adjusted, found)
        shown: list[Finding] = []
        for each in found:
            log = repaired[each.symbol][1] if each.symbol is not None else None
            true = () if log is None else log.loc[log["column"] == ACCEPTED, "time"]
            if log is not None and each.kind in ("missing_bar", "missing_session"):
                aside = pd.DatetimeIndex(log.loc[log["column"] == WHOLE, "time"])
                if not len(each.times.difference(aside)):
                    continue  # what was set aside is not missing
            rest = each.times.difference(pd.DatetimeIndex(true))
            if each.severity != "error" or len(rest) == len(each.times):
                shown.append(each)
                continue
            accepted = each.times.intersection(pd.DatetimeIndex(true))
            text = f"{each.text}; accepted as true"
            shown.append(each._replace(severity="note", times=accepted, text=text))
            if len(rest):
                shown.append(each._replace(times=rest))
        return sorted(shown, key=lambda each: SEVERITIES.index(each.severity))

    def mendable(self) -> list[str]:
        """Symbols in whose published values a repair would change something."""
        found = []
        for symbol in self.symbols:
            frame, about = self.store.read(self.dataset, self.frequency, symbol)
            if len(repairs(frame, symbol, about.adjustment)):
                found.append(symbol)
        return found

    def _read(self, symbols: tuple[str, ...]) -> "_Read":
        """Bars of some symbols, finished, with their logs and what is found in them."""
        abouts = self._abouts(symbols)
        common = _common(abouts, self.name)
        published, frames, logs, words = {}, {}, {}, set()
        told = [about.sha256 for about in abouts]
        for symbol in symbols:
            published[symbol], logs[symbol], text = self._repaired(symbol)
            told.append(text)
            try:
                frames[symbol], word = finished(
                    published[symbol], common.adjustment, f"{self.name} (symbol {symbol})"
                )
            except DataError as error:
                raise DataError(f"{error}; see drltrade data check {self.name}") from None
            words.add(word)
        digest = hashlib.sha256("".join(told).encode()).hexdigest()
        sources = sorted({about.source for about in abouts})
        source = sources[0] if len(sources) == 1 else f"{len(sources)} sources"
        bars = Bars(
            frames={symbol: frame[list(COLUMNS)] for symbol, frame in frames.items()},
            zone=common.zone, frequency=self.frequency, source=f"{self.name}: {source}",
            sha256=digest, adjustment="full" if "full" in words else words.pop(),
        )  # fmt: skip
        layout = Layout(adjustment=common.adjustment)
        whole = Published(published, {}, True, common.zone, digest, self.frequency, layout)
        return _Read(bars, logs, examined(whole, frames))

    def _help(self, findings: Sequence[Finding]) -> str:
        """What mends errors, for their text."""
        first = next((each for each in findings if each.severity == "error"), None)
        offers = [f"drltrade data check {self.name} shows them; --accept calls them true"]
        if first is not None and first.ratio is not None:
            day = first.times[0].date()
            offers.append(f"--split '{first.symbol} {day}={first.ratio:g}' states the split")
        return ", ".join(offers)

    def _check_there(self, symbols: Sequence[str]) -> None:
        there = self.symbols
        for symbol in symbols:
            if symbol not in there:
                raise DataError(
                    f"{self.name}: no symbol {symbol!r}{suggestion(symbol, there)} (available: "
                    f"{', '.join(there)})"
                )

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
        where = f"{self.name} (symbol {symbol})"
        repaired = mended(frame, log[log["kind"] != STATED], where)
        return with_stated(repaired, log, where), log, text

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


class _Read(NamedTuple):
    """Series as they are loaded."""

    bars: Bars
    logs: dict[str, pd.DataFrame]
    findings: list[Finding]


def _errors(findings: Sequence[Finding]) -> pd.DatetimeIndex:
    """Bars at which a finding is an error."""
    wrong = [each.times for each in findings if each.severity == "error"]
    return pd.DatetimeIndex(sorted(set().union(*wrong)))


def _common(abouts: Sequence[About], where: str) -> About:
    for key in ("zone", "adjustment"):
        values = sorted({str(getattr(about, key)) for about in abouts})
        if len(values) > 1:
            raise DataError(
                f"{where}: series differ in {key} ({', '.join(values)}); name symbols that do not, "
                "or import them as two data sets"
            )
    return abouts[0]
