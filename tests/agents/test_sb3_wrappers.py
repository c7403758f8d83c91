"""Models of stable-baselines3 that learned behind wrappers."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

import drltrade
from drltrade.envs.sb3 import MarketVecEnv
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError

SMALL = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}


def singles(task, wrap=lambda env: env, build=DummyVecEnv):
    return build([lambda: wrap(TradingEnv(task))])


def learned(envs, steps=64):
    return PPO("MlpPolicy", envs, **SMALL).learn(steps)


def weights(backtested):
    return backtested.to_frame()["weight_X"].to_numpy()


@pytest.mark.parametrize("outer", [lambda envs: envs, VecMonitor, VecCheckNan])
def test_a_model_behind_vec_normalize_is_backtested_with_its_statistics(
    make_task, make_random_bars, outer
):
    task = make_task(make_random_bars(), position_range=[-1, 1])
    normalized = VecNormalize(singles(task))
    model = learned(outer(normalized))

    class ByHand:
        def act(self, observation, state=None):
            seen = (observation - normalized.obs_rms.mean) / np.sqrt(
                normalized.obs_rms.var + normalized.epsilon
            )
            seen = np.clip(seen, -normalized.clip_obs, normalized.clip_obs).astype(np.float32)
            return model.predict(seen, deterministic=True)[0], None

    class Unaware:
        def act(self, observation, state=None):
            return model.predict(observation, deterministic=True)[0], None

    before = normalized.obs_rms.mean.copy()
    found = weights(drltrade.backtest(model, env=task))
    np.testing.assert_array_equal(found, weights(drltrade.backtest(ByHand(), env=task)))
    assert not np.array_equal(found, weights(drltrade.backtest(Unaware(), env=task)))
    np.testing.assert_array_equal(normalized.obs_rms.mean, before)


def test_two_layers_of_vec_normalize_are_applied_from_within(task):
    inner = VecNormalize(MarketVecEnv(MarketVectorEnv(TradingEnv, 2, task)))
    outer = VecNormalize(inner)
    model = learned(outer)
    seen = []
    predict = model.predict
    model.predict = lambda observation, **options: (
        seen.append(observation) or predict(observation, **options)
    )
    drltrade.backtest(model, env=task)
    observation, _ = TradingEnv(task, period="test").reset()
    expected = outer.normalize_obs(inner.normalize_obs(observation))
    np.testing.assert_array_equal(seen[0], expected)


def test_rewards_that_are_normalised_alone_change_nothing(task):
    model = learned(VecNormalize(singles(task), norm_obs=False))
    bare = learned(VecNormalize(singles(task), norm_obs=False))
    bare.env = None
    assert weights(drltrade.backtest(model, env=task)).tolist() == (
        weights(drltrade.backtest(bare, env=task)).tolist()
    )


@pytest.mark.parametrize(
    ("envs", "name"),
    [
        (lambda task: VecFrameStack(singles(task), 2), "VecFrameStack"),
        (lambda task: VecNormalize(VecFrameStack(singles(task), 2)), "VecFrameStack"),
        (
            lambda task: singles(
                task, lambda env: gymnasium.wrappers.FrameStackObservation(env, 1)
            ),
            "FrameStackObservation",
        ),
        (
            lambda task: singles(task, gymnasium.wrappers.NormalizeObservation),
            "NormalizeObservation",
        ),
        (
            lambda task: singles(task, lambda env: gymnasium.wrappers.StickyAction(env, 0.5)),
            "StickyAction",
        ),
        (
            lambda task: singles(task, gymnasium.wrappers.NormalizeObservation, SubprocVecEnv),
            "NormalizeObservation",
        ),
    ],
)
def test_another_wrapper_is_refused_by_its_name(task, envs, name):
    made = envs(task)
    model = PPO("MlpPolicy", made, **SMALL)
    with pytest.raises(ConfigError, match=rf"learned behind {name}, which a backtest cannot apply"):
        drltrade.backtest(model, env=task)
    made.close()


def test_wrappers_that_change_neither_observation_nor_action_pass(task):
    model = PPO("MlpPolicy", singles(task), **SMALL)

    def wrap(env):
        env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.wrappers.TimeLimit(env, 5))
        return Monitor(gymnasium.wrappers.TransformReward(env, lambda reward: 2 * reward))

    wrapped = PPO("MlpPolicy", singles(task, wrap), **SMALL)
    assert weights(drltrade.backtest(wrapped, env=task)).tolist() == (
        weights(drltrade.backtest(model, env=task)).tolist()
    )
