"""The accounting rule for many assets under numba: the same formulas, summed up in loops.

Vectors over assets would make a temporary array of every intermediate figure. Here the events of
`market.account` run over one account's assets in place; each formula is the one that the other
specialisations call.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from drltrade.market.fills import make_fills
from drltrade.market.holding import make_holding
from drltrade.market.intrabar import make_intrabar
from drltrade.market.namespaces import Namespace
from drltrade.market.orders import SETTLED, UNPAID, Charges, make_orders
from drltrade.market.state import Account, Bar, Step
from drltrade.market.terms import Plan, Terms

LoopRule = Callable[[Account, Any, Any, Bar, Any, Terms, "Scratch"], Step]


class Scratch(NamedTuple):
    """Room for one account's intermediate figures, [N] each."""

    price: Any
    held: Any
    worth: Any
    most: Any
    goal: Any
    wanted: Any
    traded: Any
    whole: Any
    end: Any
    exit_units: Any
    exit_price: Any
    taker: Any
    fills: Any
    sent: Any
    idle: Any


def make_scratch(assets: int) -> Scratch:
    """Room for accounts of `assets` assets."""
    numbers = len(Scratch._fields) - 3
    return Scratch(
        *(np.zeros(assets) for _ in range(numbers)), *(np.zeros(assets, np.bool_) for _ in range(3))
    )


