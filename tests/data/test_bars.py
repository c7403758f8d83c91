"""`Bars` and the check that every source passes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drltrade.data.bars import Bars, check_frame, frequency_of
from drltrade.errors import DataError


def frame_of(times: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100.0 + np.arange(len(times), dtype=np.float64)
    return pd.DataFrame(
        {
            "open": close - 0.5,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": np.full(len(times), 1000.0),
        },
        index=times.rename("time"),
    )


def bars_of(times: pd.DatetimeIndex) -> Bars:
    return Bars({"ABC": frame_of(times)}, "UTC", frequency_of(times), "here", "0", "full")


HOLIDAYS = [f"{year}-{day}" for year in range(2015, 2021) for day in (
    "01-01", "01-20", "02-17", "04-03", "05-25", "07-03", "09-07", "11-26", "12-25"
)]  # fmt: skip
SESSIONS = pd.bdate_range("2020-01-01", periods=6)


def test_unknown_symbol_names_the_available_ones():
    with pytest.raises(DataError, match=r"no symbol 'abd'; did you mean 'ABC'\? \(available: ABC"):
        bars_of(SESSIONS).frame("abd")


def test_repr_is_a_line_of_what_there_is():
    one = bars_of(SESSIONS)
    assert repr(one) == "<Bars here, 1d, adjustment full: ABC 6 bars>"
    many = Bars({name: one.frame("ABC") for name in "ABCDEFGH"}, None, "1d", "here", "0", "raw")
    assert repr(many).endswith("D 6, E 6, and 3 more bars>")


def test_frame_is_a_copy():
    bars = bars_of(SESSIONS)
    mine = bars.frame("ABC")
    mine.iloc[0, 0] = -1.0
    assert bars.frame("ABC").iloc[0, 0] == 99.5


@pytest.mark.parametrize(
    ("times", "frequency", "periods"),
    [
        (pd.bdate_range("2020-01-01", periods=240), "1d", 252.0),
        # Without holidays, and in weeks of six sessions, a year of dates is counted.
        (pd.bdate_range("2020-01-01", "2020-12-31"), "1d", 261 / 365 * 365.25),
        (
            pd.bdate_range(
                "2020-01-01", "2023-12-31", freq="C", weekmask="Mon Tue Wed Thu Fri Sat"
            ),
            "1d",
            313.2,
        ),
        (pd.date_range("2020-01-01", periods=300, freq="D"), "1d", 365.0),
        # A Gulf exchange, Sunday to Thursday, does not trade every day.
        (
            pd.bdate_range("2020-01-01", periods=240, freq="C", weekmask="Sun Mon Tue Wed Thu"),
            "1d",
            252.0,
        ),
        (pd.date_range("2020-01-01", periods=300, freq="h"), "1h", 365.0 * 24),
        (pd.date_range("2020-01-01", periods=3000, freq="5min"), "5m", 365.0 * 288),
        (pd.date_range("2020-01-01 00:00:15", periods=300, freq="15s"), "15s", 252.0 * 300),
        (pd.date_range("2020-01-03", periods=300, freq="W-FRI"), "1w", 52.0),
        (pd.date_range("2020-01-31", periods=30, freq="MS"), "1mo", 12.0),
        (pd.date_range("2020-01-01", periods=30, freq="10D"), "10d", 36.525),
    ],
)
def test_frequency_and_periods_per_year(times, frequency, periods):
    bars = bars_of(times)
    assert bars.frequency == frequency
    assert bars.periods_per_year == pytest.approx(periods, rel=1e-3)


def test_half_hours_of_an_exchange_make_13_bars_a_session():
    days = pd.bdate_range("2020-01-01", periods=20)
    times = pd.DatetimeIndex(
        [d + pd.Timedelta(minutes=600 + 30 * k) for d in days for k in range(13)]
    )
    assert bars_of(times).periods_per_year == 252 * 13


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_index_resolution_does_not_matter(unit):
    times = SESSIONS.as_unit(unit)
    check_frame(frame_of(times), "here")
    assert frequency_of(times) == "1d"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("open", np.nan, "open is missing (NaN)"),
        ("close", np.inf, "close = inf is not finite"),
        ("volume", np.nan, "volume is missing (NaN)"),
        ("volume", -5.0, "volume = -5 is negative"),
        ("low", 0.0, "low = 0 is not positive"),
        ("close", -2.0, "close = -2 is not positive"),
        ("high", 101.0, "high = 101 is below open = 102.5"),
        ("high", 102.75, "high = 102.75 is below close = 103"),
        ("high", 102.4, "high = 102.4 is below open = 102.5"),
        ("low", 102.75, "low = 102.75 is above open = 102.5"),
        ("low", 105.0, "high = 104 is below low = 105"),
    ],
)
def test_impossible_values_are_named(column, value, message):
    frame = frame_of(SESSIONS)
    frame.loc[frame.index[3], column] = value
    with pytest.raises(DataError) as error:
        check_frame(frame, "prices.csv", rows=np.arange(2, 8))
    assert str(error.value) == f"prices.csv, row 5 (2020-01-06 00:00:00): {message}"


def test_the_first_bad_row_is_named_and_the_others_are_counted():
    frame = frame_of(SESSIONS)
    frame.iloc[[2, 4], 3] = np.nan
    frame.iloc[5, 4] = -1.0
    with pytest.raises(
        DataError, match=r"row 3 .*close is missing \(NaN\) \(and 2 more bad rows\)"
    ):
        check_frame(frame, "here")


def test_duplicate_time():
    times = SESSIONS[[0, 1, 1, 2]]
    with pytest.raises(DataError, match=r"row 3 \(2020-01-02.*\): time is a duplicate of row 2"):
        check_frame(frame_of(times), "here")


def test_time_that_goes_back():
    times = SESSIONS[[0, 2, 1, 3]]
    with pytest.raises(
        DataError, match=r"row 3 .*: time is not after 2020-01-03 00:00:00 of row 2"
    ):
        check_frame(frame_of(times), "here")


def test_missing_time():
    times = pd.DatetimeIndex([SESSIONS[0], pd.NaT, SESSIONS[2]])
    with pytest.raises(DataError, match=r"row 2 .*: time is missing"):
        check_frame(frame_of(times), "here")


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_bars(count):
    with pytest.raises(DataError, match=f"here: {count} bars, at least 2 are needed"):
        check_frame(frame_of(SESSIONS[:count]), "here")


@given(st.floats(1e-3, 1e6), st.floats(1e-6, 1e3))
def test_rounding_by_a_rescaling_is_no_fault(price, ratio):
    frame = frame_of(SESSIONS)
    frame[["open", "high", "low"]] = price * ratio
    frame["close"] = price / (1.0 / ratio)
    check_frame(frame, "here")


def test_a_hole_of_a_year_does_not_change_how_many_bars_a_year_has():
    whole = pd.bdate_range("2015-01-01", "2020-12-31", freq="C", holidays=HOLIDAYS)
    with_hole = whole[(whole < "2016-06-01") | (whole > "2017-12-01")]
    assert bars_of(with_hole).periods_per_year == bars_of(whole).periods_per_year == 252.0
