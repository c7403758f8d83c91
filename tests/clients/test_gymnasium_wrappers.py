"""Wrappers of Gymnasium around the environments."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers

ID = "drltrade:drltrade/Trading-v0"


def test_the_module_in_the_name_is_imported_by_gymnasium():
    code = (
        f"import gymnasium; e = gymnasium.make({ID!r}); e.reset(seed=0); print(type(e.unwrapped))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "TradingEnv" in done.stdout


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: wrappers.FrameStackObservation(env, 3),
        wrappers.NormalizeObservation,
        wrappers.NormalizeReward,
        wrappers.RecordEpisodeStatistics,
        lambda env: wrappers.TimeLimit(env, 3),
        lambda env: wrappers.RescaleAction(env, np.float32(-2.0), np.float32(2.0)),
        lambda env: wrappers.ClipAction(env),
        wrappers.Autoreset,
        wrappers.PassiveEnvChecker,
    ],
)
def test_a_wrapper_of_gymnasium_plays_an_episode(wrap):
    env = wrap(gymnasium.make(ID, position_range=[-1, 1], episode_length=6))
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    env.action_space.seed(0)
    for _ in range(6):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert observation in env.observation_space
        assert np.isfinite(reward)
        if terminated or truncated:
            break
    env.close()


def test_record_video_writes_a_film(tmp_path):
    pytest.importorskip("moviepy")
    env = gymnasium.make(ID, render_mode="rgb_array", episode_length=5)
    env = wrappers.RecordVideo(env, str(tmp_path), episode_trigger=lambda _: True)
    env.reset(seed=0)
    while not env.step(env.action_space.sample())[3]:
        pass
    env.close()
    (film,) = tmp_path.glob("*.mp4")
    assert film.stat().st_size > 1000


def test_vector_wrappers_take_the_vector_environment():
    envs = gymnasium.make_vec(ID, num_envs=3, episode_length=4)
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    envs = gymnasium.wrappers.vector.NormalizeObservation(envs)
    envs.reset(seed=0)
    for _ in range(6):
        _, reward, *_, info = envs.step(envs.action_space.sample())
        assert np.isfinite(reward).all()
    assert info["costs"]["commission"].shape == (3,)
