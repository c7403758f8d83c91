"""Price files of any ordinary shape: CSV (also gzipped) and parquet, read into checked bars."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES, Bars, check_frame, frequency_of
from drltrade.data.tables import find_columns, numbers, read_table
from drltrade.data.times import parse_times
from drltrade.errors import ConfigError, DataError


class Published(NamedTuple):
    """A price file as it stands: parsed, with whatever is wrong with it."""

    frames: dict[str, pd.DataFrame]
    """Per symbol: float64 columns open, high, low, close, volume, and "adjusted close" where there
    is one, by naive labels in the order of the file. A value that is not there is NaN."""
    rows: dict[str, NDArray[np.int64]]
    """Per symbol the number of each bar's row in the file."""
    named: bool
    """Whether the file says the symbols itself."""
    zone: str | None
    sha256: str


def read_bars(path: str | Path, zone: str | None = None, symbol: str | None = None) -> Bars:
    """Read a .csv, .csv.gz or .parquet file of price bars.

    The file has a time column (date, datetime, time or timestamp; or date and time apart) and open,
    high, low, close and volume, in any case and any order of columns, oldest or newest first. An
    adjusted close (adj close, adj_close, adjclose), where there is one, rescales open, high, low
    and close of its row by adjusted close / close. A column symbol or ticker makes several series;
    other columns are ignored. Times are taken as the END of their bars. A time of day with an
    offset from UTC is converted to `zone`, or to UTC where no zone is given.

    Args:
        path: the file.
        zone: IANA name of the time zone of the times, such as "America/New_York".
        symbol: what to call a series that carries no symbol (default: the file's stem).

    Raises:
        DataError: the file is missing or unreadable, lacks a column, or has a value that is no
            number, no time, or cannot be a price: names file, row, column and value. A row is a
            line of a CSV (the header is line 1), and a record of a parquet file (counted from 1).
        ConfigError: there is no such zone.
    """
    published = read_published(path, zone, symbol)
    frames = {
        name: _one_series(
            frame, published.rows[name], f"{path} (symbol {name})" if published.named else str(path)
        )
        for name, frame in published.frames.items()
    }
    frequencies = {name: frequency_of(_times(frame)) for name, frame in frames.items()}
    if len(set(frequencies.values())) > 1:
        found = ", ".join(f"{name} {frequency}" for name, frequency in frequencies.items())
        raise DataError(f"{path}: symbols differ in frequency ({found}); put them in two files")
    adjusted = any("adjusted close" in frame for frame in published.frames.values())
    return Bars(
        frames=frames,
        zone=published.zone,
        frequency=next(iter(frequencies.values())),
        source=str(path),
        sha256=published.sha256,
        adjustment="full" if adjusted else "as published",
    )


def read_published(
    path: str | Path, zone: str | None = None, symbol: str | None = None
) -> Published:
    """Read a price file without judging its prices; arguments as those of `read_bars`.

    Raises:
        DataError: the file is missing or unreadable, lacks a column, or has a value that is no
            number or no time.
        ConfigError: there is no such zone.
    """
    path = Path(path)
    if zone is not None:
        _check_zone(zone)
    if not path.is_file():
        what = "is not a file" if path.exists() else "no such file"
        raise DataError(f"{path}: {what}")
    content = path.read_bytes()
    table, rows = read_table(path, content)
    columns = find_columns(table, str(path))
    times, zone = parse_times(_time_values(table, columns), zone, rows, str(path))

    values = {name: numbers(table[columns[name]], name, rows, str(path)) for name in COLUMNS}
    bars = pd.DataFrame(values, index=pd.DatetimeIndex(times, name="time"))
    adjusted = columns.get("adjusted close")
    if adjusted is not None:
        bars["adjusted close"] = numbers(table[adjusted], str(adjusted), rows, str(path))

    places = _series(table, columns, symbol or _stem(path), rows, str(path))
    return Published(
        frames={name: bars.iloc[each] for name, each in places.items()},
        rows={name: rows[each] for name, each in places.items()},
        named="symbol" in columns,
        zone=zone,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"zone = {zone!r} is not an IANA time zone (try 'UTC')") from None


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


def _one_series(bars: pd.DataFrame, rows: NDArray[np.int64], where: str) -> pd.DataFrame:
    """Bars of one symbol: oldest first, checked as published, then adjusted and checked again."""
    newest_first = bars.index[-1] < bars.index[0]
    _check_order(_times(bars), newest_first, rows, where)
    if newest_first:
        bars, rows = bars.iloc[::-1], rows[::-1]
    frame = bars[list(COLUMNS)].copy()
    check_frame(frame, where, rows)
    if "adjusted close" in bars:
        adjusted = bars["adjusted close"].to_numpy(np.float64)
        wrong = ~(np.isfinite(adjusted) & (adjusted > 0))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(
                f"{where}, row {rows[i]} ({frame.index[i]}): adjusted close = {adjusted[i]:g} is "
                "not a positive number"
            )
        ratio = adjusted / frame["close"].to_numpy(np.float64)
        for name in PRICES:
            frame[name] = frame[name].to_numpy(np.float64) * ratio
        check_frame(frame, f"{where}, after adjustment", rows)
    return frame


def _check_order(
    times: pd.DatetimeIndex, newest_first: bool, rows: NDArray[np.int64], where: str
) -> None:
    step = np.diff(times.to_numpy())
    wrong = step > np.timedelta64(0) if newest_first else step < np.timedelta64(0)
    if wrong.any():
        i = int(np.argmax(wrong)) + 1
        raise DataError(
            f"{where}, row {rows[i]}: time = {times[i]} is out of order after {times[i - 1]} of "
            f"row {rows[i - 1]}; sort the rows, {'newest' if newest_first else 'oldest'} first"
        )
