"""The table in a price file: its bytes read, its columns found, its numbers parsed."""

import gzip
import io
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES
from drltrade.data.layout import Layout
from drltrade.errors import DataError

TIME_COLUMNS = ("date", "datetime", "time", "timestamp")
FRED_TIME = "observation_date"
"""As the Federal Reserve Bank of St. Louis writes it, in files of series alone."""
OTHER_COLUMNS = {
    "symbol": ("symbol", "ticker"),
    "adjusted close": ("adj close", "adj_close", "adjclose", "adjusted close"),
    "dividend": ("dividend", "dividends", "ex-dividend", "ex_dividend"),
    "capital gain": ("capital gain", "capital gains", "capital_gains"),
    "split": ("split", "splits", "stock splits", "stock_splits", "split ratio", "split_ratio"),
}
"""What columns that need not be there are called in files, by our name."""
SUFFIXES = (".csv", ".csv.gz", ".parquet")
SEPARATORS = (",", ";", "\t", "|")
BANNER = 50
"""Lines above the header that are looked through for it."""

_UNREADABLE = (
    OSError,  # BadGzipFile is one, and so are pyarrow's I/O errors
    EOFError,
    UnicodeDecodeError,
    ValueError,  # pandas' ParserError and EmptyDataError, and pyarrow's ArrowInvalid
    zlib.error,
)


def read_table(
    path: Path, content: bytes, layout: Layout,
    is_header: Callable[[set[str]], bool] | None = None,
) -> tuple[pd.DataFrame, NDArray[np.int64]]:  # fmt: skip
    """The whole file, every value of a CSV as text, and each row's number in the file.

    The header is the first line whose cells, in lower case, `is_header` (default: all four prices).
    """
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataError(f"{path}: unknown kind of file; use one of {', '.join(SUFFIXES)}")
    try:
        if name.endswith(".parquet"):
            table = pd.read_parquet(io.BytesIO(content))
            return _index_as_column(table), np.arange(1, len(table) + 1)
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8-sig")
        above, separator = _header(text, layout, is_header)
        # The header is read as a row, for pandas would rename a column that is there twice.
        table = pd.read_csv(
            io.StringIO(text),
            header=None,
            sep=separator,
            skiprows=above,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        )
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    lines = np.flatnonzero((table.fillna("") != "").any(axis=1).to_numpy())
    if len(lines) == 0:
        raise DataError(f"{path}: no header and no rows")
    table = table.iloc[lines].set_axis(table.iloc[lines[0]].to_list(), axis=1)
    return table.iloc[1:].reset_index(drop=True), lines[1:] + above + 1


def _header(
    text: str, layout: Layout, is_header: Callable[[set[str]], bool] | None
) -> tuple[int, str]:
    """How many lines stand above the header, and what separates values."""
    needed = {layout.columns.get(name, name).lower() for name in PRICES}
    is_header = is_header or needed.issubset
    separators = (layout.separator,) if layout.separator else SEPARATORS
    for number, line in enumerate(io.StringIO(text)):
        if number == BANNER:
            break
        for separator in separators:
            if is_header({cell.strip(' "\r\n').lower() for cell in line.split(separator)}):
                return number, separator
    return 0, separators[0]


def _index_as_column(table: pd.DataFrame) -> pd.DataFrame:
    """Make columns of a time (and symbol) that a parquet file keeps in its index."""
    if isinstance(table.index, pd.DatetimeIndex) and table.index.name is None:
        table.index.name = "time"
    named = [name for name in table.index.names if name is not None]
    return table.reset_index() if named else table


