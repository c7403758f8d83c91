"""Series that are not traded but tell something: VIX, interest rates, an index, the weather."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, field_validator

from drltrade.data.bars import COLUMNS, common_frequency
from drltrade.data.catalog import CATALOG, find_file, find_stored, load_bars
from drltrade.data.columns import FRED_TIME, SYMBOL_COLUMNS, TIME_COLUMNS, find_time, placed
from drltrade.data.formats import export_of_frame
from drltrade.data.gate import tell
from drltrade.data.labels import labelled_by_end
from drltrade.data.layout import Layout
from drltrade.data.numbers import numbers
from drltrade.data.tables import (
    Table,
    find_header,
    first_line,
    read_parquet,
    read_rows,
)
from drltrade.data.text import kind_of, read_text
from drltrade.data.times import Times, parse_times
from drltrade.errors import DataError, suggestion
from drltrade.settings import Settings

MISSING = ("", ".", "nan", "NaN", "NA", "N/A", "null")
"""How files write that nothing was published; FRED writes a point."""


class Exogenous(Settings):
    """A table `[exogenous.NAME]` of an env preset."""

    data: str = Field(description="a data set, or a CSV or parquet file of times and values")
    symbol: str | None = Field(None, description="which of its symbols; None: its only one")
    column: str | None = Field(
        None, description="which column is the value; None: close, or the only one"
    )
    lag: str = Field(
        description="from its label until it was published: 0d, 1d, 8h ...; a date stands for its "
        "session's close, and on bars within the day for the end of the day"
    )
    max_age: str | None = Field(
        None,
        description="how long a value is good; None: 10 of the series' spacings, 5 days at least",
    )
    layout: Layout = Layout()

    @field_validator("lag", "max_age")
    @classmethod
    def _a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            duration(value)
        return value

    @property
    def published_after(self) -> pd.Timedelta:
        """The lag."""
        return duration(self.lag)


def duration(text: str) -> pd.Timedelta:
    """A length of time such as 0d, 1d, 36h, 15min.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*(d|h|min)\s*", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r}: a length of time such as 0d, 1d, 8h, 15min")
    minutes = {"d": 1440, "h": 60, "min": 1}[match[2]]
    return int(match[1]) * pd.Timedelta(minutes=minutes)


@dataclass(frozen=True)
class ExogenousSeries:
    """Values by label, oldest first.

    Attributes:
        frame: close [K], and open, high, low, volume where there are such, without NaN in close.
        zone: of the labels; None where the source does not say.
        source: for errors and reports.
        sha256: of the file's bytes.
    """

    frame: pd.DataFrame
    zone: str | None
    source: str
    sha256: str

    @property
    def daily(self) -> bool:
        """Whether labels are dates."""
        return bool(pd.DatetimeIndex(self.frame.index).is_normalized)


def load_exogenous(config: Exogenous) -> ExogenousSeries:
    """Load a series: a data set's, with all its columns; or a file's.

    A file has a time column and values; no volume is needed, and rows without a value are left out.

    Raises:
        DataError: as `load_bars`; or there are several symbols or columns and none is named.
    """
    if config.data in CATALOG or find_stored(config.data) is not None:
        bars = load_bars(config.data, None if config.symbol is None else (config.symbol,))
        frame = bars.frame(_one(config.symbol, bars.symbols, bars.source))
        if config.column is not None:
            column = config.column.strip().lower()
            if column not in frame:
                raise DataError(
                    f"{bars.source}: no column {config.column!r} ({', '.join(map(str, frame))})"
                )
            frame = frame[[column]].set_axis(["close"], axis=1)
        return ExogenousSeries(frame, bars.zone, bars.source, bars.sha256)
    return _from_file(find_file(config.data), config)


