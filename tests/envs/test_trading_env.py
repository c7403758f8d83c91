"""drltrade/Trading-v0: what Gymnasium asks of it, and what the market does."""

import random

import gymnasium
import numpy as np
import pandas as pd
import pytest
import torch
from small_markets import play

import drltrade
from drltrade.envs.trading import TradingEnv
from drltrade.market.state import COST_PARTS

ID = "drltrade/Trading-v0"
INFO = ("time", "equity", "cash", "holdings", "weights", "costs", "fills")
DISCRETE = {"positions": [-1, 0, 1]}
CONTINUOUS = {"position_range": [-1, 1]}


def random_actions(env, count, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(count)]


def test_spaces(task, make_task, make_random_bars):
    env = TradingEnv(task)
    assert env.action_space == gymnasium.spaces.Discrete(4)
    assert env.observation_space == gymnasium.spaces.Box(-10, 10, (4 * 3 + 4,), np.float32)
    env = TradingEnv(make_task(make_random_bars(), position_range=[-0.5, 1.5]))
    assert env.action_space == gymnasium.spaces.Box(-0.5, 1.5, (1,), np.float32)


def test_make_vec_steps_copies():
    envs = gymnasium.make_vec(ID, num_envs=3, vectorization_mode="sync", **DISCRETE)
    observations, info = envs.reset(seed=7)
    single = TradingEnv(**DISCRETE)
    for i in range(3):
        alone, alone_info = single.reset(seed=7 + i)
        np.testing.assert_array_equal(observations[i], alone)
        assert info["time"][i] == alone_info["time"]
    observations, rewards, *_, info = envs.step(np.array([0, 1, 2]))
    assert observations.shape == (3, 154)
    assert rewards[1] == 0.0
    np.testing.assert_allclose(np.exp(rewards) * 100_000, info["equity"], rtol=1e-12)
    envs.close()


@pytest.mark.parametrize("action", [DISCRETE, CONTINUOUS], ids=["discrete", "continuous"])
def test_a_seed_reproduces_the_episode(make_task, make_random_bars, action):
    env = TradingEnv(make_task(make_random_bars(), **action))
    actions = random_actions(env, 20)
    first, second = (play(env, actions, seed=11) for _ in range(2))
    assert len(first) == len(second) == 21
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:4] == other[1:4]
        assert one[4]["time"] == other[4]["time"]
        assert one[4]["equity"] == other[4]["equity"]


def test_without_a_seed_episodes_differ_and_new_environments_too(task):
    env = TradingEnv(task)
    env.reset(seed=1)
    starts = {env.reset()[1]["time"] for _ in range(20)}
    assert len(starts) > 5
    fresh = {TradingEnv(task).reset()[1]["time"] for _ in range(20)}
    assert len(fresh) > 5


def test_no_global_generator_is_touched(task):
    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002

    before = states()
    env = TradingEnv(task)
    play(env, random_actions(env, 20), seed=3)
    env.reset()
    assert states() == before


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("period", ["train", "test"])
@pytest.mark.parametrize("volatility", [0.02, 0.4])
def test_rewards_sum_to_the_log_growth_of_equity(
    make_task, make_random_bars, fill, period, volatility
):
    costs = {"commission_bps": 20, "slippage_bps": 10, "fixed_fee": 5, "borrow_rate": 0.1}
    task = make_task(
        make_random_bars(5, 300, volatility), fill=fill, costs=costs, positions=[-2, 2]
    )
    env = TradingEnv(task, period=period)
    for seed in range(20 if period == "train" else 3):
        path = play(env, random_actions(env, 200, seed), seed=seed)
        terminated, truncated = path[-1][2:4]
        assert terminated != truncated
        growth = np.log(path[-1][4]["equity"] / path[0][4]["equity"])
        assert sum(step[1] for step in path) == pytest.approx(growth, abs=1e-9)


def test_training_episodes_start_at_random_inside_the_period(task):
    env, rows = TradingEnv(task), task.rows("train")
    for seed in range(200):
        env.reset(seed=seed)
        assert rows[0] <= env.episode.first_row
        assert env.episode.last_row == env.episode.first_row + 20 <= rows[-1]
    starts = {env.reset(seed=seed) and env.episode.first_row for seed in range(2000)}
    assert starts == set(range(rows[0], rows[-1] - 19))


