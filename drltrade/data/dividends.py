"""Dividends that cannot be: too large or small by a hundred, paid twice, not adjusted for.

What a vendor says of a dividend can be read in three places that ought to agree: the dividend
itself, y = D / C_{t-1}; the step of its adjusted close, a = 1 - (A_{t-1} / C_{t-1}) / (A_t / C_t);
and the fall of the price on the ex-date. Where the first two disagree, or the third contradicts
both, what is likeliest is taken: the fall has a Laplace distribution around the yield, and yields
are lognormal around 1%.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

USUAL, SPREAD = np.log(0.01), 1.5
"""Mean and deviation of the log of a dividend's yield."""
AGREE = 0.02
"""Relative difference of yield and step within which they agree (or `NEGLIGIBLE`, absolute)."""
NEGLIGIBLE = 2e-4
DOUBT = 7.0
"""Minus the log probability that a dividend on which yield and step agree is wrong."""
DECIDED = 2.0
"""Difference of log likelihoods below which an event follows the others of its kind."""
EXPLAINED = 3.0
"""Deviations from the yield within which a fall bears it out."""
LEAST = 0.01
"""Deviation of a fall; what hardly trades does not fall on the day."""
TWICE = pd.Timedelta(days=7)
"""How far apart one dividend is taken to have been recorded twice."""
BORNE_OUT = 0.25
"""Part of a dividend by which the price must have fallen, if it was paid twice in a week."""
APART = pd.Timedelta(days=20)
"""Who pays more often than this may pay the same twice in a week."""
ADJUSTED = 1e-4
"""Relative difference from which an adjusted close is wrong."""


class Event(NamedTuple):
    """A dividend as it is recorded."""

    row: int
    paid: float
    before: float
    """The last close before, in units of the ex-date."""
    close: float
    """That of the ex-date."""
    step: float
    """That of the adjusted close, a; NaN where it cannot be told."""
    fall: float
    """Of the price, middle of open and close, as a share of the close before."""
    split: float
    """Of the same bar."""


def corrected(frame: pd.DataFrame, raw: bool) -> pd.DataFrame | None:
    """The columns dividend and "adjusted close" as they ought to be.

    Args:
        frame: bars [T] by ascending labels with columns close, open, dividend, split and "adjusted
            close"; prices not adjusted for dividends.
        raw: whether they are not adjusted for splits either.

    Returns:
        Both columns [T]; None where there is nothing to correct by.
    """
    needed = ("dividend", "split", "adjusted close")
    if not all(name in frame for name in needed):
        return None
    paid = frame["dividend"].to_numpy(np.float64).copy()
    events = _events(frame, raw)
    if not events:
        return None
    deviation = _deviation(frame)
    amounts = _amounts(events, deviation)
    for event, amount in zip(events, amounts, strict=True):
        paid[event.row] = amount
    for row in _twice(frame, events, amounts):
        paid[row] = 0.0
    adjusted = _adjusted(frame, events, paid, raw)
    return pd.DataFrame({"dividend": paid, "adjusted close": adjusted}, frame.index)


def _events(frame: pd.DataFrame, raw: bool) -> list[Event]:
    close, opened, adjusted, paid, split = (
        frame[name].to_numpy(np.float64)
        for name in ("close", "open", "adjusted close", "dividend", "split")
    )
    priced = np.flatnonzero(np.isfinite(close) & (close > 0))
    events = []
    for row in np.flatnonzero(paid > 0):
        place = int(np.searchsorted(priced, row))
        if place in (0, len(priced)) or priced[place] != row:
            continue  # no price says what it was a share of
        last = priced[place - 1]
        unit = split[row] if raw else 1.0
        before = close[last] / unit
        with np.errstate(invalid="ignore", divide="ignore"):
            step = 1.0 - (adjusted[last] / before) / (adjusted[row] / close[row])
        # Between bars without a price nobody has adjusted anything.
        step = step if np.isfinite(step) and last == row - 1 else np.nan
        at_open = opened[row] if np.isfinite(opened[row]) else close[row]
        fall = 1.0 - (at_open + close[row]) / 2.0 / before
        events.append(Event(int(row), paid[row], before, close[row], step, fall, split[row]))
    return events


def _deviation(frame: pd.DataFrame) -> float:
    """Mean absolute deviation of what `Event.fall` is on other days, as a median tells it."""
    close, opened = frame["close"].to_numpy(np.float64), frame["open"].to_numpy(np.float64)
    falls = 1.0 - (opened[1:] + close[1:]) / 2.0 / close[:-1]
    falls = falls[np.isfinite(falls)]
    return max(float(np.median(np.abs(falls))) / np.log(2.0), LEAST) if len(falls) else LEAST


def _agrees(paid: float, event: Event) -> bool:
    """Whether the step of the adjusted close is that of so large a dividend, by either rule.

    It is reinvested at the close before or at that of the ex-date, see `adjust`.
    """
    either = (paid / event.before, paid / (event.close + paid))
    return any(abs(each - event.step) < max(AGREE * each, NEGLIGIBLE) for each in either)


