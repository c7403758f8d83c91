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
CHANGES = ~np.eye(len(STATES), dtype=np.bool_)
"""[from, to]"""
OPEN = 0.1
"""Chance of a change of state, or of none, from which it is not ruled out."""
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


class Levels(NamedTuple):
    """Logs of a series; NaN where there is none."""

    price: Floats
    """[T] the middle of each bar."""
    close: Floats
    adjusted: Floats | None
    """Adjusted closes; None: there are none."""

    def until(self, end: int) -> "Levels":
        """Those of the bars before `end`."""
        adjusted = None if self.adjusted is None else self.adjusted[:end]
        return Levels(self.price[:end], self.close[:end], adjusted)


class Off(NamedTuple):
    """Bars that are off by a factor."""

    price: Mask
    """[T]"""
    adjusted: Mask
    doubtful: Mask
    """Bars of which it is open whether they are in the unit of the bar before."""


def off_by(
    levels: Levels, factor: float, switch: float,
    last: bool = False, at: int | None = None, cheap: float = 0.0, others: Floats | None = None,
) -> Off:  # fmt: skip
    """The bars whose prices, or adjusted closes, are `factor` times what others are.

    Args:
        levels: of the series.
        factor: F.
        switch: minus the log probability of a change of state.
        last: the last bar is known to be right.
        at: a bar at which a change is likely, for a split is told of there; its cost is `cheap`.
        cheap: see `at`.
        others: moves [T] that other splits make, if they are not adjusted for; 0: none.
    """
    price, close, adjusted = levels
    none = Off(*np.zeros((3, len(price)), np.bool_))
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
    closes = moves if adjusted is None else np.diff(close[there])
    seen = np.stack([moves, np.where(np.isfinite(closes), closes, moves), other])[:, rows]
    costs = _costs(seen, elsewhere, jump, deviation) + CHANGES * switching[:, None, None]
    path = _path(costs, last)
    # The state of a bar is that after the last row that could change it.
    known = np.array(STATES, np.bool_)[path][np.searchsorted(rows, np.arange(len(there)))]
    none.price[there], none.adjusted[there] = known[:, 0], known[:, 1]
    none.doubtful[there[rows[_doubtful(costs)] + 1]] = True
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


def _costs(seen: Floats, elsewhere: Floats, jump: float, deviation: float) -> Floats:
    """[R, from, to] minus the log likelihood of each row's moves, by change of state.

    Args:
        seen: moves [3, R] of the middle of the bar, of the close and of the adjusted close.
        elsewhere: moves [R] that other splits make, if they are not adjusted for; 0: none.
        jump: log F.
        deviation: of a move.
    """
    k, l_ = np.array(STATES).T
    by_price = k[None, :] - k[:, None]  # from row to column
    by_adjusted = l_[None, :] - l_[:, None]
    jumps = jump * np.stack([by_price, by_price, by_adjusted])
    costs = np.empty((seen.shape[1], len(STATES), len(STATES)))
    for row, step in enumerate(elsewhere):
        rest = seen[:, row, None, None] - jumps
        costs[row] = _unlikely(rest, deviation)
        for one, two in STATES[1:] if step else ():
            # There another split was forgotten, by prices, by adjusted closes or by both.
            forgotten = rest - step * np.array([one, one, two])[:, None, None]
            costs[row] = np.minimum(costs[row], _unlikely(forgotten, deviation) + OTHER)
    return costs


def _path(costs: Floats, last: bool) -> NDArray[np.int64]:
    """[R + 1] the likeliest states before, between and after the rows."""
    count = len(STATES)
    best, came = np.zeros(count), np.zeros((len(costs), count), np.int64)
    for row, cost in enumerate(costs):
        total = best[:, None] + cost
        came[row] = np.argmin(total, axis=0)
        best = total[came[row], np.arange(count)]
    if last:
        best[1:] = IMPOSSIBLE
    path = np.zeros(len(costs) + 1, np.int64)
    path[-1] = int(np.argmin(best))
    for row in range(len(costs) - 1, -1, -1):
        path[row] = came[row, path[row + 1]]
    return path


def _doubtful(costs: Floats) -> Mask:
    """[R] whether it is open if the state changes, by all paths together (forward and backward)."""
    forward = [np.zeros(len(STATES))]
    for cost in costs:
        forward.append(np.logaddexp.reduce(forward[-1][:, None] - cost, axis=0))
    backward = np.zeros(len(STATES))
    result = np.zeros(len(costs), np.bool_)
    for row in range(len(costs) - 1, -1, -1):
        joint = forward[row][:, None] - costs[row] + backward
        chance = float(np.exp(joint - np.logaddexp.reduce(joint, axis=None))[CHANGES].sum())
        result[row] = OPEN < chance < 1.0 - OPEN
        backward = np.logaddexp.reduce(backward - costs[row], axis=1)
    return result


def _unlikely(rest: Floats, deviation: float) -> Floats:
    """The cost of what is left of the three moves of a bar, which are one return."""
    middle, close, adjusted = rest
    # The close is the other side of the ratio, but it may be off alone.
    ratio = np.minimum(np.abs(middle - adjusted), np.abs(close - adjusted)) / RATIO
    # A ratio that the states leave unexplained is one of a wrong dividend: dear, but possible.
    both = np.maximum(_cost(middle / deviation), _cost(adjusted / deviation))
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
