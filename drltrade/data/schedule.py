"""When a series pays dividends: whether one was due at a time, by the times of the others."""

from enum import Enum

import numpy as np

from drltrade.data.faults import Floats

FEW = 3
"""Times between the other dividends below which a schedule is not known to be regular."""
EARLY = 0.6
"""Part of the least time between dividends before which one is out of turn."""
HOLE = 1.4
"""Times the most time between dividends, of a regular schedule the usual one, from which one is
missing in between."""
FITS = 0.2
"""Relative difference from the times between others of what lies on either side of one that is due.
"""
YEAR, SAME_DAYS = 365.25, 7.0
"""Days; by how many the days of a dividend are the same each year."""
RHYTHM = 0.12
"""Relative difference of the times between dividends of a series that repeat."""
REGULAR, MOST = 0.3, 0.8
"""Relative difference from the usual time between dividends, and the share of them within it, of a
series that pays regularly."""


class Turn(Enum):
    """Whether a dividend was due."""

    DUE = "without it there is a hole in a regular schedule, which it fills"
    PERHAPS = "without it there is a hole, in a schedule that is not regular"
    EARLY = "it is nearer to another than any two others are, in a regular schedule"
    UNKNOWN = "the times of the others tell nothing"


def turn_of(others: Floats, at: float) -> Turn:
    """Whether a dividend was due.

    Args:
        others: ascending times [N] of those that are known.
        at: its time.
    """
    place = int(np.searchsorted(others, at))
    inside = 0 < place < len(others)
    gaps = np.diff(others)
    rest = np.delete(gaps, place - 1) if inside else gaps
    if not len(rest):
        return Turn.UNKNOWN
    usual = float(np.median(rest))
    regular = len(rest) >= FEW and float(np.mean(np.abs(rest / usual - 1.0) < REGULAR)) >= MOST
    if regular and float(np.min(np.abs(others - at))) < EARLY * rest.min():
        return Turn.EARLY
    least, most = (usual, usual) if regular else (float(rest.min()), float(rest.max()))
    if not inside or gaps[place - 1] < HOLE * most:
        return Turn.UNKNOWN
    sides = np.array([at - others[place - 1], others[place] - at])
    fits = (sides > (1.0 - FITS) * least).all() and (sides < (1.0 + FITS) * most).all()
    if not fits:
        return Turn.UNKNOWN
    return Turn.DUE if regular else Turn.PERHAPS


ODDS = {Turn.DUE: 10.0, Turn.PERHAPS: 6.0, Turn.EARLY: -4.0, Turn.UNKNOWN: 0.0}
"""Log odds that its turn gives to a dividend, or takes from it."""


def is_regular(times: Floats) -> bool:
    """Whether most of the times [N] between dividends are much the same."""
    gaps = np.diff(times)
    if len(gaps) < FEW:
        return False
    return float(np.mean(np.abs(gaps / np.median(gaps) - 1.0) < REGULAR)) >= MOST


def odds_of(others: Floats, at: float) -> float:
    """Log odds, by its time alone, that a dividend is one, and not a mistake of any date.

    Args:
        others: ascending times [N] of those that are known.
        at: its time.
    """
    turn = turn_of(others, at)
    if turn is not Turn.UNKNOWN or not len(others):
        return ODDS[turn]
    if at > others[-1]:
        return next_turn(others, at)
    return next_turn(-others[::-1], -at) if at < others[0] else 0.0


def next_turn(others: Floats, at: float) -> float:
    """Log odds, by its time, that a dividend after all others is the next one: it is a year after
    another, or as long after the last as there is between others. 0: it is neither."""
    odds = [0.0]
    years = np.round((at - others) / YEAR)
    if ((years > 0) & (np.abs(at - others - years * YEAR) < SAME_DAYS)).any():
        odds.append(-float(np.log(_taken(others))))
    gaps = np.diff(others)
    if len(gaps) > 1:
        usual = float(np.median(gaps))
        alike = (np.abs(np.append(gaps, at - others[-1]) / usual - 1.0) < RHYTHM).all()
        odds.append(-float(np.log(2.0 * RHYTHM)) if alike else 0.0)
    return max(odds)


def _taken(times: Floats) -> float:
    """Part of the year that is within `SAME_DAYS` of the day of any of the times: so often does a
    date of no meaning fall there."""
    days = np.sort(times % YEAR)
    until_next = np.diff(np.append(days, days[0] + YEAR))
    return min(float(np.minimum(until_next, 2.0 * SAME_DAYS).sum()) / YEAR, 1.0)
