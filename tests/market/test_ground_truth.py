"""The solvers against the values that are known, and against one another."""

import numpy as np
import pytest

from drltrade.errors import ConfigError
from drltrade.market.costs import Bracket, Costs, Margin
from drltrade.market.ground_truth import (
    AccountTerms,
    Asset,
    GrowthProblem,
    PositionProblem,
    ar1_problem,
    belief_of,
    filter_regime,
    ground_truth,
    regime_problem,
    solve_constant,
    solve_garleanu_pedersen,
    solve_kelly,
    solve_kelly_cost,
)
from drltrade.market.synthetic import Ar1, Factors, Garch, Gaussian, Gbm, Permuted, Regimes

STEP = 12.0 / 800
"""Of the signal's grid: a threshold is known to one of its points."""


@pytest.fixture(scope="module")
def base():
    return ar1_problem(0.9, 0.1, 0.2).solve()


@pytest.fixture(scope="module")
def holding():
    return ar1_problem(0.9, 0.1, 0.2, holding=0.03).solve()


@pytest.fixture(scope="module")
def regime():
    return regime_problem(0.98, 0.3, 0.5).solve()


def test_constant():
    assert solve_constant(0.05) == (0.05, 1.0)
    assert solve_constant(-0.05, positions=(-2.0, 0.0, 1.0)) == (0.1, -2.0)
    assert solve_constant(0.0) == (0.0, 0.0)
    assert solve_constant(0.05, holding=0.06) == (0.0, 0.0)


def test_ar1_with_costs(base):
    assert base.value == pytest.approx(0.054701, abs=5e-7)
    assert base.turnover == pytest.approx(0.0804, abs=5e-5)
    # From short, flat and long: it flips, and is never flat.
    up = [[0.645, 0.645], [-0.645, 0.645], [-0.645, -0.645]]
    np.testing.assert_allclose(base.thresholds, up, atol=1.01 * STEP)


def test_ar1_with_half_the_costs():
    cheap = ar1_problem(0.9, 0.1, 0.1).solve()
    assert cheap.value == pytest.approx(0.064022, abs=5e-7)
    assert cheap.thresholds[0, 1] == pytest.approx(0.45, abs=STEP)


def test_ar1_without_costs_trades_on_the_sign():
    free = ar1_problem(0.9, 0.1, 0.0).solve()
    # A cell of the grid is as wide as its mean deviates from its middle.
    assert free.value == pytest.approx(0.1 * np.sqrt(2.0 / np.pi), rel=1e-4)
    np.testing.assert_allclose(free.thresholds[:, 0], 0.0, atol=STEP)


def test_ar1_with_known_returns():
    """ic = 1 and no memory: long or short of tomorrow's |return|, unless the switch costs more.

    With two positions 1 and -1 the best is to flip beyond |x| = kappa: going along with x earns |x|
    and a flip 2 kappa less, and where one stands next does not depend on it.
    """
    problem = ar1_problem(0.0, 1.0, 0.1)
    found = problem.solve()
    assert found.value == pytest.approx(0.701883, abs=1e-6)
    flip = np.where(problem.grid[:, None] > [0.1, 0.0, -0.1], 2, 0)
    assert problem.evaluate(flip).value == pytest.approx(found.value, abs=1e-5)


def sign_policy(problem: PositionProblem) -> np.ndarray:
    """Long or short by the signal's sign; at the grid's point 0 it keeps what it holds."""
    sign = 1 + np.sign(np.round(problem.grid, 9)).astype(np.int64)
    return np.where(sign[:, None] == 1, np.arange(3), sign[:, None])


