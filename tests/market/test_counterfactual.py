"""Rewards of positions that were never held: those that the environment pays who holds them."""

import numpy as np
import pytest
import torch

from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.market.counterfactual import Counterfactual, check_memoryless

COSTS = {"commission_bps": 5.0, "slippage_bps": 3.0, "half_spread_bps": 1.0, "borrow_rate": 0.05}
POSITIONS = [-1.0, 0.0, 0.5, 2.0]


@pytest.fixture(params=["next_open", "next_close", "same_close"])
def market(request, make_task, make_random_bars):
    return make_task(
        make_random_bars(2), costs=COSTS, positions=POSITIONS, fill=request.param,
        reward={"log_return": 1.0, "turnover": 0.01},
    )  # fmt: skip


def asked(task) -> Counterfactual:
    return Counterfactual(task.market, task.rules, torch.device("cpu"))


def test_the_rewards_along_an_episode_are_those_of_the_environment(market):
    env = TradingEnv(market, period="test")
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    rows, before, targets, paid, after = [], [], [], [], []
    row = env.episode.first_row
    for _ in range(40):
        action = env.action_space.sample()
        rows.append(row)
        before.append(info["weights"][0])
        targets.append(POSITIONS[action])
        _, reward, terminated, truncated, info = env.step(action)
        paid.append(reward)
        after.append(info["weights"][0])
        row += 1
        if terminated or truncated:
            break
    weight, target = (torch.tensor(x, dtype=torch.float64)[:, None] for x in (before, targets))
    reward, drifted = asked(market).step(torch.tensor(rows), weight, target)
    np.testing.assert_allclose(reward.numpy(), paid, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(drifted[:, 0].numpy(), after, rtol=1e-5, atol=1e-6)


def test_a_trade_alone_costs_what_the_rule_charges(market):
    weight = torch.tensor([[0.0], [2.0], [-1.0], [0.5]])
    target = torch.tensor([[2.0], [0.0], [-1.0], [0.0]])
    reward = asked(market).trade(weight, target)
    commission, slip = 5e-4, 4e-4
    # Post-cost: E' = 1 - k |a E' - p| with k of a buy or of a sale.
    buy, sell = slip + commission * (1 + slip), slip + commission * (1 - slip)
    after = [1 / (1 + 2 * buy), 1 - 2 * sell, 1.0, 1 - 0.5 * sell]
    traded = [2 * after[0], 2.0, 0.0, 0.5]
    expected = [np.log(e) - 0.01 * t for e, t in zip(after, traded, strict=True)]
    np.testing.assert_allclose(reward.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_impact_of_a_trade_alone_is_of_the_median_value_traded(make_task, make_bars):
    volume = np.where(np.arange(200) % 5 == 0, 1e9, 1e4)  # the mean is 20,000 times the median
    bars = make_bars(np.full(200, 100.0), volume=volume)
    costs = {"impact": "linear", "impact_bps": 100.0, "commission_bps": 0, "slippage_bps": 0}
    task = make_task(bars, costs=costs, positions=[0.0, 0.5])
    paid = asked(task).trade(torch.tensor([[0.0]]), torch.tensor([[0.5]]))
    # 50,000 of money in a bar of a million: a twentieth of the volume, at 1% for all of it.
    assert float(paid) == pytest.approx(-0.5 * 0.05 * 0.01, rel=0.01)


def test_many_questions_are_answered_like_few(market, monkeypatch):
    rows = torch.arange(100, 160)
    weight, target = torch.rand(60, 1), torch.rand(60, 1)
    whole, _ = asked(market).step(rows, weight, target)
    monkeypatch.setattr("drltrade.market.counterfactual.AT_ONCE", 7)
    parts, _ = asked(market).step(rows, weight, target)
    assert torch.equal(whole, parts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": "drawdown"}, "reward 'drawdown' may remember"),
        ({"reward": "differential_sharpe"}, "those it takes are log_return, pnl"),
        ({"bracket": {"stop_loss": 0.1}}, "bracket.stop_loss or take_profit"),
        (
            {"costs": {"volume_limit": 0.1, "unfilled": "carry"}},
            'costs.unfilled = "carry", which remembers orders',
        ),
        (
            {"costs": {"impact": "linear", "impact_bps": 5.0, "impact_half_life": 2.0}},
            "costs.impact_half_life",
        ),
        ({"order_units": 5.0}, "order_units: its actions are no positions"),
    ],
    ids=["drawdown", "sharpe", "bracket", "carry", "pressure", "amounts"],
)
def test_what_depends_on_the_past_is_refused(make_task, make_random_bars, settings, message):
    task = make_task(make_random_bars(), **settings)
    with pytest.raises(ConfigError, match="exo_dqn") as caught:
        check_memoryless(task.rules, "exo_dqn")
    assert message in str(caught.value)
