"""Accounting errors found in other trading environments, and that they can't happen here."""

import random
import subprocess
import sys

import gymnasium
import numpy as np
import pandas as pd
import pytest
import torch

import drltrade
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.features.kinds import FEATURES, FeatureKind

FREE = {"commission_bps": 0.0, "slippage_bps": 0.0}
YEARLY = 0.365
"""A tenth of a percent a day."""


@pytest.fixture(scope="module")
def make(make_task, make_bars):
    """`make(prices, **settings)`: a task whose test period has these closes, a bar a weekday."""

    def of(prices, **settings):
        lead = [float(prices[0])] * 4 * len(prices)
        given = {"costs": FREE, "position_range": [-2, 2]} | settings
        return make_task(make_bars(np.array([*lead, *map(float, prices)])), **given)

    return of


def played(task, targets, period="test"):
    """[(reward, info)] of targets (NaN holds) from the start of the period; the reset's first."""
    env = TradingEnv(task, period=period)
    path = [(0.0, env.reset(seed=0)[1])]
    for target in targets:
        _, reward, terminated, truncated, info = env.step([target])
        path.append((reward, info))
        if terminated or truncated:
            break
    return path


def held(target, bars):
    return [target, *[np.nan] * (bars - 1)]


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_every_environment_and_the_backtest_fill_at_the_same_prices(
    make_task, make_random_bars, fill
):
    # A peer has two environments of one name: one fills at today's close, the other at tomorrow's.
    costs = {
        "commission_bps": 5.0, "slippage_bps": 3.0, "borrow_rate": 0.05, "financing_rate": 0.08,
    }  # fmt: skip
    task = make_task(make_random_bars(), costs=costs, fill=fill, position_range=[-2, 2])
    times = task.market.times[task.rows("test")]
    targets = np.random.default_rng(0).uniform(-2, 2, len(times) - 1).astype(np.float32)
    targets[::3] = np.nan
    path = played(task, targets)
    equity = np.array([info["equity"] for _, info in path])
    assert len(equity) == len(times)
    envs = MarketVectorEnv(TradingEnv, 3, task, period="test", autoreset_mode="SameStep")
    found = [envs.reset()[1]["equity"]]
    for target in targets:
        infos = envs.step(np.full((3, 1), target))[-1]
        found.append(infos.get("final_info", infos)["equity"])
    np.testing.assert_allclose(np.array(found), np.tile(equity[:, None], 3), rtol=1e-12)
    result = drltrade.backtest(pd.DataFrame({"X": targets}, times[:-1]), env=task)
    np.testing.assert_allclose(result.equity, equity, rtol=1e-12)
    prices = np.array([info["fills"][0] for _, info in path])
    np.testing.assert_array_equal(result.fill_price[:, 0], prices)
    bars = task.market.open if fill == "next_open" else task.market.close
    filled = ~np.isnan(prices)
    assert filled.sum() > 30
    np.testing.assert_array_equal(prices[filled], bars[task.rows("test")][filled, 0])


@pytest.mark.parametrize("target", [1.0, -1.0, -2.0])
@pytest.mark.parametrize("reward", ["pnl", "log_return"])
def test_rewards_sum_to_the_gain_and_none_is_counted_twice(make, reward, target):
    # A peer returns the reward of the last step but one a second time at the end of an episode.
    task = make([100, 100, 110, 99, 120, 133, 198, 160], reward=reward)
    path = played(task, held(target, 7))
    ruined = target == -2  # 200,000 short at 100, closed at a price of 150
    gain = -1 + 1e-6 if ruined else target * 0.6
    assert path[-1][1]["equity"] == pytest.approx(100_000 * (1 + gain), abs=1e-9)
    rewards = [step[0] for step in path]
    expected = gain if reward == "pnl" else np.log(1 + gain)
    assert sum(rewards) == pytest.approx(expected, rel=1e-9)
    assert len(set(rewards[2:])) == len(rewards[2:])


