"""Each reward term against numbers worked by hand, its paper's definition and every library."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

from drltrade.market.namespaces import SCALAR
from drltrade.market.reward_spec import available_rewards, make_reward, parse_reward
from drltrade.market.rewards import (
    MINIMUM_VARIANCE,
    REWARDS,
    TYPICAL_RETURN,
    Outcome,
    log_return,
)

ONE = Outcome(
    initial_equity=80.0,
    equity=100.0,
    next_equity=98.0,
    peak=112.0,
    next_peak=112.0,
    turnover=0.3,
    cost=0.5,
    exposure=0.9,
)
"""R = -0.02, drawdown 1/8."""


def outcomes(returns, seed=1):
    """The outcomes [T] of accounts [n] that start with 50 and make `returns` [T, n]."""
    equity = 50.0 * np.cumprod(np.vstack([np.ones_like(returns[:1]), 1.0 + returns]), axis=0)
    peak = np.maximum.accumulate(equity, axis=0)
    extras = np.random.default_rng(seed).uniform(0.0, 1.0, (3, *returns.shape))
    first = equity[0]
    return [
        Outcome(first, equity[t], equity[t + 1], peak[t], peak[t + 1], *extras[:, t])
        for t in range(len(returns))
    ]


def pay(xp, declaration, steps):
    """The rewards of every step, and the last state."""
    function = make_reward(xp, declaration)
    state, rewards = tuple(0.0 * steps[0].equity + number for number in function.initial), []
    for outcome in steps:
        state, reward = function.step(state, outcome)
        rewards.append(reward)
    return rewards, state


@pytest.fixture
def returns():
    returns = np.random.default_rng(0).normal(0.0005, 0.02, (300, 4))
    returns[:5, 1] = 0.0  # flat first: no trade, no return
    returns[:, 2] = np.abs(returns[:, 2])  # never loses
    returns[40:80, 3] = 0.0
    return returns


# (A, B) = (0.01, 0.0005): variance 0.0004, its power 1.5 is 8e-6; dA = -0.03, dB = -0.0001.
# D = (0.0005 (-0.03) - 0.01 (-0.0001) / 2) / 8e-6 = -1.45e-5 / 8e-6.
# (A, DD^2) = (0.01, 0.0004): D = (0.0004 (-0.025) - 0.01 (0.0004) / 2) / 8e-6 = -1.2e-5 / 8e-6.
# nu = 0.012 < L = 0.02: -(0.012 + 0.008 / 0.1), then nu - 0.001 (1 - 10).
BY_HAND = [
    ("log_return", (), math.log(0.98), ()),
    ("pnl", (), -2.0 / 80.0, ()),
    ("differential_sharpe(0.1)", (0.01, 0.0005), -1.8125, (0.007, 0.00049)),
    ("differential_downside(0.1)", (0.01, 0.0004), -1.5, (0.007, 0.0004)),
    ("drawdown", (), -0.125, ()),
    ("max_drawdown", (0.1,), -0.025, (0.125,)),
    ("max_drawdown", (0.2,), 0.0, (0.2,)),
    ("cvar(0.1, 0.001)", (0.012,), -0.092, (0.021,)),
    ("cvar(0.1, 0.001)", (0.03,), -0.03, (0.029,)),
    ("mean_variance(3)", (), -0.02 - 1.5 * 0.0004, ()),
    ("turnover", (), -0.3, ()),
    ("cost", (), -0.005, ()),
    ("squared_exposure", (), -0.5 * ONE.exposure**2, ()),
]


@pytest.mark.parametrize(("declaration", "state", "reward", "after"), BY_HAND)
def test_a_step_worked_by_hand(declaration, state, reward, after):
    next_state, paid = make_reward(SCALAR, declaration).step(state, ONE)
    assert paid == pytest.approx(reward, rel=1e-12)
    assert next_state == pytest.approx(after, rel=1e-12)


def test_every_term_is_worked_by_hand():
    assert {declaration.split("(")[0] for declaration, *_ in BY_HAND} == set(REWARDS)


def test_downside_ratio_of_a_gain():
    gain = ONE._replace(next_equity=104.0)
    _, paid = make_reward(SCALAR, "differential_downside").step((0.01, 0.0004), gain)
    assert paid == pytest.approx((0.04 - 0.005) / 0.02, rel=1e-12)


def test_log_return_of_each_library():
    assert log_return(math.log, 100.0, 98.0) == math.log(0.98)


@pytest.mark.parametrize(
    ("declaration", "total"),
    [
        ("log_return", lambda equity: np.log(equity[-1] / equity[0])),
        ("pnl", lambda equity: equity[-1] / equity[0] - 1.0),
        (
            "max_drawdown",
            lambda equity: -(1.0 - equity / np.maximum.accumulate(equity, axis=0)).max(axis=0),
        ),
    ],
)
def test_what_the_rewards_of_an_episode_sum_to(declaration, total, returns):
    steps = outcomes(returns)
    equity = np.stack([steps[0].equity, *(outcome.next_equity for outcome in steps)])
    rewards, _ = pay(np, declaration, steps)
    np.testing.assert_allclose(np.sum(rewards, axis=0), total(equity), atol=1e-12)


def sharpe(mean, square):
    return mean / np.sqrt(square - mean**2)


def to_downside(mean, downside):
    return mean / np.sqrt(downside)


@pytest.mark.parametrize(
    ("term", "ratio", "second_moment"),
    [
        ("differential_sharpe", sharpe, lambda gained: gained**2),
        ("differential_downside", to_downside, lambda gained: np.minimum(gained, 0.0) ** 2),
    ],
)
def test_differential_ratio_is_the_derivative_of_the_moving_ratio(term, ratio, second_moment):
    """Moody and Saffell define D_t as dS_t / d eta at eta -> 0, S_t being the ratio after R_t."""
    rng = np.random.default_rng(3)
    mean, square = rng.normal(0.0, 0.005, 100), rng.uniform(2e-4, 9e-4, 100)
    gained = rng.normal(0.0, 0.03, 100)
    step = outcomes(gained[None])[0]
    _, paid = make_reward(np, term).step((mean, square), step)

    def after(eta):
        return ratio(mean + eta * (gained - mean), square + eta * (second_moment(gained) - square))

    eta = 1e-5
    np.testing.assert_allclose(paid, (after(eta) - after(-eta)) / (2.0 * eta), rtol=1e-6)


@pytest.mark.parametrize("term", ["differential_sharpe", "differential_downside"])
@pytest.mark.parametrize("state", [(0.0, 0.0), (0.01, 0.0), (0.0, MINIMUM_VARIANCE)])
def test_differential_ratio_to_no_variance_is_not_paid(term, state):
    _, paid = make_reward(SCALAR, term).step(state, ONE)
    assert paid == 0.0


def test_differential_sharpe_is_not_paid_for_rounding():
    """At rate 1 the moments are the last return's, and B - A^2 is what rounding left."""
    returns = np.random.default_rng(0).normal(0.0, 0.02, (500, 8))
    rewards, _ = pay(np, "differential_sharpe(1)", outcomes(returns))
    assert not np.any(rewards[1:])


