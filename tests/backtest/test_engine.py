"""A backtest's ledger is what the environment's account went through."""

import numpy as np
import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.backtest.engine import decide, replay
from drltrade.envs.trading import COST_PARTS, TradingEnv

COSTS = {
    "commission_bps": 5,
    "slippage_bps": 3,
    "fixed_fee": 2,
    "borrow_rate": 0.05,
    "financing_rate": 0.08,
}


class Scripted:
    """Acts at random, and counts its calls in its state."""

    def __init__(self, env, seed=0):
        env.action_space.seed(seed)
        self._space, self.states = env.action_space, []

    def act(self, observation, state=None):
        self.states.append(state)
        return self._space.sample(), (state or 0) + 1


class OnlyActs:
    def __init__(self, policy):
        self._policy = policy

    def act(self, observation, state=None):
        return self._policy.act(observation, state)


ACTIONS = [{"positions": [-1.5, 0, 0.5, 2]}, {"position_range": [-3, 3]}]


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("action", ACTIONS, ids=["discrete", "continuous"])
@pytest.mark.parametrize("volatility", [0.02, 0.4])
def test_the_ledger_is_the_environments_account(
    make_task, make_random_bars, fill, action, volatility
):
    bars = make_random_bars(2, 300, volatility)
    task = make_task(bars, fill=fill, costs=COSTS, **action)
    env, rows = TradingEnv(task, period="test"), task.rows("test")
    policy = Scripted(env)
    targets, growth = decide(policy, env)
    ledger = replay(targets, task.market, rows, task.config)
    assert policy.states == [None, *range(1, len(policy.states))]

    again = Scripted(env)
    _, info = env.reset()
    infos, total = [info], 0.0
    while True:
        _, reward, terminated, truncated, info = env.step(again.act(None)[0])
        infos.append(info)
        total += reward
        if terminated or truncated:
            break
    lived = len(infos)
    assert growth == total
    assert list(ledger.times[:lived]) == [info["time"] for info in infos]
    for name in ("equity", "cash"):
        np.testing.assert_allclose(
            getattr(ledger, name)[:lived], [i[name] for i in infos], rtol=1e-12, atol=1e-7
        )
    for name, key in (("units", "holdings"), ("weights", "weights"), ("fill_price", "fills")):
        np.testing.assert_allclose(
            getattr(ledger, name)[:lived], [i[key] for i in infos], rtol=1e-12, atol=1e-12
        )
    for part in COST_PARTS:
        paid = [info["costs"][part] for info in infos]
        np.testing.assert_allclose(ledger.costs[part][:lived], paid, rtol=1e-12, atol=1e-9)
    assert growth == pytest.approx(np.log(ledger.equity[-1] / 100_000), abs=1e-9)
    assert ledger.bankrupt == terminated == (volatility > 0.1)
    if terminated:
        assert np.isnan(targets[lived - 1 :]).all()
        assert (ledger.equity[lived - 1 :] == ledger.cash[lived - 1 :]).all()
        assert not ledger.units[lived - 1 :].any()
    else:
        assert np.isfinite(targets).all()


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_the_ledger_adds_up(make_task, make_random_bars, fill):
    task = make_task(make_random_bars(4), fill=fill, costs=COSTS)
    rows, rng = task.rows("all"), np.random.default_rng(0)
    targets = rng.uniform(-1.5, 1.5, len(rows) - 1)
    targets[rng.random(len(targets)) < 0.3] = np.nan
    ledger = replay(targets, task.market, rows, task.config)
    value = ledger.units[:, 0] * ledger.close[:, 0]
    np.testing.assert_allclose(ledger.cash + value, ledger.equity, rtol=1e-12)
    np.testing.assert_allclose(ledger.weights[:, 0] * ledger.equity, value, rtol=1e-12, atol=1e-9)
    # Cash changes by what was bought and paid alone.
    bought = np.diff(ledger.units[:, 0]) * np.nan_to_num(ledger.fill_price[1:, 0])
    np.testing.assert_allclose(
        np.diff(ledger.cash), -bought - ledger.total_cost[1:], rtol=1e-9, atol=1e-6
    )
    np.testing.assert_allclose(
        ledger.turnover[1:], np.abs(bought) / ledger.equity[:-1], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(np.prod(1 + ledger.returns), ledger.equity[-1] / 100_000, rtol=1e-12)
    moved = np.diff(ledger.units[:, 0]) != 0
    np.testing.assert_array_equal(moved, ~np.isnan(ledger.fill_price[1:, 0]))
    assert not ledger.bankrupt


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
@pytest.mark.parametrize("action", ACTIONS, ids=["discrete", "continuous"])
def test_encoding_a_whole_period_decides_as_acting_bar_by_bar(
    make_task, make_random_bars, encoder, action
):
    task = make_task(make_random_bars(6), costs=COSTS, **action)
    network = {"encoder": encoder, "hidden": [16], "units": 8}
    config = parse_agent({"algorithm": "ppo", "network": network}, "test")
    agent = make_agent(config, task, torch.Generator().manual_seed(0))
    # Larger outputs than those of a fresh network, so that the targets differ from bar to bar.
    agent.load_weights(
        {k: v * (50 if "actor.head" in k else 1) for k, v in agent.weights().items()}
    )
    env = TradingEnv(task, period="test")
    targets, growth = decide(agent.policy(), env)
    slowly, slow_growth = decide(OnlyActs(agent.policy()), env)
    assert len(np.unique(targets)) > 1
    np.testing.assert_allclose(targets, slowly, rtol=1e-4, atol=1e-5)
    assert growth == pytest.approx(slow_growth, abs=1e-4)


def test_the_columns_of_a_frame(task):
    rows = task.rows("test")
    ledger = replay(np.full(len(rows) - 1, 0.5), task.market, rows, task.config)
    frame = ledger.to_frame()
    assert list(frame.columns) == [
        "equity", "cash", "weight_X", "units_X", "turnover",
        "cost_commission", "cost_fixed", "cost_slippage", "cost_borrow", "cost_financing",
    ]  # fmt: skip
    assert frame.index.name == "time"
    assert frame.index.equals(task.market.times[rows[0] : rows[-1] + 1].rename("time"))
    np.testing.assert_array_equal(frame["weight_X"], ledger.weights[:, 0])
    assert frame.iloc[0].drop(["equity", "cash"]).eq(0).all()


def test_as_many_targets_as_decisions_are_needed(task):
    rows = task.rows("test")
    with pytest.raises(ValueError, match=rf"^{len(rows)} targets for {len(rows) - 1} decisions$"):
        replay(np.zeros(len(rows)), task.market, rows, task.config)
