"""Actions of every kind, and the orders that nobody gave: stops, take-profits and margin calls."""

import gymnasium
import numpy as np
import pytest
from small_markets import FREE, bars_of, play, small_task

from drltrade.envs.actions import make_actions
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError

FLAT = [100.0] * 12
NAN = np.nan
HOLD = np.array([NAN], np.float32)


def trading(prices, **settings):
    return TradingEnv(small_task(bars_of(X=prices), settings))


def orders_of(config, symbols, action):
    orders = np.full((1, 2 * len(symbols)), 7.0)
    make_actions(config, symbols).one(action, orders)
    return orders[0].tolist()


DISCRETE = TradingConfig(positions=(-1.0, 0.0, 1.5))
CONTINUOUS = TradingConfig(position_range=(-0.5, 2.0))
UNITS = TradingConfig(order_units=30.0)
PORTFOLIO = PortfolioConfig(symbols=("A", "B"), gross_limit=1.0)
LONG_ONLY = PortfolioConfig(symbols=("A", "B"), gross_limit=1.0, long_only=True)
X, AB = ("X",), ("A", "B")


@pytest.mark.parametrize(
    ("config", "action", "orders"),
    [
        (DISCRETE, 0, [-1]),
        (DISCRETE, np.int64(2), [1.5]),
        (DISCRETE, np.array(1), [0]),
        (CONTINUOUS, np.array([0.25], np.float32), [0.25]),
        (CONTINUOUS, [2], [2]),
        (CONTINUOUS, [-0.5], [-0.5]),
        (CONTINUOUS, 0.75, [0.75]),
        (CONTINUOUS, HOLD, [NAN]),
        (PORTFOLIO, np.array([0.5, -0.25], np.float32), [0.5, -0.25]),
        (PORTFOLIO, [NAN, -1.0], [NAN, -1]),
        (PORTFOLIO, [-1.0, 1.0], [-0.5, 0.5]),
        (LONG_ONLY, [0.75, 0.75], [0.5, 0.5]),
    ],
)
def test_targets(config, action, orders):
    symbols = AB if isinstance(config, PortfolioConfig) else X
    np.testing.assert_allclose(orders_of(config, symbols, action)[: len(symbols)], orders)


@pytest.mark.parametrize(("action", "units"), [(0, -30), (1, 0), (np.int64(2), 30)])
def test_amounts_come_without_a_target(action, units):
    np.testing.assert_array_equal(orders_of(UNITS, X, action), [NAN, units])


@pytest.mark.parametrize("low", [-0.1, -0.3, -2 / 3])
def test_the_bounds_of_the_space_are_valid_actions(low):
    actions = make_actions(TradingConfig(position_range=(low, -low / 3)), X)
    orders = np.zeros((1, 2))
    for bound in (actions.space.low, actions.space.high):
        actions.one(bound, orders)
        assert orders[0, 0] == bound[0]


RANGE = r"lies outside the position range "


@pytest.mark.parametrize(
    ("config", "action", "message"),
    [
        (DISCRETE, 3, r"action 3: 0 \.\. 2 are allowed"),
        (DISCRETE, -1, r"action -1: 0 \.\. 2 are allowed"),
        (DISCRETE, 1.0, r"action 1\.0: 0 \.\. 2 are allowed"),
        (DISCRETE, NAN, r"action nan: 0 \.\. 2 are allowed"),
        (DISCRETE, None, r"action None: 0 \.\. 2 are allowed"),
        (UNITS, 3, r"action 3: 0 \(sell\), 1 \(hold\) and 2 \(buy\) are allowed"),
        (UNITS, -1, r"action -1: 0 \(sell\)"),
        (UNITS, 1.5, r"action 1\.5: 0 \(sell\)"),
        (CONTINUOUS, [2.5], rf"action 2\.5 {RANGE}\[-0\.5, 2\.0\]"),
        (CONTINUOUS, [-np.inf], rf"action -inf {RANGE}\[-0\.5, 2\.0\]"),
        (CONTINUOUS, [0.0, 0.0], r"actions of 2 weights; there are 1 assets"),
        (CONTINUOUS, None, r"action None: a weight is a number; NaN holds"),
        (PORTFOLIO, [0.0, 1.5], rf"action 1\.5 for B {RANGE}\[-1\.0, 1\.0\]"),
        (PORTFOLIO, [-2, 0], rf"action -2 for A {RANGE}\[-1\.0, 1\.0\]"),
        (LONG_ONLY, [NAN, -0.5], rf"action -0\.5 for B {RANGE}\[0\.0, 1\.0\]"),
        (PORTFOLIO, [0.0], r"actions of 1 weights; there are 2 assets"),
    ],
)
def test_a_wrong_action_is_named_with_what_is_allowed(config, action, message):
    symbols = AB if isinstance(config, PortfolioConfig) else X
    with pytest.raises(ValueError, match=f"^{message}"):
        orders_of(config, symbols, action)


