"""The accounting rule for one asset: its invariants on random paths, and single steps by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_paths import EQUITY, FLOOR, Paths, fresh, market_of, random_market

from drltrade.market.account import make_rule
from drltrade.market.namespaces import SCALAR
from drltrade.market.state import COST_PARTS, Account, Bar, Step
from drltrade.market.terms import Plan, Terms

FILLS = ("next_open", "next_close", "same_close")
FREE = Terms()
SIMPLE = Plan()
"""Orders at the next open, whose costs are proportional or fixed; what is held costs interest."""


def random_path(
    seed: int, steps: int, fill: str = "next_open", leverage: float = 1.0, holds: bool = True,
    spikes: float = 0.0, amounts: bool = False,
) -> Paths:  # fmt: skip
    rng = np.random.default_rng(seed)
    market = random_market(rng, steps, 1, spikes=spikes)
    tape = market.tape(fill)[:-1]
    target = rng.uniform(-leverage, leverage, steps)
    target[rng.random(steps) < 0.2] = 0.0
    if holds:
        target[rng.random(steps) < 0.2] = np.nan
    else:
        tape[:, 0] = np.where(np.isnan(tape[:, 0]), tape[:, 1], tape[:, 0])
    amount = np.where(rng.random(steps) < 0.5, rng.normal(0, 500, steps), 0.0) * amounts
    return Paths(tape[None], target[None, :, None], amount[None, :, None])


def bars(path: Paths) -> list[Bar]:
    return [Bar(*row) for row in zip(*(np.ravel(f).tolist() for f in path.bar), strict=True)]


def run(path: Paths, terms: Terms, plan: Plan = SIMPLE) -> list[Step]:
    """The path through the plain-Python rule, to its end or the account's."""
    rule, account, steps = make_rule(SCALAR, plan), fresh(), []
    orders = zip(path.target.ravel().tolist(), path.amount.ravel().tolist(), strict=True)
    for (target, amount), bar in zip(orders, bars(path), strict=True):
        step = rule(account, target, amount, bar, FLOOR, terms)
        steps.append(step)
        account = step.account
        if step.ruined:
            break
    return steps


def costs(step: Step) -> float:
    return sum(getattr(step, part) for part in COST_PARTS)


def one(
    cash: float, units: float, target: float, fill: float, close: float, later: float,
    terms: Terms = FREE, plan: Plan = SIMPLE, floor: float = 1e-3, years: float = 0.0,
    entry: float = 0.0, amount: float = 0.0, **bar: Any,
) -> Step:  # fmt: skip
    """A single step."""
    return make_rule(SCALAR, plan)(
        Account(cash, units, entry, 0.0, 0.0), target, amount,
        Bar(fill, close, later, years, **bar), floor, terms,
    )  # fmt: skip


terms_strategy = st.fixed_dictionaries(
    {
        "commission": st.floats(0, 0.01),
        "maker": st.floats(0, 0.01),
        "minimum": st.sampled_from([0.0, 1.0, 20.0]),
        "fixed": st.floats(0, 50),
        "spread": st.floats(0, 0.005),
        "slippage": st.floats(0, 0.01),
        "impact": st.floats(0, 0.02),
        "memory": st.floats(0, 0.9),
        "volume_limit": st.sampled_from([0.02, 0.2, 1.0]),
        "borrow": st.floats(0, 0.2),
        "funding": st.floats(-0.2, 0.2),
        "liquidation": st.floats(0, 0.02),
        "stop_loss": st.sampled_from([0.01, 0.05, math.inf]),
        "take_profit": st.sampled_from([0.01, 0.05, math.inf]),
        "lowest": st.just(-2.0),
        "highest": st.just(2.0),
        "financing": st.floats(0, 0.2),
        "interest": st.floats(0, 0.1),
        "maintenance": st.sampled_from([0.0, 0.1, 0.4]),
    }
).map(lambda numbers: Terms(**numbers))
fills = st.sampled_from(FILLS)
impacts = st.sampled_from(["none", "linear", "square_root"])
plans = st.fixed_dictionaries(
    {
        "fill": fills,
        "impact": impacts,
        "volume_limit": st.sampled_from(["none", "drop", "carry"]),
        "amounts": st.booleans(),
        "margin": st.booleans(),
        "brackets": st.booleans(),
    }
).map(lambda options: Plan(**options))


