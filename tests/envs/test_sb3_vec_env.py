"""stable-baselines3's batch is n single environments, seen through its own conventions."""

import subprocess
import sys
import warnings
from functools import cache

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize
from wild_markets import MARKETS, wild_task

from drltrade.envs.make import face
from drltrade.envs.sb3 import MarketVecEnv, market_actions, shown_space
from drltrade.envs.task import Task
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError

N = 4


@pytest.fixture(scope="module")
def make(make_task, make_random_bars):
    @cache
    def of(market: str) -> Task:
        return wild_task(market, make_task, make_random_bars, long_only=True)

    return of


def batch(task, n=N, scale=1.0, **settings) -> MarketVecEnv:
    return MarketVecEnv(MarketVectorEnv(face(task), n, task, **settings), scale)


@pytest.mark.parametrize("market", MARKETS)
def test_it_steps_as_single_environments_do(make, market):
    task, rng = make(market), np.random.default_rng(3)
    envs = batch(task, scale=0.5)
    name = "drltrade/Portfolio-v0" if market == "portfolio" else "drltrade/Trading-v0"
    singles = [gymnasium.make(name, task=task, disable_env_checker=True) for _ in range(N)]
    simulator, counts = envs.market.simulator, {"ruined": 0, "truncated": 0}

    def restart(i):
        when = {"start": task.market.times[int(simulator.t[i])], "length": int(simulator.left[i])}
        return singles[i].reset(options=when)[0]

    envs.seed(3)
    seen = envs.reset()
    np.testing.assert_array_equal(seen, [restart(i) for i in range(N)])
    episodes = [[] for _ in range(N)]
    envs.action_space.seed(0)
    for _ in range(80):
        shown = np.stack([envs.action_space.sample() for _ in range(N)])
        meant = shown
        if market in ("range", "portfolio"):
            shown[rng.random(N) < 0.2] = rng.choice([-1.0, 1.0])
            low, high = singles[0].action_space.low, singles[0].action_space.high
            meant = low + (shown + 1) / 2 * (high - low)
        seen, rewards, dones, infos = envs.step(shown)
        assert (seen.dtype, rewards.dtype, dones.dtype) == (np.float32, np.float32, np.bool_)
        for i in range(N):
            observation, reward, terminated, truncated, _ = singles[i].step(meant[i])
            episodes[i].append(reward)
            assert rewards[i] == pytest.approx(reward / 0.5, rel=1e-4, abs=1e-6)
            assert dones[i] == (terminated or truncated)
            if not dones[i]:
                assert infos[i] == {}
            else:
                last, episode = infos[i].pop("terminal_observation"), infos[i].pop("episode")
                np.testing.assert_allclose(last, observation, rtol=1e-4, atol=1e-4)
                assert infos[i] == {"TimeLimit.truncated": truncated}
                total = pytest.approx(sum(episodes[i]), rel=1e-4, abs=1e-6)
                assert (episode["r"], episode["l"]) == (total, len(episodes[i]))
                assert 0 < episode["t"] < 600
                observation, episodes[i] = restart(i), []
                counts["ruined"] += terminated
                counts["truncated"] += truncated
            np.testing.assert_allclose(seen[i], observation, rtol=1e-4, atol=1e-4)
        assert envs.infos["equity"].shape == (N,)
    assert counts["truncated"] > 10
    assert (counts["ruined"] > 0) == (market in ("positions", "range"))


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (-0.1, 0.7), (-3.0, 10.0), (1e-3, 0.3)]
)
def test_a_box_is_shown_as_the_unit_box(low, high):
    space = gymnasium.spaces.Box(low, high, (2,), np.float32)
    shown = shown_space(space)
    assert shown == gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    for edge, bound in ((shown.low, space.low), (shown.high, space.high)):
        np.testing.assert_array_equal(market_actions(edge, space), bound)
    np.testing.assert_allclose(
        market_actions(np.array([[0.0, 0.5]], np.float32), space),
        [[(low + high) / 2, low + 0.75 * (high - low)]], rtol=1e-6,
    )  # fmt: skip
    shown.seed(0)
    near = np.nextafter(np.float32([1, -1]), np.float32(0))
    for action in (*(shown.sample() for _ in range(200)), near):
        assert market_actions(action, space) in space