def test_other_policies_on_ar1(base):
    problem = base.problem
    # The value of x's sign is ic sqrt(2 / pi) - 2 kappa arccos(rho) / pi.
    sign = np.broadcast_to(np.where(problem.grid > 0.0, 2, 0)[:, None], base.policy.shape)
    exact = 0.1 * np.sqrt(2.0 / np.pi) - 0.4 * np.arccos(0.9) / np.pi
    assert problem.evaluate(sign).value == pytest.approx(exact, abs=2e-5)
    assert exact / base.value == pytest.approx(0.409, abs=5e-4)
    # Not to trade in the one cell around 0 spares it a part of the costs.
    share = problem.evaluate(sign_policy(problem)).value / base.value
    assert share == pytest.approx(0.43, abs=5e-3)
    myopic = (problem.gain[:, None, :] - problem.switch).argmax(2)
    assert problem.evaluate(myopic).value / base.value == pytest.approx(0.42, abs=5e-3)


def test_ar1_with_a_holding_cost(holding):
    assert holding.value == pytest.approx(0.0298918, abs=5e-8)
    # Long is entered at 1.035, from flat and from short; kept down to -0.255, and then flat.
    up = [[0.255, 1.035], [-1.035, 1.035], [-1.035, -0.255]]
    np.testing.assert_allclose(holding.thresholds, up, atol=1.01 * STEP)


def test_best_single_threshold_with_a_holding_cost(holding):
    problem = holding.problem
    shares = []
    for threshold in np.arange(0.6, 1.3, 0.1):
        beyond = np.where(problem.grid > threshold, 2, np.where(problem.grid < -threshold, 0, -1))
        policy = np.where(beyond[:, None] < 0, np.arange(3), beyond[:, None])
        shares.append(problem.evaluate(policy).value / holding.value)
    assert max(shares) == pytest.approx(0.825, abs=5e-3)
    share = problem.evaluate(sign_policy(problem)).value / holding.value
    assert share == pytest.approx(-0.22, abs=5e-3)


def test_hidden_regime(regime):
    assert regime.value == pytest.approx(0.148331, abs=1.5e-6)
    assert regime.turnover == pytest.approx(0.0426, abs=5e-5)
    beliefs = belief_of(regime.thresholds)
    assert beliefs[0, 1] == pytest.approx(0.705, abs=1e-3)
    assert (regime.policy[:, 1] == 1).any()  # flat is kept, and reached from neither side alone


def test_regime_filter_is_the_forward_recursion():
    rng = np.random.default_rng(0)
    returns = rng.normal(0.0, 1.0, 200)
    belief, found = 0.5, filter_regime(returns, 0.98, 0.3)
    for r, log_odds in zip(returns, found, strict=True):
        likely = belief * np.exp(0.3 * r), (1.0 - belief) * np.exp(-0.3 * r)
        posterior = likely[0] / sum(likely)
        belief = 0.98 * posterior + 0.02 * (1.0 - posterior)
        assert belief_of(log_odds) == pytest.approx(belief, abs=1e-12)


@pytest.mark.parametrize(
    "problem",
    [ar1_problem(0.5, 0.3, 0.1, holding=0.05, points=101), regime_problem(0.9, 0.5, 0.3)],
    ids=["ar1", "regime"],
)
def test_an_optimum_is_its_policys_value_and_no_other_is_better(problem: PositionProblem):
    np.testing.assert_allclose(problem.transition.sum(1), 1.0, atol=1e-12)
    assert (problem.transition >= 0.0).all()
    found = problem.solve()
    assert problem.evaluate(found.policy).value == pytest.approx(found.value, abs=1e-8)
    rng = np.random.default_rng(0)
    for _ in range(10):
        other = np.where(rng.random(found.policy.shape) < 0.1, rng.integers(0, 3), found.policy)
        assert problem.evaluate(other).value < found.value + 1e-8


