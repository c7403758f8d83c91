"""The accounting rule for many assets under numba: the same formulas, summed up in loops.

Vectors over assets would make a temporary array of every intermediate figure. Here the events of
`market.account` run over one account's assets in place; each formula is the one that the other
specialisations call.
"""

import math
from collections.abc import Callable
from typing import Any

from drltrade.market.fills import make_fills
from drltrade.market.holding import make_holding
from drltrade.market.intrabar import make_intrabar
from drltrade.market.namespaces import Namespace
from drltrade.market.orders import SETTLED, UNSETTLED, Charges, make_orders
from drltrade.market.scratch import LoopRule, Scratch, Sums, make_asset
from drltrade.market.state import Account, Bar, Step
from drltrade.market.terms import Plan, Terms


def make_loop_rule(  # noqa: C901 (the branches are the plan's, settled once)
    xp: Namespace, plan: Plan, jit: Callable[[Any], Any]
) -> LoopRule:
    """The rule of `account.make_rule` for one account of many assets.

    `step(account, target, amount, bar, floor, terms, scratch) -> Step` takes arrays [N] where
    the rule takes numbers per asset, writes the account's arrays in place, and returns views of
    `scratch` in the step. Loops that sum up and store little are those that a compiler turns into
    vector instructions, so what the inputs tell is worked out again. `xp` is the namespace of plain
    numbers, as numba compiles it; `jit` the compiler.
    """
    absolute = xp.abs
    orders, fill = make_orders(xp, plan, jit), make_fills(xp, plan, jit)
    within_bar = make_intrabar(xp, plan, jit)
    charge, paid_for, fitting = orders.charge, orders.paid_for, orders.fitting
    value_after, is_order, probe = orders.value_after, orders.is_order, orders.probe
    refine, rounds = orders.refine, orders.rounds
    ask, claim, sized, filled = fill.ask, fill.claim, fill.sized, fill.filled
    route, closing, margin_call = within_bar.route, within_bar.closing, within_bar.margin_call
    of_asset, of_cash = make_holding(xp, jit)
    asset = make_asset(jit)
    fees, margin, holding = plan.order_fees, plan.margin, plan.holding
    reads_range, delistings, entries = plan.reads_range, plan.delistings, plan.entries
    remembers, carried = plan.impact != "none", plan.volume_limit == "carry"
    at_open, at_close = plan.fill == "next_open", plan.fill == "next_close"

    @jit
    def asked_of(account: Account, orders: Any, quote: Any, volume: Any, i: Any, terms: Any) -> Any:
        """(price, whether an order fills, and what `fills.ask` tells) of one asset."""
        target, amount = orders
        fill, mark = quote
        fills = fill[i] == fill[i]
        price = fill[i] if fills else mark[i]
        asked = ask(
            account.units[i], account.pending[i], target[i], amount[i], price, volume[i], fills,
            terms,
        )  # fmt: skip
        return price, fills, *asked

    @jit
    def survey(
        cash: Any, account: Account, orders: Any, quote: Any, volume: Any, terms: Terms
    ) -> Any:
        """(equity, gross value, gross weight asked for, gross value that stays) at the fill."""
        equity, value, asked, bound = cash, 0.0, 0.0, 0.0
        for i in range(account.units.size):
            _, fills, held, _, _, goal, _ = asked_of(
                account, orders, quote, volume, i, asset(terms, i)
            )
            weight, stays = claim(orders[0][i], goal, held, fills)
            equity += held
            value += absolute(held)
            asked += weight
            bound += stays
        return equity, value, asked, bound

    @jit
    def is_sent(
        target: Any, goal: Any, held: Any, most: Any, fills: Any, equity: Any, budget: Any,
        kept: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """(value wanted, whether an order for it is sent) of one asset."""
        wanted = value_after(target, goal, held, most, equity, budget, terms) - held
        sent = fills & is_order(wanted, equity)
        if fees:
            sent = sent & (kept != 0.0)
        return wanted, sent

    @jit
    def cost_of(
        account: Account, orders: Any, quote: Any, volume: Any, equity: Any, budget: Any,
        after: Any, rest: Any, share: Any, terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """(what all orders cost if they leave `after`, its derivative); see `orders.solve`."""
        cost, slope = 0.0, 0.0
        for i in range(account.units.size):
            mine, target = asset(terms, i), orders[0][i]
            _, fills, held, worth, most, goal, _ = asked_of(account, orders, quote, volume, i, mine)
            _, sent = is_sent(target, goal, held, most, fills, equity, budget, at.kept[i], mine)
            paid, steeper = probe(
                target, goal, held, most, worth, account.pressure[i], sent, after, rest, share, mine
            )
            cost += paid
            slope += steeper
        return cost, slope

    @jit
    def balance(
        account: Account, orders: Any, quote: Any, volume: Any, equity: Any, budget: Any,
        asked: Any, bound: Any, terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """(equity left after the orders, what targets are taken of then); see `orders.solve`."""
        after, low, high, gap = equity, 0.0, equity, 0.0
        for _ in range(rounds):
            rest, share = fitting(after, asked, bound, terms)
            cost, slope = cost_of(
                account, orders, quote, volume, equity, budget, after, rest, share, terms, at
            )
            gap = after + cost - equity
            if absolute(gap) <= SETTLED * equity:
                break
            after, low, high = refine(after, low, high, gap, 1.0 + slope, False)
        if absolute(gap) > UNSETTLED * equity:
            after = low
        return after, fitting(after, asked, bound, terms)[0]

    @jit
    def drop_dear(
        account: Account, orders: Any, quote: Any, volume: Any, equity: Any, budget: Any,
        floor: Any, terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """Mark orders that cannot be paid for; see `fills.affordable`."""
        cost, n = at.traded, account.units.size
        for i in range(n):
            mine, target = asset(terms, i), orders[0][i]
            _, fills, held, worth, most, goal, _ = asked_of(account, orders, quote, volume, i, mine)
            _, sent = is_sent(target, goal, held, most, fills, equity, budget, 1.0, mine)
            cost[i], _ = probe(
                target, goal, held, most, worth, account.pressure[i], sent, equity, budget, 1.0,
                mine,
            )  # fmt: skip
        asked, bound = 0.0, 0.0
        for i in range(n):
            line = 0.0
            for j in range(n):
                if cost[j] < cost[i] or (cost[j] == cost[i] and j <= i):
                    line += cost[j]
            mine, target = asset(terms, i), orders[0][i]
            _, fills, held, _, most, goal, _ = asked_of(account, orders, quote, volume, i, mine)
            at.kept[i] = 1.0 if line < equity - floor else 0.0
            _, sent = is_sent(target, goal, held, most, fills, equity, budget, at.kept[i], mine)
            weight, stays = claim(target, goal, held, sent)
            asked += weight
            bound += stays
        return asked, bound

    @jit
    def drop_turned(
        account: Account, orders: Any, quote: Any, volume: Any, equity: Any, budget: Any,
        after: Any, rest: Any, floor: Any, terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """Mark the orders that costs turn round; the weights and values asked for without them."""
        asked, bound = 0.0, 0.0
        for i in range(account.units.size):
            mine, target = asset(terms, i), orders[0][i]
            _, fills, held, _, most, goal, _ = asked_of(account, orders, quote, volume, i, mine)
            wanted, sent = is_sent(
                target, goal, held, most, fills, equity, budget, at.kept[i], mine
            )
            traded, _ = sized(target, goal, held, most, sent, after, rest, mine)
            sent = sent & (after > floor) & (traded * wanted > 0.0)
            at.kept[i] = 1.0 if sent else 0.0
            weight, stays = claim(target, goal, held, sent)
            asked += weight
            bound += stays
        return asked, bound

    @jit
    def settle(
        account: Account, orders: Any, quote: Any, volume: Any, may: Any, equity: Any, budget: Any,
        after: Any, rest: Any, alive: Any, terms: Terms, at: Scratch,
    ) -> Sums:  # fmt: skip
        """Fill the orders, if they `may` be."""
        units, net, turnover = account.units, 0.0, 0.0
        commission, fixed, spread, slippage, impact = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(units.size):
            mine, target, pressure = asset(terms, i), orders[0][i], account.pressure[i]
            price, fills, held, worth, most, goal, idle = asked_of(
                account, orders, quote, volume, i, mine
            )
            _, sent = is_sent(target, goal, held, most, fills, equity, budget, at.kept[i], mine)
            traded, whole = sized(target, goal, held, most, sent, after, rest, mine)
            sent = sent & may
            traded = traded if sent else 0.0
            paid = charge(traded, worth, pressure, 1.0, mine)
            net += traded + paid_for(paid)
            turnover += absolute(traded)
            commission += paid.commission
            fixed += paid.fixed
            spread += paid.spread
            slippage += paid.slippage
            impact += paid.impact
            next_units, entry, pressure, pending = filled(
                units[i], account.entry[i], pressure, account.pending[i], held, traded, whole,
                worth, price, sent, fills & alive, idle, equity, alive, mine,
            )  # fmt: skip
            units[i], at.traded[i] = next_units, traded
            if entries:
                account.entry[i] = entry
            if remembers:
                account.pressure[i] = pressure
            if carried:
                account.pending[i] = pending
            if reads_range:
                at.price[i] = price
        return Sums(net, turnover, Charges(commission, fixed, spread, slippage, impact))

    @jit
    def trade(
        cash: Any, account: Account, orders: Any, quote: Any, volume: Any, closed: Any, floor: Any,
        terms: Terms, at: Scratch,
    ) -> Any:  # fmt: skip
        """Fill an account's orders (none where it was `closed` before); see `fills`.

        Args:
            orders: (targets, amounts).
            quote: (price at which each fills or NaN, price it is marked at).
            volume: units traded in the bar of the fill.
        """
        equity, value, asked, bound = survey(cash, account, orders, quote, volume, terms)
        needed = floor
        if margin:
            needed = max(floor, terms.maintenance * value)
        broke = equity <= needed
        budget = fitting(equity, asked, bound, terms)[0]
        if fees:
            at.kept[:] = 1.0
        after, rest = balance(
            account, orders, quote, volume, equity, budget, asked, bound, terms, at
        )
        if fees:
            if not after > floor:
                asked, bound = drop_dear(
                    account, orders, quote, volume, equity, budget, floor, terms, at
                )
                after, rest = balance(
                    account, orders, quote, volume, equity, budget, asked, bound, terms, at
                )
            asked, bound = drop_turned(
                account, orders, quote, volume, equity, budget, after, rest, floor, terms, at
            )
            after, rest = balance(
                account, orders, quote, volume, equity, budget, asked, bound, terms, at
            )
        alive = not (broke or closed)
        may = after > floor and alive
        sums = settle(
            account, orders, quote, volume, may, equity, budget, after, rest, alive, terms, at
        )
        return cash - sums.net, broke, sums

    @jit
    def within(
        cash: Any, account: Account, bar: Bar, start: Any, broke: Any, terms: Terms, at: Scratch
    ) -> Any:
        """Stop-loss, take-profit and margin call; see `intrabar`."""
        units = account.units
        value, net, value_at_end, net_at_end = 0.0, cash, 0.0, cash
        for i in range(units.size):
            way = route(
                units[i], account.entry[i], start[i], bar.high[i], bar.low[i],
                bar.next_volume[i], asset(terms, i),
            )  # fmt: skip
            at.end[i], at.exit_price[i], at.taker[i] = way.end, way.exit_price, way.taker
            value += absolute(units[i]) * start[i]
            value_at_end += absolute(units[i]) * way.end
            net += units[i] * start[i]
            net_at_end += units[i] * way.end
        called, along = margin_call(
            value, net - terms.maintenance * value, net_at_end - terms.maintenance * value_at_end,
            broke,
        )  # fmt: skip
        taken, turnover, liquidation = 0.0, 0.0, 0.0
        commission, fixed, spread, slippage, impact = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(units.size):
            forced = start[i] + along * (at.end[i] - start[i])
            price = forced if called else at.exit_price[i]
            taker = 1.0 if called else at.taker[i]
            closed = (units[i] != 0.0) & (price == price)
            worth, paid, fee, pressure, pending = closing(
                units[i], account.pressure[i], account.pending[i], closed, price, taker, called,
                bar.next_volume[i], asset(terms, i),
            )  # fmt: skip
            taken += paid_for(paid) + fee - worth
            turnover += absolute(worth)
            liquidation += fee
            commission += paid.commission
            fixed += paid.fixed
            spread += paid.spread
            slippage += paid.slippage
            impact += paid.impact
            at.exit_units[i] = units[i] if closed else 0.0
            at.exit_price[i] = price if closed else math.nan
            units[i] = 0.0 if closed else units[i]
            if entries:
                account.entry[i] = 0.0 if closed else account.entry[i]
            if remembers:
                account.pressure[i] = pressure
            if carried:
                account.pending[i] = pending
        charges = Charges(commission, fixed, spread, slippage, impact)
        return cash - taken, called, Sums(taken, turnover, charges), liquidation

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
            equity += units[i] * bar.next_close[i]
        if delistings:
            for i in range(units.size):
                if bar.ended[i] > 0.0 and units[i] != 0.0:
                    cash += units[i] * bar.next_close[i]
                    close_out(account, i, bar.next_close[i], at)
                if bar.ended[i] > 0.0:
                    account.pending[i] = 0.0
        if remembers:
            for i in range(units.size):
                account.pressure[i] *= terms.memory[i]
        if not equity <= floor:  # an equity that is no number is not hidden as ruin
            return cash, equity, False, 0.0
        for i in range(units.size):
            if units[i] != 0.0:
                close_out(account, i, bar.next_close[i], at)
            account.pending[i] = 0.0
        return floor, floor, True, floor - equity

    @jit
    def close_out(account: Account, i: Any, price: Any, at: Scratch) -> None:
        """Write off what is held of an asset."""
        at.exit_units[i] += account.units[i]
        at.exit_price[i] = price
        account.units[i], account.entry[i] = 0.0, 0.0

    @jit
    def step(
        account: Account, target: Any, amount: Any, bar: Bar, floor: Any, terms: Terms, at: Scratch
    ) -> Step:
        cash, units, orders = account.cash, account.units, (target, amount)
        none = Charges(0.0, 0.0, 0.0, 0.0, 0.0)
        done, exits = Sums(0.0, 0.0, none), Sums(0.0, 0.0, none)
        borrow, financing, funding, interest, liquidation = 0.0, 0.0, 0.0, 0.0, 0.0
        called = False
        if not (at_open or at_close):
            cash, broke, done = trade(
                cash, account, orders, (bar.fill, bar.close), bar.volume, False, floor, terms, at
            )
        if holding:
            borrow, financing, funding, interest = hold(cash, units, bar.close, bar.years, terms)
            cash = cash - borrow - financing - funding - interest
        if at_open:
            cash, broke, done = trade(
                cash, account, orders, (bar.fill, bar.close), bar.volume, False, floor, terms, at
            )
        if reads_range:
            start = at.price if at_open else bar.open
            cash, called, exits, liquidation = within(
                cash, account, bar, start, at_open and broke, terms, at
            )
        else:
            at.exit_units[:], at.exit_price[:] = 0.0, math.nan
        if at_close:
            cash, broke, done = trade(
                cash, account, orders, (bar.fill, bar.next_close), bar.volume, called, floor,
                terms, at,
            )  # fmt: skip
        cash, equity, ruined, forgiven = mark(cash, account, bar, floor, terms, at)
        paid, left = done.charges, exits.charges
        return Step(
            Account(cash, units, account.entry, account.pressure, account.pending), equity,
            at.traded, at.exit_units, at.exit_price, done.turnover + exits.turnover,
            paid.commission + left.commission, paid.fixed + left.fixed, paid.spread + left.spread,
            paid.slippage + left.slippage, paid.impact + left.impact, liquidation, borrow,
            financing, funding, interest, ruined, forgiven,
        )  # fmt: skip

    rule: LoopRule = step
    return rule
