"""Whole paths of targets through the rule, under numba: one account, or thousands side by side."""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drltrade.market.kernel_cache import kernel
from drltrade.market.kernels import (
    bar_reader,
    compiled_loop_rule,
    compiled_rule,
    compiler,
    panel_terms,
    row_reader,
    scratch_reader,
    terms_reader,
)
from drltrade.market.scratch import Scratch
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.terms import Plan

Floats = NDArray[np.float64]

COLUMNS = ("cash", "equity", "turnover", "ruined", "forgiven", *COST_PARTS)
"""What a path tells of an account at each step."""

BLOCKS = ("units", "fill_price", "exit_units", "exit_price")
"""What it tells of each asset: `fill_price` is NaN where no order filled, `exit_price` 0 where
nothing was closed."""

VECTOR = 8
"""Compiled loops over many assets are fastest where their number is a multiple of this."""

SUMMARY = ("equity", "return", "square")
"""What `sweep_kernel` tells of each strategy: final equity; with statistics, the sums of its simple
returns and of their squares."""


@cache
def replay_kernel(plan: Plan) -> Any:
    """`replay(tape, terms, targets, amounts, columns, blocks, floor, room)`: T decisions.

    Args:
        tape: [T, 9 N + 1], see `tensors.Market.tape`.
        terms: [20, N], see `Terms.table`.
        targets, amounts: [T, N] weights (NaN: none), units to buy.
        columns: [len(COLUMNS), T + 1] of zeros; in row 0 the cash and equity to start with. Written
            from row 1 on.
        blocks: [len(BLOCKS), T + 1, N] of zeros, likewise.
        floor: equity at or below which the account is closed, money.
        room: see `make_room`.

    Returns the number of positions that were closed without an order.

    What the plan leaves out is not written, so that untouched memory costs nothing.
    """
    return _replay_one(plan) if plan.single else _replay_many(plan)


def _lean(plan: Plan) -> Plan:
    """No agent looks on, so entry prices matter to brackets alone."""
    return plan._replace(entries=plan.brackets)


def _writer(plan: Plan) -> Any:
    fees, impact, holding, margin = (
        plan.order_fees, plan.impact != "none", plan.holding, plan.reads_range
    )  # fmt: skip

    @compiler()
    def write(columns: Any, t: Any, done: Any, floor: Any) -> None:
        columns[0, t], columns[1, t] = done.account.cash, done.equity
        columns[2, t], columns[5, t] = done.turnover, done.commission
        columns[7, t], columns[8, t] = done.spread, done.slippage
        if fees:
            columns[6, t] = done.fixed
        if impact:
            columns[9, t] = done.impact
        if margin:
            columns[10, t] = done.liquidation
        if holding:
            columns[11, t], columns[12, t] = done.borrow, done.financing
            columns[13, t], columns[14, t] = done.funding, done.interest
        if done.ruined:
            columns[4, t] = done.forgiven
            columns[3, t:] = 1.0
            columns[:2, t + 1 :] = floor

    return write


def _replay_one(plan: Plan) -> Any:
    step, read, write = compiled_rule(_lean(plan)), terms_reader(), _writer(plan)
    bar_at = row_reader()

    @kernel(plan)
    def replay(
        tape: Any, terms: Any, targets: Any, amounts: Any, columns: Any, blocks: Any, floor: Any,
        room: Any,
    ) -> int:  # fmt: skip
        prices, account, closed = read(terms, 0), Account(columns[0, 0], 0.0, 0.0, 0.0, 0.0), 0
        for t in range(targets.shape[0]):
            bar = bar_at(tape[t])
            done = step(account, targets[t, 0], amounts[t, 0], bar, floor, prices)
            account = done.account
            write(columns, t + 1, done, floor)
            blocks[0, t + 1, 0] = account.units
            blocks[1, t + 1, 0] = bar.fill if done.traded != 0.0 else math.nan
            if done.exit_units != 0.0:
                closed += 1
                blocks[2, t + 1, 0], blocks[3, t + 1, 0] = done.exit_units, done.exit_price
            if done.ruined:
                blocks[1, t + 2 :] = math.nan
                break
        return closed

    return replay


