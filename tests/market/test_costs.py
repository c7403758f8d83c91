"""Costs, margin and brackets as a preset states them, and what the accounting rule is told."""

import math

import numpy as np
import pytest
import torch

from drltrade.errors import ConfigError
from drltrade.market.costs import Bracket, Costs, Margin, market_rules
from drltrade.market.terms import BY_ASSET, Plan, Terms
from drltrade.settings import parse

FREE = {"commission_bps": 0.0, "slippage_bps": 0.0}
IMPACT = {"impact": "linear", "impact_bps": 40.0}


def rules(*costs, margin=None, bracket=None, low=0.0, gross=1.0, **options) -> tuple[Plan, Terms]:
    """Of a long-only account that borrows nothing, unless `low` or `gross` say otherwise."""
    return market_rules(
        [Costs(**each) for each in costs or [{}]], Margin(**margin or {}), Bracket(**bracket or {}),
        **{"fill": "next_open", "bounds": (low, gross), "gross": gross} | options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        ({"commission_bps": 5}, "commission", 0.0005),
        ({"commission_bps": 5}, "maker", 0.0005),
        ({"commission_bps": 5, "maker_bps": 2}, "maker", 0.0002),
        ({"commission_bps": 5, "maker_bps": 0}, "maker", 0.0),
        ({"minimum_fee": 1.25}, "minimum", 1.25),
        ({"fixed_fee": 1.5}, "fixed", 1.5),
        ({"half_spread_bps": 4}, "spread", 0.0004),
        ({"slippage_bps": 2.5}, "slippage", 0.00025),
        (IMPACT, "impact", 0.004),
        (IMPACT, "memory", 0.0),
        (IMPACT | {"impact_half_life": 1}, "memory", 0.5),
        (IMPACT | {"impact_half_life": 2}, "memory", 0.70710678118654752),
        (IMPACT | {"impact_half_life": 0.5}, "memory", 0.25),
        ({}, "volume_limit", math.inf),
        ({"volume_limit": 0.1}, "volume_limit", 0.1),
        (IMPACT, "volume_limit", 1.0),
        (IMPACT | {"volume_limit": 0.2}, "volume_limit", 0.2),
        ({"borrow_rate": 0.02}, "borrow", 0.02),
        ({"funding_rate": -0.1}, "funding", -0.1),
        ({"financing_rate": 0.06}, "financing", 0.06),
        ({"interest_rate": 0.03}, "interest", 0.03),
    ],
)
def test_settings_become_fractions(settings, field, expected):
    _, terms = rules(settings)
    assert getattr(terms, field) == pytest.approx(expected, rel=1e-15)


def test_by_default_a_market_costs_a_basis_point_of_commission_and_one_of_slippage():
    _, terms = rules()
    assert terms == Terms(
        commission=1e-4, maker=1e-4, slippage=1e-4, volume_limit=math.inf, lowest=0.0, highest=1.0,
        gross_limit=1.0,
    )  # fmt: skip


def test_terms_of_margin_brackets_and_bounds():
    margin = {"leverage": 4.0, "maintenance": 0.15, "liquidation_fee_bps": 50.0}
    bracket = {"stop_loss": 0.05, "take_profit": 0.2}
    _, terms = rules(margin=margin, bracket=bracket, low=-2.0, gross=3.0)
    assert (terms.maintenance, terms.gross_limit, terms.liquidation) == (0.15, 4.0, 0.005)
    assert (terms.stop_loss, terms.take_profit) == (0.05, 0.2)
    assert (terms.lowest, terms.highest) == (-2.0, 3.0)


@pytest.mark.parametrize(
    ("margin", "stated", "used"),
    [
        ({}, None, 1.5),
        ({"leverage": 3.0}, 3.0, 3.0),
        ({"initial": 0.25}, 4.0, 4.0),
        ({"leverage": 3.0, "initial": 0.25}, 3.0, 3.0),
        ({"leverage": 5.0, "initial": 0.5}, 2.0, 2.0),
    ],
)
def test_the_gross_limit_is_the_tighter_of_leverage_and_initial_margin(margin, stated, used):
    assert Margin(**margin).gross_limit == stated
    assert rules(margin=margin, gross=1.5)[1].gross_limit == used


def test_without_a_limit_orders_may_lead_to_what_actions_can_ask_for():
    assert rules(gross=0.4)[1].gross_limit == 0.4


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"gross": 1.5}, {"margin": True}),
        ({"low": -0.5}, {"margin": True}),
        ({"margin": {"maintenance": 0.2}}, {"margin": True}),
        ({"bracket": {"stop_loss": 0.1}}, {"margin": True, "brackets": True}),
        ({"bracket": {"take_profit": 0.1}}, {"margin": True, "brackets": True}),
        ({"amounts": True}, {"amounts": True}),
        ({"delistings": True}, {"delistings": True}),
        ({"fill": "same_close"}, {"fill": "same_close"}),
    ],
)
def test_the_plan_of_an_account(settings, changed):
    plain = Plan(holding=False, order_fees=False)
    assert rules()[0] == plain
    assert rules(**settings)[0] == plain._replace(**changed)


