"""Bars that are quoted and not traded, histories without volume, series that end before others."""

import numpy as np
import pandas as pd
import pytest
from small_markets import bars_of, play, small_task

import drltrade
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, DataError

NAN = np.nan


def untraded(bars, symbol, first, last):
    """The same bars, with quotes alone from row `first` to `last`."""
    frame = bars.frames[symbol]
    frame.loc[frame.index[first:last], "volume"] = 0.0
    return bars


def test_an_account_marks_at_quotes_and_a_delisting_pays_the_last():
    bars = bars_of(A=[100.0] * 8, B=[(100, 100)] * 3 + [(100, 5), (5, 5), None, None, None])
    untraded(bars, "B", 11, 13)
    for delistings, ended in ((["B"], True), ([], False)):
        env = PortfolioEnv(small_task(bars, {"delistings": delistings}))
        hold = np.array([NAN, NAN])
        path = play(env, [np.array([0.0, 1.0]), *[hold] * 6])
        assert path[1][4]["holdings"][1] == pytest.approx(1000.0)
        for step in path[3:]:  # down to 5 while nothing trades, and 5 from then on
            assert step[4]["equity"] == pytest.approx(5_000.0)
        assert (path[-1][4]["holdings"][1] == 0.0) == ended


@pytest.mark.parametrize("symbols", [1, 2])
def test_a_stop_loss_does_not_fill_where_nothing_trades(symbols):
    prices = [(100, 100), (100, 100), (100, 60), (60, 55), (55, 55, 40, 50), 50.0]
    bars = bars_of(**{name: prices for name in "AB"[:symbols]})
    for name in "AB"[:symbols]:
        untraded(bars, name, 10, 12)
    env = (PortfolioEnv if symbols == 2 else TradingEnv)(
        small_task(bars, {"bracket": {"stop_loss": 0.2}})
    )
    first = np.array([0.5, 0.5]) if symbols == 2 else 2
    hold = np.array([NAN, NAN]) if symbols == 2 else 2
    path = play(env, [first, hold, hold, hold, hold])
    held = [step[4]["holdings"][0] != 0.0 for step in path]
    # At 60 and 55 it is only quoted; at 55 it trades again, beyond the stop.
    assert held[:5] == [False, True, True, True, False]
    assert path[4][4]["exits"][0] == pytest.approx(55.0)


def silent_history(days=300, silent=200):
    times = pd.bdate_range("2012-01-02", periods=days)
    close = np.linspace(100.0, 165.0, days)
    volume = np.where(np.arange(days) < silent, 0.0, 1e6)
    return pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close, "volume": volume}, times
    )


PERIODS = {
    "train": ["2012-01-02", "2012-06-29"],
    "validation": ["2012-07-02", "2012-08-31"],
    "test": ["2012-09-03", "2013-02-22"],
}


def test_volume_that_was_not_recorded_is_no_quiet_freeze():
    keys = {"data": silent_history(), "periods": PERIODS, "features": ["log_return(1)"],
            "window": 1, "costs": {"commission_bps": 0.0, "slippage_bps": 0.0}}  # fmt: skip
    with pytest.raises(DataError, match=r"volume_missing.*200 of 300 bars \(67%\).*zero_volume"):
        drltrade.make_env(**keys)
    held = drltrade.backtest(
        "buy-and-hold", env="sp500-daily", period="all", zero_volume="trade", **keys
    )
    assert held.metrics()["total_return"] == pytest.approx(0.65, abs=0.01)
    with pytest.raises(ConfigError, match=r"200 bars without volume, on which costs\.impact"):
        drltrade.make_env(zero_volume="trade", **keys | {"costs": {"volume_limit": 0.1}})


def test_periods_that_the_data_do_not_reach_are_cut_only_when_asked(caplog):
    data = silent_history(silent=0)
    late = PERIODS | {"test": ["2012-09-03", "2020-12-31"]}
    keys = {"data": data, "periods": late, "features": ["log_return(1)"], "window": 1}
    with pytest.raises(ConfigError, match=r"from 2012-01-02 to 2020-12-31, and a frame reaches"):
        drltrade.make_env(**keys)
    env = drltrade.make_env(clip_periods=True, **keys)
    assert str(env.task.config.periods.test[1]) == "2013-02-22"
    assert "the test period is 2012-09-03 to 2013-02-22 instead of" in env.task.warnings[0]
    assert env.task.warnings[0] in caplog.text
    outside = PERIODS | {"test": ["2014-09-03", "2020-12-31"]}
    with pytest.raises(ConfigError, match="the test period, 2014-09-03 to 2020-12-31, lies outs"):
        drltrade.make_env(clip_periods=True, **keys | {"periods": outside})


def test_one_day_is_a_period_of_bars_within_the_day():
    times = pd.date_range("2024-07-01 01:00", periods=72, freq="h")
    close = 100.0 + np.arange(72)
    frame = pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close, "volume": 5.0}, times
    )
    days = {name: [f"2024-07-0{n}"] * 2 for n, name in
            enumerate(("train", "validation", "test"), start=1)}  # fmt: skip
    env = drltrade.make_env(data=frame, periods=days, features=["log_return(1)"], window=1)
    rows = env.task.rows("validation")
    # From 01:00 to 24:00 of the 2nd.
    assert (rows[0], len(rows)) == (23, 24)
    assert str(env.task.market.times[rows[-1]]) == "2024-07-03 00:00:00"


def test_symbols_that_are_numbers_and_hours_of_an_exchange():
    times = pd.date_range("2024-07-01 05:00", "2024-07-12 20:00", freq="30min")
    close = 100.0 + np.sin(np.arange(len(times)) / 5.0)
    frame = pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close, "volume": 5.0},
        times.tz_localize("America/New_York"),
    )
    days = {"train": ["2024-07-01", "2024-07-05"], "validation": ["2024-07-08", "2024-07-09"],
            "test": ["2024-07-10", "2024-07-12"]}  # fmt: skip
    env = drltrade.make_env(
        data={"600519": frame}, symbol=600519, periods=days, session="regular", calendar="XNYS",
        features=["log_return(1)"], window=1,
    )  # fmt: skip
    assert env.task.market.symbols == ("600519",)
    clock = {str(time.time()) for time in env.task.market.times}
    assert (min(clock), max(clock), len(clock)) == ("10:00:00", "16:00:00", 13)
    assert env.task.market.periods_per_year == pytest.approx(252 * 13, rel=0.02)


def test_members_without_prices_are_counted_and_named(tmp_path):
    table = tmp_path / "members.csv"
    table.write_text(
        "symbol,start,end\nNA,2012-01-02,\nBRK.B,2012-01-02,\nCCC ,2012-01-02,\nB,2012-01-02,\n"
    )
    frames = {name: silent_history(silent=0) for name in ("NA", "B", "BRK-B", "CCC")}
    keys = {"data": frames, "periods": PERIODS, "features": ["log_return(1)"], "window": 1,
            "universe": str(table), "symbols": None}  # fmt: skip
    task = drltrade.make_env("us5-portfolio", **keys).task
    assert task.market.symbols == ("B", "CCC", "NA")
    (line,) = task.warnings
    assert line.startswith("1 of 4 members of")
    assert "have no prices, and are no assets: BRK.B (there is BRK-B)" in line
