"""Moves that are large, and what they are: splits, bad ticks, other units, or true."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Adjustment
from drltrade.data.quality.finding import Finding, Severity, finding

LARGE_MOVE = 0.4
"""Of one bar: beyond it a move is shown."""
SCALE_BREAK = 5.0
"""Times: no listed share is known to have made more in a session, so prices changed their unit."""
SPLITS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 1.5])
"""New shares for an old one; the inverses are reverse splits."""
NEAR_SPLIT = 0.06
"""How far the return of a split's session may take its ratio from the split's."""
TOLD = 0.02
"""How far the step of an adjusted close may be from the split's ratio, by a dividend of the day."""
BACK = 0.03
"""A bad tick is one after which prices are back where they were, within so much."""


def of_moves(symbol: str, frame: pd.DataFrame, adjustment: Adjustment | None) -> Iterator[Finding]:
    """Moves beyond `LARGE_MOVE`, told apart by what came before, with and after them."""
    close = frame["close"].to_numpy(np.float64)
    ratio, large = _large(close)
    if not large.any():
        return
    tick = bad_ticks(frame)
    back = np.zeros_like(tick)
    back[1:] = tick[:-1]  # the way back is no move of its own
    large &= ~tick & ~back
    yield from finding(
        "error", "bad_tick", symbol, frame, tick,
        "close {close:g}, after which prices are back where they were (open {open:g}, high "
        "{high:g}, low {low:g})",
    )  # fmt: skip
    unit = large & (np.abs(np.abs(np.log(ratio)) - np.log(100.0)) < NEAR_SPLIT)
    rest = large & ~unit
    told, paid = _told(frame, ratio, rest)
    likely = _likely_splits(frame, ratio, rest & ~told & ~paid & ("adjusted close" not in frame))
    rest &= ~told & ~paid & ~likely
    jump = np.abs(np.log(ratio)) > np.log(SCALE_BREAK)
    apart = np.zeros(len(close), np.bool_)
    apart[1:] = np.diff(frame.index.to_numpy()) > np.timedelta64(30, "D")
    raw = adjustment == "raw"
    kinds: list[tuple[Severity, str, NDArray[np.bool_], str]] = [
        ("error", "currency_unit", unit, "a hundred times, such as pence and pounds"),
        ("note" if raw else "error", "split", told,
         "adjusted for when loaded" if raw else "not adjusted for, as is told beside it"),
        ("warning", "spin_off", paid, "not a split's ratio; the adjusted close makes up for it"),
        ("warning", "split", likely, "by ratio and volume a split that is not adjusted"),
        ("error", "scale_break", rest & jump & ~apart, "the unit of prices changes"),
        ("error", "ticker_reuse", rest & jump & apart, "after a gap: another security?"),
        ("warning", "large_move", rest & ~jump, "large, and perhaps true"),
    ]  # fmt: skip
    for severity, kind, mask, text in kinds:
        if mask.any():
            times = pd.DatetimeIndex(frame.index[mask])
            moves = ", ".join(f"{each - 1.0:+.1%}" for each in ratio[mask][:3])
            more = ", ..." if mask.sum() > 3 else ""
            yield Finding(severity, kind, symbol, times, f"{moves}{more}: {text}")


def _large(close: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """[T] closes over those before, and whether that is a large move."""
    ratio = np.ones(len(close))
    ratio[1:] = close[1:] / close[:-1]
    return ratio, np.abs(ratio - 1.0) > LARGE_MOVE


def bad_ticks(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """[T] closes far from both their neighbours, which agree, and from their own bar's open."""
    close = frame["close"].to_numpy(np.float64)
    tick = np.zeros(len(close), np.bool_)
    _, large = _large(close)
    if not large.any():
        return tick
    around = np.abs(close[2:] / close[:-2] - 1.0) < BACK
    opened = frame["open"].to_numpy(np.float64)[1:-1]
    at_home = np.abs(opened / close[:-2] - 1.0) < LARGE_MOVE / 2  # false where it is missing
    # The way back need not be large as a return: from +60% it is -37.5%.
    tick[1:-1] = large[1:-1] & around & at_home
    return tick


def _told(
    frame: pd.DataFrame, ratio: NDArray[np.float64], large: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[T] moves that are splits, and [T] moves that are other payments, as is told beside them.

    By a table of splits; or by the adjusted close, which steps by the split's ratio itself, so that
    what is near none is a spin-off or a payment in cash.
    """
    split, paid = np.zeros(len(ratio), np.bool_), np.zeros(len(ratio), np.bool_)
    if "split" in frame:
        shares = frame["split"].to_numpy(np.float64)
        split = large & (shares != 1.0) & (np.abs(np.log(shares * ratio)) < LARGE_MOVE)
    if "adjusted close" in frame:
        adjusted = frame["adjusted close"].to_numpy(np.float64)
        for t in np.flatnonzero(large & ~split):
            step = adjusted[t] / adjusted[t - 1] / ratio[t]
            if step > 0 and abs(np.log(step)) > np.log(1.0 + LARGE_MOVE):
                split[t] = abs(np.log(step / _nearest(step))) < TOLD
                paid[t] = not split[t]
    return split, paid


def _nearest(shares: float) -> float:
    """The split closest to a ratio."""
    candidates = np.concatenate((SPLITS, 1.0 / SPLITS))
    return float(candidates[np.argmin(np.abs(np.log(candidates / shares)))])


def _likely_splits(
    frame: pd.DataFrame, ratio: NDArray[np.float64], large: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """[T] moves that look like splits.

    A split's ratio is near a small fraction at the open already, and its volume, in new shares,
    moves the other way: a true crash trades many times more.
    """
    split = np.zeros(len(ratio), np.bool_)
    opened, close = (frame[name].to_numpy(np.float64) for name in ("open", "close"))
    volume = frame["volume"].to_numpy(np.float64)
    for t in np.flatnonzero(large):
        shares = _nearest(1.0 / ratio[t])
        at_open = opened[t] / close[t - 1]
        near = max(abs(np.log(shares * ratio[t])), abs(np.log(shares * at_open))) < NEAR_SPLIT
        before, after = volume[max(t - 20, 0) : t], volume[t : t + 5]
        if near and len(before) and np.median(before) > 0:
            traded = np.median(after) / np.median(before)
            split[t] = 0.5 < traded / shares < 2.0
    return split
