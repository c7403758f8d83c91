"""Stylised facts: of series for which they are known, and of what the markets draw."""

from datetime import date

import numpy as np
import pytest

from drltrade.data.catalog import load_bars
from drltrade.market.synthetic import Bootstrap, Garch, Gaussian
from drltrade.market.synthetic.generator import load_generator
from drltrade.market.synthetic.stylised import (
    TOLERANCE,
    autocorrelations,
    compare,
    hill_index,
    leverage_effect,
    sampling_errors,
    stylised_facts,
)

N, PATHS = 100_000, 48


@pytest.fixture(scope="module")
def sp500():
    """Log returns of the S&P 500 that the shipped generator has learned from."""
    close = load_bars("sp500").frame("SP500")["close"].loc["1999-01-01":"2010-12-31"]
    return np.diff(np.log(close.to_numpy()))


def test_facts_of_independent_gaussian_returns():
    returns = np.random.default_rng(0).standard_normal(N)
    facts = stylised_facts(returns)
    assert facts.kurtosis == pytest.approx(3.0, abs=3 * np.sqrt(24 / N))
    each = 3 / np.sqrt(N)
    assert facts.autocorrelation == pytest.approx(0.0, abs=each)
    assert facts.clustering == pytest.approx(0.0, abs=each / np.sqrt(20))
    assert facts.leverage == pytest.approx(0.0, abs=each / np.sqrt(10))


@pytest.mark.parametrize("index", [2.0, 3.0, 5.0])
def test_the_hill_index_of_a_power_law(index):
    values = np.random.default_rng(0).pareto(index, N) + 1.0
    count = 0.05 * N
    assert hill_index(values) == pytest.approx(index, rel=3 / np.sqrt(count))
    facts = stylised_facts(-values)
    assert facts.left_tail < facts.right_tail


def test_autocorrelations_of_an_ar1():
    rng, path = np.random.default_rng(0), np.zeros(N)
    for t in range(1, N):
        path[t] = 0.8 * path[t - 1] + rng.standard_normal()
    np.testing.assert_allclose(autocorrelations(path, 5), 0.8 ** np.arange(1, 6), atol=0.02)


def test_leverage_of_a_volatility_that_falls_three_bars_after_a_gain():
    shocks = np.random.default_rng(0).standard_normal(N)
    returns = shocks.copy()
    returns[3:] *= np.exp(-0.2 * shocks[:-3])
    effect = leverage_effect(returns, 5)
    # corr(e, r'^2) of r' = e' exp(-s e): E[e r'^2] = -2 s exp(2 s^2), E[r'^4] = 3 exp(8 s^2).
    s = 0.2
    exact = -2 * s * np.exp(2 * s * s) / np.sqrt(3 * np.exp(8 * s * s) - np.exp(4 * s * s))
    spread = np.std(returns)
    assert effect[2] == pytest.approx(exact / spread, abs=0.02)
    assert np.abs(np.delete(effect, 2)).max() < 0.02


def test_the_standard_error_of_independent_returns_is_the_known_one():
    returns = np.random.default_rng(0).standard_normal(4000)
    errors = sampling_errors(returns, np.random.default_rng(0), draws=200, block=1.0)
    # 200 draws tell a standard error to a tenth, at two standard errors of its own.
    assert errors.autocorrelation == pytest.approx(1 / np.sqrt(4000), rel=0.15)
    assert errors.clustering == pytest.approx(1 / np.sqrt(20 * 4000), rel=0.3)


@pytest.mark.filterwarnings("error")
def test_what_paths_do_not_have_is_missed(sp500):
    """Returns of one size, and none at all: as from a generator that has hardly been trained."""
    signs = np.where(np.random.default_rng(0).random((3, len(sp500))) < 0.5, -0.02, 0.02)
    found = compare(sp500, signs, np.random.default_rng(0))
    assert found.drawn.left_tail == found.drawn.right_tail == np.inf
    assert np.isnan([found.drawn.clustering, found.drawn.leverage]).all()
    assert {"left_tail", "right_tail", "clustering", "leverage"} <= {*found.missed}
    still = compare(sp500, np.zeros((3, len(sp500))), np.random.default_rng(0))
    assert still.missed == still.real._fields
    other = compare(signs[0], sp500[None], np.random.default_rng(0))
    assert {"left_tail", "right_tail", "clustering", "leverage"} <= {*other.missed}


def simple(process, count: int):
    """[PATHS, count] log returns."""
    rngs = [np.random.default_rng(seed) for seed in range(PATHS)]
    return np.log1p([process.draw(rng, count).returns for rng in rngs])


def test_the_shipped_generator_has_the_facts_of_what_it_learned(sp500):
    generator = load_generator("sp500")
    drawn = generator.sample(np.random.default_rng(0), len(sp500), PATHS)
    found = compare(sp500, drawn, np.random.default_rng(0))
    assert found.missed == (), found
    assert TOLERANCE == 2.0
    # Its usual volatility is the real one, and no path is beyond belief.
    assert np.median(drawn.std(axis=1)) == pytest.approx(sp500.std(), rel=0.15)
    assert np.abs(drawn).max() < 4 * np.abs(sp500).max()


def test_the_tolerance_rejects_what_lacks_a_fact(sp500):
    gaussian = compare(
        sp500, simple(Gaussian(kind="gaussian", volatility=0.01), 3018), np.random.default_rng(0)
    )
    assert {"kurtosis", "left_tail", "right_tail", "clustering", "leverage"} <= {*gaussian.missed}
    garch = Garch(kind="garch", volatility=0.01, alpha=0.08, beta=0.91)
    assert "leverage" in compare(sp500, simple(garch, 3018), np.random.default_rng(0)).missed


def test_blocks_of_the_series_have_its_facts(sp500):
    process = Bootstrap(
        kind="bootstrap", start=date(1999, 1, 1), end=date(2010, 12, 31), block=250.0
    )
    assert compare(sp500, simple(process, 3018), np.random.default_rng(0)).missed == ()
