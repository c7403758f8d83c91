"""What a repair would mend, found before it is: nothing is changed that was not told of."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from drltrade.data.dividends import corrected
from drltrade.data.faults import returns
from drltrade.data.layout import Adjustment
from drltrade.data.quality.finding import Finding, Severity
from drltrade.data.repair import WHOLE, repairs

KINDS: dict[str, tuple[Severity, str]] = {
    "scale": ("error", "currency_unit"),
    "dividend": ("warning", "wrong_dividend"),
    "adjustment": ("warning", "wrong_adjusted_close"),
    "quarantine": ("error", "unusable"),
}
"""Severity and kind of what a kind of repair mends."""
SPLIT = "not adjusted for the split"
"""How the reason of a rescaling by a split begins."""


def mending(symbol: str, frame: pd.DataFrame, adjustment: Adjustment | None) -> pd.DataFrame:
    """The log of `repair.repairs`, where the adjustment may not be stated."""
    return repairs(frame, symbol, adjustment or inferred(frame))


def inferred(frame: pd.DataFrame) -> Adjustment:
    """What prices are adjusted for as they look: nothing, if they step at most of their splits."""
    if "split" not in frame:
        return "split"
    shares = frame["split"].to_numpy(np.float64)
    rows = np.flatnonzero((shares != 1.0) & (shares > 0))
    ratio = returns(frame["close"].to_numpy(np.float64))[rows]
    rows, ratio = rows[ratio > 0], ratio[ratio > 0]
    steps = np.abs(np.log(ratio * shares[rows])) < np.abs(np.log(shares[rows])) / 2
    return "raw" if len(rows) and steps.mean() > 0.5 else "split"


def without(frame: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """The series with its prices rescaled: what is a fault of units is no move."""
    scaled = log if log.empty else log[log["kind"] == "scale"]
    if scaled.empty:
        return frame
    result = frame.copy()
    for column, lines in scaled.groupby("column"):
        values = result[column].to_numpy(np.float64, copy=True)
        values[frame.index.get_indexer(pd.DatetimeIndex(lines["time"]))] = lines["after"]
        result[column] = values
    return result


def of_mending(symbol: str, log: pd.DataFrame, found: Sequence[Finding]) -> Iterator[Finding]:
    """A finding for each reason in a log, at its bars; but what is set aside for a fault that was
    found is not told twice."""
    if log.empty:
        return
    told = [each.times for each in found if each.severity != "note" and each.symbol == symbol]
    known = pd.DatetimeIndex(np.concatenate(told)) if told else pd.DatetimeIndex([])
    for (kind, why), lines in log.groupby(["kind", "why"], sort=False):
        aside = (lines["column"] == WHOLE) & lines["time"].isin(known)
        lines = lines[~aside]
        if lines.empty:
            continue
        severity, name = KINDS[str(kind)]
        if str(why).startswith(SPLIT):
            name = "split"
        times = pd.DatetimeIndex(lines["time"]).unique().sort_values()
        first = lines.iloc[0]
        change = "" if first["column"] == WHOLE else f", {first['column']} {first['before']:g}"
        change += f" for {first['after']:g}" if change else ""
        yield Finding(severity, name, symbol, times, f"{why} ({len(times)} bars{change})")


def of_doubts(symbol: str, frame: pd.DataFrame, adjustment: Adjustment | None) -> Iterator[Finding]:
    """Dividends on which the adjusted close disagrees while nothing says which is right: a repair
    leaves them as they are."""
    stated = adjustment or inferred(frame)
    found = None if stated == "full" else corrected(frame, raw=stated == "raw")
    if found is None or not found.doubtful:
        return
    paid = frame["dividend"].to_numpy(np.float64)
    rows = np.array(found.doubtful)
    for severity, part, text in (
        ("warning", rows[paid[rows] > 0],
         "a dividend of {:g}, of which the adjusted close says something else; which is right, "
         "nothing tells, and a repair leaves both"),
        ("note", rows[paid[rows] <= 0],
         "a step of the adjusted close without a dividend: a spin-off, or one not recorded"),
    ):  # fmt: skip
        if len(part):
            times = pd.DatetimeIndex(frame.index[part])
            told = text.format(paid[part[0]])
            yield Finding(severity, "doubtful_dividend", symbol, times, told)  # type: ignore[arg-type]
