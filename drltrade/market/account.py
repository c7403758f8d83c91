"""The accounting rule: what one bar does to an account. Written once, for every array library.

`make_rule(xp, plan)` closes over a namespace (see `market.namespaces`) and returns a pure function.
With numpy it is the float64 reference, with torch it steps thousands of accounts on CPU or GPU (and
is differentiable), and with plain numbers under `numba.njit` it is the single environment and the
backtest of one asset. Many assets under numba have a loop of their own around the same formulas
(`market.loops`). Training, vector environments and backtests all end here, so they cannot disagree.

The order of events between the close of bar t and the close of bar t + 1
------------------------------------------------------------------------
1. At the close of t the agent decides: for each asset a target (the signed weight of post-cost
   equity to hold), an amount of units, or neither, and then its shares are kept.
2. Time passes: for the time to the next close, a borrow fee on the value short, financing on
   negative cash, interest on positive cash and funding on the value held are due, on what is held
   over that close. A position opened at the next open begins to pay at that bar's close, as brokers
   charge overnight positions.
3. The orders fill: at the open of t + 1 (`next_open`), its close (`next_close`), or the close of t
   itself (`same_close`, before time passes); see `market.orders`. An account that stands below its
   maintenance margin (at least: without equity) at the fill prices is liquidated there, and its
   orders are cancelled.
4. Within bar t + 1: stop-loss, take-profit and margin call, on what is held after the fill (for
   `next_close`: before it); see `market.intrabar`. Liquidation cancels orders that wait for the
   close.
5. The account is marked at the close of t + 1. An asset that has ended pays its last price.

An account whose equity is gone is closed, and what it owes beyond that is forgiven, and shown.

How orders are sized and paid for
---------------------------------
- All orders of a bar fill together: what sales bring pays for purchases, and no order is first. The
  weights held after the fill are exactly those asked for, of the equity that is left, but where a
  rule below keeps an order from filling as it was asked.
- The concession (half-spread, slippage, impact) moves the price against the order, and commission
  is charged on the price so moved. The minimum commission and the fixed fee are per order.
- Units are real numbers: there are no lots, nothing is rounded, and a trade of less than 1e-12 of
  equity is no order. A target that is held already costs nothing.
- An order that its own fees would turn round (a purchase that would have to become a sale, once
  they are paid) is not sent, and the others are sized again without it.
- Where an account cannot pay for all of its orders it sends those that it can, the cheapest first,
  of equals the earlier asset's; the others are dropped.
- Targets that exceed the gross limit together with what cannot be traded now are scaled down. A
  sale that lowers exposure is an order like any other, and limits bind it, too.
- A volume limit fills the part of an order that fits. What it leaves, or all of an order into a
  halt, is dropped (`unfilled = "drop"`) or is pending (`"carry"`), in units at that bar's price,
  and tried in every bar until it is filled, a new order takes its place, the asset ends or the
  account is liquidated.
- Pressure is a share of a bar's volume: an order counts by the volume of its bar, a forced close by
  at most all of it, also in a bar without volume.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from drltrade.market.fills import make_fills
from drltrade.market.holding import make_holding
from drltrade.market.intrabar import make_intrabar
from drltrade.market.namespaces import Namespace
from drltrade.market.state import Account, Bar, Step
from drltrade.market.terms import Plan, Terms

Rule = Callable[[Account, Any, Any, Bar, Any, Terms], Step]
Function = TypeVar("Function", bound=Callable[..., Any])


def as_is(function: Function) -> Function:
    """For namespaces that need no compiler."""
    return function


def make_rule(  # noqa: C901 (the branches are the plan's, settled once)
    xp: Namespace, plan: Plan, jit: Callable[[Any], Any] = as_is
) -> Rule:
    """Specialise the rule to a namespace and a plan; `jit` compiles each function.

    The rule is `step(account, target, amount, bar, floor, terms) -> Step`:
        account: at the close of t.
        target: weight of post-cost equity to hold after the fill; NaN: none. Per asset.
        amount: units to buy (negative: to sell) where there is no target; 0: keep. Per asset.
        bar: what it meets.
        floor: equity at or below which the account is closed, money.
        terms: the costs.
    """
    # Plain names: numba compiles a closure over functions, not one over an object's attributes.
    where, absolute, total, each = xp.where, xp.abs, xp.total, xp.each
    trade, within = make_fills(xp, plan, jit).trade, make_intrabar(xp, plan, jit).within
    remembers, carried = plan.impact != "none", plan.volume_limit == "carry"
    of_asset, of_cash = make_holding(xp, jit)
    holding, reads_range, delistings = plan.holding, plan.reads_range, plan.delistings
    at_open, at_close = plan.fill == "next_open", plan.fill == "next_close"

    @jit
    def step(  # noqa: C901 (as above)
        account: Account, target: Any, amount: Any, bar: Bar, floor: Any, terms: Terms
    ) -> Step:
        never = account.cash != account.cash
        if not (at_open or at_close):
            account, traded, paid, broke, start = trade(
                account, target, amount, bar.fill, bar.volume, bar.close, never, floor, terms
            )
        borrow, financing, funding, interest = 0.0, 0.0, 0.0, 0.0
        if holding:
            lending, funding = of_asset(account.units * bar.close, terms)
            financing, interest = of_cash(account.cash, terms)
            borrow, funding = total(lending) * bar.years, total(funding) * bar.years
            financing, interest = financing * bar.years, interest * bar.years
            cash = account.cash - borrow - financing - funding - interest
            account = Account(cash, account.units, account.entry, account.pressure, account.pending)
        if at_open:
            account, traded, paid, broke, start = trade(
                account, target, amount, bar.fill, bar.volume, bar.close, never, floor, terms
            )
        if reads_range:
            if not at_open:
                start, broke = bar.open, never
            account, exit_units, exit_price, exchanged, exit_paid, fee, called = within(
                account, bar, start, broke, terms
            )
        if at_close:
            if not reads_range:
                called = never
            account, traded, paid, broke, start = trade(
                account, target, amount, bar.fill, bar.volume, bar.next_close, called, floor, terms
            )
        commission, fixed, spread = paid.commission, paid.fixed, paid.spread
        slippage, impact, turnover = paid.slippage, paid.impact, total(absolute(traded))
        liquidation = 0.0
        cash, units = account.cash, account.units
        if reads_range:
            commission, fixed = commission + exit_paid.commission, fixed + exit_paid.fixed
            spread, slippage = spread + exit_paid.spread, slippage + exit_paid.slippage
            impact, turnover, liquidation = impact + exit_paid.impact, turnover + exchanged, fee
        else:
            exit_units, exit_price = 0.0 * units, math.nan * units

        if delistings:
            ends = where(bar.ended, units, 0.0)
            cash, units = cash + total(ends * bar.next_close), where(bar.ended, 0.0, units)
            exit_units = exit_units + ends
            exit_price = where(ends != 0.0, bar.next_close, exit_price)
        equity = cash + total(units * bar.next_close)
        ruined = equity <= floor
        gone = where(each(ruined), units, 0.0)
        exit_price = where(gone != 0.0, bar.next_close, exit_price)
        units = where(each(ruined), 0.0, units)
        kept = where(ruined, floor, equity)
        pressure, pending = account.pressure, account.pending
        if remembers:
            pressure = pressure * terms.memory
        if carried:
            pending = where(each(ruined), 0.0, pending)
            if delistings:
                pending = where(bar.ended, 0.0, pending)
        return Step(
            Account(
                where(ruined, floor, cash),
                units,
                where(units != 0.0, account.entry, 0.0),
                pressure,
                pending,
            ),
            kept,
            traded,
            exit_units + gone,
            exit_price,
            turnover,
            total(commission),
            total(fixed),
            total(spread),
            total(slippage),
            total(impact),
            liquidation,
            borrow,
            financing,
            funding,
            interest,
            ruined,
            kept - equity,
        )

    rule: Rule = step
    return rule