def _from_file(path: Path, config: Exogenous) -> ExogenousSeries:
    content, where = path.read_bytes(), str(path)
    layout = config.layout
    if layout.adjustment is not None:
        raise DataError(f"{where}: layout.adjustment is of prices; a series is taken as it stands")
    table = _table(path, content, layout)
    places, rows = placed(table.names, where), table.rows
    time = find_time(places, layout, where)
    times = parse_times(table.values[places[time]], layout, rows, where)
    kept = np.ones(len(rows), np.bool_)
    symbols = next((name for name in SYMBOL_COLUMNS if name in places), None)
    if symbols is not None:
        of = table.values[places[symbols]].astype(object).astype(str)
        kept = (of == _one(config.symbol, tuple(of.unique()), where)).to_numpy()
    column = config.column or layout.columns.get("close")
    value = _value_column(list(places), column, {time, symbols}, where)
    wanted = {"close": value}
    if column is None and value == "close":
        wanted |= {name: name for name in COLUMNS if name in places}
    columns: dict[str, Any] = {}
    for ours, theirs in wanted.items():
        values = table.values[places[theirs]]
        if not pd.api.types.is_numeric_dtype(values.dtype):
            values = values.astype(object).where(~values.isin(MISSING), "")
        unit = layout.volume_unit if ours == "volume" else layout.price_unit
        columns[ours] = unit * numbers(values, theirs, layout, rows, where)
    frame = pd.DataFrame(columns, times.labels.rename("time"))
    there = kept & frame["close"].notna().to_numpy()
    frame = _by_end(frame[there], layout, times, there, where).sort_index()
    if not np.isfinite(frame["close"].to_numpy()).all():
        raise DataError(f"{where}, column {value}: a value is infinite")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise DataError(f"{where}: the time {twice} is there twice; name a symbol?")
    if len(frame) < 2:
        raise DataError(f"{where}: {len(frame)} values; at least 2 are needed")
    return ExogenousSeries(frame, times.zone, where, hashlib.sha256(content).hexdigest())


def _is_header(cells: set[str]) -> bool:
    return len(cells) > 1 and not cells.isdisjoint((*TIME_COLUMNS, FRED_TIME))


def _table(path: Path, content: bytes, layout: Layout) -> Table:
    if kind_of(path) == ".parquet":
        return export_of_frame(read_parquet(path, content), layout, str(path)).table
    text, notes = read_text(path, content)
    tell(str(path), notes)
    shape = find_header(text, layout, _is_header) or first_line(text, layout)
    return read_rows(text, shape, str(path))


def _by_end(
    frame: pd.DataFrame, layout: Layout, known: Times, there: NDArray[np.bool_], where: str
) -> pd.DataFrame:
    """The same by labels at the END of what each value is about.

    Raises:
        DataError: labels are first days of months, and the layout does not say which end they are.
    """
    times = pd.DatetimeIndex(frame.index)
    if layout.label == "open":
        frequency = layout.frequency or common_frequency({where: frame}, where)
        utc = None if known.utc is None else known.utc[there]
        return labelled_by_end(frame, frequency, known.zone, utc)
    if layout.label is None and len(times) > 2 and (times.day == 1).all() and times.is_normalized:
        raise DataError(
            f"{where}: its times are first days of months; state layout.label: open, if a value is "
            "about the month that begins there, or close, if it was known on that day"
        )
    return frame


def _one(symbol: str | None, symbols: tuple[str, ...], where: str) -> str:
    if symbol is None and len(symbols) == 1:
        return symbols[0]
    if symbol not in symbols:
        hint = suggestion(symbol, symbols) if symbol else ""
        said = "no symbol is named" if symbol is None else f"no symbol {symbol!r}{hint}"
        raise DataError(f"{where}: {said} (there are {', '.join(symbols[:20])})")
    return symbol


def _value_column(names: list[str], column: str | None, other: set[str | None], where: str) -> str:
    values = [name for name in names if name not in other]
    if column is not None:
        if column.strip().lower() not in values:
            raise DataError(f"{where}: no column {column!r} (there are {', '.join(values)})")
        return column.strip().lower()
    if "close" in values:
        return "close"
    if len(values) != 1:
        raise DataError(
            f"{where}: name the column that is the value (there are {', '.join(values)})"
        )
    return values[0]
