"""Series beside the bars: known when they were published, and not before."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.exogenous import Exogenous
from drltrade.errors import ConfigError, DataError
from drltrade.features.exogenous import join
from drltrade.features.table import feature_table
from drltrade.features.track import Context
from drltrade.settings import parse

RATES = "observation_date,DGS10\n2020-01-02,1.88\n2020-01-03,1.80\n2020-01-06,.\n2020-01-07,1.83\n"


def days(start="2020-01-01", count=12):
    times = pd.bdate_range(start, periods=count, name="time")
    close = 100.0 + np.arange(count)
    return pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], close), times).assign(
        volume=1.0
    )


@pytest.fixture
def beside(tmp_path):
    def making(text, bars=None, zone=None, **keys):
        path = tmp_path / "series.csv"
        path.write_text(text)
        config = parse(Exogenous, {"data": str(path), "lag": "0d"} | keys, "here")
        frame = days() if bars is None else bars
        daily = bool(frame.index.is_normalized)
        return Context({"rate": join("rate", config, zone, daily, "the bars")[0]})

    return making


def test_a_rate_is_known_after_its_lag(beside):
    known = {
        lag: feature_table(days(), ["rate.level()"], beside(RATES, lag=lag))["rate.level"]
        for lag in ("0d", "1d", "30h")
    }
    assert known["0d"].loc["2020-01-02":"2020-01-07"].tolist() == [1.88, 1.80, 1.80, 1.83]
    # Friday's is known on Saturday, and so on Monday; what is missing was not published.
    assert known["1d"].loc["2020-01-03":"2020-01-08"].tolist() == [1.88, 1.80, 1.80, 1.83]
    assert known["30h"].loc["2020-01-06":"2020-01-09"].tolist() == [1.80, 1.80, 1.80, 1.83]
    assert known["1d"].index[0] == pd.Timestamp("2020-01-03")


def test_features_of_a_series_are_of_its_own_bars(beside):
    table = feature_table(days(), ["rate.difference(2)", "log_return(1)"], beside(RATES))
    assert table.index[0] == pd.Timestamp("2020-01-07")
    assert table["rate.difference(2)"].iloc[0] == pytest.approx(1.83 - 1.88)


def test_two_series_side_by_side(beside):
    text = "date,close\n" + "".join(
        f"{t.date()},{50 + n % 3}\n" for n, t in enumerate(pd.bdate_range("2020-01-01", periods=12))
    )
    table = feature_table(days(), ["excess_return(rate, 1)", "beta(rate, 5)"], beside(text))
    own, other = np.log(105 / 104), np.log(52 / 51)
    assert table.loc["2020-01-08", "excess_return(rate, 1)"] == pytest.approx(own - other)
    other = np.diff(np.log(50 + np.arange(6, 12) % 3))
    own = np.diff(np.log(100.0 + np.arange(6, 12)))
    assert table["beta(rate, 5)"].iloc[-1] == pytest.approx(np.polyfit(other, own, 1)[0])


def test_a_date_is_over_before_bars_within_the_day_know_it(beside):
    hours = pd.date_range("2020-01-02 10:00", "2020-01-04 12:00", freq="1h", name="time")
    bars = days(count=1).iloc[[0] * len(hours)].set_axis(hours)
    context = beside(RATES, bars, zone="America/New_York", layout={"zone": "America/New_York"})
    level = feature_table(bars, ["rate.level()"], context)["rate.level"]
    assert level.index[0] == pd.Timestamp("2020-01-03 00:00")
    assert level.loc["2020-01-03 23:00"] == 1.88
    assert level.loc["2020-01-04 00:00"] == 1.80


def test_hours_of_another_zone(beside):
    text = "time,value\n2020-01-02 15:00,1\n2020-01-02 16:00,2\n2020-01-02 17:00,3\n"
    hours = pd.date_range("2020-01-02 09:00", "2020-01-02 13:00", freq="1h", name="time")
    bars = days(count=1).iloc[[0] * len(hours)].set_axis(hours)
    context = beside(text, bars, zone="America/New_York", layout={"zone": "Europe/Berlin"})
    level = feature_table(bars, ["rate.level()"], context)["rate.level"]
    assert level.tolist() == [1.0, 2.0, 3.0, 3.0, 3.0]
    with pytest.raises(ConfigError, match="the zone of exogenous series rate is not stated"):
        beside(text, bars, zone="America/New_York")
    # On daily bars, what was known within a day is known at the next day's close.
    daily = feature_table(days(), ["rate.level()"], beside(text, max_age="20d"))["rate.level"]
    assert (daily.index[0], daily.iloc[0]) == (pd.Timestamp("2020-01-03"), 3.0)


def test_an_old_value_is_not_used_silently(beside):
    with pytest.raises(DataError, match=r"exogenous series rate: at 2020-02-0. .* of 2020-01-07"):
        feature_table(days(count=30), ["rate.level()"], beside(RATES))
    table = feature_table(days(count=30), ["rate.level()"], beside(RATES, max_age="40d"))
    assert table["rate.level"].iloc[-1] == 1.83


OTHERS = """date,symbol,close,note
2020-01-02,VIX,12,a
2020-01-02,DJI,28000,b
2020-01-03,VIX,14,c
"""


def test_one_of_several_symbols_and_columns(beside):
    text = OTHERS + "2020-01-03,DJI,28600,d\n"
    context = beside(text, symbol="VIX", max_age="30d")
    level = feature_table(days(), ["rate.level()"], context)["rate.level"]
    assert level.iloc[:2].tolist() == [12.0, 14.0]
    with pytest.raises(DataError, match=r"no symbol is named \(there are VIX, DJI\)"):
        beside(text)
    with pytest.raises(DataError, match=r"no symbol 'VXI'; did you mean 'VIX'\?"):
        beside(text, symbol="VXI")
    with pytest.raises(DataError, match="row 2, column note: 'a' is not a number"):
        beside(text, symbol="VIX", column="note")
    with pytest.raises(DataError, match="no column 'yield'"):
        beside(RATES, column="yield")


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("day,x\n2020-01-01,1\n", {}, r"0 time columns \(day, x\)"),
        ("date,a,b\n2020-01-01,1,2\n", {}, "name the column that is the value"),
        ("date,x\n2020-01-01,1\n2020-01-01,2\n", {}, "2020-01-01 00:00:00 is there twice"),
        ("date,x\n2020-01-01,.\n2020-01-02,2\n", {}, "1 values; at least 2 are needed"),
        ("date,x\n2020-01-01,inf\n2020-01-02,2\n", {}, "a value is infinite"),
        (RATES, {"lag": "-1d"}, "a length of time such as 0d, 1d, 8h"),
        (RATES, {"lag": "3"}, "a length of time such as 0d, 1d, 8h, 15min"),
        (RATES, {"lag": "soon"}, "a length of time such as"),
    ],
)
def test_bad_series(beside, text, keys, message):
    with pytest.raises((DataError, ConfigError), match=message):
        beside(text, **keys)


def test_a_series_that_the_preset_lacks():
    for declared in ("vix.rsi(14)", "beta(vix)"):
        with pytest.raises(ConfigError, match=r"names the exogenous series 'vix'; there are none"):
            feature_table(days(), [declared])
    with pytest.raises(ConfigError, match="series is missing; it is series: the name of an exog"):
        feature_table(days(), ["beta()"])
    with pytest.raises(ConfigError, match="a series has a frequency of its own"):
        feature_table(days(), ["vix.rsi(14)@1w"])


MONTHS = "date,cpi\n2019-11-01,1\n2019-12-01,2\n2020-01-01,3\n"


def test_a_month_that_carries_its_first_day_says_which_end_that_is(beside):
    with pytest.raises(DataError, match=r"first days of months; state layout.label: open"):
        beside(MONTHS)
    table = {
        label: feature_table(days(), ["rate.level()"], beside(MONTHS, layout={"label": label}))
        for label in ("open", "close")
    }
    assert table["open"]["rate.level"].iloc[0] == 2.0
    assert table["close"]["rate.level"].iloc[0] == 3.0


@pytest.mark.parametrize("series_zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_dates_of_another_zone_need_a_day(beside, series_zone):
    layout = {"zone": series_zone}
    with pytest.raises(ConfigError, match="set a lag of at least 1d"):
        beside(RATES, zone="Europe/Berlin", layout=layout)
    table = feature_table(
        days(), ["rate.level()"], beside(RATES, zone="Europe/Berlin", layout=layout, lag="1d")
    )
    assert table.index[0] == pd.Timestamp("2020-01-03")


def test_hours_of_another_zone_on_days(beside):
    text = "time,value\n2020-01-02 23:00,1\n2020-01-03 23:00,2\n"
    keys = {"layout": {"zone": "America/Los_Angeles"}, "max_age": "30d"}
    table = feature_table(days(), ["rate.level()"], beside(text, zone="Asia/Tokyo", **keys))
    # 23:00 in Los Angeles is 16:00 of the next day in Tokyo, after the close.
    assert table["rate.level"].index[0] == pd.Timestamp("2020-01-06")


@pytest.mark.parametrize(
    "text",
    ["date;value\n2020-01-01;1\n2020-01-02;2\n",
     "a banner\nand more\ndate,value\n2020-01-01,1\n2020-01-02,2\n"],
)  # fmt: skip
def test_separators_and_banners(beside, text):
    table = feature_table(days(), ["rate.level()"], beside(text, max_age="30d"))
    assert table["rate.level"].iloc[1] == 2.0


def test_units_and_columns_are_as_the_layout_says(beside):
    text = "date,Settle,Other\n2020-01-01,150,1\n2020-01-02,160,2\n"
    layout = {"columns": {"close": "Settle"}, "price_unit": 0.01}
    context = beside(text, layout=layout, max_age="30d")
    level = feature_table(days(), ["rate.level()"], context)["rate.level"]
    assert level.iloc[1] == pytest.approx(1.6)
    with pytest.raises(DataError, match=r"layout.adjustment is of prices"):
        beside(text, layout=layout | {"adjustment": "raw"})
    with pytest.raises(DataError, match="two columns are called 'value'"):
        beside("date,value,value\n2020-01-01,1,1\n2020-01-02,1,1\n")
