"""Volumes within the day that are in another unit, in series long enough to be thinned."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.quality import check


@pytest.fixture
def minutes():
    rng = np.random.default_rng(1)
    days = pd.date_range("2020-01-06", periods=24, freq="B").to_numpy()
    ends = pd.timedelta_range("9h31min", periods=390, freq="min").to_numpy()
    times = pd.DatetimeIndex((days[:, None] + ends).ravel(), name="time")
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, len(times))))
    columns = {"open": close, "high": close * 1.0001, "low": close * 0.9999, "close": close}
    return pd.DataFrame(columns, times).assign(volume=np.round(rng.lognormal(8, 0.5, len(times))))


def test_a_change_of_unit_is_found_at_its_minute(minutes):
    assert check({"A": minutes}) == []
    bad = minutes.copy()
    bad.loc[bad.index[4321:], "volume"] *= 100
    (found,) = check({"A": bad})
    assert (found.kind, list(found.times)) == ("volume_unit", [bad.index[4321]])


def test_single_minutes_in_currency_are_found(minutes):
    rows = np.random.default_rng(2).choice(len(minutes), 200, replace=False)
    bad = minutes.copy()
    bad.loc[bad.index[rows], "volume"] *= bad["close"].iloc[rows]
    (found,) = check({"A": bad})
    assert found.kind == "volume_unit"
    assert set(found.times) <= set(bad.index[rows])
    assert len(found.times) > 180
