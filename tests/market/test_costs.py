"""Costs as a preset states them, and the fractions that the accounting rule takes."""

import pytest

from drltrade.errors import ConfigError
from drltrade.market.account import Rates
from drltrade.market.costs import Costs
from drltrade.settings import parse


def test_basis_points_become_fractions():
    costs = Costs(
        commission_bps=5, slippage_bps=2.5, fixed_fee=1.5, borrow_rate=0.02, financing_rate=0.06
    )
    assert costs.rates() == pytest.approx(
        Rates(commission=0.0005, fixed=1.5, slippage=0.00025, borrow=0.02, financing=0.06),
        rel=1e-15,
    )


@pytest.mark.parametrize("key", Costs.model_fields)
def test_a_negative_cost_is_refused(key):
    with pytest.raises(ConfigError, match=rf"^here: key '{key}' = -1: .*greater than or equal"):
        parse(Costs, {key: -1}, "here")


def test_proportional_costs_stay_below_a_tenth_of_the_trade():
    rates = parse(Costs, {"commission_bps": 450, "slippage_bps": 450}, "here").rates()
    # The largest target is ten times equity: a sale to it must not cost more than it moves.
    assert 10 * (rates.slippage + rates.commission * (1 + rates.slippage)) < 1
    with pytest.raises(ConfigError, match=r"commission_bps \+ slippage_bps may be at most 900"):
        parse(Costs, {"commission_bps": 450, "slippage_bps": 451}, "here")


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


def test_costs_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Costs().commission_bps = 3.0