@st.composite
def journeys(draw: Any) -> tuple[Paths, Plan]:
    """A path of prices and orders, and the plan that it is made for."""
    plan = draw(plans)
    path = random_path(
        draw(st.integers(0, 10_000)), draw(st.integers(1, 60)), plan.fill,
        draw(st.sampled_from([1.0, 2.0])), spikes=draw(st.sampled_from([0.0, 0.05])),
        amounts=plan.amounts,
    )  # fmt: skip
    return path, plan


@given(journeys(), terms_strategy)
@settings(max_examples=200, deadline=None)
def test_rewards_sum_to_the_log_of_the_equity_ratio(journey, terms):
    path, plan = journey
    steps = run(path, terms, plan)
    before = [EQUITY, *(step.equity for step in steps[:-1])]
    rewards = [math.log(s.equity / b) for s, b in zip(steps, before, strict=True)]
    assert sum(rewards) == pytest.approx(math.log(steps[-1].equity / EQUITY), abs=1e-9)
    for step, bar in zip(steps, bars(path), strict=False):
        worth = step.account.cash + step.account.units * bar.next_close
        assert step.equity == pytest.approx(worth, rel=1e-12)


@given(journeys(), terms_strategy)
@settings(max_examples=400, deadline=None)
def test_equity_changes_by_price_moves_less_costs_and_nothing_else(journey, terms):
    path, plan = journey
    account, equity = fresh(), EQUITY
    for step, bar in zip(run(path, terms, plan), bars(path), strict=False):
        after = step.account
        bought = step.traded / bar.fill if step.traded else 0.0
        left = step.exit_units * step.exit_price if step.exit_units else 0.0
        assert (step.exit_units == 0.0) == math.isnan(step.exit_price)
        # What was bought was paid for at the fill price, what was closed at the exit's.
        units = account.units + bought - step.exit_units
        assert after.units == pytest.approx(units, rel=1e-9, abs=1e-9 * abs(bought))
        gain = left - step.traded + after.units * bar.next_close - account.units * bar.close
        assert step.equity == pytest.approx(
            equity + gain - costs(step) + step.forgiven, rel=1e-9, abs=1e-6
        )
        if not step.ruined:
            assert step.forgiven == 0.0
            assert after.cash == pytest.approx(
                account.cash - step.traded + left - costs(step), rel=1e-9, abs=1e-6
            )
        charges = [getattr(step, part) for part in COST_PARTS[:8]]
        assert min(charges) >= 0.0
        assert step.interest <= 0.0
        account, equity = after, step.equity


@given(journeys(), terms_strategy)
@settings(max_examples=150, deadline=None)
def test_a_flat_market_loses_exactly_its_costs(journey, terms):
    path, plan = journey
    tape = path.tape.copy()
    prices = tape[..., :6]
    prices[~np.isnan(prices)] = 50.0
    steps = run(Paths(tape, path.target, path.amount), terms, plan)
    if steps[-1].ruined:
        return
    assert EQUITY - steps[-1].equity == pytest.approx(sum(map(costs, steps)), rel=1e-9, abs=1e-6)


@given(journeys(), terms_strategy)
@settings(max_examples=150, deadline=None)
def test_zero_cost_conserves_value_at_every_fill(journey, terms):
    path, plan = journey
    limits = ("volume_limit", "stop_loss", "take_profit", "maintenance", "memory")
    free = FREE._replace(**{name: getattr(terms, name) for name in limits})
    account = fresh()
    for step, bar in zip(run(path, free, plan), bars(path), strict=False):
        after = step.account
        assert costs(step) == 0.0
        if step.exit_units == 0.0 and step.traded:
            worth = account.cash + account.units * bar.fill
            assert after.cash + after.units * bar.fill == pytest.approx(worth, rel=1e-13)
        elif step.exit_units == 0.0 and not step.ruined:
            assert (after.cash, after.units) == (account.cash, account.units)
        account = after


