"""Dividends that are copies of others: a second time within a week, or anywhere."""

import itertools
from typing import NamedTuple

import numpy as np

from drltrade.data.events import EXPLAINED
from drltrade.data.falls import Series
from drltrade.data.readjust import Twice

SECOND, COPIED = 1.2, 3.0
"""Log odds that of the same dividend twice within a week the second one is the copy, and those from
which that is decided."""
TWICE = np.timedelta64(7, "D")
"""How far apart one dividend is taken to have been recorded twice."""
APART = np.timedelta64(20, "D")
"""Who pays more often than this may pay the same twice in a week."""

ORIGINAL = 4.0
"""Log odds that a dividend which is no copy of another was paid."""
COPY = 1e-6
"""Relative difference of a dividend from the one that it is a copy of."""


class Copies(NamedTuple):
    """Dividends recorded again within a week."""

    gone: set[int]
    """Numbers of the events that are the copy."""
    twice: list[Twice]
    """Those that the adjusted close counts twice, and nothing says which is the copy."""


def copies_of(series: Series) -> Copies:
    """Events that are the dividend of another one within a week, recorded again.

    Where the adjusted close knows of one of them, that is the true one; otherwise the one on which
    the price fell, and nothing else tells.
    """
    paid = [i for i, event in enumerate(series.events) if event.paid > 0]
    times = series.times[paid]
    found = Copies(set(), [])
    if len(paid) > 2 and np.median(np.diff(times)) < APART / np.timedelta64(1, "D"):
        return found
    for one, other in itertools.pairwise(paid):
        first, second = series.events[one], series.events[other]
        near = series.times[other] - series.times[one] <= TWICE / np.timedelta64(1, "D")
        if not near or one in found.gone or not np.isclose(first.paid, second.paid, rtol=1e-3):
            continue
        known = [abs(event.step) > event.rounding for event in (first, second)]
        if known[0] != known[1]:
            found.gone.add(other if known[0] else one)
            continue
        fell = [series.fell(number, first.paid) for number in (one, other)]
        if min(fell) > EXPLAINED:
            continue  # it fell by it twice
        odds = SECOND + fell[0] - fell[1]
        if abs(odds) > COPIED:
            found.gone.add(other if odds > 0 else one)
        elif first.agrees(first.paid) and second.agrees(second.paid):
            found.twice.append(Twice(first, second if odds > 0 else first))
    return found


def originality(series: Series, number: int) -> float:
    """Log odds of its amount that a dividend was paid: below 0 if it is exactly another one's, by
    how rarely the others are; a mistake copies all digits."""
    if not is_copied(series, number):
        return ORIGINAL
    paid = np.array([event.paid for event in series.events])
    others = np.delete(paid, number)
    others = others[others > 0.0]
    if not np.isclose(others, paid[number], rtol=COPY).any():
        return 0.0
    repeated = sum(int(np.isclose(others, each, rtol=COPY).sum() > 1) for each in others)
    return float(np.log((repeated + 1) / (len(others) + 2)))


def is_copied(series: Series, number: int) -> bool:
    """Whether another dividend is of nearly the same amount."""
    paid = series.events[number].paid
    return any(
        np.isclose(paid, other.paid, rtol=1e-3)
        for i, other in enumerate(series.events) if i != number
    )  # fmt: skip
