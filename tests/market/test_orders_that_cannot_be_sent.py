"""Orders that cannot be paid for, that fees leave no room for, that meet a halt."""

import numpy as np
import pytest
import torch
from panels import (
    ASSETS,
    EQUITY,
    FLOOR,
    PANEL,
    PRICES,
    costs,
    fill,
    holding,
)

from drltrade.market.account import as_is, make_rule
from drltrade.market.loops import make_loop_rule
from drltrade.market.namespaces import SCALAR, torch_namespace
from drltrade.market.scratch import make_scratch
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Terms


def test_an_account_that_cannot_pay_for_any_of_its_orders_sends_none():
    account = holding(np.array([9.9, 0.0, 0.0, 0.0]))
    terms = Terms(fixed=np.full(ASSETS, 110_000.0), gross_limit=10.0)
    step = fill(account, [1.0, 1.0, 1.0, 0.0], terms)
    assert not step.traded.any()
    assert (float(step.equity), costs(step)) == (pytest.approx(EQUITY), 0.0)


@pytest.mark.parametrize(
    ("fees", "sent"),
    [
        ([110_000.0, 10.0, 10.0, 10.0], [1, 2, 3]),  # one alone is too dear
        ([60_000.0, 60_000.0, 30_000.0, 5.0], [0, 2, 3]),  # of equals the earlier one
        ([70_000.0, 60_000.0, 50_000.0, 60_000.0], [2]),  # 50,000 are left, and buy none
    ],
)
def test_an_order_that_cannot_be_paid_for_does_not_drop_the_others(fees, sent):
    terms = Terms(fixed=np.array(fees), gross_limit=1.0)
    step = fill(holding(np.zeros(ASSETS)), [0.2, 0.2, 0.2, 0.2], terms)
    assert np.flatnonzero(step.traded).tolist() == sent
    left = EQUITY - sum(fees[i] for i in sent)
    assert costs(step) == pytest.approx(EQUITY - left)
    np.testing.assert_allclose(step.traded[sent], 0.2 * left, rtol=1e-9)


@pytest.mark.parametrize("plan", [PANEL, PANEL._replace(fill="next_close")], ids=["open", "close"])
def test_an_order_into_a_halt_waits_for_its_end_where_the_rest_is_carried_over(plan):
    terms, amount = Terms(gross_limit=1.0), np.array([0.0, 3.0, 0.0, 0.0])
    halted = np.where(np.arange(ASSETS) < 2, np.nan, PRICES)
    for limit, waits in (("carry", True), ("drop", False)):
        form = plan._replace(volume_limit=limit, amounts=True)
        step = fill(holding(np.zeros(ASSETS)), [0.4, np.nan, np.nan, np.nan], terms, form,
                    amount=amount, fill=halted)  # fmt: skip
        assert not step.traded.any()
        expected = [0.4 * EQUITY / PRICES[0], 3.0, 0.0, 0.0] if waits else [0.0] * ASSETS
        np.testing.assert_allclose(step.account.pending, expected, rtol=1e-9)
        later = fill(step.account, None, terms, form)
        np.testing.assert_allclose(later.account.units, expected, rtol=1e-9)
        assert not later.account.pending.any()


