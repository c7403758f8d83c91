"""Bars quoted in another unit than their neighbours: before a split, or in pence instead of pounds.

`levels` finds them by their prices; here is what else must agree: the volume, which a split changes
the other way, and the adjusted close. What does not agree is set aside.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.faults import BUSY, Floats, Mask
from drltrade.data.levels import off_by, proven_beginning, runs, sure

HUNDREDTHS = ("L", "JO", "TA", "IL")
"""Suffixes of symbols of exchanges that quote in hundredths: pence, cents, agorot."""
SMALLEST_SPLIT = 0.18
"""Logarithm of the smallest ratio that is told from an ordinary move."""
FIRST_NEAR = 5
"""Bars before its split within which a run must end whose beginning is not seen. Elsewhere a move
of the split's size is a true one."""
SWITCH = {"split": 5.0, "unit": 8.0}
"""Minus the log probability of a change of state."""
AT_SPLIT = 1.5
"""And at the split itself: a vendor that forgets a split is nothing rare."""
AROUND = 20
"""Bars on either side of a run whose volumes are compared with its own."""
BOTH = 2.5
"""Log odds that volumes are in old shares where prices are."""
UNSURE = 1.0
"""Log odds below which it is not told whether the volumes are."""
OUT_OF_ORDER = 0.02
"""How far a rescaled high may lie below the middle of its bar, for it had few digits left."""
AT_END = 1.0
"""How far adjusted close and close are from each other at the end, as a logarithm, at most."""
LEAST_HIGH = 0.25
"""Share of the bars that are in hundredths, from which the exchange says that the others are wrong.
"""
FEW = 0.05
"""Share of a series that may be set aside for that."""


BLOCK = 50
"""Bars of which, with the next as many, highest and lowest price are compared first."""
STEADY = 2.7
"""Times, within which no price is in another unit."""


class Rescaled(NamedTuple):
    """Values of one bar or more that are to be multiplied, or bars that are to be set aside."""

    mask: Mask
    """[T]"""
    column: str
    """"*": the whole bars are to be set aside."""
    factor: float
    why: str


class _Mending:
    """A series on its way: what was found, and the values with it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._logs: dict[str, Floats] = {}
        self.found: list[Rescaled] = []
        self.prices = list(PRICES)

    def mend(self, mask: Mask, columns: list[str], factor: float, why: str) -> None:
        """Multiply."""
        if not mask.any():
            return
        for column in columns:
            self.found.append(Rescaled(mask, column, factor, why))
            values = self.frame[column].to_numpy(np.float64, copy=True)
            values[mask] *= factor
            self.frame = self.frame.assign(**{column: values})
            self._logs.pop(column, None)

    def log(self, column: str) -> Floats:
        """[T] logs of a column; NaN where there is none."""
        if column not in self._logs:
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.log(self.frame[column].to_numpy(np.float64))
            self._logs[column] = np.where(np.isfinite(logs), logs, np.nan)
        return self._logs[column]

    def level(self) -> Floats:
        """[T] log of the middle of a bar's prices; NaN where there is none."""
        logs = np.stack([self.log(name) for name in PRICES])
        ordered = np.sort(logs, axis=0)  # NaN last
        middle: Floats = (ordered[1] + ordered[2]) / 2.0
        holes = np.isnan(ordered[3])
        if holes.any():
            present = holes & ~np.isnan(ordered[0])
            middle[holes] = np.nan
            middle[present] = np.nanmedian(logs[:, present], axis=0)
        return middle

    def adjusted(self) -> Floats | None:
        """[T] log of the adjusted close."""
        return self.log("adjusted close") if "adjusted close" in self.frame else None


def rescaled(frame: pd.DataFrame, symbol: str, raw: bool = False) -> list[Rescaled]:
    """Which values of a series are in another unit, and by what they are to be multiplied.

    Args:
        frame: bars [T] by ascending labels; perhaps with columns split and "adjusted close".
        symbol: says whether the exchange quotes in hundredths.
        raw: prices are not adjusted for splits, nor ought to be.
    """
    mending = _Mending(frame)
    if not raw and "split" in frame:
        for row in reversed(np.flatnonzero(_large_splits(frame)).tolist()):
            _unadjusted(mending, row)
    told: Floats | float = 0.0
    if raw and "split" in frame and (frame["split"] != 1.0).any():
        told = np.cumsum(np.log(frame["split"].to_numpy()))
    elif _is_steady(mending.frame):
        return mending.found
    if _units(mending, symbol, told):
        _single_prices(mending, told)
    return mending.found


