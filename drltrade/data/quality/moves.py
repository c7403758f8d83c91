"""Moves that are large, and what they are: splits, bad ticks, other units, or true."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.faults import BUSY, LARGE_MOVE, bad_ticks, returns
from drltrade.data.layout import Adjustment
from drltrade.data.quality.finding import Finding, Severity, finding
from drltrade.data.quality.untold import SMALLEST_MOVE, Untold, nearest_split, untold_splits

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

SCALE_BREAK = 5.0
"""Times: what makes more in a bar on ordinary volume has changed its unit. On much of it even more
is true: Terra's LUNA lost 99.9% on 2022-05-12."""
SURE_BREAK = 20.0
"""Times, where no volume tells; and upwards whatever it tells."""
ORDINARY = 15.0
"""Median moves of a series up to which a move is one of its own."""
SPIKE = 15.0
"""Usual ranges of a bar by which an open, high or low is far from the closes around it."""
NEAR_UNIT = 0.06
"""How far the move of a bar in another unit may be from a hundred, as a logarithm."""
TOLD = 0.02
"""How far the step of an adjusted close may be from the split's ratio, by a dividend of the day."""


def of_moves(symbol: str, frame: pd.DataFrame, adjustment: Adjustment | None) -> Iterator[Finding]:
    """Moves beyond `LARGE_MOVE`, told apart by what came before, with and after them."""
    ratio = returns(frame["close"].to_numpy(np.float64))
    yield from _of_spikes(symbol, frame)
    candidates = (ratio > np.exp(SMALLEST_MOVE)) | (ratio < np.exp(-SMALLEST_MOVE))
    if not candidates.any():
        return
    large = np.abs(ratio - 1.0) > LARGE_MOVE
    tick, sure = bad_ticks(frame)
    back = np.zeros_like(tick)
    back[1:] = tick[:-1]  # the way back is no move of its own
    large &= ~tick & ~back
    for severity, mask in (("error", tick & sure), ("warning", tick & ~sure)):
        yield from finding(
            severity, "bad_tick", symbol, frame, mask,  # type: ignore[arg-type]
            "close {close:g}, after which prices are back where they were (open {open:g}, high "
            "{high:g}, low {low:g})",
        )  # fmt: skip
    quiet = _untraded(frame["volume"].to_numpy(np.float64), ratio)
    unit = large & quiet & (np.abs(np.abs(np.log(ratio)) - np.log(100.0)) < NEAR_UNIT)
    rest = large & ~unit
    told, paid = _told(frame, ratio, rest)
    rest &= ~told & ~paid
    apart = np.zeros(len(ratio), np.bool_)
    apart[1:] = np.diff(frame.index.to_numpy()) > np.timedelta64(30, "D")
    asked = candidates & ~tick & ~back & ~unit & ~told & ~paid & ~apart
    untold = untold_splits(frame, ratio, asked & ("adjusted close" not in frame))
    rest &= untold.shares == 1.0
    size = np.abs(np.log(ratio))
    jump = quiet & (size > np.log(SCALE_BREAK)) & (size > ORDINARY * np.median(size))
    jump &= _at_the_open(frame, size)
    raw = adjustment == "raw"
    yield from _of_splits(symbol, frame, ratio, untold)
    kinds: list[tuple[Severity, str, Mask, str]] = [
        ("error", "currency_unit", unit, "a hundred times, such as pence and pounds"),
        ("note" if raw else "error", "split", told,
         "adjusted for when loaded" if raw else "not adjusted for, as is told beside it"),
        ("warning", "spin_off", paid, "not a split's ratio; the adjusted close makes up for it"),
        ("error", "scale_break", rest & jump & ~apart, "the unit of prices changes"),
        ("error", "ticker_reuse", rest & jump & apart, "after a gap: another security?"),
        ("warning", "large_move", rest & ~jump, "large, and perhaps true"),
    ]  # fmt: skip
    for severity, kind, mask, text in kinds:
        if mask.any():
            times = pd.DatetimeIndex(frame.index[mask])
            yield Finding(severity, kind, symbol, times, f"{_shown(ratio[mask])}: {text}")