def _likely(paid: float, event: Event, deviation: float) -> float:
    """Log likelihood of a fall, given what was paid, and of paying so much."""
    yielded = paid / event.before
    usual = (np.log(yielded) - USUAL) / SPREAD
    return float(-abs(event.fall - yielded) / deviation - usual**2 / 2.0)


def _amounts(events: list[Event], deviation: float) -> list[float]:
    """What was paid: as recorded, or in another unit."""
    agreed = [event for event in events if _agrees(event.paid, event)]
    amounts, undecided, leaning = [], [], 0.0
    for number, event in enumerate(events):
        amounts.append(event.paid)
        if np.isnan(event.step) or event in agreed:
            others = [each.paid for each in agreed if each is not event]
            amounts[-1] = _in_doubt(event, others, deviation)
        elif event.split != 1.0 and _agrees(event.paid / event.split, event):
            amounts[-1] = event.paid / event.split
        elif _agrees(event.paid / 100.0, event):
            other = event.paid / 100.0
            gained = _likely(other, event, deviation) - _likely(event.paid, event, deviation)
            if abs(gained) < DECIDED:
                undecided.append(number)
            else:
                leaning += np.sign(gained)
                amounts[-1] = other if gained > 0 else event.paid
    for number in undecided:
        amounts[number] /= 100.0 if leaning > 0 else 1.0
    return amounts


def _in_doubt(event: Event, others: list[float], deviation: float) -> float:
    """A dividend that nothing contradicts but the price, and the size of the others."""
    typical = np.median(np.log(others)) if len(others) > 1 else None

    def score(paid: float) -> float:
        unlike = 0.0 if typical is None else (np.log(paid) - typical) ** 2 / 2.0
        return _likely(paid, event, deviation) - unlike

    def missed_by(paid: float) -> float:
        return abs(event.fall - paid / event.before) / deviation

    best = event.paid
    for other in (event.paid / 100.0, event.paid * 100.0):
        told = missed_by(other) < EXPLAINED < missed_by(event.paid)
        if told and score(other) - score(event.paid) > DOUBT:
            best = other
    return best


def _twice(frame: pd.DataFrame, events: list[Event], amounts: list[float]) -> list[int]:
    """Rows at which a dividend is that of another row: of the two the one with the smaller fall.

    Unless yield, step and fall agree that it was paid.
    """
    times = frame.index[[event.row for event in events]]
    if len(events) > 2 and np.median(np.diff(times.to_numpy())) < APART.to_timedelta64():
        return []
    gone = []
    for (first, one), (second, other) in zip(
        zip(events[:-1], amounts[:-1], strict=True), zip(events[1:], amounts[1:], strict=True),
        strict=True,
    ):  # fmt: skip
        near = frame.index[second.row] - frame.index[first.row] <= TWICE
        if near and np.isclose(one, other, rtol=1e-3):
            event, paid = (first, one) if first.fall < second.fall else (second, other)
            if event.fall < BORNE_OUT * paid / event.before or not _agrees(paid, event):
                gone.append(event.row)
    return gone


def _reinvests_at_close(events: list[Event]) -> bool:
    """Whether the vendor's steps are nearer to the rule that reinvests at the close of the day."""
    nearer = [
        abs(each.paid / (each.close + each.paid) - each.step)
        < abs(each.paid / each.before - each.step)
        for each in events
        if _agrees(each.paid, each)
    ]
    return sum(nearer) > len(nearer) / 2


def _adjusted(frame: pd.DataFrame, events: list[Event], paid: Floats, raw: bool) -> Floats:
    """The adjusted close by steps that its vendor and we agree on, and ours where we do not."""
    published = frame["adjusted close"].to_numpy(np.float64)
    close = frame["close"].to_numpy(np.float64)
    wrong = {event.row for event in events if not _agrees(paid[event.row], event)}
    at_close = _reinvests_at_close(events)
    if not wrong and (published[np.isfinite(published)] > 0).all():
        return published
    ratio = published / close
    factor = np.ones(len(close))
    split = frame["split"].to_numpy(np.float64)
    running = ratio[np.flatnonzero(np.isfinite(ratio))[-1]]
    known = {event.row: event for event in events}
    later = None
    for row in range(len(close) - 1, -1, -1):
        if np.isfinite(close[row]):
            if later is not None and later not in known:
                step = ratio[row] / ratio[later] * (split[later] if raw else 1.0)
                # A step that no dividend explains is the vendor's, and stays if it can be one.
                running *= step if 0.0 < step < 1.5 else 1.0
            factor[row] = running
            later = row
        else:
            factor[row] = np.nan
        if row in known:
            event = known[row]
            base = event.close + paid[row] if at_close else event.before
            running *= 1.0 - (paid[row] / base if row in wrong else event.step)
        if raw:
            running /= split[row]
    adjusted = close * factor
    same = np.isclose(adjusted, published, rtol=ADJUSTED, atol=0.0)
    return np.where(same, published, adjusted)
