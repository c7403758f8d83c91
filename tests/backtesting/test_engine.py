"""A backtest's ledger is what the environment's account went through."""

import numpy as np
import pytest
import torch
from costly_markets import FILLS, costly_rules, random_market, random_orders

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.backtesting.engine import decide, replay
from drltrade.envs.trading import TradingEnv
from drltrade.market.account import make_rule
from drltrade.market.namespaces import NUMPY
from drltrade.market.rules import Rules
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.tensors import Market

COSTS = {
    "commission_bps": 5,
    "slippage_bps": 3,
    "fixed_fee": 2,
    "borrow_rate": 0.05,
    "financing_rate": 0.08,
}
EXITS = {
    "bracket": {"stop_loss": 0.03, "take_profit": 0.05},
    "margin": {"maintenance": 0.2, "liquidation_fee_bps": 20},
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


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("action", ACTIONS, ids=["discrete", "continuous"])
@pytest.mark.parametrize("volatility", [0.02, 0.4])
@pytest.mark.parametrize("exits", [{}, EXITS], ids=["", "exits"])
def test_the_ledger_is_the_environments_account(
    make_task, make_random_bars, fill, action, volatility, exits
):
    bars = make_random_bars(2, 300, volatility)
    task = make_task(bars, fill=fill, costs=COSTS, **action, **exits)
    env, rows = TradingEnv(task, period="test"), task.rows("test")
    policy = Scripted(env)
    orders, growth = decide(policy, env)
    ledger = replay(orders, task.market, rows, task.rules)
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
    assert growth == np.log(infos[-1]["equity"] / 100_000)
    assert growth == pytest.approx(total, abs=1e-12)
    assert list(ledger.times[:lived]) == [info["time"] for info in infos]
    for name in ("equity", "cash"):
        np.testing.assert_allclose(
            getattr(ledger, name)[:lived], [i[name] for i in infos], rtol=1e-12, atol=1e-7
        )
    for name, key in (("units", "holdings"), ("weights", "weights"), ("fill_price", "fills")):
        np.testing.assert_allclose(
            getattr(ledger, name)[:lived], [i[key] for i in infos], rtol=1e-12, atol=1e-12
        )
    exit_price = [i.get("exits", np.full(1, np.nan)) for i in infos]
    np.testing.assert_allclose(ledger.exit_price[:lived], exit_price, rtol=1e-12)
    assert np.isfinite(exit_price).any() == (bool(exits) or volatility > 0.1)
    for part in COST_PARTS:
        paid = [info["costs"][part] for info in infos]
        np.testing.assert_allclose(ledger.costs[part][:lived], paid, rtol=1e-12, atol=1e-9)
    assert growth == pytest.approx(np.log(ledger.equity[-1] / 100_000), abs=1e-9)
    assert ledger.bankrupt == terminated
    if not exits or volatility < 0.1:  # a stop-loss may save the account
        assert terminated == (volatility > 0.1)
    if terminated:
        assert np.isnan(orders[lived - 1 :, 0]).all()
        assert (ledger.equity[lived - 1 :] == ledger.cash[lived - 1 :]).all()
        assert not ledger.units[lived - 1 :].any()
    else:
        assert np.isfinite(orders).all()
    assert orders.shape == (len(rows) - 1, 2)
    assert not orders[:, 1].any()


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("exits", [{}, EXITS], ids=["", "exits"])
def test_the_ledger_adds_up(make_task, make_random_bars, fill, exits):
    task = make_task(make_random_bars(4), fill=fill, costs=COSTS, positions=[-1.5, 1.5], **exits)
    rows, rng = task.rows("all"), np.random.default_rng(0)
    targets = rng.uniform(-1.5, 1.5, len(rows) - 1)
    targets[rng.random(len(targets)) < 0.3] = np.nan
    ledger = replay(targets, task.market, rows, task.rules)
    value = ledger.units[:, 0] * ledger.close[:, 0]
    np.testing.assert_allclose(ledger.cash + value, ledger.equity, rtol=1e-12)
    np.testing.assert_allclose(ledger.weights[:, 0] * ledger.equity, value, rtol=1e-12, atol=1e-9)
    # Cash changes by what was bought, closed and paid alone.
    exits_of = ledger.exit_units[1:, 0]
    ordered = exits_of - ledger.units[:-1, 0] + ledger.units[1:, 0]
    bought = ordered * np.nan_to_num(ledger.fill_price[1:, 0])
    closed = exits_of * np.nan_to_num(ledger.exit_price[1:, 0])
    np.testing.assert_allclose(
        np.diff(ledger.cash), closed - bought - ledger.total_cost[1:], rtol=1e-9, atol=1e-6
    )
    np.testing.assert_allclose(
        ledger.turnover[1:],
        (np.abs(bought) + np.abs(closed)) / ledger.equity[:-1],
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_allclose(np.prod(1 + ledger.returns), ledger.equity[-1] / 100_000, rtol=1e-12)
    np.testing.assert_array_equal(ordered != 0, ~np.isnan(ledger.fill_price[1:, 0]))
    np.testing.assert_array_equal(exits_of != 0, ~np.isnan(ledger.exit_price[1:, 0]))
    assert (exits_of != 0).any() == bool(exits)
    assert not ledger.bankrupt


def looped(orders: np.ndarray, market: Market, rules: Rules) -> dict[str, np.ndarray]:
    """Figures by name, [T] or [T, N], of the accounting rule in numpy, bar by bar."""
    n, plan = market.assets, rules.plan._replace(single=False)
    step, prices = make_rule(NUMPY, plan), market.fill_price(plan.fill)
    account = Account(rules.initial_equity, *np.zeros((4, n)))
    found: dict[str, list] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for t in range(len(orders)):
            order_row = t if plan.fill == "same_close" else t + 1
            bar = Bar(
                prices[t], market.close[t], market.close[t + 1], market.years[t],
                market.open[t + 1], market.high[t + 1], market.low[t + 1],
                market.volume[order_row], market.volume[t + 1], market.ended[t + 1],
            )  # fmt: skip
            done = step(account, orders[t], np.zeros(n), bar, rules.floor, rules.terms)
            account = done.account
            own = {"units": account.units, "cash": account.cash}
            for name, value in (done._asdict() | own).items():
                if name != "account":
                    found.setdefault(name, []).append(value)
            if done.ruined:
                break
    return {name: np.array(values, np.float64) for name, values in found.items()}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("assets", [1, 3])
def test_a_replay_is_the_rule_bar_by_bar(fill, assets):
    exits, ruins = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        market = random_market(rng, 60, assets, 0.03 if seed % 2 else 0.2)
        rules, orders = costly_rules(fill, market), random_orders(rng, 60, assets)
        ledger, path = replay(orders, market, range(61), rules), looped(orders, market, rules)
        lived = len(path["equity"])
        for name in ("equity", "cash", "units", "exit_units", "exit_price"):
            found = getattr(ledger, name)[1 : lived + 1].reshape(path[name].shape)
            np.testing.assert_allclose(found, path[name], rtol=1e-9, atol=1e-6, err_msg=name)
        for part in COST_PARTS:
            paid = ledger.costs[part][1 : lived + 1]
            np.testing.assert_allclose(paid, path[part], rtol=1e-9, atol=1e-6, err_msg=part)
        np.testing.assert_allclose(
            ledger.turnover[1 : lived + 1] * ledger.equity[:lived], path["turnover"], rtol=1e-9
        )
        filled = np.isfinite(ledger.fill_price[1 : lived + 1])
        np.testing.assert_array_equal(filled, path["traded"] != 0.0)
        np.testing.assert_array_equal(
            ledger.fill_price[1 : lived + 1][filled], market.fill_price(fill)[:lived][filled]
        )
        # A ruined account keeps its last cent and does nothing more.
        assert (ledger.equity[lived:] == ledger.equity[lived]).all()
        assert ledger.bankrupt == bool(path["ruined"][-1]) or lived == 60
        if ledger.ruin is not None:
            ruins += 1
            assert ledger.ruin.row == lived
            assert ledger.ruin.forgiven == pytest.approx(path["forgiven"][-1], rel=1e-9, abs=1e-6)
            assert not ledger.units[lived:].any()
            assert not ledger.total_cost[lived + 1 :].any()
        exits += int((ledger.exit_units != 0).sum())
    assert exits > 100
    assert ruins > 2


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
@pytest.mark.parametrize("action", ACTIONS, ids=["discrete", "continuous"])
def test_encoding_a_whole_period_decides_as_acting_bar_by_bar(
    make_task, make_random_bars, encoder, action
):
    task = make_task(make_random_bars(6), costs=COSTS, **action)
    network = {"encoder": encoder, "hidden": [16], "units": 8}
    config = parse_agent({"algorithm": "ppo", "network": network}, "test")
    agent = make_agent(config, task, torch.Generator().manual_seed(2))
    # Larger outputs than those of a fresh network, so that the targets differ from bar to bar.
    agent.load_weights(
        {k: v * (50 if "actor.head" in k else 1) for k, v in agent.weights().items()}
    )
    env = TradingEnv(task, period="test")
    orders, growth = decide(agent.policy(), env)
    slowly, slow_growth = decide(OnlyActs(agent.policy()), env)
    assert len(np.unique(orders[:, 0])) > 1
    np.testing.assert_allclose(orders, slowly, rtol=1e-4, atol=1e-5)
    assert growth == pytest.approx(slow_growth, abs=1e-4)


def test_the_columns_of_a_frame(task):
    rows = task.rows("test")
    ledger = replay(np.full(len(rows) - 1, 0.5), task.market, rows, task.rules)
    frame = ledger.to_frame()
    assert list(frame.columns) == [
        "equity", "cash", "weight_X", "units_X", "turnover",
        "cost_commission", "cost_fixed", "cost_spread", "cost_slippage", "cost_impact",
        "cost_liquidation", "cost_borrow", "cost_financing", "cost_funding", "cost_interest",
    ]  # fmt: skip
    assert frame.index.name == "time"
    assert frame.index.equals(task.market.times[rows[0] : rows[-1] + 1].rename("time"))
    np.testing.assert_array_equal(frame["weight_X"], ledger.weights[:, 0])
    assert frame.iloc[0].drop(["equity", "cash"]).eq(0).all()


def test_as_many_orders_as_decisions_are_needed(task):
    rows = task.rows("test")
    with pytest.raises(ValueError, match=rf"^{len(rows)} orders for {len(rows) - 1} decisions$"):
        replay(np.zeros(len(rows)), task.market, rows, task.rules)
