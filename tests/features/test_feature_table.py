"""Declared features: parsing, warm-up, values and errors."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError, DataError
from drltrade.features import indicators
from drltrade.features.declarations import (
    KINDS,
    available_features,
    parse_feature,
    parse_features,
)
from drltrade.features.table import FeatureStream, feature_table

WARM_UP = {
    "log_return(1)": 1,
    "log_return(10)": 10,
    "ma_ratio(20)": 19,
    "rsi(14)": 14,
    "macd(12, 26, 9)": 33,
    "bollinger(20, 2)": 19,
    "atr(14)": 14,
    "volatility(20)": 20,
    "volume_zscore(20)": 19,
    "weekday()": 0,
    "month()": 0,
}


@pytest.fixture(scope="module")
def frame():
    return load_bars("sp500").frame("SP500")


@pytest.mark.parametrize(("declared", "warm_up"), WARM_UP.items())
def test_warm_up_rows_are_dropped_and_no_others(frame, declared, warm_up):
    table = feature_table(frame, [declared])
    pd.testing.assert_index_equal(table.index, frame.index[warm_up:])
    assert np.isfinite(table.to_numpy()).all()
    assert set(table.dtypes) == {np.dtype("float64")}
    assert np.abs(table.to_numpy()).max() < 6.0  # dimensionless: the index stood at 2,500 points
    assert len(feature_table(frame.iloc[: warm_up + 1], [declared])) == 1


@pytest.mark.parametrize("declared", [text for text in WARM_UP if WARM_UP[text]])
def test_too_few_bars(frame, declared):
    needed = WARM_UP[declared] + 1
    with pytest.raises(DataError) as error:
        feature_table(frame.iloc[: needed - 1], ["weekday()", declared])
    assert str(error.value).startswith(f"features: {needed - 1} bars, but {declared} has its first")
    assert f"at bar {needed}" in str(error.value)


def test_the_slowest_feature_sets_the_first_row(frame):
    table = feature_table(frame, list(WARM_UP))
    assert table.index[0] == frame.index[33]
    assert list(table.columns) == [
        *list(WARM_UP)[:-2],
        "weekday_sin",
        "weekday_cos",
        "month_sin",
        "month_cos",
    ]


def test_values(frame):
    close = frame["close"].to_numpy()
    table = feature_table(frame, list(WARM_UP))
    expected = {
        "log_return(10)": np.log(close[10:] / close[:-10])[-1],
        "ma_ratio(20)": np.log(close[-1] / close[-20:].mean()),
        "rsi(14)": indicators.rsi(close, 14)[-1] / 50 - 1,
        "macd(12, 26, 9)": indicators.macd(close, 12, 26, 9)[2][-1] / close[-1],
        "bollinger(20, 2)": (close[-1] - close[-20:].mean()) / (2 * close[-20:].std()),
        "volatility(20)": np.diff(np.log(close[-21:])).std(ddof=1),
        "weekday_sin": 0.0,  # 2018-12-31 was a Monday
        "weekday_cos": 1.0,
        "month_sin": np.sin(2 * np.pi * 11 / 12),
        "month_cos": np.cos(2 * np.pi * 11 / 12),
    }
    for column, value in expected.items():
        assert table[column].iloc[-1] == pytest.approx(value, rel=1e-12), column
    volume = np.log1p(frame["volume"].to_numpy()[-20:])
    assert table["volume_zscore(20)"].iloc[-1] == pytest.approx(
        (volume[-1] - volume.mean()) / volume.std()
    )


def test_features_do_not_depend_on_the_unit_of_the_price(frame):
    scaled = frame.assign(
        **{name: frame[name] * 1024.0 for name in ("open", "high", "low", "close")}
    )
    pd.testing.assert_frame_equal(
        feature_table(scaled, list(WARM_UP)), feature_table(frame, list(WARM_UP)), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("rsi(14)", "rsi(14)"),
        ("rsi", "rsi(14)"),
        (" rsi ( 7 ) ", "rsi(7)"),
        ("macd(5)", "macd(5, 26, 9)"),
        ("macd(5,10,  3)", "macd(5, 10, 3)"),
        ("bollinger(20, 2.5)", "bollinger(20, 2.5)"),
        ("bollinger(20, 2.0)", "bollinger(20, 2)"),
        ("weekday", "weekday()"),
    ],
)
def test_declarations(text, canonical):
    assert str(parse_feature(text)) == canonical
    assert parse_feature(canonical) == parse_feature(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rsl(14)", "feature 'rsl(14)' is unknown; did you mean 'rsi'? (available: rsi, "),
        ("qqq(3)", "feature 'qqq(3)' is unknown (available: "),
        ("rsi(14", "write it as a name and its numbers, such as 'rsi(14)'"),
        ("", "write it as a name"),
        ("rsi(14, 3)", "2 parameters; rsi takes n: whole number >= 2, default 14"),
        ("weekday(3)", "1 parameters; weekday takes no parameters"),
        ("rsi(1)", "n = '1'; allowed is n: whole number >= 2, default 14"),
        ("rsi(-14)", "n = '-14'; allowed is n: whole number >= 2"),
        ("rsi(14.5)", "n = '14.5'; allowed is n: whole number >= 2"),
        ("rsi(n)", "n = 'n'; allowed is"),
        ("rsi(14,)", "2 parameters"),
        ("macd(12, , 9)", "slow = ''; allowed is"),
        ("log_return(0)", "horizon = '0'; allowed is horizon: whole number >= 1"),
        ("bollinger(20, 0)", "k = '0'; allowed is k: number >= 0.1, default 2"),
        ("bollinger(20, nan)", "k = 'nan'; allowed is"),
        ("bollinger(20, inf)", "k = 'inf'; allowed is"),
        ("rsi(1_4)", "n = '1_4'; allowed is"),
        ("drawdown(100000000000)", "n = '100000000000'; allowed is"),
        ("level()", "level is of exogenous series alone: write NAME.level(...)"),
        ("rank(" * 50, "write it as a name and its numbers"),
        ("macd(26, 12, 9)", "fast = 26 must be below slow = 12"),
    ],
)
def test_bad_declarations(text, message):
    with pytest.raises(ConfigError) as error:
        parse_feature(text)
    assert str(error.value).startswith(f"feature {text!r}")
    assert message in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_a_feature_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        assert parse_feature(text).name in KINDS


def test_lists():
    with pytest.raises(ConfigError, match=r"'rsi' is declared twice \(first as 'rsi\(14\)'\)"):
        parse_features(["rsi(14)", "macd", "rsi"])
    with pytest.raises(ConfigError, match="declare a list of at least one"):
        parse_features([])
    with pytest.raises(ConfigError, match="declare a list"):
        parse_features("rsi(14)")
    with pytest.raises(ConfigError, match=r"feature 3 is no text: write 'rsi\(14\)'"):
        parse_features(["rsi(14)", 3])
    assert [str(feature) for feature in parse_features(["rsi(3)", "rsi(4)"])] == [
        "rsi(3)",
        "rsi(4)",
    ]


def test_available_features_can_be_declared():
    listed = available_features()
    assert [str(parse_feature(text)) for text in listed] == list(listed)
    assert [parse_feature(text).name for text in listed] == list(KINDS)


def test_value_that_is_not_finite(frame):
    broken = frame.copy()
    broken.loc[broken.index[40], "close"] = np.nan
    with pytest.raises(DataError, match=r"features: log_return\(1\) = nan at 1999-03-03"):
        feature_table(broken, ["log_return(1)"])


def test_bars_without_a_column_or_without_times(frame):
    with pytest.raises(DataError, match="bars lack the column volume"):
        feature_table(frame.drop(columns="volume"), ["rsi(14)", "obv(20)"])
    assert len(feature_table(frame.drop(columns="volume"), ["rsi(14)"])) == len(frame) - 14
    with pytest.raises(DataError, match="not by time"):
        feature_table(frame.reset_index(drop=True), ["weekday()"])


def test_columns_may_be_in_upper_case(make_random_bars):
    frame = make_random_bars().frame("X")
    declared = ["rsi(14)", "volume_zscore(5)"]
    expected = feature_table(frame, declared)
    for change in (str.title, str.upper):
        named = frame.rename(columns=change)
        pd.testing.assert_frame_equal(feature_table(named, declared), expected)
        streamed = FeatureStream(declared).update(named)
        pd.testing.assert_frame_equal(streamed.loc[expected.index], expected, check_freq=False)
    twice = frame.drop(columns="close").assign(Close=1.0, CLOSE=2.0)
    with pytest.raises(DataError, match="of the columns Close, CLOSE two are the same"):
        feature_table(twice, declared)
