"""Bars that come one by one give what all at once give; a missing value does not stay."""

import itertools

import numpy as np
import pandas as pd
import pytest
from surroundings import beside

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError, DataError
from drltrade.features.declarations import available_features, parse_feature
from drltrade.features.kinds import FEATURES, History
from drltrade.features.memory import Memory
from drltrade.features.table import FeatureStream, feature_table

CONTEXT = beside("nasdaq")
OWN = [text for text in available_features() if parse_feature(text).name in (*FEATURES, "regime")]
DECLARED = [*OWN, "rsi(5)@1w", "log_return(1)@1mo", "beta(series, 8)@1w", "series.rsi(14)"]


@pytest.fixture(scope="module")
def bars():
    frame = load_bars("sp500").frame("SP500").iloc[2000:2500]
    return frame.assign(signal_1=np.arange(500.0))


def split(frame, places):
    return [frame.iloc[a:b] for a, b in itertools.pairwise([0, *places, len(frame)]) if a < b]


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_equals_a_table(bars, seed):
    rng = np.random.default_rng(seed)
    table = feature_table(bars, DECLARED, CONTEXT)
    stream = FeatureStream(DECLARED, CONTEXT)
    places = np.unique(np.append(rng.integers(1, 500, 150 if seed else 20), 500))
    parts = [stream.update(part) for part in split(bars, places)]
    together = pd.concat(parts).dropna()
    pd.testing.assert_frame_equal(together, table, check_exact=True)


def test_one_bar_after_the_other(bars):
    stream = FeatureStream(["ema_ratio(20)", "rsi(5)@1w"])
    parts = [stream.update(bars.iloc[t : t + 1]) for t in range(200)]
    table = feature_table(bars.iloc[:200], ["ema_ratio(20)", "rsi(5)@1w"])
    pd.testing.assert_frame_equal(pd.concat(parts).dropna(), table, check_exact=True)


def test_hours_of_minutes():
    times = pd.date_range("2024-01-02 09:05", periods=400, freq="5min", name="time")
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 400)))
    frame = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], close), times)
    frame["volume"] = 1.0
    declared = ["rsi(5)@1h", "log_return(1)"]
    stream = FeatureStream(declared)
    parts = [stream.update(part) for part in split(frame, [3, 50, 51, 52, 119, 120, 333])]
    table = feature_table(frame, declared)
    pd.testing.assert_frame_equal(
        pd.concat(parts).dropna(), table, check_exact=True, check_freq=False
    )


def test_bars_out_of_order_and_none(bars):
    stream = FeatureStream(["log_return(1)"])
    stream.update(bars.iloc[:10])
    with pytest.raises(DataError, match="bars must follow those before them, after 2006-12-"):
        stream.update(bars.iloc[9:12])
    with pytest.raises(DataError, match="there is no bar"):
        stream.update(bars.iloc[:0])
    with pytest.raises(ConfigError, match="compares instruments; it needs several at once"):
        FeatureStream(["rank(rsi(14))"])


def test_a_stream_that_failed_is_not_used_again(bars):
    stream = FeatureStream(["log_return(1)", "obv(5)"])
    stream.update(bars.iloc[:20])
    with pytest.raises(DataError, match="lack the column volume"):
        stream.update(bars.iloc[20:21].drop(columns="volume"))
    with pytest.raises(DataError, match="an update of this stream has failed; begin a new one"):
        stream.update(bars.iloc[20:21])


def test_markets_that_never_close(bars):
    days = bars.set_axis(pd.date_range("2021-01-04", periods=500, name="time"))
    declared = ["log_return(1)@1w", "rsi(3)@1mo"]
    stream = FeatureStream(declared)
    parts = [stream.update(days.iloc[t : t + 1]) for t in range(200)]
    table = feature_table(days.iloc[:200], declared)
    pd.testing.assert_frame_equal(
        pd.concat(parts).dropna(), table, check_exact=True, check_freq=False
    )


def test_bars_in_another_order_and_a_frequency_that_is_higher(bars):
    with pytest.raises(DataError, match="in the order of their times, each once"):
        feature_table(bars.iloc[::-1], ["log_return(1)"])
    weeks = bars.set_axis(pd.date_range("2010-01-01", periods=500, freq="7D", name="time"))
    with pytest.raises(ConfigError, match=r"log_return\(1\)@1d: the bars are 7 days .* shorter"):
        feature_table(weeks, ["log_return(1)@1d"])


@pytest.mark.parametrize("name", FEATURES)
def test_a_missing_value_is_missing_and_then_forgotten(bars, name):
    text = next(each for each in available_features() if parse_feature(each).name == name)
    feature = parse_feature(text)
    bars = bars.assign(volume=bars["volume"] + 1.0)
    gap = bars.astype(np.float64)
    gap.iloc[60] = np.nan

    def on(frame):
        companion = CONTEXT.exogenous["series"].close
        history = History(frame, Memory(), lambda _: companion(frame.index))
        return np.stack(feature.kind.on(history, *feature.values))

    whole, holed = on(bars), on(gap)
    np.testing.assert_array_equal(holed[:, :60], whole[:, :60])
    if not name.endswith("day") and name not in ("month", "daytime"):
        assert np.isnan(holed[:, 60]).all()
    assert np.isfinite(holed[:, 60 + max(feature.warm_up + 2, 2) :]).all()