def test_positions_scale_an_optimum_and_costs_lower_it(base):
    double = ar1_problem(0.9, 0.1, 0.2, positions=(2.0, -2.0, 0.0)).solve()
    assert double.value == pytest.approx(2.0 * base.value, abs=1e-8)
    one_sided = ar1_problem(0.9, 0.1, 0.2, positions=(0.0, 1.0)).solve()
    # Half the gain of -1 and 1, for half the costs.
    assert one_sided.value == pytest.approx(0.5 * base.value, abs=1e-8)
    costs = [
        ar1_problem(0.9, 0.1, kappa, points=201).solve().value for kappa in (0.0, 0.1, 0.5, 5.0)
    ]
    assert np.all(np.diff(costs) < 0.0)
    # mean E|2 b - 1| of the belief, more than with costs and less than by an oracle.
    assert 0.148331 < regime_problem(0.98, 0.3, 0.0).solve().value < 0.28


def test_a_held_position_is_chosen_by_nearest(base):
    state, weight = np.array([0.6, 0.7, 0.6, -0.7]), np.array([-1.0003, -1.0, 0.9998, 1.0])
    assert base.choose(state, weight).tolist() == [-1.0, 1.0, 1.0, -1.0]


def test_garleanu_pedersen():
    found = solve_garleanu_pedersen((0.3, 0.05), (0.05, 0.05), 0.05, 0.5)
    assert found.value == pytest.approx(0.0270310, abs=5e-8)
    assert found.gains == pytest.approx([0.149219, 0.238007], abs=5e-7)
    assert found.rate == pytest.approx(0.270156, abs=5e-7)
    assert found.a_xx == pytest.approx(0.135078, abs=5e-7)
    assert found.evaluate(found.gains, found.rate) == pytest.approx(found.value, rel=1e-12)


def test_other_linear_policies():
    found = solve_garleanu_pedersen((0.3, 0.05), (0.05, 0.05), 0.05, 0.5)
    markowitz = found.b / 0.05
    assert found.evaluate(0.2 * markowitz, 0.2) / found.value == pytest.approx(0.898, abs=5e-4)
    myopic = found.b / (0.05 + 0.5)
    share = found.evaluate(myopic, 0.05 / 0.55) / found.value
    assert share == pytest.approx(0.800, abs=5e-4)
    assert found.evaluate(markowitz, 1.0) == pytest.approx(-0.1250, abs=5e-5)
    assert found.evaluate(found.gains, -0.01) == -np.inf
    for change in np.eye(3) * 0.01:
        for sign in (-1.0, 1.0):
            moved = found.evaluate(found.gains + sign * change[:2], found.rate + sign * change[2])
            assert moved < found.value


