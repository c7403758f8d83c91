"""Whole paths of targets through the rule, under numba: one account, or thousands side by side."""

from functools import cache
from typing import Any

import numpy as np

from drltrade.market.kernels import (
    bar_reader,
    compiled_loop_rule,
    compiled_rule,
    compiler,
    panel_terms,
    scratch_maker,
    terms_reader,
)
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.terms import Plan

COLUMNS = ("cash", "equity", "turnover", "ruined", "forgiven", *COST_PARTS)
"""What a path tells of an account at each step."""

BLOCKS = ("units", "traded", "exit_units", "exit_price")
"""What it tells of each asset; `exit_price` is 0 where nothing was closed."""

SUMMARY = ("equity", "return", "square")
"""What `sweep_kernel` tells of each strategy: final equity; with statistics, the sums of its simple
returns and of their squares."""


@cache
def replay_kernel(plan: Plan) -> Any:
    """`replay(tape, terms, orders, columns, blocks, cash, floor)`: a path of T decisions.

    Args:
        tape: [T, 9 N + 1], see `tensors.Market.tape`.
        terms: [20, N], see `Terms.table`.
        orders: [T, 2 N] targets (NaN: none), then amounts.
        columns: [len(COLUMNS), T] of zeros, written.
        blocks: [len(BLOCKS), T, N] of zeros, written.
        cash: what the account starts with.
        floor: equity at or below which it is closed, money.

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
    def write(columns: Any, t: Any, done: Any) -> None:
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

    return write


def _replay_one(plan: Plan) -> Any:
    step, read, write = compiled_rule(_lean(plan)), terms_reader(), _writer(plan)

    @compiler()
    def replay(
        tape: Any, terms: Any, orders: Any, columns: Any, blocks: Any, cash: Any, floor: Any
    ) -> None:
        prices, account = read(terms, 0), Account(cash, 0.0, 0.0, 0.0, 0.0)
        for t in range(orders.shape[0]):
            row = tape[t]
            bar = Bar(
                row[0], row[1], row[2], row[9], row[3], row[4], row[5], row[6], row[7],
                row[8] > 0.0,
            )  # fmt: skip
            done = step(account, orders[t, 0], orders[t, 1], bar, floor, prices)
            account = done.account
            write(columns, t, done)
            blocks[0, t, 0], blocks[1, t, 0] = account.units, done.traded
            if done.exit_units != 0.0:
                blocks[2, t, 0], blocks[3, t, 0] = done.exit_units, done.exit_price
            if done.ruined:
                columns[:2, t + 1 :] = floor
                break

    return replay


def _replay_many(plan: Plan) -> Any:
    step, write = compiled_loop_rule(_lean(plan)), _writer(plan)
    bar_at, read, scratch = bar_reader(), panel_terms(), scratch_maker()

    @compiler()
    def replay(
        tape: Any, terms: Any, orders: Any, columns: Any, blocks: Any, cash: Any, floor: Any
    ) -> None:
        n = terms.shape[1]
        prices, at, own = read(terms), scratch(n), np.zeros((4, n))
        account = Account(cash, own[0], own[1], own[2], own[3])
        for t in range(orders.shape[0]):
            done = step(
                account, orders[t, :n], orders[t, n:], bar_at(tape[t], n), floor, prices, at
            )
            account = done.account
            write(columns, t, done)
            for i in range(n):
                blocks[0, t, i], blocks[1, t, i] = account.units[i], at.traded[i]
                if at.exit_units[i] != 0.0:
                    blocks[2, t, i], blocks[3, t, i] = at.exit_units[i], at.exit_price[i]
            if done.ruined:
                columns[:2, t + 1 :] = floor
                break

    return replay


@cache
def sweep_kernel(plan: Plan, statistics: bool = False) -> Any:
    """`sweep(tape, terms, targets, summary, cash, floor)`: S strategies in one asset, side by side.

    A ruined one does nothing more.

    Args:
        tape, terms, floor: see `replay_kernel`.
        targets: [T, S]; NaN holds.
        summary: [len(SUMMARY), S] of zeros, written.
        cash: what each account starts with.
        statistics: whether the summary holds more than the equity; it costs a division a bar.
    """
    step, read, brackets = compiled_rule(_lean(plan)), terms_reader(), plan.brackets
    impact, carried = plan.impact != "none", plan.volume_limit == "carry"

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

    @compiler()
    def sweep(tape: Any, terms: Any, targets: Any, summary: Any, cash: Any, floor: Any) -> None:
        prices, n = read(terms, 0), targets.shape[1]
        money, equity, units = np.full(n, cash), np.full(n, cash), np.zeros(n)
        entry, pressure, pending = np.zeros(n), np.zeros(n), np.zeros(n)
        gains, squares = np.zeros(n), np.zeros(n)
        for t in range(targets.shape[0]):
            row = tape[t]
            bar = Bar(
                row[0], row[1], row[2], row[9], row[3], row[4], row[5], row[6], row[7],
                row[8] > 0.0,
            )  # fmt: skip
            carry_on(
                targets[t], bar, prices, floor, money, equity, units, entry, pressure, pending,
                gains, squares,
            )  # fmt: skip
        summary[0], summary[1], summary[2] = equity, gains, squares

    return sweep