def test_discrete_positions_are_target_weights():
    env = trading(FLAT, positions=[-1, 0, 0.5])
    assert env.action_space == gymnasium.spaces.Discrete(3)
    held = [step[4]["holdings"][0] for step in play(env, [2, 0, 1, 2, 2])]
    np.testing.assert_allclose(held, [0, 500, -1000, 0, 500, 500], rtol=1e-12)


def test_nan_holds_what_a_target_would_trade_back():
    path = play(trading([100, 100, (100, 50), 50.0], position_range=[0, 1]), [[0.5], [NAN], [0.5]])
    assert [step[4]["fills"].tolist() for step in path[1:]] == [
        [100],
        pytest.approx([NAN], nan_ok=True),
        [50],
    ]
    held = [step[4]["holdings"][0] for step in path]
    # 500 shares, then worth 25,000 of 75,000; half of that is 750 shares.
    np.testing.assert_allclose(held, [0, 500, 500, 750], rtol=1e-12)


def test_a_wrong_action_leaves_the_account_as_it_is():
    env = trading(FLAT, position_range=[0, 1])
    play(env, [[0.5]])
    with pytest.raises(ValueError, match=r"^action 1\.5 lies .* \[0\.0, 1\.0\] \(at 2020-01-14 "):
        env.step(np.array([1.5]))
    info = env.step(HOLD)[4]
    assert (info["time"].day, info["holdings"][0]) == (15, 500)


@pytest.mark.parametrize(
    ("bounds", "actions", "units"),
    [
        # 100,000 at a price of 100: 1,000 units are a weight of 1.
        (None, [2, 2, 2, 2, 2, 1, 0], [300, 600, 900, 1000, 1000, 1000, 700]),
        (None, [0, 1, 2, 0, 0], [0, 0, 300, 0, 0]),
        ([-0.5, 0.5], [0, 0, 0, 2, 2, 2, 2], [-300, -500, -500, -200, 100, 400, 500]),
    ],
)
def test_amounts_are_bounded_by_the_position_range(bounds, actions, units):
    settings = {"order_units": 300.0} | ({"position_range": bounds} if bounds else {})
    env = trading(FLAT, margin={"maintenance": 0.01}, **settings)
    assert env.action_space == gymnasium.spaces.Discrete(3)
    path = play(env, actions)
    np.testing.assert_allclose([step[4]["holdings"][0] for step in path[1:]], units, atol=1e-9)
    last = path[-1][4]
    assert last["cash"] == pytest.approx(100_000 - 100 * units[-1], rel=1e-12)


def test_an_amount_that_meets_the_bound_pays_its_costs_first():
    # 10 bp of 100 x units: 1000 / 1.001 units are all that can be paid for.
    env = trading(
        FLAT, order_units=2000.0, costs=FREE | {"commission_bps": 10.0},
        margin={"maintenance": 0.01},
    )  # fmt: skip
    info = play(env, [2])[1][4]
    assert info["holdings"][0] == pytest.approx(1000 / 1.001, rel=1e-12)
    assert info["cash"] == pytest.approx(0, abs=1e-6)
    assert info["weights"][0] == pytest.approx(1, rel=1e-12)


BRACKET = {"bracket": {"stop_loss": 0.05, "take_profit": 0.1}}
"""Entered at 100, long: stopped at 95, taken at 110; short: at 105 and at 90."""


@pytest.mark.parametrize(
    ("side", "bar", "price"),
    [
        (1, (99, 104, 96, 98), None),
        (1, (99, 101, 94, 98), 95),
        (1, (99, 111, 96, 98), 110),
        (1, (99, 111, 94, 108), 95),  # both touched: the worse
        (1, (90, 111, 89, 108), 90),  # opens beyond the stop
        (1, (112, 115, 94, 108), 112),  # opens beyond the take-profit, before all else
        (-1, (101, 104, 91, 99), None),
        (-1, (101, 106, 91, 99), 105),
        (-1, (101, 104, 89, 99), 90),
        (-1, (101, 106, 89, 92), 105),
        (-1, (107, 108, 89, 92), 107),
        (-1, (88, 106, 87, 92), 88),
    ],
)
def test_stop_loss_and_take_profit(side, bar, price):
    env = trading([100, 100, bar, bar[3], bar[3]], position_range=[-1, 1], **BRACKET)
    path = play(env, [[side], HOLD, HOLD])
    bought, met, after = (step[4] for step in path[1:])
    assert bought["holdings"][0] == side * 1000
    assert "exits" not in bought
    assert "exits" not in after
    assert ("exits" in met) == (price is not None)
    assert np.isnan(met["fills"][0])
    out = bar[3] if price is None else price
    assert met["equity"] == pytest.approx(100_000 + side * 1000 * (out - 100), rel=1e-12)
    assert path[2][1] == pytest.approx(np.log(met["equity"] / 100_000), abs=1e-12)
    if price is not None:
        assert met["exits"] == pytest.approx([price], rel=1e-12)
        assert (met["holdings"][0], after["holdings"][0]) == (0, 0)


