"""One symbol's bars, from as they were published to checked and adjusted."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.adjust import ACTIONS, adjusted
from drltrade.data.bars import COLUMNS, PRICES, check_frame
from drltrade.data.layout import Adjustment
from drltrade.errors import DataError


def finished(
    bars: pd.DataFrame,
    adjustment: Adjustment | None,
    where: str,
    rows: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Check bars as published, adjust them for what they are not adjusted for, and check again.

    Args:
        bars: [T] by labels in either order, columns open, high, low, close, volume; and perhaps
            split and dividend, or "adjusted close".
        adjustment: what the prices are adjusted for already; None: not stated.
        where: the file or source, for errors.
        rows: the row each bar has there.

    Returns:
        open, high, low, close, volume [T], oldest first, adjusted as far as the columns tell how:
        by split and dividend where both are there and the adjustment is stated, otherwise by
        adjusted close / close, or by the one of the two that is there.

    Raises:
        DataError: names the first bad row.
    """
    if bars.empty:
        raise DataError(f"{where}: no bar is left")
    newest_first = bars.index[-1] < bars.index[0]
    numbers = np.arange(1, len(bars) + 1) if rows is None else rows
    _check_order(pd.DatetimeIndex(bars.index), newest_first, numbers, where)
    if newest_first:
        bars, numbers = bars.iloc[::-1], numbers[::-1]
    frame = bars[list(COLUMNS)].copy()
    check_frame(frame, where, numbers)
    how = adjustable(bars, adjustment)
    if how is None:
        return frame
    if how == "actions":
        actions = bars.reindex(columns=list(ACTIONS)).fillna({"split": 1.0, "dividend": 0.0})
        if adjustment == "split":
            actions = actions.assign(split=1.0)
        due = (actions["split"] != 1.0) | (actions["dividend"] != 0.0)
        frame = adjusted(frame, actions[due], reinvested="previous close", where=where)
    else:
        frame = _rescaled(frame, bars["adjusted close"].to_numpy(np.float64), where, numbers)
    check_frame(frame, f"{where}, after adjustment", numbers)
    return frame


def adjustable(bars: pd.DataFrame, adjustment: Adjustment | None) -> str | None:
    """By what `finished` adjusts such bars: "actions", "adjusted close", or None, by nothing."""
    if adjustment == "full":
        return None
    told = [name in bars for name in ACTIONS]
    if adjustment is not None and all(told):
        return "actions"
    if "adjusted close" in bars:
        return "adjusted close"
    return "actions" if adjustment is not None and any(told) else None


def adjustment_of(frames: Mapping[str, pd.DataFrame], adjustment: Adjustment | None) -> str:
    """What `finished` bars are adjusted for, in words."""
    done = any(adjustable(frame, adjustment) for frame in frames.values())
    return "full" if done else adjustment or "as published"


def _rescaled(
    frame: pd.DataFrame, close: NDArray[np.float64], where: str, rows: NDArray[np.int64]
) -> pd.DataFrame:
    """Prices times adjusted close / close."""
    wrong = ~(np.isfinite(close) & (close > 0))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]} ({frame.index[i]}): adjusted close = {close[i]:g} is not a "
            "positive number"
        )
    ratio = close / frame["close"].to_numpy(np.float64)
    return frame.assign(**{name: frame[name].to_numpy(np.float64) * ratio for name in PRICES})


def _check_order(
    times: pd.DatetimeIndex, newest_first: bool, rows: NDArray[np.int64], where: str
) -> None:
    step = np.diff(times.to_numpy())
    wrong = step > np.timedelta64(0) if newest_first else step < np.timedelta64(0)
    if wrong.any():
        i = int(np.argmax(wrong)) + 1
        raise DataError(
            f"{where}, row {rows[i]}: time = {times[i]} is out of order after {times[i - 1]} of "
            f"row {rows[i - 1]}; sort the rows, {'newest' if newest_first else 'oldest'} first"
        )