@pytest.mark.parametrize("target", [1.0, -0.5, 0.25])
def test_a_reward_is_the_profit_of_its_step_though_nothing_is_ever_sold(make, target):
    # A peer pays a reward when a position is closed alone: who buys and never sells gets nothing.
    path = played(make([100, 100, 110, 99, 121, 133]), held(target, 5))
    equity = [info["equity"] for _, info in path]
    expected = [1 + target * (price / 100 - 1) for price in (100, 100, 110, 99, 121, 133)]
    np.testing.assert_allclose(np.array(equity) / 100_000, expected, rtol=1e-12)
    np.testing.assert_allclose([r for r, _ in path[1:]], np.diff(np.log(expected)), atol=1e-12)


@pytest.mark.parametrize(
    ("part", "target", "rate"),
    [("borrow", -1.0, "borrow_rate"), ("financing", 2.0, "financing_rate")],
)
def test_what_is_borrowed_is_paid_for_at_every_step(make, part, target, rate):
    # A peer charges interest once, when the position is opened, however long it is held.
    path = played(make([100.0] * 12, costs=FREE | {rate: YEARLY}), held(target, 11))
    infos = [info for _, info in path]
    days = np.diff([info["time"] for info in infos]) / pd.Timedelta(days=1)
    paid = [info["costs"][part] for info in infos[1:]]
    assert paid[0] == 0  # it was opened after the first close
    if part == "borrow":
        owed = np.full(10, 100_000.0)
    else:  # each payment is borrowed as well
        owed = 100_000 * np.cumprod([1, *(1 + 0.001 * days[1:-1])])
    np.testing.assert_allclose(paid[1:], owed * 0.001 * days[1:], rtol=1e-9)
    assert infos[-1]["equity"] == pytest.approx(100_000 - sum(paid), rel=1e-12)
    assert sum(paid) > 1_000


def test_a_flip_from_one_side_to_the_other_pays_what_is_owed(make):
    # A peer forgets the interest that a position owes when it is turned round.
    costs = FREE | {"borrow_rate": YEARLY, "financing_rate": YEARLY}
    task = make([100.0] * 12, costs=costs)
    path = played(task, [-1, *[np.nan] * 4, 2, *[np.nan] * 3, -1, np.nan])
    equity, paid = [info["equity"] for _, info in path], [info["costs"] for _, info in path]
    for step in range(1, 12):
        lost = equity[step - 1] - equity[step]
        assert lost == pytest.approx(paid[step]["borrow"] + paid[step]["financing"], abs=1e-7)
    days = np.diff([info["time"] for _, info in path]) / pd.Timedelta(days=1)
    # The bar in which it is turned round still pays for the side held over the close before it.
    assert paid[6]["borrow"] == pytest.approx(100 * days[5], rel=1e-9)
    assert (paid[6]["financing"], paid[7]["borrow"]) == (0, 0)
    assert paid[7]["financing"] == pytest.approx(equity[6] * 0.001 * days[6], rel=1e-9)
    assert paid[10]["financing"] > 0
    assert equity[-1] < 100_000 - 100 * (days[1:].sum() - 1)


def test_a_batch_of_environments_does_what_each_action_says(make):
    # A peer's batch overwrites all actions with ones, which somebody left in for a test.
    envs = MarketVectorEnv(TradingEnv, 4, make([100, 100, 110, 110, 99]), period="test")
    envs.reset()
    envs.step(np.array([[-1.0], [0.0], [1.0], [0.5]], np.float32))
    infos = envs.step(np.full((4, 1), np.nan, np.float32))[-1]
    assert infos["holdings"][:, 0].tolist() == pytest.approx([-1000, 0, 1000, 500], rel=1e-12)
    assert infos["equity"].tolist() == pytest.approx([90_000, 1e5, 110_000, 105_000], rel=1e-12)


