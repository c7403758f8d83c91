"""TorchRL on the environments as Gymnasium knows them."""

import gymnasium
import pytest

pytest.importorskip("torchrl")

from torchrl.envs import GymEnv, GymWrapper
from torchrl.envs.utils import check_env_specs

SINGLE, MANY = "drltrade:drltrade/Trading-v0", "drltrade:drltrade/Portfolio-v0"


@pytest.mark.parametrize("name", [SINGLE, MANY])
def test_gym_env_of_torchrl_rolls_out(name):
    env = GymEnv(name)
    env.set_seed(0)
    rollout = env.rollout(5)
    assert rollout.batch_size == (5,)
    assert rollout["next", "reward"].shape == (5, 1)
    assert rollout["observation"].isfinite().all()
    check_env_specs(env)


def test_gym_wrapper_of_torchrl_takes_the_vector_environment():
    # TorchRL resets finished environments itself: of Gymnasium's modes it prefers this one.
    made = gymnasium.make_vec(SINGLE, num_envs=3, episode_length=4, autoreset_mode="Disabled")
    env = GymWrapper(made)
    rollout = env.rollout(10, break_when_any_done=False)
    assert rollout.batch_size == (3, 10)
    assert rollout["next", "reward"].isfinite().all()
    assert rollout["next", "done"].sum() == 3 * (10 // 4)
