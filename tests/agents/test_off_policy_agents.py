"""dqn, ddpg, td3 and sac: what they have in common, what each option changes, what they refuse."""

import numpy as np
import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, TrainingError
from drltrade.settings import parse

SMALL = {
    "n_envs": 8, "learning_starts": 64, "batch_size": 32, "buffer_size": 400, "gradient_steps": 2,
}  # fmt: skip
RECURRENT = {"sequence_length": 8, "burn_in": 5}
NAMES = ("dqn", "ddpg", "td3", "sac", "discrete sac")


@pytest.fixture(scope="module")
def markets(make_task, make_random_bars, task):
    values = {"kind": "portfolio", "window": 3, "features": ["log_return(1)"]}
    portfolio = Task.build(parse(PortfolioConfig, values | {"episode_length": 20}, "test"))
    long_only = Task.build(parse(PortfolioConfig, values | {"long_only": True}, "test"))
    continuous = make_task(make_random_bars(), position_range=[-1, 2])
    return {
        "listed": task, "range": continuous, "portfolio": portfolio, "long only": long_only
    }  # fmt: skip


def market_of(markets, name):
    return markets["listed" if name in ("dqn", "discrete sac") else "range"]


def build(task, name, seed=0, encoder="mlp", memory="window", **more):
    network = {"encoder": encoder, "memory": memory, "units": 8, "hidden": [16, 16]}
    extra = dict(RECURRENT) if memory == "history" else {}
    if name in ("ddpg", "td3"):
        extra["actor_starts"] = 0
    values = {"algorithm": name.split()[-1], "network": network, **SMALL, **extra, **more}
    return make_agent(parse_agent(values, "test"), task, torch.Generator().manual_seed(seed))


def trained(task, name, seed=0, steps=400, **more):
    agent = build(task, name, seed, **more)
    agent.learn(steps, lambda *_: True)
    return agent


CASES = [(name, *kind) for name in NAMES for kind in (("mlp", "window"), ("gru", "history"))]


@pytest.mark.parametrize(("name", "encoder", "memory"), CASES)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(markets, name, encoder, memory):
    task = market_of(markets, name)
    one, same, other = (
        trained(task, name, seed, encoder=encoder, memory=memory).weights() for seed in (3, 3, 4)
    )
    assert list(one) == list(same)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if "weight" in key)


@pytest.mark.parametrize(("name", "encoder", "memory"), CASES)
def test_learning_changes_every_weight_and_leaves_them_finite(markets, name, encoder, memory):
    task = market_of(markets, name)
    kind = {"encoder": encoder, "memory": memory}
    before = {k: v.clone() for k, v in build(task, name, **kind).weights().items()}
    for key, value in trained(task, name, **kind).weights().items():
        assert value.isfinite().all(), key
        assert not torch.equal(value, before[key]), key


