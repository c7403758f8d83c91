"""The vector environment is n single ones, whatever they do when an episode is over."""

import itertools
from functools import cache

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from wild_markets import MARKETS, PRICES, wild_task

import drltrade
from drltrade.envs.make import face
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError, DeviceError

TRADING, PORTFOLIO = "drltrade/Trading-v0", "drltrade/Portfolio-v0"
MODES = tuple(AutoresetMode)
N = 5


@pytest.fixture(scope="module")
def make(make_task, make_random_bars):
    @cache
    def of(market: str) -> Task:
        return wild_task(market, make_task, make_random_bars, gross_limit=4.0)

    return of


def vector(task, n=N, single=None, **settings) -> MarketVectorEnv:
    return MarketVectorEnv(single or face(task), n, task, **settings)


def on_a_device(envs) -> MarketVectorEnv:
    """Let it take the path that a GPU takes."""
    envs._on_host = False
    return envs


def random_actions(rng, envs):
    """Of the market's own space; some weights hold."""
    envs.action_space.seed(int(rng.integers(1 << 30)))
    actions = envs.action_space.sample()
    if actions.dtype == np.float32:
        actions[rng.random(actions.shape) < 0.2] = np.nan
    return actions


def info_of(infos, i):
    """Environment i's own info, by Gymnasium's convention."""
    return {
        key: info_of(value, i) if isinstance(value, dict) else value[i]
        for key, value in infos.items()
        if not key.startswith("_") and infos[f"_{key}"][i]
    }


def assert_same(found, expected):
    """Two infos, or parts of them."""
    assert type(found) is dict
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_same(found[key], value)
        elif key == "time":
            assert found[key] == np.datetime64(value)
        else:
            np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-9, err_msg=key)


class Singles:
    """n single environments, each started where the vector environment's stands."""

    def __init__(self, envs):
        name = PORTFOLIO if envs.task.market.assets > 1 else TRADING
        self.at, self.times = envs.simulator, envs.task.market.times
        self.envs = [
            gymnasium.make(name, task=envs.task, disable_env_checker=True)
            for _ in range(envs.num_envs)
        ]

    def reset(self, i):
        """(observation, info)."""
        when = {"start": self.times[int(self.at.t[i])], "length": int(self.at.left[i])}
        return self.envs[i].reset(options=when)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("market", MARKETS)
def test_it_steps_as_single_environments_do(make, market, mode):
    envs, rng = vector(make(market), autoreset_mode=mode), np.random.default_rng(3)
    observations, infos = envs.reset(seed=4)
    singles, over = Singles(envs), np.zeros(N, bool)
    for i in range(N):
        observation, info = singles.reset(i)
        np.testing.assert_array_equal(observations[i], observation)
        assert_same(info_of(infos, i), info)
    seen = dict.fromkeys(("ruined", "truncated", "exits", "fills"), 0)
    for _ in range(60):
        actions = random_actions(rng, envs)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        assert (observations.dtype, rewards.dtype) == (np.float32, np.float64)
        assert terminated.dtype == truncated.dtype == np.bool_
        ends = np.zeros(N, bool)
        for i in range(N):
            if mode is AutoresetMode.NEXT_STEP and over[i]:
                outcome = (0.0, False, False)
                observation, info = singles.reset(i)
            else:
                observation, *outcome, info = singles.envs[i].step(actions[i])
                seen["exits"] += "exits" in info
                seen["fills"] += bool(np.isfinite(info["fills"]).any())
                ends[i] = outcome[1] or outcome[2]
            assert rewards[i] == pytest.approx(outcome[0], rel=1e-9, abs=1e-12)
            assert (terminated[i], truncated[i]) == tuple(outcome[1:])
            if mode is AutoresetMode.SAME_STEP and ends[i]:
                np.testing.assert_array_equal(infos["final_obs"][i], observation)
                assert_same(info_of(infos["final_info"], i), info)
                observation, info = singles.reset(i)
            np.testing.assert_array_equal(observations[i], observation)
            now = {key: value for key, value in infos.items() if "final" not in key}
            assert_same(info_of(now, i), info)
        final = infos.get("_final_obs", np.zeros(N, bool))
        assert final.tolist() == (ends & (mode is AutoresetMode.SAME_STEP)).tolist()
        seen["ruined"] += terminated.sum()
        seen["truncated"] += truncated.sum()
        over = ends
        if mode is AutoresetMode.DISABLED and ends.any():
            again, infos = envs.reset(options={"reset_mask": ends})
            assert infos["_equity"].tolist() == ends.tolist()
            for i in range(N):
                observation, info = singles.reset(i) if ends[i] else (observations[i], {})
                np.testing.assert_array_equal(again[i], observation)
                assert_same(info_of(infos, i), info)
    assert min(count for what, count in seen.items() if what != "ruined") >= 10, seen
    assert (seen["ruined"] > 0) == (market != "units"), seen


