"""Exports that are recognised by their shape: what they hold, without being told.

| export | is recognised by | what follows |
|---|---|---|
| yfinance, `download` | prices and tickers in two lines of names above "Date" | series by ticker |
| yfinance, `history` | columns Dividends and Stock Splits | prices are adjusted for both |
| klines of Binance | open_time and close_time; or 12 numbers, no header | UTC, of the open |
| Kraken | 7 numbers, seconds first, no header | UTC, of the open |
| MetaTrader | `<DATE>` and `<TICKVOL>`; or 2015.01.02,09:30, no header | times of the open |
| HistData | 20150102 093000;..., no header | of the open, five hours behind UTC |
| Dukascopy | a column "Gmt time" | UTC, of the open, the day first |
| investing.com | a column Price beside Open, High and Low | Price is the close |
| LEAN | see `lean` | |

yfinance adjusts prices unless told not to, and then writes an adjusted close beside prices that are
adjusted for splits alone.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data import lean
from drltrade.data.bars import COLUMNS, PRICES
from drltrade.data.columns import key_of, lower
from drltrade.data.layout import Layout
from drltrade.data.notation import with_notation
from drltrade.data.tables import (
    SEPARATORS,
    Shape,
    Table,
    find_header,
    first_line,
    first_lines,
    head_of,
    read_parquet,
    read_rows,
)
from drltrade.data.text import kind_of, read_text, stem_of
from drltrade.errors import DataError

_KLINES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_YAHOO = ("open", "high", "low", "close", "volume", "adj close", "dividends", "stock splits",
          "capital gains", "repaired?")  # fmt: skip
"""What yfinance writes of each ticker."""


class Export(NamedTuple):
    """A price file as a table, with what its format says of it."""

    table: Table
    layout: Layout
    """What was stated, completed by what the format proves."""
    format: str | None
    """What it was recognised as; None: an ordinary table."""
    symbol: str | None = None
    """Of a file whose name says more than its symbol."""
    notes: tuple[str, ...] = ()
    """What is to be said of how it was read."""


def read_export(path: Path, content: bytes, layout: Layout) -> Export:
    """Read a price file as a table, and recognise its format.

    Raises:
        DataError: it cannot be read, or is in no known format and has no header.
    """
    if kind_of(path) == ".parquet":
        return export_of_frame(read_parquet(path, content), layout, str(path))
    text = read_text(path, content)
    export = _of_text(path, text.content, layout)
    return export._replace(notes=(*text.notes, *export.notes))


def _of_text(path: Path, text: bytes, layout: Layout) -> Export:
    where = str(path)
    wide = _wide_shape(text, layout)
    if wide is not None:
        shape, columns = wide
        return _unstacked(read_rows(text, shape, where), columns, layout, where)
    ordinary = find_header(text, layout)
    if ordinary is not None:
        return _with_header(text, ordinary, layout, where)
    bare = _without_header(path, text, layout)
    if bare is not None:
        return bare
    gmt = find_header(text, layout, lambda cells: {"open", "high", "low", "price"} <= cells)
    if gmt is not None:
        said = _completed(gmt, layout, columns={"close": "price"})
        gmt, said, notes = with_notation(text, gmt, said, where)
        return Export(read_rows(text, gmt, where), said, "an investing.com export", notes=notes)
    try:
        return Export(read_rows(text, first_line(text, layout), where), layout, None)
    except DataError as error:
        raise DataError(
            str(error) if str(error).startswith(where) else f"{where}: {error}"
        ) from None


def _with_header(text: bytes, shape: Shape, layout: Layout, where: str) -> Export:
    """A table with a header: an ordinary one, or one that a vendor's names give away."""
    names = {lower(name) for name in shape.names}
    keys = {key_of(name): name for name in shape.names}
    if {"opentime", "closetime"} <= set(keys):
        said = _completed(shape, layout, columns={"time": keys["opentime"]}, label="open",
                          zone="UTC", adjustment="raw", calendar="24/7")  # fmt: skip
        table = read_rows(text, shape, where)
        return Export(table, _with_frequency(table, said, keys), "klines of Binance")
    if {"date", "tickvol"} <= names:
        table = read_rows(text, shape, where)
        said = _completed(shape, layout, columns={"volume": _traded(table)}, label="open",
                          adjustment="raw")  # fmt: skip
        return Export(table, said, "a MetaTrader 5 export")
    if "gmttime" in keys:
        said = _completed(shape, layout, columns={"time": keys["gmttime"]}, label="open",
                          zone="UTC", date_order="day")  # fmt: skip
        return Export(read_rows(text, shape, where), said, "a Dukascopy export")
    if {"dividends", "stocksplits"} <= set(keys):
        adjustment = "split" if "adjclose" in keys else "full"
        said = _completed(shape, layout, adjustment=adjustment)
        return Export(read_rows(text, shape, where), said, "a yfinance export")
    shape, layout, notes = with_notation(text, shape, layout, where)
    kind = "a Nasdaq export" if "closelast" in keys else None
    return Export(read_rows(text, shape, where), layout, kind, notes=notes)


