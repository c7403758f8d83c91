"""dqn and ppo: their policies, their determinism, what they refuse."""

import numpy as np
import pytest
import torch

from drltrade.agents.agent import PriceTakerPolicy
from drltrade.agents.registry import make_agent, parse_agent, resolve_device
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, DeviceError

SMALL = {
    "dqn": {
        "n_envs": 8,
        "learning_starts": 64,
        "batch_size": 32,
        "buffer_size": 400,
        "gradient_steps": 2,
    },
    "ppo": {"n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 2},
}
CASES = [(name, encoder) for name in SMALL for encoder in ("mlp", "lstm")]


def build(task, name, seed=0, encoder="mlp", **more):
    network = {"encoder": encoder, "units": 8, "hidden": [16, 16]}
    config = parse_agent({"algorithm": name, "network": network, **SMALL[name], **more}, "test")
    return make_agent(config, task, torch.Generator().manual_seed(seed))


def trained(task, name, seed=0, steps=600, **more):
    agent = build(task, name, seed, **more)
    agent.learn(steps, lambda *_: True)
    return agent


@pytest.fixture(scope="module")
def continuous(make_task, make_random_bars):
    return make_task(make_random_bars(), position_range=[-1, 1])


def observations(task, count=30):
    env = TradingEnv(task, period="test")
    env.action_space.seed(0)
    seen = [env.reset(seed=0)[0]]
    return seen + [env.step(env.action_space.sample())[0] for _ in range(count - 1)]


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(task, name, encoder):
    one, same, other = (trained(task, name, seed, encoder=encoder).weights() for seed in (3, 3, 4))
    assert list(one) == list(same)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if "weight" in key)


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_learning_changes_every_weight_and_leaves_them_finite(task, name, encoder):
    before = {k: v.clone() for k, v in build(task, name, encoder=encoder).weights().items()}
    after = trained(task, name, encoder=encoder).weights()
    for key, value in after.items():
        assert value.isfinite().all(), key
        assert not torch.equal(value, before[key]), key


@pytest.mark.parametrize(("name", "encoder"), CASES)
def test_weights_restore_the_policy(task, name, encoder):
    agent = trained(task, name, encoder=encoder)
    other = build(task, name, seed=9, encoder=encoder)
    seen = observations(task)
    actions = [agent.policy().act(observation)[0] for observation in seen]
    assert actions != [other.policy().act(observation)[0] for observation in seen]
    other.load_weights({key: value.clone() for key, value in agent.weights().items()})
    assert actions == [other.policy().act(observation)[0] for observation in seen]


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_weights_restore_a_continuous_policy(continuous, encoder):
    agent = trained(continuous, "ppo", encoder=encoder)
    other = build(continuous, "ppo", seed=9, encoder=encoder)
    other.load_weights({key: value.clone() for key, value in agent.weights().items()})
    for observation in observations(continuous):
        action = agent.policy().act(observation)[0]
        np.testing.assert_array_equal(action, other.policy().act(observation)[0])
    assert "head.log_std" in agent.weights()


@pytest.mark.parametrize("name", ["dqn", "ppo", "continuous ppo"])
@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_acting_is_encoding_and_deciding(task, continuous, name, encoder):
    market = continuous if name == "continuous ppo" else task
    policy = trained(market, name.split()[-1], encoder=encoder).policy()
    env = TradingEnv(market)
    assert isinstance(policy, PriceTakerPolicy)
    for observation in observations(market):
        window = torch.from_numpy(observation[:-4]).reshape(1, *market.observation_size)
        account = torch.from_numpy(observation[None, -4:])
        action, state = policy.act(observation, "state")
        assert state == "state"
        assert env.action_space.contains(np.int64(action) if name != "continuous ppo" else action)
        np.testing.assert_array_equal(action, policy.decide(policy.encode(window), account)[0])