def assert_tensors(found, expected):
    """The same numbers, but in tensors."""
    if isinstance(expected, dict):
        assert expected.keys() <= found.keys()
        for key, value in expected.items():
            assert_tensors(found[key], value)
    else:
        assert isinstance(found, torch.Tensor)
        if expected.dtype.kind == "M":
            expected = expected.astype("datetime64[ns]").astype(np.int64)
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("market", MARKETS)
def test_on_a_device_the_same_comes_as_tensors(make, market, mode):
    # Of the test period there is one episode alone, so that both start where they should.
    host, device = (vector(make(market), period="test", autoreset_mode=mode) for _ in range(2))
    on_a_device(device)
    rng, ended = np.random.default_rng(5), 0
    assert_tensors(device.reset()[0], host.reset()[0])
    for _ in range(130):
        actions = random_actions(rng, host)
        one, other = host.step(actions), device.step(torch.from_numpy(actions))
        for numbers, tensors in zip(one, other, strict=True):
            assert_tensors(tensors, numbers)
        over = one[2] | one[3]
        ended += over.sum()
        if over.any() and mode is AutoresetMode.DISABLED:
            again = device.reset(options={"reset_mask": torch.from_numpy(over)})
            expected = host.reset(options={"reset_mask": over})
            for numbers, tensors in zip(expected, again, strict=True):
                assert_tensors(tensors, numbers)
    assert ended > N


@pytest.mark.parametrize("market", MARKETS)
def test_results_are_not_overwritten_later(make, market):
    envs, rng = vector(make(market), autoreset_mode="SameStep"), np.random.default_rng(0)

    def everything(parts):
        for part in parts.values() if isinstance(parts, dict) else parts:
            yield from everything(part) if isinstance(part, dict) else [part]

    kept = [tuple(everything(envs.reset(seed=0)))]
    kept += [tuple(everything(envs.step(random_actions(rng, envs)))) for _ in range(12)]
    copies = [[part.copy() for part in step] for step in kept]
    for _ in range(12):
        envs.step(random_actions(rng, envs))
    for step, copied in zip(kept, copies, strict=True):
        for part, copy in zip(step, copied, strict=True):
            np.testing.assert_array_equal(part, copy)


def test_results_are_the_callers(make):
    envs, actions = vector(make("positions")), np.ones(N, int)
    _, infos = envs.reset(seed=0)
    for _ in range(3):
        infos["_equity"][:], infos["equity"][:], infos["costs"]["_fixed"][:] = False, -1.0, False
        _, rewards, *_, infos = envs.step(actions)
        assert infos["_equity"].all()
        assert (infos["equity"] > 0).all()
        assert rewards.flags.c_contiguous  # who keeps it does not keep the whole report
        rewards[:] = 0.0


@pytest.mark.parametrize("mode", [None, "vector_entry_point"])
@pytest.mark.parametrize(("name", "single"), [(TRADING, TradingEnv), (PORTFOLIO, PortfolioEnv)])
def test_gymnasium_makes_thousands(name, single, mode):
    n, settings = 2000, {"window": 3, "episode_length": 5, **PRICES}
    envs, one = gymnasium.make_vec(name, n, mode, **settings), single(**settings)
    assert type(envs) is MarketVectorEnv
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.spec.kwargs == {
        **settings, "num_envs": n, "vectorization_mode": "vector_entry_point"
    }  # fmt: skip
    assert envs.single_observation_space == one.observation_space
    assert envs.single_action_space == one.action_space
    observations, infos = envs.reset(seed=0)
    assert observations in envs.observation_space
    assert len(np.unique(infos["time"])) > 500
    for step in range(1, 13):
        observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert observations in envs.observation_space
        assert truncated.tolist() == [step in (5, 11)] * n
        assert not terminated.any()
        assert (rewards == 0).all() == (step in (6, 12))
        assert infos["_equity"].tolist() == [True] * n
    envs.close()


def test_gymnasium_still_makes_copies_of_the_single_environment(make):
    envs = gymnasium.make_vec(TRADING, 2, "sync", task=make("positions"))
    assert type(envs) is gymnasium.vector.SyncVectorEnv


@pytest.mark.parametrize("preset", ["sp500-daily", "path"])
def test_drltrade_makes_it_of_a_preset(tmp_path, preset):
    if preset == "path":
        preset = str(tmp_path / "mine.toml")
        (tmp_path / "mine.toml").write_text('kind = "portfolio"')
    envs = drltrade.make_vec_env(preset, 3, window=4, autoreset_mode="Disabled")
    one = drltrade.make_env(preset, window=4)
    assert (type(envs), envs.num_envs, envs.device.type) == (MarketVectorEnv, 3, "cpu")
    assert envs.config == one.config
    assert envs.single_action_space == one.action_space
    assert envs.reset()[0].shape == (3, *one.observation_space.shape)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED


