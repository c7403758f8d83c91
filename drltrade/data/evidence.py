"""What prices themselves tell of the adjustments beside them: at a split, raw prices step."""

from fractions import Fraction
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.errors import DataError

LEAST_STEP = np.log(1.2)
"""Of a split or factor that a day's move cannot be mistaken for, as a log."""
USUAL = 4.0
"""Median moves of a bar that a split must be larger than, to be seen."""
SPLIT_STEP = np.log(1.5)
"""Of an adjusted close over the close, from which on it may be a split's."""
SIMPLE = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100])
NEAR = 0.02
"""How far the step of an adjusted close may be from a split's ratio, by a dividend of the day."""
MOST_PARTS, WRITTEN = 20, 3e-4
"""Into how many shares a split divides one, at most; relative rounding of its inverse."""
AROUND = 20
"""Bars before and after a split whose volumes are compared."""

CLEAR = 0.5
"""Part of a split by which a move must be nearer to one reading than to the other."""

Prices = Literal["raw", "adjusted", "doubtful"]


def prices_at(
    steps: NDArray[np.float64], close: NDArray[np.float64], times: pd.Index, what: str, where: str
) -> Prices | None:
    """Whether closes step against the told splits, as raw ones do, or are adjusted for them.

    Args:
        steps: [T] new shares for an old one at each bar, 1 where there is no split.
        close: [T].
        times: [T], for errors.
        what: what tells of the splits, for errors.
        where: the file, for errors.

    Returns:
        None where no split is told; "doubtful" where those that are told are too small to be seen
        among the moves of the prices.

    Raises:
        DataError: closes step at some of the splits, and not at others: names one of each.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.log(np.concatenate(([1.0], steps[1:])))
        move = np.log(np.concatenate(([1.0], close[1:] / close[:-1])))
        nearer = (np.abs(move) - np.abs(move + told)) / np.abs(told)
    there = (told != 0.0) & np.isfinite(move)
    if not there.any():
        return None
    usual = float(np.median(np.abs(move[~there]))) if (~there).any() else 0.0
    seen = there & (np.abs(told) >= max(LEAST_STEP, USUAL * usual)) & (np.abs(nearer) >= CLEAR)
    raw, adjusted = np.flatnonzero(seen & (nearer > 0)), np.flatnonzero(seen & (nearer < 0))
    if len(raw) and len(adjusted):
        one, other = times[raw[0]], times[adjusted[0]]
        raise DataError(
            f"{where}: by {what}, prices step at the split of {one}, and do not at that of "
            f"{other}: they are adjusted for some splits alone. Correct the column, or state what "
            "is right (--split)"
        )
    return "raw" if len(raw) else "adjusted" if len(adjusted) else "doubtful"


def are_inverse(splits: NDArray[np.float64], bars: pd.DataFrame) -> bool:
    """Whether splits are told as old shares for a new one: prices move as they say, not against it.

    Args:
        splits: [T] 1 where there is none.
        bars: [T] open and close, by ascending labels.
    """
    opened, close = (bars[name].to_numpy(np.float64) for name in ("open", "close"))
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.log(splits[1:])
        moves = np.log(np.stack([opened[1:], close[1:]]) / close[:-1])
    there = (told != 0.0) & np.isfinite(told) & np.isfinite(moves).all(axis=0)
    rest = np.abs(moves[1][(told == 0.0) & np.isfinite(moves[1])])
    usual = float(np.median(rest)) if len(rest) else 0.0
    near = np.maximum(USUAL * usual, NEAR)
    asked = there & (np.abs(told) >= max(LEAST_STEP, 2.0 * near))
    if not asked.any():
        return False
    with_it = (np.abs(moves - told) < near).all(axis=0)
    return bool(with_it[asked].all())


def inverse(splits: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T] new shares for an old one, from old ones for a new; 0.6667 makes 1.5."""
    shares = 1.0 / splits
    for row in np.flatnonzero(shares != 1.0):
        simple = float(Fraction(float(shares[row])).limit_denominator(MOST_PARTS))
        shares[row] = simple if abs(simple / shares[row] - 1.0) < WRITTEN else shares[row]
    return shares


def splits_of_ratio(
    ratio: NDArray[np.float64], close: NDArray[np.float64], volume: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[T] the splits that an adjusted close tells of, new shares for an old one; 1: none.

    A step of adjusted close over close of at least 1.5, against which the close itself moves, is a
    split if it is a split's ratio and the volume does not speak against it, or if the volume
    mirrors it; otherwise it is a payment, such as a spin-off's.

    Args:
        ratio: [T] adjusted close over close.
        close: [T].
        volume: [T].
    """
    splits = np.ones(len(ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.log(ratio[1:] / ratio[:-1])
    for t in np.flatnonzero(np.abs(steps) >= SPLIT_STEP - NEAR) + 1:
        step = steps[t - 1]
        shares = np.exp(step)
        candidates = np.concatenate((SIMPLE, 1.0 / SIMPLE))
        nearest = candidates[np.argmin(np.abs(np.log(candidates) - step))]
        simple = abs(np.log(nearest) - step) < NEAR
        traded = _traded(volume, int(t))
        mirrored = 0.5 if traded is None else traded / step
        if mirrored > (0.25 if simple else 0.75):
            splits[t] = nearest if simple else shares
    return splits


def _traded(volume: NDArray[np.float64], t: int) -> float | None:
    """Log of the volume after a bar over that before; None where there are too few to tell."""
    before, after = volume[max(t - AROUND, 0) : t], volume[t : t + AROUND]
    before, after = before[before > 0], after[after > 0]
    if min(len(before), len(after)) < 5:
        return None
    return float(np.log(np.median(after) / np.median(before)))
