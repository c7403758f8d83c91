"""Runs of bars in another unit than the others: a hidden state of prices and of adjusted closes.

Whether prices (state k) and adjusted closes (state l) of a bar are off by a factor F is hidden;
what is seen are log returns of the price and of the adjusted close,

    p_t - p_{t-1} = r_t + (k_t - k_{t-1}) log F,    a_t - a_{t-1} = r_t + (l_t - l_{t-1}) log F

with one and the same return r_t, of Student's t with 3 degrees of freedom, and a price on each
change of state. The likeliest path (Viterbi 1967) finds single bars and long runs alike. Where the
price and the adjusted close differ in state, their ratio shows it without any noise.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drltrade.data.faults import Floats, Mask

DEGREES = 3.0
SMALLEST_DEVIATION = 0.003
LIKE = 0.35
"""Part of log F by which a move may differ from it, to be looked at as a change of state."""
RATIO = 0.02
"""Deviation of the ratio of price and adjusted close: dividends."""
STATES = ((0, 0), (1, 0), (0, 1), (1, 1))
"""(price is off, adjusted close is off)."""
UNEXPLAINED = 40.0
"""Most that a ratio of price and adjusted close costs."""
CLEAR, CLEAR_AT_SPLIT = 9.0, 6.0
"""Deviations of the moves that log F must be above: of what moves more, moves of its size are true.
The second, at a split that is told of."""
EXACT = 5.0
"""Deviations that the moves at the edges of a run may be from it."""
EXACT_AT_SPLIT = 0.1
"""And of log F, at a split that is told of, however little else moves."""
PERHAPS = 1.5
"""Log likelihood by which a move is rather that of an edge than a true one, from which a run may as
well begin there as before."""
IMPOSSIBLE = 1e9
OTHER = 1.5
"""Minus the log probability that another split is not adjusted for."""


class Off(NamedTuple):
    """Bars that are off by a factor."""

    price: Mask
    """[T]"""
    adjusted: Mask


def off_by(
    price: Floats, adjusted: Floats | None, factor: float, switch: float,
    last: bool = False, at: int | None = None, cheap: float = 0.0, others: Floats | None = None,
) -> Off:  # fmt: skip
    """The bars whose prices, or adjusted closes, are `factor` times what others are.

    Args:
        price: logs [T] of the middle of each bar; NaN where there is none.
        adjusted: logs of the adjusted closes; None: there are none.
        factor: F.
        switch: minus the log probability of a change of state.
        last: the last bar is known to be right.
        at: a bar at which a change is likely, for a split is told of there; its cost is `cheap`.
        cheap: see `at`.
        others: moves [T] that other splits make, if they are not adjusted for; 0: none.
    """
    none = Off(np.zeros(len(price), np.bool_), np.zeros(len(price), np.bool_))
    there = np.flatnonzero(np.isfinite(price) & (adjusted is None or np.isfinite(adjusted)))
    if len(there) < 3:
        return none
    jump = float(np.log(factor))
    moves = np.diff(price[there])
    other = moves if adjusted is None else np.diff(adjusted[there])
    like = np.abs(np.abs(moves) - abs(jump)) < LIKE * abs(jump)
    like |= np.abs(np.abs(other) - abs(jump)) < LIKE * abs(jump)
    rows = np.flatnonzero(like)
    if not len(rows):
        return none  # nothing like it, as in nearly every series
    switching = np.full(len(rows), switch)
    if at is not None:
        switching[there[rows + 1] == at] = cheap
    elsewhere = np.zeros(len(rows)) if others is None else others[there[rows + 1]]
    deviation = _deviation(moves)
    path = _path(moves[rows], other[rows], elsewhere, jump, deviation, switching, last)
    # The state of a bar is that after the last row that could change it.
    known = np.array(STATES, np.bool_)[path][np.searchsorted(rows, np.arange(len(there)))]
    none.price[there], none.adjusted[there] = known[:, 0], known[:, 1]
    return none


def sure(level: Floats, first: int, last: int, factor: float, at: int | None = None) -> bool:
    """Whether the moves at both edges of a run of bars that are off are what the factor makes them.

    Args:
        level: logs [T] of what is off.
        first: the first bar of the run.
        last: the one after.
        factor: F.
        at: a bar at which a split is told of.
    """
    there = np.flatnonzero(np.isfinite(level))
    moves = np.diff(level[there])
    places = np.searchsorted(there, (first, last)) - 1
    others = np.delete(moves, places[(places >= 0) & (places < len(moves))])
    if not len(others):
        return False
    deviation, jump = _deviation(others), abs(float(np.log(factor)))
    for edge, sign in ((first, 1.0), (last, -1.0)):
        place = int(np.searchsorted(there, edge))
        if not 0 < place < len(there):
            continue
        rest = abs(moves[place - 1] - sign * float(np.log(factor)))
        clear, exact = CLEAR, EXACT * deviation
        if edge == at:
            clear, exact = CLEAR_AT_SPLIT, max(exact, EXACT_AT_SPLIT * jump)
        if jump < clear * deviation or rest > min(exact, jump / 2):
            return False
    return True


def stepped(levels: list[Floats], at: int, factor: float, told: list[int]) -> float:
    """Log odds that prices step at a split, and the move there is not a true one.

    Args:
        levels: logs [T] of prices, one or more; the one that moves least is looked at.
        at: the bar of the split.
        factor: new shares for an old one.
        told: the bars of all splits.

    Returns:
        0 where the bar or the one before has no price.
    """
    found = []
    for level in levels:
        moves = np.diff(level)
        others = moves[np.setdiff1d(np.arange(len(moves)), np.array(told) - 1)]
        others = others[np.isfinite(others)]
        if len(others) and np.isfinite(moves[at - 1]):
            found.append((_deviation(others), moves[at - 1]))
    if not found:
        return 0.0
    deviation, move = min(found)
    return float(_cost(move / deviation) - _cost((move + np.log(factor)) / deviation))


def proven_beginning(level: Floats, last: int, factor: float, others: Floats) -> int:
    """Find where a run begins for sure that reaches back to the first bar, without an edge there.

    It is at the last move within it that looks like its edge.

    Args:
        level: logs [T] of what is off.
        last: the bar after the run.
        factor: F.
        others: moves [T] that other splits make, if they are not adjusted for; 0: none.
    """
    there = np.flatnonzero(np.isfinite(level))
    moves = np.diff(level[there])
    if not len(moves):
        return 0
    deviation, jump = _deviation(moves), float(np.log(factor))
    gained = _cost(moves / deviation) - _cost((moves - jump) / deviation)
    edges = there[1:][(gained > PERHAPS) & (there[1:] < last) & (others[there[1:]] == 0.0)]
    return int(edges[-1]) if len(edges) else 0


def _deviation(moves: Floats) -> float:
    middle = np.median(moves)
    return max(1.48 * float(np.median(np.abs(moves - middle))), SMALLEST_DEVIATION)


def _path(
    moves: Floats,
    other: Floats,
    elsewhere: Floats,
    jump: float,
    deviation: float,
    switching: Floats,
    last: bool,
) -> NDArray[np.int64]:
    """[R + 1] states before, between and after the rows."""
    count = len(STATES)
    k, l_ = np.array(STATES).T
    by_price = k[None, :] - k[:, None]  # from row to column
    by_adjusted = l_[None, :] - l_[:, None]
    changes = (by_price != 0) | (by_adjusted != 0)
    best, came = np.zeros(count), np.zeros((len(moves), count), np.int64)
    for row in range(len(moves)):
        price, adjusted = moves[row] - by_price * jump, other[row] - by_adjusted * jump
        cost = _unlikely(price, adjusted, deviation)
        for one, two in STATES[1:] if elsewhere[row] else ():
            # There another split was forgotten, by prices, by adjusted closes or by both.
            step = elsewhere[row]
            forgotten = _unlikely(price - one * step, adjusted - two * step, deviation)
            cost = np.minimum(cost, forgotten + OTHER)
        total = best[:, None] + cost + changes * switching[row]
        came[row] = np.argmin(total, axis=0)
        best = total[came[row], np.arange(count)]
    if last:
        best[1:] = IMPOSSIBLE
    path = np.zeros(len(moves) + 1, np.int64)
    path[-1] = int(np.argmin(best))
    for row in range(len(moves) - 1, -1, -1):
        path[row] = came[row, path[row + 1]]
    return path


def _unlikely(price: Floats, adjusted: Floats, deviation: float) -> Floats:
    """The cost of what is left of two returns that are one."""
    ratio = (price - adjusted) / RATIO
    # A ratio that the states leave unexplained is one of a wrong dividend: dear, but possible.
    both = np.maximum(_cost(price / deviation), _cost(adjusted / deviation))
    unlikely: Floats = both + np.minimum(ratio**2 / 2.0, UNEXPLAINED)
    return unlikely


def _cost(scaled: Floats) -> Floats:
    """Minus the log density of Student's t, but for a constant."""
    cost: Floats = (DEGREES + 1.0) / 2.0 * np.log1p(scaled**2 / DEGREES)
    return cost


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Where its stretches begin, and end (the bar after)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
