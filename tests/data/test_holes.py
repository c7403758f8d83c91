"""Bars that are missing, sessions on other clocks, ends that lag: found, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.quality import check


def at(times):
    """Quiet bars with these labels."""
    return quiet_bars(len(times)).set_axis(pd.DatetimeIndex(times, name="time"))


def found_in(frames, calendar=None, zone=None):
    found = check(frames, calendar, zone=zone)
    return [(each.kind, each.symbol, len(each.times)) for each in found if each.severity != "note"]


def around_the_clock(days=20):
    return pd.date_range("2024-01-01 01:00", periods=24 * days, freq="h")


def currency_hours(weeks=6):
    """Monday 01:00 to Saturday 00:00, the ends of bars from Monday 00:00 to Friday 24:00."""
    times = pd.date_range("2024-03-04 01:00", periods=weeks * 168, freq="h")
    return times[(times - pd.Timedelta("1us")).day_of_week < 5]


def session_minutes(days=12, step="5min", opened="09:30", length="6.5h"):
    """Bars of weekdays in New York's hours."""
    sessions = pd.bdate_range("2024-03-04", periods=days)
    ends = pd.timedelta_range(step, length, freq=step) + pd.Timedelta(f"{opened}:00")
    return pd.DatetimeIndex([session + end for session in sessions for end in ends])


@pytest.mark.parametrize("calendar", [None, "24/7"])
def test_hours_that_a_coin_lacks_are_counted_with_their_gaps(calendar):
    times = around_the_clock()
    holes = times.delete([50, 51, 52, 100, 250, 251])
    assert found_in({"A": at(times)}, calendar) == []
    (found,) = [each for each in check({"A": at(holes)}, calendar) if each.severity != "note"]
    assert (found.severity, found.kind) == ("warning", "missing_bar")
    assert list(found.times) == list(times[[50, 51, 52, 100, 250, 251]])
    assert found.text == "6 bars are missing in 3 gaps; the first: 2024-01-03 03:00:00"


def test_a_day_that_a_coin_lacks_is_missing():
    times = around_the_clock()
    assert found_in({"A": at(times.delete(range(48, 72)))}) == [("missing_bar", "A", 24)]
    days = pd.date_range("2024-01-01", periods=60)
    assert found_in({"A": at(days.delete([20, 21]))}) == [("missing_bar", "A", 2)]


def test_weeks_and_months_that_are_missing():
    weeks = pd.date_range("2020-01-06", periods=60, freq="7D")
    assert found_in({"A": at(weeks.delete([20, 21]))}) == [("missing_bar", "A", 2)]
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    assert found_in({"A": at(months)}) == []
    assert found_in({"A": at(months.delete(20))}) == [("missing_bar", "A", 1)]


@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_minutes_that_are_missing_within_a_session(calendar):
    times = session_minutes()
    assert found_in({"A": at(times)}, calendar) == []
    holes = times.delete([100, 101, 300])
    assert found_in({"A": at(holes)}, calendar) == [("missing_bar", "A", 3)]


def test_a_half_day_is_no_hole_but_where_the_calendar_says_that_it_was_a_whole_one():
    times = session_minutes()
    early = times.delete(range(78 * 5 - 36, 78 * 5))
    assert found_in({"A": at(early)}) == []
    assert found_in({"A": at(early)}, "XNYS") == [("missing_bar", "A", 36)]


def test_labels_in_utc_are_compared_with_a_calendar_by_their_zone():
    utc = session_minutes().tz_localize("America/New_York").tz_convert("UTC").tz_localize(None)
    holes = utc.delete([100, 101, 300])
    assert found_in({"A": at(utc)}, "XNYS", "UTC") == []
    assert found_in({"A": at(holes)}, "XNYS", "UTC") == [("missing_bar", "A", 3)]


@pytest.mark.parametrize("calendar", [None, "24/5"])
def test_the_last_hour_of_a_friday_is_no_saturday(calendar):
    times = currency_hours()
    assert found_in({"A": at(times)}, calendar, "Europe/Athens") == []
    holes = times.delete([30, 31, 200])
    found = found_in({"A": at(holes)}, calendar, "Europe/Athens")
    assert found == [("missing_bar", "A", 3)]


