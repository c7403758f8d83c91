"""Price files of any ordinary shape, read into published bars, and those into checked ones."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.apart import symbol_column
from drltrade.data.bars import COLUMNS, common_frequency
from drltrade.data.clocks import UTC, in_utc, looks_set_back
from drltrade.data.columns import find_columns, lower, placed
from drltrade.data.evidence import are_inverse, inverse
from drltrade.data.formats import Export, read_export
from drltrade.data.frequencies import DAILY
from drltrade.data.labels import in_zone, labelled_by_date, labelled_by_end
from drltrade.data.layout import AS_IT_STANDS, Adjustment, Layout
from drltrade.data.numbers import numbers, proven_thousands, ratios
from drltrade.data.redundant import once, unfinished
from drltrade.data.tables import Table
from drltrade.data.text import stem_of
from drltrade.data.times import Times, parse_times
from drltrade.errors import DataError

ACTION_COLUMNS = ("dividend", "capital gain", "split")
BESIDE = ("adjusted close", *ACTION_COLUMNS, "factor")
"""Columns of numbers that need not be there."""


class Published(NamedTuple):
    """Prices as they were published: parsed, with whatever is wrong with them."""

    frames: dict[str, pd.DataFrame]
    """Per symbol: float64 columns open, high, low, close, volume, and of `BESIDE` those that are
    there, dividend (0: none) and split (1: none) among them, by naive labels in the order of the
    file. A value that is not there is NaN."""
    rows: dict[str, NDArray[np.int64]]
    """Per symbol the number of each bar's row in the file."""
    named: bool
    """Whether the file says the symbols itself."""
    zone: str | None
    sha256: str
    frequency: str | None
    """None: no symbol has two bars, which tell it."""
    layout: Layout
    """What was stated, completed by what the format of the file proves."""
    read_as: str = ""
    """What the file was recognised as; empty: an ordinary table."""
    remarks: tuple[str, ...] = ()
    """What is to be said of how it was read, a line each."""
    dropped: int = 0
    """Rows that repeated others, label and values alike."""

    @property
    def adjustment(self) -> Adjustment | None:
        """What the prices are adjusted for; None: not known."""
        return self.layout.adjustment


def read_published(
    path: str | Path, layout: Layout = AS_IT_STANDS, symbol: str | None = None
) -> Published:
    """Read a price file without judging its prices; see `catalog.load_bars` for what it may be.

    Args:
        path: the file.
        layout: what the file does not say itself.
        symbol: what to call a series that carries no symbol (default: the file's stem).

    Raises:
        DataError: the file is missing or unreadable, lacks a column, or has a value that is no
            number or no time: names file, row, column and value. A row is a line of a text (the
            header is line 1), and a record of a parquet file (counted from 1).
    """
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() else "no such file"
        raise DataError(f"{path}: {what}")
    content = path.read_bytes()
    export = read_export(path, content, layout)
    digest = hashlib.sha256(content).hexdigest()
    return published_of(export, symbol or export.symbol or stem_of(path), str(path), digest)


def published_of(export: Export, symbol: str, where: str, sha256: str) -> Published:
    """The bars of a table that has been read; arguments and errors as of `read_published`."""
    table, layout = export.table, export.layout
    columns = find_columns(table.names, layout, where)
    values = table.values
    of_day = values[columns["time of day"]] if "time of day" in columns else None
    times = parse_times(values[columns["time"]], layout, table.rows, where, of_day)
    notes = [*export.notes, times.note]
    bars = pd.DataFrame(
        _values(table, columns, layout, where), index=times.labels.rename("time"), copy=False
    )
    if "symbol" not in columns:
        known = {*columns.values(), *(placed(table.names, where)[lower(n)] for n in layout.ignore)}
        place, note = symbol_column(table, known, bars, where)
        columns |= {} if place is None else {"symbol": place}
        notes.append(note)
    places = _series(table, columns, symbol, where)
    times, layout, note = _on_one_clock(times, places, layout, table.rows, where)
    bars, notes = bars.set_axis(times.labels.rename("time")), [*notes, note]
    kept = once(bars, places)
    if not kept.all():
        places = {name: at[kept[at]] for name, at in places.items()}
        notes.append(f"rows that repeat one above them are read once: {(~kept).sum()}")
    whole = len(places) == 1 and bool(kept.all())
    frames = {name: bars if whole else bars.iloc[at] for name, at in places.items()}
    rows = {name: table.rows[at] for name, at in places.items()}
    for name, frame in frames.items():
        if "split" in frame and _are_inverse(frame):
            frames[name] = frame.assign(split=inverse(frame["split"].to_numpy(np.float64)))
            notes.append(f"splits of {name} are told as old shares for a new one, as prices show")
    frequency = layout.frequency
    if frequency is None and any(len(frame) > 1 for frame in frames.values()):
        frequency = common_frequency(frames, where)
    if frequency in DAILY:
        frames = {
            name: labelled_by_date(frame, layout, times.zone, rows[name], where)
            for name, frame in frames.items()
        }
        for name, frame in frames.items():
            partial = unfinished(pd.DatetimeIndex(frame.index), frequency)
            if partial.any():
                left = ", ".join(map(str, rows[name][partial]))
                notes.append(
                    f"row {left} ({frame.index[partial][0].date()}) is of a "
                    f"{'week' if frequency == '1w' else 'month'} that was not over, and left out"
                )
                frames[name], rows[name] = frame[~partial], rows[name][~partial]
                places[name] = places[name][~partial]
    if layout.label == "open" and frequency is not None:
        frames = {
            name: labelled_by_end(
                frame,
                frequency,
                times.zone,
                None if times.utc is None else times.utc[places[name]],
                layout.calendar,
            )
            for name, frame in frames.items()
        }
    return Published(
        frames=frames, rows=rows, named="symbol" in columns, zone=times.zone, sha256=sha256,
        frequency=frequency, layout=layout,
        read_as=f"read as {export.format}" if export.format else "",
        remarks=tuple(note for note in notes if note), dropped=int((~kept).sum()),
    )  # fmt: skip


