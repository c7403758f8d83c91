"""Markets of a lower frequency than their data's, and features of several."""

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.data.bars import Bars
from drltrade.envs.config import TradingConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.settings import parse

PERIODS = {
    "train": ["2024-01-01", "2024-01-31"],
    "validation": ["2024-02-01", "2024-02-05"],
    "test": ["2024-02-06", "2024-02-29"],
}


@pytest.fixture(scope="module")
def bars():
    """Five minutes of New York from 09:35 to 16:00, and one after hours."""
    days = pd.bdate_range("2024-01-02", periods=40) + pd.Timedelta("9.5h")
    times = [day + pd.Timedelta("5min") * n for day in days for n in [*range(1, 79), 90]]
    close = 100 + np.arange(len(times)) % 13 * 0.1
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close}
    frame = pd.DataFrame(columns, pd.DatetimeIndex(times, name="time")).assign(volume=1000.0)
    return Bars({"A": frame}, "America/New_York", "5m", "by hand", "", "full")


def task(bars, **settings):
    usual = {"data": "by hand", "periods": PERIODS, "features": ["log_return(1)"], "window": 2,
             "episode_length": None}  # fmt: skip
    return Task.build(parse(TradingConfig, usual | settings, "preset"), bars=bars)


def test_a_weekly_market_out_of_days():
    market = drltrade.make_env("sp500-daily", frequency="1w").unwrapped.task.market
    assert market.periods_per_year == 52.0
    assert (market.times.day_of_week == 4).all()


def test_a_daily_market_out_of_minutes(bars):
    market = task(bars, frequency="1d", calendar="XNYS").market
    assert market.periods_per_year == 252.0
    assert market.times.is_normalized
    last = bars.frames["A"].loc["2024-01-05 16:00:00", "close"]
    row = market.times.get_loc(pd.Timestamp("2024-01-05"))
    assert market.close[row, 0] == last  # what traded after hours belongs to the next session


def test_features_of_several_frequencies_in_one_observation(bars):
    made = task(bars, features=["log_return(1)", "log_return(1)@1h", "log_return(2)@1d"])
    assert made.market.columns == ("log_return(1)", "log_return(1)@1h", "log_return(2)@1d")
    # Days are seen from the first bar of the next on: three are needed for a return of two.
    assert str(made.market.times[0]) == "2024-01-05 09:35:00"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frequency": "1m"}, "frequency '1m' is higher than that of the bars"),
        ({"frequency": "2w"}, "key 'frequency' = '2w': frequency '2w': one that divides a day"),
        ({"calendar": "XNYS"}, "calendar = 'XNYS': says when days are over .*set frequency"),
        ({"frequency": "1d", "calendar": "XNEW"}, "calendar = 'XNEW' is no exchange's"),
    ],
)
def test_frequencies_that_cannot_be(bars, settings, message):
    with pytest.raises(ConfigError, match=message):
        task(bars, **settings)
