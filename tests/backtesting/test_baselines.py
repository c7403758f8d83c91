"""Rules to compare with: small cases by hand, no future, the turnover asked for."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from costly_markets import flat_bar, market_of

from drltrade.backtesting.baselines import (
    BASELINES,
    always_flat,
    baseline_targets,
    buy_and_hold,
    mean_reversion,
    moving_average_cross,
    random_timing,
)
from drltrade.backtesting.engine import replay
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.market.tensors import Market


def test_buy_and_hold_buys_once_even_where_the_first_bar_has_no_volume():
    price = np.array([10.0, 11.0, 12.0, 9.0, 13.0, 14.0])
    frame = pd.DataFrame({name: price for name in ("open", "high", "low", "close")})
    frame = frame.set_index(pd.date_range("2020-01-01", periods=6)).assign(
        volume=[1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    )
    market = Market.build({"X": frame}, frame.index, np.zeros((6, 1), np.float32), ("none",), 252.0)
    targets = buy_and_hold(price, range(6), -1.0, 1.0)
    ledger = replay(targets, market, range(6), TradingConfig().rules())
    assert np.flatnonzero(ledger.turnover).tolist() == [2]
    assert np.all(ledger.units[2:] == ledger.units[2])
    assert np.all(ledger.cash[2:] == 0.0)


def test_flat_is_cash():
    assert always_flat(np.arange(1.0, 6.0), range(1, 5), -1.0, 1.0).tolist() == [0, 0, 0]


def test_moving_average_cross_by_hand():
    # Averages of 2 and of 3 closes, from the third bar on: 2.5 > 2, 2.5 > 2.33, 1.5 < 2, 1.5 < 1.67
    close = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 9.0])
    targets = moving_average_cross(close, range(1, 7), -0.5, 0.75, fast=2, slow=3)
    assert targets.tolist() == [0, 0.75, 0.75, -0.5, -0.5]


def test_mean_reversion_by_hand():
    # In deviations from the average of 3: none (constant), 1.41, -0.71, -1.22, -0.27, 0.89
    close = np.array([10.0, 10.0, 10.0, 13.0, 10.0, 7.0, 8.0, 8.2, 50.0])
    targets = mean_reversion(close, range(2, 9), -1.0, 1.0, window=3, width=1.0)
    assert targets.tolist() == [0, -1, 0, 1, 1, 0]


def test_mean_reversion_enters_the_other_way_at_once():
    # 1.41 deviations above the average of 3, then 1.41 below.
    close = np.array([10.0, 10.0, 13.0, 13.0, 4.0, 4.0])
    targets = mean_reversion(close, range(2, 5), -1.0, 1.0, window=3, width=1.0)
    assert targets.tolist() == [-1, -1]
    targets = mean_reversion(close, range(2, 6), -1.0, 1.0, window=3, width=1.0)
    assert targets.tolist() == [-1, -1, 1]


def walk(rng):
    return 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 400)))


def market(*closes):
    return market_of(*([flat_bar(price) for price in close] for close in closes))


@pytest.mark.parametrize("name", BASELINES)
def test_no_rule_knows_the_future(name):
    rng = np.random.default_rng(0)
    close = walk(rng)
    rows, config = range(60, 400), TradingConfig()
    targets = baseline_targets(name, market(close), rows, config)
    assert targets.shape == (339, 1)
    for bar in (60, 61, 100, 250, 398):
        changed = close.copy()
        changed[bar + 1 :] *= np.exp(rng.normal(0, 0.2, 399 - bar))
        upto = bar - 60 + 1
        again = baseline_targets(name, market(changed), rows, config)
        np.testing.assert_array_equal(again[:upto], targets[:upto])


@pytest.mark.parametrize("name", ["ma-cross", "mean-reversion"])
def test_rules_trade_and_use_the_bars_before_the_period(name):
    rng = np.random.default_rng(1)
    close = walk(rng)
    whole = baseline_targets(name, market(close), range(60, 400), TradingConfig())
    late = baseline_targets(name, market(close), range(200, 400), TradingConfig())
    np.testing.assert_array_equal(whole[140:], late)
    assert set(whole[:, 0]) == ({-1, 1} if name == "ma-cross" else {-1, 0, 1})


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"positions": (0.0, 1.0)}, 0, 1),
        ({"position_range": (-0.5, 0.8)}, -0.5, 0.8),
        ({"positions": (-3.0, 0.0, 3.0)}, -1, 1),  # no rule borrows
    ],
)
def test_rules_stay_within_the_positions_allowed(settings, low, high):
    rng = np.random.default_rng(1)
    close = walk(rng)
    targets = baseline_targets(
        "mean-reversion", market(close), range(60, 400), TradingConfig(**settings)
    )
    assert (targets.min(), targets.max()) == (low, high)


@pytest.mark.parametrize(
    "settings", [{"positions": [-1, 0, 1]}, {"position_range": [-1, 1]}, {"positions": [0, 1]}]
)
@pytest.mark.parametrize("shift", [1, 250, 399])
def test_random_timing_holds_and_trades_as_much(make_task, make_bars, settings, shift):
    rng = np.random.default_rng(0)
    task = make_task(make_bars(walk(rng)), **settings)
    rows = task.rows("all")
    low, high = task.config.lowest_position, task.config.highest_position
    asked = np.round(rng.uniform(low, high, len(rows) - 1))
    asked[rng.random(len(asked)) < 0.6] = np.nan  # most bars hold
    own = replay(asked, task.market, rows, task.rules)
    moved = replay(random_timing(own, shift), task.market, rows, task.rules)
    assert np.abs(moved.weights).mean() == pytest.approx(np.abs(own.weights).mean(), rel=0.03)
    assert moved.weights.mean() == pytest.approx(own.weights.mean(), abs=0.02)
    assert moved.turnover.mean() == pytest.approx(own.turnover.mean(), rel=0.03)


def test_random_timing_moves_each_decision_and_begins_with_what_was_held():
    price = np.full(6, 10.0)
    asked = np.array([np.nan, 1.0, np.nan, 0.0, -1.0])
    own = replay(asked, market(price), range(6), TradingConfig().rules())
    np.testing.assert_array_equal(random_timing(own, 2)[:, 0], [0.0, -1.0, 0.0, 1.0, np.nan])
    np.testing.assert_array_equal(
        random_timing(own, 3)[:, 0], [1.0, 0.0, -1.0, 0.0, 1.0]
    )  # the first was held from the bar before


def test_moving_averages_are_of_10_and_50_bars():
    close = np.random.default_rng(3).normal(0.0, 1.0, 400).cumsum() + 100.0
    fast, slow = (np.convolve(close, np.ones(n) / n, "valid") for n in (10, 50))
    long = fast[-len(slow) :] > slow
    found = moving_average_cross(close, range(49, 400), -1.0, 1.0)
    np.testing.assert_array_equal(found, np.where(long[:-1], 1.0, -1.0))


def test_mean_reversion_is_of_20_bars_and_one_deviation():
    close = np.random.default_rng(4).normal(0.0, 1.0, 400).cumsum() + 100.0
    last = np.lib.stride_tricks.sliding_window_view(close, 20)
    distance = np.concatenate((np.full(19, np.nan), (close[19:] - last.mean(1)) / last.std(1)))
    stance, right = 0.0, []
    for before, now in pairwise(distance[19:-1]):
        if abs(now) > 1.0:
            stance = -np.sign(now)
        elif now * before < 0.0:
            stance = 0.0
        right.append(stance)
    assert {-1.0, 0.0, 1.0} == set(right[60:])
    found = mean_reversion(close, range(20, 400), -1.0, 1.0)
    np.testing.assert_array_equal(found[60:], right[60:])


def test_equal_weights_are_restored_in_the_first_bar_of_a_month():
    times = pd.date_range("2024-07-31 20:00", periods=8, freq="h")
    frames = {
        name: pd.DataFrame({c: 1.0 for c in ("open", "high", "low", "close", "volume")}, times)
        for name in "AB"
    }
    made = Market.build(frames, times, np.zeros((8, 1), np.float32), ("x",), 8760.0)
    config = PortfolioConfig(symbols=("A", "B"))
    targets = baseline_targets("equal-weight", made, range(8), config)
    # 21:00 to 24:00 are of July; the first bar of August ends at 01:00.
    assert np.flatnonzero(np.isfinite(targets[:, 0])).tolist() == [0, 5]


def test_random_timing_of_orders_for_amounts_takes_what_was_held():
    price = np.full(6, 10.0)
    orders = np.stack([np.full(5, np.nan), [0.0, 5e3, 0.0, -2e3, 0.0]], axis=1)
    own = replay(orders, market(price), range(6), TradingConfig(order_units=1e4).rules())
    found = random_timing(own, 1)[:, 0]
    np.testing.assert_allclose(found, [own.weights[4, 0], 0.0, own.weights[2, 0], np.nan,
                                       own.weights[4, 0]])  # fmt: skip


def test_mean_reversion_holds_nothing_before_its_first_signal():
    close = np.array([10.0, 11.0, 10.5, 10.7, 10.6, 10.65])
    assert mean_reversion(close, range(1, 5), -1.0, 1.0, window=3, width=5.0).tolist() == [0, 0, 0]


def test_buy_and_hold_of_one_asset_borrows_nothing():
    config = TradingConfig(positions=(-2.0, 0.0, 2.0))
    targets = baseline_targets("buy-and-hold", market(np.full(6, 10.0)), range(1, 5), config)
    assert targets[0].tolist() == [1.0]
    assert np.isnan(targets[1:]).all()
