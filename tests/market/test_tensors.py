"""A market as arrays: alignment, fill prices, time between closes, periods."""

import numpy as np
import pandas as pd
import pytest

from drltrade.errors import ConfigError
from drltrade.features.scaling import Scaler
from drltrade.features.table import feature_table
from drltrade.market.tensors import Market


@pytest.fixture
def frame(make_random_bars):
    return make_random_bars(3, 60).frame("X")


@pytest.fixture
def market(frame):
    table = feature_table(frame, ["log_return(5)", "rsi(3)"])
    return Market.build("X", frame, table, Scaler.fit(table.iloc[:20]), 252.0)


def test_warm_up_bars_are_dropped_and_the_rest_aligned(market, frame):
    assert len(market) == 55
    assert market.times.equals(frame.index[5:])
    for name in ("open", "close"):
        array = getattr(market, name)
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, frame[name].to_numpy()[5:])
    np.testing.assert_array_equal(market.tradable, frame["volume"].to_numpy()[5:] > 0)
    assert 0 < (~market.tradable).sum() < 20


def test_features_are_the_scaled_table(market, frame):
    close = frame["close"].to_numpy()
    returns = np.log(close[5:] / close[:-5])
    expected = np.clip((returns - returns[:20].mean()) / returns[:20].std(), -5, 5)
    assert market.columns == ("log_return(5)", "rsi(3)")
    assert market.features.dtype == np.float32
    assert market.features.shape == (55, 2)
    assert market.features.flags.c_contiguous
    np.testing.assert_allclose(market.features[:, 0], expected, atol=1e-5)


def test_years_run_on_calendar_time(market):
    days = market.years[:-1] * 365
    weekdays = market.times[:-1].day_of_week
    np.testing.assert_allclose(days, np.where(weekdays == 4, 3, 1), rtol=1e-12)
    assert np.isnan(market.years[-1])


def test_years_within_a_day(market):
    hourly = pd.date_range("2020-01-01", periods=len(market), freq="h")
    hours = Market(**{**vars(market), "times": hourly}).years[:-1] * 365 * 24
    np.testing.assert_allclose(hours, 1.0, rtol=1e-12)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_fill_price_of_each_decision(market, fill):
    prices = market.fill_price(fill)
    for t in range(len(market)):
        bar = t if fill == "same_close" else t + 1
        if bar == len(market) or not market.tradable[bar]:
            assert np.isnan(prices[t])
        else:
            assert prices[t] == (market.open if fill == "next_open" else market.close)[bar]


def test_a_period_holds_both_of_its_ends(market):
    first, last = market.times[7].date(), market.times[12].date()
    assert market.period(first, last, history=0) == range(7, 13)
    # Ends that are no bars: the Saturdays before and after.
    assert market.times[0].date().isoformat() == "2000-01-10"
    assert market.period("2000-01-15", "2000-01-22", history=0) == range(5, 10)


def test_a_period_leaves_room_for_the_history(market):
    first, last = market.times[0].date(), market.times[20].date()
    assert market.period(first, last, history=9) == range(9, 21)
    late = market.times[15].date()
    assert market.period(late, last, history=9) == range(15, 21)


@pytest.mark.parametrize(
    ("start", "end", "bars"),
    [("1990-01-01", "1999-12-31", 0), ("2030-01-01", "2031-01-01", 0), ("2000-01-17",) * 2 + (1,)],
)
def test_an_empty_period_says_what_the_data_cover(market, start, end, bars):
    with pytest.raises(ConfigError) as caught:
        market.period(start, end, history=3)
    text = str(caught.value)
    assert text.startswith(f"the period {start} .. {end} holds {bars} usable bars of X")
    assert "the data reach from 2000-01-10 to 2000-03-24" in text
    assert "3 bars before the first decision" in text