def find_columns(table: pd.DataFrame, layout: Layout, where: str) -> dict[str, Any]:
    """What each of our columns is called in the file, by our name for it.

    Keys: "time", perhaps "time of day", open, high, low, close, volume, and those of
    `OTHER_COLUMNS` that are there.

    Raises:
        DataError: a column is missing or there twice; says which are there and which are needed.
    """
    names = named(table, where)
    stated = {ours: theirs.strip().lower() for ours, theirs in layout.columns.items()}
    found = {ours: names[theirs] for ours, theirs in stated.items() if theirs in names}
    missing = [f"{theirs} (for {ours})" for ours, theirs in stated.items() if theirs not in names]
    missing += [name for name in COLUMNS if name not in names and name not in stated]
    found |= {name: names[name] for name in COLUMNS if name in names and name not in stated}
    for ours, theirs_of in OTHER_COLUMNS.items():
        present = [name for name in theirs_of if name in names]
        if ours in stated:
            continue
        if len(present) > 1:
            raise DataError(f"{where}: {ours} is there twice: columns {', '.join(present)}")
        if present:
            found[ours] = names[present[0]]
    if "time" not in stated:
        _find_time(names, found, missing, where)
    if missing:
        present_text = ", ".join(repr(str(name)) for name in table.columns)
        comma = "; is a comma the separator?" if len(table.columns) == 1 else ""
        raise DataError(
            f"{where}: missing column {', '.join(missing)} (found: {present_text}{comma}); needed "
            f"are a time, {', '.join(COLUMNS)}"
        )
    if table.empty:
        raise DataError(f"{where}: no rows below the header")
    return found


def named(table: pd.DataFrame, where: str) -> dict[str, Any]:
    """Columns by their names in lower case. Raises DataError where two have the same."""
    names: dict[str, Any] = {}
    for column in table.columns:
        name = str(column).strip().lower()
        if name in names:
            raise DataError(
                f"{where}: two columns are called {name!r}: {names[name]!r} and {column!r}"
            )
        names[name] = column
    return names


def find_time(names: Mapping[str, Any], layout: Layout, where: str) -> Any:
    """What the time column is called in a file of which only the time is known.

    Args:
        names: lower-case name -> name in the file.

    Raises:
        DataError: there is none, or several.
    """
    stated = layout.columns.get("time", "").strip().lower()
    times = [stated] if stated in names else [name for name in TIME_COLUMNS if name in names]
    if FRED_TIME in names and not times:
        times = [FRED_TIME]
    if len(times) != 1:
        raise DataError(
            f"{where}: {len(times)} time columns ({', '.join(times) or ', '.join(names)}); one "
            f"of {', '.join(TIME_COLUMNS)} is needed, or layout.columns says which"
        )
    return names[times[0]]


def _find_time(
    names: dict[str, Any], found: dict[str, Any], missing: list[str], where: str
) -> None:
    times = [name for name in TIME_COLUMNS if name in names]
    if times == ["date", "time"]:
        found["time of day"] = names["time"]
    elif len(times) > 1:
        raise DataError(f"{where}: several time columns ({', '.join(times)}); keep one")
    if times:
        found["time"] = names[times[0]]
    else:
        missing.insert(0, "a time (" + ", ".join(TIME_COLUMNS) + ")")


def numbers(
    values: pd.Series, column: str, layout: Layout, rows: NDArray[np.int64], where: str
) -> NDArray[np.float64]:
    """A column as float64 [T]: empty text is NaN, other text that is no number a DataError."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    shown = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    text = shown
    if layout.thousands is not None:
        # Whole groups of three alone: 1.5 is not 15, whatever a point is said to separate.
        grouped = rf"^[+-]?\d{{1,3}}(\{layout.thousands}\d{{3}})+(?:\{layout.decimal}\d*)?$"
        groups = text.str.match(grouped)
        text = text.where(~groups, text.str.replace(layout.thousands, "", regex=False))
    if layout.decimal == ",":
        text = text.str.translate({ord(","): ".", ord("."): "point"})
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(parsed) & ~text.str.lower().isin(["", "nan"]).to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        comma = ""
        if "," in shown.iloc[i]:
            comma = "; say what the comma separates (thousands, or decimal)"
        raise DataError(
            f"{where}, row {rows[i]}, column {column}: {shown.iloc[i]!r} is not a number{comma}"
        )
    # Read again by numpy: older pandas is off by one in the last place now and then.
    return text.where(text != "", "nan").to_numpy(dtype=np.str_).astype(np.float64)
