"""drltrade/Portfolio-v0: what Gymnasium asks of it, and many assets in one account by hand."""

import gymnasium
import numpy as np
import pandas as pd
import pytest
from small_markets import FREE, bars_of, play, small_task

from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.market.state import COST_PARTS

ID = "drltrade/Portfolio-v0"
INFO = ("time", "equity", "cash", "holdings", "weights", "costs", "fills")
FLAT = [100.0] * 6
NAN = np.nan


@pytest.fixture(scope="module")
def default():
    return gymnasium.make(ID)


def weights(*targets):
    return np.array(targets, np.float32)


def portfolio(bars, **settings):
    return PortfolioEnv(small_task(bars, settings))


def test_defaults(default):
    env = default.unwrapped
    assert env.task.market.symbols == ("AAPL", "MSFT", "IBM", "GOOG")
    assert env.action_space == gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    # Ten bars of four assets with 15 features and whether they traded; the account.
    size = 10 * 4 * (15 + 1) + 3 * 4 + 1
    assert env.observation_space == gymnasium.spaces.Box(-10, 10, (size,), np.float32)
    path = play(default, [default.action_space.sample() for _ in range(300)], seed=0)
    assert len(path) == 253
    assert path[-1][2:4] == (False, True)
    assert pd.Timestamp("2005-01-01") < path[0][4]["time"]
    assert path[-1][4]["time"] < pd.Timestamp("2010-01-01")


def test_info(default):
    market = default.unwrapped.task.market
    default.action_space.seed(0)
    path = play(default, [default.action_space.sample() for _ in range(60)], seed=1)
    row = market.times.get_loc(path[0][4]["time"])
    for step, (observation, *_, info) in enumerate(path):
        assert observation in default.observation_space
        assert set(info) == set(INFO)
        assert info["time"] == market.times[row + step]
        assert [info[key].shape for key in ("holdings", "weights", "fills")] == [(4,)] * 3
        assert tuple(info["costs"]) == COST_PARTS
        values = info["holdings"] * market.close[row + step]
        assert info["equity"] == pytest.approx(info["cash"] + values.sum(), rel=1e-12)
        np.testing.assert_allclose(info["weights"], values / info["equity"], rtol=1e-12)
        expected = market.open[row + step] if step else np.full(4, NAN)
        np.testing.assert_array_equal(info["fills"], expected)
    start = path[0][4]
    assert (start["equity"], start["cash"], *start["holdings"]) == (1e5, 1e5, 0, 0, 0, 0)


@pytest.mark.parametrize("gross", [1.0, 6.0])
def test_rewards_sum_to_the_log_growth_of_equity(make_random_bars, gross):
    frames = [make_random_bars(seed, 60, 0.15).frame("X") for seed in range(2)]
    bars = bars_of(A=FLAT, B=FLAT)
    for symbol, frame in zip("AB", frames, strict=True):
        frame.index = pd.bdate_range("2020-01-01", periods=60, name="time")
        bars.frames[symbol] = frame
    costs = {"commission_bps": 20.0, "slippage_bps": 5.0}
    env, ruined = portfolio(bars, gross_limit=gross, costs=costs), 0
    for seed in range(10):
        env.action_space.seed(seed)
        path = play(env, [env.action_space.sample() for _ in range(60)])
        growth = np.log(path[-1][4]["equity"] / 100_000)
        assert sum(step[1] for step in path) == pytest.approx(growth, abs=1e-9)
        assert path[-1][2] != path[-1][3]
        ruined += path[-1][2]
    assert (ruined > 0) == (gross > 1)


