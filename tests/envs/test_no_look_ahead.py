"""What comes after bar t changes nothing that the environment shows up to bar t."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.data.bars import Bars
from drltrade.envs.market_config import DEFAULT_FEATURES
from drltrade.envs.trading import TradingEnv


def with_another_future(bars: Bars, after: int, seed: int) -> Bars:
    """Every price and volume after the row `after` is another."""
    rng = np.random.default_rng(seed)
    frame = bars.frame("X")
    later = len(frame) - after - 1
    factor = np.exp(np.cumsum(rng.normal(0, 0.1, later)))
    for name in ("open", "high", "low", "close"):
        frame.iloc[after + 1 :, frame.columns.get_loc(name)] *= factor
    frame.iloc[after + 1 :, frame.columns.get_loc("volume")] = rng.integers(0, 5000, later)
    return Bars({"X": frame}, None, "1d", "another future", "1" * 64, "as published")


def shown(env: TradingEnv, actions: np.ndarray) -> list[tuple]:
    observation, info = env.reset(seed=0)
    path = [(observation, 0.0, False, False, info)]
    for action in actions:
        path.append(env.step(action))
        if path[-1][3]:
            break
    return path


@pytest.fixture(scope="module")
def bars(make_random_bars):
    return make_random_bars(9, 400)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@settings(max_examples=12, deadline=None)
@given(cut=st.integers(0, 58), seed=st.integers(0, 1000))
def test_a_changed_future_leaves_the_past_as_it_was(make_task, bars, fill, cut, seed):
    def environment(bars: Bars) -> TradingEnv:
        task = make_task(bars, features=list(DEFAULT_FEATURES), fill=fill, positions=[-1, 0, 1])
        return TradingEnv(task, period="test")

    env = environment(bars)
    rows, times = env.task.rows("test"), env.task.market.times
    cut = min(cut, len(rows) - 2)
    now = times[rows[0] + cut]
    other = environment(with_another_future(bars, bars.frame("X").index.get_loc(now), seed))
    assert env.task.preparation.scaler == other.task.preparation.scaler

    actions = np.random.default_rng(seed).integers(0, 3, 200)
    path, changed = shown(env, actions), shown(other, actions)
    assert path[cut][4]["time"] == now
    for one, two in zip(path[: cut + 1], changed[: cut + 1], strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1:4] == two[1:4]
        np.testing.assert_equal(one[4], two[4])
    # The next bar does show the change, so the comparison above means something.
    assert not np.array_equal(path[cut + 1][0], changed[cut + 1][0])