def _is_steady(frame: pd.DataFrame) -> bool:
    """Whether no price is so far from those around it that its unit could be another."""
    names = [name for name in (*PRICES, "adjusted close") if name in frame]
    highest: list[Floats] = []
    lowest: list[Floats] = []
    for name in names:
        values = frame[name].to_numpy(np.float64)
        whole = len(values) // BLOCK * BLOCK
        if not whole:
            return False
        # The last block takes what is left over with it. NaN is in no order, and not steady.
        blocks = values[:whole].reshape(-1, BLOCK)
        high, low = blocks.max(axis=1), blocks.min(axis=1)
        high[-1], low[-1] = values[whole - BLOCK :].max(), values[whole - BLOCK :].min()
        if name == "adjusted close":  # it has a level of its own
            return _are_near([high], [low]) and _are_near(highest, lowest)
        highest.append(high)
        lowest.append(low)
    return _are_near(highest, lowest)


def _are_near(highest: list[Floats], lowest: list[Floats]) -> bool:
    """Whether prices of a block and the next are all within a factor of each other."""
    high, low = np.maximum.reduce(highest), np.minimum.reduce(lowest)
    near = np.maximum(high[1:], high[:-1]) < STEADY * np.minimum(low[1:], low[:-1])
    return bool(near.all() and (low > 0).all() and (high < STEADY * low).all())


def _large_splits(frame: pd.DataFrame) -> Mask:
    """[T] bars of splits that are large enough."""
    split = frame["split"].to_numpy(np.float64)
    large: Mask = np.abs(np.log(np.where(split > 0, split, 1.0))) > SMALLEST_SPLIT
    return large


def _unadjusted(mending: _Mending, row: int) -> None:
    """Bars before a split that are not adjusted for it."""
    frame, split = mending.frame, float(mending.frame["split"].iloc[row])
    # What lies after the split is right: it is the last thing that is looked at.
    end = min(row + 1, len(frame))
    adjusted, level, others = mending.adjusted(), mending.level(), _other_splits(frame, row)
    off = off_by(
        level[:end], None if adjusted is None else adjusted[:end], split,
        SWITCH["split"], last=True, at=row, cheap=AT_SPLIT, others=others[:end],
    )  # fmt: skip
    price, other = (_padded(each, len(frame)) for each in off)
    volume = frame["volume"].to_numpy(np.float64)
    found = [
        run for run in runs(price | other)
        if _agrees(mending, price, other, run, row) and not _true_move(volume, run, row, split)
    ]  # fmt: skip
    for first, last in found:
        first = first or proven_beginning(level, last, split, others)
        run = np.zeros(len(frame), np.bool_)
        run[first:last] = True
        why = f"not adjusted for the split {split:g} of {_date(frame, row)}"
        if adjusted is not None:
            mending.mend(run & other, ["adjusted close"], 1.0 / split, why)
        if not (run & price).any():
            continue
        mending.mend(run, list(PRICES), 1.0 / split, why)
        steps = np.setdiff1d(np.flatnonzero(_large_splits(frame)), row)
        odds = _volume_is_off(volume, first, last, split, steps)
        if abs(odds) < UNSURE and last - first <= max(FEW * len(frame), 1):
            unsure = f"{why}, and its volume perhaps neither"
            mending.found.append(Rescaled(run, "*", np.nan, unsure))
        elif odds > 0:
            mending.mend(run & (volume > 0), ["volume"], split, why)


def _agrees(mending: _Mending, price: Mask, other: Mask, run: tuple[int, int], row: int) -> bool:
    """Whether all of a run is off alike, and what is off moves at both edges as the split does.

    Where one of price and adjusted close is off and the other is not, so does their ratio.
    """
    first, last = run
    split, adjusted = float(mending.frame["split"].iloc[row]), mending.adjusted()
    if adjusted is None:
        return sure(mending.level(), first, last, split, row)
    off = [each[first:last] for each in (price, other)]
    if not all(each.all() or not each.any() for each in off):
        return False
    levels = [
        level for level, each in zip((mending.level(), adjusted), off, strict=True) if each.any()
    ]
    if len(levels) == 1:
        ratio = mending.log("close") - adjusted
        levels.append(ratio if off[0].any() else -ratio)
    return all(sure(level, first, last, split, row) for level in levels)


def _true_move(volume: Floats, run: tuple[int, int], row: int, split: float) -> bool:
    """Whether a run is none, but what lies before a move of the split's size elsewhere."""
    first, last = run
    if last > row or (first == 0 and last < row - FIRST_NEAR):
        return True
    return first == 0 and last < row and _busy(volume, last, split)


def _other_splits(frame: pd.DataFrame, row: int) -> Floats:
    """[T] moves that there are at other splits if nothing is adjusted for them."""
    split = frame["split"].to_numpy(np.float64)
    moves = -np.log(np.where(split > 0, split, 1.0))
    moves[row] = 0.0
    return moves


