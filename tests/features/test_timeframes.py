"""Features of a lower frequency: seen when they are complete, and not before."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.data.resample import resampled
from drltrade.errors import ConfigError, DataError
from drltrade.features.audit import audit
from drltrade.features.declarations import parse_feature
from drltrade.features.table import feature_table

DECLARED = ["log_return(1)", "log_return(1)@1w", "rsi(14)@1w", "month()@1mo"]


@pytest.fixture(scope="module")
def daily():
    return load_bars("sp500").frame("SP500")


@pytest.fixture(scope="module")
def minutes():
    rng = np.random.default_rng(0)
    times = [day + pd.Timedelta("9.5h") + pd.Timedelta("5min") * n
             for day in pd.bdate_range("2024-01-02", periods=30) for n in range(1, 79)]  # fmt: skip
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(times))))
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    index = pd.DatetimeIndex(times, name="time")
    return pd.DataFrame(columns, index).assign(volume=rng.uniform(1, 2, len(times)))


def test_a_week_is_seen_from_its_last_session_on(daily):
    table = feature_table(daily, DECLARED)
    week = resampled(daily, "1w").frame["close"]
    # 2008-09-12 was a Friday.
    before, after = table.loc["2008-09-11"], table.loc["2008-09-12"]
    name = "log_return(1)@1w"
    assert after[name] == pytest.approx(np.log(week["2008-09-12"] / week["2008-09-05"]))
    assert before[name] == pytest.approx(np.log(week["2008-09-05"] / week["2008-08-29"]))
    assert (table.loc["2008-09-12":"2008-09-18", name] == after[name]).all()


def test_a_week_that_ends_in_a_holiday_is_seen_on_the_next_session(daily):
    # 2008-03-21 was Good Friday.
    name = "log_return(1)@1w"
    table = feature_table(daily, DECLARED)[name]
    assert table["2008-03-20"] == table["2008-03-17"] != table["2008-03-24"]


def test_several_timeframes_begin_when_all_are_there(daily):
    table = feature_table(daily, DECLARED)
    weeks = resampled(daily, "1w")
    assert table.index[0] == weeks.frame.index[14]
    assert list(table.columns) == [*DECLARED[:3], "month@1mo_sin", "month@1mo_cos"]


@pytest.mark.parametrize("declared", ["rsi(14)@1h", "log_return(1)@1d", "atr(3)@15m"])
def test_nothing_of_the_future_is_in_them(minutes, declared):
    assert audit(lambda bars: feature_table(bars, ["log_return(1)", declared]), minutes) == []


def test_nothing_of_the_future_is_in_weeks_and_months(daily):
    assert audit(lambda bars: feature_table(bars, DECLARED), daily.iloc[:900]) == []


def test_a_bar_seen_before_it_is_complete_would_be_found(minutes):
    def careless(bars):
        hours = bars["close"].resample("1h").last()  # labelled by its beginning
        return pd.DataFrame({"hour": hours.reindex(bars.index, method="ffill")}, bars.index)

    (leak,) = audit(careless, minutes)
    assert leak.feature == "hour"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rsi(14)@", "write it as a name and its numbers"),
        ("rsi(14)@2w", r"feature 'rsi\(14\)@2w': frequency '2w': one that divides a day"),
    ],
)
def test_bad_declarations(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_feature(text)


def test_too_few_bars_of_the_frequency(daily):
    with pytest.raises(DataError, match=r"60 bars, but rsi\(14\)@1w has its first value at bar 15"):
        feature_table(daily.iloc[:60], ["rsi(14)@1w"])
