"""The accounting rule under numba: one bar for many accounts, a path, thousands of paths.

An account is a row of numbers here, so that a step is one call with a handful of arrays.
"""

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from drltrade.market.account import Rule, make_rule
from drltrade.market.loops import LoopRule, Scratch, make_loop_rule
from drltrade.market.namespaces import Scalar
from drltrade.market.standing import make_standing
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.terms import Plan, Terms

ACCOUNT_STATE = ("cash", "equity", "peak")
ASSET_STATE = ("units", "entry", "age", "pressure", "pending")
"""A row of state: the account's numbers, then each of the assets' as a block of N."""

ACCOUNT_REPORT = (
    "log_return",
    "ruined",
    "equity",
    "cash",
    "turnover",
    "forgiven",
    "exited",
    *COST_PARTS,
)
ASSET_REPORT = ("units", "weights", "fills", "exits", "traded", "closed")
"""A row of report, likewise: fills and exits are prices (NaN where none), `traded` is the signed
value of the order, `closed` the units that stop-loss, take-profit, margin call, ruin or delisting
closed."""


def state_size(assets: int) -> int:
    """Numbers in a row of state."""
    return len(ACCOUNT_STATE) + len(ASSET_STATE) * assets


def report_size(assets: int) -> int:
    """Numbers in a row of report."""
    return len(ACCOUNT_REPORT) + len(ASSET_REPORT) * assets


def compiler() -> Callable[[Any], Any]:
    """numba.njit with numpy's error model: x / 0 is inf, as in the other specialisations."""
    import numba

    return numba.njit(
        error_model="numpy", forceinline=True, fastmath={"reassoc", "contract", "nsz", "arcp"}
    )


@cache
def _namespace() -> Any:
    import numba

    inline = numba.njit(inline="always")
    simple = ("where", "sign", "total", "each", "settled")
    functions = {name: inline(getattr(Scalar, name)) for name in simple}
    return SimpleNamespace(abs=abs, sqrt=math.sqrt, **functions)


@cache
def compiled_rule(plan: Plan) -> Rule:
    """The rule for one account of one asset; importing and compiling takes seconds."""
    return make_rule(_namespace(), plan, compiler())


@cache
def compiled_loop_rule(plan: Plan) -> LoopRule:
    """The rule for one account of many assets."""
    return make_loop_rule(_namespace(), plan, compiler())


@cache
def terms_reader() -> Any:
    """`read(table, i) -> Terms` of one asset, from `Terms.table`."""

    @compiler()
    def read(table: Any, i: Any) -> Terms:
        return Terms(
            table[0, i], table[1, i], table[2, i], table[3, i], table[4, i], table[5, i],
            table[6, i], table[7, i], table[8, i], table[9, i], table[10, i], table[11, i],
            table[12, i], table[13, i], table[14, i], table[15, i], table[16, i], table[17, i],
            table[18, i], table[19, i],
        )  # fmt: skip

    return read


@cache
def advance_kernel(plan: Plan) -> Any:
    """`advance(tape, terms, orders, state, t, report, features, observed, floor)`: one bar.

    Args:
        tape: [T, 9 N + 1], see `tensors.Market.tape`.
        terms: [20, N], see `Terms.table`.
        orders: [n, 2 N] targets (NaN: none), then amounts.
        state: [n, S], carried on in place.
        t: [n] int64, the bar at whose close each account decides.
        report: [n, R], written.
        features: [T, F] float32.
        observed: [n, window * F + 3 N + 1] float32, written: the window that ends with t + 1, then
            what the agent is told of its account.
        floor: equity at or below which an account is closed, money.
    """
    return _advance_one(plan) if plan.single else _advance_many(plan)


def _advance_one(plan: Plan) -> Any:
    step, jit = compiled_rule(plan), compiler()
    standing = make_standing(_namespace(), jit)
    aged, of_asset, read = standing.aged, standing.of_asset, terms_reader()

    @jit
    def advance(
        tape: Any, terms: Any, orders: Any, state: Any, t: Any, report: Any, features: Any,
        observed: Any, floor: Any,
    ) -> None:  # fmt: skip
        prices = read(terms, 0)
        for e in range(t.size):
            now, bar, out = state[e], tape[t[e]], report[e]
            account = Account(now[0], now[3], now[4], now[6], now[7])
            units, equity = now[3], now[1]
            done = step(
                account, orders[e, 0], orders[e, 1],
                Bar(
                    bar[0], bar[1], bar[2], bar[9], bar[3], bar[4], bar[5], bar[6], bar[7],
                    bar[8] > 0.0,
                ),
                floor, prices,
            )  # fmt: skip
            after = done.account
            age = aged(now[5], units, after.units)
            now[0], now[1], now[2] = after.cash, done.equity, max(now[2], done.equity)
            now[3], now[4], now[5] = after.units, after.entry, age
            now[6], now[7] = after.pressure, after.pending
            position, unrealised, tenure = of_asset(
                after.units, after.entry, age, bar[2], done.equity
            )
            out[0], out[1], out[2] = math.log(done.equity / equity), done.ruined, done.equity
            out[3], out[4], out[5] = after.cash, done.turnover, done.forgiven
            out[6], out[7], out[8] = done.exit_units != 0.0, done.commission, done.fixed
            out[9], out[10], out[11] = done.spread, done.slippage, done.impact
            out[12], out[13], out[14] = done.liquidation, done.borrow, done.financing
            out[15], out[16], out[17] = done.funding, done.interest, after.units
            out[18] = after.units * bar[2] / done.equity
            out[19] = bar[0] if done.traded != 0.0 else math.nan
            out[20], out[21], out[22] = done.exit_price, done.traded, done.exit_units
            size = observed.shape[1] - 4
            look(features, t[e] + 1, observed[e], size)
            observed[e, size], observed[e, size + 1] = position, unrealised
            observed[e, size + 2], observed[e, size + 3] = tenure, 1.0 - done.equity / now[2]

    look = _look()
    return advance


