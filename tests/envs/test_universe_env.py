"""A portfolio in a universe: an asset is there while it is a member, and sold when it leaves."""

import numpy as np
import pytest
from small_markets import bars_of, play, small_task

from drltrade.envs.portfolio import PortfolioEnv
from drltrade.errors import ConfigError

RISING = [100.0 + n for n in range(10)]
# The bars written down are those of 2020-01-13 to 2020-01-24.
MEMBERS = """symbol,start,end
A,2019-01-01,
B,2019-01-01,2020-01-16
B,2020-01-21,
C,2020-01-15,
D,2019-01-01,2019-06-01
"""


@pytest.fixture
def env(tmp_path):
    def making(members=MEMBERS, **settings):
        path = tmp_path / "members.csv"
        path.write_text(members)
        bars = bars_of(A=[100.0] * 10, B=RISING, C=RISING, D=RISING)
        return PortfolioEnv(small_task(bars, {"universe": str(path), "long_only": True} | settings))

    return making


def test_a_spell_is_an_asset_and_who_was_never_in_is_none(env):
    market = env().task.market
    assert market.symbols == ("A", "B@2019-01-01", "B@2020-01-21", "C")
    times = market.times.strftime("%m-%d")
    traded = {name: list(times[market.tradable[:, i]]) for i, name in enumerate(market.symbols)}
    assert traded["B@2019-01-01"][-1] == "01-15"
    assert traded["B@2020-01-21"] == ["01-21", "01-22", "01-23", "01-24"]
    assert traded["C"][0] == "01-15"


def test_features_of_a_new_member_know_the_time_before_it(env):
    market = env().task.market
    first = list(market.times.strftime("%m-%d")).index("01-15")
    column = market.columns.index("C:log_return(1)")
    assert market.features[first, column] != 0.0
    assert (market.features[:first, column] == 0.0).all()


def test_who_leaves_is_sold_at_its_last_price_as_a_member(env):
    made = env()
    steps = play(made, [np.array([0.0, 1.0, 0.0, 0.0])] * 8)
    held = {step[4]["time"].strftime("%m-%d"): step[4] for step in steps}
    assert held["01-15"]["weights"][1] == pytest.approx(1.0)
    assert held["01-16"]["holdings"].tolist() == [0.0] * 4
    bought, sold = 101.0, 102.0  # at the open of 01-14; at the close of 01-15
    start = made.task.config.initial_equity
    assert held["01-23"]["equity"] / start == pytest.approx(sold / bought)


def test_nobody_is_held_who_is_no_member(env):
    made = env()
    rng = np.random.default_rng(0)
    steps = play(made, [rng.uniform(0, 1, 4) for _ in range(8)])
    tradable, times = made.task.market.tradable, made.task.market.times
    for step in steps:
        row = times.get_loc(step[4]["time"])
        assert (step[4]["holdings"][~tradable[row]] == 0.0).all()


def test_costs_of_a_symbol_are_those_of_each_spell(env):
    made = env(asset_costs={"B": {"commission_bps": 50.0}})
    steps = play(made, [np.array([0.0, 1.0, 0.0, 0.0])] * 2)
    assert sum(step[4]["costs"]["commission"] for step in steps) > 0


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("symbol,start,end\nA,2019-01-01,\n", "1 symbols of by hand are members with bars from"),
        ("symbol,start,end\nX,2019-01-01,\nY,2019-01-01,\n", "0 symbols of by hand are members"),
    ],
)
def test_a_universe_without_assets_is_refused(env, members, message):
    with pytest.raises(ConfigError, match=message):
        env(members)
