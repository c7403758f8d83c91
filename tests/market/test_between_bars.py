"""What an account takes from one bar to the next, and where a bar ends its position, by hand."""

import math

import pytest

from drltrade.market.account import make_rule
from drltrade.market.namespaces import SCALAR
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan, Terms

HOLD = math.nan


def bar(low=100.0, volume=1000.0, close=100.0):
    return Bar(
        100.0, 100.0, close, 0.0, open=100.0, high=100.0, low=low, volume=volume, next_volume=1000.0
    )


def step(plan, terms, account, target, now, amount=0.0, floor=1e-3):
    return make_rule(SCALAR, plan)(account, target, amount, now, floor, terms)


def test_pressure_fades_by_its_memory_and_grows_by_what_is_traded():
    plan, terms = Plan(impact="linear"), Terms(impact=0.01, memory=0.5)
    account = Account(1000.0, 10.0, 100.0, 0.4, 0.0)
    held = step(plan, terms, account, HOLD, bar())
    assert held.account.pressure == pytest.approx(0.2, rel=1e-12)
    sold = step(plan, terms, account, 0.0, bar())
    # 10 of the 1,000 units of the bar.
    assert sold.account.pressure == pytest.approx((0.4 - 0.01) * 0.5, rel=1e-12)


def test_what_a_volume_limit_leaves_is_carried_over():
    plan, terms = Plan(volume_limit="carry"), Terms(volume_limit=0.1)
    first = step(plan, terms, Account(5000.0, 0.0, 0.0, 0.0, 0.0), 1.0, bar(volume=100.0))
    assert (first.account.units, first.account.pending) == pytest.approx((10.0, 40.0), rel=1e-12)
    second = step(plan, terms, first.account, HOLD, bar(volume=50.0))
    assert (second.account.units, second.account.pending) == pytest.approx((15.0, 35.0), rel=1e-12)
    dropped = step(
        Plan(volume_limit="drop"),
        terms,
        Account(5000.0, 0.0, 0.0, 0.0, 0.0),
        1.0,
        bar(volume=100.0),
    )
    assert (dropped.account.units, dropped.account.pending) == pytest.approx((10.0, 0.0))


def test_a_margin_call_is_where_the_equity_meets_the_maintenance():
    # -1000 + 20 p = 0.25 * 20 p at p = 66.67.
    plan, terms = Plan(margin=True), Terms(maintenance=0.25, lowest=-2.0, highest=2.0)
    account = Account(-1000.0, 20.0, 100.0, 0.0, 0.0)
    called = step(plan, terms, account, HOLD, bar(low=60.0))
    assert called.exit_price == pytest.approx(200.0 / 3.0, rel=1e-12)
    assert called.account.cash == pytest.approx(1000.0 / 3.0, rel=1e-12)
    assert called.account.units == 0.0
    spared = step(plan, terms, account, HOLD, bar(low=67.0))
    assert spared.account.units == 20.0
    # It opens below: called at once.
    already = step(plan, terms, Account(-1600.0, 20.0, 100.0, 0.0, 0.0), HOLD, bar(low=90.0))
    assert already.exit_price == 100.0


def test_an_exit_within_the_bar_presses_on_the_price_too():
    plan = Plan(impact="linear", brackets=True)
    terms = Terms(impact=0.01, memory=0.5, stop_loss=0.05)
    closed = step(plan, terms, Account(1000.0, 10.0, 100.0, 0.4, 0.0), HOLD, bar(low=90.0))
    assert closed.exit_price == 95.0
    # 10 of the 1,000 units of the bar are sold, at a price that the pressure of 0.4 has raised.
    assert closed.account.pressure == pytest.approx((0.4 - 0.01) * 0.5, rel=1e-12)
    assert closed.impact != 0.0


def test_a_position_closed_within_the_bar_takes_its_pending_order_with_it():
    plan, terms = Plan(volume_limit="carry", brackets=True), Terms(volume_limit=0.1, stop_loss=0.05)
    account = Account(5000.0, 10.0, 100.0, 0.0, 40.0)
    halted = {"fill": HOLD}  # NaN: nothing fills
    closed = step(plan, terms, account, HOLD, bar(low=90.0)._replace(**halted))
    assert (closed.account.units, closed.account.pending) == (0.0, 0.0)
    kept = step(plan, terms, account, HOLD, bar(low=96.0)._replace(**halted))
    assert (kept.account.units, kept.account.pending) == (10.0, 40.0)


def test_a_margin_call_does_not_wait_for_a_whole_unit_of_money():
    # The same in thousandths: at 0.0666 the equity is a ten-thousandth short.
    plan, terms = Plan(margin=True), Terms(maintenance=0.25, lowest=-2.0, highest=2.0)
    account = Account(-1.0, 20.0, 0.1, 0.0, 0.0)
    now = Bar(0.1, 0.1, 0.1, 0.0, open=0.1, high=0.1, low=0.0666, volume=1000.0, next_volume=1000.0)
    called = step(plan, terms, account, HOLD, now, floor=1e-9)
    assert called.exit_price == pytest.approx(0.2 / 3.0, rel=1e-12)


@pytest.mark.parametrize("units", [1.0, -1.0])
def test_a_single_unit_is_stopped_as_many_are(units):
    terms = Terms(stop_loss=0.1, lowest=-1.0, highest=1.0)
    account = Account(1000.0 - 100.0 * units, units, 100.0, 0.0, 0.0)
    now = bar(low=85.0) if units > 0 else bar()._replace(high=115.0)
    stopped = step(Plan(brackets=True), terms, account, HOLD, now)
    assert stopped.exit_price == pytest.approx(100.0 - 10.0 * units, rel=1e-12)