@pytest.mark.parametrize(("name", "encoder", "memory"), CASES)
def test_acting_along_an_episode_is_encoding_and_deciding(markets, name, encoder, memory):
    task = market_of(markets, name)
    agent = trained(task, name, encoder=encoder, memory=memory)
    policy, env = agent.policy(), TradingEnv(task, period="test")
    observation, _ = env.reset(seed=0)
    seen, actions, state = [], [], None
    for _ in range(30):
        action, state = policy.act(observation, state)
        assert env.action_space.contains(np.int64(action) if np.ndim(action) == 0 else action)
        seen.append(torch.from_numpy(observation.copy()))
        actions.append(action)
        observation, *_ = env.step(action)
    rows = torch.stack(seen)
    embeddings = policy.encode(rows[:, :-4].reshape(30, *task.observation_size))
    decided = policy.decide(embeddings, rows[:, -4:]).numpy()
    np.testing.assert_allclose(decided, np.array(actions), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_weights_restore_the_policy(markets, name):
    task = market_of(markets, name)
    agent, other = trained(task, name), build(task, name, seed=9)
    other.load_weights({key: value.clone() for key, value in agent.weights().items()})
    env = TradingEnv(task, period="test")
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for _ in range(20):
        np.testing.assert_array_equal(
            agent.policy().act(observation)[0], other.policy().act(observation)[0]
        )
        observation, *_ = env.step(env.action_space.sample())


@pytest.mark.parametrize("which", ["portfolio", "long only"])
@pytest.mark.parametrize("name", ["ddpg", "td3", "sac"])
@pytest.mark.parametrize("kind", [("mlp", "window"), ("gru", "history")])
def test_portfolios_are_traded_within_their_limits(markets, name, which, kind):
    task = markets[which]
    agent = trained(task, name, encoder=kind[0], memory=kind[1])
    env = PortfolioEnv(task, period="test")
    observation, _ = env.reset(seed=0)
    state = None
    for _ in range(10):
        action, state = agent.policy().act(observation, state)
        assert env.action_space.contains(action)
        assert np.abs(action).sum() <= task.config.gross_limit * (1 + 1e-6)
        if which == "long only":
            assert (action >= 0).all()
        observation, *_ = env.step(action)
    assert all(value.isfinite().all() for value in agent.weights().values())


OPTIONS = {
    "double": {"double": False}, "dueling": {"dueling": False}, "n_step": {"n_step": 3},
    "prioritized": {"prioritized": True}, "quantile": {"quantiles": 5},
    "risk": {"quantiles": 5, "risk_level": 0.3}, "noisy": {"noisy": True},
    "loss": {"loss": "huber"}, "relative": {"relative": False}, "tau": {"tau": 1.0},
    "normalize_reward": {"normalize_reward": False}, "bfloat16": {"precision": "bfloat16"},
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("memory", ["window", "history"])
def test_each_option_of_dqn_matters(task, option, memory):
    plain = {"double": True, "dueling": True, "n_step": 1, "loss": "squared"}
    kind = {"encoder": "gru" if memory == "history" else "mlp", "memory": memory}
    one = trained(task, "dqn", **plain, **kind).weights()
    other = trained(task, "dqn", **plain | OPTIONS[option], **kind).weights()
    key = next(key for key in one if key.startswith("encoder") and key.endswith("linear.weight"))
    assert not torch.equal(one[key], other[key])
    assert all(value.isfinite().all() for value in other.values())


def test_all_options_of_dqn_work_together(task):
    together = {"prioritized": True, "quantiles": 5, "noisy": True, "n_step": 3}
    agent = trained(task, "dqn", encoder="lstm", memory="history", **together)
    assert all(value.isfinite().all() for value in agent.weights().values())


def test_a_risk_averse_choice_is_by_the_worst_outcomes(task):
    agent = build(task, "dqn", quantiles=4, risk_level=0.5)
    # Means 2.5 and 3; worst halves 1.5 and 0.
    values = torch.tensor([[[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 5.0, 7.0]]])
    assert agent._worth(values).tolist() == [[1.5, 0.0]]


def test_noise_explores_and_the_policy_is_without(task):
    agent = build(task, "dqn", noisy=True)
    agent.learn(160, lambda *_: True)
    policy = agent.policy()
    account = torch.zeros(1, 4)
    embedding = policy.encode(torch.zeros(1, *task.observation_size))
    first = agent.network.values(embedding, account)
    agent.learn(320, lambda *_: True)
    agent._act(0.5)
    assert not agent.network.training
    assert torch.equal(policy.decide(embedding, account), policy.decide(embedding, account))
    assert not torch.equal(first, agent.network.values(embedding, account))
    figures = []
    build(task, "dqn", noisy=True).learn(160, lambda _, told, __: figures.append(told) or True)
    assert "epsilon" not in figures[-1]


@pytest.mark.parametrize("name", ["ddpg", "td3"])
def test_accounts_try_deviations_of_their_own(markets, name):
    agent = build(markets["range"], name, exploration_noise=[0.01, 0.16], n_envs=5, twins=1)
    expected = torch.tensor([[0.01], [0.02], [0.04], [0.08], [0.16]])
    torch.testing.assert_close(agent._deviations, expected)


def test_td3_moves_its_actor_less_often(markets):
    agent = build(markets["range"], "td3", policy_delay=3)
    agent.learn(400, lambda *_: True)
    critics, actors = agent._critic_optimization.steps, agent._actor_optimization.steps
    assert critics == 2 * (400 - 64 + 8) // 8
    assert actors == critics // 3


def test_the_temperature_of_sac_follows_its_entropy_or_stays(markets):
    told = []
    agent = build(markets["listed"], "sac", learn_temperature=False, initial_temperature=0.3)
    agent.learn(400, lambda _, figures, __: told.append(figures) or True)
    assert told[-1]["temperature"] == pytest.approx(0.3, rel=1e-6)
    agents = [trained(markets["listed"], "sac", target_entropy=e) for e in (0.0, 5.0)]
    low, high = (float(agent._log_temperature.detach()) for agent in agents)
    assert low < np.log(0.1) < high


@pytest.mark.parametrize("name", NAMES)
def test_reports_and_stops(markets, name):
    agent, reports = build(market_of(markets, name), name), []
    agent.report_every = 10
    agent.learn(10_000, lambda steps, told, _: reports.append((steps, told)) or len(reports) < 3)
    assert [steps for steps, _ in reports] == [80, 160, 240]
    assert all(np.isfinite(list(told.values())).all() for _, told in reports)
    assert any("loss" in key for key in reports[-1][1])


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_that_is_no_number_names_the_step(markets, name):
    agent = build(market_of(markets, name), name)
    weights = {key: torch.full_like(value, torch.nan) for key, value in agent.weights().items()}
    agent.load_weights(weights)
    with pytest.raises(TrainingError, match="not finite at gradient step 1"):
        agent.learn(400, lambda *_: True)


def test_actions_that_do_not_fit_are_refused(markets):
    with pytest.raises(ConfigError, match=r"portfolio of 4: take ddpg, td3, sac, ppo or exo_dqn"):
        build(markets["portfolio"], "dqn")
    with pytest.raises(ConfigError, match=r"position_range = \[-1\.0, 2\.0\]: set positions"):
        build(markets["range"], "dqn")
    for name in ("ddpg", "td3"):
        with pytest.raises(ConfigError, match=rf"^{name} chooses weights from a range, .*take dqn"):
            build(markets["listed"], name)


@pytest.mark.parametrize("name", ["ddpg", "td3", "sac"])
def test_twins_that_do_not_fit_are_refused(markets, name):
    with pytest.raises(ConfigError, match="n_envs = 8 is not a multiple of twins = 3"):
        build(market_of(markets, name), name, twins=3)
    with pytest.raises(ConfigError, match="batch_size = 2 does not hold what twins = 4 accounts"):
        build(market_of(markets, name), name, twins=4, batch_size=2)


@pytest.mark.parametrize("name", ["dqn", "ddpg", "td3", "sac"])
def test_a_batch_larger_than_the_buffer_is_refused(markets, name):
    with pytest.raises(ConfigError, match="batch_size = 512 is larger than the buffer"):
        build(market_of(markets, name), name, batch_size=512)