def _volume_is_off(
    volume: Floats, first: int, last: int, split: float, steps: NDArray[np.int64]
) -> float:
    """Log odds that the volumes of a run are in the shares of before the split.

    By the volumes at both its edges, but where one is at another split, which is a step as well.
    """
    odds, told = 0.0, False
    for edge, inward in ((last, -1), (first, 1)):
        if not 0 < edge < len(volume) or (inward > 0 and (np.abs(steps - edge) < 2).any()):
            continue
        near = min(AROUND, last - first)
        left = volume[max(edge - (near if inward < 0 else AROUND), 0) : edge]
        right = volume[edge : edge + (AROUND if inward < 0 else near)]
        # Of another split nearby only what lies on this side of it.
        between = steps[(steps > edge) & (steps < edge + AROUND)]
        right = right[: int(between.min()) - edge] if len(between) else right
        between = steps[(steps < edge) & (steps > edge - AROUND)]
        left = left[len(left) - (edge - int(between.max())) :] if len(between) else left
        inside, outside = (left, right) if inward < 0 else (right, left)
        inside, outside = inside[inside > 0], outside[outside > 0]
        if not (len(inside) and len(outside)):
            continue
        inside, outside = np.log(inside), np.log(outside)
        spread = max(1.48 * float(np.median(np.abs(outside - np.median(outside)))), 0.15)
        variance = 1.57 * spread**2 * (1.0 / len(inside) + 1.0 / len(outside)) + 0.1**2
        apart = float(np.median(inside) - np.median(outside))
        odds += float(apart**2 - (apart + np.log(split)) ** 2) / (2.0 * variance)
        told = True
    return BOTH + odds if told else 0.0


def _busy(volume: Floats, row: int, split: float) -> bool:
    """Whether a bar trades more than those before, in either shares."""
    before = volume[max(row - AROUND, 0) : row]
    before = before[before > 0]
    return len(before) > 0 and bool(volume[row] > BUSY * max(split, 1.0) * np.median(before))


def _units(mending: _Mending, symbol: str, told: Floats | float) -> bool:
    """Bars in pence among those in pounds, or the reverse; whether they are in one unit now."""
    level, adjusted = mending.level() + told, mending.adjusted()
    # Splits that are told of, and prices not adjusted for, are no change of unit.
    off = off_by(level, adjusted, 100.0, SWITCH["unit"])
    # At its end an adjusted close is the close: where it is, both are in the right unit there.
    there = np.flatnonzero(np.isfinite(level) & (adjusted is None or np.isfinite(adjusted)))
    last = int(there[-1]) if len(there) else 0
    at_end = adjusted is not None and bool(abs(adjusted[last] - level[last]) < AT_END)
    varies = [bool(each.any() and not each.all()) for each in off]
    hundredths = _in_hundredths(symbol)
    for number, (high, columns) in enumerate(
        zip(off, (list(PRICES), ["adjusted close"]), strict=True)
    ):
        if not varies[number] or (number == 1 and adjusted is None):
            continue
        low_is_wrong = float(high.mean()) > 0.5
        if hundredths and float(high.mean()) < LEAST_HIGH:
            # The exchange says one thing and nearly all bars another: it is found, and stays.
            return False
        low_is_wrong |= hundredths
        if at_end and not varies[1 - number]:
            low_is_wrong = bool(high[last])
        factor = 100.0 if low_is_wrong else 0.01
        why = f"{_times(factor)} of what the other bars are"
        mending.mend((high != low_is_wrong) & np.isfinite(level), columns, factor, why)
    return True


def _single_prices(mending: _Mending, told: Floats | float) -> None:
    """Single prices in another unit than those around them."""
    level, adjusted = mending.level() + told, mending.adjusted()
    steps = [
        each is not None and bool((np.abs(np.diff(each)) > 3.0).any()) for each in (level, adjusted)
    ]
    for name in [*PRICES, *(["adjusted close"] if "adjusted close" in mending.frame else [])]:
        own = name == "adjusted close"  # it has a level of its own
        value = mending.log(name) + (0.0 if own else told)
        reference = value if own else level
        # Most series have no such step anywhere, and need no middle.
        if not ((np.abs(value - reference) > 1.0).any() or steps[own]):
            continue
        around = pd.Series(reference).rolling(7, center=True, min_periods=2).median().to_numpy()
        for factor in (100.0, 0.01):
            off = np.abs(value - around + np.log(factor)) < np.log(1.5)
            if not own:
                off &= _in_order(name, value + np.log(factor) - level)
            mending.mend(off, [name], factor, f"{_times(factor)} of the prices around it")


def _in_order(name: str, above: Floats) -> Mask:
    """[T] whether a high is not below the middle of its bar, and a low not above it; `above` is its
    logarithm over the middle's."""
    wrong = {"high": above < -OUT_OF_ORDER, "low": above > OUT_OF_ORDER}
    return ~wrong.get(name, np.zeros(len(above), np.bool_))


def _padded(mask: Mask, length: int) -> Mask:
    return np.concatenate((mask, np.zeros(length - len(mask), np.bool_)))


def _date(frame: pd.DataFrame, row: int) -> object:
    return pd.DatetimeIndex(frame.index)[row].date()


def _times(factor: float) -> str:
    return "a hundredth" if factor > 1 else "a hundred times"


def _in_hundredths(symbol: str) -> bool:
    return symbol.replace("-", ".").rpartition(".")[2] in HUNDREDTHS and symbol not in HUNDREDTHS
