"""Indicators: twenty on a million bars, beside TA-Lib; a table of twenty features; a live step.

    python benchmarks/bench_features.py

One thread, CPU seconds, medians of five, each beside its peer; the first call of each, which loads
the compiled loops, does not count.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import talib
from timing import print_machine, print_table

from drltrade.features import indicators as own
from drltrade.features.table import FeatureStream, feature_table

BARS = 1_000_000
FEATURES = [
    "log_return(1)", "ma_ratio(20)", "ema_ratio(20)", "macd(12, 26, 9)", "rsi(14)", "cci(20)",
    "stochastic(14, 3)", "adx(14)", "aroon(25)", "trix(15)", "bollinger(20, 2)", "atr(14)",
    "volatility(20)", "yang_zhang(20)", "volume_zscore(20)", "obv(20)", "mfi(14)", "donchian(20)",
    "slope(20)", "sar",
]  # fmt: skip


def market(count: int) -> pd.DataFrame:
    """Minutes of a random walk."""
    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, count)))
    opened = close * np.exp(rng.normal(0.0, 5e-4, count))
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.0005,
        "low": np.minimum(opened, close) * 0.9995,
        "close": close,
        "volume": rng.integers(1, 10**6, count).astype(np.float64),
    }
    return pd.DataFrame(columns, pd.date_range("2000-01-01", periods=count, freq="min"))


def pairs(frame: pd.DataFrame) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Ours and TA-Lib's of each indicator."""
    h, low, c, v = (frame[name].to_numpy(copy=True) for name in ("high", "low", "close", "volume"))
    return {
        "SMA(20)": (lambda: own.sma(c, 20), lambda: talib.SMA(c, 20)),
        "EMA(20)": (lambda: own.ema(c, 20), lambda: talib.EMA(c, 20)),
        "WMA(20)": (lambda: own.wma(c, 20), lambda: talib.WMA(c, 20)),
        "KAMA(10)": (lambda: own.kama(c, 10), lambda: talib.KAMA(c, 10)),
        "SAR": (lambda: own.parabolic_sar(h, low), lambda: talib.SAR(h, low)),
        "MACD": (lambda: own.macd(c, 12, 26, 9), lambda: talib.MACD(c)),
        "RSI(14)": (lambda: own.rsi(c, 14), lambda: talib.RSI(c, 14)),
        "STOCH(14, 3)": (
            lambda: own.stochastic(h, low, c, 14, 3),
            lambda: talib.STOCH(h, low, c, 14, 3, 0, 3, 0),
        ),
        "CCI(20)": (lambda: own.cci(h, low, c, 20), lambda: talib.CCI(h, low, c, 20)),
        "ADX(14)": (lambda: own.adx(h, low, c, 14), lambda: talib.ADX(h, low, c, 14)),
        "AROON(25)": (lambda: own.aroon(h, low, 25), lambda: talib.AROON(h, low, 25)),
        "TRIX(15)": (lambda: own.trix(c, 15), lambda: talib.TRIX(c, 15)),
        "ULTOSC": (
            lambda: own.ultimate_oscillator(h, low, c, 7, 14, 28),
            lambda: talib.ULTOSC(h, low, c),
        ),
        "BBANDS(20)": (lambda: own.bollinger_position(c, 20, 2.0), lambda: talib.BBANDS(c, 20)),
        "ATR(14)": (lambda: own.atr(h, low, c, 14), lambda: talib.ATR(h, low, c, 14)),
        "OBV": (lambda: own.on_balance_volume(c, v), lambda: talib.OBV(c, v)),
        "ADOSC(3, 10)": (
            lambda: own.chaikin_oscillator(h, low, c, v, 3, 10),
            lambda: talib.ADOSC(h, low, c, v),
        ),
        "MFI(14)": (
            lambda: own.money_flow_index(h, low, c, v, 14),
            lambda: talib.MFI(h, low, c, v, 14),
        ),
        "LINEARREG(14)": (lambda: own.linear_regression(c, 14), lambda: talib.LINEARREG(c, 14)),
        "CORREL(30)": (lambda: own.correlation(c, v, 30), lambda: talib.CORREL(c, v, 30)),
    }


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Print the tables."""
    print_machine("TA-Lib", "numba", "numpy")
    frame = market(BARS)
    rows, total = [], np.zeros(2)
    for name, both in pairs(frame).items():
        for work in both:
            work()
        rounds = [[cpu(work) for work in both] for _ in range(5)]
        medians = np.array([statistics.median(each) for each in zip(*rounds, strict=True)])
        total += medians
        rows.append([name, f"{medians[0] * 1e3:.1f}", f"{medians[1] * 1e3:.1f}"])
    rows.append([f"all {len(rows)}", f"{total[0] * 1e3:.0f}", f"{total[1] * 1e3:.0f}"])
    print_table("Indicators on 1,000,000 bars, ms (target 1000)", ["", "drltrade", "TA-Lib"], rows)

    feature_table(frame, FEATURES)
    taken = statistics.median(cpu(lambda: feature_table(frame, FEATURES)) for _ in range(5))
    stream = FeatureStream(FEATURES)
    stream.update(frame.iloc[:100_000])
    places = iter(range(100_000, 101_000))
    steps = cpu(lambda: [stream.update(frame.iloc[t : t + 1]) for t in places])
    print_table(
        f"{len(FEATURES)} features, CPU",
        ["", "time"],
        [["a table of 1,000,000 bars", f"{taken:.2f} s"],
         ["one bar more, after 100,000", f"{steps:.2f} ms"]],
    )  # fmt: skip


if __name__ == "__main__":
    main()