def _without_header(path: Path, text: bytes, layout: Layout) -> Export | None:
    """A table whose first line is a row already; None where that cannot be told."""
    where = str(path)
    positions = list(layout.columns.values())
    if positions and all(each.isdigit() for each in positions):
        separator = layout.separator or _separator(text)
        width = len(head_of(text, separator)[0])
        texts = (layout.columns.get("symbol", ""),)
        shape = Shape(
            0, tuple(str(place + 1) for place in range(width)), separator, layout.decimal or ".",
            texts,
        )  # fmt: skip
        shape, layout, notes = with_notation(text, shape, layout, where)
        return Export(read_rows(text, shape, where), layout, None, notes=notes)
    for separator in (layout.separator,) if layout.separator else SEPARATORS:
        lines = head_of(text, separator)
        if not lines:
            continue
        cells = lines[0]
        if len(cells) == 12 and all(map(_is_number, cells)) and len(cells[0]) >= 10:
            shape = Shape(0, _KLINES, separator)
            said = _completed(shape, layout, columns={"time": "open_time"}, label="open",
                              zone="UTC", adjustment="raw", calendar="24/7")  # fmt: skip
            table = read_rows(text, shape, where)
            keys = {key_of(name): name for name in _KLINES}
            said = _with_frequency(table, said, keys)
            symbol = re.split(r"-\d+\w*-\d", stem_of(path))[0]  # BTCUSDT-1h-2024-01
            return Export(table, said, "klines of Binance", symbol)
        if len(cells) == 7 and re.fullmatch(r"\d{4}\.\d{2}\.\d{2}", cells[0]):
            shape = Shape(0, ("date", "time", *COLUMNS), separator)
            said = _completed(shape, layout, label="open", adjustment="raw")
            return Export(read_rows(text, shape, where), said, "a MetaTrader 4 export")
        if len(cells) == 6 and re.fullmatch(r"\d{8} \d{6}", cells[0]):
            shape = Shape(0, ("time", *COLUMNS), separator)
            said = _completed(shape, layout, label="open", zone="Etc/GMT+5", adjustment="raw")
            return Export(read_rows(text, shape, where, as_text=(0,)), said, "a HistData export")
        if len(cells) == 7 and re.fullmatch(r"\d{10}", cells[0]) and all(map(_is_number, cells)):
            shape = Shape(0, ("time", *COLUMNS, "trades"), separator)
            said = _completed(
                shape, layout, label="open", zone="UTC", adjustment="raw", calendar="24/7"
            )
            return Export(read_rows(text, shape, where), said, "an export of Kraken")
        if lean.is_lean(path, cells):
            table, said, symbol = lean.read(path, text, separator, layout)
            return Export(table, said, "an export of LEAN", symbol)
    return None


def export_of_frame(frame: pd.DataFrame, layout: Layout, where: str) -> Export:
    """A frame of pandas as a table: times and symbols may be in its index, tickers in its columns.

    Raises:
        DataError: it has no rows.
    """
    if frame.columns.nlevels == 2:
        columns = _fields([list(frame.columns.get_level_values(level)) for level in (0, 1)])
        if columns is not None:
            dated = frame.set_axis(range(1, frame.shape[1] + 1), axis=1)
            dated.insert(0, 0, dated.index)
            names = ("date", *("" for _ in columns))
            rows = np.arange(1, len(dated) + 1)
            table = Table(dated.reset_index(drop=True), names, rows)
            return _unstacked(table, [None, *columns], layout, where)
        raise DataError(f"{where}: columns in two levels, and neither is of {', '.join(PRICES)}")
    frame = _index_as_column(frame)
    names = tuple(frame.columns)
    table = Table(frame.set_axis(range(len(names)), axis=1), names, np.arange(1, len(frame) + 1))
    if frame.empty:
        raise DataError(f"{where}: no rows below the header")
    keys = {key_of(name) for name in names}
    if {"dividends", "stocksplits"} <= keys:
        shape = Shape(0, tuple(map(str, names)), ",")
        adjustment = "split" if "adjclose" in keys else "full"
        return Export(table, _completed(shape, layout, adjustment=adjustment), "a yfinance export")
    return Export(table, layout, None)


