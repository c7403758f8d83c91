"""Lower frequencies: what a bar is made of, its label, and that none is seen before it is over."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.data import calendars
from drltrade.data.bars import Bars
from drltrade.data.catalog import load_bars
from drltrade.data.frequencies import parse_frequency
from drltrade.data.resample import resampled, resampled_bars
from drltrade.errors import ConfigError

ZONE = "America/New_York"


def numbered(times):
    """Bars of which each says its number: opens at n, closes at n + 0.5, from n - 1 to n + 1."""
    n = np.arange(1.0, len(times) + 1.0) + 10
    columns = {"open": n, "high": n + 1, "low": n - 1, "close": n + 0.5, "volume": n * 0 + 1}
    return pd.DataFrame(columns, pd.DatetimeIndex(times, name="time"))


def minutes(start, count, step=5):
    return pd.date_range(start, periods=count, freq=f"{step}min")


def rows(found):
    return [(str(time), *values) for time, values in
            zip(found.frame.index, found.frame.to_numpy().tolist(), strict=True)]  # fmt: skip


def test_hours_are_labelled_by_their_end():
    found = resampled(numbered(minutes("2024-01-02 09:35", 20)), "1h")
    # 09:35 to 10:00 are six bars, and 10:05 to 11:00 twelve; two more are of an hour not over.
    assert rows(found) == [
        ("2024-01-02 10:00:00", 11.0, 17.0, 10.0, 16.5, 6.0),
        ("2024-01-02 11:00:00", 17.0, 29.0, 16.0, 28.5, 12.0),
    ]
    assert list(found.complete) == list(found.frame.index)


def test_days_are_complete_at_midnight_without_a_calendar():
    times = minutes("2024-01-02 22:00", 8, 30)  # the last is of the next day, from 01:30
    found = resampled(numbered(times), "1d")
    assert rows(found) == [("2024-01-02 00:00:00", 11.0, 16.0, 10.0, 15.5, 5.0)]
    assert list(found.complete) == [pd.Timestamp("2024-01-03")]


def test_days_are_complete_at_the_close_of_the_exchange():
    # 2023-11-24, after Thanksgiving, closed at 13:00; what trades later is the next session's.
    days = [minutes(f"2023-11-{day} 10:00", 9, 60) for day in (22, 24, 27)]
    frame = numbered(days[0].append(days[1:]))
    schedule = calendars.schedule("XNYS", ZONE, frame.index[0], pd.Timestamp("2023-12-29"))
    assert "2023-11-24 13:00:00" in schedule.closes.astype(str)
    found = resampled(frame, "1d", schedule)
    assert [str(time.date()) for time in found.frame.index] == [
        "2023-11-22", "2023-11-24", "2023-11-27",
    ]  # fmt: skip
    assert [str(time) for time in found.complete] == [
        "2023-11-22 16:00:00", "2023-11-24 13:00:00", "2023-11-27 16:00:00",
    ]  # fmt: skip
    assert found.frame["volume"].tolist() == [7.0, 6.0, 12.0]
    assert found.frame["close"].iloc[1] == frame["close"][pd.Timestamp("2023-11-24 13:00")]


def test_weeks_and_months_of_sessions():
    days = pd.bdate_range("2024-01-29", "2024-02-09").drop("2024-02-02")
    weeks = resampled(numbered(days), "1w")
    assert [str(time.date()) for time in weeks.frame.index] == ["2024-02-02", "2024-02-09"]
    assert weeks.frame["volume"].tolist() == [4.0, 5.0]
    months = resampled(numbered(days), "1mo")
    assert [str(time.date()) for time in months.frame.index] == ["2024-01-31"]


def test_weekends():
    """They count for what comes next, unless a calendar has sessions on them."""
    days = numbered(pd.date_range("2024-01-29", "2024-02-11"))
    weeks = resampled(days, "1w").frame
    assert [str(time.date()) for time in weeks.index] == ["2024-02-02", "2024-02-09"]
    assert weeks["volume"].tolist() == [5.0, 7.0]
    schedule = calendars.schedule(
        "24/7", "UTC", pd.Timestamp("2024-01-29"), pd.Timestamp("2024-03-15")
    )
    for frame in (days, numbered(pd.date_range("2024-01-29 01:00", "2024-02-12", freq="1h"))):
        weeks = resampled(frame, "1w", schedule).frame
        assert [str(time.date()) for time in weeks.index] == ["2024-02-04", "2024-02-11"]


@pytest.mark.parametrize("frequency", ["1w", "1mo"])
@pytest.mark.parametrize("extra", ["2024-03-23", "2024-03-24"])
def test_a_session_at_a_weekend_changes_nothing_before_it(frequency, extra):
    days = pd.bdate_range("2023-11-01", "2024-03-22")
    before = resampled(numbered(days), frequency)
    after = resampled(numbered(days.append(pd.DatetimeIndex([extra]))), frequency)
    pd.testing.assert_frame_equal(after.frame, before.frame)
    assert after.complete.equals(before.complete)


FREQUENCIES = st.sampled_from(["15m", "1h", "4h", "1d", "1w"])


@settings(deadline=None, max_examples=60)
@given(frequency=FREQUENCIES, cut=st.integers(2, 700), seed=st.integers(0, 99), exact=st.booleans())
def test_no_bar_is_seen_before_it_is_complete(frequency, cut, seed, exact):
    """What later bars were cannot be told from what is complete."""
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2024-01-02", periods=12)
    five = pd.Timedelta("5min")
    times = [
        day + pd.Timedelta("9.5h") + five * n
        for day in sessions
        for n in np.sort(rng.choice(np.arange(1, 90), 60, replace=False))
    ]
    frame = numbered(times)
    schedule = None
    if exact:
        schedule = calendars.schedule("XNYS", ZONE, times[0], times[-1] + pd.Timedelta(days=35))
    before = resampled(frame.iloc[:cut], frequency, schedule)
    changed = frame.copy()
    changed.iloc[cut:] *= rng.uniform(0.5, 2.0, (len(frame) - cut, 1))
    for later in (resampled(frame, frequency, schedule), resampled(changed, frequency, schedule)):
        seen = np.asarray(later.complete <= frame.index[cut - 1])
        pd.testing.assert_frame_equal(later.frame[seen], before.frame)
    assert (before.complete <= frame.index[cut - 1]).all()


def test_bars_of_every_symbol():
    bars = load_bars("us5")
    weekly = resampled_bars(bars, "1w")
    assert (weekly.frequency, weekly.symbols) == ("1w", bars.symbols)
    friday = weekly.frame("IBM").loc["2012-06-08"]
    week = bars.frame("IBM").loc["2012-06-04":"2012-06-08"]
    assert friday["high"] == week["high"].max()
    assert friday["volume"] == week["volume"].sum()
    hours = Bars({"A": numbered(minutes("2024-01-02 09:35", 400))}, None, "5m", "x", "", "raw")
    with pytest.raises(ConfigError, match="calendar = 'XNYS': the zone of x is unknown"):
        resampled_bars(hours, "1d", "XNYS")


@pytest.mark.parametrize("frequency", ["7m", "2d", "hourly", "0h", "1y"])
def test_frequencies_that_there_are_not(frequency):
    with pytest.raises(ConfigError, match=f"frequency '{frequency}': one that divides a day"):
        parse_frequency(frequency)


def test_a_higher_frequency_is_refused():
    for times, frequency in (
        (pd.bdate_range("2024-01-02", periods=9), "1h"),
        (minutes("2024-01-02 10:10", 9, 60), "15m"),
    ):
        bars = Bars({"A": numbered(times)}, None, "?", "x", "", "raw")
        with pytest.raises(ConfigError, match=f"frequency '{frequency}' is higher than that of"):
            resampled_bars(bars, frequency)
