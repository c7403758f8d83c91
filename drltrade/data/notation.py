"""How a text writes its numbers: what stands before the decimals, and what between thousands.

15.000 is fifteen, or fifteen thousand. Other cells of the file tell: 15,5 or 1.234.567 on one side,
15.25, 0.125 or an ungrouped 71605 on the other. Where nothing does, it is asked.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence

import pandas as pd

from drltrade.data.columns import find_columns
from drltrade.data.layout import Layout
from drltrade.data.tables import Shape, Table, read_rows
from drltrade.errors import DataError

SAMPLE = 200
"""Rows by which it is told whether a number may be meant in two ways."""
_POINT_AND_COMMA = re.compile(r"\d{1,3}(\.\d{3})+,\d+")
_COMMA = re.compile(rf"{_POINT_AND_COMMA.pattern}|\d+,\d{{1,2}}|\d+,\d{{4,}}|0+,\d+")
"""A comma that can but stand before decimals; between commas it may as well be a slip."""
_POINT = re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""A point that may stand before decimals or between thousands."""
_POINTS = re.compile(r"[1-9]\d{0,2}(\.\d{3}){2,}")
"""Points that can but stand between thousands."""
_EITHER = re.compile(rf"{_POINT.pattern}|{_POINTS.pattern}")
_SMALL = re.compile(r"\d{1,3}|")
"""A cell that tells nothing, whichever is meant."""
_SIGNS = "+-$€£¥ "


def with_notation(
    text: bytes, shape: Shape, layout: Layout, where: str
) -> tuple[Shape, Layout, tuple[str, ...]]:
    """A shape and a layout with the signs that the text proves, and what is to be said of them.

    Args:
        text: of the whole file.
        shape: of its table.
        layout: what is stated; a sign that is stated is not looked for.
        where: the file, for errors.

    Raises:
        DataError: nothing tells whether points stand before decimals or between thousands: names
            row, column and value.
    """
    if layout.decimal is not None:
        return shape, layout, ()
    if layout.thousands is not None:
        return _signed(shape, layout, "," if layout.thousands == "." else ".", layout.thousands)
    columns = find_columns(shape.names, layout, where)
    places = [at for ours, at in columns.items() if ours not in ("time", "time of day", "symbol")]
    cells = list(_sample(text, shape, places))
    proof = _POINT_AND_COMMA if shape.separator == "," else _COMMA
    if any(map(proof.fullmatch, cells)) and not any(re.search(r",.*\.", cell) for cell in cells):
        shape, layout, _ = _signed(shape, layout, ",", ".")
        return shape, layout, ("numbers are read with a decimal comma",)
    telling = [cell for cell in cells if not _SMALL.fullmatch(cell)]
    if not telling or not all(map(_EITHER.fullmatch, telling)):
        return shape, layout, ()
    return _by_all_rows(text, shape, layout, where, places)


def _signed(
    shape: Shape, layout: Layout, decimal: str, thousands: str | None
) -> tuple[Shape, Layout, tuple[str, ...]]:
    told = layout.model_copy(update={"decimal": decimal, "thousands": thousands})
    return shape._replace(decimal=decimal), told, ()


def _sample(text: bytes, shape: Shape, places: Sequence[int]) -> Iterator[str]:
    """The cells of numbers of the first rows."""
    lines = itertools.islice(io.BytesIO(text), shape.above, shape.above + SAMPLE)
    decoded = [line.decode("utf-8", errors="replace").rstrip("\r\n") for line in lines]
    for row in csv.reader(decoded, delimiter=shape.separator):
        for place in places:
            if place < len(row):
                yield row[place].strip(_SIGNS)


def _by_all_rows(
    text: bytes, shape: Shape, layout: Layout, where: str, places: Sequence[int]
) -> tuple[Shape, Layout, tuple[str, ...]]:
    """What all cells tell where the first ones do not."""
    table = read_rows(text, shape, where, as_text=places)
    grouped = [_matching(table, place, _POINTS.pattern).any() for place in places]
    neither = rf"{_EITHER.pattern}|{_SMALL.pattern}"
    decimals = [not _matching(table, place, neither).all() for place in places]
    if any(decimals):
        return shape, layout, ()  # and if some are grouped, they are refused as no numbers
    if any(grouped):
        shape, layout, _ = _signed(shape, layout, ",", ".")
        return shape, layout, ("numbers are read with points between thousands",)
    for place in places:
        there = _matching(table, place, _POINT.pattern)
        if there.any():
            row = int(there.to_numpy().argmax())
            value, name = str(table.values[place].iloc[row]), shape.names[place]
            raise DataError(
                f"{where}, row {table.rows[row]}, column {name}: {value!r} is "
                f"{float(value.strip(_SIGNS)):g}, or {value.replace('.', '')}, and nothing in the "
                "file tells which: say so (--decimal . or --thousands .; layout.decimal or "
                "layout.thousands in a preset)"
            )
    return shape, layout, ()


def _matching(table: Table, place: int, pattern: str) -> pd.Series:
    text = table.values[place].astype(object).fillna("").astype(str).str.strip(_SIGNS)
    return text.str.fullmatch(pattern)