def _are_inverse(frame: pd.DataFrame) -> bool:
    splits = frame["split"].to_numpy(np.float64)
    if (splits == 1.0).all():
        return False
    ordered = frame.iloc[::-1] if frame.index[-1] < frame.index[0] else frame
    return are_inverse(ordered["split"].to_numpy(np.float64), ordered)


def _on_one_clock(
    times: Times, places: Mapping[str, NDArray[np.intp]], layout: Layout,
    rows: NDArray[np.int64], where: str,
) -> tuple[Times, Layout, str]:  # fmt: skip
    """Times whose labels name one moment each: in UTC, if the clock of their zone shows some twice.

    Which of both is meant is told by the moments, where the file has them, or by its order.
    """
    zone = times.zone
    if zone == UTC or times.labels.is_normalized:
        return times, layout, ""
    if zone is None:
        for at in places.values():
            back = looks_set_back(times.labels[at])
            if back is not None:
                raise DataError(
                    f"{where}, row {rows[at][back]}: {times.labels[at][back]} is not after the row "
                    "before: if clocks were set back that hour, state their zone (--zone "
                    "Europe/Berlin; layout.zone in a preset)"
                )
        return times, layout, ""
    moments = times.utc
    if moments is not None:
        naive = moments.tz_localize(None)
        shown_twice = any(
            times.labels[at].has_duplicates and not naive[at].has_duplicates
            for at in places.values()
        )
    else:
        known = {name: in_utc(times.labels[at], zone) for name, at in places.items()}
        shown_twice = any(labels is not None for labels in known.values())
        naive = times.labels
        if shown_twice:
            moved = naive.to_numpy().copy()
            for name, at in places.items():
                told = known[name]
                own = in_zone(naive[at], zone).tz_convert(UTC).tz_localize(None)
                moved[at] = own if told is None else told
            naive = pd.DatetimeIndex(moved).as_unit("us")
    if not shown_twice:
        return times, layout, ""
    note = f"the clock of {zone} shows an hour twice; bars are labelled in UTC"
    in_utc_now = Times(naive, naive.tz_localize(UTC), UTC, times.note)
    return in_utc_now, layout.model_copy(update={"zone": UTC}), note


def _values(
    table: Table, columns: Mapping[str, int], layout: Layout, where: str
) -> dict[str, NDArray[np.float64]]:
    """[T] of each column of numbers, in units of the currency and of the security."""
    wanted = [name for name in (*COLUMNS, *BESIDE) if name in columns]
    thousands = proven_thousands([table.values[columns[name]] for name in wanted], layout)
    values: dict[str, NDArray[np.float64]] = {}
    for ours in wanted:
        name = ours if ours in COLUMNS else str(table.names[columns[ours]])
        written = table.values[columns[ours]]
        written = ratios(written) if ours == "split" else written
        read = numbers(written, name, layout, table.rows, where, thousands)
        unit = layout.volume_unit if ours == "volume" else layout.price_unit
        if unit != 1.0 and ours not in ("split", "factor"):
            read = read * unit
        if ours in ("dividend", "capital gain"):
            read = np.nan_to_num(read)
        elif ours == "split":
            read = np.where(np.isnan(read) | (read == 0.0), 1.0, read)
        values[ours] = read
    return values


def _series(
    table: Table, columns: Mapping[str, int], stem: str, where: str
) -> dict[str, NDArray[np.intp]]:
    """The places of the rows of each symbol, in the order in which the symbols first appear."""
    if "symbol" not in columns:
        return {stem: np.arange(len(table.rows))}
    names = table.values[columns["symbol"]]
    names = names.astype(object).where(names.notna(), "").astype(str).str.strip()
    codes, symbols = pd.factorize(names)
    blank = np.flatnonzero(symbols == "")
    if len(blank):
        row = table.rows[int(np.argmax(codes == blank[0]))]
        raise DataError(f"{where}, row {row}, column symbol: is empty")
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return {str(name): places for name, places in zip(symbols, parts, strict=True)}