def test_no_value_of_a_feature_keeps_an_asset_from_trading(make, monkeypatch):
    # A peer does not trade a ticker whose first indicator happens to be 1.0: a flag stands there.
    targets = [1, -1, 0.5, 0, 1, -1, 1]
    prices = [100, 101, 99, 103, 98, 104, 97, 105]

    def signs(history):
        return np.resize([1.0, -1.0], len(history.close))

    monkeypatch.setitem(FEATURES, "signs", FeatureKind("1 and -1", (), signs, lambda: 0))
    task = make(prices, features=["signs"])
    features = task.market.features[task.rows("test")]
    assert sorted(set(features[:, 0].tolist())) == [-1.0, 1.0]  # after scaling too
    path, other = played(task, targets), played(make(prices), targets)
    assert not np.isnan([info["fills"] for _, info in path[1:]]).any()
    assert [info["equity"] for _, info in path] == [info["equity"] for _, info in other]


@pytest.mark.parametrize("moves", [[100, 120, 80, 150, 60], [100] * 5])
@pytest.mark.parametrize("rate", [0.0, YEARLY])
def test_cash_earns_its_interest_and_nothing_else(make, moves, rate):
    # A peer rewards an account in cash as if it were short: it loses when the price rises.
    costs = {"commission_bps": 50.0, "borrow_rate": 0.5, "financing_rate": 0.5}
    path = played(make(moves, costs=costs | {"interest_rate": rate}), [0.0, np.nan, 0.0, 0.0])
    days = np.diff([info["time"] for _, info in path]) / pd.Timedelta(days=1)
    np.testing.assert_allclose(
        [r for r, _ in path[1:]], np.log1p(rate / 365 * days), rtol=1e-9, atol=0
    )
    grown = 100_000 * np.cumprod(1 + rate / 365 * days)
    np.testing.assert_allclose([info["equity"] for _, info in path[1:]], grown, rtol=1e-12)


def random_states():
    """Of every generator that a library keeps for all."""
    numpy_state = [np.asarray(part).tolist() for part in np.random.get_state()]  # noqa: NPY002
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


@pytest.mark.parametrize("face", ["single", "vector"])
def test_no_global_generator_is_drawn_from_or_seeded(make, face):
    # Peers draw their starts from numpy's global generator, or seed it on every reset.
    task = make(range(100, 140), episode_length=5)
    before = random_states()
    env = TradingEnv(task) if face == "single" else MarketVectorEnv(TradingEnv, 4, task)
    for seed in (3, None):
        env.reset(seed=seed)
        for _ in range(5):
            env.step(np.ones(env.action_space.shape, np.float32))
    assert random_states() == before


def test_a_seeded_start_does_not_depend_on_the_global_generators(make):
    env = TradingEnv(make(range(100, 140), episode_length=5))
    first = env.reset(seed=3)[1]["time"]
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert env.reset(seed=3)[1]["time"] == first


AFTERWARDS = """
import random, sys, warnings
import gymnasium, numpy as np, pandas, numba, pydantic, scipy, torch, stable_baselines3
random.seed(1), np.random.seed(1), torch.manual_seed(1)

def state():
    numpy = [np.asarray(part).tolist() for part in np.random.get_state()]
    return random.getstate(), numpy, torch.get_rng_state().tolist()

before, filters = state(), list(warnings.filters)
import drltrade
import drltrade.envs.portfolio, drltrade.envs.sb3, drltrade.envs.trading, drltrade.envs.vector
import drltrade.experiment.presets, drltrade.agents.ppo, drltrade.backtesting.engine
for name in ("Trading", "Portfolio"):
    gymnasium.make(f"drltrade/{name}-v0", window=2).reset(seed=0)
    gymnasium.make_vec(f"drltrade/{name}-v0", 2, window=2).reset(seed=0)
print(state() == before, warnings.filters == filters, np.geterr()["divide"])
"""


def test_importing_and_making_change_nothing_that_others_share():
    # A peer turns all warnings into errors when it is imported, so that log(0) in the user's own
    # code raises; others seed the global generators.
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "warn"]


def test_the_registered_environment_is_the_one_imported(make):
    # In a peer two classes of one name differ in their market.
    env = gymnasium.make("drltrade/Trading-v0", task=make([100] * 5))
    assert type(env.unwrapped) is TradingEnv
