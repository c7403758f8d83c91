"""Price files of LEAN: https://github.com/QuantConnect/Lean/tree/master/Data (its read-me files).

equity/usa/daily/aapl.zip holds lines of 20140606 00:00,open,high,low,close,volume in a ten
thousandth of a dollar, stamped at the open; equity/usa/minute/aapl/20140606_trade.zip counts
milliseconds of the day. equity/usa/factor_files/aapl.csv says by what to multiply prices up to a
date: date, for dividends, for splits.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from drltrade.data.bars import COLUMNS
from drltrade.data.layout import Layout
from drltrade.data.tables import Shape, Table, read_rows
from drltrade.errors import DataError

_DATED = re.compile(r"(\d{8})_(?:(\w+?)_)?(?:minute_|second_)?trade")
_SCALED = 1e-4


def is_lean(path: Path, cells: list[str]) -> bool:
    """Whether a file without a header is LEAN's, by its name and its first cells."""
    if len(cells) != 6:
        return False
    dated = _DATED.match(path.name) is not None and cells[0].isdigit()
    return dated or re.fullmatch(r"\d{8} \d{2}:\d{2}", cells[0]) is not None


def read(path: Path, text: bytes, separator: str, layout: Layout) -> tuple[Table, Layout, str]:
    """Its table, with factors beside the prices where there is a file of them; layout; symbol.

    Raises:
        DataError: the file cannot be read, or its prices are in no stated unit.
    """
    shape = Shape(0, ("time", *COLUMNS), separator)
    table = read_rows(text, shape, str(path), as_text=(0,))
    values = table.values.copy()
    names: tuple[object, ...] = ("time", *COLUMNS)
    dated = _DATED.match(path.name)
    stem = path.name.split(".")[0]
    symbol = (path.parent.name if dated else stem).upper()
    if dated:
        since = pd.to_numeric(values[0]).to_numpy(np.int64)
        values[0] = pd.Timestamp(dated[1]) + pd.to_timedelta(since, unit="ms")
    parts = {part.lower() for part in path.parts}
    update: dict[str, object] = {"label": layout.label or "open"}
    if "usa" in parts:
        update["zone"] = layout.zone or "America/New_York"
    elif parts & {"crypto", "forex", "cfd", "cryptofuture"}:
        update["zone"] = layout.zone or "UTC"
    if "price_unit" not in layout.model_fields_set:
        update["price_unit"] = _unit(values, parts, path)
    update["adjustment"] = layout.adjustment or "raw"
    factors = _factor_file(path, symbol)
    if factors is not None and update["adjustment"] == "raw":
        values = _with_factors(values, factors)
        names = (*names, "factor", "split")
    return (
        Table(values.set_axis(range(len(names)), axis=1), names, table.rows),
        layout.model_copy(update=update), symbol,
    )  # fmt: skip


def _unit(values: pd.DataFrame, parts: set[str], path: Path) -> float:
    prices = values[[1, 2, 3, 4]].to_numpy(np.float64)
    whole = bool((prices == np.round(prices)).all())
    if "equity" in parts or (whole and not parts & {"crypto", "forex", "cfd", "future"}):
        if not whole:
            raise DataError(f"{path}: prices of equities are whole numbers of 1/10,000 in LEAN")
        return _SCALED
    return 1.0


def _factor_file(path: Path, symbol: str) -> Path | None:
    for folder in path.resolve().parents[:4]:
        file = folder / "factor_files" / f"{symbol.lower()}.csv"
        if file.is_file():
            return file
    return None


def _with_factors(values: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Two more columns: what makes a close adjusted, and new shares for an old one."""
    try:
        names = ["until", "paid", "split"]
        table = pd.read_csv(path, header=None, usecols=[0, 1, 2], names=names, dtype={"until": str})
        table = table.sort_values("until")
        until = pd.to_datetime(table["until"], format="%Y%m%d").to_numpy()
        paid, split = table["paid"].to_numpy(np.float64), table["split"].to_numpy(np.float64)
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: is no factor file of LEAN: {error}") from None
    days = pd.to_datetime(values[0].astype(str).str[:8], format="%Y%m%d", errors="coerce")
    if days.isna().any():
        days = pd.to_datetime(values[0]).dt.normalize()
    # The last line holds for all later dates, too.
    place = np.minimum(np.searchsorted(until, days.to_numpy(), "left"), len(until) - 1)
    shares = np.ones(len(values))
    shares[1:] = split[place][1:] / split[place][:-1]
    return values.assign(factor=paid[place] * split[place], split=shares)
