"""Closes, or adjusted closes, of 0 or none, that follow from the other of the two.

Their ratio changes at dividends alone: where it is the same before and after, or changes by the
dividend that is told, one of the two tells the other.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.faults import Floats, Mask

SAME = 2e-5
"""Relative difference of two ratios that are the same."""
ROUNDED = 6.0
"""Times the median change of the ratio of neighbours, where they are rounded."""
SPOILT = 0.01
"""Share of negative adjusted closes that are no single mistakes."""


class Filled(NamedTuple):
    """A column of which some values were missing."""

    column: str
    values: Floats
    """[T]"""
    mask: Mask
    """[T] those that were filled."""


def filled(frame: pd.DataFrame, raw: bool) -> list[Filled]:
    """Closes and adjusted closes that are missing and can be told.

    Args:
        frame: bars [T] with dividend, split and "adjusted close"; otherwise there is nothing.
        raw: whether prices are not adjusted for splits.
    """
    if not all(name in frame for name in ("dividend", "split", "adjusted close")):
        return []
    close, adjusted = (frame[name].to_numpy(np.float64) for name in ("close", "adjusted close"))
    no_close, no_adjusted = ~(close > 0), ~(adjusted > 0)
    if not (no_close ^ no_adjusted).any():
        return []
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(no_close | no_adjusted, np.nan, adjusted / close)
    if is_spoilt(adjusted):
        return []
    told = _told(frame, ratio, raw)
    found = []
    high, low = (frame[name].to_numpy(np.float64) for name in ("high", "low"))
    rows = no_adjusted & ~no_close & np.isfinite(told)
    if rows.any():
        values = np.where(rows, close * told, adjusted)
        found.append(Filled("adjusted close", values, rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(no_close, adjusted / told, close)
        slack = 1e-6 * values
        rows = no_close & ~no_adjusted & (low - slack <= values) & (values <= high + slack)
    if rows.any():
        within = np.clip(values, low, high)
        found.append(Filled("close", np.where(rows, within, close), rows))
    return found


def is_spoilt(adjusted: Floats) -> bool:
    """Whether adjusted closes [T] say nothing: dividends above their price made them negative."""
    return bool((adjusted < 0).mean() > SPOILT)


def _told(frame: pd.DataFrame, ratio: Floats, raw: bool) -> Floats:
    """[T] the ratio of bars that lack it: NaN where those before and after do not agree on it."""
    known = np.flatnonzero(np.isfinite(ratio))
    told = np.full(len(ratio), np.nan)
    if len(known) < 2:
        return told
    changes = np.abs(np.diff(np.log(ratio[known])))
    same = max(SAME, ROUNDED * float(np.median(changes)))
    acts = frame["dividend"].to_numpy(np.float64) != 0
    acts |= raw & (frame["split"].to_numpy(np.float64) != 1.0)
    acting = np.concatenate(([0], np.cumsum(acts)))  # of [a, b) it is acting[b] - acting[a]
    for row in np.flatnonzero(np.isnan(ratio)):
        place = int(np.searchsorted(known, row))
        before, after = int(known[max(place - 1, 0)]), int(known[min(place, len(known) - 1)])
        if before < row and acting[row + 1] == acting[before + 1]:
            told[row] = ratio[before]
        elif after > row and acting[after + 1] == acting[row + 1]:
            told[row] = ratio[after]
        if before < row < after and acting[after + 1] == acting[before + 1]:
            apart = abs(np.log(ratio[after] / ratio[before]))
            told[row] = told[row] if apart < same else np.nan
    return told
