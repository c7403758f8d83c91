"""No feature knows the future, and the audit finds one that does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surroundings import beside

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError, DataError
from drltrade.features.audit import Leak, audit
from drltrade.features.cross_section import CROSS_SECTIONAL
from drltrade.features.declarations import KINDS, available_features, parse_feature
from drltrade.features.planted import PLANTED
from drltrade.features.table import feature_table, feature_tables

DECLARED = [
    *(text for text in available_features() if parse_feature(text).name not in CROSS_SECTIONAL),
    "log_return(5)", "ma_ratio(60)", "macd(3, 10, 4)", "rsi(2)", "series.rsi(14)", "regime()@1w",
]  # fmt: skip
COMPARING = [text for text in available_features() if text not in DECLARED]
CONTEXT = beside("nasdaq")


def random_walk(seed, length):
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, length)))
    opened = close * np.exp(rng.normal(0.0, 0.01, length))
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": rng.integers(0, 1000, length).astype(np.float64),
            "signal_1": rng.normal(size=length),
        },
        index=pd.bdate_range("2001-01-01", periods=length, name="time"),
    )


@pytest.fixture(scope="module")
def bars():
    return random_walk(0, 200)


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize(("name", "symbol"), [("sp500", "SP500"), ("us5", "AAPL"), ("us5", "FB")])
def test_features_are_causal_on_real_prices(declared, name, symbol):
    frame = load_bars(name).frame(symbol)
    if len(frame) <= parse_feature(declared).warm_up + 2:
        pytest.skip("shorter than the warm-up")
    frame["signal_1"] = np.arange(len(frame)) % 7.0
    assert audit(lambda bars: feature_table(bars, [declared], CONTEXT), frame, 12) == []


@pytest.mark.parametrize("declared", COMPARING)
@pytest.mark.parametrize("changed", ["AAPL", "MSFT"])
def test_comparisons_are_causal(declared, changed):
    frames = {name: load_bars("us5").frame(name).iloc[-350:] for name in ("AAPL", "MSFT", "IBM")}

    def build(bars):
        tables = feature_tables({**frames, changed: bars}, [declared])
        joined = pd.concat(tables, axis=1)
        joined.columns = joined.columns.map("/".join)
        return joined[joined.index.isin(bars.index)]

    assert audit(build, frames[changed], cuts=8) == []


def test_every_registered_feature_is_audited():
    named = {parse_feature(text).name for text in (*DECLARED, *COMPARING)}
    assert named == set(KINDS)
    assert {parse_feature(text).name for text in COMPARING} == set(CROSS_SECTIONAL)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(300, 500))
def test_features_are_causal_on_random_walks(seed, length):
    rng = np.random.default_rng(seed)
    frame = random_walk(seed, length)
    declared = [text for text in DECLARED if not text.endswith("@1w")]
    assert audit(lambda bars: feature_table(bars, declared, CONTEXT), frame, 5, rng) == []


LEAKS = {
    "next close": (lambda bars: bars["close"].shift(-1), 0),
    "centred mean": (lambda bars: bars["close"].rolling(5, center=True).mean(), 2),
    "whole sample": (lambda bars: (bars["close"] - bars["close"].mean()) / bars["close"].std(), 0),
    "filled backwards": (lambda bars: bars["close"].rolling(10).mean().bfill(), 0),
    "reversed": (lambda bars: bars["volume"][::-1].cumsum()[::-1], 0),
    "next range": (lambda bars: (bars["high"] / bars["low"]).shift(-3), 0),
    "last rank": (lambda bars: bars["close"].rank(pct=True), 0),
}


@pytest.mark.parametrize("planted", LEAKS)
def test_a_planted_leak_is_named_with_its_first_bar(bars, planted):
    leaking, first = LEAKS[planted]

    def build(frame):
        honest = frame["close"].rolling(5).mean()
        return pd.DataFrame({"honest": honest, planted: leaking(frame), "close": frame["close"]})

    leaks = audit(build, bars)
    assert [leak.feature for leak in leaks] == [planted]
    assert leaks[0].time == bars.index[first]
    assert 0.0 < leaks[0].amount < np.inf
    assert f"the bars after {bars.index[first]} are" in leaks[0].how


@pytest.mark.parametrize("name", PLANTED)
def test_every_mistake_that_ships_is_found(name):
    frame = load_bars("sp500").frame("SP500").iloc[:600]
    (leak,) = audit(PLANTED[name], frame, cuts=8)
    assert leak.time < frame.index[30]
    assert leak.amount > 0.01


def test_rows_dropped_for_want_of_a_future_are_a_leak(bars):
    leaks = audit(lambda frame: pd.DataFrame({"x": frame["close"].shift(-1)}).dropna(), bars)
    assert [leak.feature for leak in leaks] == ["(row)", "x"]
    assert leaks[0] == Leak(
        "(row)", bars.index[0], np.inf, f"the bars after {bars.index[0]} are cut off"
    )


def test_a_column_that_comes_and_goes_is_a_leak(bars):
    def build(frame):
        return pd.DataFrame(
            {f"above {level}": frame["close"] > level for level in (0, 1e9) if len(frame) > level}
            | ({"long": frame["close"]} if len(frame) > 150 else {})
        ).astype(np.float64)

    leaks = audit(build, bars)
    assert [(leak.feature, leak.amount) for leak in leaks] == [("long", np.inf)]


def test_a_leak_within_atol_is_not_reported(bars):
    def build(frame):
        return pd.DataFrame({"x": frame["close"] + 1e-9 * frame["close"].iloc[-1]})

    assert [leak.feature for leak in audit(build, bars)] == ["x"]
    assert audit(build, bars, atol=1e-3) == []


def test_cuts_can_be_chosen(bars):
    def build(frame):  # bar 100 alone looks one bar ahead
        close = frame["close"].copy()
        if len(frame) > 101:
            close.iloc[100] = close.iloc[101]
        return pd.DataFrame({"x": close})

    assert audit(build, bars, cuts=[50, 150]) == []
    (leak,) = audit(build, bars, cuts=range(90, 110))
    assert leak.time == bars.index[100]
    with pytest.raises(ConfigError, match="cut 199 is not between 0 and 198"):
        audit(build, bars, cuts=[199])


def test_the_generator_decides_and_the_bars_stay_as_they_are(bars):
    before = bars.copy()

    def build(frame):
        frame["close"] = frame["close"].shift(-1)
        return frame[["close"]]

    first, second = (audit(build, bars, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second
    pd.testing.assert_frame_equal(bars, before)


def test_a_build_that_cannot_be_audited(bars):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="make `build` deterministic"):
        audit(lambda frame: frame[["close"]] * rng.normal(), bars)
    with pytest.raises(ConfigError, match=r"a row at 2031-.*, which is no bar"):
        audit(lambda frame: frame[["close"]].shift(freq="11000D"), bars)
    with pytest.raises(DataError, match="returned no row for 200 bars"):
        audit(lambda frame: frame[["close"]].iloc[:0], bars)
    with pytest.raises(DataError, match="the first features are at bar 200"):
        audit(lambda frame: frame[["close"]].iloc[199:], bars)


def test_leak_reads_as_a_sentence():
    leak = Leak("rsi(14)", pd.Timestamp("2020-01-02"), 0.25, "the bars after x are cut off")
    assert str(leak) == (
        "rsi(14) at 2020-01-02 00:00:00 changes by up to 0.25 when the bars after x are cut off"
    )


def test_the_last_bar_but_one_can_be_cut():
    bars = load_bars("us5").frame("IBM").iloc[:200]
    assert audit(lambda bars: bars[["close"]], bars, cuts=[0, 198]) == []
