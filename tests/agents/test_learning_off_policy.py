"""The off-policy agents reach what can be earned on markets whose optimum is known.

The default configurations, with less training than their presets ask for, and fewer accounts; the
thresholds leave room for what several seeds have missed.
"""

import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.evaluation.optimality import score
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import read_preset

pytestmark = pytest.mark.slow


def reached(env, algorithm, steps, seed=0, **settings):
    task = Task.build(resolve_env(env, {"synthetic": {"seed": seed + 1}}))
    config = parse_agent({"algorithm": algorithm, **settings}, "test")
    agent = make_agent(config, task, torch.Generator().manual_seed(seed))
    agent.learn(steps, lambda *_: True)
    return score(agent.policy(), task, truth_of(task))


# Fewer accounts and smaller batches than the default, so that there are as many updates in less
# time.
FEW = {"n_envs": 64, "batch_size": 1024, "learning_starts": 2048}
SOME = {"n_envs": 256, "batch_size": 1024, "learning_starts": 8192, "learning_rate": 2e-3}


@pytest.mark.parametrize(("algorithm", "settings"), [("dqn", {}), ("sac", SOME)])
def test_a_no_trade_band_is_found(algorithm, settings):
    assert reached("ar1-cost", algorithm, 250_000, **settings).share > 0.9


@pytest.mark.parametrize(("algorithm", "settings"), [("dqn", {}), ("sac", SOME)])
def test_tomorrows_return_is_found(algorithm, settings):
    assert reached("leaked-future", algorithm, 150_000, **settings).share > 0.97


def test_noise_is_not_traded():
    found = reached("martingale", "dqn", 250_000)
    assert abs(found.value) <= 0.002


@pytest.mark.parametrize(
    ("algorithm", "steps", "settings"),
    [("ddpg", 60_000, FEW), ("td3", 80_000, FEW), ("sac", 300_000, SOME)],
)
def test_trading_is_smooth_where_it_costs(algorithm, steps, settings):
    assert reached("garleanu-pedersen", algorithm, steps, **settings).share > 0.85


def test_a_recurrent_network_remembers_the_regime():
    # The best that the last return alone can do is 0.57.
    network = {"encoder": "gru", "memory": "history", "units": 32, "initialisation": "uniform"}
    found = reached("hidden-regime", "dqn", 120_000, network=network, sequence_length=32)
    assert found.share > 0.85


@pytest.mark.parametrize("name", ["dqn", "ddpg", "td3", "sac"])
def test_a_preset_says_what_is_the_default(name):
    values, where = read_preset("agents", name)
    values = {key: value for key, value in values.items() if key not in ("training", "description")}
    assert parse_agent(values, where) == parse_agent({"algorithm": name}, "test")
