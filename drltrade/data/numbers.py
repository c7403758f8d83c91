"""Numbers as files write them: with thousands, currency signs, or in thousands and millions."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Layout
from drltrade.data.tables import NULLS
from drltrade.errors import DataError

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_DRESSED = re.compile(r"([+-]?)\s*[$€£¥]?\s*([+-]?\d.*?)\s*([kKmMbBtT]?)")
_PROVEN = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}")
"""A comma that can but stand between thousands: before a point, or twice."""


def numbers(
    values: pd.Series, column: str, layout: Layout, rows: NDArray[np.int64], where: str,
    thousands: str | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """A column as float64 [T]; a value that is not there is NaN.

    $100.13 is 100.13, and 0.51M is 510,000. A comma is read as one between thousands where the
    layout says so, or `thousands`, as `proven_thousands` tells it of the whole file.

    Raises:
        DataError: text is no number: names the row and the value.
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    shown = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    sign = layout.thousands or thousands
    text = _ungrouped(shown, sign, layout.decimal)
    if layout.decimal == ",":
        text = text.str.translate({ord(","): ".", ord("."): "point"})
    empty = text.isin([*NULLS, "-", "none"]).to_numpy(np.bool_)
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, True, np.nan)
    dressed = np.flatnonzero(np.isnan(parsed) & ~empty)
    for i in dressed:
        parsed[i] = _undressed(text.iloc[int(i)])
    wrong = np.isnan(parsed) & ~empty
    if wrong.any():
        first = int(np.argmax(wrong))
        comma = ""
        if "," in shown.iloc[first]:
            comma = "; say what the comma separates (thousands, or decimal)"
        raise DataError(
            f"{where}, row {rows[first]}, column {column}: {shown.iloc[first]!r} is not a "
            f"number{comma}"
        )
    # Read again by numpy: older pandas is off by one in the last place now and then.
    plain = ~empty
    plain[dressed] = False
    parsed[plain] = text[plain].to_numpy(dtype=np.str_).astype(np.float64)
    return parsed


def proven_thousands(columns: list[pd.Series], layout: Layout) -> str | None:
    """What some value of a file proves to stand between thousands: a comma, or nothing."""
    if layout.thousands is not None or layout.decimal != ".":
        return None
    for values in columns:
        if pd.api.types.is_numeric_dtype(values.dtype):
            continue
        text = values.astype(object).astype(str).str.strip().str.lstrip("$€£¥")
        if text.str.fullmatch(_PROVEN.pattern).any():
            return ","
    return None


def _ungrouped(text: pd.Series, sign: str | None, decimal: str) -> pd.Series:
    if sign is None:
        return text
    # Whole groups of three alone: 1.5 is not 15, whatever a point is said to separate.
    grouped = rf"^[$€£¥+-]*\d{{1,3}}(\{sign}\d{{3}})+(?:\{decimal}\d*)?[kKmMbBtT]?$"
    return text.where(~text.str.match(grouped), text.str.replace(sign, "", regex=False))


def _undressed(text: str) -> float:
    """A number without its currency, times what the letter behind it says; NaN: it is none."""
    match = _DRESSED.fullmatch(text)
    if match is None:
        return np.nan
    sign, digits, letter = match.groups()
    try:
        return float(sign + digits) * _MULTIPLES[letter.lower()]
    except ValueError:
        return np.nan
