"""RLlib on the environments as Gymnasium knows them."""

import math

import pytest

pytest.importorskip("ray.rllib")

import ray
from ray.rllib.algorithms.ppo import PPOConfig


@pytest.fixture(scope="module")
def cluster():
    """A Ray of this process alone."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_AUTH_MODE", "disabled")
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("drltrade:drltrade/Trading-v0", {"position_range": [-1, 1]}),
        ("drltrade:drltrade/Trading-v0", {"positions": [-1, 0, 1]}),
        ("drltrade:drltrade/Portfolio-v0", {}),
    ],
)
def test_ppo_of_rllib_trains(cluster, name, keys):
    config = (
        PPOConfig()
        .environment(name, env_config={"episode_length": 10, **keys})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=2)
        .learners(num_learners=0)
        .training(train_batch_size_per_learner=64, minibatch_size=32, num_epochs=1)
    )
    algorithm = config.build_algo()
    result = algorithm.train()
    algorithm.stop()
    assert result["env_runners"]["num_episodes"] >= 4
    assert math.isfinite(result["env_runners"]["episode_return_mean"])
