"""What happens to a position while the bar is under way: stop-loss, take-profit, margin call.

A bar tells its open, high and low, not their order. So the pessimistic order is taken: the price
goes from the open to the bar's worst (the low for what is held long, the high for what is held
short; for all assets at once), and only then to its best.

- A stop-loss closes at its own price, or at the open where the bar opens beyond it; a take-profit
  likewise. Where both lie in the bar the stop-loss is hit, unless the bar opens beyond the
  take-profit. Neither fills in a bar in which nothing trades.
- The account is liquidated where its equity meets the maintenance margin on the way to the worst
  prices: with prices p(x) = open + x (worst - open), equity less margin is linear in x, so the
  place is exact. A position with a stop-loss goes no further than there.
- A take-profit rests in the market and pays as a maker; everything else takes.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from drltrade.market.namespaces import Namespace
from drltrade.market.orders import make_orders
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan, Terms


class Route(NamedTuple):
    """Where the bar takes a position; per asset."""

    end: Any
    """Price at the end of the pessimistic path."""
    exit_price: Any
    """Price at which stop-loss or take-profit closes it; NaN where neither is hit."""
    taker: Any
    """1, or 0 where the take-profit is hit."""


class Intrabar(NamedTuple):
    """The functions that `make_intrabar` returns."""

    route: Callable[..., Route]
    closing: Callable[..., Any]
    margin_call: Callable[..., Any]
    within: Callable[..., Any]


def make_intrabar(xp: Namespace, plan: Plan, jit: Callable[[Any], Any]) -> Intrabar:
    """Specialise the formulas to a namespace and a plan."""
    where, absolute, sign, total, each = xp.where, xp.abs, xp.sign, xp.total, xp.each
    orders = make_orders(xp, plan, jit)
    charge, paid_for = orders.charge, orders.paid_for
    brackets, impact, carried = plan.brackets, plan.impact != "none", plan.volume_limit == "carry"

    @jit
    def route(
        units: Any, entry: Any, start: Any, high: Any, low: Any, volume: Any, terms: Terms
    ) -> Route:
        """Where a bar takes `units` entered at the mean price `entry`; per asset."""
        worst, best = where(units > 0.0, low, high), where(units > 0.0, high, low)
        worst = where(units == 0.0, start, worst)
        # Of the same type as the prices, so that no library computes with fewer digits.
        nothing, one, zero = math.nan * start, 0.0 * start + 1.0, 0.0 * start
        if not brackets:
            return Route(worst, nothing, one)
        # In a bar in which nothing trades no bracket fills, whatever is quoted.
        side, held = sign(units), (units != 0.0) & (volume > 0.0)
        # Without a bracket these are infinite, or NaN where nothing is held: never reached.
        stop = entry * (1.0 - side * terms.stop_loss)
        take = entry * (1.0 + side * terms.take_profit)
        opens_beyond_take = held & (side * (start - take) >= 0.0)
        stopped = held & (side * (worst - stop) <= 0.0)
        taken = held & (side * (best - take) >= 0.0)
        stop_price = where(side * (start - stop) <= 0.0, start, stop)
        end = where(opens_beyond_take, start, where(stopped, stop_price, worst))
        exit_price = where(stopped, stop_price, where(taken, take, nothing))
        exit_price = where(opens_beyond_take, start, exit_price)
        taker = where(opens_beyond_take, zero, where(stopped, one, where(taken, zero, one)))
        return Route(end, exit_price, taker)

    @jit
    def closing(
        units: Any, pressure: Any, pending: Any, closed: Any, price: Any, taker: Any, called: Any,
        volume: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """Close a position where `closed`; per asset.

        Returns:
            (value closed, charges, liquidation fee where `called`, pressure, pending order).
        """
        # A number in place of NaN: what is masked out must not spoil gradients either.
        value = where(closed, units * where(closed, price, 1.0), 0.0)
        worth = 1.0
        if impact:
            # In a bar without volume it is all that trades.
            size = absolute(value)
            worth = where(volume > 0.0, volume * where(closed, price, 1.0), size)
            worth = where(worth > 0.0, worth, 1.0)
        paid = charge(-value, worth, pressure, taker, terms)
        fee = where(called, terms.liquidation * absolute(value), 0.0)
        if impact:
            share = size / worth
            pressure = pressure - sign(value) * where(share < 1.0, share, 1.0)
        if carried:
            pending = where(closed, 0.0, pending)
        return value, paid, fee, pressure, pending

    @jit
    def margin_call(value: Any, slack: Any, slack_at_end: Any, broke: Any) -> Any:
        """(whether an account is liquidated, how far along its way); per account.

        Args:
            value: gross value held at the start.
            slack: equity less maintenance margin at the start.
            slack_at_end: the same at the end of the way.
            broke: whether it cannot go on from the start.
        """
        called = (value > 0.0) & (broke | (slack <= 0.0) | (slack_at_end <= 0.0))
        # The denominator is 1 where there is no way to go.
        on_the_way = called & (slack > 0.0) & (slack_at_end < slack)
        along = where(on_the_way, slack / where(on_the_way, slack - slack_at_end, 1.0), 0.0)
        return called, where(broke, 0.0 * along, along)

    @jit
    def within(account: Account, bar: Bar, start: Any, broke: Any, terms: Terms) -> Any:
        """Carry an account from `start` through the bar.

        Args:
            account: as it enters the bar, or after its orders filled at the open.
            bar: t + 1.
            start: the price at which it enters; per asset.
            broke: whether it cannot go on from there.
            terms: the costs.

        Returns:
            (account, units closed, price or NaN, turnover, charges, liquidation fee, liquidated).
        """
        units = account.units
        way = route(units, account.entry, start, bar.high, bar.low, bar.next_volume, terms)
        value, at_end = total(absolute(units) * start), total(absolute(units) * way.end)
        slack = account.cash + total(units * start) - terms.maintenance * value
        slack_at_end = account.cash + total(units * way.end) - terms.maintenance * at_end
        called, along = margin_call(value, slack, slack_at_end, broke)
        forced = each(called)
        price = where(forced, start + each(along) * (way.end - start), way.exit_price)
        closed = (units != 0.0) & (price == price)
        taker = where(forced, 0.0 * price + 1.0, way.taker)
        closed_value, paid, fee, pressure, pending = closing(
            units, account.pressure, account.pending, closed, price, taker, forced,
            bar.next_volume, terms,
        )  # fmt: skip
        after = Account(
            account.cash + total(closed_value - paid_for(paid) - fee),
            where(closed, 0.0, units),
            where(closed, 0.0, account.entry),
            pressure,
            pending,
        )
        price, turnover = where(closed, price, math.nan), total(absolute(closed_value))
        return after, where(closed, units, 0.0), price, turnover, paid, total(fee), called

    return Intrabar(route, closing, margin_call, within)
