"""Price files of any ordinary shape: CSV (also gzipped) and parquet, read into checked bars."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES, Bars, common_frequency
from drltrade.data.layout import AS_IT_STANDS, Layout
from drltrade.data.series import adjustment_of, finished
from drltrade.data.tables import OTHER_COLUMNS, find_columns, numbers, read_table
from drltrade.data.times import parse_times
from drltrade.errors import DataError


class Published(NamedTuple):
    """A price file as it stands: parsed, with whatever is wrong with it."""

    frames: dict[str, pd.DataFrame]
    """Per symbol: float64 columns open, high, low, close, volume, and "adjusted close", dividend
    (0: none) and split (1: none) where there are such, by naive labels in the order of the file. A
    value that is not there is NaN."""
    rows: dict[str, NDArray[np.int64]]
    """Per symbol the number of each bar's row in the file."""
    named: bool
    """Whether the file says the symbols itself."""
    zone: str | None
    sha256: str


def read_bars(path: str | Path, layout: Layout = AS_IT_STANDS, symbol: str | None = None) -> Bars:
    """Read a .csv, .csv.gz or .parquet file of price bars.

    The file has a time column (date, datetime, time or timestamp; or date and time apart) and open,
    high, low, close and volume, in any case and any order of columns, oldest or newest first. An
    adjusted close (adj close, adj_close, adjclose), where there is one, rescales open, high, low
    and close of its row by adjusted close / close. A column symbol or ticker makes several series;
    other columns are ignored. Times are taken as the END of their bars, unless the layout says
    otherwise. A time of day with an offset from UTC is converted to the layout's zone, or to UTC
    where it states none.

    Args:
        path: the file.
        layout: what the file does not say itself.
        symbol: what to call a series that carries no symbol (default: the file's stem).

    Raises:
        DataError: the file is missing or unreadable, lacks a column, or has a value that is no
            number, no time, or cannot be a price: names file, row, column and value. A row is a
            line of a CSV (the header is line 1), and a record of a parquet file (counted from 1).
    """
    published = read_published(path, layout, symbol)
    frames = {
        name: finished(
            frame, layout.adjustment, f"{path} (symbol {name})" if published.named else str(path),
            published.rows[name],
        )
        for name, frame in published.frames.items()
    }  # fmt: skip
    return Bars(
        frames=frames,
        zone=published.zone,
        frequency=common_frequency(frames, str(path)),
        source=str(path),
        sha256=published.sha256,
        adjustment=adjustment_of(published.frames, layout.adjustment),
    )


def read_published(
    path: str | Path, layout: Layout = AS_IT_STANDS, symbol: str | None = None
) -> Published:
    """Read a price file without judging its prices; arguments as those of `read_bars`.

    Raises:
        DataError: the file is missing or unreadable, lacks a column, or has a value that is no
            number or no time.
    """
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() else "no such file"
        raise DataError(f"{path}: {what}")
    content = path.read_bytes()
    table, rows = read_table(path, content, layout)
    columns = find_columns(table, layout, str(path))
    times, zone = parse_times(_time_values(table, columns), layout, rows, str(path))
    bars = pd.DataFrame(
        _values(table, columns, layout, rows, str(path)), index=pd.DatetimeIndex(times, name="time")
    )
    places = _series(table, columns, symbol or _stem(path), rows, str(path))
    frames = {name: bars.iloc[each] for name, each in places.items()}
    if layout.label == "open":
        frequency = layout.frequency or common_frequency(frames, str(path))
        frames = {name: labelled_by_end(frame, frequency) for name, frame in frames.items()}
    return Published(
        frames=frames,
        rows={name: rows[each] for name, each in places.items()},
        named="symbol" in columns,
        zone=zone,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _values(
    table: pd.DataFrame, columns: Mapping[str, Any], layout: Layout, rows: NDArray[np.int64],
    where: str,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """[T] of each column of numbers, in units of the currency and of the security."""
    values: dict[str, NDArray[np.float64]] = {}
    for ours in (*COLUMNS, *(name for name in OTHER_COLUMNS if name != "symbol")):
        if ours not in columns:
            continue
        name = ours if ours in COLUMNS else str(columns[ours])
        read = numbers(table[columns[ours]], name, layout, rows, where)
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


def labelled_by_end(frame: pd.DataFrame, frequency: str) -> pd.DataFrame:
    """Bars of labels at which they open, relabelled by their END. Daily labels are sessions'.

    Args:
        frame: by labels in any order.
        frequency: of the bars.
    """
    times = _times(frame)
    if frequency == "1d":
        return frame
    if frequency == "1mo":
        times = times + pd.offsets.MonthEnd(0)
    elif frequency == "1w":
        times = times + pd.Timedelta(days=6)
    else:
        times = times + pd.Timedelta(frequency.replace("m", "min"))
    return frame.set_axis(times.rename("time"))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".parquet")


def _times(frame: pd.DataFrame) -> pd.DatetimeIndex:
    assert isinstance(frame.index, pd.DatetimeIndex)
    return frame.index


def _time_values(table: pd.DataFrame, columns: Mapping[str, Any]) -> pd.Series:
    values: pd.Series = table[columns["time"]]
    if "time of day" in columns:
        values = values.astype(str) + " " + table[columns["time of day"]].astype(str)
    return values


def _series(
    table: pd.DataFrame,
    columns: Mapping[str, Any],
    stem: str,
    rows: NDArray[np.int64],
    where: str,
) -> dict[str, NDArray[np.intp]]:
    """The places of the rows of each symbol, in the order in which the symbols first appear."""
    if "symbol" not in columns:
        return {stem: np.arange(len(table))}
    names = table[columns["symbol"]].astype(object)
    names = names.where(names.notna(), "").astype(str).str.strip()
    blank = (names == "").to_numpy()
    if blank.any():
        raise DataError(f"{where}, row {rows[int(np.argmax(blank))]}, column symbol: is empty")
    codes, symbols = pd.factorize(names)
    return {str(name): np.flatnonzero(codes == code) for code, name in enumerate(symbols)}
