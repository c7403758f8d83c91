"""Corporate actions: raw prices, splits and dividends in, adjusted prices out.

A split changes the unit that a price is quoted in, and a dividend takes cash out of it; neither is
a gain or a loss. Adjusted prices P f, with a factor f that changes on ex-dates alone, have returns
that are what a holder made:

    f_{t-1} / f_t = 1 / s_t  *  C_t / (C_t + D_t)

on the ex-date t, with the raw close C, s new shares for an old one, and D in cash per share after
the split. So C_t f_t / (C_{t-1} f_{t-1}) = s_t (C_t + D_t) / C_{t-1}: the dividend is held to the
close, and reinvested there. The adjusted columns of Quandl's WIKI prices follow this rule. The
other rule in use, of CRSP and Yahoo, reinvests at the close before, and has 1 - s_t D_t / C_{t-1}
in the second place; the two differ by the day's return on the dividend.
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.labels import dates_of
from drltrade.errors import DataError

ACTIONS = ("split", "dividend")
"""Columns of a frame of corporate actions, indexed by ex-date: new shares for an old one (1: none)
and cash per share after the split (0: none)."""

How = Literal["split", "full"]
Anchor = Literal["last", "first"]
Reinvested = Literal["close", "previous close"]


def adjusted(
    frame: pd.DataFrame,
    actions: pd.DataFrame,
    how: How = "full",
    anchor: Anchor = "last",
    reinvested: Reinvested = "close",
    where: str = "bars",
) -> pd.DataFrame:
    """Adjust raw bars for splits, or for splits and dividends.

    Args:
        frame: raw bars [T: open, high, low, close, volume] by ascending naive labels.
        actions: by ex-date, columns split and dividend. An ex-date between two bars counts for the
            later; what lies before the first bar or after the last changes nothing. Several on one
            day are one: splits multiply, dividends add up.
        how: "split": prices and volumes in shares of one kind; "full": and dividends reinvested.
        anchor: the bar whose prices stay what they are. From "last" factors run backwards, as
            vendors publish them, and every new dividend changes all earlier prices; from "first"
            they run forwards, and what has been computed stays.
        reinvested: when a dividend is, see the head of this file.
        where: the source, for errors.

    Returns:
        A frame like `frame`: prices times the factor; volume in the shares of the anchor, dividends
        left alone.

    Raises:
        DataError: a split that is not positive, a negative dividend, or one as large as the price
            that it is paid from; names the ex-date and the value.
    """
    shares, cash = _by_bar(frame.index, actions, where)
    return adjusted_by_bar(frame, shares, cash, how, anchor, reinvested, where)


def adjusted_by_bar(
    frame: pd.DataFrame,
    shares: NDArray[np.float64],
    cash: NDArray[np.float64],
    how: How = "full",
    anchor: Anchor = "last",
    reinvested: Reinvested = "close",
    where: str = "bars",
) -> pd.DataFrame:
    """Adjust raw bars for actions that are stated bar by bar; otherwise as `adjusted`.

    Args:
        shares: [T] new shares for an old one from each bar on; 1: no split. That of the first bar
            changes nothing.
        cash: [T] paid at each bar a share, after its split.
    """
    _check_actions(frame.index, shares, cash, where)
    shares = np.concatenate(([1.0], shares[1:]))
    cash = np.concatenate(([0.0], cash[1:]))
    close = frame["close"].to_numpy(np.float64)
    step = 1.0 / shares
    if how == "full":
        step = step * _kept(close, shares, cash, reinvested, frame.index, where)
    factor, unit = _from(anchor, step), _from(anchor, 1.0 / shares)
    result = frame.copy()
    for name in PRICES:
        result[name] = frame[name].to_numpy(np.float64) * factor
    result["volume"] = frame["volume"].to_numpy(np.float64) / unit
    return result


def _by_bar(
    index: pd.Index, actions: pd.DataFrame, where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[T] splits and [T] dividends, at the first bar of their ex-dates or after."""
    missing = [name for name in ACTIONS if name not in actions]
    if missing:
        raise DataError(
            f"{where}: actions lack column {', '.join(missing)} (found: "
            f"{', '.join(map(str, actions.columns))}); needed are {' and '.join(ACTIONS)}"
        )
    split, dividend = (actions[name].to_numpy(np.float64) for name in ACTIONS)
    _check_actions(actions.index, split, dividend, where)
    times, due = pd.DatetimeIndex(index), pd.DatetimeIndex(actions.index)
    # An ex-date counts from the first bar of its day: within the day a bar that ends at midnight
    # belongs to the day before. An action at a time of day counts from the bar of that label on.
    dates = dates_of(times).to_numpy()
    place = np.where(
        due == due.normalize(),
        np.searchsorted(dates, due.to_numpy(), "left"),
        np.searchsorted(times.to_numpy(), due.to_numpy(), "left"),
    )
    shares, cash = np.ones(len(times)), np.zeros(len(times))
    inside = (place > 0) & (place < len(times))
    np.multiply.at(shares, place[inside], split[inside])
    np.add.at(cash, place[inside], dividend[inside])
    return shares, cash


def _check_actions(
    times: pd.Index, split: NDArray[np.float64], dividend: NDArray[np.float64], where: str
) -> None:
    for name, values, wrong, allowed in (
        ("split", split, ~(np.isfinite(split) & (split > 0)), "above 0; 1 means none"),
        ("dividend", dividend, ~(np.isfinite(dividend) & (dividend >= 0)), "at least 0"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(f"{where}, ex-date {times[i]}: {name} = {values[i]:g}; it is {allowed}")


def _kept(
    close: NDArray[np.float64],
    shares: NDArray[np.float64],
    cash: NDArray[np.float64],
    reinvested: Reinvested,
    index: pd.Index,
    where: str,
) -> NDArray[np.float64]:
    """[T] the share of the price that is left when dividends are paid."""
    if reinvested == "close":
        return close / (close + cash)
    before = np.concatenate((close[:1], close[:-1]))
    kept = 1.0 - shares * cash / before
    if (kept <= 0.0).any():
        i = int(np.argmax(kept <= 0.0))
        raise DataError(
            f"{where}, ex-date {index[i]}: dividend = {cash[i]:g} is not below the close before, "
            f"{before[i] / shares[i]:g}"
        )
    return kept


def _from(anchor: Anchor, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T] factors from their changes, 1 at the anchor."""
    if anchor == "first":
        return 1.0 / np.cumprod(np.concatenate(([1.0], step[1:])))
    return np.concatenate((np.cumprod(step[:0:-1])[::-1], [1.0]))
