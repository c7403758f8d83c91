"""Loops over bars, compiled. Windows are summed in a fixed order, deviations from the newest value.

Arrays of a window's input are [n - 1 + T], with what came before; `state` holds what a recursion
carries from bar to bar. A value that is not a number gives none: in a window until it has left it,
in a recursion at its own bar alone.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

import numpy as np

from drltrade.compiling import say_compiling
from drltrade.features.arrays import Floats

_BLOCK = 1024
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Compile a loop when it is first called: numba takes longer to import than to find a typo."""

    @cache
    def compiled() -> Any:
        import numba

        dispatcher: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        kept = dispatcher._cache
        read = kept.load_overload

        def load_overload(signature: Any, target: Any) -> Any:
            found = read(signature, target)
            if found is None:
                say_compiling()
            return found

        kept.load_overload = load_overload
        return dispatcher

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return compiled()(*arguments)

    return cast(_Function, call)


@_compiled
def weighted_sums(x: Floats, weights: Floats) -> Floats:
    """sum_lag weights[lag] x[t - lag] over the last n values; [T]."""
    n = len(weights)
    count = max(len(x) - n + 1, 0)
    result = np.zeros(count)
    for begin in range(0, count, _BLOCK):
        total = result[begin : begin + _BLOCK]
        for lag in range(n):
            weight, older = weights[lag], x[begin + n - 1 - lag :]
            for i in range(len(total)):
                total[i] += weight * older[i]
    return result


@_compiled
def moments(x: Floats, n: int, powers: int) -> Floats:
    """[powers, T]: mean - newest, then sums of the 2nd, 3rd ... power of the deviations."""
    count = max(len(x) - n + 1, 0)
    result = np.zeros((powers, count))
    for begin in range(0, count, _BLOCK):
        parts, newest = result[:, begin : begin + _BLOCK], x[begin + n - 1 :]
        mean, size = parts[0], parts.shape[1]
        for lag in range(1, n):
            older = x[begin + n - 1 - lag :]
            for i in range(size):
                mean[i] += older[i] - newest[i]
        for i in range(size):
            mean[i] /= n
        for lag in range(n if powers == 2 else 0):
            older, squares = x[begin + n - 1 - lag :], parts[1]
            for i in range(size):
                deviation = older[i] - newest[i] - mean[i]
                squares[i] += deviation * deviation
        for lag in range(n if powers > 2 else 0):
            older = x[begin + n - 1 - lag :]
            for i in range(size):
                deviation = older[i] - newest[i] - mean[i]
                square = deviation * deviation
                parts[1, i] += square
                parts[2, i] += square * deviation
                parts[3, i] += square * square
    return result


@_compiled
def products(x: Floats, y: Floats, n: int, mean_x: Floats, mean_y: Floats) -> Floats:
    """Sum over the window of the products of deviations; means less the newest, as of `moments`."""
    count = max(len(x) - n + 1, 0)
    result = np.zeros(count)
    for begin in range(0, count, _BLOCK):
        total = result[begin : begin + _BLOCK]
        newest_x, newest_y = x[begin + n - 1 :], y[begin + n - 1 :]
        of_x, of_y = mean_x[begin:], mean_y[begin:]
        for lag in range(n):
            older_x, older_y = x[begin + n - 1 - lag :], y[begin + n - 1 - lag :]
            for i in range(len(total)):
                dx = older_x[i] - newest_x[i] - of_x[i]
                total[i] += dx * (older_y[i] - newest_y[i] - of_y[i])
    return result


@_compiled
def absolute_deviations(x: Floats, n: int, mean: Floats) -> Floats:
    """Sum of |x - mean[t]| over the window; mean is less the newest value, as of `moments`."""
    count = max(len(x) - n + 1, 0)
    result = np.zeros(count)
    for begin in range(0, count, _BLOCK):
        total, newest, of = result[begin : begin + _BLOCK], x[begin + n - 1 :], mean[begin:]
        for lag in range(n):
            older = x[begin + n - 1 - lag :]
            for i in range(len(total)):
                total[i] += abs(older[i] - newest[i] - of[i])
    return result


