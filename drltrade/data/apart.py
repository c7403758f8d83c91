"""Which column tells the series of a file apart, where none has a name that is known for it."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.tables import Table
from drltrade.errors import DataError

MANY = 0.5
"""Share of the rows whose times repeat from which a file is one of several series."""
LONG = 3
"""Rows a value, on average, from which a text that changes with time is a contract's or a source's.
"""
_DATES = re.compile(
    r"\d{4}[-/. ]?(q[1-4]|w?\d{1,2})?|q[1-4][-/ ]?\d{4}|\d{4}-\d{2}-\d{2}"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*([-/. ]?\d{2,4})?"
    r"|(mon|tue|wed|thu|fri|sat|sun)[a-z]*",
    re.I,
)
"""Values that say no more than the time does."""


def symbol_column(
    table: Table, read: set[int], bars: pd.DataFrame, where: str
) -> tuple[int | None, str]:
    """The place of the column that is the symbol, and what is to be said of it; None: there is one
    series.

    Where times repeat, and one column of text tells all rows of a time apart, it is that.

    Args:
        table: the file's.
        read: places of columns that are known, or are to be ignored.
        bars: [T] its rows as numbers, by their labels.
        where: the file, for errors.

    Raises:
        DataError: several columns do, or a number does; or times do not repeat, while a text
            changes with them, as where contracts follow each other.
    """
    free = [place for place in range(len(table.names)) if place not in read]
    if not free:
        return None, ""
    times = pd.DatetimeIndex(bars.index)
    repeated = times.duplicated(keep=False)
    if not repeated.any():
        _refuse_rolls(table, free, times, where)
        return None, ""
    telling = [place for place in free if _tells_apart(table.values[place], bars)]
    if not telling:
        return None, ""
    texts = [place for place in telling if _is_text(table.values[place])]
    names = [str(table.names[place]) for place in telling]
    if len(texts) == 1 and repeated.mean() >= MANY:
        name = str(table.names[texts[0]])
        return texts[0], f"column {name!r} tells several series apart, and is read as the symbol"
    row = table.rows[int(np.argmax(repeated))]
    listed = " and ".join(map(repr, names))
    raise DataError(
        f"{where}, row {row}: the time {times[int(np.argmax(repeated))]} comes again, and "
        f"{'column' if len(names) == 1 else 'each of columns'} {listed} tells such rows apart: "
        f"if it is the symbol, say so (--column 'symbol={names[0]}'; layout.columns in a preset), "
        "or --ignore it"
    )


def _is_text(values: pd.Series) -> bool:
    return not (
        pd.api.types.is_numeric_dtype(values.dtype)
        or pd.api.types.is_datetime64_any_dtype(values.dtype)
    )


def _tells_apart(values: pd.Series, bars: pd.DataFrame) -> bool:
    """Whether no two bars of a time have the same value, each of which comes at several times."""
    if pd.api.types.is_float_dtype(values.dtype) or values.isna().any():
        return False
    codes, known = pd.factorize(values.astype(object).astype(str).str.strip())
    if len(known) < 2 or len(known) > len(values) / 2 or "" in known:
        return False
    each = bars.reset_index(names="label").assign(value=codes).drop_duplicates()
    return not each.duplicated(["label", "value"]).any()


def _refuse_rolls(table: Table, free: list[int], times: pd.DatetimeIndex, where: str) -> None:
    for place in free:
        values = table.values[place]
        if not _is_text(values) or values.isna().any():
            continue
        names = values.astype(object).astype(str).str.strip()
        order = np.argsort(times.to_numpy(), kind="stable")
        codes, known = pd.factorize(names.to_numpy()[order])
        changes: NDArray[np.int64] = np.flatnonzero(np.diff(codes)) + 1
        blocks = len(changes) + 1
        if not 2 <= len(known) == blocks <= len(values) / LONG or all(map(_DATES.fullmatch, known)):
            continue
        row = table.rows[order[changes[0]]]
        name = str(table.names[place])
        raise DataError(
            f"{where}, row {row}, column {name}: changes from {known[0]!r} to {known[1]!r}: one "
            f"series, or several that follow each other? Say --column 'symbol={name}' to read them "
            f"apart, or --ignore '{name}' to read them as one (layout.columns, layout.ignore in a "
            "preset)"
        )
