"""What an order costs, and how large it must be so that what is left is what was asked for.

Exact post-cost weights
-----------------------
With equity E and holdings h_i (all at the fill prices) and target weights w_i, the traded values
D_i = w_i E' - h_i depend on the equity E' that is left after they are paid for:

    E' + sum_i cost_i(D_i(E')) = E

For one asset and proportional costs the solution is closed form. Slippage s (the half-spread
among it) moves the price against the order and the commission f is charged on the slipped price,
so the cost of one unit of value is c = s + f (1 + s sign(D)); with a fixed fee k

    D = (w (E - k) - h) / (1 + sign(D) w c)

and a fully invested account never borrows to pay its fee. For many assets see Jiang, Xu and Liang
2017, "A deep reinforcement learning framework for the financial portfolio management problem",
eq. 14. The left side grows with E' as long as no order's marginal cost exceeds what it moves, which
`market.costs` sees to; so Newton's method, kept inside a shrinking bracket, finds the only root.

Market impact: an order for the share q of what trades in the bar concedes impact * q (`linear`) or
impact * sqrt(q) (`square_root`; Almgren, Thum, Hauptmann and Li 2005, "Direct estimation of equity
market impact"; Toth et al. 2011) of the price. Pressure that earlier orders of the same side left
behind adds to q and decays from bar to bar, so that slicing an order does not make it free;
pressure of the other side is no gain, and no more than a whole bar's volume is counted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from drltrade.market.namespaces import Namespace
from drltrade.market.terms import ORDER_TOLERANCE, Plan, Terms

SETTLED = 4e-15
"""The fixed point is found when it is off by no more than this fraction of equity."""

UNSETTLED = 1e-9
"""A gap of more than this fraction of equity after all rounds means that there is no fixed point:
a fee that falls due with the least of an order jumps over it."""

ROUNDS_LINEAR, ROUNDS = 10, 40
"""Newton steps at most; with impact or a volume limit the curve bends both ways."""


class Charges(NamedTuple):
    """Money paid for an order, by part; per asset."""

    commission: Any
    fixed: Any
    spread: Any
    slippage: Any
    impact: Any


class Orders(NamedTuple):
    """The functions that `make_orders` returns."""

    charge: Callable[..., Charges]
    paid_for: Callable[[Charges], Any]
    unit_cost: Callable[..., Any]
    value_after: Callable[..., Any]
    fitting: Callable[..., Any]
    is_order: Callable[..., Any]
    probe: Callable[..., Any]
    refine: Callable[..., Any]
    solve: Callable[..., Any]
    rounds: int


def make_orders(  # noqa: C901 (its functions, not its branches, are many)
    xp: Namespace, plan: Plan, jit: Callable[[Any], Any]
) -> Orders:
    """Specialise the formulas to a namespace and a plan."""
    where, absolute, sign, sqrt = xp.where, xp.abs, xp.sign, xp.sqrt
    total, each, settled = xp.total, xp.each, xp.settled
    fees, amounts, single = plan.order_fees, plan.takes_amounts, plan.single
    impact, square_root = plan.impact != "none", plan.impact == "square_root"
    limited = plan.volume_limit != "none"
    rounds = ROUNDS if impact or limited or amounts else ROUNDS_LINEAR

    @jit
    def unit_cost(side: Any, terms: Terms) -> Any:
        """Cost of one unit of value where nothing depends on size: s + f (1 + s side)."""
        slip = terms.spread + terms.slippage
        return slip + terms.commission + terms.commission * slip * side

    @jit
    def share_taken(size: Any, side: Any, worth: Any, pressure: Any) -> Any:
        """The order and the pressure before it, as a share of the bar's volume; at most all."""
        before = side * pressure
        share = size / worth + where(before > 0.0, before, 0.0)
        return where(share < 1.0, share, 1.0)

    @jit
    def concession(share: Any, terms: Terms) -> Any:
        return terms.impact * (sqrt(share) if square_root else share)

    @jit
    def charge(traded: Any, worth: Any, pressure: Any, taker: Any, terms: Terms) -> Charges:
        """What an order for `traded` (signed value at the fill price) costs.

        Args:
            traded: zero where no order is sent.
            worth: value of the bar's whole volume (read with impact only).
            pressure: signed share of a bar's volume left over from earlier orders.
            taker: 1 where the order takes liquidity, 0 where it rests in the market.
            terms: see `terms.Terms`.
        """
        size, side = absolute(traded), sign(traded)
        spread, slippage = terms.spread * size * taker, terms.slippage * size * taker
        pushed = 0.0
        paid = size + side * (spread + slippage)
        if impact:
            pushed = taker * size * concession(share_taken(size, side, worth, pressure), terms)
            paid = paid + side * pushed
        rate = terms.maker + (terms.commission - terms.maker) * taker
        commission, fixed = rate * paid, 0.0
        if fees:
            commission = where(commission < terms.minimum, terms.minimum, commission)
            commission = where(size > 0.0, commission, 0.0)
            # Zero of the size's type: torch makes two plain numbers float32.
            fixed = where(size > 0.0, terms.fixed, 0.0 * size)
        return Charges(commission, fixed, spread, slippage, pushed)

    @jit
    def paid_for(paid: Charges) -> Any:
        return paid.commission + paid.fixed + paid.spread + paid.slippage + paid.impact

    @jit
    def marginal(traded: Any, worth: Any, pressure: Any, terms: Terms) -> Any:
        """Derivative of the whole charge of a taking order by its size."""
        size, side = absolute(traded), sign(traded)
        slip = terms.spread + terms.slippage
        at, slope = slip, slip
        if impact:
            share = share_taken(size, side, worth, pressure)
            rate = concession(share, terms)
            at = slip + rate
            growth = terms.impact / worth
            if square_root:
                growth = 0.5 * growth / sqrt(where(share > 0.0, share, 1.0))
            slope = at + where(share < 1.0, size * growth, 0.0)
        cost = slope + terms.commission * (1.0 + side * slope)
        if fees:
            commission = terms.commission * size * (1.0 + side * at)
            cost = where(commission < terms.minimum, slope, cost)
        return cost

    @jit
    def value_after(
        target: Any, goal: Any, held: Any, most: Any, equity: Any, budget: Any, terms: Terms
    ) -> Any:
        """Value to hold after the fill, if `equity` is then left; NaN where there is no order.

        Args:
            target: weight, of `budget`; NaN where there is none.
            goal: value to reach instead (an order for an amount); NaN where there is none.
            held: value held before.
            most: largest value that may be traded (read with a volume limit only).
            equity: post-cost.
            budget: the part of it that targets may use, see `fitting`.
            terms: see `terms.Terms`.
        """
        value = target * budget
        if amounts:
            least, largest = terms.lowest * equity, terms.highest * equity
            within = where(goal < least, least, where(goal > largest, largest, goal))
            value = where(goal == goal, within, value)
        if limited:
            value = where(value - held > most, held + most, value)
            value = where(value - held < -most, held - most, value)
        return value

    @jit
    def slope_after(
        target: Any, goal: Any, held: Any, most: Any, equity: Any, budget: Any, share: Any,
        terms: Terms,
    ) -> Any:  # fmt: skip
        """Derivative of `value_after` by equity, where `share` is that of the budget."""
        slope = target * share
        value = target * budget
        if amounts:
            low, high = goal < terms.lowest * equity, goal > terms.highest * equity
            bound = where(low, terms.lowest, where(high, terms.highest, 0.0 * equity))
            slope = where(goal == goal, bound, slope)
            value = where(goal == goal, goal, value)
        if limited:
            slope = where(absolute(value - held) > most, 0.0, slope)
        return slope

    @jit
    def fitting(equity: Any, asked: Any, bound: Any, terms: Terms) -> Any:
        """(budget, its derivative): the part of `equity` that targets may be taken of.

        All of it, unless what cannot be traded now (`bound`, gross value) and what is asked for
        (gross weight) exceed the gross limit together; then what is asked for makes room.
        """
        room = terms.gross_limit * equity - bound
        room = where(room > 0.0, room, 0.0)
        tight = asked * equity > room * (1.0 + 1e-12)
        divisor = where(tight, asked, 1.0)
        growth = where(room > 0.0, terms.gross_limit / divisor, 0.0)
        return where(tight, room / divisor, equity), where(tight, growth, 1.0)

    @jit
    def is_order(wanted: Any, equity: Any) -> Any:
        """Whether a wanted trade is more than rounding noise (false for NaN: hold)."""
        return absolute(wanted) > ORDER_TOLERANCE * equity

    @jit
    def probe(
        target: Any, goal: Any, held: Any, most: Any, worth: Any, pressure: Any, sent: Any,
        equity: Any, budget: Any, share: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """(cost of an order if `equity` is left after it, its derivative by that equity)."""
        value = value_after(target, goal, held, most, equity, budget, terms)
        traded = where(sent, value - held, 0.0)
        cost = paid_for(charge(traded, worth, pressure, 1.0, terms))
        grows = slope_after(target, goal, held, most, equity, budget, share, terms)
        slope = where(sent, sign(traded) * grows, 0.0)
        return cost, slope * marginal(traded, worth, pressure, terms)

    @jit
    def refine(guess: Any, low: Any, high: Any, gap: Any, steep: Any, done: Any) -> Any:
        """A Newton step from `guess`, where it stays in the bracket; else the bracket is halved."""
        high, low = where(gap > 0.0, guess, high), where(gap > 0.0, low, guess)
        newton = guess - gap / steep
        inside = (newton > low) & (newton < high)
        return where(done, guess, where(inside, newton, 0.5 * (low + high))), low, high

    @jit
    def solve(
        equity: Any, target: Any, goal: Any, held: Any, most: Any, worth: Any, pressure: Any,
        sent: Any, asked: Any, bound: Any, terms: Terms,
    ) -> Any:  # fmt: skip
        """The equity E' that is left after the orders marked in `sent`, to SETTLED of `equity`.

        Where fees jump over it, the most that was found to be affordable; zero where their fees
        exceed all there is.

        Args as in `probe`, and:
            equity: before the orders.
            asked, bound: see `fitting`.
        """
        after, low, high, gap = equity, 0.0 * equity, equity, 0.0 * equity
        for _ in range(rounds):
            budget, share = after, 1.0
            if not single:
                budget, share = fitting(after, asked, bound, terms)
                share = each(share)
            cost, slope = probe(
                target, goal, held, most, worth, pressure, sent, each(after), each(budget), share,
                terms,
            )  # fmt: skip
            gap = after + total(cost) - equity
            done = absolute(gap) <= SETTLED * equity
            if settled(done):
                break
            after, low, high = refine(after, low, high, gap, 1.0 + total(slope), done)
        return where(absolute(gap) > UNSETTLED * equity, low, after)

    return Orders(
        charge, paid_for, unit_cost, value_after, fitting, is_order, probe, refine, solve, rounds
    )
