"""Price files: what reads, and what each bad file is told."""

import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.data.files import read_published
from drltrade.data.gate import read_bars
from drltrade.data.layout import Layout
from drltrade.errors import DataError

GOOD = """Date,Open,High,Low,Close,Volume
2020-01-02,10,11,9,10.5,100
2020-01-03,10.5,12,10,11,0
2020-01-06,11,11.5,10.5,11.25,300
"""


@pytest.fixture
def write(tmp_path):
    def written(text, name="prices.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def good(write):
    return read_bars(write(GOOD)).frame("prices")


def test_plain_csv(write):
    path = write(GOOD)
    bars = read_bars(path, Layout(zone="America/New_York"))
    frame = bars.frame("prices")
    assert bars.symbols == ("prices",)
    assert (bars.frequency, bars.zone, bars.adjustment) == (
        "1d",
        "America/New_York",
        "as published",
    )
    assert bars.source == str(path)
    assert bars.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert set(frame.dtypes) == {np.dtype("float64")}
    assert frame.index.name == "time"
    assert list(frame.index.strftime("%Y-%m-%d")) == ["2020-01-02", "2020-01-03", "2020-01-06"]
    assert frame["close"].tolist() == [10.5, 11.0, 11.25]


def shuffled_columns(text):
    table = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(row[i] for i in (5, 4, 0, 2, 3, 1)) for row in table)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.upper(),
        GOOD.lower(),
        shuffled_columns(GOOD),
        "\n".join([GOOD.splitlines()[0], *GOOD.splitlines()[:0:-1]]),  # newest first
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        ",,,,,\n\n" + GOOD,
        GOOD.replace(",", ", "),
        GOOD.replace("Date", "Timestamp"),
        GOOD.replace("Date", "datetime"),
        GOOD.replace("2020-01-", "202001"),
        GOOD.replace("Volume", "Volume,Note").replace("00\n", "00,x\n").replace(",0\n", ",0,\n"),
        GOOD.replace("2020-01-02", "1/2/2020")
        .replace("2020-01-03", "1/3/2020")
        .replace("2020-01-06", "1/6/2020")
        + "1/13/2020,11,11.5,10.5,11.25,300\n",
        GOOD.replace("2020-01-02", "02.01.2020")
        .replace("2020-01-03", "03.01.2020")
        .replace("2020-01-06", "06.01.2020")
        + "13.01.2020,11,11.5,10.5,11.25,300\n",
        GOOD.replace("-02,", "-02 00:00:00-05:00,")
        .replace("-03,", "-03 00:00:00-05:00,")
        .replace("-06,", "-06 00:00:00-04:00,"),
    ],
)
def test_shapes_of_csv_that_say_the_same(write, good, text):
    frame = read_bars(write(text)).frame("prices")
    pd.testing.assert_frame_equal(frame.iloc[:3], good)


def test_gzipped_csv(write, good):
    path = write(gzip.compress(GOOD.encode()), "prices.csv.gz")
    pd.testing.assert_frame_equal(read_bars(path).frame("prices"), good)


def test_symbol_given_by_the_caller(write):
    assert read_bars(write(GOOD), symbol="XYZ").symbols == ("XYZ",)


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
@pytest.mark.parametrize("shape", ["column", "index", "unnamed index", "zoned", "text"])
def test_parquet(tmp_path, good, unit, shape):
    table = good.rename(columns=str.title)
    table.index = table.index.as_unit(unit)
    if shape == "zoned":
        table.index = table.index.tz_localize("Asia/Tokyo")
    if shape == "unnamed index":
        table.index.name = None
    if shape == "column":
        table = table.reset_index()
    if shape == "text":
        table.index = table.index.strftime("%Y-%m-%d").rename("Date")
    path = tmp_path / "prices.parquet"
    table.to_parquet(path)
    pd.testing.assert_frame_equal(read_bars(path).frame("prices"), good)


def test_adjusted_close_rescales_the_prices(write):
    text = (
        "date,open,high,low,close,adj close,volume\n"
        "2020-01-02,100,104,98,102,51,10\n"
        "2020-01-03,51,53,50,52,52,20\n"
    )
    bars = read_bars(write(text))
    frame = bars.frame("prices")
    assert bars.adjustment == "full"
    assert frame.iloc[0].tolist() == [50.0, 52.0, 49.0, 51.0, 20.0]  # in shares of after the split
    assert frame.iloc[1].tolist() == [51.0, 53.0, 50.0, 52.0, 20.0]


