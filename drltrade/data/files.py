"""Price files of any ordinary shape, read into published bars, and those into checked ones."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES, common_frequency
from drltrade.data.columns import find_columns
from drltrade.data.formats import Export, read_export
from drltrade.data.frequencies import DAILY
from drltrade.data.labels import labelled_by_date, labelled_by_end
from drltrade.data.layout import AS_IT_STANDS, Adjustment, Layout
from drltrade.data.numbers import numbers, proven_thousands
from drltrade.data.tables import Table, stem_of
from drltrade.data.times import parse_times
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
    """What the file was recognised as, and what is to be said of it; empty: an ordinary table."""

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
    bars = pd.DataFrame(
        _values(table, columns, layout, where), index=times.labels.rename("time"), copy=False
    )
    places = _series(table, columns, symbol, where)
    frames = {name: bars if len(places) == 1 else bars.iloc[at] for name, at in places.items()}
    rows = {name: table.rows[at] for name, at in places.items()}
    frequency = layout.frequency
    if frequency is None and any(len(frame) > 1 for frame in frames.values()):
        frequency = common_frequency(frames, where)
    if frequency in DAILY:
        frames = {
            name: labelled_by_date(frame, layout, times.zone, rows[name], where)
            for name, frame in frames.items()
        }
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
    said = [f"read as {export.format}"] if export.format else []
    said += [times.note] if times.note else []
    return Published(
        frames=frames, rows=rows, named="symbol" in columns, zone=times.zone, sha256=sha256,
        frequency=frequency, layout=layout, read_as="; ".join(said),
    )  # fmt: skip


def _values(
    table: Table, columns: Mapping[str, int], layout: Layout, where: str
) -> dict[str, NDArray[np.float64]]:
    """[T] of each column of numbers, in units of the currency and of the security."""
    wanted = [name for name in (*COLUMNS, *BESIDE) if name in columns]
    thousands = proven_thousands([table.values[columns[name]] for name in wanted], layout)
    values: dict[str, NDArray[np.float64]] = {}
    for ours in wanted:
        name = ours if ours in COLUMNS else str(table.names[columns[ours]])
        read = numbers(table.values[columns[ours]], name, layout, table.rows, where, thousands)
        if ours in (*PRICES, "adjusted close", "dividend", "capital gain"):
            read = read * layout.price_unit
        elif ours == "volume":
            read = read * layout.volume_unit
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