def test_a_trading_day_that_begins_the_evening_before_is_the_calendars():
    hours = pd.date_range("2024-04-07 19:00", periods=23, freq="h")  # to Monday 17:00
    days = [hours + pd.Timedelta(days=day) for day in range(40) if day % 7 < 5]
    times = pd.DatetimeIndex(np.concatenate(days))
    found = found_in({"A": at(times)}, "us_futures", "America/New_York")
    assert [each for each in found if each[0] == "no_session"] == []


def test_hours_that_move_with_summer_time_are_worth_a_note():
    winter = pd.bdate_range("2024-02-12", periods=50)
    local = [day + pd.Timedelta(hours=10 + n) for day in winter for n in range(7)]
    utc = pd.DatetimeIndex(local).tz_localize("America/New_York").tz_convert("UTC")
    (found,) = check({"A": at(utc.tz_localize(None))})
    assert (found.severity, found.kind) == ("note", "zone_shift")


def test_a_series_that_ends_before_the_others_is_told():
    times = around_the_clock()
    (found,) = check({"A": at(times), "B": at(times[:-9])})
    assert (found.severity, found.kind, found.symbol) == ("warning", "early_end", "B")
    assert list(found.times) == [times[-10]]
    assert found.text == (
        "ends 9 hours before the others, at 2024-01-20 15:00:00: a delisting? It is one only where "
        "that is stated"
    )
    days = pd.bdate_range("2020-01-06", periods=90)
    frames = {name: at(days) for name in "ABC"}
    assert found_in({**frames, "D": at(days[:-2])}) == []
    assert found_in({**frames, "D": at(days[:40])}) == [("early_end", "D", 1)]
    (late,) = check({**frames, "D": at(days[40:])})
    assert (late.severity, late.kind, late.symbol) == ("note", "late_start", "D")


def test_many_ends_are_one_finding():
    days = pd.bdate_range("2020-01-06", periods=90)
    frames = {f"S{n}": at(days[: 60 if n < 8 else 90]) for n in range(20)}
    (found,) = check(frames)
    assert (found.kind, found.symbol) == ("early_end", None)
    assert found.text.startswith("8 series: each ends before the others (S0 2020-03-27, ")


def test_dates_that_most_others_have_are_missing():
    days = pd.bdate_range("2020-01-06", periods=90)
    frames = {f"S{n}": at(days) for n in range(5)}
    frames["S5"] = at(days.delete([30, 31]))
    assert found_in(frames) == [("missing_session", "S5", 2)]
    own = days.delete([30, 31]).union(pd.DatetimeIndex(["2020-02-15"]))
    assert found_in({**frames, "S5": at(own)}) == []  # another exchange


def test_a_volume_that_was_not_recorded():
    days = pd.bdate_range("2020-01-06", periods=120)
    frame = at(days)
    frame.iloc[:80, 4] = 0.0
    (found, _) = check({"A": frame})
    assert (found.severity, found.kind, len(found.times)) == ("warning", "volume_missing", 80)
    assert found.text.startswith("volume is 0 on 80 of 120 bars (67%) while prices move")


def test_bars_that_are_quoted_without_a_trade():
    frame = at(pd.bdate_range("2020-01-06", periods=120))
    frame.iloc[60:90, :4] = 91.0
    frame.iloc[60:90, 4] = 0.0
    found = [each for each in check({"A": frame}) if each.severity != "note"]
    assert [(each.kind, len(each.times)) for each in found] == [("untraded", 30)]
    assert "quoted without a trade on 30 bars, first at 91" in found[0].text


def test_hours_that_are_busier_than_others_are_no_change_of_unit():
    times = session_minutes(days=12)
    frame = at(times)
    busy = np.where(times.hour < 11, 200.0, 1.0)
    assert found_in({"A": frame.assign(volume=frame["volume"] * busy)}) == []
    lots = np.where(np.arange(len(times)) < 500, 1.0, 0.01)
    found = found_in({"A": frame.assign(volume=frame["volume"] * busy * lots)})
    assert found == [("volume_unit", "A", 1)]


def test_a_hole_of_months_in_daily_bars_is_told():
    bars = quiet_bars(400)
    found = [each for each in check({"A": bars.drop(bars.index[100:160])})
             if each.kind == "missing_bar"]  # fmt: skip
    assert [(len(each.times), each.severity) for each in found] == [(60, "warning")]
    assert [each.kind for each in check({"A": bars.drop(bars.index[100:107])})] == []
