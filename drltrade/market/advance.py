"""One bar for many accounts, under numba: the step of every environment on the CPU."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drltrade.market.kernel_cache import kernel
from drltrade.market.kernels import (
    ACCOUNT_REPORT,
    ACCOUNT_STATE,
    ASSET_REPORT,
    ASSET_STATE,
    bar_reader,
    compiled_loop_rule,
    compiled_rule,
    compiler,
    namespace,
    panel_terms,
    scratch_reader,
    terms_reader,
)
from drltrade.market.scratch import make_scratch
from drltrade.market.standing import BY_ASSET, make_standing
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan

LANES = 64
"""Accounts of one asset that are carried on side by side, in vector instructions."""

BRIEF = 2
"""Columns of a report that is not detailed: log return, ruined."""

_TAPE, _ORDERS = len(Bar._fields), 2
_STATE, _REPORT = len(ACCOUNT_STATE + ASSET_STATE), len(ACCOUNT_REPORT + ASSET_REPORT)
_SEEN = len(BY_ASSET) + 1


@cache
def advance_kernel(plan: Plan, detailed: bool = True) -> Any:
    """`advance(tape, terms, features, floor, room, orders, state, report, t, observed)`: one bar.

    Args:
        tape: [T, 9 N + 1], see `tensors.Market.tape`.
        terms: [20, N], see `Terms.table`.
        features: [T, F] float32.
        floor: equity at or below which an account is closed, money.
        room: see `make_room`.
        orders: [n, 2 N] targets (NaN: none), then amounts.
        state: [n, S], carried on in place.
        report: [n, R], or its first `BRIEF` columns where it is not `detailed`; written.
        t: [n] int64, the bar at whose close each account decides.
        observed: [n, window * F + 3 N + 1] float32, written: the window that ends with t + 1, then
            what the agent is told of its account.
    """
    return _advance_one(plan, detailed) if plan.single else _advance_many(plan, detailed)


@cache
def play_kernel(plan: Plan) -> Any:
    """The same for one account: rows in place of tables, a number in place of `t`."""
    return _play_one(plan) if plan.single else _play_many(plan)


def bound(kernel: Any, *first: Any, rest: tuple[Any, ...]) -> Callable[..., None]:
    """A kernel whose first arguments are given, once for all.

    What numba does in every call, to look at the arguments and choose the function that was
    compiled for their types, is done here: with seven arrays it takes as long as the rule.

    Args:
        kernel: of this module.
        first: its first arguments.
        rest: examples of the others, of the types that they will always have.
    """
    import numba

    compiled = kernel.compile(tuple(map(numba.typeof, (*first, *rest))))
    return partial(compiled, *first)


def make_room(assets: int) -> NDArray[np.float64]:
    """Room for a kernel to work in."""
    if assets > 1:
        return np.stack([*make_scratch(assets), np.zeros(assets)])
    return np.zeros((_TAPE + _ORDERS + _STATE + _REPORT + _SEEN) * LANES)


@cache
def _look() -> Any:
    @compiler()
    def look(features: Any, t: Any, observed: Any, size: Any) -> None:
        """Copy the window that ends with bar t into the first `size` numbers of `observed`."""
        count = features.shape[1]
        bars = size // count if count else 0
        for k in range(bars):
            for column in range(count):
                observed[k * count + column] = features[t - bars + 1 + k, column]

    return look


class Lanes(NamedTuple):
    """The functions that `_lanes` returns."""

    gather: Any
    carry_on: Any
    scatter: Any


def _lanes(  # noqa: C901 (its functions, not its branches, are many)
    plan: Plan, lanes: int, detailed: bool
) -> Lanes:
    """Accounts are gathered into lanes, field by field, where one instruction serves several."""
    step, jit = compiled_rule(plan), compiler()
    standing = make_standing(namespace(), jit)
    aged, of_asset = standing.aged, standing.of_asset
    # Where the blocks of `lanes` numbers begin: the columns of the tape, orders and so on.
    orders_at = _TAPE * lanes
    state_at = orders_at + _ORDERS * lanes
    report_at = state_at + _STATE * lanes
    seen_at = report_at + _REPORT * lanes
    columns = _TAPE if plan.reads_range or plan.reads_volume or plan.delistings else 3
    holding, years_at = plan.holding, (_TAPE - 1) * lanes

    @jit
    def carry_on(room: Any, prices: Any, floor: Any) -> None:
        """The rule in every lane."""
        for e in range(lanes):
            bar = Bar(
                room[e], room[lanes + e], room[2 * lanes + e], room[9 * lanes + e],
                room[3 * lanes + e], room[4 * lanes + e], room[5 * lanes + e], room[6 * lanes + e],
                room[7 * lanes + e], room[8 * lanes + e] > 0.0,
            )  # fmt: skip
            now, out, seen = state_at + e, report_at + e, seen_at + e
            equity, peak, units = room[now + lanes], room[now + 2 * lanes], room[now + 3 * lanes]
            account = Account(
                room[now], units, room[now + 4 * lanes], room[now + 6 * lanes],
                room[now + 7 * lanes],
            )  # fmt: skip
            target, amount = room[orders_at + e], room[orders_at + lanes + e]
            done = step(account, target, amount, bar, floor, prices)
            after = done.account
            age = aged(room[now + 5 * lanes], units, after.units)
            peak = done.equity if done.equity > peak else peak
            position, unrealised, tenure = of_asset(
                after.units, after.entry, age, bar.next_close, done.equity
            )
            room[now], room[now + lanes], room[now + 2 * lanes] = after.cash, done.equity, peak
            room[now + 3 * lanes], room[now + 4 * lanes] = after.units, after.entry
            room[now + 5 * lanes], room[now + 6 * lanes] = age, after.pressure
            room[now + 7 * lanes] = after.pending
            room[seen], room[seen + lanes], room[seen + 2 * lanes] = position, unrealised, tenure
            room[seen + 3 * lanes] = 1.0 - done.equity / peak
            room[out], room[out + lanes] = done.equity / equity, 1.0 if done.ruined else 0.0
            if detailed:
                room[out + 2 * lanes], room[out + 3 * lanes] = done.equity, after.cash
                room[out + 4 * lanes], room[out + 5 * lanes] = done.turnover, done.forgiven
                room[out + 6 * lanes] = 1.0 if done.exit_units != 0.0 else 0.0
                room[out + 7 * lanes], room[out + 8 * lanes] = done.commission, done.fixed
                room[out + 9 * lanes], room[out + 10 * lanes] = done.spread, done.slippage
                room[out + 11 * lanes], room[out + 12 * lanes] = done.impact, done.liquidation
                room[out + 13 * lanes], room[out + 14 * lanes] = done.borrow, done.financing
                room[out + 15 * lanes], room[out + 16 * lanes] = done.funding, done.interest
                room[out + 17 * lanes] = after.units
                room[out + 18 * lanes] = after.units * bar.next_close / done.equity
                room[out + 19 * lanes] = bar.fill if done.traded != 0.0 else math.nan
                room[out + 20 * lanes], room[out + 21 * lanes] = done.exit_price, done.traded
                room[out + 22 * lanes] = done.exit_units

    @jit
    def gather(row: Any, orders: Any, state: Any, e: Any, room: Any) -> None:
        """Bring an account, its orders and its row of the tape into lane e."""
        for k in range(columns):
            room[k * lanes + e] = row[k]
        if holding:
            room[years_at + e] = row[_TAPE - 1]
        for k in range(_ORDERS):
            room[orders_at + k * lanes + e] = orders[k]
        for k in range(_STATE):
            room[state_at + k * lanes + e] = state[k]

    @jit
    def scatter(room: Any, e: Any, state: Any, report: Any, observed: Any) -> None:
        """Bring lane e back into the rows of its account."""
        for k in range(_STATE):
            state[k] = room[state_at + k * lanes + e]
        report[0], report[1] = math.log(room[report_at + e]), room[report_at + lanes + e]
        if detailed:
            for k in range(BRIEF, _REPORT):
                report[k] = room[report_at + k * lanes + e]
        for k in range(_SEEN):
            observed[observed.size - _SEEN + k] = room[seen_at + k * lanes + e]

    return Lanes(gather, carry_on, scatter)


def _advance_one(plan: Plan, detailed: bool) -> Any:
    gather, carry_on, scatter = _lanes(plan, LANES, detailed)
    read, look = terms_reader(), _look()

    @kernel(plan, detailed)
    def advance(
        tape: Any, terms: Any, features: Any, floor: Any, room: Any, orders: Any, state: Any,
        report: Any, t: Any, observed: Any,
    ) -> None:  # fmt: skip
        prices, size = read(terms, 0), observed.shape[1] - _SEEN
        for first in range(0, t.size, LANES):
            count = min(LANES, t.size - first)
            for e in range(count):
                n = first + e
                gather(tape[t[n]], orders[n], state[n], e, room)
            carry_on(room, prices, floor)
            for e in range(count):
                n = first + e
                scatter(room, e, state[n], report[n], observed[n])
                look(features, t[n] + 1, observed[n], size)

    return advance


def _play_one(plan: Plan) -> Any:
    gather, carry_on, scatter = _lanes(plan, 1, True)
    read, look = terms_reader(), _look()

    @kernel(plan)
    def play(
        tape: Any, terms: Any, features: Any, floor: Any, room: Any, orders: Any, state: Any,
        report: Any, t: Any, observed: Any,
    ) -> None:  # fmt: skip
        gather(tape[t], orders, state, 0, room)
        carry_on(room, read(terms, 0), floor)
        scatter(room, 0, state, report, observed)
        look(features, t + 1, observed, observed.size - _SEEN)

    return play


def _advance_many(plan: Plan, detailed: bool) -> Any:
    carry = _carry_many(plan, detailed)

    @kernel(plan, detailed)
    def advance(
        tape: Any, terms: Any, features: Any, floor: Any, room: Any, orders: Any, state: Any,
        report: Any, t: Any, observed: Any,
    ) -> None:  # fmt: skip
        for e in range(t.size):
            carry(
                tape, terms, features, floor, room, orders[e], state[e], report[e], t[e],
                observed[e],
            )  # fmt: skip

    return advance


def _play_many(plan: Plan) -> Any:
    carry = _carry_many(plan, True)

    @kernel(plan)
    def play(
        tape: Any, terms: Any, features: Any, floor: Any, room: Any, orders: Any, state: Any,
        report: Any, t: Any, observed: Any,
    ) -> None:  # fmt: skip
        carry(tape, terms, features, floor, room, orders, state, report, t, observed)

    return play


def _carry_many(plan: Plan, detailed: bool) -> Any:
    step, jit, look = compiled_loop_rule(plan), compiler(), _look()
    standing = make_standing(namespace(), jit)
    aged, of_asset = standing.aged, standing.of_asset
    bar_at, read, scratch = bar_reader(), panel_terms(), scratch_reader()
    first = len(ACCOUNT_REPORT)

    @jit
    def observe(
        units: Any, entry: Any, age: Any, before: Any, close: Any, equity: Any, seen: Any
    ) -> None:
        n = units.size
        for i in range(n):
            age[i] = aged(age[i], before[i], units[i])
            seen[i], seen[n + i], seen[2 * n + i] = of_asset(
                units[i], entry[i], age[i], close[i], equity
            )

    @jit
    def tell(out: Any, done: Any, bar: Any) -> None:
        n, units, equity = done.account.units.size, done.account.units, done.equity
        out[2], out[3], out[4], out[5] = equity, done.account.cash, done.turnover, done.forgiven
        out[6], out[7], out[8] = 0.0, done.commission, done.fixed
        out[9], out[10], out[11] = done.spread, done.slippage, done.impact
        out[12], out[13], out[14] = done.liquidation, done.borrow, done.financing
        out[15], out[16] = done.funding, done.interest
        by_asset = out[first:]
        for i in range(n):
            out[6] += 1.0 if done.exit_units[i] != 0.0 else 0.0
            by_asset[i], by_asset[n + i] = units[i], units[i] * bar.next_close[i] / equity
            by_asset[2 * n + i] = bar.fill[i] if done.traded[i] != 0.0 else math.nan
            by_asset[3 * n + i], by_asset[4 * n + i] = done.exit_price[i], done.traded[i]
            by_asset[5 * n + i] = done.exit_units[i]

    @jit
    def carry(
        tape: Any, terms: Any, features: Any, floor: Any, room: Any, orders: Any, state: Any,
        report: Any, t: Any, observed: Any,
    ) -> None:  # fmt: skip
        n = terms.shape[1]
        bar, at, before = bar_at(tape[t], n), scratch(room), room[room.shape[0] - 1]
        units, entry, age = state[3 : 3 + n], state[3 + n : 3 + 2 * n], state[3 + 2 * n : 3 + 3 * n]
        equity = state[1]
        for i in range(n):
            before[i] = units[i]
        account = Account(state[0], units, entry, state[3 + 3 * n : 3 + 4 * n], state[3 + 4 * n :])
        done = step(account, orders[:n], orders[n:], bar, floor, read(terms), at)
        peak = done.equity if done.equity > state[2] else state[2]
        state[0], state[1], state[2] = done.account.cash, done.equity, peak
        report[0], report[1] = math.log(done.equity / equity), 1.0 if done.ruined else 0.0
        if detailed:
            tell(report, done, bar)
        size = observed.size - 3 * n - 1
        observe(units, entry, age, before, bar.next_close, done.equity, observed[size:])
        observed[observed.size - 1] = 1.0 - done.equity / peak
        look(features, t + 1, observed, size)

    return carry
