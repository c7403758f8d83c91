"""The table in a price file: its header found, its values typed."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.columns import SYMBOL_COLUMNS, lower
from drltrade.data.layout import Layout
from drltrade.data.text import UNREADABLE
from drltrade.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
BANNER = 50
"""Lines above the header that are looked through for it."""
HEAD = 4
"""Lines by which the shape of a file is recognised."""
PIECE = 2**18
"""Bytes that are looked at together."""
NULLS = ("", "null", "NULL", "None", "NaN", "nan", "N/A", "n/a", "#N/A")
"""What stands for a value that is not there."""


class Table(NamedTuple):
    """A file's values, numbers, times and text told apart, and where they stand."""

    values: pd.DataFrame
    """[T] columns in the order of the file, called by their places."""
    names: tuple[object, ...]
    """What the file calls them."""
    rows: NDArray[np.int64]
    """[T] the number of each row in the file."""


class Shape(NamedTuple):
    """How the text of a table is written."""

    above: int
    """Lines before the first row."""
    names: tuple[str, ...]
    separator: str
    decimal: str = "."
    texts: tuple[str, ...] = SYMBOL_COLUMNS
    """Names of columns that are text whatever they look like."""


def read_parquet(path: Path, content: bytes) -> pd.DataFrame:
    """The frame that a parquet file holds, its index as it is.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return pd.read_parquet(io.BytesIO(content))
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def first_lines(text: bytes) -> list[str]:
    """At most `BANNER` lines."""
    lines: list[str] = []
    place = 0
    while len(lines) < BANNER and place < len(text):
        end = text.find(b"\n", place) + 1 or len(text)
        line = text[place:end].decode("utf-8", errors="replace").rstrip("\r\n")
        lines.append(line.replace("\r", " "))
        place = end
    return lines


def head_of(text: bytes, separator: str) -> list[list[str]]:
    """The cells of a text's first lines that are not blank, at most `HEAD`."""
    lines: list[list[str]] = []
    for line in first_lines(text):
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
        if any(cells):
            lines.append(cells)
        if len(lines) == HEAD:
            break
    return lines


def find_header(
    text: bytes, layout: Layout, is_header: Callable[[set[str]], bool] | None = None
) -> Shape | None:
    """Where the header of a table stands, and what separates its cells; None: there is none.

    It is the first line whose cells, in lower case, `is_header` (default: all four prices).
    """
    needed = {lower(layout.columns.get(name, name)) for name in PRICES}
    fits = is_header or (lambda cells: needed <= cells | _closes(cells))
    separators = (layout.separator,) if layout.separator else SEPARATORS
    for number, line in enumerate(first_lines(text)):
        for separator in separators:
            cells = next(csv.reader([line], delimiter=separator), [])
            if fits({lower(cell) for cell in cells}):
                return Shape(
                    number + 1, _stripped(cells), separator, layout.decimal or ".", _texts(layout)
                )
    return None


def _closes(cells: set[str]) -> set[str]:
    return {"close"} if "close/last" in cells else set()


def _texts(layout: Layout) -> tuple[str, ...]:
    return (*SYMBOL_COLUMNS, lower(layout.columns.get("symbol", "symbol")))


def _stripped(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in cells)


def first_line(text: bytes, layout: Layout) -> Shape:
    """The first line as a header, whatever it says, for errors about what is missing.

    Raises:
        DataError: there is none.
    """
    separator = layout.separator or SEPARATORS[0]
    for number, line in enumerate(first_lines(text)):
        cells = next(csv.reader([line], delimiter=separator), [])
        if any(cell.strip() for cell in cells):
            return Shape(
                number + 1, _stripped(cells), separator, layout.decimal or ".", _texts(layout)
            )
    raise DataError("no header and no rows")


