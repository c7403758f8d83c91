"""The checkers of Gymnasium and stable-baselines3 on every action space and shipped preset."""

import copy
import pickle
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

from drltrade.envs.make import face
from drltrade.envs.prices import Prices
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.experiment.env_presets import resolve_env

PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "envs").glob("*.toml"))
ACTIONS = [
    {"positions": [0, 1]},
    {"positions": [-1, 0, 1], "starts": "stratified"},
    {"position_range": [-1, 1]},
    {"position_range": [0, 1]},
    {"position_range": [-0.5, 1.5]},
    {"order_units": 10.0},
]
SMALL = {"bars": 600, "path_length": 300, "validation_bars": 300, "test_bars": 300}
"""Of a synthetic market: the checkers play a few bars."""


def checked(env, seeds=1):
    """Have both checkers check an environment; any warning fails.

    But one: both recommend a Box of [-1, 1], and a preset's range is its meaning, a weight.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "(?s).*recommend.*symmetric and normalized.*")
        for _ in range(seeds):  # each draws another action; some leave everything unfilled
            check_env(env.unwrapped)
        check_env_for_sb3(env)
        check_env_for_sb3(env.unwrapped)


@pytest.mark.parametrize("action", ACTIONS, ids=str)
@pytest.mark.parametrize("period", ["train", "test"])
def test_checkers_have_nothing_to_say_about_an_action_space(
    make_task, make_random_bars, action, period
):
    task = make_task(make_random_bars(), **action)
    env = gymnasium.make("drltrade/Trading-v0", task=task, period=period)
    assert env.unwrapped.action_space.shape == ((1,) if "position_range" in action else ())
    checked(env, seeds=3)


@pytest.mark.parametrize("preset", PRESETS)
def test_checkers_have_nothing_to_say_about_a_preset(preset):
    config = resolve_env(preset, {})
    keys = getattr(config, "synthetic", None)
    if keys is not None:
        fewer = {key: value for key, value in SMALL.items() if hasattr(keys, key)}
        config = resolve_env(preset, {"synthetic": fewer, "episode_length": 20})
    env = face(task := Task.build(config)).id
    checked(gymnasium.make(env, task=task))


def test_a_seed_tells_where_stratified_episodes_start(make_task, make_random_bars):
    env = TradingEnv(make_task(make_random_bars(0, 300), starts="stratified", episode_length=5))
    first = [env.reset(seed=3)[1]["time"], *(env.reset()[1]["time"] for _ in range(5))]
    for _ in range(7):  # wherever the blocks have got to
        env.reset()
    assert [env.reset(seed=3)[1]["time"], *(env.reset()[1]["time"] for _ in range(5))] == first
    assert len(set(first)) == 6


def test_infos_of_equal_steps_are_equal_where_nothing_fills(task):
    env = TradingEnv(task)
    infos = []
    for _ in range(2):
        env.reset(seed=1)
        infos.append(env.step(task.config.positions.index(0.0))[-1])
    assert np.isnan(infos[0]["fills"]).all()
    assert data_equivalence(*infos, exact=True)
    assert data_equivalence(*infos)
    assert data_equivalence(infos[0], pickle.loads(pickle.dumps(copy.deepcopy(infos[0]))))


def test_prices_differ_where_one_is_missing():
    prices = np.array([np.nan, 2.0, np.nan]).view(Prices)
    assert (prices == np.array([np.nan, 2.0, 3.0])).tolist() == [True, True, False]
    assert np.allclose(prices, prices.copy())
    assert not np.allclose(prices, [np.nan, 2.0, 3.0])
    assert np.isnan(prices).tolist() == [True, False, True]
