"""What files do not say themselves: ways of writing them met in the wild, stated by a layout."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.files import read_published
from drltrade.data.layout import Layout
from drltrade.errors import ConfigError, DataError
from drltrade.settings import parse

BODY = ",1,3,0.5,2,100"
HEADER = "date,open,high,low,close,volume"


@pytest.fixture
def read(tmp_path):
    def reading(text, **stated):
        path = tmp_path / "x.csv"
        path.write_text(text)
        return read_published(path, parse(Layout, stated, "layout"))

    return reading


def times(*written):
    return "\n".join([HEADER, *(each + BODY for each in written)])


WRITTEN = {
    "half days": (("2019-10-17 09-AM", "2019-10-17 12-AM", "2019-10-17 12-PM"), {}, (
        "2019-10-17 09:00", "2019-10-17 00:00", "2019-10-17 12:00")),
    "points, proven by a day above 12": (
        ("31.01.2017 22:00:00.000", "01.02.2017 23:00:00.000"), {},
        ("2017-01-31 22:00", "2017-02-01 23:00")),
    "points, stated": (
        ("01.02.2017 22:00:00.000",), {"date_order": "day"}, ("2017-02-01 22:00",)),
    "month first, stated": (("1/2/2017",), {"date_order": "month"}, ("2017-01-02",)),
    "slashes among ISO": (("1/31/1999", "1999-02-01"), {}, ("1999-01-31", "1999-02-01")),
    "packed": (("20170102 09:30", "20170102 0931"), {}, ("2017-01-02 09:30", "2017-01-02 09:31")),
    "seconds": (("1483315200",), {"time_unit": "s"}, ("2017-01-02 00:00",)),
    "milliseconds": (
        ("1483315260000",), {"time_unit": "ms", "zone": "America/New_York"}, ("2017-01-01 19:01",)),
    "an offset, to a zone": (
        ("2017-01-02T15:00:00+01:00",), {"zone": "America/New_York"}, ("2017-01-02 09:00",)),
}  # fmt: skip


@pytest.mark.parametrize(("written", "stated", "meant"), WRITTEN.values(), ids=WRITTEN.keys())
def test_times(read, written, stated, meant):
    (frame,) = read(times(*written), **stated).frames.values()
    assert list(frame.index) == [pd.Timestamp(each) for each in meant]


@pytest.mark.parametrize(
    ("written", "stated", "message"),
    [
        (("01/02/2017",), {}, r"do not tell the day from the month .*\(date_order = day or month"),
        (("13/02/2017",), {"date_order": "month"}, "'13/02/2017' does not begin with the month"),
        (("01/13/2017",), {"date_order": "day"}, "'01/13/2017' does not begin with the day"),
        (("1483315200",), {"time_unit": "ms"}, "row 2: time '1483315200' is no time after 1970"),
        (("soon",), {"time_unit": "s"}, "row 2: time 'soon' is no time"),
    ],
)
def test_times_that_do_not_fit_are_refused(read, written, stated, message):
    with pytest.raises(DataError, match=message):
        read(times(*written), **stated)


def test_lines_above_the_header_are_passed_over_and_counted(read):
    banner = "https://www.example.org\n\nsome, words\n"
    (frame,) = read(banner + times("2020-01-02", "2020-01-03")).frames.values()
    assert len(frame) == 2
    with pytest.raises(DataError, match=r"row 6, column open: 'x' is not a number"):
        read(banner + times("2020-01-02") + "\n2020-01-03,x,3,0.5,2,100")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_header_proves_the_separator(read, separator):
    (frame,) = read(times("2020-01-02").replace(",", separator)).frames.values()
    assert frame["close"].tolist() == [2.0]


NUMBERS = {
    "thousands": ('2020-01-02,"1,234.5",2000,1,"1,500","1,234,567"', {"thousands": ","}),
    "in Europe": ("2020-01-02;1.234,5;2000;1,0;1.500;1.234.567",
                  {"thousands": ".", "decimal": ","}),
    "in Switzerland": ("2020-01-02;1'234.5;2000;1;1'500;1'234'567", {"thousands": "'"}),
    "in cents and lots": ("2020-01-02,123450,200000,100,150000,12345.67",
                          {"price_unit": 0.01, "volume_unit": 100.0}),
}  # fmt: skip


@pytest.mark.parametrize(("line", "stated"), NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers(read, line, stated):
    header = HEADER.replace(",", ";") if ";" in line else HEADER
    (frame,) = read(f"{header}\n{line}", **stated).frames.values()
    np.testing.assert_allclose(frame.iloc[0], [1234.5, 2000, 1, 1500, 1234567], rtol=1e-12)


@pytest.mark.parametrize(
    ("value", "stated", "message"),
    [
        ('"1,5"', {}, "'1,5' is not a number; say what the comma separates"),
        ('"1,5"', {"thousands": ","}, "'1,5' is not a number"),
        ("1.5", {"decimal": ",", "thousands": "."}, "'1.5' is not a number"),
    ],
)
def test_numbers_that_could_be_others_are_refused(read, value, stated, message):
    with pytest.raises(DataError, match=message):
        read(f"{HEADER}\n2020-01-02,{value},3,1,2,5", **stated)


def test_columns_by_other_names(read):
    text = "unix,Open,High,Low,Close,Volume BTC,Volume USDT\n1483315200000,1,3,0.5,2,7,9\n"
    stated = {"columns": {"time": "unix", "volume": "Volume BTC"}, "time_unit": "ms"}
    (frame,) = read(text, **stated).frames.values()
    assert frame["volume"].tolist() == [7.0]
    with pytest.raises(DataError, match=r"missing column volume btc \(for volume\)"):
        read(text.replace("Volume BTC", "Volume ETH"), **stated)
    with pytest.raises(ConfigError, match=r"no column is called 'price' \(allowed: time, open"):
        read(text, columns={"price": "close"})


@pytest.mark.parametrize(
    ("first", "second", "shifted"),
    [
        ("2020-01-02 09:30", "2020-01-02 09:31", pd.Timedelta(minutes=1)),
        ("2020-01-02 09:00", "2020-01-02 10:00", pd.Timedelta(hours=1)),
        ("2020-01-02", "2020-01-03", pd.Timedelta(0)),
        ("2020-01-06", "2020-01-13", pd.Timedelta(days=6)),
        ("2020-01-01", "2020-02-01", pd.Timedelta(days=30)),
    ],
)
def test_bars_stamped_at_their_open_are_labelled_by_their_end(read, first, second, shifted):
    (frame,) = read(times(second, first), label="open").frames.values()
    assert frame.index[1] - pd.Timestamp(first) == shifted


def test_actions_are_read(read):
    text = f"{HEADER},Dividends,Stock Splits\n2020-01-02{BODY},0.5,0\n2020-01-03{BODY},,4\n"
    (frame,) = read(text, price_unit=0.01).frames.values()
    assert frame["dividend"].tolist() == [0.005, 0.0]
    assert frame["split"].tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"zone": "Mars/Base"}, "key 'zone' = 'Mars/Base': is not an IANA time zone"),
        ({"decimal": ",", "separator": ","}, "must be different characters"),
        ({"label": "start"}, "key 'label' = 'start'"),
        ({"price_unit": 0.0}, "key 'price_unit' = 0.0"),
    ],
)
def test_what_a_layout_cannot_say(stated, message):
    with pytest.raises(ConfigError, match=message):
        parse(Layout, stated, "layout")
