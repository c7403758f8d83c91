"""reinforce, a2c and ppo: windows and histories, what they learn, what they refuse."""

import numpy as np
import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent, restore
from drltrade.backtesting.engine import decide
from drltrade.envs.optimum import truth_of
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.evaluation.optimality import score
from drltrade.experiment.env_presets import resolve_env

SMALL = {
    "reinforce": {"n_envs": 8, "n_steps": 16},
    "a2c": {"n_envs": 8, "n_steps": 16},
    "ppo": {"n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 2},
}
HISTORY = {"encoder": "lstm", "memory": "history", "units": 8, "hidden": [8]}


def build(task, name, seed=0, **more):
    config = parse_agent({"algorithm": name, **SMALL[name], **more}, "test")
    return make_agent(config, task, torch.Generator().manual_seed(seed))


def learned(task, name, seed=0, steps=512, **more):
    agent = build(task, name, seed, **more)
    agent.learn(steps, lambda *_: True)
    return agent


@pytest.fixture(scope="module")
def market(make_task, make_random_bars) -> Task:
    return make_task(make_random_bars(length=600), positions=[-1, 0, 1])


@pytest.mark.parametrize("network", [{"hidden": [8]}, HISTORY], ids=["window", "history"])
@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(market, name, network):
    one, same, other = (learned(market, name, seed, network=network) for seed in (1, 1, 2))
    one, same, other = one.weights(), same.weights(), other.weights()
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one if "weight" in key)
    assert all(tensor.isfinite().all() for tensor in one.values())


@pytest.mark.parametrize("encoder", ["lstm", "gru", "transformer", "cnn"])
@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_acting_with_a_state_is_encoding_the_whole_history(market, name, encoder):
    network = {**HISTORY, "encoder": encoder, "heads": 2, "context": 8}
    more = {"sequence_length": 8} if name == "dqn" else SMALL["ppo"]
    config = parse_agent({"algorithm": name, "network": network, **more}, "test")
    policy = make_agent(config, market, torch.Generator().manual_seed(0)).policy()
    env, state, accounts, actions = TradingEnv(market, period="test"), None, [], []
    observation, _ = env.reset(seed=0)
    first = env.episode.first_row
    for _ in range(40):
        action, state = policy.act(observation, state)
        accounts.append(observation[-4:])
        actions.append(action)
        observation, *_ = env.step(action)
    features = torch.from_numpy(market.market.features)
    windows = features.unfold(0, market.config.window, 1).mT[first - market.config.window + 1 :]
    embeddings = policy.encode(windows[:40])
    decided = policy.decide(embeddings, torch.from_numpy(np.stack(accounts)))
    assert decided.tolist() == actions


@pytest.mark.parametrize("baseline", ["none", "learned"])
def test_without_a_baseline_reinforce_leaves_the_critic_alone(market, baseline):
    before = {key: value.clone() for key, value in build(market, "reinforce").weights().items()}
    after = learned(market, "reinforce", baseline=baseline).weights()
    moved = not torch.equal(before["critic.head.weight"], after["critic.head.weight"])
    assert moved == (baseline == "learned")


@pytest.mark.parametrize("weights_head", ["gaussian", "softmax", "dirichlet"])
@pytest.mark.parametrize("cross_asset", [False, True])
def test_portfolios_have_weights_within_their_bounds(weights_head, cross_asset):
    config = resolve_env(
        "us5-portfolio", {"features": ["log_return(1)"], "window": 3, "long_only": True}
    )
    task = Task.build(config)
    network = {"hidden": [8], "units": 8, "heads": 2, "cross_asset": cross_asset}
    agent = learned(task, "ppo", network=network, weights_head=weights_head)
    orders, growth = decide(agent.policy(), PortfolioEnv(task, period="validation"))
    assert np.isfinite(growth)
    weights = orders[:, :4]
    assert weights.min() >= -1e-6
    assert weights.sum(1).max() <= 1.0 + 1e-6


def test_a_long_only_head_refuses_to_sell_short():
    task = Task.build(resolve_env("us5-portfolio", {"features": ["log_return(1)"], "window": 3}))
    with pytest.raises(ConfigError, match=r"weights_head = 'dirichlet' .* set long_only, or"):
        build(task, "ppo", weights_head="dirichlet")