def test_a_unit_box_and_a_choice_stay_as_they_are():
    box, choice = gymnasium.spaces.Box(-1, 1, (3,), np.float32), gymnasium.spaces.Discrete(4)
    action = np.float32([-1, 0.123, 0.9])
    np.testing.assert_allclose(market_actions(action, box), action, rtol=1e-7)
    assert shown_space(choice) is choice
    assert market_actions(np.array([3, 0]), choice).tolist() == [3, 0]


def test_a_seed_reproduces_the_episodes(make):
    def play(envs, seed=None):
        if seed is not None:
            assert envs.seed(seed) == list(range(seed, seed + N))
        envs.reset()
        steps = [envs.step(np.arange(N))[1] for _ in range(30)]
        return np.array(steps)

    envs = batch(make("positions"))
    first = play(envs, 5)
    np.testing.assert_array_equal(first, play(batch(make("positions")), 5))
    for other in (play(envs, 6), play(envs), play(batch(make("positions")))):
        assert (first != other).any()


def test_attributes_are_shared(make):
    envs = batch(make("range"))
    assert envs.get_attr("task") == [make("range")] * N
    assert envs.get_attr("render_mode", 1) == [None]
    assert envs.get_attr("action_space", [0, 2]) == [envs.action_space] * 2
    assert envs.get_attr("observation_space") == [envs.observation_space] * N
    assert not envs.has_attr("nothing")
    envs.set_attr("name", "mine")
    assert envs.get_attr("name") == ["mine"] * N
    with pytest.raises(ConfigError, match=r"set_attr\('name'\): the environments share"):
        envs.set_attr("name", "yours", indices=[0, 1])
    with pytest.raises(AttributeError, match="shuffle: a MarketVecEnv holds no single"):
        envs.env_method("shuffle")
    assert envs.env_is_wrapped(Monitor) == [True] * N
    assert envs.env_is_wrapped(gymnasium.wrappers.TransformReward, 0) == [False]
    envs.close()


@pytest.mark.parametrize(("market", "wrong"), [("positions", 4), ("units", 3), ("range", 1.01)])
def test_a_wrong_action_is_named_with_its_environment(make, market, wrong):
    envs = batch(make(market))
    envs.reset()
    actions = np.zeros((N, *envs.action_space.shape), envs.action_space.dtype)
    actions[2] = wrong
    with pytest.raises(ValueError, match="environment 2: action "):
        envs.step(actions)


def test_options_are_refused(make):
    envs = batch(make("positions"))
    envs.set_options({"start": "2001-01-01"})
    with pytest.raises(ConfigError, match="unknown options"):
        envs.reset()


def test_a_market_elsewhere_is_refused(make):
    market = MarketVectorEnv(face(make("positions")), N, make("positions"))
    market.device = torch.device("meta")
    with pytest.raises(ConfigError, match="needs the market on the cpu; it is on meta"):
        MarketVecEnv(market)


@pytest.mark.parametrize(
    ("algorithm", "market", "settings"),
    [
        (PPO, "range", {"n_steps": 32, "batch_size": 32, "n_epochs": 2}),
        (PPO, "portfolio", {"n_steps": 32, "batch_size": 32, "n_epochs": 2}),
        (DQN, "positions", {"learning_starts": 50, "batch_size": 16, "buffer_size": 500}),
    ],
)
@pytest.mark.parametrize("normalised", [False, True])
def test_it_can_be_learned_from_and_evaluated(make, algorithm, market, settings, normalised):
    envs = batch(make(market))
    if normalised:
        envs = VecNormalize(envs, norm_reward=False)
    model = algorithm("MlpPolicy", envs, seed=0, **settings)
    before = {key: value.clone() for key, value in model.get_parameters()["policy"].items()}
    model.learn(300)
    after = model.get_parameters()["policy"]
    assert any(not torch.equal(after[key], value) for key, value in before.items())
    assert len(model.ep_info_buffer) > 20
    assert all(1 <= episode["l"] <= 9 for episode in model.ep_info_buffer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        returns, lengths = evaluate_policy(model, envs, 12, return_episode_rewards=True)
    assert np.isfinite(returns).all()
    assert (len(returns), max(lengths) <= 9) == (12, True)


def test_the_other_environments_do_without_stable_baselines3():
    code = (
        "import sys, drltrade.envs.vector, drltrade.envs.make, drltrade.experiment.presets;"
        "print('stable_baselines3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