def _index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Make columns of a time (and symbol) that a frame keeps in its index."""
    index = frame.index
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and index.name is None:
        frame = frame.rename_axis(index="time")
    elif index.nlevels > 1:
        assert isinstance(index, pd.MultiIndex)
        levels = [
            str(name or ("time" if isinstance(level, pd.DatetimeIndex) else "symbol"))
            for level, name in zip(index.levels, index.names, strict=True)
        ]
        frame = frame.rename_axis(index=levels)
    named = [name for name in frame.index.names if name is not None]
    clash = {lower(name) for name in named} & {lower(name) for name in frame.columns}
    return frame.reset_index(drop=bool(clash)) if named else frame.reset_index(drop=True)


def _wide_shape(text: bytes, layout: Layout) -> tuple[Shape, list[tuple[str, str] | None]] | None:
    """The shape of prices of several tickers side by side, and (field, ticker) of each column."""
    separator = layout.separator or ","
    lines = head_of(text, separator)
    if len(lines) < 3 or lines[2][0].lower() not in ("date", "datetime") or any(lines[2][1:]):
        return None
    columns = _fields([lines[0][1:], lines[1][1:]])
    if columns is None:
        return None
    above = 0
    for count, line in enumerate(first_lines(text), 1):
        above = count
        if line.strip(f"{separator} \r\n").lower() in ("date", "datetime"):
            break
    names = ("date", *("" for _ in columns))
    return Shape(above, names, separator), [None, *columns]


def _fields(levels: Sequence[Sequence[object]]) -> list[tuple[str, str]] | None:
    """(field, ticker) of each column, whichever of two lines holds which; None: neither does."""
    for fields, tickers in (levels, levels[::-1]):
        lowered = [str(field).strip().lower() for field in fields]
        if set(PRICES) <= set(lowered) <= set(_YAHOO):
            return [(f, str(t).strip()) for f, t in zip(lowered, tickers, strict=True)]
    return None


def _unstacked(
    table: Table, columns: Sequence[tuple[str, str] | None], layout: Layout, where: str
) -> Export:
    """Tickers side by side, one below the other; a row without any price of one is none of its."""
    tickers = list(dict.fromkeys(each[1] for each in columns if each is not None))
    fields = list(dict.fromkeys(each[0] for each in columns if each is not None))
    places = {each: place for place, each in enumerate(columns) if each is not None}
    parts, rows = [], []
    for ticker in tickers:
        part: dict[str, Any] = {"date": table.values[0], "symbol": ticker}
        for field in fields:
            place = places.get((field, ticker))
            part[field] = np.nan if place is None else table.values[place]
        block = pd.DataFrame(part)
        there = _priced(block)
        parts.append(block[there])
        rows.append(table.rows[there])
    values = pd.concat(parts, ignore_index=True)
    if values.empty:
        raise DataError(f"{where}: no rows below the header")
    names = tuple(values.columns)
    long = Table(values.set_axis(range(len(names)), axis=1), names, np.concatenate(rows))
    adjustment = "split" if "adj close" in fields else "full"
    said = _completed(Shape(0, names, ","), layout, adjustment=adjustment)
    return Export(long, said, "a yfinance export")


def _priced(block: pd.DataFrame) -> NDArray[np.bool_]:
    there = np.zeros(len(block), np.bool_)
    for name in PRICES:
        column = block[name]
        there |= (column.notna() & (column.astype(object) != "")).to_numpy(np.bool_)
    return there


def _completed(shape: Shape, layout: Layout, **proven: Any) -> Layout:
    """A layout with what its format proves, where nothing else was stated."""
    update: dict[str, Any] = {}
    columns: Mapping[str, str] = proven.pop("columns", {})
    if columns:
        update["columns"] = {**columns, **layout.columns}
    update |= {key: value for key, value in proven.items() if getattr(layout, key) is None}
    return layout.model_copy(update=update)


def _with_frequency(table: Table, layout: Layout, keys: Mapping[str, str]) -> Layout:
    """A layout with the length of klines, as their closing time tells it."""
    if layout.frequency is not None:
        return layout
    names = [key_of(name) for name in table.names]
    start = pd.to_numeric(table.values[names.index("opentime")], errors="coerce")
    end = pd.to_numeric(table.values[names.index("closetime")], errors="coerce")
    first, length = float(start.iloc[0]), float(end.iloc[0]) - float(start.iloc[0]) + 1.0
    unit = {13: 1e3, 16: 1e6}.get(len(f"{first:.0f}"), 1.0)
    minutes = round(length / unit / 60.0)
    words = {1440: "1d", 10080: "1w"}
    if minutes in words:
        return layout.model_copy(update={"frequency": words[minutes]})
    if not 0 < minutes < 1440 or 1440 % minutes:
        return layout
    text = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
    return layout.model_copy(update={"frequency": text})


def _traded(table: Table) -> str:
    """MetaTrader's column of volume: what was traded, or the ticks where that is not known."""
    names = [lower(name) for name in table.names]
    if "vol" in names:
        traded = pd.to_numeric(table.values[names.index("vol")], errors="coerce")
        if (traded > 0).any():
            return "vol"
    return "tickvol"


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", cell) is not None


def _separator(text: bytes) -> str:
    """That of a text without a header: the one that makes most cells of its first line."""
    return max(SEPARATORS, key=lambda each: len(head_of(text, each)[0]))
