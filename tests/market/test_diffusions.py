"""Moments of the processes in continuous time, against their closed forms.

Each tolerance is three standard errors of what is measured.
"""

import numpy as np
import pytest

from drltrade.market.synthetic import Gbm, Heston, Jumps, OrnsteinUhlenbeck

N = 200_000
DT = 1.0 / 252.0
ERRORS = 3.0


def logs_of(process, n: int = N, seed: int = 0):
    return np.log1p(process.draw(np.random.default_rng(seed), n).returns)


def assert_mean(samples, exact: float, slack: float = 0.0) -> None:
    """Of independent samples; `slack` is relative."""
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert samples.mean() == pytest.approx(exact, abs=ERRORS * error + slack * abs(exact))


def assert_mean_of_blocks(samples, exact: float, slack: float = 0.0, block: int = 5000) -> None:
    """Of dependent samples: means of blocks that are long beside the dependence."""
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    assert_mean(blocks.mean(axis=1), exact, slack)


def test_gbm():
    process = Gbm(kind="gbm", mu=0.5, sigma=0.2)
    logs = logs_of(process)
    assert_mean(logs, (0.5 - 0.02) * DT)
    assert_mean((logs - logs.mean()) ** 2, 0.04 * DT)
    assert_mean(np.expm1(logs), np.expm1(0.5 * DT))


def test_jumps():
    process = Jumps(
        kind="jumps", mu=0.3, sigma=0.15, intensity=20.0, jump_mean=-0.02, jump_std=0.03
    )
    logs = logs_of(process)
    a, b, often = -0.02, 0.03, 20.0
    brought = often * np.expm1(a + b * b / 2)
    mean = (0.3 - 0.15**2 / 2 - brought + often * a) * DT
    variance = (0.15**2 + often * (a * a + b * b)) * DT
    third = often * DT * (a**3 + 3 * a * b * b)
    fourth = often * DT * (a**4 + 6 * a * a * b * b + 3 * b**4)
    centred = logs - mean
    assert_mean(logs, mean)
    assert_mean(centred**2, variance)
    assert_mean(centred**3, third)
    assert_mean(centred**4, fourth + 3 * variance**2)
    assert fourth / variance**2 > 10  # the kurtosis beyond a Gaussian's that the above confirms
    assert_mean(np.expm1(logs), np.expm1(0.3 * DT))


def test_jumps_that_carry_nothing_are_gbm():
    jumps = Jumps(kind="jumps", mu=0.1, sigma=0.2, jump_mean=0.0, jump_std=0.0)
    gbm = Gbm(kind="gbm", mu=0.1, sigma=0.2)
    np.testing.assert_allclose(logs_of(jumps, 100), logs_of(gbm, 100), rtol=1e-12, atol=1e-15)


HESTON = {
    "usual": Heston(kind="heston"),
    # Far from Feller's condition 2 kappa theta >= xi^2: the variance is near 0 most of the time.
    "often near 0": Heston(kind="heston", kappa=2.0, theta=0.04, xi=1.0, rho=0.5),
}


@pytest.mark.parametrize("process", HESTON.values(), ids=HESTON)
def test_variance_of_heston(process):
    path = process.variances(np.random.default_rng(0), N)
    assert (path >= 0).all()
    spread = process.theta * process.xi**2 / (2 * process.kappa)
    # The relaxation time is 252 / kappa bars: blocks of 5,000 have forgotten each other.
    assert_mean_of_blocks(path[1:], process.theta)
    centred = path - process.theta
    assert_mean_of_blocks(centred[1:] ** 2, spread)
    left = np.exp(-process.kappa * DT)
    assert_mean_of_blocks(centred[1:] * centred[:-1], spread * left)


def test_heston_is_stationary_from_the_first_bar():
    process = HESTON["usual"]
    first = np.array([process.variances(np.random.default_rng(seed), 0)[0] for seed in range(4000)])
    assert_mean(first, process.theta)
    assert_mean((first - process.theta) ** 2, process.theta * process.xi**2 / (2 * process.kappa))


@pytest.mark.parametrize("process", HESTON.values(), ids=HESTON)
def test_price_of_heston(process):
    logs = logs_of(process)
    # The price is a martingale but for mu, and what is squared is the mean variance.
    assert_mean_of_blocks(np.expm1(logs), np.expm1(process.mu * DT))
    assert_mean_of_blocks(logs, (process.mu - process.theta / 2) * DT)
    assert_mean_of_blocks((logs - logs.mean()) ** 2, process.theta * DT)
    changes = np.diff(process.variances(np.random.default_rng(0), N))  # the same draws come first
    # E[d log S dv] = rho xi E[v] dt, but for terms of order dt^2.
    exact = process.rho * process.xi * process.theta * DT
    assert_mean_of_blocks((logs - logs.mean()) * changes, exact, slack=process.kappa * DT)


def test_ornstein_uhlenbeck():
    process = OrnsteinUhlenbeck(kind="ornstein-uhlenbeck", kappa=20.0, sigma=0.3)
    drawn = process.draw(np.random.default_rng(0), N)
    x, left, variance = drawn.signals[:, 0], np.exp(-20.0 * DT), 0.3**2 / 40.0
    assert_mean_of_blocks(x, 0.0)
    assert_mean_of_blocks(x**2, 1.0)
    for lag in (1, 5, 20):
        assert_mean_of_blocks(x[lag:] * x[:-lag], left**lag)
    # The signal is the log price in units of its stationary standard deviation.
    logs = np.log1p(drawn.returns)
    np.testing.assert_allclose(logs[1:], np.sqrt(variance) * np.diff(x), rtol=1e-9, atol=1e-15)
    assert_mean_of_blocks(logs**2, 2.0 * variance * (1.0 - left))
    # What is foretold: E[x'] = x exp(-kappa dt).
    assert_mean(x[1:] - left * x[:-1], 0.0)


def test_ornstein_uhlenbeck_is_stationary_from_the_first_bar():
    process = OrnsteinUhlenbeck(kind="ornstein-uhlenbeck", kappa=0.5)
    first = np.array(
        [process.draw(np.random.default_rng(seed), 2).signals[0, 0] for seed in range(4000)]
    )
    assert_mean(first, 0.0)
    assert_mean(first**2, 1.0)
