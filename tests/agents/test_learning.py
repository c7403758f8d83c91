"""dqn and ppo find a signal that is there.

The market says with its volume what the price will do: a high volume announces a rise, `lag` bars
after the next one; a low volume a fall. Nothing else predicts anything. The thresholds leave room:
over several seeds no agent kept less than 0.95 of what foresight earns.
"""

import numpy as np
import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.backtesting.engine import decide, replay
from drltrade.envs.trading import TradingEnv

SETTINGS = {
    "ppo": {"n_envs": 32, "n_steps": 32, "batch_size": 256, "n_epochs": 4, "learning_rate": 3e-3},
    "dqn": {
        "n_envs": 32,
        "learning_starts": 500,
        "batch_size": 128,
        "gradient_steps": 1,
        "learning_rate": 3e-3,
        "n_step": 1,
        "exploration_fraction": 0.5,
        "tau": 0.05,
    },
}


def market(make_task, make_bars, lag, **settings):
    rng = np.random.default_rng(0)
    signal = rng.choice([-1.0, 1.0], 1500)
    returns = 0.01 * np.roll(signal, 1 + lag) + rng.normal(0, 0.002, 1500)
    close = 100 * np.exp(np.cumsum(returns))
    return make_task(
        make_bars(close, None, np.where(signal > 0, 3e6, 1e6)),
        features=["log_return(1)", "volume_zscore(20)"],
        window=5,
        episode_length=100,
        **{"costs": {"commission_bps": 0.2, "slippage_bps": 0.2}} | settings,
    )


def foresight(task) -> float:
    """Log return of the account that knows the next close, after costs."""
    rows = task.rows("validation")
    targets = np.sign(np.diff(task.market.close[rows[0] : rows[-1] + 1, 0]))
    return float(np.log(replay(targets, task.market, rows, task.rules).equity[-1] / 100_000))


def build(task, name, encoder="mlp", seed=0):
    network = {"encoder": encoder, "units": 16, "hidden": [32]}
    values = {"algorithm": name, "network": network, "gamma": 0.5, **SETTINGS[name]}
    return make_agent(parse_agent(values, "test"), task, torch.Generator().manual_seed(seed))


def share_of_foresight(task, name, encoder, seed=0, steps=30_000) -> float:
    agent = build(task, name, encoder, seed)
    before = decide(agent.policy(), TradingEnv(task, period="validation"))[1]
    agent.learn(steps, lambda *_: True)
    best = foresight(task)
    assert best > 2.0  # 300 bars of about 1%
    assert before < 0.5 * best
    return decide(agent.policy(), TradingEnv(task, period="validation"))[1] / best


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_it_learns_what_the_last_bar_says(make_task, make_bars, name, encoder):
    assert share_of_foresight(market(make_task, make_bars, lag=0), name, encoder) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_it_learns_what_a_bar_further_back_says(make_task, make_bars, name, encoder):
    task = market(make_task, make_bars, lag=3)
    assert share_of_foresight(task, name, encoder) > 0.85


@pytest.mark.slow
def test_ppo_learns_a_continuous_position(make_task, make_bars):
    task = market(make_task, make_bars, lag=0, position_range=[-1, 1])
    assert share_of_foresight(task, "ppo", "mlp") > 0.8
