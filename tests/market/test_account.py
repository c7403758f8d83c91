"""The accounting rule: its invariants on random paths, and its specialisations to one another."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.market.account import RUIN, SCALAR, Rates, Rule, Step, make_rule
from drltrade.market.kernels import compiled_rule, replay_kernel

FILLS = ("next_open", "next_close", "same_close")
FREE = Rates(0.0, 0.0, 0.0, 0.0, 0.0)
EQUITY = 100_000.0
FLOOR = RUIN * EQUITY


@dataclass(frozen=True)
class Path:
    """T steps of prices and targets, T + 1 closes."""

    targets: np.ndarray
    fill_price: np.ndarray
    close: np.ndarray
    years: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


def random_path(seed: int, steps: int, leverage: float = 1.0, holds: bool = True) -> Path:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, steps + 1)))
    fill_price = close[:-1] * np.exp(rng.normal(0, 0.01, steps))
    targets = rng.uniform(-leverage, leverage, steps)
    targets[rng.random(steps) < 0.2] = 0.0
    if holds:
        targets[rng.random(steps) < 0.2] = np.nan
        fill_price[rng.random(steps) < 0.1] = np.nan
    years = rng.integers(1, 5, steps) / 365.0
    return Path(targets, fill_price, close, years)


def run(path: Path, rates: Rates, rule: Rule | None = None) -> list[Step]:
    """The path through the plain-Python rule."""
    rule = rule or make_rule(SCALAR, "next_open")
    cash, units, steps = EQUITY, 0.0, []
    for t in range(len(path)):
        step = rule.step(
            cash, units, float(path.targets[t]), float(path.fill_price[t]), float(path.close[t]),
            float(path.close[t + 1]), float(path.years[t]), FLOOR, rates,
        )  # fmt: skip
        steps.append(step)
        cash, units = step.cash, step.units
        if step.ruined:
            break
    return steps


rates_strategy = st.builds(
    Rates,
    commission=st.floats(0, 0.01),
    fixed=st.floats(0, 50),
    slippage=st.floats(0, 0.01),
    borrow=st.floats(0, 0.2),
    financing=st.floats(0, 0.2),
)
paths = st.builds(
    random_path,
    seed=st.integers(0, 10_000),
    steps=st.integers(1, 60),
    leverage=st.sampled_from([1.0, 2.0]),
)
fills = st.sampled_from(FILLS)


@given(paths, rates_strategy, fills)
@settings(max_examples=150, deadline=None)
def test_rewards_sum_to_the_log_of_the_equity_ratio(path, rates, fill):
    steps = run(path, rates, make_rule(SCALAR, fill))
    before = [EQUITY, *(step.equity for step in steps[:-1])]
    rewards = [math.log(s.equity / b) for s, b in zip(steps, before, strict=True)]
    assert sum(rewards) == pytest.approx(math.log(steps[-1].equity / EQUITY), abs=1e-9)
    for step, close in zip(steps, path.close[1:], strict=False):
        assert step.equity == pytest.approx(step.cash + step.units * close, rel=1e-12)


@given(paths, rates_strategy, fills)
@settings(max_examples=150, deadline=None)
def test_equity_changes_by_price_moves_less_costs_and_nothing_else(path, rates, fill):
    cash, units, equity = EQUITY, 0.0, EQUITY
    for t, step in enumerate(run(path, rates, make_rule(SCALAR, fill))):
        price = path.fill_price[t] if step.traded else path.close[t]
        gain = units * (price - path.close[t]) + step.units * (path.close[t + 1] - price)
        costs = step.commission + step.fixed + step.slippage + step.borrow + step.financing
        if not step.ruined:
            assert step.equity == pytest.approx(equity + gain - costs, rel=1e-9, abs=1e-6)
        cash, units, equity = step.cash, step.units, step.equity
    assert math.isfinite(cash)


@given(
    seed=st.integers(0, 10_000), rates=rates_strategy, fill=fills, leverage=st.sampled_from([1, 2])
)
@settings(max_examples=100, deadline=None)
def test_a_flat_market_loses_exactly_its_costs(seed, rates, fill, leverage):
    path = random_path(seed, 40, leverage)
    flat = Path(path.targets, np.where(np.isnan(path.fill_price), np.nan, 50.0),
                np.full(41, 50.0), path.years)  # fmt: skip
    steps = run(flat, rates, make_rule(SCALAR, fill))
    if steps[-1].ruined:
        return
    costs = sum(s.commission + s.fixed + s.slippage + s.borrow + s.financing for s in steps)
    assert EQUITY - steps[-1].equity == pytest.approx(costs, rel=1e-9, abs=1e-6)


@given(seed=st.integers(0, 10_000), fill=fills)
@settings(max_examples=100, deadline=None)
def test_zero_cost_conserves_value_at_every_fill(seed, fill):
    path = random_path(seed, 40)
    cash, units = EQUITY, 0.0
    for t, step in enumerate(run(path, FREE, make_rule(SCALAR, fill))):
        if step.traded:
            price = path.fill_price[t]
            before, after = cash + units * price, step.cash + step.units * price
            assert after == pytest.approx(before, rel=1e-13)
        else:
            assert (step.cash, step.units) == (cash, units)
        cash, units = step.cash, step.units


@given(
    seed=st.integers(0, 10_000),
    part=st.sampled_from(["commission", "slippage", "borrow", "financing"]),
    fill=fills,
)
@settings(max_examples=150, deadline=None)
def test_final_equity_never_rises_with_a_fee(seed, part, fill):
    # Weights are relative to equity, so each fee only ever takes a share of it.
    path = random_path(seed, 40, holds=False)
    levels = [0.0, 0.001, 0.005] if part in ("commission", "slippage") else [0.0, 0.02, 0.2]
    final = [
        run(path, FREE._replace(**{part: level}), make_rule(SCALAR, fill))[-1].equity
        for level in levels
    ]
    assert final[0] >= final[1] >= final[2]


@pytest.mark.parametrize("fill", FILLS)
def test_final_equity_falls_with_the_fixed_fee_as_long_as_the_orders_are_the_same(fill):
    compared = 0
    for seed in range(80):
        path = random_path(seed, 40, holds=False)
        runs = [
            run(path, FREE._replace(fixed=fee), make_rule(SCALAR, fill)) for fee in (0.0, 5.0, 50.0)
        ]
        orders = [[step.traded != 0 for step in steps] for steps in runs]
        if orders[0] == orders[1] == orders[2]:
            compared += 1
            assert runs[0][-1].equity > runs[1][-1].equity > runs[2][-1].equity
    assert compared > 20


def test_a_higher_fixed_fee_can_stop_an_order_and_so_leave_more():
    rule = make_rule(SCALAR, "next_open")
    bought, stopped = (
        rule.step(15.0, 999.85, 1.0, 100.0, 100.0, 100.0, 0.0, 0.1, FREE._replace(fixed=fee))
        for fee in (10.0, 16.0)
    )
    assert (bought.fixed, stopped.fixed) == (10.0, 0.0)
    assert bought.equity < stopped.equity


def test_an_account_without_equity_at_the_fill_is_closed_there():
    # Ten times long at 100, the next open at 89: 1000 - 11 * 100 < 0, whatever the close.
    rule = make_rule(SCALAR, "next_open")
    for target in (0.0, 10.0, math.nan):
        step = rule.step(-9000.0, 100.0, target, 89.0, 100.0, 95.0, 0.0, 1e-3, FREE)
        assert step.ruined
        assert (step.traded, step.liquidated, step.units) == (-8900.0, 0.0, 0.0)
        assert step.forgiven == pytest.approx(100.0, abs=0.01)


def test_an_order_that_the_account_cannot_pay_for_is_not_sent():
    rule = make_rule(SCALAR, "next_open")
    rates = Rates(0.01, 0.0, 0.01, 0.0, 0.0)
    step = rule.step(-9999.0, 100.0, 3.0, 100.0, 100.0, 101.0, 0.0, 1e-3, rates)
    assert (step.traded, step.units, step.equity) == (0.0, 100.0, 101.0)


def test_gradients_pass_by_bars_that_cannot_trade():
    rule = make_rule(torch, "next_open")
    target = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    price = torch.tensor([100.0, math.nan], dtype=torch.float64)
    close = torch.full((2,), 110.0, dtype=torch.float64)
    cash, units = torch.full((2,), 1000.0, dtype=torch.float64), torch.zeros(2).double()
    step = rule.step(cash, units, target, price, close, close, 0.0, 1e-3, FREE)
    step.equity.sum().backward()
    assert target.grad.tolist() == pytest.approx([100.0, 0.0])


@given(
    target=st.floats(-3, 3).filter(lambda w: abs(w) > 1e-3),
    held=st.floats(-2, 2),
    rates=rates_strategy,
)
@settings(max_examples=300, deadline=None)
def test_the_weight_after_the_fill_is_exact(target, held, rates):
    price, equity = 37.0, 1000.0
    rule = make_rule(SCALAR, "next_close")
    rates = rates._replace(borrow=0.0, financing=0.0)
    step = rule.step(
        (1 - held) * equity, held * equity / price, target, price, price, price, 0.0, 1e-3, rates
    )
    if step.ruined or not step.traded:
        return
    assert step.units * price / step.equity == pytest.approx(target, rel=1e-12)
    assert step.traded == pytest.approx(step.units * price - held * equity, rel=1e-9, abs=1e-9)
    costs = step.commission + step.fixed + step.slippage
    assert step.equity == pytest.approx(equity - costs, rel=1e-12)
    side = math.copysign(1.0, step.traded)
    paid = rates.commission * (1 + rates.slippage * side) * abs(step.traded)
    assert step.commission == pytest.approx(paid, rel=1e-12)


def test_a_purchase_worked_by_hand():
    # 1000 in cash, everything into an asset at 10, commission 1%, slippage 2%, fee 5:
    # D = (1000 - 5) / (1 + 0.02 + 0.01 * 1.02) = 995 / 1.0302; E' = D since w = 1.
    rule = make_rule(SCALAR, "next_open")
    rates = Rates(0.01, 5.0, 0.02, 0.0, 0.0)
    step = rule.step(1000.0, 0.0, 1.0, 10.0, 9.5, 11.0, 1 / 252, 1e-3, rates)
    assert step.traded == pytest.approx(995 / 1.0302, rel=1e-14)
    assert step.cash == 0.0
    assert step.units == pytest.approx(99.5 / 1.0302, rel=1e-14)
    assert step.equity == pytest.approx(11 * 99.5 / 1.0302, rel=1e-14)
    assert step.slippage == pytest.approx(0.02 * 995 / 1.0302, rel=1e-14)
    assert step.commission == pytest.approx(0.01 * 1.02 * 995 / 1.0302, rel=1e-14)


def test_interest_worked_by_hand():
    # Short 5 shares at 100 with 1000 in cash, 10% a year for a tenth of a year, on the close of t.
    rates = Rates(0.0, 0.0, 0.0, 0.10, 0.20)
    rule = make_rule(SCALAR, "next_open")
    short = rule.step(1000.0, -5.0, math.nan, 100.0, 100.0, 90.0, 0.1, 1e-3, rates)
    assert (short.borrow, short.financing) == (pytest.approx(5.0), 0.0)
    assert short.equity == pytest.approx(1000 - 5 - 450)
    # 20 shares at 100, 1000 of it borrowed, at 20%.
    long = rule.step(-1000.0, 20.0, math.nan, 100.0, 100.0, 100.0, 0.1, 1e-3, rates)
    assert (long.borrow, long.financing) == (0.0, pytest.approx(20.0))


def test_interest_is_charged_every_bar_and_survives_a_flip():
    rates = FREE._replace(borrow=0.365)
    path = Path(np.array([-1.0] * 10 + [0.5]), np.full(11, 100.0), np.full(12, 100.0),
                np.full(11, 1 / 365))  # fmt: skip
    steps = run(path, rates)
    charged = [step.borrow for step in steps]
    assert charged[0] == 0.0  # opened at the next open: the first night is still to come
    assert all(paid > 0 for paid in charged[1:])
    assert EQUITY - steps[-1].equity == pytest.approx(sum(charged), rel=1e-12)


def test_an_order_smaller_than_its_fee_is_not_sent():
    rule = make_rule(SCALAR, "next_open")
    rates = FREE._replace(fixed=10.0)
    held = 0.5 - 1e-6
    step = rule.step(1000 * (1 - held), 10 * held, 0.5, 100.0, 100.0, 100.0, 0.0, 1e-3, rates)
    assert (step.traded, step.fixed, step.equity) == (0.0, 0.0, 1000.0)


def test_a_target_already_held_is_no_order():
    rule = make_rule(SCALAR, "next_open")
    rates = Rates(0.01, 10.0, 0.01, 0.0, 0.0)
    first = rule.step(1000.0, 0.0, 0.7, 100.0, 100.0, 100.0, 0.0, 1e-3, rates)
    again = rule.step(first.cash, first.units, 0.7, 100.0, 100.0, 100.0, 0.0, 1e-3, rates)
    assert again.traded == 0.0
    assert again.equity == first.equity


def test_the_fill_rules_trade_at_their_own_time():
    # The price doubles between the close of t and the next open, and again by the next close.
    closes, opens = (100.0, 400.0), 200.0
    expected = {"same_close": 4.0, "next_open": 2.0, "next_close": 1.0}
    prices = {"same_close": closes[0], "next_open": opens, "next_close": closes[1]}
    for fill in FILLS:
        step = make_rule(SCALAR, fill).step(
            1.0, 0.0, 1.0, prices[fill], *closes, 1 / 252, 1e-6, FREE
        )
        assert step.equity == expected[fill]


def test_a_ruined_account_is_closed():
    rule = make_rule(SCALAR, "next_open")
    step = rule.step(2000.0, -10.0, math.nan, 150.0, 100.0, 250.0, 0.0, FLOOR, FREE)
    assert step.ruined
    assert (step.units, step.cash, step.equity) == (0.0, FLOOR, FLOOR)


def assert_same(a: object, b: object, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(
        np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=tolerance, atol=1e-9
    )


@pytest.mark.parametrize("fill", FILLS)
def test_the_specialisations_agree(fill):
    n, steps = 200, 30
    rates = Rates(0.001, 3.0, 0.0005, 0.05, 0.08)
    many = [random_path(seed, steps, 2.0) for seed in range(n)]
    of_numpy, of_torch = make_rule(np, fill), make_rule(torch, fill)
    of_python, of_numba = make_rule(SCALAR, fill), compiled_rule(fill)
    cash, units = np.full(n, EQUITY), np.zeros(n)
    t_cash, t_units = torch.full((n,), EQUITY, dtype=torch.float64), torch.zeros(n).double()
    zeros = np.zeros(n)
    standing = [zeros, zeros, cash]
    t_standing = [torch.zeros(n).double(), torch.zeros(n).double(), t_cash]
    for t in range(steps):
        inputs = [
            np.array([getattr(path, name)[t + later] for path in many])
            for name, later in (
                ("targets", 0), ("fill_price", 0), ("close", 0), ("close", 1), ("years", 0)
            )
        ]  # fmt: skip
        tensors = [torch.from_numpy(x) for x in inputs]
        ours = of_numpy.step(cash, units, *inputs, FLOOR, rates)
        theirs = of_torch.step(t_cash, t_units, *tensors, FLOOR, rates)
        for mine, yours in zip(ours, theirs, strict=True):
            assert_same(mine, yours)
        tracked = of_numpy.track(*standing, units, ours.units, inputs[1], inputs[3], ours.equity)
        t_tracked = of_torch.track(
            *t_standing, t_units, theirs.units, tensors[1], tensors[3], theirs.equity
        )
        for mine, yours in zip(tracked, t_tracked, strict=True):
            assert_same(mine, yours)
        for i in range(0, n, 20):
            single = [float(x[i]) for x in inputs]
            for rule in (of_python, of_numba):
                one = rule.step(float(cash[i]), float(units[i]), *single, FLOOR, rates)
                assert_same(one, [field[i] for field in ours])
                seen = rule.track(
                    *(float(x[i]) for x in standing), float(units[i]), one.units, single[1],
                    single[3], one.equity,
                )  # fmt: skip
                assert_same(seen, [field[i] for field in tracked])
        cash, units, standing = ours.cash, ours.units, list(tracked[:3])
        t_cash, t_units, t_standing = theirs.cash, theirs.units, list(t_tracked[:3])


@pytest.mark.parametrize("fill", FILLS)
def test_the_kernel_replays_a_path_as_the_rule_steps_it(fill):
    rates = Rates(0.001, 3.0, 0.0005, 0.05, 0.08)
    for seed in range(20):
        path = random_path(seed, 200, 2.0)
        table = replay_kernel(fill)(
            path.targets, path.fill_price, path.close, path.years, EQUITY, FLOOR, rates
        )
        for t, step in enumerate(run(path, rates, make_rule(SCALAR, fill))):
            assert_same(table[:, t], step)


def test_the_kernel_closes_a_ruined_account_for_good():
    closes = np.array([100.0, 100.0, 300.0, 50.0, 50.0])
    table = replay_kernel("same_close")(
        np.array([-1.0, np.nan, 1.0, 1.0]), closes[:-1], closes, np.zeros(4), EQUITY, FLOOR, FREE
    )
    step = Step(*table)
    assert step.ruined.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert step.equity[1:].tolist() == [FLOOR] * 3
    assert step.units[1:].tolist() == [0.0] * 3
