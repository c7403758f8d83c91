"""Figures against a benchmark, as those of empyrical."""

from dataclasses import replace

import empyrical
import numpy as np
import pandas as pd
import pytest

from drltrade.evaluation.relative import (
    RELATIVE,
    alpha,
    beta,
    information_ratio,
    relative_metrics,
    tracking_error,
)


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(4)
    benchmark = rng.normal(0.0005, 0.01, 700)
    return 0.0003 + 0.7 * benchmark + rng.normal(0, 0.006, 700), benchmark


def test_figures_agree_with_empyrical(both):
    own, other = both
    assert beta(own, other) == pytest.approx(empyrical.beta(own, other), rel=1e-10)
    assert alpha(own, other, 252) == pytest.approx(empyrical.alpha(own, other), rel=1e-9)
    assert alpha(own, other, 365) == pytest.approx(
        empyrical.alpha(own, other, annualization=365), rel=1e-9
    )
    excess = empyrical.excess_sharpe(own, other)  # a bar
    assert information_ratio(own, other, 252) == pytest.approx(excess * 252**0.5, rel=1e-10)
    volatility = empyrical.annual_volatility(own - other)
    assert tracking_error(own, other, 252) == pytest.approx(volatility, rel=1e-10)


def test_figures_of_the_benchmark_itself(both):
    own = both[1]
    assert beta(own, own) == pytest.approx(1.0)
    assert alpha(own, own, 252) == pytest.approx(0.0, abs=1e-12)
    assert tracking_error(own, own, 252) == 0.0
    assert np.isnan(information_ratio(own, own, 252))


@pytest.mark.parametrize("benchmark", [np.zeros(700), np.full(700, 0.001)])
def test_figures_against_what_does_not_vary(both, benchmark):
    assert np.isnan(beta(both[0], benchmark))
    assert np.isnan(alpha(both[0], benchmark, 252))
    assert tracking_error(both[0], benchmark, 252) > 0


def test_figures_of_a_short_period_are_none_but_beta(task):
    from drltrade.backtesting.engine import replay

    rows = task.rows("test")
    rng = np.random.default_rng(0)
    one, two = (replay(rng.choice([0.0, 0.5, 2.0], len(rows) - 1), task.market, rows, task.rules)
                for _ in "12")  # fmt: skip
    days = pd.bdate_range("2020-01-01", periods=len(rows))[:40]
    short = [replace(x, times=days, equity=x.equity[:40]) for x in (one, two)]
    found = relative_metrics(*short)
    assert list(found) == list(RELATIVE)
    assert np.isfinite(found["beta"])
    assert np.isnan([found[k] for k in ("alpha", "information_ratio", "tracking_error")]).all()


def test_beta_of_two_bars_is_a_slope():
    assert beta(np.array([0.01, 0.04]), np.array([0.02, 0.03])) == pytest.approx(3.0)