@pytest.mark.parametrize("period", ["validation", "test", "all"])
def test_evaluation_plays_the_whole_period(task, period):
    env = TradingEnv(task, period=period)
    days = task.market.times
    start, end = task.config.periods.span(period)
    inside = days[(days >= str(start)) & (days <= str(end))]
    for seed in (0, 1):
        path = play(env, [1] * 1000, seed=seed)
        times = [step[4]["time"] for step in path]
        # The first decision of "all" needs a window's bars before it.
        assert times == list(inside[3:] if period == "all" else inside)
        assert [step[3] for step in path] == [False] * (len(path) - 1) + [True]
        assert not any(step[2] for step in path)


def test_a_training_episode_without_length_is_the_whole_period(make_task, make_random_bars):
    task = make_task(make_random_bars(), episode_length=None)
    rows, env = task.rows("train"), TradingEnv(task)
    assert len(play(env, [0] * 1000, seed=0)) == len(rows)
    assert (env.episode.first_row, env.episode.last_row) == (rows[0], rows[-1])


def test_the_observation_is_the_window_oldest_first_then_the_account(task):
    env = TradingEnv(task, period="test")
    features, row = task.market.features, task.rows("test")[0]
    for observation, *_, info in play(env, random_actions(env, 1000), seed=0):
        assert observation.dtype == np.float32
        window = observation[:-4].reshape(4, 3)
        np.testing.assert_array_equal(window, features[row - 3 : row + 1])
        assert info["time"] == task.market.times[row]
        assert observation[-4] == pytest.approx(info["weights"][0], abs=1e-6)
        row += 1
    assert row == task.rows("test")[-1] + 1


def test_the_account_in_the_observation_by_hand(make_task, make_bars):
    close = np.full(40, 100.0)
    close[33:] = [110.0, 99.0, 99.0, 132.0, 132.0, 132.0, 132.0]  # the test period: 32 .. 39
    task = make_task(
        make_bars(close), position_range=[-1, 1], costs={"commission_bps": 0.0, "slippage_bps": 0.0}
    )
    env = TradingEnv(task, period="test")
    hold = np.array([np.nan], np.float32)
    actions = [np.array([0.5], np.float32), hold, np.array([-1.0], np.float32), hold]
    accounts = [step[0][-4:] for step in play(env, actions, seed=0)]
    expected = [
        (0, 0, 0, 0),
        (0.55 / 1.05, 0.1, 1 / 21, 0),  # bought half at 100, now 110
        (0.495 / 0.995, -0.01, 2 / 22, 1 - 0.995 / 1.05),
        (-1, 0, 1 / 21, 1 - 0.995 / 1.05),  # turned short at 99
        (-0.995 * 4 / 3 / (0.995 * 2 / 3), -1 / 3, 2 / 22, 1 - 0.995 * 2 / 3 / 1.05),
    ]
    np.testing.assert_allclose(accounts, expected, rtol=1e-6, atol=1e-6)


def test_info_describes_the_account(task):
    env = TradingEnv(task, period="test")
    market = task.market
    for step, (*_, info) in enumerate(play(env, random_actions(env, 1000), seed=0)):
        assert set(info) - {"exits"} == set(INFO)
        assert isinstance(info["time"], pd.Timestamp)
        row = task.rows("test")[0] + step
        value = info["holdings"][0] * market.close[row, 0]
        assert info["holdings"].shape == info["weights"].shape == info["fills"].shape == (1,)
        assert info["equity"] == pytest.approx(info["cash"] + value, rel=1e-12)
        assert info["weights"][0] == pytest.approx(value / info["equity"], rel=1e-12)
        assert tuple(info["costs"]) == COST_PARTS
        traded = not np.isnan(info["fills"][0])
        assert traded == (info["costs"]["fixed"] == 2.0) == (info["costs"]["commission"] > 0)
        if traded:
            assert info["fills"][0] == market.open[row, 0]
            assert market.tradable[row, 0]
        if step == 0:
            assert (info["equity"], info["cash"], value, traded) == (100_000, 100_000, 0, False)


