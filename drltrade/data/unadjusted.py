"""Bars before a split that are not adjusted for it.

`levels` finds them by their prices; here is what else must agree: the volume, which a split changes
the other way, and the adjusted close. What does not agree is set aside. Who forgot one split may
have forgotten all: then the others need less of a proof.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.faults import BUSY, Floats, Mask
from drltrade.data.levels import off_by, proven_beginning, runs, stepped, sure
from drltrade.data.mending import Mending, Rescaled

SMALLEST_SPLIT = 0.18
"""Logarithm of the smallest ratio that is told from an ordinary move."""
FIRST_NEAR = 5
"""Bars before its split within which a run must end whose beginning is not seen. Elsewhere a move
of the split's size is a true one."""
SWITCH = 5.0
"""Minus the log probability that bars begin, or cease, not to be adjusted for a split."""
AT_SPLIT = 1.5
"""The same at the split itself: a vendor that forgets a split is nothing rare."""
AROUND = 20
"""Bars on either side of a run whose volumes are compared with its own."""
BOTH = 2.5
"""Log odds that volumes are in old shares where prices are."""
UNSURE = 1.0
"""Log odds below which it is not told whether the volumes are."""
ALL = 2.0
"""Log odds of a split that are enough, either way, where one that is clear is forgotten."""
EACH = 1.5
"""By how much less will do for each further one."""
FEW = 0.05
"""Share of a series that may be set aside for that."""


class _Run(NamedTuple):
    """Bars that are not adjusted for a split."""

    first: int
    last: int
    """The bar after."""
    prices: bool
    """Whether their prices are not, or only their adjusted closes."""
    adjusted: bool
    """Whether their adjusted closes are not, or only their prices."""
    guessed: bool = False
    """Whether it may as well begin with the first bar of all."""


def adjust_for_forgotten_splits(mending: Mending) -> None:
    """Mend the bars before splits that they are not adjusted for."""
    rows: list[int] = np.flatnonzero(_large_splits(mending.frame)).tolist()
    found = {row: _unadjusted(mending, row) for row in reversed(rows)}
    forgotten = [
        (run.prices, run.adjusted) for row, each in found.items() for run in each
        if run.last == row and run.first in (0, *rows)
    ]  # fmt: skip
    if len(set(forgotten)) == 1 and len(rows) > 1:
        _mend_as_the_others(mending, rows, found, *forgotten[0], len(forgotten))
    _mend_volumes(mending, [(run, row) for row, each in found.items() for run in each])


def _mend_as_the_others(
    mending: Mending,
    rows: list[int],
    found: dict[int, list[_Run]],
    prices: bool,
    adjusted: bool,
    forgotten: int,
) -> None:
    """Take it that all splits were forgotten, if prices know of none for sure.

    Args:
        mending: the series.
        rows: bars of splits.
        found: by row what was found; grows.
        prices: whether it was prices that are not adjusted for them.
        adjusted: and adjusted closes.
        forgotten: how many were forgotten for sure.
    """
    odds = {row: _odds(mending, row, rows, prices, adjusted) for row in rows if not found[row]}
    if min(odds.values(), default=0.0) < -ALL:
        return
    for row in reversed(rows):
        if not found[row] and odds[row] > max(ALL - EACH * (forgotten - 1), -ALL):
            found[row] = [_Run(0, row, prices, adjusted)]
            _mend_prices(mending, found[row][0], row)
        # Of a run whose beginning is not seen, only a move that looks like one, that is it, then.
        for run in found[row]:
            if run.guessed:
                _mend_prices(mending, run._replace(first=0, last=run.first), row)
        found[row] = [run._replace(first=0) if run.guessed else run for run in found[row]]


def _large_splits(frame: pd.DataFrame) -> Mask:
    """[T] bars of splits that are large enough."""
    split = frame["split"].to_numpy(np.float64)
    large: Mask = np.abs(np.log(np.where(split > 0, split, 1.0))) > SMALLEST_SPLIT
    return large


def _unadjusted(mending: Mending, row: int) -> list[_Run]:
    """Mend the bars before a split that are not adjusted for it; which they are."""
    frame, split = mending.frame, _shares(mending, row)
    # What lies after the split is right: it is the last thing that is looked at.
    levels, others, end = mending.levels(), _other_splits(frame, row), row + 1
    states = off_by(
        levels.until(end), split, SWITCH,
        last=True, at=row, cheap=AT_SPLIT, others=others[:end],
    )  # fmt: skip
    price, other = (_padded(each, len(frame)) for each in states[:2])
    volume = frame["volume"].to_numpy(np.float64)
    found = []
    for run in runs(price | other):
        if _agrees(mending, price, other, run, row) and not _true_move(volume, run, row, split):
            first = run[0] or proven_beginning(levels.price, run[1], split, others)
            off = bool(price[first]), bool(other[first])
            found.append(_Run(first, run[1], *off, guessed=run[1] == row and first > run[0]))
    for each in found:
        _mend_prices(mending, each, row)
    return found