@cache
def _look() -> Any:
    @compiler()
    def look(features: Any, t: Any, observed: Any, size: Any) -> None:
        """Copy the window that ends with bar t into the first `size` numbers of `observed`."""
        if size > 0:
            count = features.shape[1]
            flat = features.reshape(features.size)
            start = (t + 1) * count - size
            for k in range(size):
                observed[k] = flat[start + k]

    return look


@cache
def bar_reader() -> Any:
    """`read(row, assets) -> Bar` of arrays [N], views of a row of the tape."""

    @compiler()
    def read(row: Any, n: Any) -> Bar:
        return Bar(
            row[:n], row[n : 2 * n], row[2 * n : 3 * n], row[9 * n], row[3 * n : 4 * n],
            row[4 * n : 5 * n], row[5 * n : 6 * n], row[6 * n : 7 * n], row[7 * n : 8 * n],
            row[8 * n : 9 * n],
        )  # fmt: skip

    return read


@cache
def panel_terms() -> Any:
    """`read(table) -> Terms` of arrays [N] and the account's own numbers."""

    @compiler()
    def read(table: Any) -> Terms:
        return Terms(
            table[0], table[1], table[2], table[3], table[4], table[5], table[6], table[7],
            table[8], table[9], table[10], table[11], table[12], table[13], table[14], table[15],
            table[16, 0], table[17, 0], table[18, 0], table[19, 0],
        )  # fmt: skip

    return read


@cache
def scratch_maker() -> Any:
    """`make(assets) -> Scratch`, inside compiled code."""

    @compiler()
    def make(n: Any) -> Scratch:
        room, flags = np.zeros((12, n)), np.zeros((3, n), np.bool_)
        return Scratch(
            room[0], room[1], room[2], room[3], room[4], room[5], room[6], room[7], room[8],
            room[9], room[10], room[11], flags[0], flags[1], flags[2],
        )  # fmt: skip

    return make


def _advance_many(plan: Plan) -> Any:
    step, jit = compiled_loop_rule(plan), compiler()
    standing = make_standing(_namespace(), jit)
    aged, of_asset = standing.aged, standing.of_asset
    bar_at, read, scratch, look = bar_reader(), panel_terms(), scratch_maker(), _look()

    @jit
    def advance(
        tape: Any, terms: Any, orders: Any, state: Any, t: Any, report: Any, features: Any,
        observed: Any, floor: Any,
    ) -> None:  # fmt: skip
        n = terms.shape[1]
        prices, at, before = read(terms), scratch(n), np.zeros(n)
        size = observed.shape[1] - 3 * n - 1
        for e in range(t.size):
            now, bar, out, seen = state[e], bar_at(tape[t[e]], n), report[e], observed[e, size:]
            units, entry, age = now[3 : 3 + n], now[3 + n : 3 + 2 * n], now[3 + 2 * n : 3 + 3 * n]
            equity = now[1]
            before[:] = units
            account = Account(now[0], units, entry, now[3 + 3 * n : 3 + 4 * n], now[3 + 4 * n :])
            done = step(account, orders[e, :n], orders[e, n:], bar, floor, prices, at)
            now[0], now[1], now[2] = done.account.cash, done.equity, max(now[2], done.equity)
            out[0], out[1], out[2] = math.log(done.equity / equity), done.ruined, done.equity
            out[3], out[4], out[5] = done.account.cash, done.turnover, done.forgiven
            out[6], out[7], out[8] = 0.0, done.commission, done.fixed
            out[9], out[10], out[11] = done.spread, done.slippage, done.impact
            out[12], out[13], out[14] = done.liquidation, done.borrow, done.financing
            out[15], out[16] = done.funding, done.interest
            for i in range(n):
                age[i] = aged(age[i], before[i], units[i])
                seen[i], seen[n + i], seen[2 * n + i] = of_asset(
                    units[i], entry[i], age[i], bar.next_close[i], done.equity
                )
                out[6] += at.exit_units[i] != 0.0
                out[17 + i] = units[i]
                out[17 + n + i] = units[i] * bar.next_close[i] / done.equity
                out[17 + 2 * n + i] = bar.fill[i] if at.traded[i] != 0.0 else math.nan
                out[17 + 3 * n + i] = at.exit_price[i]
                out[17 + 4 * n + i] = at.traded[i]
                out[17 + 5 * n + i] = at.exit_units[i]
            seen[3 * n] = 1.0 - done.equity / now[2]
            look(features, t[e] + 1, observed[e], size)

    return advance
