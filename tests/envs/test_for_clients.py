"""What clients ask of the environments beside steps: keywords, copies, masks, pictures."""

import pickle

import gymnasium
import numpy as np
import pytest

from drltrade.envs.rendering import HEIGHT, WIDTH
from drltrade.envs.sb3 import MarketVecEnv
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError

ACTIONS = [{"positions": [-1, 0, 1]}, {"position_range": [-1, 1]}, {"order_units": 5.0}]


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_an_unknown_keyword_is_a_type_error_and_ours(make, task):
    for more in ({}, {"task": task}):
        with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'") as caught:
            make("drltrade/Trading-v0", frameskip=1, **more)
        assert isinstance(caught.value, ConfigError)
    with pytest.raises(ConfigError, match="key 'windoww' is unknown; did you mean 'window'"):
        make("drltrade/Trading-v0", windoww=1)


@pytest.mark.parametrize("action", ACTIONS, ids=str)
@pytest.mark.parametrize("reward", ["log_return", "differential_sharpe"])
def test_a_pickled_environment_goes_on_identically(make_task, make_random_bars, action, reward):
    env = TradingEnv(make_task(make_random_bars(), reward=reward, **action))
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    copy = pickle.loads(pickle.dumps(env))
    for _ in range(40):
        action = env.action_space.sample()
        one, other = env.step(action), copy.step(action)
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:4] == other[1:4]
        assert one[4]["equity"] == other[4]["equity"]
        if one[3]:
            np.testing.assert_array_equal(env.reset()[0], copy.reset()[0])


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_a_pickled_vector_environment_goes_on_identically(make_task, make_random_bars, action):
    task = make_task(make_random_bars(), episode_length=6, **action)
    envs = MarketVectorEnv(TradingEnv, 3, task)
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    copy = pickle.loads(pickle.dumps(envs))
    for _ in range(20):
        actions = envs.action_space.sample()
        for one, other in zip(envs.step(actions)[:4], copy.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(one, other)


def test_masks_of_positions_leave_the_nearest_in_a_halt(make_task, make_bars):
    volume = np.full(60, 1e6)
    volume[40] = 0.0  # a bar without trades
    task = make_task(make_bars(np.full(60, 100.0), volume=volume), positions=[-1.0, 0.0, 1.0])
    env = TradingEnv(task, period="train", episode_length=10)
    env.episode.spans = (range(30, 55),)
    time = task.market.times
    halt = int(np.flatnonzero(~task.market.tradable[:, 0])[0])
    env.reset(options={"start": time[halt - 2]})
    assert env.action_masks().tolist() == [True] * 3
    env.step(2)
    assert env.action_masks().tolist() == [True] * 3
    env.step(2)
    assert env.action_masks().tolist() == [False, False, True]
    env.step(2)
    assert env.action_masks().tolist() == [True] * 3


def test_masks_of_amounts_know_the_bounds_and_the_fees(make_task, make_bars):
    bars = make_bars(np.full(60, 100.0))
    free = {"commission_bps": 0.0, "slippage_bps": 0.0}
    env = TradingEnv(make_task(bars, order_units=1000.0, costs=free))  # all that it is worth
    env.reset(seed=0)
    assert env.action_masks().tolist() == [False, True, True]
    env.step(2)
    assert env.action_masks().tolist() == [True, True, False]
    dear = TradingEnv(make_task(bars, order_units=1.0, costs=free | {"fixed_fee": 2e5}))
    dear.reset(seed=0)
    assert dear.action_masks().tolist() == [False, True, False]


def test_masks_of_many_are_those_of_each(make_task, make_random_bars):
    task = make_task(make_random_bars(), order_units=1000.0)
    envs = MarketVectorEnv(TradingEnv, 4, task)
    envs.reset(seed=0)
    for _ in range(5):
        envs.step(envs.action_space.sample())
    masks = envs.action_masks()
    assert masks.shape == (4, 3)
    np.testing.assert_array_equal(np.stack(envs.call("action_masks")), masks)
    shown = MarketVecEnv(envs)
    np.testing.assert_array_equal(shown.env_method("action_masks", indices=[2]), masks[[2]])
    with pytest.raises(ConfigError, match="action masks are for listed actions"):
        TradingEnv(make_task(make_random_bars(), position_range=[-1, 1])).actions.masks(*[None] * 4)


def test_attributes_of_a_vector_environment_are_one_for_each(task):
    envs = MarketVectorEnv(TradingEnv, 3, task)
    assert envs.autoreset_mode is gymnasium.vector.AutoresetMode.NEXT_STEP
    assert envs.get_attr("render_mode") == (None, None, None)
    assert envs.call("action_space") == (envs.single_action_space,) * 3
    assert envs.get_attr("config")[2] is envs.config
    envs.set_attr("colour", [1, 1, 1])
    assert envs.get_attr("colour") == (1, 1, 1)
    with pytest.raises(ConfigError, match="the environments share their attributes"):
        envs.set_attr("colour", [1, 2, 3])
    with pytest.raises(ValueError, match="2 values for 3 environments"):
        envs.set_attr("colour", [1, 2])
    with pytest.raises(AttributeError, match="step: a MarketVectorEnv holds no single"):
        envs.call("step")


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_infos_of_many_hold_costs_as_gymnasium_nests_them(make_task, make_random_bars, mode):
    task = make_task(make_random_bars(), episode_length=3)
    mode = gymnasium.vector.AutoresetMode[mode]
    ours = MarketVectorEnv(TradingEnv, 2, task, autoreset_mode=mode)
    theirs = gymnasium.vector.SyncVectorEnv([lambda: TradingEnv(task)] * 2, autoreset_mode=mode)
    for envs in (ours, theirs):
        _, info = envs.reset(seed=0)
        for _ in range(4):
            assert info["costs"]["commission"].shape == (2,)
            assert info["costs"]["_commission"].tolist() == [True, True]
            assert info["_costs"].tolist() == [True, True]
            *_, info = envs.step(np.array([1, 2]))
            if "final_info" in info:
                final = info["final_info"]
                assert final["costs"]["commission"].shape == (2,)
                assert final["_costs"].tolist() == info["_final_info"].tolist()


@pytest.mark.parametrize("many", [False, True])
def test_flat_infos_hold_numbers_alone(make_task, make_random_bars, many):
    task = make_task(make_random_bars(), positions=[0, 1], episode_length=2)
    made = (
        MarketVectorEnv(TradingEnv, 2, task, autoreset_mode="SameStep", flat_info=flat)
        if many
        else TradingEnv(task, flat_info=flat)
        for flat in (False, True)
    )
    usual, flat = ([env.reset(seed=0), env.step(a := [1, 1] if many else 1), env.step(a)]
                   for env in made)  # fmt: skip
    for step, plain in zip(usual, flat, strict=True):
        info, told = step[-1], plain[-1]
        assert not any(isinstance(told[key], dict) for key in told if key != "final_info")
        assert np.array_equal(told["cost_commission"], info["costs"]["commission"])
        times = np.asarray(told["time"]).astype("M8[ns]")
        assert (times == np.asarray(info["time"], "M8[ns]")).all()
        assert all(np.asarray(value).dtype.kind in "fib" for key, value in told.items()
                   if not key.startswith("final"))  # fmt: skip
        if many:
            assert told["_cost_commission"].tolist() == [True, True]
            assert set(told) >= {f"_{key}" for key in told if not key.startswith("_")} - {"_exits"}
    if many:
        assert flat[-1][-1]["final_info"]["cost_commission"].shape == (2,)


def test_pictures_show_price_position_and_equity(make_task, make_random_bars):
    env = TradingEnv(make_task(make_random_bars(), positions=[0, 1]), render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    assert (first.shape, first.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    for _ in range(8):
        env.step(1)
    later = env.render()
    for top in range(0, HEIGHT, HEIGHT // 3):  # each panel has changed
        panel = slice(top, top + HEIGHT // 3)
        assert (first[panel] != later[panel]).any()
    env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), first)


def test_a_human_reads_a_line_for_each_bar(make_task, make_random_bars, capsys):
    env = TradingEnv(make_task(make_random_bars(), positions=[0, 1]), render_mode="human")
    _, info = env.reset(seed=0)
    env.step(1)
    assert env.render() is None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{info['time']}  X ")
    assert "(+0%)  equity 100,000.00" in lines[0]
    assert "(+100%)" in lines[1]


def test_an_unknown_render_mode_is_refused(task):
    with pytest.raises(ConfigError, match=r"render_mode = 'ascii' \(allowed: human, rgb_array\)"):
        TradingEnv(task, render_mode="ascii")
    env = TradingEnv(task)
    env.reset()
    assert env.render() is None