def make_loop_rule(  # noqa: C901 (the branches are the plan's, settled once)
    xp: Namespace, plan: Plan, jit: Callable[[Any], Any]
) -> LoopRule:
    """The rule of `account.make_rule` for one account of many assets.

    `step(account, target, amount, bar, floor, terms, scratch) -> Step` takes arrays [N] where
    the rule takes numbers per asset, writes the account's arrays in place, and returns views of
    `scratch` in the step.

    Args:
        xp: the namespace of plain numbers, as numba compiles it.
        plan: what there is.
        jit: the compiler.
    """
    absolute = xp.abs
    orders, fill, within_bar = (
        make_orders(xp, plan, jit), make_fills(xp, plan, jit), make_intrabar(xp, plan, jit)
    )  # fmt: skip
    charge, paid_for, fitting = orders.charge, orders.paid_for, orders.fitting
    value_after, is_order, probe = orders.value_after, orders.is_order, orders.probe
    refine, rounds = orders.refine, orders.rounds
    ask, claim, sized, filled = fill.ask, fill.claim, fill.sized, fill.filled
    route, closing, margin_call = within_bar.route, within_bar.closing, within_bar.margin_call
    of_asset, of_cash = make_holding(xp, jit)
    fees, margin, holding = plan.order_fees, plan.margin, plan.holding
    reads_range, delistings, remembers = plan.reads_range, plan.delistings, plan.impact != "none"
    at_open, at_close = plan.fill == "next_open", plan.fill == "next_close"

    @jit
    def asset(terms: Terms, i: Any) -> Terms:
        """The terms of one asset."""
        return Terms(
            terms.commission[i], terms.maker[i], terms.minimum[i], terms.fixed[i], terms.spread[i],
            terms.slippage[i], terms.impact[i], terms.memory[i], terms.volume_limit[i],
            terms.borrow[i], terms.funding[i], terms.liquidation[i], terms.stop_loss[i],
            terms.take_profit[i], terms.lowest[i], terms.highest[i], terms.financing,
            terms.interest, terms.gross_limit, terms.maintenance,
        )  # fmt: skip

    @jit
    def add(one: Charges, other: Charges) -> Charges:
        return Charges(
            one.commission + other.commission,
            one.fixed + other.fixed,
            one.spread + other.spread,
            one.slippage + other.slippage,
            one.impact + other.impact,
        )

    @jit
    def claims(target: Any, sent: Any, at: Scratch) -> Any:
        """(gross weight asked for, gross value that stays)."""
        asked, bound = 0.0, 0.0
        for i in range(target.size):
            weight, kept = claim(target[i], at.goal[i], at.held[i], sent[i])
            asked += weight
            bound += kept
        return asked, bound

    @jit
    def balance(
        equity: Any, account: Account, target: Any, asked: Any, bound: Any, terms: Terms,
        at: Scratch,
    ) -> Any:  # fmt: skip
        """Solve for the equity left after the orders marked in `at.sent`; writes their values."""
        after, low, high, gap = equity, 0.0, equity, 0.0
        for _ in range(rounds):
            budget, share = fitting(after, asked, bound, terms)
            cost, slope = 0.0, 0.0
            for i in range(target.size):
                paid, steeper = probe(
                    target[i], at.goal[i], at.held[i], at.most[i], at.worth[i],
                    account.pressure[i], at.sent[i], after, budget, share, asset(terms, i),
                )  # fmt: skip
                cost += paid
                slope += steeper
            gap = after + cost - equity
            if absolute(gap) <= SETTLED * equity:
                break
            after, low, high = refine(after, low, high, gap, 1.0 + slope, False)
        if gap > UNPAID * equity:
            after = 0.0
        budget, _ = fitting(after, asked, bound, terms)
        for i in range(target.size):
            at.traded[i], at.whole[i] = sized(
                target[i], at.goal[i], at.held[i], at.most[i], at.sent[i], after, budget,
                asset(terms, i),
            )  # fmt: skip
        return after

    @jit
    def trade(
        cash: Any, account: Account, target: Any, amount: Any, bar: Bar, mark: Any, closed: Any,
        floor: Any, terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """Fill an account's orders (none where it was `closed` before); see `fills`."""
        units = account.units
        equity, value = cash, 0.0
        for i in range(units.size):
            at.fills[i] = bar.fill[i] == bar.fill[i]
            at.price[i] = bar.fill[i] if at.fills[i] else mark[i]
            at.held[i] = units[i] * at.price[i]
            equity += at.held[i]
            value += absolute(at.held[i])
        needed = floor
        if margin:
            needed = max(floor, terms.maintenance * value)
        broke = equity <= needed
        for i in range(units.size):
            at.fills[i] = at.fills[i] and not (broke or closed)
            mine = asset(terms, i)
            at.held[i], at.worth[i], at.most[i], at.goal[i], at.idle[i] = ask(
                units[i], account.pending[i], target[i], amount[i], at.price[i], bar.volume[i],
                at.fills[i], mine,
            )  # fmt: skip
        asked, bound = claims(target, at.fills, at)
        budget, _ = fitting(equity, asked, bound, terms)
        for i in range(units.size):
            value = value_after(
                target[i], at.goal[i], at.held[i], at.most[i], equity, budget, asset(terms, i)
            )
            at.wanted[i] = value - at.held[i]
            at.sent[i] = at.fills[i] and is_order(at.wanted[i], equity)
        after = balance(equity, account, target, asked, bound, terms, at)
        if fees:
            for i in range(units.size):
                turned = at.traded[i] * at.wanted[i] <= 0.0
                at.sent[i] = at.sent[i] and after > floor and not turned
            asked, bound = claims(target, at.sent, at)
            after = balance(equity, account, target, asked, bound, terms, at)
        total, turnover = Charges(0.0, 0.0, 0.0, 0.0, 0.0), 0.0
        for i in range(units.size):
            at.sent[i] = at.sent[i] and after > floor
            traded = at.traded[i] if at.sent[i] else 0.0
            paid = charge(traded, at.worth[i], account.pressure[i], 1.0, asset(terms, i))
            cash -= traded + paid_for(paid)
            total = add(total, paid)
            turnover += absolute(traded)
            units[i], account.entry[i], account.pressure[i], account.pending[i] = filled(
                units[i], account.entry[i], account.pressure[i], account.pending[i], at.held[i],
                traded, at.whole[i], at.worth[i], at.price[i], at.sent[i], at.fills[i],
                at.idle[i], equity, asset(terms, i),
            )  # fmt: skip
            at.traded[i] = traded
        return cash, broke, turnover, total

    @jit
    def within(
        cash: Any, account: Account, bar: Bar, start: Any, broke: Any, terms: Terms, at: Scratch
    ) -> Any:
        """Stop-loss, take-profit and margin call; see `intrabar`."""
        units = account.units
        value, net, value_at_end, net_at_end = 0.0, cash, 0.0, cash
        for i in range(units.size):
            way = route(
                units[i], account.entry[i], start[i], bar.high[i], bar.low[i], asset(terms, i)
            )
            at.end[i], at.exit_price[i], at.taker[i] = way.end, way.exit_price, way.taker
            value += absolute(units[i]) * start[i]
            value_at_end += absolute(units[i]) * way.end
            net += units[i] * start[i]
            net_at_end += units[i] * way.end
        called, along = margin_call(
            value, net - terms.maintenance * value, net_at_end - terms.maintenance * value_at_end,
            broke,
        )  # fmt: skip
        total, turnover, liquidation = Charges(0.0, 0.0, 0.0, 0.0, 0.0), 0.0, 0.0
        for i in range(units.size):
            price, taker = at.exit_price[i], at.taker[i]
            if called:
                price, taker = start[i] + along * (at.end[i] - start[i]), 1.0
            closed = units[i] != 0.0 and price == price
            worth, paid, fee, account.pressure[i], account.pending[i] = closing(
                units[i], account.pressure[i], account.pending[i], closed, price, taker, called,
                bar.next_volume[i], asset(terms, i),
            )  # fmt: skip
            cash += worth - paid_for(paid) - fee
            total = add(total, paid)
            liquidation += fee
            turnover += absolute(worth)
            at.exit_units[i] = units[i] if closed else 0.0
            at.exit_price[i] = price if closed else math.nan
            units[i] = 0.0 if closed else units[i]
            account.entry[i] = 0.0 if closed else account.entry[i]
        return cash, called, turnover, total, liquidation

    @jit
    def hold(cash: Any, units: Any, close: Any, years: Any, terms: Terms) -> Any:
        """What time costs: (borrow, financing, funding, interest); see `holding`."""
        borrow, funding = 0.0, 0.0
        for i in range(units.size):
            lending, paid_in = of_asset(units[i] * close[i], asset(terms, i))
            borrow += lending
            funding += paid_in
        financing, interest = of_cash(cash, terms)
        return borrow * years, financing * years, funding * years, interest * years

    @jit
    def mark(cash: Any, account: Account, bar: Bar, floor: Any, terms: Terms, at: Scratch) -> Any:
        """Mark the account at the close: (cash, equity kept, whether ruined, forgiven)."""
        units, equity = account.units, cash
        for i in range(units.size):
            value = units[i] * bar.next_close[i]
            equity += value
            if delistings and bar.ended[i] and units[i] != 0.0:
                at.exit_units[i], at.exit_price[i] = units[i], bar.next_close[i]
                cash += value
                units[i] = 0.0
        ruined = equity <= floor
        for i in range(units.size):
            if ruined and units[i] != 0.0:
                at.exit_units[i] += units[i]
                at.exit_price[i] = bar.next_close[i]
                units[i] = 0.0
            if ruined:
                account.pending[i] = 0.0
            if units[i] == 0.0:
                account.entry[i] = 0.0
            if remembers:
                account.pressure[i] *= terms.memory[i]
        if ruined:
            return floor, floor, True, floor - equity
        return cash, equity, False, 0.0

    @jit
    def step(
        account: Account, target: Any, amount: Any, bar: Bar, floor: Any, terms: Terms, at: Scratch
    ) -> Step:
        cash, units = account.cash, account.units
        paid, exits = Charges(0.0, 0.0, 0.0, 0.0, 0.0), Charges(0.0, 0.0, 0.0, 0.0, 0.0)
        borrow, financing, funding, interest, liquidation = 0.0, 0.0, 0.0, 0.0, 0.0
        turnover, exchanged, called = 0.0, 0.0, False
        if not (at_open or at_close):
            cash, broke, turnover, paid = trade(
                cash, account, target, amount, bar, bar.close, False, floor, terms, at
            )
        if holding:
            borrow, financing, funding, interest = hold(cash, units, bar.close, bar.years, terms)
            cash = cash - borrow - financing - funding - interest
        if at_open:
            cash, broke, turnover, paid = trade(
                cash, account, target, amount, bar, bar.close, False, floor, terms, at
            )
        if reads_range:
            start = at.price if at_open else bar.open
            cash, called, exchanged, exits, liquidation = within(
                cash, account, bar, start, at_open and broke, terms, at
            )
        if at_close:
            cash, broke, turnover, paid = trade(
                cash, account, target, amount, bar, bar.next_close, called, floor, terms, at
            )
        if not reads_range:
            at.exit_units[:], at.exit_price[:] = 0.0, math.nan
        cash, equity, ruined, forgiven = mark(cash, account, bar, floor, terms, at)
        paid = add(paid, exits)
        return Step(
            Account(cash, units, account.entry, account.pressure, account.pending), equity,
            at.traded, at.exit_units, at.exit_price, turnover + exchanged, paid.commission,
            paid.fixed, paid.spread, paid.slippage, paid.impact, liquidation, borrow, financing,
            funding, interest, ruined, forgiven,
        )  # fmt: skip

    rule: LoopRule = step
    return rule
