"""Which day a bar belongs to, and when it ends."""

import pandas as pd
import pytest

from drltrade.data import calendars
from drltrade.data.bars import Bars
from drltrade.data.files import read_published
from drltrade.data.hours import regular_hours
from drltrade.data.labels import dates_of, labelled_by_end
from drltrade.data.layout import Layout
from drltrade.data.resample import resampled_bars
from drltrade.errors import ConfigError, DataError


def numbered(times):
    frame = pd.DataFrame(
        {name: range(1, len(times) + 1) for name in ("open", "high", "low", "close", "volume")},
        index=pd.DatetimeIndex(times, name="time"), dtype="float64",
    )  # fmt: skip
    return frame


def test_a_bar_that_ends_at_midnight_belongs_to_the_day_before():
    hours = pd.DatetimeIndex(["2024-07-31 23:00", "2024-08-01 00:00", "2024-08-01 01:00"])
    assert [str(day.date()) for day in dates_of(hours)] == [
        "2024-07-31",
        "2024-07-31",
        "2024-08-01",
    ]
    days = pd.DatetimeIndex(["2024-07-31", "2024-08-01"])
    assert dates_of(days).equals(days)


def test_four_hours_over_a_change_of_clocks_end_an_hour_later_or_earlier():
    for night, end in (("2024-03-31", "05:00"), ("2024-10-27", "03:00")):
        times = pd.DatetimeIndex([f"{night} 00:00", f"{night} 12:00"])
        found = labelled_by_end(numbered(times), "4h", "Europe/Berlin").index
        assert [str(time) for time in found] == [f"{night} {end}:00", f"{night} 16:00:00"]


@pytest.mark.parametrize(
    ("stamp", "zone"),
    [("T15:00:00+00:00", "Asia/Tokyo"), ("T14:00:00Z", "Australia/Sydney"),
     ("T21:00:00Z", "America/New_York"), (" 16:00", "America/New_York")],
)  # fmt: skip
def test_daily_stamps_that_are_no_midnights_need_a_zone(tmp_path, stamp, zone):
    days = pd.bdate_range("2019-01-07", periods=15)
    east = zone in ("Asia/Tokyo", "Australia/Sydney")
    lines = [f"{(day - pd.Timedelta(days=int(east))).date()}{stamp},1,2,1,2,3" for day in days]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]))
    with pytest.raises(DataError, match=r"row 2: daily bars are stamped .*--zone Asia/Tokyo"):
        read_published(path)
    (frame,) = read_published(path, Layout(zone=zone)).frames.values()
    assert frame.index.equals(days.as_unit("us"))


def server_week(zone="Europe/Athens"):
    """Hours of a server's week, Monday 00:00 to Friday 24:00."""
    days = pd.bdate_range("2024-03-04", periods=15)
    times = [day + pd.Timedelta(hours=h) for day in days for h in range(1, 25)]
    return Bars({"X": numbered(times)}, zone, "1h", "x", "0", "raw")


@pytest.mark.parametrize("zone", ["Europe/Athens", "Asia/Tokyo", "UTC", "America/New_York"])
@pytest.mark.parametrize("calendar", ["24/5", "24/7"])
def test_days_without_a_place_end_at_midnight_of_the_data(zone, calendar):
    days = resampled_bars(server_week(zone), "1d", calendar).frames["X"]
    assert set(days.index.day_of_week) == {0, 1, 2, 3, 4}
    assert (len(days), days["open"].iloc[1], days["close"].iloc[1]) == (15, 25.0, 48.0)


def test_a_day_of_currencies_ends_at_five_in_new_york():
    # In March 2024 New York changes its clocks three weeks before Europe does.
    weeks = pd.date_range("2024-03-03 23:00", "2024-03-22 21:00", freq="h", tz="UTC")
    local = weeks.tz_convert("America/New_York")
    open_ = ~(
        (local.day_of_week == 5) | ((local.day_of_week == 4) & (local.hour > 17))
        | ((local.day_of_week == 6) & (local.hour <= 17))
    )  # fmt: skip
    times = weeks[open_].tz_localize(None)
    bars = Bars({"EURUSD": numbered(times)}, "UTC", "1h", "x", "0", "raw")
    days = resampled_bars(bars, "1d", "FX").frames["EURUSD"]
    assert set(days.index.day_of_week) == {0, 1, 2, 3, 4}
    assert days["volume"].count() == 15
    sizes = days["close"] - days["open"] + 1
    assert set(sizes.iloc[1:]) == {24.0}


def test_calendars_that_do_not_reach_are_our_errors():
    with pytest.raises(ConfigError, match=r"'XTKS' does not reach from 1990-01-01 .*1997"):
        calendars.schedule("XTKS", None, pd.Timestamp("1990-01-01"), pd.Timestamp("1991-01-01"))
    with pytest.raises(ConfigError, match="'XXXX' is no exchange's"):
        calendars.check_calendar("XXXX")


def test_regular_hours_keep_what_ends_after_the_open_and_by_the_close():
    times = pd.date_range("2024-07-03 04:30", "2024-07-05 20:00", freq="30min")
    bars = Bars({"X": numbered(times)}, "America/New_York", "30m", "x", "0", "raw")
    kept = regular_hours(bars, "XNYS").frames["X"].index
    # July 3rd closes at 13:00, the 4th is a holiday.
    assert [str(time) for time in kept[[0, 6, 7, -1]]] == [
        "2024-07-03 10:00:00", "2024-07-03 13:00:00", "2024-07-05 10:00:00", "2024-07-05 16:00:00",
    ]  # fmt: skip
    assert len(kept) == 7 + 13
    day = Bars({"X": bars.frames["X"].loc[kept]}, bars.zone, "30m", "x", "0", "raw")
    with pytest.raises(DataError, match="no bar lies within the trading hours of XTKS"):
        regular_hours(day, "XTKS")


def test_the_last_bar_of_a_session_ends_at_its_close():
    opened = pd.DatetimeIndex(
        [f"2024-07-{day} {h:02d}:30" for day in ("02", "03") for h in range(9, 16)]
    )
    kept = opened[:-3]  # on the 3rd the exchange closes at 13:00
    found = labelled_by_end(numbered(kept), "1h", "America/New_York", calendar="XNYS").index
    assert [str(time.time()) for time in found[[0, 6, -1]]] == ["10:30:00", "16:00:00", "13:00:00"]
    plain = labelled_by_end(numbered(kept), "1h", "America/New_York").index
    assert str(plain[6].time()) == "16:30:00"


def test_a_day_that_opens_in_the_evening_is_the_session_after(tmp_path):
    days = pd.bdate_range("2019-01-02", periods=15)
    for hours, zone in ((-7, "America/New_York"), (9.5, "America/New_York")):
        stamps = (days + pd.Timedelta(hours=hours)).tz_localize(zone).tz_convert("UTC")
        lines = [f"{time.isoformat()},1,2,1,2,3" for time in stamps]
        path = tmp_path / "x.csv"
        path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]))
        (frame,) = read_published(path, Layout(zone=zone, label="open")).frames.values()
        assert frame.index.equals(days.as_unit("us"))


def test_codes_under_a_stated_column_of_symbols_stay_text(tmp_path):
    rows = [f"{code},2019-01-0{d},1,2,1,2,3" for code in ("000001", "0700", "1E5") for d in (2, 3)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["code,date,open,high,low,close,volume", *rows]))
    found = read_published(path, Layout(columns={"symbol": "code"}))
    assert list(found.frames) == ["000001", "0700", "1E5"]
