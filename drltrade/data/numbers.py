"""Numbers as files write them: with thousands, currencies, or in thousands and millions."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Layout
from drltrade.data.tables import NULLS
from drltrade.errors import DataError

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_CURRENCY = (
    "[$€£¥]|USD|EUR|GBP|GBX|GBp|JPY|CHF|AUD|CAD|NZD|CNY|CNH|HKD|SGD|INR|KRW|TWD|BRL|MXN|ZAR|SEK|NOK"
    "|DKK|PLN|CZK|HUF|TRY|ILS|BTC|ETH|USDT|USDC"
)
_DRESSED = re.compile(
    rf"([+-]?)\s*({_CURRENCY})?\s*([+-]?\d[^A-Za-z]*?)\s*([kKmMbBtT]?)\s*({_CURRENCY})?"
)
_PROVEN = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}|[+-]?\d+\.\d+")
"""A comma that can but stand between thousands: before a point, or twice; or a point that stands
before decimals, whatever commas do elsewhere."""
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?|-?\s*to\s*-?)\s*(\d+(?:\.\d+)?)", re.I)


def numbers(
    values: pd.Series, column: str, layout: Layout, rows: NDArray[np.int64], where: str,
    thousands: str | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """A column as float64 [T]; a value that is not there is NaN.

    $100.13 and 100.13 USD are 100.13, and 0.51M is 510,000. A comma is read as one between
    thousands where the layout says so, or `thousands`, as `proven_thousands` tells it of the file.

    Raises:
        DataError: text is no number, or in another currency than above: names row and value.
    """
    if values.dtype == np.float64:
        return values.to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    shown = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    sign = layout.thousands or thousands
    text = _ungrouped(shown, sign, layout.decimal or ".")
    if layout.decimal == ",":
        text = text.str.translate({ord(","): ".", ord("."): "point"})
    empty = text.isin([*NULLS, "-", "none"]).to_numpy(np.bool_)
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, True, np.nan)
    dressed = np.flatnonzero(np.isnan(parsed) & ~empty)
    first_currency = ""
    for i in dressed.tolist():
        parsed[i], currency = _undressed(text.iloc[i])
        first_currency = first_currency or currency
        if currency and currency != first_currency:
            raise DataError(
                f"{where}, row {rows[i]}, column {column}: {shown.iloc[i]!r} is in another "
                f"currency than the values above it ({first_currency})"
            )
    wrong = np.isnan(parsed) & ~empty
    if wrong.any():
        first = int(np.argmax(wrong))
        comma = ""
        if "," in shown.iloc[first]:
            comma = "; say what the comma separates (--thousands , or --decimal ,)"
        raise DataError(
            f"{where}, row {rows[first]}, column {column}: {shown.iloc[first]!r} is not a "
            f"number{comma}"
        )
    # Read again by numpy: older pandas is off by one in the last place now and then.
    plain = ~empty
    plain[dressed] = False
    parsed[plain] = text[plain].to_numpy(dtype=np.str_).astype(np.float64)
    return parsed


def ratios(values: pd.Series) -> pd.Series:
    """A column of splits, with 7:1, 7/1 and 7-for-1 as the number 7, and all else as it stands."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values
    return values.astype(object).map(_quotient)


def _quotient(value: object) -> object:
    match = _RATIO.fullmatch(str(value).strip())
    if match is None or float(match[2]) == 0.0:
        return value
    return repr(float(match[1]) / float(match[2]))


def proven_thousands(columns: list[pd.Series], layout: Layout) -> str | None:
    """What some value of a file proves to stand between thousands: a comma, or nothing."""
    if layout.thousands is not None or layout.decimal == ",":
        return None
    if all(pd.api.types.is_numeric_dtype(values.dtype) for values in columns):
        return None
    for values in columns:
        if pd.api.types.is_numeric_dtype(values.dtype):
            known = values.to_numpy(np.float64, na_value=0.0)
            known = known[np.isfinite(known)]
            if (known != np.round(known)).any():
                return ","
            continue
        text = values.astype(object).astype(str).str.strip().str.lstrip("$€£¥")
        if text.str.fullmatch(_PROVEN.pattern).any():
            return ","
    return None


def _ungrouped(text: pd.Series, sign: str | None, decimal: str) -> pd.Series:
    if sign is None:
        return text
    # Whole groups of three alone: 1.5 is not 15, whatever a point is said to separate.
    dress = rf"\s*(?:{_CURRENCY})?\s*"
    grouped = (
        rf"^[+-]*{dress}[+-]*\d{{1,3}}(\{sign}\d{{3}})+(?:\{decimal}\d*)?\s*[kKmMbBtT]?{dress}$"
    )
    return text.where(~text.str.match(grouped), text.str.replace(sign, "", regex=False))


def _undressed(text: str) -> tuple[float, str]:
    """A number without its currency, times what the letter behind it says, and the currency; NaN:
    it is none."""
    match = _DRESSED.fullmatch(text)
    if match is None or (match[2] and match[5]):
        return np.nan, ""
    sign, before, digits, letter, behind = match.groups()
    try:
        return float(sign + digits) * _MULTIPLES[letter.lower()], before or behind or ""
    except ValueError:
        return np.nan, ""