def play(envs, **reset):
    """What is seen in 30 steps from a reset on, and when; the actions are always the same."""
    rng, path = np.random.default_rng(0), [envs.reset(**reset)]
    path += [envs.step(random_actions(rng, envs)) for _ in range(30)]
    return [step[0] for step in path], [step[-1]["time"] for step in path]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("market", ["positions", "portfolio"])
def test_a_seed_reproduces_the_episodes(make, market, mode):
    envs = vector(make(market), 32, autoreset_mode=mode)
    observations, times = play(envs, seed=5)
    again, same_times = play(vector(make(market), 32, autoreset_mode=mode), seed=5)
    np.testing.assert_array_equal(observations, again)
    np.testing.assert_array_equal(times, same_times)
    fresh = (play(vector(make(market), 32, autoreset_mode=mode))[1] for _ in range(2))
    runs = [np.array(run) for run in (times, play(envs, seed=6)[1], play(envs)[1], *fresh)]
    for one, other in itertools.combinations(runs, 2):
        assert (one != other).any(1).all()


def test_no_global_generator_is_touched(make):
    before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    play(vector(make("positions")), seed=3)
    assert torch.get_rng_state().equal(before[0])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002


def test_outside_training_all_play_the_whole_period(make):
    envs = vector(make("positions"), period="test", autoreset_mode="SameStep")
    task, (_, infos) = make("positions"), envs.reset(seed=0)
    times = task.market.times[list(task.rows("test"))]
    for time in times[1:]:
        assert (infos["time"] == infos["time"][0]).all()
        truncated, infos = envs.step(np.ones(N, int))[3:]
        assert truncated.tolist() == [time == times[-1]] * N
    assert infos["final_info"]["time"][0] == np.datetime64(times[-1])
    assert infos["time"][0] == np.datetime64(times[0])


WRONG = {
    "positions": (4, "action .*4.*: 0 .. 3 are allowed"),
    "range": (4.5, r"action 4.5 lies outside the position range \[-3.0, 4.0\]"),
    "units": (-1, r"action .*-1.*: 0 \(sell\), 1 \(hold\) and 2 \(buy\)"),
    "portfolio": (-4.5, r"action -4.5 for A lies outside the position range \[-4.0, 4.0\]"),
}


@pytest.mark.parametrize("market", MARKETS)
def test_a_wrong_action_is_named_with_its_environment(make, market):
    envs, (wrong, message) = vector(make(market)), WRONG[market]
    envs.reset(seed=0)
    actions = np.ones(envs.action_space.shape, envs.action_space.dtype)
    actions[3] = wrong
    with pytest.raises(ValueError, match=f"environment 3: {message}"):
        envs.step(actions)
    with pytest.raises(ValueError, match=r"actions of shape \(4.*\(5.* is needed"):
        envs.step(actions[1:])
    with pytest.raises((IndexError, RuntimeError), match=r"out of range|outside the range"):
        on_a_device(envs).step(torch.from_numpy(actions))


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("market", MARKETS)
def test_the_action_of_a_reset_step_may_be_anything(make, market, device):
    envs = vector(make(market), episode_length=3)
    if device:
        on_a_device(envs)
    envs.reset(seed=0)
    actions = np.ones(envs.action_space.shape, envs.action_space.dtype)
    for _ in range(3):
        *_, truncated, _ = envs.step(actions)
    assert truncated.all()
    infos = envs.step(actions + 10)[-1]
    assert infos["equity"].tolist() == [100_000.0] * N


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "2001-01-01"}, r"unknown options \['start'\]; reset_mask is allowed"),
        ({"reset_mask": np.ones(3, bool)}, r"of shape \(3,\) and torch.bool; \(5,\) and bool"),
        ({"reset_mask": np.ones(N, int)}, r"of shape \(5,\) and torch.int64; \(5,\) and bool"),
    ],
)
def test_wrong_options_are_explained(make, options, message):
    with pytest.raises(ConfigError, match=message):
        vector(make("positions")).reset(options=options)


def test_an_episode_must_have_begun_and_not_be_over(make):
    envs = vector(make("positions"), episode_length=2, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ConfigError, match="no episode has begun"):
        envs.step(np.ones(N, int))
    envs.reset(seed=0)
    envs.step(np.ones(N, int))
    envs.reset(options={"reset_mask": np.arange(N) != 2})
    envs.step(np.ones(N, int))
    with pytest.raises(ConfigError, match="the episode of environment 2 is over"):
        envs.step(np.ones(N, int))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n": 0}, ConfigError, "num_envs = 0: at least 1"),
        ({"window": 3}, ConfigError, "a prepared task settles everything"),
        ({"device": "cuda:99"}, DeviceError, "device 'cuda:99': "),
        ({"autoreset_mode": "Never"}, ValueError, "'Never' is not a valid AutoresetMode"),
        ({"single": PortfolioEnv}, ConfigError, "the prepared task is a TradingConfig's"),
    ],
)
def test_a_wrong_setting_is_explained(make, settings, error, message):
    with pytest.raises(error, match=message):
        vector(make("positions"), **settings)