def test_a_halt_leaves_what_was_pending_unless_something_new_is_asked_for():
    plan = PANEL._replace(volume_limit="carry", amounts=True)
    account = holding(np.zeros(ASSETS), pending=np.array([5.0, 5.0, 0.0, 0.0]))
    step = fill(account, [np.nan, 0.0, np.nan, np.nan], Terms(), plan,
                fill=np.full(ASSETS, np.nan))  # fmt: skip
    np.testing.assert_array_equal(step.account.pending, [5.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("weight", [0.1, 0.5, 1.0])
def test_a_fee_that_takes_the_room_for_an_order_keeps_it_from_being_sent(weight):
    # 99.9% are held. A fee of 1.7% leaves less than no room, so there is no order of any size.
    held = holding(np.array([0.999, 0.0, 0.0, 0.0]))
    terms = Terms(fixed=np.full(ASSETS, 0.017 * EQUITY), gross_limit=1.0)
    step = fill(held, [np.nan, weight, np.nan, np.nan], terms)
    assert not step.traded.any()
    assert (float(step.equity), costs(step)) == (pytest.approx(EQUITY), 0.0)
    # Where the other is sold too, there is room, for both fees.
    step = fill(held, [0.0, weight, np.nan, np.nan], terms)
    left = EQUITY * (1 - 2 * 0.017)
    np.testing.assert_allclose(
        step.account.units * PRICES, [0.0, weight * left, 0.0, 0.0], rtol=1e-12, atol=1e-6
    )
    assert float(step.account.cash) == pytest.approx((1 - weight) * left, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("fees", [[110_000.0, 10.0, 10.0, 10.0], [60e3, 60e3, 30e3, 5.0]])
@pytest.mark.parametrize("limit", ["none", "carry"])
def test_all_forms_send_the_orders_that_can_be_paid_for(fees, limit):
    plan = PANEL._replace(volume_limit=limit, amounts=True)
    table = Terms(fixed=np.array(fees), commission=1e-3, gross_limit=1.0)
    target, nothing = np.array([0.2, np.nan, 0.3, 0.1]), np.zeros(ASSETS)
    amount = np.array([0.0, 50.0, 0.0, 0.0])
    start = holding(np.array([0.1, 0.2, 0.0, 0.0]))
    expected = fill(start, target, table, plan, amount=amount)
    torch_rule = make_rule(torch_namespace(False), plan)
    bar = Bar(PRICES, PRICES, PRICES, 0.0, *[PRICES] * 3, *[np.full(ASSETS, 1e5)] * 2, nothing > 0)
    rows = Account(*(torch.as_tensor(np.atleast_1d(part))[None] for part in start))
    rows = rows._replace(cash=rows.cash[0])
    tensors = Bar(*(torch.as_tensor(np.asarray(field)) for field in bar))
    found = torch_rule(
        rows, torch.from_numpy(target)[None], torch.from_numpy(amount)[None], tensors, FLOOR,
        Terms(*(torch.as_tensor(np.broadcast_to(field, ASSETS).copy()) for field in table[:16]),
              *table[16:]),
    )  # fmt: skip
    loop = make_loop_rule(SCALAR, plan, as_is)
    by_asset = [np.broadcast_to(np.asarray(field, float), ASSETS) for field in table[:16]]
    own = Account(start.cash, *(np.array(part, float) for part in start[1:]))
    ended = bar._replace(ended=nothing)
    with np.errstate(all="ignore"):
        walked = loop(own, target, amount, ended, FLOOR, Terms(*by_asset, *table[16:]),
                      make_scratch(ASSETS))  # fmt: skip
    assert 0 < np.count_nonzero(expected.traded) < ASSETS
    np.testing.assert_allclose(found.traded[0], expected.traded, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(walked.traded, expected.traded, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(walked.account.pending, expected.account.pending, atol=1e-9)
    assert walked.equity == pytest.approx(float(expected.equity), rel=1e-12)


@pytest.mark.parametrize(("volume", "share"), [(0.0, 1.0), (1e-9, 1.0), (100.0, 1.0), (1e5, 0.02)])
def test_pressure_of_a_forced_close_is_a_share_of_the_volume(volume, share):
    plan = PANEL._replace(margin=True, impact="linear")
    # 2,000 shares at 50, all on credit but a tenth; the low of 46 leaves less than 5%.
    account = Account(-90_000.0, np.array([2000.0, 0, 0, 0]), PRICES, *[np.zeros(ASSETS)] * 2)
    terms = Terms(impact=0.01, memory=1.0, maintenance=0.05, gross_limit=10.0)
    step = fill(account, None, terms, plan, low=PRICES * [0.92, 1, 1, 1],
                next_volume=np.full(ASSETS, volume))  # fmt: skip
    assert step.exit_units[0] == 2000.0
    assert step.account.pressure[0] == pytest.approx(-share, rel=1e-9)
    value = 2000.0 * step.exit_price[0]
    assert float(step.impact) == pytest.approx(0.01 * share * value, rel=1e-9)


def test_a_liquidation_cancels_what_was_carried_over():
    plan = PANEL._replace(margin=True, volume_limit="carry", amounts=True)
    account = Account(-90_000.0, np.array([2000.0, 0, 0, 0]), PRICES, np.zeros(ASSETS),
                      np.array([0.0, 7.0, 0.0, 0.0]))  # fmt: skip
    terms = Terms(maintenance=0.05, gross_limit=10.0)
    step = fill(account, None, terms, plan, low=PRICES * [0.92, 1, 1, 1])
    assert step.exit_units[0] == 2000.0
    assert not step.traded.any()
    assert not step.account.pending.any()
