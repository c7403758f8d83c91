"""Indicators against TA-Lib, against numbers worked by hand, and at their edges."""

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError
from drltrade.features import indicators, kernels
from drltrade.features.declarations import parse_feature


def random_walk(seed, length=700):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, length)))
    high = close * np.exp(np.abs(rng.normal(0.0, 0.01, length)))
    low = close * np.exp(-np.abs(rng.normal(0.0, 0.01, length)))
    return high, low, close


def embedded(name, symbol):
    frame = load_bars(name).frame(symbol)
    return tuple(frame[column].to_numpy() for column in ("high", "low", "close"))


PRICES = {
    "walk 0": random_walk(0),
    "walk 1": random_walk(1),
    "walk 2": random_walk(2),
    "sp500": embedded("sp500", "SP500"),
    "nasdaq": embedded("nasdaq", "NASDAQ"),
    "aapl": embedded("us5", "AAPL"),
    "fb": embedded("us5", "FB"),
}


@pytest.fixture(params=PRICES)
def prices(request):
    return PRICES[request.param]


def assert_equal(ours, oracle, scale=1.0):
    """Equal to 1e-11 of `scale`, and missing at the same bars."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(oracle))
    np.testing.assert_allclose(ours / scale, oracle / scale, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("n", [2, 5, 20, 60])
def test_averages_equal_talib(prices, n):
    close = prices[2]
    assert_equal(indicators.sma(close, n), talib.SMA(close, n), scale=close.max())
    assert_equal(indicators.ema(close, n), talib.EMA(close, n), scale=close.max())


@pytest.mark.parametrize("n", [2, 7, 14, 30])
def test_rsi_and_atr_equal_talib(prices, n):
    high, low, close = prices
    assert_equal(indicators.rsi(close, n), talib.RSI(close, n), scale=100.0)
    assert_equal(indicators.atr(high, low, close, n), talib.ATR(high, low, close, n), close.max())


def test_true_range_equals_talib(prices):
    assert_equal(indicators.true_range(*prices), talib.TRANGE(*prices), scale=prices[2].max())


@pytest.mark.parametrize("periods", [(12, 26, 9), (5, 35, 5), (2, 3, 1)])
def test_macd_equals_talib(prices, periods):
    close = prices[2]
    for ours, oracle in zip(
        indicators.macd(close, *periods), talib.MACD(close, *periods), strict=True
    ):
        assert_equal(ours, oracle, scale=close.max())


@pytest.mark.parametrize(("n", "k"), [(20, 2.0), (10, 1.5), (50, 3.0)])
def test_bollinger_position_equals_talib(prices, n, k):
    close = prices[2]
    upper, middle, _ = talib.BBANDS(close, n, k, k)
    ours = indicators.bollinger_position(close, n, k)
    # The band at the position, since TA-Lib's variance is a difference of large numbers.
    assert_equal(middle + ours * (upper - middle), np.where(np.isnan(ours), np.nan, close), 1e2)
    np.testing.assert_allclose(ours[n:], ((close - middle) / (upper - middle))[n:], atol=1e-9)


def test_numbers_worked_by_hand():
    close = np.array([1.0, 2.0, 4.0, 4.0, 2.0])
    nan = np.nan
    np.testing.assert_allclose(indicators.sma(close, 2), [nan, 1.5, 3.0, 4.0, 3.0])
    np.testing.assert_allclose(indicators.ema(close, 3), [nan, nan, 7 / 3, 19 / 6, 31 / 12])
    # Gains 1, 2, 0, 0 and losses 0, 0, 0, 2, smoothed with n = 2.
    np.testing.assert_allclose(indicators.rsi(close, 2), [nan, nan, 100, 100, 100 * 0.375 / 1.375])
    np.testing.assert_allclose(
        indicators.zscore(close, 3)[2:], [5 / 3 / np.sqrt(14 / 9), 0.5**0.5, -(2**0.5)]
    )
    np.testing.assert_allclose(
        indicators.log_return(close, 2), [nan, nan, np.log(4), np.log(2), -np.log(2)]
    )
    np.testing.assert_allclose(
        indicators.realised_volatility(close, 2)[2:4], [0.0, np.log(2) / np.sqrt(2)]
    )


def test_true_range_by_hand():
    high, low, close = (
        np.array([3.0, 5.0, 4.0]),
        np.array([1.0, 4.0, 3.5]),
        np.array([2.0, 4.5, 4.0]),
    )
    np.testing.assert_allclose(indicators.true_range(high, low, close), [np.nan, 3.0, 1.0])


@pytest.mark.parametrize("price", [0.1, 1.0, 123.456, 1e9])
def test_constant_prices_have_no_spread(price):
    close = np.full(60, price)
    assert indicators.rsi(close, 14)[14:].tolist() == [50.0] * 46
    assert indicators.std(close, 7, 1)[6:].tolist() == [0.0] * 54
    assert indicators.bollinger_position(close, 20, 2.0)[19:].tolist() == [0.0] * 41
    assert indicators.realised_volatility(close, 20)[20:].tolist() == [0.0] * 40
    np.testing.assert_allclose(indicators.macd(close, 12, 26, 9)[2][33:], 0.0, atol=1e-15 * price)


@given(
    arrays(np.float64, st.integers(0, 40), elements=st.floats(1e-3, 1e6)),
    st.integers(2, 12),
)
def test_windows_equal_a_plain_loop(x, n):
    std, zscore = indicators.std(x, n), indicators.zscore(x, n)
    mean = indicators.sma(x, n)
    assert np.isnan(mean[: n - 1]).all()
    for t in range(n - 1, len(x)):
        window = x[t - n + 1 : t + 1]
        scale = window.max()
        assert mean[t] == pytest.approx(window.mean(), rel=1e-12)
        assert std[t] == pytest.approx(window.std(), rel=1e-9, abs=1e-14 * scale)
        assert std[t] >= 0.0
        assert abs(zscore[t]) <= np.sqrt(n - 1) * (1 + 1e-9)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 10, 25, 26, 33])
def test_short_series_are_all_warm_up(length):
    high, low, close = (column[:length] for column in PRICES["walk 0"])
    for values in (
        indicators.sma(close, 34),
        indicators.ema(close, 34),
        indicators.rsi(close, 34),
        *indicators.macd(close, 12, 26, 9),
        indicators.zscore(close, 34),
        indicators.atr(high, low, close, 34),
        indicators.log_return(close, 34),
        indicators.realised_volatility(close, 34),
    ):
        assert values.shape == (length,)
        assert np.isnan(values).all()


def test_windowed_indicators_do_not_depend_on_where_the_series_starts():
    close = PRICES["sp500"][2]
    for function in (indicators.sma, indicators.zscore, indicators.realised_volatility):
        np.testing.assert_array_equal(function(close, 20)[1020:], function(close[1000:], 20)[20:])


@pytest.mark.parametrize("q", [2, 5, 10, 30])
def test_the_variance_ratio_of_a_random_walk_is_one(q):
    rng, n = np.random.default_rng(0), 60
    walks = rng.normal(size=(3000, n + 1)).cumsum(axis=1)
    found = np.array([indicators.variance_ratio(walk, n, q)[-1] for walk in walks])
    assert np.isfinite(found).all()
    # The quotient of two unbiased variances is unbiased to the first order.
    assert found.mean() == pytest.approx(1.0, abs=3 * found.std() / np.sqrt(3000) + 0.01)


def test_supertrend_rises_until_a_close_falls_through_its_band():
    close = np.full(8, 100.0)
    high, low = close + 1.0, close - 1.0
    # The true range is 2, the middle 100: the band lies at 100 - 1.5 x 2, until 90 is below it.
    close[6], low[6] = 90.0, 89.0
    bands = indicators.supertrend(high, low, close, 3, 1.5)
    assert bands[3:6].tolist() == [97.0, 97.0, 97.0]
    assert bands[6] > close[6]


def test_deviations_of_fewer_values_than_the_window_are_none():
    assert kernels.absolute_deviations(np.zeros(2), 5, np.zeros(0)).shape == (0,)


def test_parabolic_begins_long_where_the_first_move_is_no_further_down_than_up():
    high, low = np.array([10.0, 11.0, 11.0]), np.array([9.0, 8.0, 8.5])
    # Begun long at the low before, it is broken at once, and stands at the high; begun short at the
    # high before, it is broken as well, and stands at the low.
    assert indicators.parabolic_sar(high, low, 0.02, 0.2)[1] == 11.0
    further = low - np.array([0.0, 0.5, 0.0])
    assert indicators.parabolic_sar(high, further, 0.02, 0.2)[1] == 7.5


def test_a_parameter_may_be_at_its_bound():
    assert parse_feature("fracdiff(2, 50)").values[0] == 2.0
    with pytest.raises(ConfigError, match="from 0"):
        parse_feature("fracdiff(2.01, 50)")