@pytest.mark.parametrize(
    ("costs", "changed"),
    [
        (FREE, {}),
        ({"half_spread_bps": 3.0, "maker_bps": 0.0}, {}),
        ({"fixed_fee": 1.0}, {"order_fees": True}),
        ({"minimum_fee": 1.0}, {"order_fees": True}),
        ({"borrow_rate": 0.1}, {"holding": True}),
        ({"financing_rate": 0.1}, {"holding": True}),
        ({"interest_rate": 0.1}, {"holding": True}),
        ({"funding_rate": -0.1}, {"holding": True}),
        ({"volume_limit": 0.1}, {"volume_limit": "drop"}),
        ({"volume_limit": 0.1, "unfilled": "carry"}, {"volume_limit": "carry"}),
        ({"unfilled": "carry"}, {"volume_limit": "carry"}),  # a halt leaves all of an order
        (IMPACT, {"impact": "linear", "volume_limit": "drop"}),
        (
            {"impact": "square_root", "impact_bps": 5.0, "unfilled": "carry"},
            {"impact": "square_root", "volume_limit": "carry"},
        ),
    ],
)
@pytest.mark.parametrize("assets", [1, 3])
def test_the_plan_of_a_market(costs, changed, assets):
    # One asset's costs are enough to make all accounts of the market heed them.
    plan, _ = rules(*[FREE] * (assets - 1), costs)
    assert plan == Plan(holding=False, order_fees=False, single=assets == 1)._replace(**changed)


def test_several_assets_have_arrays_of_their_own_costs():
    rates = {"financing_rate": 0.06, "interest_rate": 0.03}
    plan, terms = rules(
        {"commission_bps": 5.0, "borrow_rate": 0.2} | rates,
        IMPACT | {"impact_half_life": 1.0, "slippage_bps": 3.0} | rates,
        {"fixed_fee": 2.0, "volume_limit": 0.1, "funding_rate": -0.1} | rates,
        margin={"maintenance": 0.1}, bracket={"stop_loss": 0.04}, low=-1.5, gross=1.5,
    )  # fmt: skip
    assert not plan.single
    expected = {
        "commission": [5e-4, 1e-4, 1e-4], "maker": [5e-4, 1e-4, 1e-4], "minimum": [0, 0, 0],
        "fixed": [0, 0, 2], "spread": [0, 0, 0], "slippage": [1e-4, 3e-4, 1e-4],
        "impact": [0, 0.004, 0], "memory": [0, 0.5, 0], "volume_limit": [math.inf, 1, 0.1],
        "borrow": [0.2, 0, 0], "funding": [0, 0, -0.1], "liquidation": [0, 0, 0],
        "stop_loss": [0.04] * 3, "take_profit": [math.inf] * 3, "lowest": [-1.5] * 3,
        "highest": [1.5] * 3,
    }  # fmt: skip
    assert set(expected) == set(BY_ASSET)
    for name, numbers in expected.items():
        np.testing.assert_allclose(getattr(terms, name), numbers, rtol=1e-14, err_msg=name)
    assert (terms.financing, terms.interest) == (0.06, 0.03)
    assert (terms.gross_limit, terms.maintenance) == (1.5, 0.1)


def test_the_table_of_terms_is_read_row_by_row():
    _, terms = rules({"commission_bps": 5.0}, {"commission_bps": 7.0}, margin={"maintenance": 0.1})
    table = terms.table(2)
    assert (table.shape, table.dtype) == ((20, 2), np.float64)
    assert table.flags.c_contiguous
    for row, name in zip(table, Terms._fields, strict=True):
        np.testing.assert_array_equal(row, np.broadcast_to(getattr(terms, name), 2), name)
    assert rules({"commission_bps": 5.0})[1].table(3)[0].tolist() == [5e-4] * 3


def test_terms_on_a_device_are_tensors_where_they_were_arrays():
    _, terms = rules({"commission_bps": 5.0}, {"commission_bps": 7.0})
    moved = terms.on(torch.device("cpu"))
    assert moved.commission.tolist() == [5e-4, 7e-4]
    assert moved.commission.dtype == torch.float64
    assert moved.gross_limit == 1.0


BELOW, ABOVE = "greater than or equal to", "less than or equal to"