def test_several_symbols_interleaved(write):
    text = (
        "Ticker,date,open,high,low,close,volume\n"
        "B,2020-01-02,1,2,1,2,5\nA,2020-01-02,3,4,3,4,6\n"
        "B,2020-01-03,2,2,1,1,7\nA,2020-01-03,4,5,4,5,8\n"
    )
    bars = read_bars(write(text))
    assert bars.symbols == ("B", "A")
    assert bars.frame("A")["close"].tolist() == [4.0, 5.0]
    assert bars.frame("B")["volume"].tolist() == [5.0, 7.0]


HOURLY = "time,open,high,low,close,volume\n" + "".join(
    f"2020-07-01T{hour}:00:00Z,1,2,1,2,3\n" for hour in (14, 15, 16)
)


def test_times_of_day_with_an_offset_become_utc_or_the_given_zone(write):
    path = write(HOURLY)
    bars = read_bars(path)
    assert (bars.zone, bars.frequency) == ("UTC", "1h")
    assert str(bars.frame("prices").index[0]) == "2020-07-01 14:00:00"
    bars = read_bars(path, Layout(zone="America/New_York"))
    assert bars.zone == "America/New_York"
    assert str(bars.frame("prices").index[0]) == "2020-07-01 10:00:00"


def test_date_and_time_of_day_in_two_columns(write):
    text = "Date,Time,Open,High,Low,Close,Volume\n2020.01.02,09:30,1,2,1,2,3\n".replace(".", "-")
    frame = read_bars(write(text + "2020-01-02,09:31,1,2,1,2,3\n")).frame("prices")
    assert str(frame.index[1]) == "2020-01-02 09:31:00"