@pytest.mark.parametrize(
    ("term", "second_moment"),
    [("differential_sharpe", 1.0), ("differential_downside", 0.5)],
)
def test_first_differential_ratio_is_in_units_of_the_typical_return(term, second_moment):
    _, paid = make_reward(SCALAR, term).step(make_reward(SCALAR, term).initial, ONE)
    assert paid == pytest.approx(-0.02 / (TYPICAL_RETURN * math.sqrt(second_moment)), rel=1e-12)


@pytest.mark.parametrize("term", ["differential_sharpe", "differential_downside"])
def test_differential_ratios_start_calmly(term):
    """With moments that start at 0 the largest of these is above 100,000."""
    returns = np.random.default_rng(0).normal(0.0, 0.01, (50, 2000))
    rewards, _ = pay(np, term, outcomes(returns))
    assert np.abs(rewards).max() < 15.0


@pytest.mark.parametrize(("rate", "tolerance"), [("1e-5", 0.01), ("1e-4", 0.04)])
def test_cvar_averages_to_the_closed_form(rate, tolerance):
    """Of Gaussian returns the worst `level` average to mu - sigma phi(z) / level.

    2e5 returns: the standard error is 0.3% of it; the rest is nu, which wanders by its rate.
    """
    mu, sigma, level = 0.0005, 0.01, 0.05
    normal = NormalDist()
    expected = mu - sigma * normal.pdf(normal.inv_cdf(level)) / level
    returns = np.random.default_rng(0).normal(mu, sigma, (2000, 100))
    function = make_reward(np, f"cvar({level}, {rate})")
    # From the quantile itself: 2000 steps are few to find it in at the lower rate.
    state, rewards = (-mu - sigma * normal.inv_cdf(level),), []
    for outcome in outcomes(returns):
        state, reward = function.step(state, outcome)
        rewards.append(reward)
    assert np.mean(rewards) == pytest.approx(expected, rel=tolerance)