def test_weights_after_the_fill_are_the_targets():
    # 10 bp of what is exchanged. 0.5 E and -0.3 E of the equity E that is left: E + 0.0008 E = 1e5.
    env = portfolio(bars_of(A=FLAT, B=[50.0] * 6), costs=FREE | {"commission_bps": 10.0})
    _, first, second = (step[4] for step in play(env, [weights(0.5, -0.3), weights(0, 0.6)]))
    left = 100_000 / 1.0008
    np.testing.assert_allclose(first["weights"], np.float32([0.5, -0.3]), rtol=1e-12)
    np.testing.assert_allclose(first["holdings"], [0.5 * left / 100, -0.3 * left / 50], rtol=1e-7)
    assert first["equity"] == pytest.approx(left, rel=1e-9)
    assert first["cash"] == pytest.approx(0.8 * left, rel=1e-7)
    assert first["costs"]["commission"] == pytest.approx(0.0008 * left, rel=1e-6)
    # Sold 0.5 E, bought 0.3 E + 0.6 F: F + 0.001 (0.8 E + 0.6 F) = E.
    later = left * (1 - 0.0008) / (1 + 0.0006)
    np.testing.assert_allclose(second["weights"], [0, np.float32(0.6)], rtol=1e-12)
    assert second["equity"] == pytest.approx(later, rel=1e-9)
    np.testing.assert_array_equal(second["fills"], [100, 50])


def test_each_asset_has_its_own_costs():
    # 1% of A, nothing of B: E + 0.01 * 0.4 E = 1e5.
    costs = {"asset_costs": {"A": FREE | {"slippage_bps": 100.0}}}
    info = play(portfolio(bars_of(A=FLAT, B=FLAT), **costs), [weights(-0.4, 0.6)])[1][4]
    assert info["equity"] == pytest.approx(100_000 / 1.004, rel=1e-9)
    assert info["costs"]["slippage"] == pytest.approx(400 / 1.004, rel=1e-7)
    np.testing.assert_allclose(info["weights"], [-0.4, 0.6], rtol=1e-7)


def test_between_orders_weights_drift_and_nan_keeps_the_shares():
    # Bought at the open of the second bar, A at 100 (closes at 110), B at 50 (closes at 40).
    bars = bars_of(A=[100, (100, 110), (120, 120), 120.0], B=[50, (50, 40), (40, 40), 40.0])
    path = play(portfolio(bars), [weights(0.5, 0.25), weights(NAN, 0.0), weights(NAN, NAN)])
    start, bought, sold, kept = (step[4] for step in path)
    np.testing.assert_array_equal(start["weights"], [0, 0])
    np.testing.assert_allclose(bought["holdings"], [500, 500], rtol=1e-12)
    # Worth 55,000 and 20,000, with 25,000 in cash.
    assert bought["equity"] == pytest.approx(100_000, rel=1e-12)
    np.testing.assert_allclose(bought["weights"], [0.55, 0.2], rtol=1e-12)
    np.testing.assert_allclose(sold["holdings"], [500, 0], rtol=1e-12)
    np.testing.assert_array_equal(sold["fills"], [NAN, 40])
    assert sold["cash"] == pytest.approx(45_000, rel=1e-12)
    assert path[2][1] == pytest.approx(np.log(1.05), rel=1e-9)
    assert kept["holdings"].tolist() == sold["holdings"].tolist()
    assert np.isnan(kept["fills"]).all()
    assert path[3][3]


@pytest.mark.parametrize(
    ("gross", "action", "held"),
    [
        (1.0, (1.0, -1.0), (0.5, -0.5)),
        (1.0, (1.0, 0.25), (0.8, 0.2)),
        (1.0, (0.75, 0.25), (0.75, 0.25)),
        (1.0, (NAN, -1.0), (0, -1.0)),
        (0.5, (0.5, 0.5), (0.25, 0.25)),
        (2.0, (2.0, -1.0), (4 / 3, -2 / 3)),
        (2.0, (1.0, -0.75), (1.0, -0.75)),
    ],
)
def test_weights_are_scaled_down_to_the_gross_limit(gross, action, held):
    env = portfolio(bars_of(A=FLAT, B=FLAT), gross_limit=gross)
    assert env.action_space == gymnasium.spaces.Box(-gross, gross, (2,), np.float32)
    info = play(env, [weights(*action)])[1][4]
    np.testing.assert_allclose(info["weights"], held, rtol=1e-12)


