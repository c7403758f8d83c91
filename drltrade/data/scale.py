"""Bars quoted in another unit than their neighbours: before a split, or in pence instead of pounds.

Whether a bar is off by a factor F is a hidden state, k_t = 1 or 0, of the log price p_t:

    p_t - p_{t-1} = r_t + (k_t - k_{t-1}) log F

with returns r_t of Student's t with 3 degrees of freedom, and a price on each change of state. The
likeliest path (Viterbi 1967) finds single bars and long runs alike.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES

HUNDREDTHS = ("L", "JO", "TA", "IL")
"""Suffixes of symbols of exchanges that quote in hundredths: pence, cents, agorot."""
SMALLEST_SPLIT = 0.18
"""Logarithm of the smallest ratio that is told from an ordinary move."""
NEAR, FIRST_NEAR = 40, 5
"""Bars before its split within which a run must have ended; the second, one whose beginning is not
seen. Elsewhere a move of the split's size is a true one."""
SWITCH = {"split": 4.0, "unit": 8.0}
"""Minus the log probability of a change of state: a split is known to have been there."""
DEGREES = 3.0
SMALLEST_DEVIATION = 0.003


class Rescaled(NamedTuple):
    """Values of one bar or more that are to be multiplied."""

    mask: NDArray[np.bool_]
    """[T]"""
    column: str
    factor: float
    why: str


def rescaled(frame: pd.DataFrame, symbol: str, raw: bool = False) -> list[Rescaled]:
    """Which values of a series are in another unit, and by what they are to be multiplied.

    Args:
        frame: bars [T] by ascending labels; perhaps with columns split and "adjusted close".
        symbol: says whether the exchange quotes in hundredths.
        raw: prices are not adjusted for splits, nor ought to be.
    """
    found: list[Rescaled] = []
    prices = [name for name in (*PRICES, "adjusted close") if name in frame]
    mended, dates = frame.copy(), pd.DatetimeIndex(frame.index)

    def mend(mask: NDArray[np.bool_], column: str, factor: float, why: str) -> None:
        found.append(Rescaled(mask, column, factor, why))
        mended.loc[mask, column] *= factor

    for t in [] if raw else np.flatnonzero(_splits(frame)).tolist():
        factor = float(frame["split"].iloc[t])
        off = _runs_before(t, _off(_level(mended), factor, SWITCH["split"]))
        if off.any():
            why = f"not adjusted for the split {factor:g} of {dates[t].date()}"
            for name in prices:
                mend(off, name, 1.0 / factor, why)
            mend(off, "volume", factor, why)
    # Splits that are told of, and prices not adjusted for, are no change of unit.
    told = np.cumsum(np.log(frame["split"].to_numpy())) if raw and "split" in frame else 0.0
    high = _off(_level(mended) + told, 100.0, SWITCH["unit"])
    if high.any() and not high.all():
        low_is_wrong = _in_hundredths(symbol) or high.mean() > 0.5
        wrong, factor = (~high, 100.0) if low_is_wrong else (high, 0.01)
        for name in prices:
            mend(wrong, name, factor, f"{_times(factor)} of what the other bars are")
    level = _level(mended) + told
    for name in prices:
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.log(mended[name].to_numpy(np.float64))
            value += told if name != "adjusted close" else 0.0
        # An adjusted close has a level of its own.
        level_here = pd.Series(value if name == "adjusted close" else level)
        around = level_here.rolling(7, center=True, min_periods=2).median().to_numpy()
        apart = value - around
        for factor in (100.0, 0.01):
            off = np.abs(apart + np.log(factor)) < np.log(1.5)
            if off.any():
                mend(off, name, factor, f"{_times(factor)} of the prices around it")
    return found


def _runs_before(t: int, off: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[T] those runs that end at bar t, or not long before."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], off, [False])).astype(np.int8)))
    kept = np.zeros(len(off), np.bool_)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        near = NEAR if begin > 0 else FIRST_NEAR
        kept[begin:end] = t - near <= end <= t
    return kept


def _times(factor: float) -> str:
    return "a hundredth" if factor > 1 else "a hundred times"


def _level(frame: pd.DataFrame) -> NDArray[np.float64]:
    """[T] log of the middle of a bar's prices; NaN where there is none."""
    values = frame[list(PRICES)].to_numpy(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(np.where(values > 0, values, np.nan))
    present = ~np.isnan(logs).all(1)
    level = np.full(len(frame), np.nan)
    level[present] = np.nanmedian(logs[present], axis=1)
    return level


def _splits(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """[T] bars of splits that are large enough."""
    if "split" not in frame:
        return np.zeros(len(frame), np.bool_)
    split = frame["split"].to_numpy(np.float64)
    large: NDArray[np.bool_] = np.abs(np.log(np.where(split > 0, split, 1.0))) > SMALLEST_SPLIT
    return large


def _in_hundredths(symbol: str) -> bool:
    return symbol.replace("-", ".").rpartition(".")[2] in HUNDREDTHS and symbol not in HUNDREDTHS


def _off(level: NDArray[np.float64], factor: float, switch: float) -> NDArray[np.bool_]:
    """[T] bars whose prices are `factor` times what they ought to be; False where there is none."""
    there = np.flatnonzero(~np.isnan(level))
    off = np.zeros(len(level), np.bool_)
    if len(there) < 3:
        return off
    moves = np.diff(level[there])
    jump = np.log(factor)
    if not (np.abs(np.abs(moves) - abs(jump)) < abs(jump) / 2).any():
        return off  # nothing like it, as in nearly every series
    middle = np.median(moves)
    deviation = max(1.48 * float(np.median(np.abs(moves - middle))), SMALLEST_DEVIATION)

    def cost(residual: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (residual / deviation) ** 2 / DEGREES
        return (DEGREES + 1) / 2 * np.log1p(scaled)

    stay, up, down = cost(moves), cost(moves - jump) + switch, cost(moves + jump) + switch
    best = np.zeros((len(there), 2))
    came = np.zeros((len(there), 2), np.int8)
    for t in range(1, len(there)):
        into = ((best[t - 1, 0] + stay[t - 1], best[t - 1, 1] + down[t - 1]),
                (best[t - 1, 0] + up[t - 1], best[t - 1, 1] + stay[t - 1]))  # fmt: skip
        for state in (0, 1):
            came[t, state] = int(into[state][1] < into[state][0])
            best[t, state] = min(into[state])
    state = int(best[-1, 1] < best[-1, 0])
    for t in range(len(there) - 1, -1, -1):
        off[there[t]] = bool(state)
        state = int(came[t, state])
    return off
