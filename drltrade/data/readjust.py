"""An adjusted close by the steps that its vendor and we agree on, and by ours where we do not."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.events import AGREE, NEGLIGIBLE, Event, steps
from drltrade.data.faults import Floats

ADJUSTED = 1e-4
"""Relative difference from which an adjusted close is wrong."""
UNSURE = 0.25
"""How far, relatively, the price that a dividend is a share of may be from the rule's: of a week or
a month it is one within, and the step is right but for so much of the dividend."""
VANISHING = 0.02
"""What a step leaves of an adjusted close, from which on its digits are enough to undo it."""
DAY = 1.5
"""Days between bars up to which a dividend is a share of the close before."""


class Twice(NamedTuple):
    """A dividend that the adjusted close counts twice, while nothing says which of the two is it:
    what lies before both is wrong all the same."""

    first: Event
    copy: Event
    """The likelier one; or `first` itself."""


class Readjusted(NamedTuple):
    """An adjusted close."""

    values: Floats
    """[T]"""
    unsure: list[Event]
    """Whose steps are wrong, and could not be told to `UNSURE`: they stay."""


def readjusted(
    frame: pd.DataFrame, events: list[Event], wrong: list[tuple[Event, float]],
    twice: list[Twice], raw: bool,
) -> Readjusted:  # fmt: skip
    """The adjusted close [T].

    Args:
        frame: bars with close, dividend, split and "adjusted close".
        events: its dividends.
        wrong: those whose steps are wrong, and what was paid.
        twice: those that are counted twice.
        raw: whether prices are not adjusted for splits.
    """
    published = frame["adjusted close"].to_numpy(np.float64)
    if not (wrong or twice):
        return Readjusted(published, [])
    close = frame["close"].to_numpy(np.float64)
    at_close = _reinvests_at_close(events)
    ours = {event.row: _kept(event, amount, at_close) for event, amount in wrong}
    spread = _spread(frame, events, at_close)
    unsure = [
        event for event, amount in wrong
        if not _is_told(event, amount) and spread > UNSURE
    ]  # fmt: skip
    for event in unsure:
        del ours[event.row]
    kept = steps(frame, raw)
    if any(not abs(kept[row]) > VANISHING for row in ours):
        # What is so spoilt tells of no other step either, but where dividend and step agree.
        amounts = {event.row: amount for event, amount in wrong if event.row in ours}
        for event in events:
            if event.row in ours or not kept[event.row] > 0:
                ours[event.row] = _ruled(event, amounts.get(event.row, event.paid), at_close)
            else:
                ours[event.row] = float(kept[event.row])
        adjusted = _anew(frame, ours, raw)
    else:
        # Between bars of which one is missing, adjusted close and close keep their ratio.
        factor = np.ones(len(close))
        for row, step in ours.items():
            factor[row] = step / kept[row]
        for pair in twice:
            factor[pair.first.row] /= kept[pair.copy.row]
        # A step changes all that lies before it.
        adjusted = published * np.append(np.cumprod(factor[:0:-1])[::-1], 1.0)
    same = np.isclose(adjusted, published, rtol=ADJUSTED, atol=0.0)
    return Readjusted(np.where(same, published, adjusted), unsure)


def _anew(frame: pd.DataFrame, ours: dict[int, float], raw: bool) -> Floats:
    """From the close and the steps at all events, for one that leaves nothing cannot be undone."""
    close = frame["close"].to_numpy(np.float64)
    published = frame["adjusted close"].to_numpy(np.float64)
    step = np.ones(len(close))
    step[list(ours)] = list(ours.values())
    if raw:
        step = step / frame["split"].to_numpy(np.float64)
    known = np.flatnonzero(np.isfinite(published) & (published > 0) & (close > 0))
    if not len(known):
        return published
    factor = np.append(np.cumprod(step[:0:-1])[::-1], 1.0)
    factor *= published[known[-1]] / close[known[-1]] / factor[known[-1]]
    adjusted: Floats = close * factor
    return adjusted


def _is_told(event: Event, amount: float) -> bool:
    """Whether the step that there is tells the right one: none, or a multiple of what it is."""
    return amount == 0.0 or _multiple(event, amount) is not None


def _multiple(event: Event, amount: float) -> float | None:
    """By how much the step is that of a larger or smaller dividend; None: it is not."""
    for factor in (100.0, 0.01):
        fine = event.noise * max(1.0 / factor, 1.0) < ADJUSTED
        least, most = amount * factor / event.highest, amount * factor / event.lowest
        if fine and least * (1.0 - AGREE) < event.step < most * (1.0 + AGREE):
            return factor
    return None


def _kept(event: Event, amount: float, at_close: bool) -> float:
    """What the right step leaves of the adjusted close."""
    ruled, factor = _ruled(event, amount, at_close), _multiple(event, amount)
    if factor is None:
        return ruled
    told = 1.0 - event.step / factor
    # By the rule, where that is what it follows but for its digits.
    return ruled if abs(told - ruled) < 4.0 * event.noise / factor + NEGLIGIBLE else told


def _ruled(event: Event, amount: float, at_close: bool) -> float:
    """What it leaves by the rule: reinvested at the close of the day, or at the one before."""
    return 1.0 - amount / (event.close + amount if at_close else event.before)


def _spread(frame: pd.DataFrame, events: list[Event], at_close: bool) -> float:
    """How far, relatively, the prices that dividends are a share of are from the rule's, by those
    on which yield and step agree: of a week or a month it is one within the bar before."""
    off = [
        abs(event.paid / event.step / (event.close + event.paid if at_close else event.before) - 1)
        for event in events
        if event.bears_out(event.paid) and event.step > 0
    ]
    if len(off) > 2:
        return float(np.median(off))
    times = frame.index.to_numpy().astype("datetime64[s]").astype(np.float64)
    if len(times) < 2 or np.median(np.diff(times)) < DAY * 86400.0:
        return 0.0
    return float(np.median([(event.highest - event.lowest) / event.before for event in events]))


def _reinvests_at_close(events: list[Event]) -> bool:
    """Whether the vendor's steps are nearer to the rule that reinvests at the close of the day."""
    nearer = [
        abs(each.paid / (each.close + each.paid) - each.step)
        < abs(each.paid / each.before - each.step)
        for each in events
        if each.bears_out(each.paid)
    ]
    return sum(nearer) > len(nearer) / 2