def test_what_is_kept_counts_against_the_limit():
    path = play(
        portfolio(bars_of(A=FLAT, B=FLAT)), [weights(0.75, 0), weights(NAN, 1), weights(0.5, NAN)]
    )
    held = [step[4]["weights"] for step in path]
    np.testing.assert_allclose(held, [[0, 0], [0.75, 0], [0.75, 0.25], [0.5, 0.25]], rtol=1e-12)


def test_long_only():
    env = portfolio(bars_of(A=FLAT, B=FLAT), long_only=True, margin={"maintenance": 0.1})
    assert env.action_space == gymnasium.spaces.Box(0, 1, (2,), np.float32)
    assert play(env, [weights(1, 1)])[1][4]["weights"].tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match=r"^action -0\.25 for B lies outside .* \[0\.0, 1\.0\]"):
        env.step(weights(0.5, -0.25))


def traded(observation):
    """[window, N] of the features of two assets, one feature each and whether it traded."""
    return observation[:8].reshape(2, 2, 2)[:, :, 1].tolist()


def test_an_asset_that_starts_late_takes_orders_from_its_first_feature_on():
    # B's first bar is the third; log_return(1) has a value, and so B trades, from the fourth on.
    bars = bars_of(A=FLAT, B=[None, None, 50, 50, 55, 55])
    path = play(portfolio(bars), [weights(0, 0.5)] * 6)
    assert [step[4]["holdings"].tolist() for step in path[:3]] == [[0, 0]] * 3
    assert [np.isnan(step[4]["fills"]).all() for step in path] == [True] * 3 + [False, False, True]
    first = path[3][4]
    np.testing.assert_array_equal(first["fills"], [NAN, 50])
    assert first["holdings"][1] == pytest.approx(1000, rel=1e-12)
    masks = [traded(step[0])[-1] for step in path]
    assert masks == [[1, 0]] * 3 + [[1, 1]] * 3
    # Of what is not there yet nothing is known; the account has had nothing of it for two bars.
    before = path[2][0]
    assert before[[2, 6]].tolist() == [0, 0]
    np.testing.assert_allclose(before[8:], [0, 0, 0, 0, 2 / 22, 2 / 22, 0], rtol=1e-6)
    assert path[4][4]["equity"] == pytest.approx(105_000, rel=1e-12)


@pytest.mark.parametrize("halt", ["no bar", "no volume"])
def test_a_halted_asset_keeps_its_price_and_takes_no_orders(halt):
    bars = bars_of(A=FLAT, B=[50, (50, 60), None if halt == "no bar" else 60, (90, 90), 90, 90])
    if halt == "no volume":
        bars.frames["B"].loc["2020-01-15", "volume"] = 0.0
    path = play(portfolio(bars), [weights(0, 0.5), weights(0, 0), weights(0, 0), weights(0, 0)])
    bought, halted, sold = (step[4] for step in path[1:4])
    assert bought["holdings"][1] == pytest.approx(1000, rel=1e-12)
    assert halted["holdings"][1] == bought["holdings"][1]
    assert np.isnan(halted["fills"]).all()
    assert (halted["equity"], path[2][1]) == pytest.approx((110_000, 0), rel=1e-12)
    assert [traded(step[0])[-1] for step in path[1:4]] == [[1, 1], [1, 0], [1, 1]]
    np.testing.assert_array_equal(sold["fills"], [NAN, 90])
    assert (sold["equity"], sold["holdings"][1]) == pytest.approx((140_000, 0), rel=1e-12)