def test_cvar_finds_the_quantile_from_zero():
    returns = np.random.default_rng(0).normal(0.0, 0.01, (200, 1000))
    _, (nu,) = pay(np, "cvar", outcomes(returns))
    assert nu.mean() == pytest.approx(0.01 * NormalDist().inv_cdf(0.95), rel=0.03)


@pytest.mark.parametrize("declaration", available_rewards())
def test_scalar_numpy_and_torch_pay_the_same(declaration, returns):
    steps = outcomes(returns)
    in_numpy, _ = pay(np, declaration, steps)
    tensors = [Outcome(*map(torch.from_numpy, outcome)) for outcome in steps]
    in_torch, _ = pay(torch, declaration, tensors)
    assert all(reward.dtype == torch.float64 for reward in in_torch)
    np.testing.assert_allclose(torch.stack(in_torch).numpy(), in_numpy, atol=1e-12, rtol=1e-12)
    for n in range(returns.shape[1]):
        account = [Outcome(*(float(field[n]) for field in outcome)) for outcome in steps]
        in_floats, state = pay(SCALAR, declaration, account)
        assert all(type(number) is float for number in (*in_floats, *state))
        np.testing.assert_allclose(in_floats, np.array(in_numpy)[:, n], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("declaration", available_rewards())
def test_float32_stays_float32(declaration, returns):
    steps = [
        Outcome(*(torch.from_numpy(field).float() for field in outcome))
        for outcome in outcomes(returns)
    ]
    rewards, state = pay(torch, declaration, steps)
    assert {tensor.dtype for tensor in (*rewards, *state)} == {torch.float32}


WITHOUT_EQUITY = {"turnover", "cost", "squared_exposure"}
"""Terms that do not ask what equity became."""


@pytest.mark.parametrize("declaration", sorted(set(available_rewards()) - WITHOUT_EQUITY))
def test_gradients_with_respect_to_equity_are_finite(declaration, returns):
    steps = outcomes(returns)
    equity = torch.stack([torch.from_numpy(outcome.next_equity) for outcome in steps])
    equity.requires_grad_()
    tensors = [
        Outcome(*map(torch.from_numpy, outcome))._replace(next_equity=after)
        for outcome, after in zip(steps, equity, strict=True)
    ]
    rewards, _ = pay(torch, declaration, tensors)
    torch.stack(rewards).sum().backward()
    assert torch.isfinite(equity.grad).all()
    assert equity.grad.abs().sum() > 0.0


def test_a_step_writes_to_nothing_it_is_given(returns):
    step = outcomes(returns)[7]
    for declaration in available_rewards():
        function = make_reward(np, declaration)
        state = tuple(np.full(4, number) for number in function.initial)
        for array in (*state, *step):
            array.flags.writeable = False
        function.step(state, step)


def test_differential_sharpe_is_paid_up_to_a_ratio_of_a_thousand():
    # Means of 1%; deviations of a hundredth and of two thousandths of that.
    for deviation, paid in ((1e-4, True), (0.5e-5, False)):
        state = (0.01, 0.01**2 + deviation**2)
        _, reward = make_reward(SCALAR, "differential_sharpe").step(state, ONE)
        assert (reward != 0.0) is paid


def test_the_aversion_to_variance_is_one_by_default():
    assert parse_reward("mean_variance") == parse_reward("mean_variance(1)")
