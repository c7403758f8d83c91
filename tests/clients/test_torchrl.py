"""TorchRL on the environments as Gymnasium knows them."""

import gymnasium
import pytest

pytest.importorskip("torchrl")

from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torchrl.collectors import Collector
from torchrl.envs import GymEnv, GymWrapper
from torchrl.envs.utils import RandomPolicy, check_env_specs

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


FLAT = {"episode_length": 4, "flat_info": True}
"""TorchRL makes tensors of infos where it does not reset environments itself."""


@pytest.mark.parametrize("name", [SINGLE, MANY])
@pytest.mark.parametrize("synchronous", [False, True])
def test_gym_wrapper_of_torchrl_reads_what_a_step_that_resets_leaves(name, synchronous):
    mode = AutoresetMode.SAME_STEP
    made = (
        SyncVectorEnv([lambda: gymnasium.make(name, **FLAT)] * 3, autoreset_mode=mode)
        if synchronous
        else gymnasium.make_vec(name, num_envs=3, autoreset_mode=mode, **FLAT)
    )
    env = GymWrapper(made)
    env.set_seed(0)
    rollout = env.rollout(10, break_when_any_done=False)
    done = rollout["next", "done"][..., 0]
    assert done.sum() == 3 * (10 // 4)
    # What an episode ended with, and not what the next began with.
    equity, reward = rollout["next", "equity"], rollout["next", "reward"][..., 0]
    paid = (equity / rollout["equity"]).log()
    assert paid[~done].allclose(reward[~done].double(), atol=1e-6)
    assert rollout["next", "cost_commission"].shape == (3, 10)
    seen, ended = rollout["observation"], rollout["next", "observation"]
    assert (seen[:, 1:][~done[:, :-1]] == ended[:, :-1][~done[:, :-1]]).all()
    assert (seen[:, 1:][done[:, :-1]] != ended[:, :-1][done[:, :-1]]).any(-1).all()


def test_infos_of_a_single_environment_are_registered_by_torchrl():
    env = GymEnv(SINGLE, **FLAT).auto_register_info_dict()
    rollout = env.rollout(10, break_when_any_done=False)
    assert rollout["next", "equity"].shape == (10,)
    assert (rollout["next", "time"] > rollout["time"]).all()


@pytest.mark.parametrize("mode", [None, "SameStep", "Disabled"])
def test_collector_of_torchrl_collects_from_episodes_in_a_row(mode):
    env = (
        GymEnv(SINGLE, episode_length=4)
        if mode is None
        else GymWrapper(gymnasium.make_vec(SINGLE, num_envs=3, autoreset_mode=mode, **FLAT))
    )
    policy = RandomPolicy(env.action_spec)
    collector = Collector(env, policy, frames_per_batch=30, total_frames=60)
    batches = list(collector)
    collector.shutdown()
    assert [batch.numel() for batch in batches] == [30, 30]
    assert sum(int(batch["next", "done"].sum()) for batch in batches) >= 12
