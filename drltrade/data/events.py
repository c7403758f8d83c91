"""Dividends as a vendor tells of them: in their column, by its adjusted close, and by the price.

The three ought to agree: the dividend itself as a yield, y = D / C_{t-1}; what the adjusted close
makes of it, a = 1 - (A_{t-1} / C_{t-1}) / (A_t / C_t); and the fall of the price on the ex-date.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.faults import Floats

AGREE = 0.02
"""Relative difference of yield and step within which they agree."""
NEGLIGIBLE = 2e-5
"""Steps of an adjusted close below it are of rounding."""
ROUNDED = 6.0
"""Times the median step on days without a dividend that one of rounding may be."""
LEAST = 0.01
"""Deviation of a fall; what hardly trades does not fall on the day."""
EXPLAINED = 3.0
"""Deviations from the yield within which a fall bears it out."""


class Event(NamedTuple):
    """A dividend that is recorded, or a step of the adjusted close that tells of one."""

    row: int
    paid: float
    """0: none is recorded."""
    before: float
    """The last close before, in units of the ex-date."""
    lowest: float
    """Of the prices that the dividend may be a share of."""
    highest: float
    close: float
    """That of the ex-date."""
    step: float
    """That of the adjusted close, a; NaN where it cannot be told."""
    fall: float
    """Of the price, middle of open and close, as a share of the close before."""
    split: float
    """Of the same bar."""
    rounding: float
    """Steps of the adjusted close up to so much are none."""
    noise: float
    """How far digits take a step."""

    def agrees(self, paid: float) -> bool:
        """Whether the step of the adjusted close is that of so large a dividend.

        It is reinvested at the close before or at that of the ex-date, see `adjust`; of a week or
        month, at a price within.
        """
        if np.isnan(self.step):
            return False
        least = min(paid / self.highest, paid / (self.close + paid))
        most = paid / self.lowest
        slack = max(AGREE * most, self.rounding)
        return bool(least - slack < self.step < most + slack)

    def bears_out(self, paid: float) -> bool:
        """Whether it agrees, and would not with a dividend of nothing."""
        return paid / self.before > self.rounding and self.agrees(paid)

    @property
    def told(self) -> float:
        """What was paid, as the adjusted close has it; NaN where it cannot be told."""
        return self.step * self.before

    def missed_by(self, paid: float, deviation: float) -> float:
        """By how many deviations the fall is another than of such a dividend."""
        return abs(self.fall - paid / self.before) / deviation


def steps(frame: pd.DataFrame, raw: bool) -> Floats:
    """[T] 1 - a: the ratio of adjusted close and close of the bar before, over that of the bar.

    Before a bar is the last one that has both; NaN where there is none, and of a bar that has not
    both. Of raw prices, without the splits.
    """
    close = frame["close"].to_numpy(np.float64)
    adjusted = frame["adjusted close"].to_numpy(np.float64)
    kept = np.full(len(close), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(close > 0, adjusted / close, np.nan)
        if raw:
            ratio /= np.cumprod(frame["split"].to_numpy(np.float64))
        known = np.flatnonzero(np.isfinite(ratio) & (ratio != 0.0))
        kept[known[1:]] = ratio[known[:-1]] / ratio[known[1:]]
    return np.where(np.isfinite(kept), kept, np.nan)


def events_of(frame: pd.DataFrame, raw: bool) -> list[Event]:
    """The dividends of a series, and the steps of its adjusted close that tell of one."""
    opened, high, low, close, paid, split = (
        frame[name].to_numpy(np.float64)
        for name in ("open", "high", "low", "close", "dividend", "split")
    )
    kept = steps(frame, raw)
    digits = _digits(frame)
    usual = _usual(kept[paid == 0.0])
    rounding = np.maximum(max(ROUNDED * usual, NEGLIGIBLE), digits)
    stepped = np.nan_to_num(np.abs(1.0 - kept)) > rounding
    priced = np.flatnonzero(np.isfinite(close) & (close > 0))
    found = []
    spanning = _spanning(kept, paid)
    for row in np.flatnonzero((paid > 0) | stepped).tolist():
        place = int(np.searchsorted(priced, row))
        if place in (0, len(priced)) or priced[place] != row:
            continue  # no price says what it was a share of
        if row in spanning:
            if not paid[row] > 0:
                continue  # it is that of a dividend within the hole
            kept[row] = np.nan
        before = close[priced[place - 1]] / (split[row] if raw else 1.0)
        prices = np.array([opened[row], high[row], low[row], close[row], before])
        prices = prices[np.isfinite(prices) & (prices > 0)]
        middle = (opened[row] + close[row]) / 2.0 if opened[row] > 0 else close[row]
        found.append(
            Event(
                row, float(paid[row]), before, float(prices.min()), float(prices.max()),
                close[row], 1.0 - kept[row], 1.0 - middle / before, split[row],
                float(rounding[row]), max(usual, float(digits[row])),
            )
        )  # fmt: skip
    return found


def _usual(kept: Floats) -> float:
    """Median step where no dividend was paid."""
    known = np.abs(1.0 - kept[np.isfinite(kept)])
    return float(np.median(known)) if len(known) else 0.0


def _spanning(kept: Floats, paid: Floats) -> set[int]:
    """Bars whose step spans bars without one, of which some paid a dividend."""
    rows = np.flatnonzero(np.isfinite(kept))
    told = np.concatenate(([0], np.cumsum(paid > 0)))  # of [a, b) it is told[b] - told[a]
    return {int(row) for before, row in itertools.pairwise(rows) if told[row] > told[before + 1]}


def _digits(frame: pd.DataFrame) -> Floats:
    """[T] largest steps that come of the digits of closes and adjusted closes."""
    error = np.zeros(len(frame))
    for name in ("close", "adjusted close"):
        values = np.abs(frame[name].to_numpy(np.float64))
        known = values[np.isfinite(values)]
        for digits in range(2, 7):
            if np.abs(np.round(known, digits) - known).max(initial=0.0) < 1e-9:
                with np.errstate(divide="ignore", invalid="ignore"):
                    error += np.where(values > 0, 0.5 * 10.0**-digits / values, 0.0)
                break
    # Of this bar and of the one before it.
    error[1:] += error[:-1].copy()
    return error * 1.1


def deviation_of(frame: pd.DataFrame) -> float:
    """Mean absolute deviation of what `Event.fall` is on other days, as a median tells it."""
    close, opened = frame["close"].to_numpy(np.float64), frame["open"].to_numpy(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        falls = 1.0 - (opened[1:] + close[1:]) / 2.0 / close[:-1]
    falls = falls[np.isfinite(falls)]
    return max(float(np.median(np.abs(falls))) / np.log(2.0), LEAST) if len(falls) else LEAST
