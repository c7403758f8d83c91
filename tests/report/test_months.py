"""The monthly table: a bar that ends at midnight belongs to the month that ends there."""

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.report.breakdowns import monthly_returns


def test_the_last_hour_of_july_belongs_to_july():
    times = pd.date_range("2024-07-01 01:00", "2024-09-01 00:00", freq="h")
    close = np.where(times >= pd.Timestamp("2024-08-01 00:00"), 110.0, 100.0)
    opened = np.concatenate((close[:1], close[:-1]))
    frame = pd.DataFrame(
        {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close),
         "close": close, "volume": 5.0}, times,
    )  # fmt: skip
    periods = {"train": ["2024-07-01", "2024-07-03"], "validation": ["2024-07-04", "2024-07-05"],
               "test": ["2024-07-06", "2024-08-31"]}  # fmt: skip
    held = drltrade.backtest(
        "buy-and-hold", env="sp500-daily", data=frame, periods=periods, window=1,
        features=["log_return(1)"], costs={"commission_bps": 0.0, "slippage_bps": 0.0},
    )  # fmt: skip
    years, table = monthly_returns(held)
    assert years == [2024]
    assert table[0, 6] == pytest.approx(0.10)
    assert table[0, 7] == pytest.approx(0.0)