@pytest.mark.parametrize(
    ("model", "key", "value", "allowed"),
    [
        *[
            (Costs, key, -1.0, f"{BELOW} 0")
            for key in Costs.model_fields
            if key not in ("impact", "unfilled", "funding_rate", "volume_limit")
        ],
        (Costs, "volume_limit", -1.0, "greater than 0"),
        (Costs, "volume_limit", 0.0, "greater than 0"),
        (Costs, "volume_limit", 1.5, f"{ABOVE} 1"),
        (Costs, "funding_rate", -1.5, f"{BELOW} -1"),
        (Costs, "funding_rate", 1.5, f"{ABOVE} 1"),
        (Costs, "borrow_rate", 1.5, f"{ABOVE} 1"),
        (Costs, "financing_rate", 1.5, f"{ABOVE} 1"),
        (Costs, "interest_rate", 1.5, f"{ABOVE} 1"),
        (Costs, "impact", "cubic", "'none', 'linear' or 'square_root'"),
        (Costs, "unfilled", "keep", "'drop' or 'carry'"),
        (Margin, "leverage", 0.5, f"{BELOW} 1"),
        (Margin, "leverage", 11.0, f"{ABOVE} 10"),
        (Margin, "initial", 0.05, f"{BELOW} 0.1"),
        (Margin, "initial", 1.5, f"{ABOVE} 1"),
        (Margin, "maintenance", -0.1, f"{BELOW} 0"),
        (Margin, "maintenance", 1.0, "less than 1"),
        (Margin, "liquidation_fee_bps", 901.0, f"{ABOVE} 900"),
        (Bracket, "stop_loss", 0.0, "greater than 0"),
        (Bracket, "stop_loss", 1.0, "less than 1"),
        (Bracket, "take_profit", -0.1, "greater than 0"),
    ],
)
def test_a_value_out_of_bounds_is_refused(model, key, value, allowed):
    with pytest.raises(ConfigError) as caught:
        parse(model, {key: value}, "here")
    text = str(caught.value)
    assert text.startswith(f"here: key '{key}' = {value!r}: ")
    assert text.endswith(allowed)


@pytest.mark.parametrize(
    "costs",
    [
        {"commission_bps": 450.0, "slippage_bps": 450.0},
        {"commission_bps": 300.0, "half_spread_bps": 300.0, "slippage_bps": 300.0},
        IMPACT | {"impact_bps": 400.0, "commission_bps": 100.0, "slippage_bps": 0.0},
        {"maker_bps": 900.0},
    ],
)
def test_proportional_costs_stay_below_a_tenth_of_the_trade(costs):
    terms = rules(costs)[1]
    slip = terms.spread + terms.slippage + 2 * terms.impact
    # The largest target is ten times equity: a sale to it must not cost more than it moves.
    assert 10 * (slip + max(terms.commission, terms.maker) * (1 + slip)) < 1
    key = next(key for key in costs if key.endswith("_bps"))
    with pytest.raises(ConfigError, match=r"^here: .*(at most|than or equal to) 900"):
        parse(Costs, costs | {key: costs[key] + 1.0}, "here")


@pytest.mark.parametrize("costs", [{"impact": "linear"}, {"impact_bps": 5.0}])
def test_impact_needs_its_form_and_its_size(costs):
    with pytest.raises(ConfigError, match=r"impact needs both its form .* and its size"):
        parse(Costs, costs, "here")


@pytest.mark.parametrize("limit", [{"leverage": 4.0}, {"initial": 0.25}])
def test_maintenance_may_not_liquidate_what_the_limit_allows(limit):
    assert parse(Margin, limit | {"maintenance": 0.24}, "here").maintenance == 0.24
    with pytest.raises(
        ConfigError, match=r"maintenance = 0\.25 liquidates .* up to 4 times equity"
    ):
        parse(Margin, limit | {"maintenance": 0.25}, "here")


def test_an_unknown_key_names_the_nearest_and_all_others():
    with pytest.raises(ConfigError) as caught:
        parse(Costs, {"comission_bps": 1}, "here")
    text = str(caught.value)
    assert "key 'comission_bps' is unknown; did you mean 'commission_bps'?" in text
    assert all(key in text for key in Costs.model_fields)


@pytest.mark.parametrize("value", ["5", True, None, [5]])
def test_a_value_of_another_type_is_refused(value):
    with pytest.raises(ConfigError, match=r"key 'commission_bps' = .*valid number"):
        parse(Costs, {"commission_bps": value}, "here")


@pytest.mark.parametrize(
    ("model", "key"), [(Costs, "commission_bps"), (Margin, "leverage"), (Bracket, "stop_loss")]
)
def test_settings_cannot_be_changed_afterwards(model, key):
    with pytest.raises(ValueError, match="frozen"):
        setattr(model(), key, 0.5)
