"""Regimes are found, from the train period alone, and filtered without the future."""

import itertools

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.errors import DataError
from drltrade.features import kernels
from drltrade.features.kinds import History
from drltrade.features.memory import Memory
from drltrade.features.regimes import regime_probability
from drltrade.features.table import feature_table, learn_features
from drltrade.features.track import Context

TRUE = {"mean": [0.001, -0.002], "deviation": [0.005, 0.02], "stay": [0.98, 0.95]}


def switching(seed, count):
    rng = np.random.default_rng(seed)
    state, states = 0, []
    for _ in range(count):
        state = state if rng.random() < TRUE["stay"][state] else 1 - state
        states.append(state)
    states = np.array(states)
    returns = np.take(TRUE["mean"], states) + np.take(TRUE["deviation"], states) * rng.normal(
        size=count
    )
    times = pd.date_range("2000-01-01", periods=count, name="time")
    close = 100 * np.exp(np.cumsum(returns))
    return pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], close), times), states


def test_what_was_put_in_is_found():
    frames = {f"path {seed}": switching(seed, 4000)[0] for seed in range(3)}
    (learned,) = learn_features(frames, ["regime"], Context(), pd.Timestamp.max).values()
    # Some three standard errors of 12,000 returns.
    np.testing.assert_allclose(learned["deviation"], TRUE["deviation"], rtol=0.05)
    np.testing.assert_allclose(learned["stay"], TRUE["stay"], atol=0.01)
    np.testing.assert_allclose(learned["mean"], TRUE["mean"], atol=0.0015)


def test_the_filter_is_bayes_rule():
    frame, _ = switching(5, 30)
    returns = np.diff(np.log(frame["close"]))
    belief, expected = np.array([0.05, 0.02]) / 0.07, [np.nan]
    belief = np.array([0.05, 0.02]) / 0.07
    for r in returns:
        density = [
            np.exp(-0.5 * ((r - m) / s) ** 2) / s
            for m, s in zip(TRUE["mean"], TRUE["deviation"], strict=True)
        ]
        posterior = belief * density / (belief @ density)
        expected.append(posterior[1])
        to_turbulent = posterior[0] * 0.02 + posterior[1] * 0.95
        belief = np.array([1 - to_turbulent, to_turbulent])
    found = regime_probability(History(frame, Memory()), TRUE)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_it_tells_calm_from_turbulence():
    frame, states = switching(7, 3000)
    probability = regime_probability(History(frame, Memory()), TRUE)[1:]
    assert probability[states[1:] == 1].mean() > 0.75
    assert probability[states[1:] == 0].mean() < 0.15


def test_what_comes_after_the_train_period_teaches_nothing():
    frame, end = load_bars("sp500").frame("SP500"), pd.Timestamp("2006-01-01")
    other = frame.copy()
    other.loc[end:, "close"] *= np.linspace(1.0, 3.0, len(other.loc[end:]))
    declared = ["regime()", "regime()@1w"]
    learned = learn_features({"X": frame}, declared, Context(), end)
    assert learned == learn_features({"X": other}, declared, Context(), end)
    assert learned != learn_features({"X": frame}, declared, Context(), pd.Timestamp("2012-01-01"))
    calm, turbulent = learned["regime()"]["deviation"]
    assert 0.004 < calm < 0.011 < turbulent < 0.03
    table = feature_table(frame, declared, Context(learned=learned))
    assert table["regime"].between(0.0, 1.0).all()
    assert table.loc["2008-10", "regime"].min() > 0.9
    assert table.loc["2017-05", "regime"].mean() < 0.2


def test_nothing_to_learn_from():
    frame, _ = switching(0, 40)
    with pytest.raises(DataError, match=r"regime\(\) learns from at least 50 returns that vary"):
        learn_features({"X": frame}, ["regime"], Context(), pd.Timestamp.max)
    with pytest.raises(DataError, match=r"regime\(\) learns from a train period; nothing was"):
        feature_table(frame, ["regime"])


def test_what_is_expected_of_the_regimes_is_the_sum_over_all_paths():
    """Likelihood, moments and moves of Baum and Welch, by adding up 2^6 paths."""
    returns = np.array([0.004, -0.03, 0.011, 0.002, -0.018, 0.007])
    mean, deviation = np.array(TRUE["mean"]), np.array(TRUE["deviation"])
    stay = np.array([0.9, 0.7])
    move = np.array([[0.9, 0.1], [0.3, 0.7]])
    density = np.exp(-0.5 * ((returns[:, None] - mean) / deviation) ** 2) / deviation
    total, moments, moves = 0.0, np.zeros((3, 2)), np.zeros((2, 2))
    for path in itertools.product((0, 1), repeat=len(returns)):
        chance = [0.75, 0.25][path[0]]  # of the chain in the long run
        chance *= np.prod([move[a, b] for a, b in itertools.pairwise(path)])
        chance *= np.prod(density[range(len(path)), path])
        total += chance
        for state, r in zip(path, returns, strict=True):
            moments[:, state] += chance * np.array([1.0, r, r * r])
        for a, b in itertools.pairwise(path):
            moves[a, b] += chance
    sums, chances = np.zeros((3, 2)), np.zeros((2, 2))
    found = kernels.expected_regimes(returns, mean, deviation, stay, sums, chances)
    assert found == pytest.approx(np.log(total), rel=1e-12)
    np.testing.assert_allclose(sums, moments / total, rtol=1e-12)
    np.testing.assert_allclose(chances, moves / total, rtol=1e-12)
