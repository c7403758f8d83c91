"""Algorithms of stable-baselines3 and sb3-contrib through the adapter."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.agents.sb3 import SB3Policy
from drltrade.backtesting.engine import decide
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.training.checkpoint import load_weights, save_weights

HYPERPARAMETERS = {
    "sb3:PPO": {"n_steps": 32, "batch_size": 32, "n_epochs": 2},
    "sb3:DQN": {"learning_starts": 50, "batch_size": 16, "buffer_size": 500},
    "sb3:RecurrentPPO": {
        "n_steps": 32,
        "batch_size": 32,
        "n_epochs": 2,
        "policy_kwargs": {"lstm_hidden_size": 8},
    },
    "sb3:SAC": {"learning_starts": 20, "batch_size": 16, "buffer_size": 500},
}


def build(task, name, seed=0, **more):
    values = {"algorithm": name, "n_envs": 2, "hyperparameters": HYPERPARAMETERS[name]}
    config = parse_agent(values | more, "test")
    return make_agent(config, task, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def continuous(make_task, make_random_bars):
    return make_task(make_random_bars(), position_range=[-1, 1])


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_it_trains_and_comes_back_from_disk_with_the_same_actions(task, continuous, tmp_path, name):
    market = continuous if name == "sb3:SAC" else task
    agent = build(market, name)
    before = {key: value.clone() for key, value in agent.weights().items()}
    reached = []
    agent.learn(150, lambda steps, *_: reached.append(steps) or True)
    assert reached[-1] >= 150
    assert any(not torch.equal(value, before[key]) for key, value in agent.weights().items())
    save_weights(tmp_path / "weights.pt", agent.weights())
    other = build(market, name, seed=5)
    env = TradingEnv(market, period="test")
    targets, growth = decide(agent.policy(), env)
    other.load_weights(load_weights(tmp_path / "weights.pt", torch.device("cpu")))
    again, same_growth = decide(other.policy(), env)
    np.testing.assert_array_equal(targets, again)
    assert growth == same_growth
    assert np.isfinite(targets).all()


def test_the_state_of_a_recurrent_policy_goes_on_and_starts_anew(task):
    agent = build(task, "sb3:RecurrentPPO")
    policy, (observation, _) = agent.policy(), TradingEnv(task).reset(seed=0)
    action, state = policy.act(observation)
    _, later = policy.act(observation, state)
    assert any(not np.array_equal(a, b) for a, b in zip(state, later, strict=True))
    again, fresh = policy.act(observation, None)
    assert action == again
    assert all(np.array_equal(a, b) for a, b in zip(state, fresh, strict=True))


def test_actions_in_the_unit_box_come_back_as_weights(make_task, make_random_bars):
    market = make_task(make_random_bars(), position_range=[0.5, 2])
    agent, (observation, _) = build(market, "sb3:PPO"), TradingEnv(market).reset(seed=0)
    assert (agent.model.action_space.low, agent.model.action_space.high) == (-1, 1)
    policy = agent.policy()
    for bias, weight in ((0.0, 1.25), (0.5, 1.625), (-9.0, 0.5), (9.0, 2.0)):
        with torch.no_grad():
            agent.model.policy.action_net.weight.zero_()
            agent.model.policy.action_net.bias.fill_(bias)
        assert policy.act(observation)[0] == pytest.approx(weight)
    targets, _ = decide(policy, TradingEnv(market, period="test"))
    assert set(targets[:, 0]) == {2.0}


def test_a_model_of_another_environment_acts_as_it_says(make_task, make_random_bars):
    env = TradingEnv(make_task(make_random_bars(), position_range=[0.5, 2]))
    model, (observation, _) = PPO("MlpPolicy", env, n_steps=8, batch_size=8), env.reset(seed=0)
    policy = SB3Policy(model, env.action_space)
    assert policy.act(observation)[0] == model.predict(observation, deterministic=True)[0]


def test_a_model_that_comes_from_a_file_acts_in_the_space_it_learned_in(
    make_task, make_random_bars, tmp_path
):
    market = make_task(make_random_bars(), position_range=[0.5, 2])
    agent, (observation, _) = build(market, "sb3:PPO"), TradingEnv(market).reset(seed=0)
    agent.model.save(tmp_path / "model.zip")
    policy = SB3Policy(PPO.load(tmp_path / "model.zip"), TradingEnv(market).action_space)
    assert policy.act(observation)[0] == agent.policy().act(observation)[0] > 1.0


def test_the_same_seed_gives_the_same_weights(task):
    def weights(seed):
        agent = build(task, "sb3:PPO", seed)
        agent.learn(64, lambda *_: True)
        return agent.weights()

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_the_end_is_reported_once_and_after_the_last_update(task):
    # 100 steps are asked for; whole rollouts of 64 make it 128.
    agent = build(task, "sb3:PPO")
    agent.report_every, reports = 20, []
    agent.learn(100, lambda steps, *_: reports.append((steps, weight(agent))) or True)
    assert [steps for steps, _ in reports] == [20, 40, 60, 80, 128]
    assert reports[-1][1] == weight(agent)


def weight(agent):
    return float(agent.weights()["action_net.weight"].detach().sum())


def test_a_false_answer_stops_it(task):
    agent = build(task, "sb3:PPO")
    agent.report_every, reports = 20, []
    agent.learn(10_000, lambda steps, *_: reports.append(steps) or len(reports) < 3)
    assert reports == [20, 40, 60]


def test_rewards_are_reported_as_they_are_and_learned_from_scaled(task):
    seen = {}
    for scaled in (True, False):
        agent = build(task, "sb3:PPO", normalize_reward=scaled)
        reports = []
        agent.report_every = 32
        agent.learn(32, lambda steps, figures, _, out=reports: out.append(figures) or True)
        seen[scaled] = reports[0]["reward"]
        seen[scaled, "scale"] = float(np.abs(agent.model.rollout_buffer.rewards).mean())
    assert seen[True] == pytest.approx(seen[False], rel=1e-4)
    assert seen[True, "scale"] > 10 * seen[False, "scale"]


def test_an_unknown_algorithm_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        parse_agent({"algorithm": "sb3:PPOO"}, "test")
    text = str(caught.value)
    assert "'sb3:PPOO' is unknown" in text
    for known in ("PPO", "DQN", "SAC", "RecurrentPPO", "TQC", "QRDQN"):
        assert known in text
    assert "HerReplayBuffer" not in text


def test_an_unknown_keyword_is_named(task):
    with pytest.raises(ConfigError, match=r"sb3:PPO: .*unexpected keyword argument 'n_step'"):
        build(task, "sb3:PPO", hyperparameters={"n_step": 32})


def test_an_unsupported_action_space_is_explained(task, continuous):
    with pytest.raises(ConfigError, match=r"sb3:SAC: .*Discrete\(4\) was provided"):
        build(task, "sb3:SAC")
    with pytest.raises(ConfigError, match=r"sb3:DQN: .*Box\(.* was provided"):
        build(continuous, "sb3:DQN")
