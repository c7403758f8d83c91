"""One symbol's bars, from as they were published to checked and adjusted."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.adjust import adjusted_by_bar
from drltrade.data.bars import COLUMNS, PRICES, check_frame
from drltrade.data.evidence import prices_at, splits_of_ratio
from drltrade.data.layout import Adjustment
from drltrade.errors import DataError

STATE_IT = "state what they are adjusted for (--adjustment; layout.adjustment in a preset)"


class Finished(NamedTuple):
    """Bars that are checked and adjusted."""

    frame: pd.DataFrame
    """[T] open, high, low, close, volume, oldest first."""
    adjustment: str
    """What they are adjusted for, in words."""


def finished(
    bars: pd.DataFrame,
    adjustment: Adjustment | None,
    where: str,
    rows: NDArray[np.int64] | None = None,
) -> Finished:
    """Check bars as published, adjust them for what they are not adjusted for, and check again.

    They are adjusted by split and dividend where these are there and it is known what the prices
    are adjusted for already; otherwise by adjusted close / close, or by a factor. Volume is
    adjusted for splits wherever prices are.

    Args:
        bars: [T] by labels in either order, columns open, high, low, close, volume; and perhaps
            split, dividend, "adjusted close" or factor.
        adjustment: what the prices are adjusted for already; None: not stated, and told by the
            prices themselves, if by anything.
        where: the file or source, for errors.
        rows: the row each bar has there.

    Raises:
        DataError: names the first bad row; or what beside the prices tells of splits and dividends
            contradicts them, or does not say whether they are in the prices.
    """
    if bars.empty:
        raise DataError(f"{where}: no bar is left")
    newest_first = bars.index[-1] < bars.index[0]
    numbers = np.arange(1, len(bars) + 1) if rows is None else rows
    _check_order(pd.DatetimeIndex(bars.index), newest_first, numbers, where)
    if newest_first:
        bars, numbers = bars.iloc[::-1], numbers[::-1]
    frame = bars if list(bars.columns) == list(COLUMNS) else bars[list(COLUMNS)]
    check_frame(frame, where, numbers)
    done = _adjusted(bars, frame, adjustment, where, numbers)
    if done.frame is not frame:
        check_frame(done.frame, f"{where}, after adjustment", numbers)
    return done


def settled(bars: pd.DataFrame, adjustment: Adjustment | None, where: str) -> Adjustment | None:
    """What prices are adjusted for: as stated, or as they themselves tell at splits.

    Args:
        bars: by ascending labels, as of `finished`.
        adjustment: as stated; None: it was not.
        where: for errors.

    Raises:
        DataError: the prices contradict what was stated, or one split another.
    """
    close = bars["close"].to_numpy(np.float64)
    if "split" not in bars:
        return adjustment
    splits = bars["split"].to_numpy(np.float64)
    shown = prices_at(splits, close, bars.index, "the column of splits", where)
    if shown is None or (shown == "doubtful" and (adjustment is not None or _rescalable(bars))):
        return adjustment
    told = bars.index[splits != 1.0][0]
    if shown == "doubtful":
        raise DataError(
            f"{where}: a split of {splits[splits != 1.0][0]:g} on {told}, too small to be seen in "
            f"the prices: {STATE_IT}"
        )
    if adjustment is None:
        if shown == "adjusted" and not _rescalable(bars) and (_paid(bars) != 0.0).any():
            raise DataError(
                f"{where}: prices are adjusted for the split of {told}, and nothing says whether "
                f"they are for dividends: {STATE_IT}"
            )
        return "raw" if shown == "raw" else None if _rescalable(bars) else "split"
    if (adjustment == "raw") != (shown == "raw"):
        told = bars.index[np.abs(np.log(splits)) > np.log(1.2)][0]
        verb, right = ("step", "raw") if shown == "raw" else ("do not step", "split, or full")
        raise DataError(
            f"{where}: prices {verb} at the split of {told}, so they are not {adjustment!r}: read "
            f"or import them again with --adjustment {right} (--replace)"
        )
    return adjustment


def _adjusted(
    bars: pd.DataFrame, frame: pd.DataFrame, stated: Adjustment | None, where: str,
    rows: NDArray[np.int64],
) -> Finished:  # fmt: skip
    adjustment = settled(bars, stated, where)
    if adjustment == "full":
        return Finished(frame, "full")
    splits = bars["split"].to_numpy(np.float64) if "split" in bars else None
    paid = _paid(bars)
    if (
        adjustment is not None
        and splits is not None
        and ("dividend" in bars or not _rescalable(bars))
    ):
        shares = np.ones(len(frame)) if adjustment == "split" else splits
        return Finished(
            adjusted_by_bar(frame, shares, paid, reinvested="previous close", where=where), "full"
        )
    if _rescalable(bars):
        return _rescaled(bars, frame, adjustment, where, rows)
    if (paid != 0.0).any():
        if adjustment is None:
            day = frame.index[paid != 0.0][0]
            raise DataError(
                f"{where}: a dividend of {paid[paid != 0.0][0]:g} on {day}, and nothing says "
                f"whether prices are adjusted for it: {STATE_IT}"
            )
        ones = np.ones(len(frame))
        return Finished(
            adjusted_by_bar(frame, ones, paid, reinvested="previous close", where=where), "full"
        )
    return Finished(frame, adjustment or "as published")


def _paid(bars: pd.DataFrame) -> NDArray[np.float64]:
    """[T] dividends and capital gains, in cash a share."""
    there = [
        bars[name].to_numpy(np.float64) for name in ("dividend", "capital gain") if name in bars
    ]
    return np.sum(there, axis=0) if there else np.zeros(len(bars))


def _rescalable(bars: pd.DataFrame) -> bool:
    return "adjusted close" in bars or "factor" in bars


def _rescaled(
    bars: pd.DataFrame, frame: pd.DataFrame, adjustment: Adjustment | None, where: str,
    rows: NDArray[np.int64],
) -> Finished:  # fmt: skip
    """Prices times adjusted close / close, or times the factor; volume by the splits in it."""
    close = frame["close"].to_numpy(np.float64)
    if "adjusted close" in bars:
        name, told = "adjusted close", bars["adjusted close"].to_numpy(np.float64)
        ratio = told / close
    else:
        name, told = "factor", bars["factor"].to_numpy(np.float64)
        ratio = told / told[-1]
    wrong = ~(np.isfinite(told) & (told > 0))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[i]} ({frame.index[i]}): {name} = {told[i]:g} is not a "
            "positive number"
        )
    if name == "factor":
        if adjustment is None and (ratio == 1.0).all():
            return Finished(frame, "as published")
        steps = np.concatenate(([1.0], ratio[1:] / ratio[:-1]))
        shown = prices_at(steps, close, frame.index, "the column factor", where)
        if shown == "adjusted" and adjustment != "raw":
            return Finished(frame, "full")
        if shown in (None, "doubtful") and adjustment is None:
            raise DataError(
                f"{where}: a column factor, and nothing says whether prices are multiplied by it "
                f"already: {STATE_IT}"
            )
    result = {price: frame[price].to_numpy(np.float64) * ratio for price in PRICES}
    if adjustment != "split":
        volume = frame["volume"].to_numpy(np.float64)
        if "split" in bars and adjustment == "raw":
            splits = bars["split"].to_numpy(np.float64)
        else:
            splits = splits_of_ratio(ratio, close, volume)
        later = np.concatenate((np.cumprod(splits[:0:-1])[::-1], [1.0]))
        result["volume"] = volume * later
    return Finished(frame.assign(**result), "full")


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
