"""Every indicator that TA-Lib has, too, against TA-Lib, once its beginning is forgotten."""

import numpy as np
import pytest
import talib

from drltrade.data.catalog import load_bars
from drltrade.features import indicators, rolling


def walk(seed, length=1500):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, length)))
    opened = close * np.exp(rng.normal(0.0, 0.01, length))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.0, 0.01, length)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.0, 0.01, length)))
    return opened, high, low, close, rng.integers(1, 10**6, length).astype(np.float64)


def embedded(name, symbol):
    opened, high, low, close, volume = load_bars(name).frame(symbol).to_numpy(np.float64).T
    # Of two equal typical prices, rounding says which is higher, and not the same in C.
    close = close * (1.0 + 1e-9 * np.random.default_rng(0).normal(size=len(close)))
    high, low = np.maximum(high, close), np.minimum(low, close)
    return opened.copy(), high, low, close, volume.copy()


PRICES = {
    "walk 0": walk(0),
    "walk 1": walk(1),
    "sp500": embedded("sp500", "SP500"),
    "aapl": embedded("us5", "AAPL"),
}

# (ours, TA-Lib's, bars until they agree), of open, high, low, close, volume
CASES = {
    "WMA": (
        lambda o, h, low, c, v: indicators.wma(c, 9),
        lambda o, h, low, c, v: talib.WMA(c, 9),
        8,
    ),
    "TRIMA odd": (
        lambda o, h, low, c, v: indicators.trima(c, 9),
        lambda o, h, low, c, v: talib.TRIMA(c, 9),
        8,
    ),
    "TRIMA even": (
        lambda o, h, low, c, v: indicators.trima(c, 10),
        lambda o, h, low, c, v: talib.TRIMA(c, 10),
        9,
    ),
    "DEMA": (
        lambda o, h, low, c, v: indicators.dema(c, 10),
        lambda o, h, low, c, v: talib.DEMA(c, 10),
        18,
    ),
    "TEMA": (
        lambda o, h, low, c, v: indicators.tema(c, 10),
        lambda o, h, low, c, v: talib.TEMA(c, 10),
        27,
    ),
    "T3": (
        lambda o, h, low, c, v: indicators.t3(c, 5, 0.7),
        lambda o, h, low, c, v: talib.T3(c, 5, 0.7),
        200,
    ),
    "KAMA": (
        lambda o, h, low, c, v: indicators.kama(c, 10),
        lambda o, h, low, c, v: talib.KAMA(c, 10),
        10,
    ),
    "SAR": (
        lambda o, h, low, c, v: indicators.parabolic_sar(h, low, 0.02, 0.2),
        lambda o, h, low, c, v: talib.SAR(h, low, 0.02, 0.2),
        1,
    ),
    "CMO": (
        lambda o, h, low, c, v: indicators.chande_momentum(c, 14),
        lambda o, h, low, c, v: talib.CMO(c, 14),
        14,
    ),
    "STOCHF": (
        lambda o, h, low, c, v: indicators.stochastic(h, low, c, 14, 1),
        lambda o, h, low, c, v: talib.STOCHF(h, low, c, 14, 1)[0],
        13,
    ),
    "STOCH": (
        lambda o, h, low, c, v: rolling.sma(indicators.stochastic(h, low, c, 14, 3), 3),
        lambda o, h, low, c, v: talib.STOCH(h, low, c, 14, 3, 0, 3, 0)[1],
        17,
    ),
    "WILLR": (
        lambda o, h, low, c, v: indicators.stochastic(h, low, c, 14, 1) - 100.0,
        lambda o, h, low, c, v: talib.WILLR(h, low, c, 14),
        13,
    ),
    "CCI": (
        lambda o, h, low, c, v: indicators.cci(h, low, c, 20),
        lambda o, h, low, c, v: talib.CCI(h, low, c, 20),
        19,
    ),
    "PLUS_DI": (
        lambda o, h, low, c, v: indicators.directional_index(h, low, c, 14)[0],
        lambda o, h, low, c, v: talib.PLUS_DI(h, low, c, 14),
        600,
    ),
    "MINUS_DI": (
        lambda o, h, low, c, v: indicators.directional_index(h, low, c, 14)[1],
        lambda o, h, low, c, v: talib.MINUS_DI(h, low, c, 14),
        600,
    ),
    "ADX": (
        lambda o, h, low, c, v: indicators.adx(h, low, c, 14),
        lambda o, h, low, c, v: talib.ADX(h, low, c, 14),
        600,
    ),
    "AROON up": (
        lambda o, h, low, c, v: indicators.aroon(h, low, 14)[0],
        lambda o, h, low, c, v: talib.AROON(h, low, 14)[1],
        14,
    ),
    "AROON down": (
        lambda o, h, low, c, v: indicators.aroon(h, low, 14)[1],
        lambda o, h, low, c, v: talib.AROON(h, low, 14)[0],
        14,
    ),
    "TRIX": (
        lambda o, h, low, c, v: indicators.trix(c, 10),
        lambda o, h, low, c, v: talib.TRIX(c, 10),
        28,
    ),
    "ULTOSC": (
        lambda o, h, low, c, v: indicators.ultimate_oscillator(h, low, c, 7, 14, 28),
        lambda o, h, low, c, v: talib.ULTOSC(h, low, c, 7, 14, 28),
        28,
    ),
    "NATR": (
        lambda o, h, low, c, v: 100.0 * indicators.atr(h, low, c, 14) / c,
        lambda o, h, low, c, v: talib.NATR(h, low, c, 14),
        14,
    ),
    "OBV": (
        lambda o, h, low, c, v: indicators.on_balance_volume(c, v),
        lambda o, h, low, c, v: talib.OBV(c, v),
        0,
    ),
    "AD": (
        lambda o, h, low, c, v: indicators.accumulation_distribution(h, low, c, v),
        lambda o, h, low, c, v: talib.AD(h, low, c, v),
        0,
    ),
    "ADOSC": (
        lambda o, h, low, c, v: indicators.chaikin_oscillator(h, low, c, v, 3, 10),
        lambda o, h, low, c, v: talib.ADOSC(h, low, c, v, 3, 10),
        200,
    ),
    "MFI": (
        lambda o, h, low, c, v: indicators.money_flow_index(h, low, c, v, 14),
        lambda o, h, low, c, v: talib.MFI(h, low, c, v, 14),
        14,
    ),
    "LINEARREG_SLOPE": (
        lambda o, h, low, c, v: indicators.linear_regression(c, 14)[0],
        lambda o, h, low, c, v: talib.LINEARREG_SLOPE(c, 14),
        13,
    ),
    "LINEARREG": (
        lambda o, h, low, c, v: indicators.linear_regression(c, 14)[1],
        lambda o, h, low, c, v: talib.LINEARREG(c, 14),
        13,
    ),
    "CORREL": (
        lambda o, h, low, c, v: indicators.correlation(h, v, 30),
        lambda o, h, low, c, v: talib.CORREL(h, v, 30),
        29,
    ),
    "BETA": (
        # TA-Lib takes what it is the beta to first.
        lambda o, h, low, c, v: indicators.beta(
            rolling.change(c, 1) / rolling.lag(c, 1), rolling.change(h, 1) / rolling.lag(h, 1), 20
        ),
        lambda o, h, low, c, v: talib.BETA(h, c, 20),
        20,
    ),
    "STDDEV": (
        lambda o, h, low, c, v: indicators.std(c, 20),
        lambda o, h, low, c, v: talib.STDDEV(c, 20),
        19,
    ),
    "MAX": (
        lambda o, h, low, c, v: rolling.highest(h, 20),
        lambda o, h, low, c, v: talib.MAX(h, 20),
        19,
    ),
    "MIN": (
        lambda o, h, low, c, v: rolling.lowest(low, 20),
        lambda o, h, low, c, v: talib.MIN(low, 20),
        19,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("market", PRICES)
def test_equal_to_talib(name, market):
    ours, theirs, first = CASES[name]
    prices = PRICES[market]
    found, expected = ours(*prices), theirs(*prices)
    assert len(found) == len(expected)
    scale = np.nanmax(np.abs(expected[first:]))
    assert np.isfinite(found[first:]).all()
    np.testing.assert_allclose(found[first:] / scale, expected[first:] / scale, rtol=0, atol=2e-11)
