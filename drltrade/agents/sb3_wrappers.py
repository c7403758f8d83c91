"""What stood between a model of stable-baselines3 and its market while it learned.

A model saw observations that wrappers had made of the market's. A backtest shows it the same: the
statistics of `VecNormalize` are applied as they stand, and a wrapper that cannot be applied to one
observation at a time is refused by its name, as the model would read what it never learned to.
"""

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium import wrappers
from numpy.typing import NDArray

from drltrade.errors import ConfigError

Preprocess = Callable[[NDArray[Any]], NDArray[Any]]
"""The market's observation -> what the model learned from."""

TRANSPARENT = (
    wrappers.PassiveEnvChecker,
    wrappers.OrderEnforcing,
    wrappers.TimeLimit,
    wrappers.Autoreset,
    wrappers.RecordEpisodeStatistics,
    wrappers.RecordVideo,
    wrappers.NormalizeReward,
    gymnasium.RewardWrapper,
)
"""Wrappers of single environments that leave observations and actions as they are."""


def preprocessing(model: Any) -> Preprocess:
    """Find how a model's wrappers changed the market's observations.

    Args:
        model: of stable-baselines3; one that was loaded without its environment has no wrappers.

    Raises:
        ConfigError: a wrapper changes observations or actions in another way than `VecNormalize`.
    """
    from stable_baselines3.common.vec_env import VecNormalize

    vec_env = model.get_env() if hasattr(model, "get_env") else None
    statistics = [each for each in _layers(vec_env) if isinstance(each, VecNormalize)]
    statistics = [each for each in statistics if each.norm_obs]
    if not statistics:
        return lambda observation: observation

    def normalized(observation: NDArray[Any]) -> NDArray[Any]:
        for each in reversed(statistics):  # the innermost saw it first
            observation = np.asarray(each.normalize_obs(observation))
        return observation

    return normalized


def _layers(vec_env: Any) -> Iterator[Any]:
    """The vectorised wrappers, outermost first; refuses those that a backtest cannot apply."""
    from stable_baselines3.common.vec_env import (
        VecCheckNan,
        VecEnvWrapper,
        VecMonitor,
        VecNormalize,
        VecVideoRecorder,
    )

    harmless = (VecCheckNan, VecMonitor, VecNormalize, VecVideoRecorder)
    while isinstance(vec_env, VecEnvWrapper):
        if not isinstance(vec_env, harmless):
            raise _refused(type(vec_env))
        yield vec_env
        vec_env = vec_env.venv
    if vec_env is not None:
        _check_singles(vec_env)


def _check_singles(vec_env: Any) -> None:
    """Refuse wrappers around the single environments, which may live in other processes."""
    from stable_baselines3.common.monitor import Monitor

    for env in getattr(vec_env, "envs", ()):
        while isinstance(env, gymnasium.Wrapper):
            if not isinstance(env, (*TRANSPARENT, Monitor)):
                raise _refused(type(env))
            env = env.env
    for changing in (
        wrappers.FrameStackObservation, wrappers.NormalizeObservation, wrappers.RescaleAction,
        gymnasium.ObservationWrapper, gymnasium.ActionWrapper,
    ):  # fmt: skip
        if any(vec_env.env_is_wrapped(changing)):
            raise _refused(changing)


def _refused(wrapper: type) -> ConfigError:
    return ConfigError(
        f"the model learned behind {wrapper.__name__}, which a backtest cannot apply: of wrappers "
        "that change observations or actions only VecNormalize is known. Train without it, or hand "
        "in a policy of your own with act(observation, state) that applies it"
    )
