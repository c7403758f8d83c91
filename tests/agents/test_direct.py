"""direct: the band it moves to, what it learns, what it refuses."""

import numpy as np
import pytest
import torch

from drltrade.agents.direct import BandValues, Direct, DirectConfig
from drltrade.agents.registry import parse_agent
from drltrade.backtesting.engine import decide
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.evaluation.optimality import score
from drltrade.experiment.env_presets import resolve_env

RANGE = {"positions": None, "position_range": [-1, 1]}


def configured(**values) -> DirectConfig:
    config = parse_agent({"algorithm": "direct", "batch_size": 2048, **values}, "test")
    assert isinstance(config, DirectConfig)
    return config


def learned(task, steps=20_480, seed=0, **values) -> Direct:
    agent = Direct(configured(**values), task, torch.Generator().manual_seed(seed))
    agent.learn(steps, lambda *_: True)
    return agent


def rung(name, **overrides) -> Task:
    synthetic = {"bars": 100_000, "validation_bars": 100, "test_bars": 100_000, "seed": 1}
    return Task.build(resolve_env(name, {"synthetic": synthetic, **overrides}))


@pytest.fixture(scope="module")
def market(make_task, make_random_bars) -> Task:
    return make_task(make_random_bars(), costs={"commission_bps": 5.0}, position_range=[-1, 1])


def test_a_weight_moves_to_its_band_at_the_rate(market):
    network = BandValues(configured().network, market)
    weight = torch.tensor([[-0.8], [0.1], [0.9]])
    lo, hi = torch.full((3, 1), -0.2), torch.full((3, 1), 0.3)
    at_once = network.move(weight, lo, hi, torch.ones(3, 1))
    torch.testing.assert_close(at_once, torch.tensor([[-0.2], [0.1], [0.3]]))
    halfway = network.move(weight, lo, hi, torch.full((3, 1), 0.5))
    torch.testing.assert_close(halfway, torch.tensor([[-0.5], [0.1], [0.6]]))


def test_the_band_lies_within_the_bounds_and_is_one(market):
    network = BandValues(configured().network, market)
    bands = network._bands(torch.randn(500, 3) * 20.0)
    lo, hi, rate = bands.unbind(-1)
    assert bool((lo <= hi).all())
    assert float(lo.min()) >= -1.0
    assert float(hi.max()) <= 1.0
    assert bool(((rate >= 0) & (rate <= 1)).all())


@pytest.mark.parametrize("network", [{}, {"encoder": "gru", "memory": "history", "units": 8}])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(market, network):
    one, same, other = (learned(market, seed=seed, network=network).weights() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "reward", ["differential_sharpe", "cvar(0.1)", {"pnl": 1, "drawdown": 0.1}]
)
def test_it_learns_from_any_reward(make_task, make_random_bars, reward):
    task = make_task(make_random_bars(), reward=reward, position_range=[-1, 1])
    before = {name: weights.clone() for name, weights in learned(task, 2_048).weights().items()}
    after = learned(task).weights()
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert not all(torch.equal(before[name], after[name]) for name in after)


def test_a_portfolio_stays_within_its_gross_limit():
    task = Task.build(
        resolve_env(
            "us5-portfolio",
            {
                "features": ["log_return(1)"],
                "window": 2,
                "costs": {
                    "minimum_fee": 0.0, "impact": "none", "impact_bps": 0.0, "volume_limit": None
                },
            },
        )
    )  # fmt: skip
    policy = learned(task).policy()
    embeddings = policy.encode(torch.from_numpy(task.market.features[:100]).unfold(0, 2, 1).mT)
    weights = policy.decide(embeddings, torch.full((99, 13), 0.2))
    assert weights.shape == (99, 4)
    assert float(weights.abs().sum(1).max()) <= 1.0 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "over", "least"),
    [("garleanu-pedersen", {}, 0.985), ("ar1-cost", RANGE, 0.94), ("leaked-future", RANGE, 0.97)],
)
def test_it_comes_near_the_optimum(name, over, least):
    task = rung(name, **over)
    agent = learned(task, steps=150 * 8192, batch_size=8192)
    assert score(agent.policy(), task, truth_of(task)).share > least


@pytest.mark.slow
def test_it_does_not_trade_on_noise():
    task = rung("martingale", **RANGE)
    found = score(learned(task, steps=60 * 8192, batch_size=8192).policy(), task, truth_of(task))
    assert found.value > -2e-3


def test_discrete_positions_are_refused(task):
    with pytest.raises(ConfigError, match=r"direct chooses .* position_range = \[-1.5, 2"):
        Direct(configured(), task, torch.Generator())


def test_its_orders_are_actions_of_the_environment(market):
    orders, growth = decide(learned(market).policy(), TradingEnv(market, period="test"))
    assert np.isfinite(growth)
    assert float(np.abs(orders[:, 0]).max()) <= 1.0