@_compiled
def highest(x: Floats, n: int) -> tuple[Floats, Floats]:
    """The largest of the last n values [T], and how many bars ago it was (the latest one)."""
    count = max(len(x) - n + 1, 0)
    result, since = np.full(count, np.nan), np.full(count, np.nan)
    best, valid_from = -1, 0
    for t in range(len(x)):
        if np.isnan(x[t]):
            best, valid_from = -1, t + 1
            continue
        if best >= 0 and best <= t - n:
            best = t - n + 1
            for i in range(best + 1, t):
                if x[i] >= x[best]:
                    best = i
        if best < 0 or x[t] >= x[best]:
            best = t
        if t >= n - 1 and t - valid_from >= n - 1:
            result[t - n + 1] = x[best]
            since[t - n + 1] = t - best
    return result, since


@_compiled
def ranks(x: Floats, n: int) -> Floats:
    """The share of the n - 1 values before that are below the newest, equal ones by a half; [T]."""
    count = max(len(x) - n + 1, 0)
    result = np.zeros(count)
    for begin in range(0, count, _BLOCK):
        end = min(begin + _BLOCK, count)
        for lag in range(1, n):
            for t in range(begin, end):
                other, newest = x[n - 1 - lag + t], x[n - 1 + t]
                if np.isnan(other) or np.isnan(newest):
                    result[t] = np.nan
                elif other < newest:
                    result[t] += 1.0
                elif other == newest:
                    result[t] += 0.5
    return result / (n - 1)


@_compiled
def smooth(x: Floats, alpha: float, n: int, skipped: int, state: Floats) -> Floats:
    """y = y + alpha (x - y), from the mean of the first n values after `skipped` ones on.

    state: [values so far, y or the sum of the first values]
    """
    result = np.full(len(x), np.nan)
    for t in range(len(x)):
        if np.isnan(x[t]):
            continue
        state[0] += 1.0
        seen = state[0] - skipped
        if seen <= 0.0:
            continue
        if seen <= n:
            state[1] += x[t]
            if seen == n:
                state[1] /= n
        else:
            state[1] += alpha * (x[t] - state[1])
        if seen >= n:
            result[t] = state[1]
    return result


@_compiled
def kaufman(x: Floats, alphas: Floats, state: Floats) -> Floats:
    """y = y + alphas[t] (x - y), from the x before the first alpha on.

    state: [whether y is known, y, the last x, whether there was one]
    """
    result = np.full(len(x), np.nan)
    for t in range(len(x)):
        if np.isnan(x[t]):
            continue
        if not np.isnan(alphas[t]):
            if state[0] == 0.0 and state[3] == 1.0:
                state[0], state[1] = 1.0, state[2]
            state[1] += alphas[t] * (x[t] - state[1])
            result[t] = state[1]
        state[2], state[3] = x[t], 1.0
    return result


@_compiled
def cumulative(x: Floats, state: Floats) -> Floats:
    """Sums of all values so far; state: [the sum]."""
    result = np.full(len(x), np.nan)
    for t in range(len(x)):
        if not np.isnan(x[t]):
            state[0] += x[t]
            result[t] = state[0]
    return result


