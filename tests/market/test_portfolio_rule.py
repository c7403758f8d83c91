"""The accounting rule for many assets: exact weights, limits, halts and ends."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import (
    ASSETS,
    EQUITY,
    FLOOR,
    PANEL,
    PRICES,
    costs,
    fill,
    holding,
    panel_terms,
    weights,
)

from drltrade.market.account import make_rule
from drltrade.market.namespaces import NUMPY, SCALAR
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.terms import Plan, Terms


def left_after(
    account: Account, sent: np.ndarray, target: np.ndarray, terms: Terms, form: str, volume: Any
) -> tuple[float, float]:
    """(equity, budget of the targets) after orders, by bisection to the last bit."""
    held = account.units * PRICES
    kept = float(abs(held[~sent]).sum())
    asked = float(abs(target[sent]).sum())

    def budget(after: float) -> float:
        room = max(terms.gross_limit * after - kept, 0.0)
        return after if asked * after <= room * (1 + 1e-12) else room / asked

    def paid(after: float) -> float:
        total = 0.0
        for i in np.flatnonzero(sent):
            traded = target[i] * budget(after) - held[i]
            size, side = abs(traded), np.sign(traded)
            share = size / (volume[i] * PRICES[i]) + max(side * account.pressure[i], 0.0)
            share = min(share, 1.0)
            rate = {"none": 0.0, "linear": share, "square_root": share**0.5}[form]
            slip = terms.spread[i] + terms.slippage[i] + terms.impact[i] * rate
            commission = max(terms.commission[i] * size * (1 + side * slip), terms.minimum[i])
            total += slip * size + commission + terms.fixed[i]
        return total

    low, high = 0.0, EQUITY
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if middle + paid(middle) > EQUITY else (middle, high)
    return low, budget(low)


cases = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 100_000),
        "gross": st.sampled_from([1.0, 2.0]),
        "short": st.booleans(),
        "halted": st.sampled_from([0.0, 0.4]),
        "impact": st.sampled_from(["none", "linear", "square_root"]),
        "fees": st.booleans(),
    }
)


@given(cases)
@settings(max_examples=300, deadline=None)
def test_weights_after_the_fill_are_exact_and_found_by_bisection_too(case):
    rng = np.random.default_rng(case["seed"])
    gross, fees = case["gross"], case["fees"]
    terms = panel_terms(case["seed"], gross, fees)
    account = holding(weights(rng, gross, case["short"]), pressure=rng.uniform(-0.3, 0.3, ASSETS))
    target = weights(rng, gross, case["short"])
    target[rng.random(ASSETS) < 0.2] = np.nan
    at = np.where(rng.random(ASSETS) < case["halted"], np.nan, PRICES)
    volume = rng.uniform(500.0, 1e5, ASSETS) / PRICES * 10
    plan = PANEL._replace(impact=case["impact"], order_fees=fees)
    step = fill(account, target, terms, plan, fill=at, volume=volume)
    sent = step.traded != 0.0
    assert not (sent & (np.isnan(target) | np.isnan(at))).any()
    equity, budget = left_after(account, sent, target, terms, case["impact"], volume)
    assert float(step.equity) == pytest.approx(equity, rel=1e-12)
    values = step.account.units * PRICES
    np.testing.assert_allclose(values[sent], (target * budget)[sent], rtol=0, atol=1e-12 * EQUITY)
    np.testing.assert_array_equal(step.account.units[~sent], account.units[~sent])
    assert float(step.equity) == pytest.approx(EQUITY - costs(step), rel=1e-12)
    # What stood within the limit stands within it.
    held = abs(account.units * PRICES).sum()
    assert abs(values).sum() <= max(gross * equity, held) * (1 + 1e-12) or not sent.any()
    if not np.isnan(at).any() and not np.isnan(target).any() and not fees:
        assert sent.all()
        np.testing.assert_allclose(values / float(step.equity), target, rtol=0, atol=1e-12)


@given(st.integers(0, 100_000), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_fully_invested_long_only_account_never_borrows_for_its_costs(seed, fees):
    rng = np.random.default_rng(seed)
    terms, plan = panel_terms(seed, 1.0, fees), PANEL._replace(impact="linear", order_fees=fees)
    account = holding(rng.dirichlet(np.ones(ASSETS)))
    for _ in range(5):
        target = rng.dirichlet(np.ones(ASSETS))
        at = np.where(rng.random(ASSETS) < 0.3, np.nan, PRICES)
        step = fill(account, target, terms, plan, fill=at)
        account = step.account
        assert float(account.cash) >= -1e-12 * EQUITY
        assert (account.units >= 0.0).all()


def test_what_is_asked_for_makes_room_for_what_cannot_be_traded():
    # 60% of equity is halted; the other targets of 80% share the room of 40%, as they are to
    # one another: 0.4 / 0.8 of what they ask for.
    account = holding(np.array([0.6, 0.0, 0.0, 0.0]))
    at = np.array([np.nan, 8.0, 900.0, 120.0])
    for limit, expected in ((1.0, [0.6, 0.25, 0.15, 0.0]), (2.0, [0.6, 0.5, 0.3, 0.0])):
        step = fill(account, [0.2, 0.5, 0.3, 0.0], Terms(gross_limit=limit), fill=at)
        np.testing.assert_allclose(step.account.units * PRICES / EQUITY, expected, rtol=1e-12)
        assert float(step.account.cash) == pytest.approx(EQUITY * (1 - sum(expected)), abs=1e-9)


def test_a_halted_short_takes_room_too():
    # Short 150% and halted, of 200%: long 100% becomes 50%.
    account = holding(np.array([-1.5, 0.0, 0.0, 0.0]))
    at = np.array([np.nan, 8.0, 900.0, 120.0])
    step = fill(account, [0.0, 0.6, -0.4, np.nan], Terms(gross_limit=2.0), fill=at)
    np.testing.assert_allclose(
        step.account.units * PRICES / EQUITY, [-1.5, 0.3, -0.2, 0.0], rtol=1e-12
    )


def test_without_any_room_targets_are_closed():
    account = holding(np.array([1.2, 0.3, 0.0, 0.0]))
    at = np.array([np.nan, 8.0, 900.0, 120.0])
    step = fill(account, [0.0, 0.5, 0.5, 0.0], Terms(gross_limit=1.0), fill=at)
    np.testing.assert_allclose(step.account.units * PRICES / EQUITY, [1.2, 0, 0, 0], atol=1e-15)


def test_holds_take_room_as_halts_do():
    account = holding(np.array([0.6, 0.0, 0.0, 0.0]))
    step = fill(account, [np.nan, 0.5, 0.3, 0.0], Terms(gross_limit=1.0))
    np.testing.assert_allclose(
        step.account.units * PRICES / EQUITY, [0.6, 0.25, 0.15, 0.0], rtol=1e-12
    )


def test_a_target_that_is_already_held_takes_room_as_a_target():
    # No order for the first, since it holds what it asks for; the limit is met by all together.
    account = holding(np.array([0.5, 0.0, 0.0, 0.0]))
    step = fill(account, [0.5, 0.3, 0.2, 0.0], Terms(gross_limit=1.0))
    np.testing.assert_allclose(
        step.account.units * PRICES / EQUITY, [0.5, 0.3, 0.2, 0.0], rtol=1e-12
    )


@pytest.mark.parametrize("delistings", [True, False])
def test_an_asset_that_ends_pays_its_last_price_without_cost(delistings):
    account = holding(np.array([0.25, 0.25, 0.25, 0.25]))
    at, ended = np.array([np.nan, 8.0, 900.0, 120.0]), np.array([True, False, False, False])
    plan = PANEL._replace(delistings=delistings)
    step = fill(account, None, panel_terms(0), plan, fill=at, ended=ended)
    assert (costs(step), float(step.turnover), float(step.equity)) == (0.0, 0.0, EQUITY)
    if delistings:
        assert float(step.account.cash) == pytest.approx(0.25 * EQUITY)
        np.testing.assert_array_equal(step.exit_units, [500.0, 0, 0, 0])
        np.testing.assert_array_equal(step.exit_price, [50.0, np.nan, np.nan, np.nan])
        assert (step.account.units[0], step.account.entry[0]) == (0.0, 0.0)
    else:
        np.testing.assert_array_equal(step.account.units, account.units)


def test_a_short_in_an_asset_that_ends_is_bought_back_at_its_last_price():
    account = holding(np.array([-0.5, 0.0, 0.0, 0.0]))
    later, ended = PRICES * [1.1, 1, 1, 1], np.array([True, False, False, False])
    at = np.array([np.nan, 8.0, 900.0, 120.0])
    step = fill(
        account, None, Terms(), PANEL._replace(delistings=True), fill=at, ended=ended,
        next_close=later,
    )  # fmt: skip
    assert float(step.account.cash) == pytest.approx(0.95 * EQUITY)
    assert step.exit_price[0] == pytest.approx(55.0)


def test_costs_are_charged_per_asset():
    # 100 000 in cash, a quarter each into four assets, of which each has one cost alone.
    fourth = np.eye(ASSETS)
    terms = Terms(
        commission=0.01 * fourth[0], spread=0.02 * fourth[1], slippage=0.03 * fourth[2],
        fixed=40.0 * fourth[3], gross_limit=1.0,
    )  # fmt: skip
    step = fill(holding(np.zeros(ASSETS)), [0.25] * 4, terms)
    # E' + E' / 4 (0.01 + 0.02 + 0.03) + 40 = 100 000.
    after = (EQUITY - 40.0) / 1.015
    assert float(step.equity) == pytest.approx(after, rel=1e-14)
    assert float(step.commission) == pytest.approx(0.01 * after / 4, rel=1e-13)
    assert float(step.spread) == pytest.approx(0.02 * after / 4, rel=1e-13)
    assert float(step.slippage) == pytest.approx(0.03 * after / 4, rel=1e-13)
    assert float(step.fixed) == 40.0
    assert float(step.turnover) == pytest.approx(after, rel=1e-13)
    assert float(step.account.cash) == pytest.approx(0.0, abs=1e-9)


def test_minimum_fees_bind_where_orders_are_small():
    # Orders of about 10 000 and 90 000 at 0.1%, at least 50: the first pays 50, the other 0.1%.
    terms = Terms(commission=np.full(ASSETS, 0.001), minimum=np.full(ASSETS, 50.0))
    step = fill(holding(np.zeros(ASSETS)), [0.1, 0.9, 0.0, 0.0], terms)
    after = (EQUITY - 50.0) / (1 + 0.9 * 0.001)
    assert float(step.equity) == pytest.approx(after, rel=1e-14)
    assert float(step.commission) == pytest.approx(50.0 + 0.0009 * after, rel=1e-13)


def test_an_order_that_costs_would_turn_round_is_not_sent_and_the_others_are():
    # It holds 49.99% and asks for 50%; the fixed fees of 40 leave less than it has.
    account = holding(np.array([0.4999, 0.0, 0.0, 0.0]))
    terms = Terms(fixed=np.full(ASSETS, 40.0))
    step = fill(account, [0.5, 0.2, 0.0, 0.0], terms)
    assert (step.traded[0], float(step.fixed)) == (0.0, 40.0)
    after = EQUITY - 40.0
    assert float(step.equity) == pytest.approx(after, rel=1e-14)
    assert step.account.units[1] * PRICES[1] == pytest.approx(0.2 * after, rel=1e-13)


def test_ruin_closes_every_asset_and_forgives_the_rest():
    account = holding(np.array([5.0, -1.0, 0.0, 0.0]), pending=np.ones(ASSETS))
    later = PRICES * [0.7, 1.0, 1.0, 1.0]  # 5 * 30% of equity are gone, 50% too many
    step = fill(account, None, Terms(), PANEL._replace(margin=True), fill=PRICES,
                next_close=later)  # fmt: skip
    assert bool(step.ruined)
    assert (float(step.equity), float(step.account.cash)) == (FLOOR, FLOOR)
    for figures in step.account[1:3]:
        assert not figures.any()
    np.testing.assert_array_equal(step.exit_units[:2], account.units[:2])
    assert float(step.forgiven) == pytest.approx(0.5 * EQUITY + FLOOR, rel=1e-12)


def test_carried_orders_are_forgotten_in_ruin():
    account = holding(np.array([5.0, 0.0, 0.0, 0.0]), pending=np.array([0.0, 9.0, 0.0, 0.0]))
    plan = PANEL._replace(volume_limit="carry")
    later = PRICES * [0.7, 1.0, 1.0, 1.0]
    step = fill(account, None, Terms(volume_limit=1.0), plan, fill=np.full(ASSETS, np.nan),
                next_close=later)  # fmt: skip
    assert bool(step.ruined)
    assert not step.account.pending.any()


@given(st.integers(0, 100_000), st.floats(-2, 2), st.floats(-2, 2), st.booleans())
@settings(max_examples=300, deadline=None)
def test_one_asset_in_the_form_for_many_has_the_closed_form(seed, held, target, fees):
    rng = np.random.default_rng(seed)
    numbers = {
        "commission": rng.random() * 0.01, "spread": rng.random() * 0.01,
        "slippage": rng.random() * 0.01, "minimum": 30 * rng.random() * fees,
        "fixed": 30 * rng.random() * fees,
    }  # fmt: skip
    price, floor = 37.0, 1e-3
    cash, units = 1000 * (1 - held), 1000 * held / price
    bar = Bar(price, price, price, 0.0)
    single = make_rule(SCALAR, Plan("next_close", holding=False, order_fees=fees))(
        Account(cash, units), target, 0.0, bar, floor, Terms(**numbers)
    )

    def array(value: float) -> np.ndarray:
        return np.array([value])

    nothing = array(0.0)
    with np.errstate(all="ignore"):
        many = make_rule(NUMPY, PANEL._replace(order_fees=fees))(
            Account(cash, array(units), nothing, nothing, nothing), array(target), nothing,
            Bar(*(array(price),) * 3, 0.0), floor,
            Terms(**{name: array(value) for name, value in numbers.items()}),
        )  # fmt: skip
    assert bool(many.ruined) == bool(single.ruined)
    for name in ("equity", "turnover", *COST_PARTS):
        assert float(getattr(many, name)) == pytest.approx(getattr(single, name), abs=1e-9)
    assert float(many.account.cash) == pytest.approx(single.account.cash, abs=1e-9)
    assert float(many.account.units[0]) == pytest.approx(single.account.units, abs=1e-12 * 1000)


def test_accounts_side_by_side_do_not_meddle_with_one_another():
    rng = np.random.default_rng(0)
    terms, plan = panel_terms(1, 2.0), PANEL._replace(impact="square_root", volume_limit="carry")
    accounts = [holding(weights(rng, 2.0, True)) for _ in range(20)]
    targets = np.array([weights(rng, 2.0, True) for _ in range(20)])
    volume = np.full(ASSETS, 300.0)
    alone = [fill(a, t, terms, plan, volume=volume) for a, t in zip(accounts, targets, strict=True)]
    together = Account(*(np.stack(field) for field in zip(*accounts, strict=True)))
    bar = Bar(*(PRICES,) * 3, 0.0, volume=volume)
    with np.errstate(all="ignore"):
        step = make_rule(NUMPY, plan)(together, targets, 0.0, bar, FLOOR, terms)
    for e, one in enumerate(alone):
        assert step.equity[e] == pytest.approx(float(one.equity), rel=1e-14)
        np.testing.assert_allclose(step.account.units[e], one.account.units, rtol=1e-11)
        np.testing.assert_allclose(
            step.account.pending[e], one.account.pending, rtol=1e-9, atol=1e-9
        )


def test_interest_of_many_assets():
    # Long 120%, short 40%, and so cash of 20%; for a tenth of a year.
    held = np.array([1.2, -0.4, 0.0, 0.0])
    terms = Terms(
        borrow=np.full(ASSETS, 0.1), funding=np.array([0.05, 0.2, 0, 0]), financing=0.3,
        interest=0.4,
    )  # fmt: skip
    step = fill(holding(held), None, terms, PANEL._replace(holding=True), years=0.1)
    assert float(step.borrow) == pytest.approx(0.4 * 0.1 * 0.1 * EQUITY)
    assert float(step.funding) == pytest.approx((1.2 * 0.05 - 0.4 * 0.2) * 0.1 * EQUITY)
    assert float(step.interest) == pytest.approx(-0.2 * 0.4 * 0.1 * EQUITY)
    assert float(step.financing) == 0.0
    step = fill(holding(held * 2), None, terms, PANEL._replace(holding=True), years=0.1)
    assert float(step.financing) == pytest.approx(0.6 * 0.3 * 0.1 * EQUITY)
    assert float(step.interest) == pytest.approx(0.0)
    assert math.isclose(float(step.equity), EQUITY - costs(step))
