"""What the processes draw, and the bars that are made of it."""

from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from drltrade.data.bars import check_frame
from drltrade.errors import ConfigError
from drltrade.market.synthetic import (
    BAR_WORTH,
    Ar1,
    Bootstrap,
    Factors,
    Garch,
    Gaussian,
    Gbm,
    Heston,
    Jumps,
    OrnsteinUhlenbeck,
    Permuted,
    Process,
    Regimes,
    draw_paths,
)

N = 200_000
SMALL = {"bars": 250, "path_length": 100, "validation_bars": 40, "test_bars": 60}
ALL = (
    Gaussian(kind="gaussian", **SMALL),
    Garch(kind="garch", **SMALL),
    Permuted(kind="permuted", **SMALL),
    Ar1(kind="ar1", **SMALL),
    Factors(kind="factors", **SMALL),
    Regimes(kind="regimes", **SMALL),
    Gbm(kind="gbm", **SMALL),
    Jumps(kind="jumps", **SMALL),
    Heston(kind="heston", **SMALL),
    OrnsteinUhlenbeck(kind="ornstein-uhlenbeck", **SMALL),
    Bootstrap(kind="bootstrap", start=date(1999, 1, 1), end=date(2010, 12, 31), **SMALL),
)
KINDS = [type(process).__name__ for process in ALL]


def units(process: Process, n: int = N):
    return process.units(np.random.default_rng(0), n)


def kind_of(process: Process) -> str:
    return process.model_dump()["kind"]


def correlation(x, y) -> float:
    return float(np.corrcoef(x, y)[0, 1])


@pytest.mark.parametrize("process", ALL, ids=KINDS)
def test_paths_are_bars_that_could_be_true(process):
    paths = draw_paths(process)
    assert [path.name for path in paths] == ["train 1", "train 2", "validation", "test"]
    assert [len(path.frame) for path in paths] == [100, 150, 40, 60]
    for path in paths:
        frame = path.frame
        check_frame(frame, path.name)
        assert str(frame.index[0].date()) == "2000-01-01"
        assert sum(name.startswith("signal_") for name in frame) == process.signals
        if kind_of(process) == "bootstrap":
            continue
        assert frame["open"].iloc[0] == 100.0
        np.testing.assert_array_equal(frame["open"].to_numpy()[1:], frame["close"].to_numpy()[:-1])
        np.testing.assert_allclose(frame["volume"] * frame["open"], BAR_WORTH, rtol=1e-15)


@pytest.mark.parametrize("process", ALL, ids=KINDS)
def test_the_same_keys_give_the_same_bars(process):
    paths, again = draw_paths(process), draw_paths(process)
    for path, same in zip(paths, again, strict=True):
        assert path.frame.equals(same.frame)
    longer = draw_paths(process.model_copy(update={"bars": 1000}))
    assert longer[0].frame.equals(paths[0].frame)
    assert longer[-1].frame.equals(paths[-1].frame)
    other = draw_paths(process.model_copy(update={"seed": 1}))
    returns = [p.frame["close"].to_numpy()[:40] for p in (*paths, *other)]
    assert len({tuple(each) for each in returns}) == len(returns)


def test_gaussian():
    returns, signals = units(Gaussian(kind="gaussian", mean=0.05))
    assert returns.mean() == pytest.approx(0.05, abs=3 / np.sqrt(N))
    assert returns.std() == pytest.approx(1.0, abs=0.01)
    assert signals.shape == (N, 0)


def test_garch():
    returns, _ = units(Garch(kind="garch", alpha=0.1, beta=0.8))
    assert returns.mean() == pytest.approx(0.0, abs=3 / np.sqrt(N))
    assert returns.std() == pytest.approx(1.0, abs=0.02)
    assert correlation(returns[1:], returns[:-1]) == pytest.approx(0.0, abs=0.02)
    # The first autocorrelation of squares: alpha (1 - beta (alpha + beta)) / (1 - 2 alpha beta -
    # beta^2).
    squares = returns**2
    exact = 0.1 * (1.0 - 0.8 * 0.9) / (1.0 - 2 * 0.1 * 0.8 - 0.8**2)
    assert correlation(squares[1:], squares[:-1]) == pytest.approx(exact, abs=0.03)