def read_rows(text: bytes, shape: Shape, where: str, as_text: Sequence[int] = ()) -> Table:
    """The rows of a text below its header, typed column by column.

    A column whose values are all numbers, or all times as ISO 8601 writes them, is read as such;
    any other as text, exactly as it stands.

    Args:
        text: of the whole file.
        shape: where its rows begin.
        where: the file, for errors.
        as_text: places of columns that are text whatever they look like, besides symbols.

    Raises:
        DataError: a row has more or fewer values than the header, or there is none.
    """
    import pyarrow

    width = len(shape.names)
    places = [str(place) for place in range(width)]
    texts = {
        str(place): pyarrow.string()
        for place, name in enumerate(shape.names)
        if lower(name) in shape.texts or place in as_text
    }
    torn: list[tuple[int, str]] = []

    def refuse(row: object) -> str:
        torn.append((row.actual_columns, row.text))  # type: ignore[attr-defined]
        return "error"

    body = _body(text, shape.above)
    table = None
    for types in (texts, dict.fromkeys(places, pyarrow.string())):
        try:
            table = _parsed(body, shape, types, refuse)
            zoned = [each.name for each in table.schema if getattr(each.type, "tz", None)]
            if zoned:  # in UTC alone; what the clock showed there tells of dates
                types = texts | dict.fromkeys(zoned, pyarrow.string())
                table = _parsed(body, shape, types, refuse)
            break
        except pyarrow.ArrowInvalid as error:
            if torn:
                count, row = torn[0]
                number = _number_of(text, row)
                raise DataError(
                    f"{where}, row {number}: cannot be read: {count} values, and the header has "
                    f"{width}: {row[:80]!r}{_unknown_names(width)}"
                ) from None
            if "Empty CSV" in str(error):
                raise DataError(f"{where}: no rows below the header") from None
            if types is not texts:
                raise DataError(f"{where}: cannot be read: {error}") from None
    assert table is not None
    values = table.to_pandas(types_mapper=_as_text, date_as_object=False, split_blocks=True)
    rows = _row_numbers(body, len(values)) + shape.above
    empty = _all_empty(values)
    if empty.any():
        values, rows = values[~empty].reset_index(drop=True), rows[~empty]
    if values.empty:
        raise DataError(f"{where}: no rows below the header")
    return Table(values.set_axis(range(width), axis=1), shape.names, rows)


def _parsed(body: memoryview, shape: Shape, types: Any, refuse: Callable[[object], str]) -> Any:
    import pyarrow
    from pyarrow import csv as arrow

    return arrow.read_csv(
        pyarrow.BufferReader(pyarrow.py_buffer(body)),
        arrow.ReadOptions(column_names=[str(place) for place in range(len(shape.names))]),
        arrow.ParseOptions(delimiter=shape.separator, invalid_row_handler=refuse),
        arrow.ConvertOptions(
            column_types=types, null_values=list(NULLS), strings_can_be_null=False,
            decimal_point=shape.decimal,
        ),
    )  # fmt: skip


def _as_text(kind: object) -> object:
    import pyarrow

    return pd.ArrowDtype(pyarrow.string()) if kind == pyarrow.string() else None


def _body(text: bytes, above: int) -> memoryview:
    """A text without its first lines, and without a copy."""
    place = 0
    for _ in range(above):
        place = text.find(b"\n", place) + 1
        if place == 0:
            return memoryview(b"")
    return memoryview(text)[place:]


def _number_of(text: bytes, row: str) -> int:
    """The number of the line that a row begins on."""
    match = re.search(rb"\n" + re.escape(row.encode()) + rb"\r?(\n|$)", text)
    return text.count(b"\n", 0, match.start() + 1 if match else 0) + 1


def _unknown_names(width: int) -> str:
    """What helps where a whole header was taken for one name."""
    if width > 1:
        return ""
    return (
        "; no name in the header is known, so that its separator is not either: map the names "
        "(--column open=..., in a preset layout.columns) and state it (--separator, "
        "layout.separator)"
    )


def _row_numbers(body: memoryview, count: int) -> NDArray[np.int64]:
    """[T] of the rows that are not blank, the first line being 1."""
    # By pieces that stay in the processor's cache.
    pieces = range(0, len(body), PIECE)
    values = np.frombuffer(body, np.uint8)
    ends = sum(int(np.count_nonzero(values[at : at + PIECE] == ord("\n"))) for at in pieces)
    if ends + (bytes(body[-1:]) != b"\n") == count:
        return np.arange(1, count + 1)
    filled = [number for number, line in enumerate(bytes(body).split(b"\n"), 1) if line.strip()]
    if len(filled) == count:
        return np.array(filled, dtype=np.int64)
    return np.arange(1, count + 1)  # a value runs over several lines


def _all_empty(values: pd.DataFrame) -> NDArray[np.bool_]:
    """[T] rows of separators alone."""
    empty = np.ones(len(values), np.bool_)
    for name in values.columns:
        if not empty.any():
            break
        column = values[name]
        empty &= (column.isna() | (column.astype(object) == "")).to_numpy() if (
            isinstance(column.dtype, pd.ArrowDtype)
        ) else column.isna().to_numpy()  # fmt: skip
    return empty
