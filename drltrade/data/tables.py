"""The table in a price file: its bytes read, its columns found, its numbers parsed."""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS
from drltrade.errors import DataError

TIME_COLUMNS = ("date", "datetime", "time", "timestamp")
SYMBOL_COLUMNS = ("symbol", "ticker")
ADJUSTED_CLOSE = ("adj close", "adj_close", "adjclose")
SUFFIXES = (".csv", ".csv.gz", ".parquet")

_UNREADABLE = (
    OSError,  # BadGzipFile is one, and so are pyarrow's I/O errors
    EOFError,
    UnicodeDecodeError,
    ValueError,  # pandas' ParserError and EmptyDataError, and pyarrow's ArrowInvalid
    zlib.error,
)


def read_table(path: Path, content: bytes) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The whole file, every value of a CSV as text, and each row's number in the file."""
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataError(f"{path}: unknown kind of file; use one of {', '.join(SUFFIXES)}")
    try:
        if name.endswith(".parquet"):
            table = pd.read_parquet(io.BytesIO(content))
            return _index_as_column(table), np.arange(1, len(table) + 1)
        # The header is read as a row, for pandas would rename a column that is there twice.
        table = pd.read_csv(
            io.BytesIO(content),
            header=None,
            dtype=str,
            encoding="utf-8-sig",
            compression="gzip" if name.endswith(".gz") else None,
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
    return table.iloc[1:].reset_index(drop=True), lines[1:] + 1


def _index_as_column(table: pd.DataFrame) -> pd.DataFrame:
    """Make columns of a time (and symbol) that a parquet file keeps in its index."""
    if isinstance(table.index, pd.DatetimeIndex) and table.index.name is None:
        table.index.name = "time"
    named = [name for name in table.index.names if name is not None]
    return table.reset_index() if named else table


def find_columns(table: pd.DataFrame, where: str) -> dict[str, Any]:
    """What each of our columns is called in the file, by our name for it.

    Keys: "time", perhaps "time of day", open, high, low, close, volume, perhaps "symbol" and
    "adjusted close".

    Raises:
        DataError: a column is missing or there twice; says which are there and which are needed.
    """
    names: dict[str, Any] = {}
    for column in table.columns:
        name = str(column).strip().lower()
        if name in names:
            raise DataError(
                f"{where}: two columns are called {name!r}: {names[name]!r} and {column!r}"
            )
        names[name] = column
    found = {name: names[name] for name in COLUMNS if name in names}
    missing = [name for name in COLUMNS if name not in names]
    for ours, theirs in (("symbol", SYMBOL_COLUMNS), ("adjusted close", ADJUSTED_CLOSE)):
        present = [name for name in theirs if name in names]
        if len(present) > 1:
            raise DataError(f"{where}: {ours} is there twice: columns {', '.join(present)}")
        if present:
            found[ours] = names[present[0]]
    times = [name for name in TIME_COLUMNS if name in names]
    if times == ["date", "time"]:
        found["time of day"] = names["time"]
    elif len(times) > 1:
        raise DataError(f"{where}: several time columns ({', '.join(times)}); keep one")
    if times:
        found["time"] = names[times[0]]
    else:
        missing.insert(0, "a time (" + ", ".join(TIME_COLUMNS) + ")")
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


def numbers(
    values: pd.Series, column: str, rows: NDArray[np.int64], where: str
) -> NDArray[np.float64]:
    """A column as float64 [T]: empty text is NaN, other text that is no number a DataError."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    text = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(parsed) & ~text.str.lower().isin(["", "nan"]).to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]}, column {column}: {text.iloc[i]!r} is not a number"
        )
    # Read again by numpy: older pandas is off by one in the last place now and then.
    return text.where(text != "", "nan").to_numpy(dtype=np.str_).astype(np.float64)