def _replay_many(plan: Plan) -> Any:
    step, write = compiled_loop_rule(_lean(plan)), _writer(plan)
    bar_at, read, scratch = bar_reader(), panel_terms(), scratch_reader()
    exits = plan.reads_range or plan.delistings

    @compiler()
    def record(blocks: Any, t: Any, units: Any, traded: Any, fill: Any) -> None:
        for i in range(units.size):
            blocks[0, t, i] = units[i]
            blocks[1, t, i] = fill[i] if traded[i] != 0.0 else math.nan

    @kernel(plan)
    def replay(
        tape: Any, terms: Any, targets: Any, amounts: Any, columns: Any, blocks: Any, floor: Any,
        room: Any,
    ) -> int:  # fmt: skip
        n, own = terms.shape[1], room.shape[0] - 4
        prices, at, closed = read(terms), scratch(room), 0
        account = Account(columns[0, 0], room[own], room[own + 1], room[own + 2], room[own + 3])
        for t in range(targets.shape[0]):
            bar = bar_at(tape[t], n)
            done = step(account, targets[t], amounts[t], bar, floor, prices, at)
            account = done.account
            write(columns, t + 1, done, floor)
            record(blocks, t + 1, account.units, at.traded, bar.fill)
            if exits or done.ruined:
                for i in range(n):
                    if at.exit_units[i] != 0.0:
                        closed += 1
                        blocks[2, t + 1, i] = at.exit_units[i]
                        blocks[3, t + 1, i] = at.exit_price[i]
            if done.ruined:
                blocks[1, t + 2 :] = math.nan
                break
        return closed

    return replay


def width_of(assets: int) -> int:
    """The number of assets, rounded up, that a replay is fastest with."""
    return assets if assets == 1 else -(-assets // VECTOR) * VECTOR


def make_room(assets: int) -> Floats:
    """Room for a replay to work in: its intermediate figures, then the account's own."""
    return np.zeros((len(Scratch._fields) + len(Account._fields) - 1, assets))


@cache
def sweep_kernel(plan: Plan, statistics: bool = False) -> Any:
    """`sweep(tape, terms, targets, summary, cash, floor, room)`: S strategies in one asset.

    A ruined one does nothing more.

    Args:
        tape, terms, floor: see `replay_kernel`.
        targets: [T, S]; NaN holds.
        summary: [len(SUMMARY), S] of zeros, written.
        cash: what each account starts with.
        room: see `make_sweep_room`.
        statistics: whether the summary holds more than the equity; it costs a division a bar.
    """
    step, read, brackets = compiled_rule(_lean(plan)), terms_reader(), plan.brackets
    impact, carried = plan.impact != "none", plan.volume_limit == "carry"
    bar_at = row_reader()

    @compiler()
    def carry_on(
        targets: Any, bar: Bar, prices: Any, floor: Any, money: Any, equity: Any, units: Any,
        entry: Any, pressure: Any, pending: Any, gains: Any, squares: Any,
    ) -> None:  # fmt: skip
        for s in range(targets.size):
            account = Account(money[s], units[s], entry[s], pressure[s], pending[s])
            done = step(account, targets[s], 0.0, bar, floor, prices)
            # Nothing can come of a ruined account: without a cent there is no interest either.
            money[s] = 0.0 if done.ruined else done.account.cash
            units[s] = done.account.units
            if brackets:
                entry[s] = done.account.entry
            if impact:
                pressure[s] = done.account.pressure
            if carried:
                pending[s] = done.account.pending
            if statistics:
                gain = done.equity / equity[s] - 1.0
                gains[s] += gain
                squares[s] += gain * gain
            equity[s] = done.equity

    @kernel(plan, statistics)
    def sweep(
        tape: Any, terms: Any, targets: Any, summary: Any, cash: Any, floor: Any, room: Any
    ) -> None:
        prices = read(terms, 0)
        for s in range(targets.shape[1]):
            room[0][s], room[1][s], room[2][s], room[3][s], room[4][s] = cash, 0.0, 0.0, 0.0, 0.0
            summary[0, s] = cash
        for t in range(targets.shape[0]):
            bar = bar_at(tape[t])
            carry_on(
                targets[t], bar, prices, floor, room[0], summary[0], room[1], room[2], room[3],
                room[4], summary[1], summary[2],
            )  # fmt: skip

    return sweep


def make_sweep_room(strategies: int) -> tuple[Floats, ...]:
    """Room for a sweep to work in, [S] each.

    Arrays of their own: in rows of one array what belongs to a strategy lies nearly a multiple of
    4 KiB apart, which a processor's caches take for the same place.
    """
    return tuple(np.zeros(strategies) for _ in Account._fields)
