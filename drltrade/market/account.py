"""The accounting rule: what one bar does to an account. Written once, for every array library.

`make_rule(xp, fill)` closes over a namespace `xp` with `where`, `abs` and `sign` and returns pure
elementwise functions. With numpy they are the float64 reference, with torch they step thousands
of accounts on CPU or GPU (and are differentiable), under `numba.njit` they are the backtest kernel,
and with `SCALAR` they are plain Python for a single environment. Training, vector environments and
backtests all call these functions, so they cannot disagree.

The order of events between the close of bar t and the close of bar t + 1
------------------------------------------------------------------------
1. At the close of t the agent decides a target: the signed weight of post-cost equity to hold.
2. Interest accrues for the time to the next close on what is held over that close: a borrow fee
   on the value short and financing on negative cash. A position opened at the next open begins to
   pay at that bar's close, as brokers charge overnight positions.
3. The order fills: at the open of t + 1 (`next_open`), its close (`next_close`), or the close of t
   itself (`same_close`, before interest accrues).
4. The account is marked at the close of t + 1.

An account whose equity is gone is closed: at the fill price, with or without an order, or at the
close. What it owes beyond that is forgiven, and shown.

Exact post-cost weights
-----------------------
With equity E and holding h (both at the fill price), target w, slippage s, commission f and fixed
fee k, the traded value D solves D = w E' - h with E' = E - c |D| - k. The commission is charged on
the slipped price, so c = s + f (1 + s sign(D)), and for one asset the solution is closed form:

    D = (w (E - k) - h) / (1 + sign(D) w c)

so a fully invested account never borrows to pay its fee. An order that its own fixed fee would turn
round (to buy for less than w k, say) is not sent, nor is one that the account cannot pay for; so a
higher fixed fee can, by stopping an order, leave more. For the many-asset fixed point see Jiang, Xu
and Liang 2017, "A deep reinforcement learning framework for the financial portfolio management
problem", eq. 14; the convention for slipped commissions is that of vectorbt and backtrader.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

Fill = Literal["next_open", "next_close", "same_close"]

ORDER_TOLERANCE = 1e-12
"""Trades below this fraction of equity are rounding noise, not orders."""

RUIN = 1e-6
"""An account that closes a bar at or below this fraction of its initial equity is closed."""


OBSERVED_BOUND = 10.0
"""No observed figure, of the account or of the market, lies beyond plus or minus this."""


class Rates(NamedTuple):
    """The prices of trading, as fractions (not basis points); see `market.costs.Costs`."""

    commission: float
    """Fraction of the value exchanged."""
    fixed: float
    """Money per order."""
    slippage: float
    """Fraction of the price by which a buy fills above it and a sell below."""
    borrow: float
    """Per year, on the value short."""
    financing: float
    """Per year, on negative cash."""


class Step(NamedTuple):
    """The account after one bar, and what the bar cost. Every field has the shape of the inputs."""

    cash: Any
    units: Any
    equity: Any
    traded: Any
    """Signed value exchanged at the fill price (before slippage), money."""
    commission: Any
    fixed: Any
    slippage: Any
    borrow: Any
    financing: Any
    ruined: Any
    """True where the account was closed: its equity is then `floor` and it holds nothing."""
    liquidated: Any
    """Shares that a ruined account held after the fill and gave up at the close."""
    forgiven: Any
    """Money that a ruined account owed beyond what it had; nobody pays it."""


COST_PARTS = ("commission", "fixed", "slippage", "borrow", "financing")
"""The fields of `Step` that are money paid."""


class Standing(NamedTuple):
    """What the agent is told of its own account; all dimensionless. Same shape as the inputs."""

    entry: Any
    """Average entry price of the open position; 0 when flat."""
    age: Any
    """Bars since the position was last opened, closed or flipped (resizing does not count)."""
    peak: Any
    """Highest equity so far."""
    position: Any
    """Signed value of the holding as a fraction of equity, within +-OBSERVED_BOUND."""
    unrealised: Any
    """Return of the open position since entry, signed by its side, within +-OBSERVED_BOUND."""
    tenure: Any
    """`age` squeezed into [0, 1): age / (age + 20)."""
    drawdown: Any
    """1 - equity / peak, in [0, 1]."""


class Rule(NamedTuple):
    """The functions that `make_rule` returns."""

    step: Callable[..., Step]
    track: Callable[..., Standing]


Function = TypeVar("Function", bound=Callable[..., Any])


def _as_is(function: Function) -> Function:
    return function


def make_rule(xp: Any, fill: Fill, jit: Callable[[Any], Any] = _as_is) -> Rule:
    """Specialise the rule to the namespace `xp` and the fill rule; `jit` compiles each function."""
    fill_before_interest = fill == "same_close"
    # Plain names: numba compiles a closure over functions, not one over an object's attributes.
    where, absolute, sign = xp.where, xp.abs, xp.sign

    @jit
    def accrue(cash: Any, units: Any, price: Any, years: Any, rates: Rates) -> Any:
        value = units * price
        # (|x| - x) / 2 is -x where x is negative, else 0.
        borrow = (absolute(value) - value) * (0.5 * rates.borrow * years)
        financing = (absolute(cash) - cash) * (0.5 * rates.financing * years)
        return cash - borrow - financing, borrow, financing

    @jit
    def rebalance(
        cash: Any, units: Any, target: Any, fill_price: Any, floor: Any, rates: Rates
    ) -> Any:
        fills = fill_price == fill_price
        # A number in place of NaN: what is masked out must not spoil gradients either.
        price = where(fills, fill_price, 1.0)
        held = units * price
        equity = cash + held
        broke = fills & (equity <= floor)
        wanted = target * equity - held
        gap = wanted - target * rates.fixed
        side = sign(gap)
        # s + f (1 + s side)
        rate = (rates.slippage + rates.commission) + (rates.commission * rates.slippage) * side
        traded = gap / (1.0 + side * target * rate)
        after = equity - rate * absolute(traded) - rates.fixed
        # False for a NaN target (hold), for noise, where the fixed fee alone would turn the order
        # round, and for an order that the account cannot pay for.
        sent = fills & (absolute(wanted) > ORDER_TOLERANCE * equity) & (gap * wanted > 0.0)
        sent = sent & (after > floor)
        traded = where(sent, traded, 0.0)
        size = absolute(traded)
        slippage = rates.slippage * size
        commission = where(sent, rate, 0.0) * size - slippage
        fixed = where(sent, rates.fixed, 0.0)
        traded = where(broke, -held, traded)
        units = where(broke, 0.0, where(sent, target * after / price, units))
        cash = where(broke, equity, where(sent, (1.0 - target) * after, cash))
        return cash, units, traded, commission, fixed, slippage

    @jit
    def step(
        cash: Any,
        units: Any,
        target: Any,
        fill_price: Any,
        close: Any,
        next_close: Any,
        years: Any,
        floor: Any,
        rates: Rates,
    ) -> Step:
        """Carry an account from the close of t to the close of t + 1.

        Args:
            cash: money at the close of t.
            units: shares at the close of t, negative when short.
            target: weight of post-cost equity to hold after the fill; NaN holds.
            fill_price: price at which the fill rule executes; NaN where the bar can't trade.
            close: price at the close of t.
            next_close: price at the close of t + 1.
            years: time between the two closes.
            floor: equity at or below which the account is closed, money.
            rates: the costs.
        """
        if fill_before_interest:
            cash, units, traded, commission, fixed, slippage = rebalance(
                cash, units, target, fill_price, floor, rates
            )
            cash, borrow, financing = accrue(cash, units, close, years, rates)
        else:
            cash, borrow, financing = accrue(cash, units, close, years, rates)
            cash, units, traded, commission, fixed, slippage = rebalance(
                cash, units, target, fill_price, floor, rates
            )
        equity = cash + units * next_close
        ruined = equity <= floor
        kept_units, kept_equity = where(ruined, 0.0, units), where(ruined, floor, equity)
        return Step(
            where(ruined, floor, cash),
            kept_units,
            kept_equity,
            traded,
            commission,
            fixed,
            slippage,
            borrow,
            financing,
            ruined,
            units - kept_units,
            kept_equity - equity,
        )

    @jit
    def bounded(value: Any) -> Any:
        value = where(value > OBSERVED_BOUND, OBSERVED_BOUND, value)
        return where(value < -OBSERVED_BOUND, -OBSERVED_BOUND, value)

    @jit
    def track(
        entry: Any,
        age: Any,
        peak: Any,
        units: Any,
        next_units: Any,
        fill_price: Any,
        next_close: Any,
        equity: Any,
    ) -> Standing:
        """Carry what the agent is told of its account over one step (before: t, after: t + 1)."""
        kept = units * next_units > 0.0
        size, next_size = absolute(units), absolute(next_units)
        flat = next_size <= 0.0
        grown = kept & (next_size > size)
        # The denominators are 1 where their branch is not taken.
        whole = where(grown, next_size, 1.0)
        average = (entry * size + fill_price * (next_size - size)) / whole
        entry = where(grown, average, where(kept, entry, fill_price))
        entry = where(flat, 0.0, entry)
        changed = sign(units) != sign(next_units)
        age = where(changed, 1.0, age + 1.0)
        peak = where(equity > peak, equity, peak)
        position = bounded(next_units * next_close / equity)
        paid = where(flat, next_close, entry)
        unrealised = bounded(sign(next_units) * (next_close / paid - 1.0))
        tenure = age / (age + 20.0)
        return Standing(entry, age, peak, position, unrealised, tenure, 1.0 - equity / peak)

    return Rule(step, track)


class _Scalar:
    """The namespace of plain Python numbers: the fastest for a single account."""

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no

    abs = staticmethod(abs)

    @staticmethod
    def sign(value: float) -> float:
        return math.copysign(1.0, value) if value else 0.0


SCALAR = _Scalar()