def test_garleanu_pedersen_by_iterating_riccati():
    """V <- max of the reward and E V, as a matrix, for three factors."""
    phi, b, gamma, impact = np.array([0.5, 0.2, 0.02]), np.array([0.1, -0.05, 0.02]), 0.1, 0.7
    found = solve_garleanu_pedersen(phi, b, gamma, impact)
    move, into = np.diag([*(1.0 - phi), 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
    reward = np.zeros((4, 4))  # of (f, x'): x' b f - gamma / 2 x'^2
    reward[3, :3] = reward[:3, 3] = 0.5 * b
    reward[3, 3] = -0.5 * gamma
    value = np.zeros((4, 4))
    for _ in range(3000):
        after = reward + move.T @ value @ move
        gain = -(into @ after) / (into @ after @ into - 0.5 * impact)
        held = np.eye(4) + np.outer(into, gain)
        value = held.T @ after @ held - 0.5 * impact * np.outer(gain, gain)
    np.testing.assert_allclose(gain, [*found.gains, -found.rate], atol=1e-10)
    shocks = np.diag([*(1.0 - (1.0 - phi) ** 2), 0.0])
    assert np.trace(value @ shocks) == pytest.approx(found.value, rel=1e-9)


def test_kelly():
    found = solve_kelly(0.08, 0.2)
    assert found.value == pytest.approx(0.0799936, abs=5e-8)
    assert found.weight == pytest.approx(1.99952, abs=5e-6)
    assert found.evaluate(1.0) / found.value == pytest.approx(0.75, abs=1e-3)
    assert found.evaluate(4.0) == pytest.approx(0.0, abs=5e-4)
    assert solve_kelly(0.08, 0.2, high=1.5).weight == 1.5
    assert Asset(0.08, 2.0, 1.0).growth(4.0) == -np.inf


def test_kelly_with_costs():
    found = solve_kelly_cost(0.08, 0.4, 0.005)
    assert (found.low, found.high) == pytest.approx((0.425, 0.575), abs=2e-3)
    # 0.019518 on 401 points with nearest-point drift; Monte Carlo: 0.019528 +- 0.000003.
    assert found.value == pytest.approx(0.019526, abs=1e-6)
    free = solve_kelly(0.08, 0.4, high=1.0)
    assert (free.value, free.weight) == pytest.approx((0.019998, 0.5), abs=2e-4)
    problem = found.problem
    assert problem.evaluate(found.low, found.high) == pytest.approx(found.value, rel=1e-9)
    assert problem.evaluate(0.5, 0.5) / found.value == pytest.approx(0.70, abs=5e-3)
    assert problem.evaluate(0.4625, 0.5375) / found.value == pytest.approx(0.992, abs=1.5e-3)
    assert problem.evaluate(0.35, 0.65) / found.value == pytest.approx(0.984, abs=5e-4)
    for points in (801, 3201):
        assert solve_kelly_cost(0.08, 0.4, 0.005, points=points).value == pytest.approx(
            found.value, rel=5e-5
        )


def test_kelly_costs_at_their_limits():
    assert solve_kelly_cost(0.08, 0.4, 1e-9).value == pytest.approx(0.019998, abs=2e-6)
    dear = solve_kelly_cost(0.08, 0.4, 0.02)
    assert (dear.low, dear.high) == pytest.approx((0.3775, 0.6225), abs=2e-3)
    assert dear.value == pytest.approx(0.018845, abs=1e-5)
    capped = solve_kelly_cost(0.08, 0.4, 0.005, high=0.3)
    assert capped.high == pytest.approx(0.3)
    assert capped.value < solve_kelly_cost(0.08, 0.4, 0.005).value


def test_worth_of_a_trade_is_what_the_account_pays():
    """Buy from 0 to 1 with all equity at 1%: E' = E / 1.01; and sell it all at 1%: E' = 0.99 E."""
    problem = GrowthProblem(Asset(0.1, 0.2), 0.01, 0.01)
    worth = np.exp(problem.worth(np.array([0.0, 1.0, 0.4]), np.array([1.0, 0.0, 0.4])))
    np.testing.assert_allclose(worth, [1.0 / 1.01, 0.99, 1.0], rtol=1e-14)


KAPPA = Costs(commission_bps=0.1, half_spread_bps=0.06, slippage_bps=0.04)
FREE = Costs(commission_bps=0.0, slippage_bps=0.0)
IMPACT = Costs(commission_bps=0.0, slippage_bps=0.0, impact="linear", impact_bps=25.0)
DISCRETE = (-1.0, 0.0, 1.0)
PENALISED = {"pnl": 1.0, "squared_exposure": 5e-6}


def test_a_presets_units():
    """Costs over volatility; a reward that is paid tenfold is ten times as large a unit."""
    process = Ar1(kind="ar1", volatility=2e-4)
    costs = KAPPA.model_copy(update={"funding_rate": 0.00219, "borrow_rate": 0.00438})
    truth = ground_truth(process, AccountTerms(costs, DISCRETE, reward={"pnl": 10.0}))
    assert truth.unit == pytest.approx(2e-3)
    assert truth.value == pytest.approx(
        ar1_problem(0.9, 0.1, 0.1, holding=0.03).solve().value, abs=1e-9
    )
    state, zero, one = np.array([[2.0]]), np.zeros(1), np.ones(1)
    assert truth.expected(state, zero, one) == pytest.approx(0.2 - 0.1 - 0.03)
    assert truth.act(state, zero) == 1.0
    ranged = ground_truth(Ar1(kind="ar1"), AccountTerms(KAPPA, None, (-1.0, 1.0)))
    assert ranged.value == pytest.approx(ar1_problem(0.9, 0.1, 0.2).solve().value, abs=1e-8)


def test_units_of_quadratic_costs():
    process = Factors(kind="factors")
    account = AccountTerms(IMPACT, None, (-5.0, 5.0), reward=PENALISED)
    truth = ground_truth(process, account)
    assert truth.value == pytest.approx(0.0270310, abs=5e-8)
    assert truth.act(np.array([[1.0, 1.0], [100.0, 0.0]]), np.ones(2)) == pytest.approx(
        [1.0 + 0.149219 + 0.238007 - 0.270156, 5.0], abs=2e-6
    )
    # 1.5 (0.05 + 0.1) - 0.025 1.5^2 - 0.25 0.5^2
    expected = truth.expected(np.array([[1.0, 2.0]]), np.ones(1), np.array([1.5]))
    assert expected == pytest.approx(0.225 - 0.05625 - 0.0625)


@pytest.mark.parametrize(
    "process",
    [Garch(kind="garch"), Permuted(kind="permuted"), Gaussian(kind="gaussian")],
    ids=["garch", "permuted", "gaussian"],
)
def test_martingales_are_left_alone(process):
    truth = ground_truth(process, AccountTerms(KAPPA, DISCRETE))
    assert truth.value == 0.0
    assert truth.act(np.empty((2, 0)), np.array([1.0, 0.0])).tolist() == [0.0, 0.0]


T = AccountTerms
AR1, GBM, FACTORS = Ar1(kind="ar1"), Gbm(kind="gbm"), Factors(kind="factors")


@pytest.mark.parametrize(
    ("process", "account", "message"),
    [
        (AR1, T(KAPPA, DISCRETE, fill="next_close"), "fill = 'next_close'"),
        (
            AR1,
            T(KAPPA, DISCRETE, reward="log_return"),
            "reward = 'log_return': it must be",
        ),
        (AR1, T(KAPPA, DISCRETE, reward=PENALISED), "reward = .*must be pnl alone"),
        (AR1, T(Costs(fixed_fee=1.0), DISCRETE), r"costs.fixed_fee = 1.0: it must be 0"),
        (AR1, T(Costs(volume_limit=0.1), DISCRETE), "costs.volume_limit = 0.1"),
        (
            AR1,
            T(Costs(borrow_rate=0.1), DISCRETE),
            "costs.borrow_rate = 0.1: it must be tw",
        ),
        (AR1, T(IMPACT, DISCRETE), "costs.impact = 'linear': leave it out"),
        (AR1, T(KAPPA, DISCRETE, margin=Margin(leverage=2.0)), "margin = "),
        (AR1, T(KAPPA, DISCRETE, bracket=Bracket(stop_loss=0.1)), "bracket = "),
        (
            FACTORS,
            T(KAPPA, None, (-5.0, 5.0), reward=PENALISED),
            "costs.impact = 'none'",
        ),
        (
            FACTORS,
            T(IMPACT, None, (-5.0, 5.0)),
            "reward = 'pnl': the term squared_exposure",
        ),
        (
            FACTORS,
            T(IMPACT, DISCRETE, reward=PENALISED),
            r"positions = \(-1.0, 0.0, 1.0\)",
        ),
        (GBM, T(FREE, None, (0.0, 4.0)), "reward = 'pnl': it must be log_return alone"),
        (GBM, T(FREE, DISCRETE, reward="log_return"), "set position_range"),
        (
            GBM,
            T(KAPPA, None, (0.0, 4.0), reward="log_return"),
            "position_range = .*0 and 1",
        ),
        (
            Regimes(kind="regimes"),
            T(Costs(interest_rate=0.1), DISCRETE),
            "costs.interest",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_its_key(process, account, message):
    with pytest.raises(ConfigError, match=message):
        ground_truth(process, account)