def changed(row, old, new):
    lines = GOOD.splitlines()
    assert old in lines[row - 1]
    lines[row - 1] = lines[row - 1].replace(old, new)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(3, "10.5", "ten"), "row 3, column open: 'ten' is not a number"),
        (changed(4, "300", "1.2x"), "row 4, column volume: '1.2x' is not a number"),
        (changed(3, ",11,", ",,"), "row 3 (2020-01-03 00:00:00): close is missing (NaN)"),
        (changed(3, ",11,", ",nan,"), "row 3 (2020-01-03 00:00:00): close is missing (NaN)"),
        (changed(2, "2020-01-02", "2020-13-02"), "row 2: time '2020-13-02' cannot be read"),
        (changed(2, "2020-01-02", "now"), "row 2: time 'now' cannot be read"),
        (changed(2, "2020-01-02", "1577923200"), "row 2: time '1577923200' cannot be read"),
        (changed(2, "2020-01-02", ""), "row 2: time is missing"),
        (changed(3, "2020-01-03", "2020-01-03T10:00Z"), "either every time has an offset"),
        (
            changed(3, "2020-01-03", "2020-01-02"),
            "row 3 (2020-01-02 00:00:00): time is a duplicate",
        ),
        (changed(4, "2020-01-06", "2020-01-02"), "row 4: time = 2020-01-02 00:00:00 is out of"),
        (changed(3, ",12,", ",10.2,"), "row 3 (2020-01-03 00:00:00): high = 10.2 is below open"),
        (changed(3, ",10,", ",-1,"), "row 3 (2020-01-03 00:00:00): low = -1 is not positive"),
        (changed(4, "300", "-3"), "row 4 (2020-01-06 00:00:00): volume = -3 is negative"),
        ("\n".join(GOOD.splitlines()[:2]) + "\n", "1 bars, at least 2 are needed"),
        (GOOD.splitlines()[0] + "\n", "no rows below the header"),
        ("", "no header and no rows"),
        (",,\n\n", "no header and no rows"),
        (b"\xff\x00bad", "cannot be read"),
        (GOOD + "2020-01-07,1,2,1,2,3,4,5\n", "cannot be read"),
        (changed(1, "Open", "First"), "missing column open (found: 'Date', 'First', 'High'"),
        (changed(1, "Date", "Day"), "missing column time (date, datetime, time, timestamp)"),
        (changed(1, "Open", "close"), "two columns are called 'close': 'close' and 'Close'"),
        (changed(1, "Open", "Close"), "two columns are called 'close': 'Close' and 'Close'"),
        (GOOD.replace(",", "^"), "is a comma the separator?"),
        (GOOD.replace("Volume", "Timestamp"), "several time columns (date, timestamp)"),
    ],
)
def test_bad_files_are_told_what_is_wrong_and_where(write, text, message):
    path = write(text)
    with pytest.raises(DataError) as error:
        read_bars(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_newest_first_out_of_order_names_the_row_of_the_file(write):
    lines = GOOD.splitlines()
    path = write("\n".join([lines[0], lines[3], lines[1], lines[2]]))
    with pytest.raises(
        DataError, match=r"row 4: time = 2020-01-03 .* is out of order after 2020-01-02"
    ):
        read_bars(path)


def test_rows_are_counted_over_blank_lines(write):
    path = write(GOOD.replace("2020-01-06", "\n2020-01-06").replace("300", "-3"))
    with pytest.raises(DataError, match=r"row 5 "):
        read_bars(path)


def test_dates_that_do_not_tell_day_from_month(write):
    text = "date,open,high,low,close,volume\n1/2/2020,1,2,1,2,3\n2/2/2020,1,2,1,2,3\n"
    with pytest.raises(
        DataError, match=r"do not tell the day from the month \(no part exceeds 12\)"
    ):
        read_bars(write(text))


def test_a_fault_names_the_symbol(write):
    text = "symbol,date,open,high,low,close,volume\n" + "".join(
        f"{s},2020-01-0{d},1,2,1,{c},5\n"
        for s, d, c in [("A", 2, 2), ("A", 3, 2), ("B", 2, 3), ("B", 3, 2)]
    )
    with pytest.raises(DataError, match=r"\(symbol B\), row 4 .*: high = 2 is below close = 3"):
        read_bars(write(text))
    with pytest.raises(DataError, match="row 3, column symbol: is empty"):
        read_bars(write(text.replace("A,2020-01-03", ",2020-01-03")))


@pytest.mark.parametrize("value", ["0", "-1", "inf", ""])
def test_bad_adjusted_close(write, value):
    text = f"date,open,high,low,close,adj_close,volume\n2020-01-02,1,2,1,2,{value},5\n"
    with pytest.raises(DataError, match=r"row 2 .*: adjusted close = .* is not a positive number"):
        read_bars(write(text + "2020-01-03,1,2,1,2,2,5\n"))


def test_prices_of_one_row_that_mix_adjustments(write):
    text = "date,open,high,low,close,volume\n2020-01-02,100,104,98,51,10\n2020-01-03,1,2,1,2,5\n"
    with pytest.raises(DataError, match=r"row 2 .*: low = 98 is above close = 51"):
        read_bars(write(text))


def test_missing_file_folder_and_suffix(tmp_path, write):
    with pytest.raises(DataError, match=r"nothing\.csv: no such file"):
        read_bars(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="is not a file"):
        read_bars(tmp_path)
    with pytest.raises(
        DataError, match=r"unknown kind of file; use one of \.csv, \.csv\.gz, \.txt, \.zip, \.parq"
    ):
        read_bars(write(GOOD, "prices.xls"))
    for name in ("prices.parquet", "prices.csv.gz"):
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            read_bars(write("rubbish", name))
    with pytest.raises(DataError, match="cannot be read"):
        read_bars(write(gzip.compress(GOOD.encode())[:-12], "prices.csv.gz"))


def test_symbols_of_two_frequencies(write):
    rows = [f"A,2020-01-0{d},1,2,1,2,5" for d in (1, 2, 3)]
    rows += [f"B,2020-01-{d},1,2,1,2,5" for d in ("01", "08", "15")]
    text = "\n".join(["symbol,date,open,high,low,close,volume", *rows])
    with pytest.raises(DataError, match=r"symbols differ in frequency \(A 1d, B 1w\)"):
        read_bars(write(text))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.01, 1e6), min_size=2, max_size=20),
    st.permutations(["date", "open", "high", "low", "close", "volume", "extra"]),
    st.booleans(),
    st.sampled_from([".csv", ".csv.gz", ".parquet"]),
)
def test_what_is_written_is_read_back_exactly(tmp_path_factory, closes, order, newest, suffix):
    close = np.array(closes)
    table = pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=len(close), freq="D"),
            "open": close,
            "high": close * 1.5,
            "low": close * 0.5,
            "close": close,
            "volume": np.arange(1.0, len(close) + 1),
            "extra": "x",
        }
    )
    path = tmp_path_factory.mktemp("written") / f"a{suffix}"
    written = table[list(order)].iloc[:: -1 if newest else 1]
    if suffix == ".parquet":
        written.to_parquet(path)
    else:
        written.to_csv(path, index=False)
    frame = read_published(path).frames["a"].sort_index()
    np.testing.assert_array_equal(frame.index, table["date"])
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(frame[name], table[name])