@_compiled
def parabolic(high: Floats, low: Floats, step: float, limit: float, state: Floats) -> Floats:
    """Wilder's parabolic stop and reverse, as in ta_SAR.c.

    state: [bars so far, 1 long or 0 short, stop, extreme point, acceleration, high, low before]
    """
    result = np.full(len(high), np.nan)
    for t in range(len(high)):
        up, down = high[t], low[t]
        if np.isnan(up) or np.isnan(down):
            continue
        seen, before_up, before_down = state[0], state[5], state[6]
        state[0], state[5], state[6] = min(seen + 1.0, 2.0), up, down
        if seen == 0.0:
            continue
        if seen == 1.0:  # long, unless the first move is further down than up
            falls = before_down - down
            state[1] = 0.0 if falls > 0.0 and falls > up - before_up else 1.0
            state[2] = before_down if state[1] else before_up
            state[3] = up if state[1] else down
            state[4] = step
            before_up, before_down = up, down
        long, stop, extreme = state[1] == 1.0, state[2], state[3]
        if (long and down <= stop) or (not long and up >= stop):
            long = not long
            stop = min(extreme, before_down, down) if long else max(extreme, before_up, up)
            result[t] = stop
            state[4], extreme = step, up if long else down
        else:
            result[t] = stop
            if (long and up > extreme) or (not long and down < extreme):
                extreme = up if long else down
                state[4] = min(state[4] + step, limit)
        stop += state[4] * (extreme - stop)
        stop = min(stop, before_down, down) if long else max(stop, before_up, up)
        state[1], state[2], state[3] = 1.0 if long else 0.0, stop, extreme
    return result


@_compiled
def supertrend(close: Floats, upper: Floats, lower: Floats, state: Floats) -> Floats:
    """A band that only follows the price: below it in a rise, above it in a fall.

    state: [whether it has begun, 1 rising or 0 falling, upper band, lower band, close before]
    """
    result = np.full(len(close), np.nan)
    for t in range(len(close)):
        if np.isnan(upper[t]) or np.isnan(close[t]):
            continue
        if state[0] == 0.0:
            state[0], state[1], state[2], state[3] = 1.0, 1.0, upper[t], lower[t]
        else:
            if upper[t] < state[2] or state[4] > state[2]:
                state[2] = upper[t]
            if lower[t] > state[3] or state[4] < state[3]:
                state[3] = lower[t]
            if close[t] > state[2]:
                state[1] = 1.0
            elif close[t] < state[3]:
                state[1] = 0.0
        state[4] = close[t]
        result[t] = state[3] if state[1] == 1.0 else state[2]
    return result


@_compiled
def filtered_regimes(
    returns: Floats, mean: Floats, deviation: Floats, stay: Floats, state: Floats
) -> Floats:
    """[T] P(second regime) by Hamilton's filter; state: their probabilities before a return."""
    result = np.full(len(returns), np.nan)
    for t in range(len(returns)):
        if np.isnan(returns[t]):
            continue
        scores = -0.5 * ((returns[t] - mean) / deviation) ** 2 - np.log(deviation)
        likely = state * np.exp(scores - scores.max())
        likely /= likely.sum()
        result[t] = likely[1]
        state[0] = likely[0] * stay[0] + likely[1] * (1.0 - stay[1])
        state[1] = 1.0 - state[0]
    return result


@_compiled
def expected_regimes(
    returns: Floats, mean: Floats, deviation: Floats, stay: Floats, sums: Any, chances: Any
) -> float:
    """Log likelihood; adds to sums [3 moments, 2] and chances [from, to] (Baum and Welch)."""
    count = len(returns)
    move = np.array([[stay[0], 1.0 - stay[0]], [1.0 - stay[1], stay[1]]])
    density, forward = np.empty((count, 2)), np.empty((count, 2))
    scale, total = np.empty(count), 0.0
    prior = np.array([1.0 - stay[1], 1.0 - stay[0]])
    prior /= prior.sum()
    for t in range(count):
        scores = -0.5 * ((returns[t] - mean) / deviation) ** 2 - np.log(deviation)
        largest = scores.max()
        density[t] = np.exp(scores - largest)
        joint = prior * density[t]
        scale[t] = joint.sum()
        forward[t] = joint / scale[t]
        total += np.log(scale[t]) + largest
        prior = forward[t] @ move
    backward = np.ones(2)
    for t in range(count - 1, -1, -1):
        weight = forward[t] * backward
        weight /= weight.sum()
        sums[0] += weight
        sums[1] += weight * returns[t]
        sums[2] += weight * returns[t] ** 2
        if t > 0:
            ahead = density[t] * backward / scale[t]
            for i in range(2):
                chances[i] += forward[t - 1, i] * move[i] * ahead
            backward = move @ ahead
    return total