@pytest.mark.parametrize(
    ("fill", "entry"), [("next_open", 1), ("next_close", 1), ("same_close", 0)]
)
def test_buying_and_holding_gains_the_price_ratio_less_its_costs(make_task, make_bars, fill, entry):
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 120)))
    opened = close * np.exp(rng.normal(0, 0.01, 120))
    costs = {"commission_bps": 30, "slippage_bps": 20, "fixed_fee": 7}
    task = make_task(make_bars(close, opened), position_range=[-1, 1], costs=costs, fill=fill)
    env = TradingEnv(task, period="test")
    hold = np.array([np.nan], np.float32)
    path = play(env, [np.array([1.0], np.float32)] + [hold] * 200, seed=0)
    rows, market = task.rows("test"), task.market
    price = (market.open if fill == "next_open" else market.close)[rows[0] + entry, 0]
    # The broker fills 20 bp above the price and takes 30 bp of what is paid, and a fee of 7.
    units = (100_000 - 7) / (price * 1.002 * 1.003)
    last = path[-1][4]
    assert last["holdings"][0] == pytest.approx(units, rel=1e-12)
    assert last["equity"] == pytest.approx(units * market.close[rows[-1], 0], rel=1e-12)
    assert last["cash"] == pytest.approx(0, abs=1e-6)
    spent = path[1][4]["costs"]
    assert spent["slippage"] == pytest.approx(units * price * 0.002, rel=1e-12)
    assert spent["commission"] == pytest.approx(units * price * 1.002 * 0.003, rel=1e-12)
    assert all(not any(step[4]["costs"].values()) for step in path[2:])


def test_an_order_waits_out_a_bar_without_volume(make_task, make_bars):
    volume = np.full(40, 1e6)
    volume[33] = 0
    task = make_task(make_bars(np.linspace(100, 120, 40), volume=volume), positions=[0, 1])
    path = play(TradingEnv(task, period="test"), [1, 1], seed=0)
    assert path[1][4]["holdings"][0] == 0
    assert np.isnan(path[1][4]["fills"][0])
    assert path[1][4]["equity"] == 100_000
    assert path[2][4]["holdings"][0] > 0


def test_ruin_terminates(make_task, make_bars):
    task = make_task(make_bars(100 * 1.3 ** np.arange(60)), positions=[-4, 0])
    path = play(TradingEnv(task, period="test"), [1, 0, 0], seed=0)
    assert [step[2:4] for step in path] == [(False, False), (False, False), (True, False)]
    info = path[-1][4]
    assert (info["equity"], info["cash"], info["holdings"][0]) == pytest.approx((0.1, 0.1, 0))
    assert path[-1][1] == pytest.approx(np.log(1e-6), rel=1e-12)


@pytest.mark.parametrize("action", [-1, 4, 99])
def test_an_action_that_does_not_exist_is_refused(task, action):
    env = TradingEnv(task)
    env.reset(seed=0)
    with pytest.raises(
        ValueError, match=rf"^action {action}: 0 \.\. 3 are allowed \(at 2000-.*\)$"
    ):
        env.step(action)


@pytest.mark.parametrize("weight", [1.01, -7.0, np.inf])
def test_a_position_out_of_range_is_refused(make_task, make_random_bars, weight):
    env = TradingEnv(make_task(make_random_bars(), position_range=[-0.5, 1]))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"lies outside the position range \[-0\.5, 1\.0\]"):
        env.step(np.array([weight], np.float32))


def test_a_shared_task_takes_a_period_and_an_episode_length(task):
    env = TradingEnv(task, period="validation")
    assert env.task is task
    assert len(play(env, [1] * 1000, seed=0)) == len(task.rows("validation"))
    assert len(play(TradingEnv(task, episode_length=5), [1] * 1000, seed=0)) == 6


def test_make_env_takes_the_keys_of_a_preset():
    env = drltrade.make_env("sp500-daily", window=3, period="test", features=["rsi(14)"])
    observation, info = env.reset(seed=0)
    assert observation.shape == (3 + 4,)
    assert info["time"] == pd.Timestamp("2013-01-02")
