"""Adjustment for splits and dividends: by hand, and against what a holder makes."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.adjust import adjusted
from drltrade.errors import DataError


def raw(close, start="2020-01-06", freq="B", volume=1000.0):
    close = np.asarray(close, np.float64)
    index = pd.date_range(start, periods=len(close), freq=freq, name="time")
    prices = {"open": close * 0.99, "high": close * 1.02, "low": close * 0.98, "close": close}
    return pd.DataFrame({**prices, "volume": volume}, index=index)


def events(*rows):
    return pd.DataFrame(
        [row[1:] for row in rows], index=pd.DatetimeIndex([row[0] for row in rows]),
        columns=["split", "dividend"],
    )  # fmt: skip


def test_a_split_by_hand():
    bars = raw([100, 102, 51, 52])
    found = adjusted(bars, events(("2020-01-08", 2.0, 0.0)))
    np.testing.assert_allclose(found["close"], [50, 51, 51, 52])
    np.testing.assert_allclose(found["high"], [51, 52.02, 52.02, 53.04])
    np.testing.assert_allclose(found["volume"], [2000, 2000, 1000, 1000])
    forwards = adjusted(bars, events(("2020-01-08", 2.0, 0.0)), anchor="first")
    np.testing.assert_allclose(forwards["close"], [100, 102, 102, 104])
    np.testing.assert_allclose(forwards["volume"], [1000, 1000, 500, 500])


def test_a_dividend_by_hand():
    bars, paid = raw([100, 104, 99, 100]), events(("2020-01-08", 1.0, 1.0))
    found = adjusted(bars, paid)
    np.testing.assert_allclose(found["close"], [99.0, 104 * 0.99, 99, 100])
    assert (found["volume"] == 1000).all()
    before = adjusted(bars, paid, reinvested="previous close")
    np.testing.assert_allclose(before["close"], [100 * 103 / 104, 103, 99, 100])
    assert adjusted(bars, paid, how="split").equals(bars)


@pytest.mark.parametrize("anchor", ["last", "first"])
@pytest.mark.parametrize("reinvested", ["close", "previous close"])
def test_returns_are_what_a_holder_makes(anchor, reinvested):
    rng = np.random.default_rng(0)
    close = 80 * np.exp(np.cumsum(rng.normal(0, 0.02, 300)))
    split = np.where(rng.random(300) < 0.02, rng.choice([0.2, 2.0, 7.0], 300), 1.0)
    cash = np.where(rng.random(300) < 0.05, rng.uniform(0.1, 2.0, 300), 0.0)
    close = close / np.cumprod(split)
    cash = cash / np.cumprod(split)
    bars = raw(close)
    table = pd.DataFrame({"split": split, "dividend": cash}, index=bars.index)
    found = adjusted(bars, table, anchor=anchor, reinvested=reinvested)
    shares, wealth = 1.0, [close[0]]
    for t in range(1, 300):
        shares *= split[t]
        if reinvested == "close":
            shares += shares * cash[t] / close[t]
        else:  # at what the close before was in new shares, less the dividend
            shares *= 1.0 / (1.0 - cash[t] * split[t] / close[t - 1])
        wealth.append(shares * close[t])
    growth = found["close"].to_numpy() / found["close"].iloc[0]
    np.testing.assert_allclose(growth, np.array(wealth) / wealth[0], rtol=1e-12)
    fixed = 0 if anchor == "first" else -1
    assert found["close"].iloc[fixed] == pytest.approx(close[fixed], rel=1e-12)


def test_an_ex_date_without_a_bar_counts_for_the_next():
    monday = raw([51.0, 52.0], start="2020-01-13")
    bars = pd.concat([raw([100, 102, 101, 103, 102]), monday])
    found = adjusted(bars, events(("2020-01-11", 2.0, 0.0)))  # a Saturday
    np.testing.assert_allclose(found["close"], [50, 51, 50.5, 51.5, 51, 51, 52])


def test_what_lies_outside_the_bars_changes_nothing():
    bars = raw([100, 102, 101])
    outside = events(("2019-01-02", 2.0, 1.0), ("2020-01-06", 3.0, 1.0), ("2021-01-04", 2.0, 1.0))
    assert adjusted(bars, outside).equals(bars)


def test_within_the_day_the_ex_date_begins_after_midnight():
    bars = raw([100, 101, 102, 103, 52], start="2020-01-07 21:00", freq="h")
    found = adjusted(bars, events(("2020-01-08", 2.0, 0.0)))
    # The bar that ends at midnight is the last before the split.
    np.testing.assert_allclose(found["close"], [50, 50.5, 51, 51.5, 52])


def test_actions_of_one_day_are_one():
    bars = raw([100, 102, 17, 17.5])
    both = events(("2020-01-08", 2.0, 0.3), ("2020-01-08", 3.0, 0.2))
    one = events(("2020-01-08", 6.0, 0.5))
    pd.testing.assert_frame_equal(adjusted(bars, both), adjusted(bars, one))


BAD = {
    "split of nothing": (
        events(("2020-01-08", 0.0, 0.0)),
        r"^here, ex-date 2020-01-08 .*: split = 0; it is above 0; 1 means none$",
    ),
    "negative dividend": (
        events(("2020-01-08", 1.0, -0.5)), r"dividend = -0\.5; it is at least 0$",
    ),
    "missing dividend": (
        events(("2020-01-08", 1.0, float("nan"))), r"dividend = nan; it is at least 0$",
    ),
    "missing column": (
        events(("2020-01-08", 1.0, 0.0)).drop(columns="split"),
        r"^here: actions lack column split \(found: dividend\); needed are split and dividend$",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_actions_that_cannot_be_are_refused(case):
    table, text = BAD[case]
    with pytest.raises(DataError, match=text):
        adjusted(raw([100, 102, 101]), table, where="here")


def test_a_dividend_of_the_whole_price_is_refused():
    with pytest.raises(DataError, match=r"dividend = 102 is not below the close before, 102$"):
        adjusted(
            raw([100, 102, 101]), events(("2020-01-08", 1.0, 102.0)), reinvested="previous close"
        )
