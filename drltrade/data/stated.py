"""Splits and dividends that a user states by hand, where no column tells of them.

They are lines of a series' log of repairs, with the kind "stated", and undone like a repair. From
the first bar of its date on a split counts in new shares, a dividend as reinvested at the close
before: the bars before it are rescaled.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.adjust import adjusted_by_bar
from drltrade.data.labels import dates_of
from drltrade.errors import ConfigError, DataError

STATED = "stated"
"""The kind of such a line in a log."""


class Action(NamedTuple):
    """A split or dividend of a symbol."""

    symbol: str | None
    """None: of the only one."""
    date: pd.Timestamp
    what: Literal["split", "dividend"]
    amount: float
    """New shares for an old one; or cash a share, after splits of that day."""


def parse_action(what: Literal["split", "dividend"], text: str) -> Action:
    """Read "AAPL 2014-06-09=7", "2014-06-09=7:1" or, a dividend, "AAPL 2014-08-07=0.47".

    Raises:
        ConfigError: it is none of these.
    """
    match = re.fullmatch(
        r"(?:(.+?)\s+)?(\d{4}-\d{2}-\d{2})\s*=\s*([\d.]+)(?:\s*[:/]\s*([\d.]+))?", text.strip()
    )
    example = "'AAPL 2014-06-09=7'" if what == "split" else "'AAPL 2014-08-07=0.47'"
    try:
        if match is None:
            raise ValueError
        date = pd.Timestamp(match[2])
        amount = float(match[3]) / float(match[4] or 1.0)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"--{what} {text!r}: write it as {example}") from None
    if not (np.isfinite(amount) and amount > 0):
        raise ConfigError(f"--{what} {text!r}: {amount:g} is not above 0")
    return Action(match[1], date, what, amount)


def lines_of(actions: Sequence[Action], frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Lines of a log for actions of a series.

    Raises:
        DataError: a series has no bar before a date, or none on or after it.
    """
    times = pd.DatetimeIndex(frame.index)
    dates = dates_of(times)
    rows = []
    for each in actions:
        place = int(dates.searchsorted(each.date, "left"))
        if place in (0, len(times)):
            raise DataError(
                f"{where}: a {each.what} on {each.date.date()} needs bars before and from that "
                f"date on; there are bars from {dates[0].date()} to {dates[-1].date()}"
            )
        rows.append((times[place], each.what, np.nan, each.amount, STATED, "by hand"))
    return pd.DataFrame(rows, columns=["time", "column", "before", "after", "kind", "why"])


def with_stated(frame: pd.DataFrame, log: pd.DataFrame, where: str) -> pd.DataFrame:
    """A series as it is when the stated actions of its log are adjusted for.

    An adjusted close is rescaled with the prices, unless it is adjusted for an action already.
    """
    stated = log[log["kind"] == STATED]
    if stated.empty:
        return frame
    shares, cash = np.ones(len(frame)), np.zeros(len(frame))
    places = frame.index.get_indexer(pd.DatetimeIndex(stated["time"]))
    for place, what, amount in zip(places, stated["column"], stated["after"], strict=True):
        if place <= 0:
            raise DataError(
                f"{where}: the log states a {what} at a time at which there is no bar; undo it"
            )
        if what == "split":
            shares[place] *= amount
        else:
            cash[place] += amount
    result = adjusted_by_bar(frame, shares, cash, reinvested="previous close", where=where)
    if "adjusted close" in frame:
        factor = result["close"].to_numpy() / frame["close"].to_numpy()
        published = frame["adjusted close"].to_numpy(np.float64)
        for place in sorted(set(places)):
            told = np.log(factor[place - 1] / factor[place])
            with np.errstate(invalid="ignore", divide="ignore"):
                move = np.log(published[place] / published[place - 1])
            if not abs(move - told) < abs(move):
                factor[:place] *= np.exp(-told)
        result["adjusted close"] = published * factor
    return result[[*frame.columns]]
