"""The differentiable account against the accounting rule itself."""

import numpy as np
import pytest
import torch

from drltrade.errors import ConfigError
from drltrade.market.reward_spec import make_reward
from drltrade.market.smooth import SmoothBars, account_path, check_smooth, drifted, smooth_bars

PLANS = {
    "proportional": {"commission_bps": 5.0, "slippage_bps": 3.0, "half_spread_bps": 1.0},
    "linear impact": {"commission_bps": 1.0, "impact": "linear", "impact_bps": 50.0},
    "square root": {"slippage_bps": 2.0, "impact": "square_root", "impact_bps": 20.0},
    "fees": {"commission_bps": 1.0, "minimum_fee": 0.5, "fixed_fee": 0.2},
    "holding": {
        "commission_bps": 2.0, "borrow_rate": 0.1, "financing_rate": 0.08, "interest_rate": 0.03,
        "funding_rate": 0.05,
    },
}  # fmt: skip


def build(make_task, make_bars, costs, fill, reward="log_return"):
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 300)))
    opened = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, 0.01, 300))
    volume = rng.integers(20_000, 90_000, 300)  # every bar trades, and far more than the account
    return make_task(
        make_bars(close, opened, volume), costs=costs, fill=fill, position_range=[-1, 1.5],
        reward=reward, initial_equity=10_000.0,
    )  # fmt: skip


def play(task, targets):
    """(weights before each step, rewards) by the accounting rule."""
    rows = task.rows("test")
    simulator = task.simulator(1, torch.Generator().manual_seed(0), period="test")
    simulator.place(torch.tensor([rows[0]]), torch.zeros(1, 1))
    weights, rewards = [], []
    for target in targets:
        held = simulator.units[0, 0] * task.market.close[int(simulator.t[0]), 0]
        weights.append(float(held / simulator.equity[0]))
        rewards.append(float(simulator.play(target.reshape(1)).reward[0]))
    return np.array(weights), np.array(rewards)


def smoothly(task, targets, share=1.0):
    rows = torch.arange(len(targets)) + task.rows("test")[0]
    bars = smooth_bars(task.market, task.rules, torch.device("cpu"))
    seen = SmoothBars(*(field[rows][:, None] for field in bars))
    weight, weights = torch.zeros(1, 1, dtype=torch.float64), []
    for target, move in zip(targets, seen.move, strict=True):
        weights.append(weight)
        weight = drifted(target.reshape(1, 1), move, task.config.fill == "next_close")
    stacked = torch.stack(weights)
    return stacked, account_path(stacked, targets[:, None, None], seen, task.rules, share)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("costs", PLANS.values(), ids=PLANS)
def test_the_formulas_are_those_of_the_rule(make_task, make_bars, costs, fill):
    task = build(make_task, make_bars, costs, fill)
    targets = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1.5, 50))
    weights, rewards = play(task, targets)
    drifted_, outcome = smoothly(task, targets)
    growth = torch.log(outcome.next_equity / outcome.equity)[:, 0]
    # Impact is taken at the size of the initial equity, and weights drift without interest.
    # So are the fees of an order.
    exact = not {"impact", "borrow_rate", "fixed_fee"} & costs.keys()
    tolerance = 1e-9 if exact else 5e-3
    np.testing.assert_allclose(drifted_[:, 0, 0].numpy(), weights, rtol=tolerance, atol=1e-9)
    np.testing.assert_allclose(growth.numpy(), rewards, rtol=tolerance, atol=tolerance / 100)
    assert float(growth.sum()) == pytest.approx(rewards.sum(), abs=tolerance / 10)


@pytest.mark.parametrize("reward", ["pnl", "drawdown", "differential_sharpe", "mean_variance(2)"])
def test_any_reward_of_the_house_is_paid_along_the_path(make_task, make_bars, reward):
    task = build(make_task, make_bars, PLANS["proportional"], "next_open", reward)
    targets = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1.5, 40))
    _, rewards = play(task, targets)
    _, outcome = smoothly(task, targets)
    function = make_reward(torch, reward)
    memory = tuple(torch.full((1,), x, dtype=torch.float64) for x in function.initial)
    paid = []
    for t in range(len(targets)):
        step = outcome._replace(
            **{k: v[t] for k, v in outcome._asdict().items() if k != "initial_equity"}
        )
        memory, value = function.step(memory, step)
        paid.append(float(value))
    np.testing.assert_allclose(paid, rewards, rtol=5e-3, atol=5e-6)


def test_the_gradient_is_that_of_differences(make_task, make_bars):
    task = build(make_task, make_bars, PLANS["linear impact"], "next_open")
    targets = torch.from_numpy(np.random.default_rng(3).uniform(-1, 1.5, 6)).requires_grad_()

    def growth(x):
        _, outcome = smoothly(task, x)
        return torch.log(outcome.next_equity[-1] / outcome.equity[0]).sum()

    assert torch.autograd.gradcheck(growth, (targets,), eps=1e-6, atol=1e-6)


def test_costs_can_be_charged_in_part(make_task, make_bars):
    task = build(make_task, make_bars, PLANS["proportional"], "next_open")
    targets = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1.5, 20))
    costs = [float(smoothly(task, targets, share)[1].cost.sum()) for share in (0.0, 0.5, 1.0)]
    assert costs[0] == 0.0
    assert costs[1] == pytest.approx(0.5 * costs[2], rel=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"costs": {"volume_limit": 0.2}}, "costs.volume_limit"),
        ({"bracket": {"take_profit": 0.1}}, "bracket.stop_loss and take_profit"),
        ({"order_units": 3.0}, "order_units"),
    ],
    ids=["limit", "bracket", "amounts"],
)
def test_what_has_no_derivative_is_refused(make_task, make_random_bars, settings, message):
    task = make_task(make_random_bars(), **settings)
    with pytest.raises(ConfigError, match="leave them out for training") as caught:
        check_smooth(task.rules, task.market, task.spans("train"), "direct")
    assert message in str(caught.value)


def test_volume_limits_that_do_not_bind_are_taken(make_task, make_bars):
    # Bars of 20,000 units at 100 and an account of 10,000: a tenth of a bar is 20 times as much.
    bars = make_bars(np.full(300, 100.0), volume=np.full(300, 20_000.0))
    limited = {"costs": {"volume_limit": 0.1}, "position_range": [-1, 1]}
    task = make_task(bars, initial_equity=10_000.0, **limited)
    check_smooth(task.rules, task.market, task.spans("train"), "direct")
    task = make_task(bars, initial_equity=30_000.0, **limited)
    with pytest.raises(ConfigError, match=r"costs\.volume_limit where it binds"):
        check_smooth(task.rules, task.market, task.spans("train"), "direct")


def test_fees_of_an_order_make_small_trades_dear(make_task, make_bars):
    fees = {"commission_bps": 1.0, "minimum_fee": 2.0, "slippage_bps": 0.0}
    task = build(make_task, make_bars, fees, "next_open")
    target = torch.tensor([0.001], dtype=torch.float64, requires_grad=True)
    _, outcome = smoothly(task, target)
    assert outcome.cost.item() == pytest.approx(2.0 * (1 - np.exp(-1)), rel=0.01)
    outcome.cost.sum().backward()
    assert float(target.grad) == pytest.approx(2.0 / 1e-3 * np.exp(-1), rel=0.02)