def _odds(mending: Mending, row: int, told: list[int], prices: bool, adjusted: bool) -> float:
    """Log odds that bars before a split are not adjusted for it; 0 where they cannot be told."""
    split, level = _shares(mending, row), mending.adjusted()
    prices_alone = [mending.openings(), mending.log("close")]
    if level is None:
        return stepped(prices_alone, row, split, told)
    ratio = mending.log("close") - level
    if not (prices and adjusted):
        return stepped([ratio if prices else -ratio], row, split, told)
    if not abs(ratio[row] - ratio[row - 1]) < abs(np.log(split)) / 2.0:
        return 0.0  # of price and adjusted close one is adjusted for it
    return stepped(prices_alone, row, split, told)


def _mend_prices(mending: Mending, run: _Run, row: int) -> None:
    """Adjust the prices, or the adjusted closes, of a run for a split."""
    columns = [*PRICES] * run.prices
    columns += ["adjusted close"] * (run.adjusted and mending.adjusted() is not None)
    mending.mend(_mask(mending, run), columns, 1.0 / _shares(mending, row), _why(mending, row))


def _mend_volumes(mending: Mending, found: list[tuple[_Run, int]]) -> None:
    """Adjust the volumes of runs whose prices were mended, where they are not.

    Of all bars before a split they are, or are not, at all splits alike.
    """
    frame, steps = mending.frame, np.flatnonzero(_large_splits(mending.frame))
    volume = frame["volume"].to_numpy(np.float64, copy=True)
    found = [(run, row) for run, row in found if run.prices]
    odds = [_odds_of_volume(volume, run, _shares(mending, row), steps[steps != row])
            for run, row in found]  # fmt: skip
    starts = {0, *steps.tolist()}
    whole = [run.last == row and run.first in starts for run, row in found]
    at_all = [each for each, is_whole in zip(odds, whole, strict=True) if is_whole and each]
    for (run, row), each, is_whole in zip(found, odds, whole, strict=True):
        total = sum(at_all) if is_whole else each
        mask, why = _mask(mending, run), _why(mending, row)
        if total:
            total += BOTH
        if abs(total) < UNSURE and run.last - run.first <= max(FEW * len(frame), 1):
            unsure = f"{why}, and its volume perhaps neither"
            mending.found.append(Rescaled(mask, "*", np.nan, unsure))
        elif total > 0:
            mending.mend(mask & (volume > 0), ["volume"], _shares(mending, row), why)


def _mask(mending: Mending, run: _Run) -> Mask:
    """[T] the bars of a run."""
    mask = np.zeros(len(mending.frame), np.bool_)
    mask[run.first : run.last] = True
    return mask


def _shares(mending: Mending, row: int) -> float:
    """New shares for an old one."""
    return float(mending.frame["split"].iloc[row])


def _why(mending: Mending, row: int) -> str:
    date = pd.DatetimeIndex(mending.frame.index)[row].date()
    return f"not adjusted for the split {_shares(mending, row):g} of {date}"


def _agrees(mending: Mending, price: Mask, other: Mask, run: tuple[int, int], row: int) -> bool:
    """Whether all of a run is off alike, and what is off moves at both edges as the split does.

    Where one of price and adjusted close is off and the other is not, so does their ratio.
    """
    first, last = run
    split, adjusted = _shares(mending, row), mending.adjusted()
    off = [each[first:last] for each in (price, other)]
    if adjusted is not None and not all(each.all() or not each.any() for each in off):
        return False
    prices, adjusteds = bool(off[0].any()), bool(off[1].any())
    told = prices and run == (0, row) and sure(mending.openings(), first, last, split, row)
    levels = [] if told or not prices else [mending.level()]
    if adjusted is not None:
        levels += [adjusted] if adjusteds and not told else []
        ratio = mending.log("close") - adjusted
        levels += [ratio if prices else -ratio] if prices != adjusteds else []
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


def _odds_of_volume(volume: Floats, run: _Run, split: float, steps: NDArray[np.int64]) -> float:
    """Log odds that the volumes of a run are in the shares of before the split; 0: none tell.

    By the volumes at both its edges, but where one is at another split, which is a step as well.
    Those of `BOTH` are not in them.
    """
    odds, (first, last) = 0.0, run[:2]
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
    return odds


def _busy(volume: Floats, row: int, split: float) -> bool:
    """Whether a bar trades more than those before, in either shares."""
    before = volume[max(row - AROUND, 0) : row]
    before = before[before > 0]
    return len(before) > 0 and bool(volume[row] > BUSY * max(split, 1.0) * np.median(before))


def _padded(mask: Mask, length: int) -> Mask:
    return np.concatenate((mask, np.zeros(length - len(mask), np.bool_)))
