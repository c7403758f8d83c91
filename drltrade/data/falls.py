"""How likely the fall of a price on a day is, with a dividend and without one.

Overnight gaps are Laplace distributed, now and then of a wider scale. With a dividend they are
shifted by its yield, or by somewhat less; and what hardly trades may not fall at all that day.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.events import Event
from drltrade.data.faults import Floats

WIDER, RARE = 8.0, 0.02
"""Times the scale, and how often, of a gap that is no ordinary one."""
SHORT = 0.1
"""Part of the yield by which a fall differs from it, for taxes and the market makers' rounding."""
STILL = 0.03
"""How often a price does not fall on the ex-date though it trades."""
SMALLEST = 5e-4
"""Least scale of gaps."""
DAY = 1.5
"""Days between bars up to which an ex-date is the open of a bar."""


class Falls:
    """The falls of a series, bar by bar."""

    def __init__(self, frame: pd.DataFrame, before: Floats) -> None:
        """Measure how large gaps are.

        Args:
            frame: bars [T] with open and close, by ascending labels.
            before: [T] last close before each bar, in its units.
        """
        opened, close = (frame[name].to_numpy(np.float64) for name in ("open", "close"))
        times = frame.index.to_numpy().astype("datetime64[s]").astype(np.int64)
        gaps = np.diff(times) if len(times) > 1 else np.array([86400])
        usual = np.median(gaps) / 86400.0
        with np.errstate(invalid="ignore", divide="ignore"):
            middle = np.where(opened > 0, (opened + close) / 2.0, close)
            self.fall = 1.0 - np.where(usual <= DAY, opened, middle) / before
            still = float(np.mean(close[1:] == close[:-1])) if len(close) > 1 else 0.0
        self.still = max(STILL, still)
        first = np.ones(len(times), np.bool_)  # of its day: within it gaps are smaller
        first[1:] = np.diff(times // 86400) > 0
        self.scale = np.full(len(times), SMALLEST)
        for part in (first, ~first):
            known = np.abs(self.fall[part & np.isfinite(self.fall)])
            if len(known):
                self.scale[part] = max(float(np.median(known)) / np.log(2.0), SMALLEST)

    def log_likelihood(self, row: int, share: float) -> float:
        """Of the fall at a bar, where so large a share of the price was paid; 0: nothing."""
        fall, scale = self.fall[row], self.scale[row]
        if not np.isfinite(fall):
            return 0.0
        nothing = _density(fall, scale)
        if share <= 0.0:
            return float(np.log(nothing))
        shifted = _density(fall - share, scale + SHORT * share)
        return float(np.log((1.0 - self.still) * shifted + self.still * nothing))


def _density(off: float, scale: float) -> float:
    ordinary = np.exp(-abs(off) / scale) / (2.0 * scale)
    wide = np.exp(-abs(off) / (WIDER * scale)) / (2.0 * WIDER * scale)
    return float((1.0 - RARE) * ordinary + RARE * wide + 1e-300)


class Series(NamedTuple):
    """The events of a series, and what is usual among them."""

    events: list[Event]
    times: Floats
    """[N] in days."""
    agreed: list[bool]
    deviation: float
    falls: Falls

    def fell(self, number: int, paid: float, rather: float = 0.0) -> float:
        """Log odds, by the price alone, that so much was paid and not `rather`."""
        event, falls = self.events[number], self.falls
        odds = falls.log_likelihood(event.row, paid / event.before)
        return odds - falls.log_likelihood(event.row, rather / event.before)