@given(
    seed=st.integers(0, 10_000),
    part=st.sampled_from(["commission", "spread", "slippage", "borrow", "financing"]),
    fill=fills,
    fees=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_final_equity_never_rises_with_a_fee(seed, part, fill, fees):
    # Weights are relative to equity, so each fee only ever takes a share of it.
    path = random_path(seed, 40, fill, holds=False)
    by_time = part in ("borrow", "financing")
    levels = [0.0, 0.02, 0.2] if by_time else [0.0, 0.001, 0.005]
    plan = SIMPLE._replace(fill=fill, order_fees=fees)
    final = [run(path, FREE._replace(**{part: level}), plan)[-1].equity for level in levels]
    assert final[0] >= final[1] >= final[2]


@pytest.mark.parametrize("fill", FILLS)
def test_final_equity_falls_with_the_fixed_fee_as_long_as_the_orders_are_the_same(fill):
    compared = 0
    for seed in range(80):
        path = random_path(seed, 40, fill, holds=False)
        plan = SIMPLE._replace(fill=fill)
        runs = [run(path, FREE._replace(fixed=fee), plan) for fee in (0.0, 5.0, 50.0)]
        orders = [[step.traded != 0 for step in steps] for steps in runs]
        if orders[0] == orders[1] == orders[2]:
            compared += 1
            assert runs[0][-1].equity > runs[1][-1].equity > runs[2][-1].equity
    assert compared > 20


@given(seed=st.integers(0, 10_000), fill=fills, fee=st.floats(0.1, 50))
@settings(max_examples=50, deadline=None)
def test_a_minimum_without_a_commission_is_a_fixed_fee(seed, fill, fee):
    path, plan = random_path(seed, 30, fill), SIMPLE._replace(fill=fill)
    least = run(path, FREE._replace(minimum=fee), plan)
    fixed = run(path, FREE._replace(fixed=fee), plan)
    for mine, yours in zip(least, fixed, strict=True):
        assert mine.equity == pytest.approx(yours.equity, rel=1e-12)
        assert (mine.commission, mine.fixed) == (yours.fixed, yours.commission)


def test_a_higher_fixed_fee_can_stop_an_order_and_so_leave_more():
    bought, stopped = (
        one(15.0, 999.85, 1.0, 100.0, 100.0, 100.0, FREE._replace(fixed=fee), floor=0.1)
        for fee in (10.0, 16.0)
    )
    assert (bought.fixed, stopped.fixed) == (10.0, 0.0)
    assert bought.equity < stopped.equity


def test_an_account_without_equity_at_the_fill_is_closed_there():
    # Ten times long at 100, the next open at 89: 1000 - 11 * 100 < 0, whatever the close.
    plan = SIMPLE._replace(margin=True)
    for target in (0.0, 10.0, math.nan):
        step = one(
            -9000.0, 100.0, target, 89.0, 100.0, 95.0, plan=plan, open=89.0, high=95.0, low=89.0
        )
        assert step.ruined
        assert (step.traded, step.exit_units, step.exit_price) == (0.0, 100.0, 89.0)
        assert step.account == Account(1e-3, 0.0, 0.0, 0.0, 0.0)
        assert step.forgiven == pytest.approx(100.0, abs=0.01)
        assert step.turnover == 8900.0


def test_an_order_that_the_account_cannot_pay_for_is_not_sent():
    terms = Terms(commission=0.01, slippage=0.01)
    step = one(-9999.0, 100.0, 3.0, 100.0, 100.0, 101.0, terms)
    assert (step.traded, step.account.units, step.equity) == (0.0, 100.0, 101.0)


@given(
    target=st.floats(-3, 3).filter(lambda w: abs(w) > 1e-3),
    held=st.floats(-2, 2),
    terms=terms_strategy,
    impact=impacts,
    pressure=st.sampled_from([-0.3, 0.0, 0.2]),
)
@settings(max_examples=400, deadline=None)
def test_the_weight_after_the_fill_is_exact(target, held, terms, impact, pressure):
    price, equity, volume = 37.0, 1000.0, 100.0
    plan = Plan("next_close", holding=False, impact=impact)
    account = Account((1 - held) * equity, held * equity / price, price, pressure, 0.0)
    bar = Bar(price, price, price, 0.0, price, price, price, volume, volume)
    step = make_rule(SCALAR, plan)(account, target, 0.0, bar, 1e-3, terms)
    if step.ruined or not step.traded:
        return
    units, side = step.account.units, math.copysign(1.0, step.traded)
    assert units * price / step.equity == pytest.approx(target, rel=1e-12)
    assert step.traded == pytest.approx(units * price - held * equity, rel=1e-9, abs=1e-9)
    assert step.equity == pytest.approx(equity - costs(step), rel=1e-12)
    size = abs(step.traded)
    share = min(size / (volume * price) + max(side * pressure, 0.0), 1.0)
    rate = {"none": 0.0, "linear": share, "square_root": math.sqrt(share)}[impact] * terms.impact
    assert step.spread == pytest.approx(terms.spread * size, rel=1e-12)
    assert step.slippage == pytest.approx(terms.slippage * size, rel=1e-12)
    assert step.impact == pytest.approx(rate * size, rel=1e-12)
    slip = terms.spread + terms.slippage + rate
    paid = max(terms.commission * (1 + slip * side) * size, terms.minimum)
    assert step.commission == pytest.approx(paid, rel=1e-12)
    assert step.fixed == terms.fixed
    assert step.turnover == size


def test_a_purchase_worked_by_hand():
    # 1000 in cash, everything into an asset at 10, commission 1%, slippage 2%, fee 5:
    # D = (1000 - 5) / (1 + 0.02 + 0.01 * 1.02) = 995 / 1.0302; E' = D since w = 1.
    terms = Terms(commission=0.01, fixed=5.0, slippage=0.015, spread=0.005)
    step = one(1000.0, 0.0, 1.0, 10.0, 9.5, 11.0, terms, years=1 / 252)
    assert step.traded == pytest.approx(995 / 1.0302, rel=1e-14)
    assert step.account.cash == 0.0
    assert step.account.units == pytest.approx(99.5 / 1.0302, rel=1e-14)
    assert step.account.entry == 10.0
    assert step.equity == pytest.approx(11 * 99.5 / 1.0302, rel=1e-14)
    assert step.slippage == pytest.approx(0.015 * 995 / 1.0302, rel=1e-14)
    assert step.spread == pytest.approx(0.005 * 995 / 1.0302, rel=1e-14)
    assert step.commission == pytest.approx(0.01 * 1.02 * 995 / 1.0302, rel=1e-14)
    assert step.fixed == 5.0


def test_interest_is_charged_every_bar_and_survives_a_flip():
    terms = FREE._replace(borrow=0.365)
    market = market_of(np.full(12, 100.0))
    tape = market.tape("next_open")[:-1]
    tape[:, -1] = 1 / 365
    targets = np.array([-1.0] * 10 + [0.5])
    steps = run(Paths(tape[None], targets[None, :, None], np.zeros((1, 11, 1))), terms)
    charged = [step.borrow for step in steps]
    assert charged[0] == 0.0  # opened at the next open: the first night is still to come
    assert all(paid > 0 for paid in charged[1:])
    assert EQUITY - steps[-1].equity == pytest.approx(sum(charged), rel=1e-12)


@pytest.mark.parametrize("name", ["fixed", "minimum"])
def test_an_order_smaller_than_its_fee_is_not_sent(name):
    terms = FREE._replace(**{name: 10.0})
    held = 0.5 - 1e-6
    step = one(1000 * (1 - held), 10 * held, 0.5, 100.0, 100.0, 100.0, terms)
    assert (step.traded, step.fixed, step.commission, step.equity) == (0.0, 0.0, 0.0, 1000.0)


@pytest.mark.parametrize("impact", ["none", "linear"])
def test_a_target_already_held_is_no_order(impact):
    terms = Terms(commission=0.01, fixed=10.0, slippage=0.01, impact=0.01)
    plan = SIMPLE._replace(impact=impact)
    first = one(1000.0, 0.0, 0.7, 100.0, 100.0, 100.0, terms, plan, volume=1e3)
    again = one(*first.account[:2], 0.7, 100.0, 100.0, 100.0, terms, plan, volume=1e3)
    assert first.traded > 600.0
    assert again.traded == 0.0
    assert again.equity == first.equity


@pytest.mark.parametrize(
    "plan", [SIMPLE, SIMPLE._replace(volume_limit="carry", amounts=True, impact="linear")]
)
def test_nan_holds(plan):
    terms = Terms(commission=0.01, fixed=10.0, slippage=0.01, impact=0.01)
    for fill in FILLS:
        step = one(
            500.0, 5.0, math.nan, 101.0, 100.0, 102.0, terms, plan._replace(fill=fill),
            entry=90.0, volume=1e3,
        )  # fmt: skip
        assert step.account == Account(500.0, 5.0, 90.0, 0.0, 0.0)
        assert (step.traded, step.turnover, costs(step), step.equity) == (0.0, 0.0, 0.0, 1010.0)


@pytest.mark.parametrize("fill", FILLS)
def test_an_order_that_cannot_fill_leaves_the_account_as_it_is(fill):
    step = one(500.0, 5.0, 1.0, math.nan, 100.0, 100.0, plan=Plan(fill), entry=90.0)
    assert step.account == Account(500.0, 5.0, 90.0, 0.0, 0.0)
    assert (step.traded, step.equity) == (0.0, 1000.0)


def test_the_fill_rules_trade_at_their_own_time():
    # The price doubles between the close of t and the next open, and again by the next close.
    closes, opens = (100.0, 400.0), 200.0
    expected = {"same_close": 4.0, "next_open": 2.0, "next_close": 1.0}
    prices = {"same_close": closes[0], "next_open": opens, "next_close": closes[1]}
    for fill in FILLS:
        step = one(1.0, 0.0, 1.0, prices[fill], *closes, plan=Plan(fill), floor=1e-6)
        assert step.equity == expected[fill]


@pytest.mark.parametrize("target", [math.nan, -1.0])
def test_a_ruined_account_is_closed(target):
    # Short ten at 200, 150 at the open, 250 at the close.
    step = one(2000.0, -10.0, math.nan, 150.0, 100.0, 250.0, floor=FLOOR, entry=200.0)
    assert step.ruined
    assert step.account == Account(FLOOR, 0.0, 0.0, 0.0, 0.0)
    assert (step.equity, step.exit_units, step.exit_price) == (FLOOR, -10.0, 250.0)
    assert step.forgiven == pytest.approx(500.0 + FLOOR, rel=1e-14)


def test_the_entry_is_the_mean_price_of_what_was_bought():
    plan, terms = Plan("next_close", amounts=True), FREE._replace(lowest=-10.0, highest=10.0)
    account, entries = Account(1000.0, 0.0, 0.0, 0.0, 0.0), []
    rule = make_rule(SCALAR, plan)
    for amount, price in [(2, 10.0), (2, 20.0), (-1, 30.0), (0, 40.0), (-5, 50.0), (2, 60.0)]:
        bar = Bar(price, price, price, 0.0)
        account = rule(account, math.nan, float(amount), bar, 1e-3, terms).account
        entries.append(account.entry)
    # Reductions leave it alone, a flip enters anew, and 0 is that of nothing.
    assert entries == pytest.approx([10.0, 15.0, 15.0, 15.0, 50.0, 0.0])