def _of_spikes(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Opens, highs and lows far beyond the closes on both sides of them."""
    opened, high, low, close = (frame[name].to_numpy(np.float64) for name in PRICES)
    before = np.concatenate((close[:1], close[:-1]))
    sound = np.minimum(opened, low) > 0.0
    top, bottom = np.maximum(close, before), np.minimum(close, before)
    least = 1.0 + LARGE_MOVE
    far_off = (np.maximum(opened, high) > least * top) | (np.minimum(opened, low) * least < bottom)
    if not far_off.any():
        return  # as in nearly every series
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = float(np.nanmedian(np.log(high / low)))
        for name, beyond in (
            ("open", np.maximum(np.log(opened / top), np.log(bottom / opened))),
            ("high", np.log(high / top)), ("low", np.log(bottom / low)),
        ):  # fmt: skip
            far = sound & (beyond > max(np.log(1.0 + LARGE_MOVE), SPIKE * usual))
            yield from finding(
                "warning", "bad_tick", symbol, frame, far,
                f"{name} {{{name}:g}} is far from the closes around it (close {{close:g}}): orders "
                "and stops fill there",
            )  # fmt: skip


def _at_the_open(frame: pd.DataFrame, size: Floats) -> Mask:
    """[T] moves that are there at the open: what happens within a bar is no change of its unit."""
    opened, close = (frame[name].to_numpy(np.float64) for name in ("open", "close"))
    there = np.zeros(len(size), np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        there[1:] = ~(np.abs(np.log(opened[1:] / close[:-1])) < size[1:] / 2.0)
    return there


def _untraded(volume: Floats, ratio: Floats) -> Mask:
    """[T] moves that so much volume as there was does not explain."""
    quiet = np.zeros(len(ratio), np.bool_)
    for row in np.flatnonzero(np.abs(np.log(ratio)) > np.log(SCALE_BREAK)):
        before = volume[max(row - 20, 0) : row]
        if ratio[row] > SURE_BREAK:
            quiet[row] = True
        elif (before > 0).any() and volume[row] > 0:
            quiet[row] = volume[row] < BUSY * np.median(before[before > 0])
        else:
            quiet[row] = abs(np.log(ratio[row])) > np.log(SURE_BREAK)
    return quiet


def _of_splits(
    symbol: str, frame: pd.DataFrame, ratio: Floats, untold: Untold
) -> Iterator[Finding]:
    """Splits that nothing tells of, one finding each, for each has its own ratio to be stated."""
    for row in np.flatnonzero(untold.shares != 1.0).tolist():
        shares, time = float(untold.shares[row]), pd.Timestamp(frame.index[row])
        label = str(time.date() if time == time.normalize() else time)
        stated = f"{shares:g}" if shares > 1 else f"1/{1 / shares:g}"
        sure = untold.sure[row]
        text = (
            f"{ratio[row] - 1.0:+.1%}: {'' if sure else 'perhaps '}a split of {stated} that "
            f"nothing tells of; if so, state it: --split '{symbol} {label}={stated}'"
        )
        yield Finding(
            "error" if sure else "warning", "split", symbol, pd.DatetimeIndex([time]), text, shares
        )


def _shown(ratio: Floats) -> str:
    """The first three moves."""
    moves = ", ".join(f"{each - 1.0:+.1%}" for each in ratio[:3])
    return moves + (", ..." if len(ratio) > 3 else "")


def _told(frame: pd.DataFrame, ratio: Floats, large: Mask) -> tuple[Mask, Mask]:
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
                split[t] = abs(np.log(step / nearest_split(step))) < TOLD
                paid[t] = not split[t]
    return split, paid
