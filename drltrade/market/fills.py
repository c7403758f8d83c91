"""The fill: what an account holds after its orders, and what they cost it.

The formulas for one order and the fixed point are in `market.orders`; here they meet an account.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from drltrade.market.namespaces import Namespace
from drltrade.market.orders import make_orders
from drltrade.market.state import Account
from drltrade.market.terms import Plan, Terms


class Fills(NamedTuple):
    """The functions that `make_fills` returns."""

    ask: Callable[..., Any]
    claim: Callable[..., Any]
    sized: Callable[..., Any]
    filled: Callable[..., Any]
    trade: Callable[..., Any]


def make_fills(  # noqa: C901 (its functions, not its branches, are many)
    xp: Namespace, plan: Plan, jit: Callable[[Any], Any]
) -> Fills:
    """Specialise the fill to a namespace and a plan."""
    where, absolute, sign, total, each = xp.where, xp.abs, xp.sign, xp.total, xp.each
    orders = make_orders(xp, plan, jit)
    charge, paid_for, unit_cost = orders.charge, orders.paid_for, orders.unit_cost
    value_after, fitting, solve = orders.value_after, orders.fitting, orders.solve
    is_order, probe, in_line, settled = orders.is_order, orders.probe, xp.in_line, xp.settled
    single, fees, margin = plan.single, plan.order_fees, plan.margin
    queue = fees and not single
    impact, reads_volume = plan.impact != "none", plan.reads_volume
    limited, carried = plan.volume_limit != "none", plan.volume_limit == "carry"
    amounts, closed_form, entries = plan.takes_amounts, plan.closed_form, plan.entries

    @jit
    def average_entry(entry: Any, units: Any, next_units: Any, price: Any) -> Any:
        """Mean entry price after a fill at `price`; 0 when flat. Reductions leave it alone."""
        if not entries:
            return entry
        size, next_size = absolute(units), absolute(next_units)
        kept = units * next_units > 0.0
        grown = kept & (next_size > size)
        # The denominator is 1 where its branch is not taken.
        whole = where(grown, next_size, 1.0)
        average = (entry * size + price * (next_size - size)) / whole
        entry = where(grown, average, where(kept, entry, price))
        return where(next_size > 0.0, entry, 0.0)

    @jit
    def trade_one(
        account: Account, target: Any, price: Any, fills: Any, equity: Any, floor: Any,
        terms: Terms,
    ) -> Any:  # fmt: skip
        """In closed form: one asset, costs proportional to value, or fixed."""
        held = account.units * price
        wanted = target * equity - held
        gap, kept = wanted, equity
        # Cost of one unit of value, with the sign of the order.
        toll = where(gap > 0.0, unit_cost(1.0, terms), -unit_cost(-1.0, terms))
        if fees:
            # The commission is either proportional or the minimum; only one of them is consistent.
            gap = wanted - target * terms.fixed
            toll = where(gap > 0.0, unit_cost(1.0, terms), -unit_cost(-1.0, terms))
            slip = terms.spread + terms.slippage
            size = absolute(gap / (1.0 + target * toll))
            floored = terms.commission * size * (1.0 + sign(gap) * slip) < terms.minimum
            least = where(floored, terms.minimum, 0.0 * equity)
            gap = gap - target * least
            toll = where(gap > 0.0, unit_cost(1.0, terms), -unit_cost(-1.0, terms))
            toll = where(floored, sign(gap) * slip, toll)
            kept = equity - least - terms.fixed
        traded = gap / (1.0 + target * toll)
        after = kept - toll * traded
        # False for a NaN target (hold), for noise, where fees alone would turn the order round, and
        # for an order that the account cannot pay for.
        sent = fills & is_order(wanted, equity) & (after > floor)
        if fees:
            sent = sent & (gap * wanted > 0.0)
        traded = where(sent, traded, 0.0)
        paid = charge(traded, 1.0, 0.0, 1.0, terms)
        units = where(sent, target * after / price, account.units)
        entry = average_entry(account.entry, account.units, units, price)
        cash = where(sent, (1.0 - target) * after, account.cash)
        after_it = Account(cash, units, entry, account.pressure, account.pending)
        return after_it, traded, paid

    @jit
    def ask(
        units: Any, pending: Any, target: Any, amount: Any, price: Any, volume: Any, fills: Any,
        terms: Terms,
    ) -> Any:  # fmt: skip
        """What one asset's order is; per asset.

        Returns:
            (value held, value of the bar's volume, most that may be traded, value to reach where
            an amount was asked for, whether nothing new was asked for).
        """
        held, worth, most, goal, idle = units * price, 1.0, 0.0, 0.0, fills
        if reads_volume:
            worth = where(fills & (volume > 0.0), volume * price, 1.0)
        if limited:
            most = terms.volume_limit * worth
        if amounts:
            idle = (target != target) & (amount == 0.0)
            asked_for = where(target == target, 0.0, amount)
            if carried:
                asked_for = where(idle, pending, asked_for)
            goal = where(asked_for != 0.0, held + asked_for * price, math.nan)
        return held, worth, most, goal, idle

    @jit
    def claim(target: Any, goal: Any, held: Any, sent: Any) -> Any:
        """(weight that a target asks for, value that stays whatever is asked for); per asset."""
        weighted, kept = sent & (target == target), absolute(held)
        if amounts:
            kept = where(sent & (goal == goal), absolute(goal), kept)
        return where(weighted, absolute(target), 0.0), where(weighted, 0.0, kept)

    @jit
    def sized(
        target: Any, goal: Any, held: Any, most: Any, sent: Any, left: Any, budget: Any,
        terms: Terms,
    ) -> Any:  # fmt: skip
        """(signed value of an order, the value wanted without a limit or a halt); per asset."""
        value = value_after(target, goal, held, most, left, budget, terms)
        whole = value
        if carried:
            whole = value_after(target, goal, held, math.inf, left, budget, terms)
        return where(sent, value - held, 0.0), whole - held

    @jit
    def filled(
        units: Any, entry: Any, pressure: Any, pending: Any, held: Any, traded: Any, whole: Any,
        worth: Any, price: Any, sent: Any, fills: Any, idle: Any, equity: Any, alive: Any,
        terms: Terms,
    ) -> Any:  # fmt: skip
        """(units, entry, pressure, pending) after an order of value `traded`; per asset.

        What a volume limit or a halt leaves of an order is pending, where it is carried over. An
        account that is not `alive` loses all that is pending.
        """
        next_units = where(sent, (held + traded) / price, units)
        if impact:
            pressure = pressure + traded / worth
        if carried:
            rest = whole - traded
            rest = where(is_order(rest, equity), rest / price, 0.0)
            waiting = where(idle, pending, rest)  # for the end of a halt
            pending = where(fills, where(sent, rest, 0.0), waiting)
            pending = where(alive, pending, 0.0)
        return next_units, average_entry(entry, units, next_units, price), pressure, pending

    @jit
    def budget_of(equity: Any, asked: Any, bound: Any, terms: Terms) -> Any:
        """What targets are taken of; see `orders.fitting`."""
        return equity if single else fitting(equity, asked, bound, terms)[0]

    @jit
    def balance(
        equity: Any, target: Any, goal: Any, held: Any, most: Any, worth: Any, pressure: Any,
        sent: Any, asked: Any, bound: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """(equity left, value of each order, the same without a volume limit)."""
        after = solve(equity, target, goal, held, most, worth, pressure, sent, asked, bound, terms)
        budget = budget_of(after, asked, bound, terms)
        return after, *sized(target, goal, held, most, sent, each(after), each(budget), terms)

    @jit
    def affordable(
        equity: Any, target: Any, goal: Any, held: Any, most: Any, worth: Any, pressure: Any,
        sent: Any, budget: Any, floor: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """Orders that an account can pay for, the cheapest first, where it cannot pay for all."""
        cost, _ = probe(
            target, goal, held, most, worth, pressure, sent, each(equity), each(budget), 1.0, terms
        )
        return sent & (in_line(cost) < each(equity - floor))

    @jit
    def trade_many(
        account: Account, target: Any, amount: Any, price: Any, fills: Any, alive: Any, volume: Any,
        equity: Any, floor: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """By iteration: many assets, impact, volume limits, or orders for an amount."""
        pressure = account.pressure
        held, worth, most, goal, idle = ask(
            account.units, account.pending, target, amount, price, volume, fills, terms
        )
        asked, bound = claim(target, goal, held, fills)
        asked, bound = total(asked), total(bound)
        budget = budget_of(equity, asked, bound, terms)
        value = value_after(target, goal, held, most, each(equity), each(budget), terms)
        wanted = value - held
        sent = fills & is_order(wanted, each(equity))
        after, traded, whole = balance(
            equity, target, goal, held, most, worth, pressure, sent, asked, bound, terms
        )
        if queue:
            can = after > floor
            if not settled(can):
                fit = affordable(
                    equity, target, goal, held, most, worth, pressure, sent, budget, floor, terms
                )
                sent = where(each(can), sent, fit)
                asked, bound = claim(target, goal, held, sent)
                after, traded, whole = balance(
                    equity, target, goal, held, most, worth, pressure, sent, total(asked),
                    total(bound), terms,
                )  # fmt: skip
        if fees:
            # Orders that costs would turn round are not sent, and the others solved for again.
            sent = sent & each(after > floor) & (traded * wanted > 0.0)
            asked, bound = claim(target, goal, held, sent)
            after, traded, whole = balance(
                equity, target, goal, held, most, worth, pressure, sent, total(asked),
                total(bound), terms,
            )  # fmt: skip
        # An account that cannot pay for its orders sends none.
        sent = sent & each(after > floor)
        traded = where(sent, traded, 0.0)
        paid = charge(traded, worth, pressure, 1.0, terms)
        cash = account.cash - total(traded + paid_for(paid))
        units, entry, pressure, pending = filled(
            account.units, account.entry, pressure, account.pending, held, traded, whole, worth,
            price, sent, fills, idle, each(equity), alive, terms,
        )  # fmt: skip
        return Account(cash, units, entry, pressure, pending), traded, paid

    @jit
    def trade(
        account: Account, target: Any, amount: Any, fill: Any, volume: Any, mark: Any, called: Any,
        floor: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """Fill an account's orders.

        Args:
            account: before the fill.
            target, amount: see `account.make_rule`.
            fill: price at which it fills; NaN where it cannot.
            volume: units traded in the bar of the fill.
            mark: what holdings that cannot fill are worth.
            called: whether the account was liquidated before, which cancels its orders.
            floor: equity at or below which the account is closed, money.
            terms: the costs.

        Returns:
            (account, traded value, charges, whether it may not go on, fill price or mark).
        """
        fills = fill == fill
        # A number in place of NaN: what is masked out must not spoil gradients either.
        price = where(fills, fill, mark)
        held = account.units * price
        equity = account.cash + total(held)
        needed = floor + 0.0 * equity
        if margin:
            required = terms.maintenance * total(absolute(held))
            needed = where(required > needed, required, needed)
        alive = where(called, 0.0 * equity, equity) > needed
        fills = fills & each(alive)
        if closed_form:
            account, traded, paid = trade_one(account, target, price, fills, equity, floor, terms)
        else:
            account, traded, paid = trade_many(
                account, target, amount, price, fills, each(alive), volume, equity, floor, terms
            )
        return account, traded, paid, equity <= needed, price

    return Fills(ask, claim, sized, filled, trade)