@pytest.mark.parametrize("side", [0.5, -0.5])
def test_an_asset_that_ends_pays_its_last_price(side):
    bars = bars_of(A=FLAT, B=[50, (50, 50), (50, 80), None, None, None])
    hold = weights(NAN, NAN)
    ending = portfolio(bars, delistings=["B"])
    path = play(ending, [weights(0, side), hold, weights(0, 1), weights(0, 1), hold])
    last, ended, after = (step[4] for step in path[2:5])
    units, equity = side * 2000, 100_000 + side * 60_000
    assert last["holdings"][1] == pytest.approx(units, rel=1e-12)
    assert last["equity"] == pytest.approx(equity, rel=1e-12)
    assert "exits" not in last
    np.testing.assert_array_equal(ended["exits"], [NAN, 80])
    assert (ended["holdings"][1], path[3][1]) == (0, 0)
    assert (ended["equity"], ended["cash"]) == pytest.approx((equity, equity), rel=1e-12)
    assert not any(ended["costs"].values())
    # The order for it leads nowhere, then and later.
    assert np.isnan([*ended["fills"], *after["fills"]]).all()
    assert after["holdings"].tolist() == [0, 0]
    assert "exits" not in after
    assert [traded(step[0])[-1] for step in path[2:5]] == [[1, 1], [1, 0], [1, 0]]


def test_the_observation_is_the_window_asset_by_asset_then_the_account():
    bars = bars_of(A=[100, (100, 110), 110, 110.0], B=[50, (50, 40), 40, 40.0])
    env = portfolio(bars)
    observation = play(env, [weights(0.5, 0.25), weights(NAN, NAN)])[2][0]
    market, row = env.task.market, env.episode.row
    assert market.columns == ("A:log_return(1)", "A:traded", "B:log_return(1)", "B:traded")
    window = market.features[row - 1 : row + 1]
    np.testing.assert_array_equal(observation[:8].reshape(2, 4), window)
    # Position, return since entry and tenure of A and B after two closes; drawdown.
    expected = [0.55, 0.2, 0.1, -0.2, 2 / 22, 2 / 22, 0]
    np.testing.assert_allclose(observation[8:], expected, rtol=1e-6, atol=1e-7)


def test_a_seed_reproduces_the_episode(default):
    actions = [default.action_space.sample() for _ in range(20)]
    one, two = (play(default, actions, seed=7) for _ in range(2))
    other = play(default, actions, seed=8)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1] == b[1]
    assert one[0][4]["time"] != other[0][4]["time"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"symbols": ["AAPL"]}, "symbols = ['AAPL']: at least two, each once"),
        ({"symbols": ["AAPL", "AAPL"]}, "symbols = ['AAPL', 'AAPL']: at least two, each once"),
        ({"data": "sp500"}, "data 'sp500' holds SP500 alone; a portfolio needs two"),
        ({"gross_limit": 11}, "key 'gross_limit' = 11: input should be less than or equal to 10"),
        ({"asset_costs": {"FB": {}}}, "asset_costs for FB; traded are AAPL, MSFT, IBM, GOOG"),
        (
            {"asset_costs": {"IBM": {"borrow_rate": 2}}},
            "key 'asset_costs.IBM.borrow_rate' = 2: input should be less than or equal to 1",
        ),
        (
            {"asset_costs": {"IBM": {"interest_rate": 0.1}}},
            "asset_costs.IBM.interest_rate: cash has one rate; set costs",
        ),
        (
            {"gross_limit": 3.0, "margin": {"leverage": 2.0}},
            "gross_limit of 3 times equity is more than margin.leverage or margin.initial allows",
        ),
    ],
)
def test_a_bad_keyword_is_explained(settings, text):
    with pytest.raises(ConfigError) as caught:
        PortfolioEnv(**settings)
    assert text in str(caught.value)


def test_a_task_of_another_kind_is_refused(task):
    with pytest.raises(ConfigError, match="the prepared task is a TradingConfig's"):
        PortfolioEnv(task)
    with pytest.raises(ConfigError, match="the prepared task is a PortfolioConfig's"):
        TradingEnv(small_task(bars_of(A=FLAT, B=FLAT), {}))
