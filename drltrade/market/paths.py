"""Whole paths of targets through the rule, under numba: one account, or thousands side by side."""

import math
from enum import IntEnum
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
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan

Floats = NDArray[np.float64]


class Column(IntEnum):
    """What a path tells of an account at each step: rows of `columns`.

    Members are constants under numba. Those from `commission` on are `COST_PARTS`.
    """

    cash = 0
    equity = 1
    turnover = 2
    ruined = 3
    forgiven = 4
    commission = 5
    fixed = 6
    spread = 7
    slippage = 8
    impact = 9
    liquidation = 10
    borrow = 11
    financing = 12
    funding = 13
    interest = 14


class Block(IntEnum):
    """What it tells of each asset: rows of `blocks`."""

    units = 0
    fill_price = 1
    """NaN where no order filled."""
    exit_units = 2
    exit_price = 3
    """0 where nothing was closed."""


class Total(IntEnum):
    """What `sweep_kernel` tells of each strategy: rows of `summary`."""

    equity = 0
    gains = 1
    """Sum of its simple returns; with statistics, as the next."""
    squares = 2


VECTOR = 8
"""Compiled loops over many assets are fastest where their number is a multiple of this."""


@cache
def replay_kernel(plan: Plan) -> Any:
    """`replay(tape, terms, targets, amounts, columns, blocks, floor, room)`: T decisions.

    Args:
        tape: [T, 9 N + 1], see `tensors.Market.tape`.
        terms: [20, N], see `Terms.table`.
        targets, amounts: [T, N] weights (NaN: none), units to buy.
        columns: [len(Column), T + 1] of zeros; in row 0 the cash and equity to start with. Written
            from row 1 on.
        blocks: [len(Block), T + 1, N] of zeros, likewise.
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
        columns[Column.cash, t] = done.account.cash
        columns[Column.equity, t] = done.equity
        columns[Column.turnover, t] = done.turnover
        columns[Column.commission, t] = done.commission
        columns[Column.spread, t] = done.spread
        columns[Column.slippage, t] = done.slippage
        if fees:
            columns[Column.fixed, t] = done.fixed
        if impact:
            columns[Column.impact, t] = done.impact
        if margin:
            columns[Column.liquidation, t] = done.liquidation
        if holding:
            columns[Column.borrow, t] = done.borrow
            columns[Column.financing, t] = done.financing
            columns[Column.funding, t] = done.funding
            columns[Column.interest, t] = done.interest
        if done.ruined:
            columns[Column.forgiven, t] = done.forgiven
            columns[Column.ruined, t:] = 1.0
            columns[Column.cash, t + 1 :] = floor
            columns[Column.equity, t + 1 :] = floor

    return write


def _replay_one(plan: Plan) -> Any:
    step, read, write = compiled_rule(_lean(plan)), terms_reader(), _writer(plan)
    bar_at = row_reader()

    @kernel(plan)
    def replay(
        tape: Any, terms: Any, targets: Any, amounts: Any, columns: Any, blocks: Any, floor: Any,
        room: Any,
    ) -> int:  # fmt: skip
        prices, closed = read(terms, 0), 0
        account = Account(columns[Column.cash, 0], 0.0, 0.0, 0.0, 0.0)
        for t in range(targets.shape[0]):
            bar = bar_at(tape[t])
            done = step(account, targets[t, 0], amounts[t, 0], bar, floor, prices)
            account = done.account
            write(columns, t + 1, done, floor)
            blocks[Block.units, t + 1, 0] = account.units
            blocks[Block.fill_price, t + 1, 0] = bar.fill if done.traded != 0.0 else math.nan
            if done.exit_units != 0.0:
                closed += 1
                blocks[Block.exit_units, t + 1, 0] = done.exit_units
                blocks[Block.exit_price, t + 1, 0] = done.exit_price
            if done.ruined:
                blocks[Block.fill_price, t + 2 :] = math.nan
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
            blocks[Block.units, t, i] = units[i]
            blocks[Block.fill_price, t, i] = fill[i] if traded[i] != 0.0 else math.nan

    @kernel(plan)
    def replay(
        tape: Any, terms: Any, targets: Any, amounts: Any, columns: Any, blocks: Any, floor: Any,
        room: Any,
    ) -> int:  # fmt: skip
        n, own = terms.shape[1], room.shape[0] - 4
        prices, at, closed = read(terms), scratch(room), 0
        account = Account(
            columns[Column.cash, 0], room[own], room[own + 1], room[own + 2], room[own + 3]
        )
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
                        blocks[Block.exit_units, t + 1, i] = at.exit_units[i]
                        blocks[Block.exit_price, t + 1, i] = at.exit_price[i]
            if done.ruined:
                blocks[Block.fill_price, t + 2 :] = math.nan
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
        summary: [len(Total), S] of zeros, written.
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
            summary[Total.equity, s] = cash
        for t in range(targets.shape[0]):
            bar = bar_at(tape[t])
            carry_on(
                targets[t], bar, prices, floor, room[0], summary[Total.equity], room[1], room[2],
                room[3], room[4], summary[Total.gains], summary[Total.squares],
            )  # fmt: skip

    return sweep


def make_sweep_room(strategies: int) -> tuple[Floats, ...]:
    """Room for a sweep to work in, [S] each.

    Arrays of their own: in rows of one array what belongs to a strategy lies nearly a multiple of
    4 KiB apart, which a processor's caches take for the same place.
    """
    return tuple(np.zeros(strategies) for _ in Account._fields)
