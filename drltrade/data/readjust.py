"""An adjusted close by the steps that its vendor and we agree on, and by ours where we do not."""

import numpy as np
import pandas as pd

from drltrade.data.events import Event, steps
from drltrade.data.faults import Floats

ADJUSTED = 1e-4
"""Relative difference from which an adjusted close is wrong."""


def readjusted(
    frame: pd.DataFrame, events: list[Event], paid: Floats, wrong: list[tuple[Event, float]],
    raw: bool,
) -> Floats:  # fmt: skip
    """The adjusted close [T].

    Args:
        frame: bars with close, dividend, split and "adjusted close".
        events: its dividends.
        paid: what they ought to be [T].
        wrong: those whose steps are wrong, and what was paid.
        raw: whether prices are not adjusted for splits.
    """
    published = frame["adjusted close"].to_numpy(np.float64)
    close = frame["close"].to_numpy(np.float64)
    if not wrong:
        return published
    at_close = _reinvests_at_close(events)
    kept = steps(frame, raw)
    # Between bars of which one is missing, adjusted close and close keep their ratio.
    factor = np.ones(len(close))
    for event, amount in wrong:
        base = event.close + amount if at_close else event.before
        ours = 1.0 - amount / base
        if not kept[event.row] > 0:
            return _anew(frame, events, paid, at_close, raw)
        factor[event.row] = ours / kept[event.row]
    # A step changes all that lies before it.
    later = np.append(np.cumprod(factor[:0:-1])[::-1], 1.0)
    adjusted = published * later
    same = np.isclose(adjusted, published, rtol=ADJUSTED, atol=0.0)
    return np.where(same, published, adjusted)


def _anew(
    frame: pd.DataFrame, events: list[Event], paid: Floats, at_close: bool, raw: bool
) -> Floats:
    """From the close and the dividends alone, for a step below 0 leaves nothing to go by."""
    close = frame["close"].to_numpy(np.float64)
    published = frame["adjusted close"].to_numpy(np.float64)
    step = 1.0 / frame["split"].to_numpy(np.float64) if raw else np.ones(len(close))
    for event in events:
        amount = paid[event.row]
        if event.agrees(amount) and event.step < 1.0:
            step[event.row] *= 1.0 - event.step
        elif amount > 0:
            step[event.row] *= 1.0 - amount / (event.close + amount if at_close else event.before)
    known = np.flatnonzero(np.isfinite(published) & (published > 0) & (close > 0))
    factor = np.append(np.cumprod(step[:0:-1])[::-1], 1.0)
    if not len(known):
        return published
    factor *= published[known[-1]] / close[known[-1]] / factor[known[-1]]
    adjusted = close * factor
    same = np.isclose(adjusted, published, rtol=ADJUSTED, atol=0.0)
    return np.where(same, published, adjusted)


def _reinvests_at_close(events: list[Event]) -> bool:
    """Whether the vendor's steps are nearer to the rule that reinvests at the close of the day."""
    nearer = [
        abs(each.paid / (each.close + each.paid) - each.step)
        < abs(each.paid / each.before - each.step)
        for each in events
        if each.paid > 0 and each.agrees(each.paid)
    ]
    return sum(nearer) > len(nearer) / 2