def test_a_position_is_stopped_in_the_bar_it_was_opened_in():
    env = trading([100, (100, 102, 94, 101), 101.0], position_range=[-1, 1], **BRACKET)
    info = play(env, [[1]])[1][4]
    assert (info["fills"][0], info["holdings"][0]) == (100, 0)
    assert info["exits"] == pytest.approx([95])
    assert info["equity"] == pytest.approx(95_000, rel=1e-12)


def test_a_stop_pays_the_taker_and_a_take_profit_the_maker():
    costs = FREE | {"commission_bps": 20.0, "maker_bps": 5.0}
    for bar, price, rate in (((99, 101, 94, 98), 95, 0.002), ((99, 111, 96, 98), 110, 0.0005)):
        env = trading([100, 100, bar, bar[3]], position_range=[-1, 1], costs=costs, **BRACKET)
        bought, met = (step[4] for step in play(env, [[1], HOLD])[1:])
        exchanged = bought["holdings"][0] * price
        assert met["costs"]["commission"] == pytest.approx(exchanged * rate, rel=1e-12)
        assert met["equity"] == pytest.approx(exchanged * (1 - rate), rel=1e-12)


LEVERED = {
    "positions": [-4, 0, 4],
    "margin": {"maintenance": 0.1, "liquidation_fee_bps": 50.0},
}
"""4,000 units bought at 100 with 300,000 borrowed: 4000 p - 300,000 is 10% of 4000 p at 83.33."""


@pytest.mark.parametrize(
    ("action", "bar", "price"),
    [
        (2, (100, 101, 84, 90), None),
        (2, (100, 101, 80, 90), 250 / 3),
        (2, (82, 90, 81, 90), 82),
        # Sold 4,000 at 100 with 100,000 beside: 500,000 - 4000 p is 10% of 4000 p at 113.64.
        (0, (100, 113, 99, 100), None),
        (0, (100, 120, 99, 100), 1250 / 11),
        (0, (115, 120, 99, 100), 115),
    ],
)
def test_a_margin_call_liquidates_at_a_fee(action, bar, price):
    env = trading([100, 100, bar, bar[3], bar[3]], **LEVERED)
    path = play(env, [action] * 2)
    units, info = path[1][4]["holdings"][0], path[2][4]
    assert units == (4000 if action == 2 else -4000)
    assert ("exits" in info) == (price is not None)
    assert path[2][2:4] == (False, False)
    if price is not None:
        fee = 0.005 * 4000 * price
        left = 100_000 + units * (price - 100) - fee
        assert info["exits"] == pytest.approx([price], rel=1e-12)
        assert info["costs"]["liquidation"] == pytest.approx(fee, rel=1e-12)
        assert (info["equity"], info["cash"]) == pytest.approx((left, left), rel=1e-12)
        assert info["holdings"][0] == 0
        assert path[2][1] == pytest.approx(np.log(left / 100_000), rel=1e-12)
        # What is left may be traded with again.
        assert env.step(1)[4]["equity"] == info["equity"]


@pytest.mark.parametrize(("action", "gap"), [(2, 70), (0, 130)])
def test_an_account_that_owes_more_than_it_has_is_closed(action, gap):
    env = trading([100, 100, (gap, gap, gap, gap), gap, gap], **LEVERED)
    path = play(env, [action, action, action])
    assert [step[2:4] for step in path] == [(False, False)] * 2 + [(True, False)]
    info = path[-1][4]
    # Of 100,000 a millionth is left; what is owed beyond it (20,000 and the fee) is forgiven.
    assert (info["equity"], info["cash"]) == pytest.approx((0.1, 0.1), rel=1e-12)
    assert (info["holdings"][0], info["exits"][0]) == (0, gap)
    assert sum(step[1] for step in path) == pytest.approx(np.log(1e-6), rel=1e-12)
    with pytest.raises(ConfigError, match="the episode is over"):
        env.step(1)