def test_ar1():
    returns, signals = units(Ar1(kind="ar1", rho=0.9, ic=0.1))
    x = signals[:, 0]
    assert (x.std(), returns.std()) == pytest.approx((1.0, 1.0), abs=0.02)
    assert correlation(x[1:], x[:-1]) == pytest.approx(0.9, abs=0.005)
    assert correlation(x[:-1], returns[1:]) == pytest.approx(0.1, abs=0.007)


def test_a_signal_says_nothing_beyond_the_next_return():
    """With all noise gone, row t of the signal is return t + 1; and no other, without memory."""
    returns, signals = units(Ar1(kind="ar1", rho=0.0, ic=1.0))
    np.testing.assert_array_equal(signals[:-1, 0], returns[1:])
    for lag in (-2, -1, 0, 2):
        aligned = np.roll(returns, -lag)[5:-5], signals[5:-5, 0]
        assert correlation(*aligned) == pytest.approx(0.0, abs=0.01)


def test_factors():
    process = Factors(kind="factors", noise=0.0)
    returns, signals = units(process)
    np.testing.assert_allclose(returns[1:], signals[:-1] @ [0.05, 0.05], atol=1e-15)
    for k, phi in enumerate(process.phi):
        f = signals[:, k]
        assert f.std() == pytest.approx(1.0, abs=0.05)
        assert correlation(f[1:], f[:-1]) == pytest.approx(1.0 - phi, abs=0.01)
    noisy, _ = units(process.model_copy(update={"noise": 2.0}))
    assert noisy.std() == pytest.approx(np.sqrt(4.0 + 2 * 0.05**2), abs=0.02)


def test_regimes():
    returns, _ = units(Regimes(kind="regimes", stay=0.9, mean=0.5))
    assert returns.var() == pytest.approx(1.25, abs=0.02)
    covariance = np.mean(returns[1:] * returns[:-1])
    assert covariance == pytest.approx(0.25 * (2 * 0.9 - 1), abs=0.01)
    first = [
        Regimes(kind="regimes", mean=10.0).units(np.random.default_rng(seed), 1)[0][0] > 0
        for seed in range(200)
    ]
    assert np.mean(first) == pytest.approx(0.5, abs=0.11)


def test_permuted():
    process = Permuted(kind="permuted", block=5)
    returns, _ = units(process, 5030 // 5 * 5)
    assert returns.mean() == pytest.approx(0.0, abs=1e-12)
    assert returns.std() == pytest.approx(1.0, abs=1e-12)
    assert np.abs(returns).max() > 6.0  # tails that no Gaussian has
    single, _ = units(Permuted(kind="permuted"), 5030)
    plain, _ = units(Permuted(kind="permuted", seed=1), 5030)
    np.testing.assert_allclose(np.sort(single), np.sort(plain))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Garch, {"alpha": 0.5, "beta": 0.6}, "below 1 is needed"),
        (Factors, {"phi": (0.1,)}, "one of each a factor"),
        (Factors, {"phi": (0.1, 0.0)}, "above 0, at most 1"),
        (Permuted, {"data": "nowhere"}, "an embedded data set is needed"),
        (Ar1, {"rho": 1.0}, "less than 1"),
        (Regimes, {"stay": 0.5}, "greater than 0.5"),
    ],
)
def test_bad_keys(kind, values, message):
    with pytest.raises(ValidationError, match=message):
        kind(kind=kind.__name__.lower(), **values)


def test_blocks_that_are_too_long():
    with pytest.raises(ConfigError, match=r"synthetic\.block = 3000: sp500 has 5030 returns"):
        units(Permuted(kind="permuted", block=3000), 10)