def test_a_batch_larger_than_a_rollout_is_refused():
    with pytest.raises(ConfigError, match="batch_size = 4096 is larger than a rollout of n_envs"):
        parse_agent({"algorithm": "ppo", "n_envs": 8, "n_steps": 16}, "test")


def test_twins_come_whole():
    with pytest.raises(ConfigError, match="n_envs = 9 is not a multiple of twins = 2"):
        parse_agent({"algorithm": "a2c", "n_envs": 9}, "test")


@pytest.mark.parametrize("network", [{"hidden": [8]}, HISTORY], ids=["window", "history"])
def test_twins_share_what_is_encoded(market, network):
    agent = build(market, "ppo", network=network, twins=4)
    rollout, _ = agent._collector.collect()
    flat = type(rollout)(*(field.flatten(0, 1) for field in rollout))
    seen = []
    for batch in agent._collector.batches(rollout, 64):
        judged = agent._judged(flat, batch)
        torch.testing.assert_close(judged.value, flat.value[batch.steps])
        torch.testing.assert_close(judged.log_probability, flat.log_probability[batch.steps])
        seen.append(batch.steps)
    assert torch.cat(seen).sort().values.tolist() == list(range(8 * 16))
    assert len(seen) == 2


@pytest.mark.parametrize(("positions", "weight"), [({}, 0.05), ({"position_range": [0, 1]}, 0.0)])
def test_entropy_is_sought_where_positions_are_listed(
    make_task, make_random_bars, positions, weight
):
    task = make_task(make_random_bars(length=600), **positions)
    assert build(task, "a2c").network.entropy_weight(0.5) == weight
    assert build(task, "a2c", ent_coef=0.4).network.entropy_weight(0.5) == 0.2


def test_a_history_longer_than_the_data_is_refused(market):
    with pytest.raises(ConfigError, match="lower sequence_length or burn_in"):
        build(market, "ppo", network=HISTORY, burn_in=1000)


def test_weights_of_another_network_are_refused(market):
    agent = build(market, "ppo")
    other = build(market, "ppo", network={"hidden": [5]}).weights()
    before = {key: value.clone() for key, value in agent.weights().items()}
    with pytest.raises(ConfigError, match=r"best.pt holds the weights of another network or mark"):
        restore(agent, other, "best.pt")
    assert all(torch.equal(before[key], value) for key, value in agent.weights().items())
    restore(agent, learned(market, "ppo").weights(), "best.pt")


def test_bfloat16_learns_the_same_way(market):
    single, half = (
        learned(market, "ppo", steps=256, precision=precision, learning_rate=1e-4).weights()
        for precision in ("float32", "bfloat16")
    )
    assert all(tensor.dtype == torch.float32 for tensor in half.values() if tensor.dim() == 2)
    for key, tensor in single.items():
        torch.testing.assert_close(half[key], tensor, rtol=0, atol=0.01)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(market):
    plain, compiled = (
        learned(market, "ppo", steps=256, compile=mode).weights() for mode in ("none", "default")
    )
    for key, tensor in plain.items():
        torch.testing.assert_close(compiled[key], tensor, rtol=1e-3, atol=1e-4)


def rung(name, **settings) -> Task:
    synthetic = {"bars": 100_000, "validation_bars": 100, "test_bars": 100_000, "seed": 1}
    return Task.build(resolve_env(name, {"synthetic": synthetic, **settings}))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("reinforce", 8e5), ("a2c", 8e5), ("ppo", 4e5)])
@pytest.mark.parametrize(("env", "least"), [("ar1-cost", 0.85), ("leaked-future", 0.95)])
def test_they_come_near_the_optimum(name, steps, env, least):
    task = rung(env)
    config = parse_agent({"algorithm": name}, "test")
    agent = make_agent(config, task, torch.Generator().manual_seed(0))
    agent.learn(int(steps), lambda *_: True)
    assert score(agent.policy(), task, truth_of(task)).share > least


@pytest.mark.slow
def test_with_memory_ppo_finds_the_hidden_regime():
    # More than any policy on the last return (0.57) or on the last five (0.89) can earn.
    task = rung("hidden-regime")
    network = {"encoder": "lstm", "memory": "history", "units": 32, "hidden": [32, 32]}
    config = parse_agent({"algorithm": "ppo", "network": network}, "test")
    agent = make_agent(config, task, torch.Generator().manual_seed(0))
    agent.learn(1_500_000, lambda *_: True)
    assert score(agent.policy(), task, truth_of(task)).share > 0.9