@pytest.mark.parametrize(
    "options", [{"double": False}, {"dueling": False}, {"n_step": 1}, {"normalize_reward": False}]
)
def test_each_option_of_dqn_matters(task, options):
    usual = {"double": True, "dueling": True, "n_step": 3, "normalize_reward": True}
    plain, other = (trained(task, "dqn", **usual | more).weights() for more in ({}, options))
    assert not torch.equal(plain["encoder.linear.weight"], other["encoder.linear.weight"])


def test_dqn_refuses_a_continuous_action(continuous):
    with pytest.raises(ConfigError, match=r"position_range = \[-1\.0, 1\.0\]: set positions"):
        build(continuous, "dqn")


def test_dqn_explores_less_and_less(task):
    agent = build(task, "dqn", exploration_fraction=0.5, exploration_final_eps=0.1)
    epsilons = []
    agent.report_every = 1
    agent.learn(800, lambda steps, figures, _: epsilons.append((steps, figures["epsilon"])) or True)
    for steps, epsilon in epsilons:
        assert epsilon == pytest.approx(0.1 + 0.9 * max(0, 1 - steps / 400), rel=1e-12)
    assert len(epsilons) == 100


@pytest.mark.parametrize("name", SMALL)
def test_a_false_answer_stops_the_agent(task, name):
    calls = []
    agent = build(task, name)
    agent.report_every = 10 if name == "dqn" else 1
    agent.learn(10_000, lambda steps, *_: calls.append(steps) or len(calls) < 2)
    assert calls == ([80, 160] if name == "dqn" else [128, 256])


@pytest.mark.parametrize("name", SMALL)
def test_reports_carry_finite_figures(task, name):
    reports = []
    build(task, name).learn(600, lambda steps, figures, _: reports.append((steps, figures)) or True)
    assert reports[-1][0] >= 600
    for _, figures in reports:
        assert "reward" in figures
        assert np.isfinite(list(figures.values())).all()


def test_ppo_takes_a_last_minibatch_of_one(task):
    weights = trained(task, "ppo", n_envs=1, twins=1, n_steps=33, batch_size=16, steps=66).weights()
    assert all(value.isfinite().all() for value in weights.values())


def test_ppo_lets_the_learning_rate_fall(task):
    rates = []
    agent = build(task, "ppo", learning_rate=1e-3)
    optimizer = agent._optimization._optimizer
    agent.learn(512, lambda *_: rates.append(optimizer.param_groups[0]["lr"]) or True)
    assert rates == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3], rel=1e-12)


BAD = {
    "unknown algorithm": (
        {"algorithm": "pppo"},
        "algorithm 'pppo' is unknown; did you mean 'ppo'? (allowed: dqn, ddpg, td3, sac,",
    ),
    "no algorithm": ({}, "key 'algorithm' is missing (one of dqn, ddpg, td3,"),
    "unknown key": (
        {"algorithm": "ppo", "learning_rat": 1},
        "key 'learning_rat' is unknown; did you mean 'learning_rate'?",
    ),
    "another's key": ({"algorithm": "ppo", "double": True}, "key 'double' is unknown"),
    "wrong type": ({"algorithm": "dqn", "n_step": "three"}, "key 'n_step' = 'three': input should"),
    "out of range": ({"algorithm": "dqn", "gamma": 1.0}, "key 'gamma' = 1.0: input should be less"),
    "no layer": (
        {"algorithm": "dqn", "network": {"hidden": []}},
        "key 'network.hidden' = []: tuple should have at least 1 item",
    ),
    "unknown encoder": (
        {"algorithm": "ppo", "network": {"encoder": "rnn"}},
        "key 'network.encoder' = 'rnn': input should be 'mlp', 'cnn', 'lstm'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_hyperparameters_are_explained(case):
    values, text = BAD[case]
    with pytest.raises(ConfigError) as caught:
        parse_agent(values, "agents/x.toml")
    assert str(caught.value).startswith("agents/x.toml: ")
    assert text in str(caught.value)


def test_devices(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device 'gpu' is unknown; allowed: auto, cpu, cuda"):
        resolve_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(DeviceError, match=r"'cuda' was asked for, but torch .* sees no GPU"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda")
