"""Exports of vendors, recognised by their shape and read for what they are."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.data.files import read_published
from drltrade.data.gate import read_bars
from drltrade.data.layout import Layout
from drltrade.errors import DataError

HOUR_MS = 3_600_000


@pytest.fixture
def write(tmp_path):
    def written(text, name="prices.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def walk(count, seed=0):
    return np.round(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.005, count))), 4)


def yfinance_text(by_ticker):
    days, tickers = pd.bdate_range("2021-01-04", periods=30), ("AAA", "BBB")
    fields = ("Close", "High", "Low", "Open", "Volume")
    pairs = [(t, f) for t in tickers for f in fields] if by_ticker else [
        (t, f) for f in fields for t in tickers]  # fmt: skip
    prices = {"AAA": walk(30), "BBB": walk(30, 1)}

    def cell(day, ticker, field):
        if (ticker, day) == ("BBB", 3):  # a holiday of one exchange
            return ""
        if field == "Volume":
            return "1000"
        factor = {"High": 1.01, "Low": 0.99}.get(field, 1.0)
        return repr(float(prices[ticker][day] * factor))

    first = ["Ticker", *(t for t, _ in pairs)]
    second = ["Price", *(f for _, f in pairs)]
    heads = (first, second) if by_ticker else (second, first)
    lines = [",".join(head) for head in heads] + ["Date" + "," * len(pairs)]
    lines += [
        ",".join([str(day.date()), *(cell(n, *pair) for pair in pairs)])
        for n, day in enumerate(days)
    ]
    return "\n".join(lines), prices


@pytest.mark.parametrize("by_ticker", [False, True])
@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_downloads_of_yfinance_are_series_by_ticker(write, tmp_path, by_ticker, kind):
    text, prices = yfinance_text(by_ticker)
    source = write(text)
    if kind != "csv":
        frame = pd.read_csv(io.StringIO(text), header=[0, 1], index_col=0, skiprows=[2])
        frame.index = pd.DatetimeIndex(frame.index, name="Date")
        frame.to_parquet(tmp_path / "prices.parquet")
        source = frame if kind == "frame" else tmp_path / "prices.parquet"
    bars = load_bars(source)
    assert (bars.symbols, bars.frequency, bars.adjustment) == (("AAA", "BBB"), "1d", "full")
    assert bars.frame("AAA")["close"].tolist() == prices["AAA"].tolist()
    assert len(bars.frame("BBB")) == 29


def test_the_history_of_yfinance_is_adjusted_already(write):
    close = walk(30)
    lines = ["Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"]
    for n, day in enumerate(pd.bdate_range("2021-01-04", periods=30)):
        split = 4.0 if n == 10 else 0.0
        lines.append(f"{day.date()} 00:00:00-05:00,{close[n]},{close[n] + 1},{close[n] - 1},"
                     f"{close[n]},100,0.0,{split}")  # fmt: skip
    published = read_published(write("\n".join(lines)))
    assert (published.read_as, published.adjustment) == ("read as a yfinance export", "full")
    bars = read_bars(write("\n".join(lines)))
    assert bars.frame("prices")["close"].tolist() == close.tolist()


def kline(time, close, unit):
    end = time + HOUR_MS * unit - 1
    return f"{time},{close},{close + 1},{close - 1},{close},5.0,{end},500,7,2,200,0"


@pytest.mark.parametrize("header", [True, False])
def test_klines_change_their_unit_and_lose_no_hour(write, header):
    start, close = 1735516800000, walk(96)
    lines = [
        kline(start + n * HOUR_MS, close[n], 1) if n < 48
        else kline((start + n * HOUR_MS) * 1000, close[n], 1000)
        for n in range(96)
    ]  # fmt: skip
    names = ("open_time,open,high,low,close,volume,close_time,quote_volume,count,"
             "taker_buy_volume,taker_buy_quote_volume,ignore")  # fmt: skip
    text = "\n".join([names, *lines] if header else lines)
    bars = read_bars(write(text, "BTCUSDT-1h-2025-01.csv"))
    (symbol,) = bars.symbols
    assert symbol == ("BTCUSDT-1h-2025-01" if header else "BTCUSDT")
    assert (len(bars.frame(symbol)), bars.zone, bars.frequency) == (96, "UTC", "1h")
    assert str(bars.frame(symbol).index[0]) == "2024-12-30 01:00:00"
    assert str(bars.frame(symbol).index[-1]) == "2025-01-03 00:00:00"
    assert bars.periods_per_year == 8760.0
    row = 50 if header else 49
    assert f"change from ms to us in row {row}" in bars.warnings[0]


def test_a_time_beyond_today_is_an_error_with_its_row(write):
    text = "time,open,high,low,close,volume\n1735516800,1,2,1,2,3\n5735516800,1,2,1,2,3\n"
    with pytest.raises(DataError, match=r"row 3: time '5735516800' is no time after 1970"):
        read_published(write(text))


MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"


@pytest.mark.parametrize(("traded", "volume"), [(0, 9.0), (40, 40.0)])
def test_metatrader_5_labels_by_the_open(write, traded, volume):
    rows = [f"2024.03.04\t{h:02d}:00:00\t1.1\t1.2\t1.0\t1.1\t9\t{traded}\t3" for h in range(24)]
    published = read_published(write(MT5 + "\n".join(rows)), Layout(zone="Europe/Athens"))
    (frame,) = published.frames.values()
    assert str(frame.index[0]) == "2024-03-04 01:00:00"
    assert str(frame.index[-1]) == "2024-03-05 00:00:00"
    assert set(frame["volume"]) == {volume}


BARE = {
    "MetaTrader 4": ("2015.01.02,09:30,1.1,1.2,1.0,1.1,7", "2015.01.02,09:31,1.1,1.2,1.0,1.1,7",
                     "2015-01-02 09:31"),
    "HistData": ("20150102 093000;1.1;1.2;1.0;1.1;7", "20150102 093100;1.1;1.2;1.0;1.1;7",
                 "2015-01-02 09:31"),
    "Kraken": ("1420191000,1.1,1.2,1.0,1.1,7,3", "1420191060,1.1,1.2,1.0,1.1,7,3",
               "2015-01-02 09:31"),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "label"), BARE.values(), ids=BARE.keys())
def test_exports_without_a_header(write, first, second, label):
    (frame,) = read_published(write(f"{first}\n{second}\n", "x.txt")).frames.values()
    assert (len(frame), frame.index[0]) == (2, pd.Timestamp(label))
    assert frame["volume"].tolist() == [7.0, 7.0]


def test_columns_of_a_file_without_a_header_are_named_by_place(write):
    text = "x;2020-01-02;4;1;3;2;9\nx;2020-01-03;4;1;3;2;9\n"
    places = {"symbol": "1", "time": "2", "high": "3", "low": "4", "open": "5", "close": "6",
              "volume": "7"}  # fmt: skip
    frame = read_published(write(text), Layout(columns=places)).frames["x"]
    assert frame.iloc[0].tolist() == [3.0, 4.0, 1.0, 2.0, 9.0]


def test_investing_com_and_nasdaq(write):
    investing = (
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"Jan 05, 2015","1,020.50","1,010.00","1,030.00","1,000.00","0.51M","-1.0%"\n'
        '"Jan 02, 2015","1,030.00","1,020.00","1,040.00","1,010.00","1.2K","0.1%"\n'
    )
    (frame,) = read_published(write(investing)).frames.values()
    assert frame["close"].tolist() == [1020.5, 1030.0]
    assert frame["volume"].tolist() == [510_000.0, 1_200.0]
    assert frame.index[0] == pd.Timestamp("2015-01-05")
    nasdaq = (
        "Date,Close/Last,Volume,Open,High,Low\n01/30/2015,$100.13,1000,$100,$101,$99\n"
        "01/29/2015,$100,1000,$100,$101,$99\n"
    )
    (frame,) = read_published(write(nasdaq)).frames.values()
    assert frame["close"].tolist() == [100.13, 100.0]


WRITTEN = {
    "2015/01/02": "2015-01-02", "2015.01.02": "2015-01-02", "01-Jan-2015": "2015-01-01",
    "20150102": "2015-01-02", "201501020930": "2015-01-02 09:30",
    "20150102093015": "2015-01-02 09:30:15", "Jan 2, 2015": "2015-01-02",
    "2 January 2015": "2015-01-02",
    "20150102 093000": "2015-01-02 09:30", "2015-01-02 09:30 PM": "2015-01-02 21:30",
    "2015-01-02 12:05:09 AM": "2015-01-02 00:05:09", "31/01/2015 16:00": "2015-01-31 16:00",
    "01/31/2015 4:00 PM": "2015-01-31 16:00", "2015-01-02T09:30:00": "2015-01-02 09:30",
}  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), WRITTEN.items())
def test_dates_as_vendors_write_them(write, text, meant):
    (frame,) = read_published(
        write(f'date,open,high,low,close,volume\n"{text}",1,2,1,2,3\n')
    ).frames.values()
    assert frame.index[0] == pd.Timestamp(meant)


def test_a_stated_format_of_dates(write):
    text = "date,open,high,low,close,volume\n02-Jan-15 0930,1,2,1,2,3\n"
    (frame,) = read_published(write(text), Layout(date_format="%d-%b-%y %H%M")).frames.values()
    assert frame.index[0] == pd.Timestamp("2015-01-02 09:30")
    with pytest.raises(DataError, match=r"row 2: time '02-Jan-15 0930' is not written as"):
        read_published(write(text), Layout(date_format="%Y"))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_end_as_on_any_machine(write, end):
    text = end.join(["date,open,high,low,close,volume", "2015-01-02,1,2,1,2,3", ""])
    (frame,) = read_published(write(text)).frames.values()
    assert frame.iloc[0].tolist() == [1.0, 2.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("empty", ["", "null", "NULL", "N/A", "nan"])
def test_values_that_are_not_there(write, empty):
    text = f"date,open,high,low,close,volume\n2015-01-02,1,2,1,2,3\n2015-01-05,{empty},2,1,2,3\n"
    (frame,) = read_published(write(text)).frames.values()
    assert np.isnan(frame["open"].iloc[1])
    assert frame["close"].tolist() == [2.0, 2.0]


TEXT = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"{name},2015-01-0{d},1,2,1,2,3\n"
    for name in ("NA", "NULL", "@ES", "600519", "000001")
    for d in (5, 6, 7)
)


@pytest.mark.parametrize("how", ["plain", "utf-16", "gz", "zip", "txt"])
def test_encodings_and_archives(write, how):
    if how == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("inner.csv", TEXT)
        path = write(buffer.getvalue(), "a.zip")
    else:
        content = {"utf-16": TEXT.encode("utf-16"), "gz": gzip.compress(TEXT.encode())}.get(how)
        path = write(content or TEXT, {"gz": "a.csv.gz", "txt": "a.txt"}.get(how, "a.csv"))
    assert list(read_published(path).frames) == ["NA", "NULL", "@ES", "600519", "000001"]


def test_lean_with_its_factor_file(write):
    days = pd.bdate_range("2014-06-02", periods=10)
    lines = []
    for n, day in enumerate(days):
        price = 700 if n < 5 else 100
        lines.append(f"{day:%Y%m%d} 00:00,{price}0000,{price + 7}0000,{price - 7}0000,"
                     f"{price}0000,{1000 if n < 5 else 7000}")  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("aaa.csv", "\n".join(lines))
    path = write(buffer.getvalue(), "equity/usa/daily/aaa.zip")
    write("20140606,0.99,0.142857142857\n20500101,1,1\n", "equity/usa/factor_files/aaa.csv")
    bars = read_bars(path)
    frame = bars.frame("AAA")
    assert (bars.zone, bars.adjustment) == ("America/New_York", "full")
    np.testing.assert_allclose(frame["close"].iloc[[0, 4, 5]], [99.0, 99.0, 100.0], rtol=1e-9)
    np.testing.assert_allclose(frame["volume"], 7000.0, rtol=1e-9)


def test_a_file_of_its_own_kind_still_needs_its_columns(write):
    with pytest.raises(DataError, match="missing column"):
        read_published(write("a,b\n1,2\n3,4\n"))
