"""Every feature against its definition: values, first bar, defaults and bounds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formulas import FORMULAS, Bars
from test_indicators_talib import walk

from drltrade.data.bars import COLUMNS
from drltrade.errors import ConfigError
from drltrade.features.declarations import parse_feature
from drltrade.features.kinds import FEATURES, History, Parameter
from drltrade.features.memory import Memory

FORGETS = {"adx", "directional", "kama_ratio", "t3_ratio", "sar", "supertrend", "chaikin"}
"""Recursions that TA-Lib and the library begin differently: compared once that is forgotten."""
OTHERS = {
    "autocorrelation": (13, 3), "variance_ratio": (4, 17),
    "bandwidth": (9, 1.5), "bollinger": (9, 1.5), "chaikin": (2, 7), "difference": (3,),
    "fracdiff": (0.7, 11), "ichimoku": (3, 8, 14), "illiquidity": (3, 11), "keltner": (7, 5, 1.5),
    "ma_cross": (3, 11), "macd": (4, 9, 5), "momentum": (3, 17), "sar": (0.03, 0.15),
    "stochastic": (6, 4), "stochastic_rsi": (6, 5, 4), "supertrend": (7, 1.5), "tsi": (4, 9),
    "ultimate": (3, 7, 12), "volatility_ratio": (4, 13), "excess_return": ("other", 7),
    "beta": ("other", 17), "correlation": ("other", 17),
}  # fmt: skip
"""Parameters beside the defaults; others have 13 bars."""


def frame_of(seed, length=420):
    times = pd.date_range("2019-03-01 10:30", periods=length, freq="1D")
    return pd.DataFrame(dict(zip(COLUMNS, walk(seed, length), strict=True)), times)


FRAMES = {seed: frame_of(seed) for seed in (11, 12)}


def defaults(name):
    return tuple(each.default for each in FEATURES[name].parameters)


def parameter_sets(name):
    if not FEATURES[name].parameters:
        return [()]
    return [defaults(name), OTHERS.get(name, (13,))]


CASES = [(name, values) for name in FEATURES if name != "signal" for values in parameter_sets(name)]


@pytest.mark.parametrize("seed", FRAMES)
@pytest.mark.parametrize(("name", "values"), CASES)
def test_a_feature_is_what_its_definition_says(name, values, seed):
    frame, beside = FRAMES[seed], FRAMES[23 - seed]["close"].to_numpy()
    history = History(frame, Memory(), lambda series: beside)
    ours = FEATURES[name].on(history, *values)
    right = FORMULAS[name](Bars(frame, beside), *values)
    right = right if isinstance(right, tuple) else (right,)
    warm_up = FEATURES[name].warm_up(*values)
    first = 300 if name in FORGETS else warm_up
    assert len(ours) == len(right) == max(len(FEATURES[name].columns), 1)
    assert np.isnan(np.stack(ours)[:, :warm_up]).any(0).all()
    for column, oracle in zip(ours, right, strict=True):
        assert np.isfinite(column[warm_up:]).all()
        np.testing.assert_allclose(column[first:], oracle[first:], rtol=1e-8, atol=1e-10)


def test_parameters_are_as_published():
    """A default that changes changes what a preset means: the file, then, and the changelog."""
    known = (Path(__file__).parent / "parameters.csv").read_text().splitlines()
    assert [
        f"{name},{each.name},{each.default},{each.minimum},{each.maximum}"
        for name in sorted(FEATURES)
        for each in FEATURES[name].parameters
        if isinstance(each, Parameter)
    ] == known[1:]


def test_every_feature_has_a_formula():
    assert set(FORMULAS) | {"signal"} == set(FEATURES)


@pytest.mark.parametrize("name", [each for each in FEATURES if FEATURES[each].parameters])
def test_the_least_parameters_that_a_feature_takes(name):
    frame = FRAMES[11]
    least = tuple(
        each.minimum if isinstance(each, Parameter) else each.default
        for each in FEATURES[name].parameters
    )
    if name != "signal":
        history = History(frame, Memory(), lambda series: FRAMES[12]["close"].to_numpy())
        warm_up = FEATURES[name].warm_up(*least)
        for column in FEATURES[name].on(history, *least):
            assert np.isfinite(column[warm_up:]).all()
    for place, each in enumerate(FEATURES[name].parameters):
        if isinstance(each, Parameter):
            too_low = [*least]
            too_low[place] = each.minimum - 1
            with pytest.raises(ConfigError, match=each.name):
                parse_feature(f"{name}({', '.join(map(str, too_low))})")
