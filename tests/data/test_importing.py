"""From files into the store, and from there as bars."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.data.importing import import_prices
from drltrade.data.layout import Layout
from drltrade.data.stored import local_store
from drltrade.errors import ConfigError, DataError
from drltrade.market.tensors import Market

HEADER = "date,open,high,low,close,volume"
NEW_YORK = Layout(zone="America/New_York", adjustment="full")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write files in an empty workspace, and import what a path names."""
    monkeypatch.chdir(tmp_path)

    def importing(path, texts, layout=NEW_YORK, **how):
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return import_prices(tmp_path / path, local_store(), layout, **how)

    return importing


def days(*numbers, scale=1.0):
    lines = [f"2020-01-{n:02d},{n * scale},{n * scale + 2},{n * scale},{n * scale + 1},100"
             for n in numbers]  # fmt: skip
    return "\n".join([HEADER, *lines])


def test_a_file_becomes_a_data_set(put):
    done = put("ACME.csv", {"ACME.csv": days(6, 3, 2)})
    assert (done.symbols, done.bars, done.dropped) == (("ACME",), 3, 0)
    bars = load_bars("ACME")
    assert (bars.symbols, bars.zone, bars.frequency) == (("ACME",), "America/New_York", "1d")
    assert bars.adjustment == "full"
    assert bars.source.startswith("ACME/1d: ")
    assert bars.frame("ACME")["open"].tolist() == [2.0, 3.0, 6.0]


def test_a_folder_becomes_a_data_set_of_its_files(put):
    put("eu", {"eu/B.csv": days(2, 3), "eu/A.csv": days(2, 3, 6), "eu/notes.txt": "no prices"})
    bars = load_bars("eu")
    assert {symbol: len(bars.frame(symbol)) for symbol in bars.symbols} == {"A": 3, "B": 2}
    assert load_bars("eu", ["B"]).symbols == ("B",)
    with pytest.raises(DataError, match=r"eu/1d: no symbol 'C'.*available: A, B"):
        load_bars("eu", ["C"])


def test_raw_prices_are_adjusted_when_they_are_loaded(put):
    text = (
        f"{HEADER},dividend,split\n2020-01-02,8,8,8,8,100,0,1\n2020-01-03,4,4,4,4,200,0,2\n"
        "2020-01-06,3,3,3,3,200,1,1\n"
    )
    raw = Layout(zone="UTC", adjustment="raw")
    put("A.csv", {"A.csv": text}, raw)
    bars = load_bars("A")
    np.testing.assert_allclose(bars.frame("A")["close"], [3.0, 3.0, 3.0])
    np.testing.assert_allclose(bars.frame("A")["volume"], 200.0)
    assert bars.adjustment == "full"
    put("B.csv", {"B.csv": text}, Layout(zone="UTC", adjustment="split"))
    with pytest.raises(
        DataError, match=r"step at the split of 2020-01-03.*not 'split'.*--adj.* raw"
    ):
        load_bars("B")
    put("B.csv", {"B.csv": text.replace("8,8,8,8", "4,4,4,4")},
        Layout(zone="UTC", adjustment="split"), existing="replace")  # fmt: skip
    np.testing.assert_allclose(load_bars("B").frame("B")["close"], [3.0, 3.0, 3.0])
    put("C.csv", {"C.csv": days(2, 3)}, raw)
    assert load_bars("C").adjustment == "raw"


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(), r"does not guess: state --zone \(IANA name.*; --adjustment \(What the prices"),
        (Layout(zone="UTC"), r"state --adjustment \(What.*; --label \(Which end"),
        (Layout(zone="UTC", adjustment="raw"), r"state --label \(Which end"),
    ],
)
def test_what_is_not_stated_is_asked_for(put, layout, message):
    text = days(2, 3).replace("-02,", "-02 10:00,").replace("-03,", "-02 10:01,")
    with pytest.raises(ConfigError, match=message):
        put("A.csv", {"A.csv": text}, layout)
    assert local_store().datasets() == []


def test_bars_that_come_twice(put):
    done = put("A.csv", {"A.csv": days(2, 3, 3, 6)})
    assert (done.bars, done.dropped) == (3, 1)
    different = days(2, 3, 6) + "\n2020-01-03,3,5,3,4,101"
    with pytest.raises(DataError, match=r"rows 3, 5: 2020-01-03 00:00:00 comes twice, with diff"):
        put("B.csv", {"B.csv": different})
    assert local_store().datasets() == ["A"]


def test_what_is_there_is_replaced_or_appended_to_on_demand(put):
    put("A.csv", {"A.csv": days(2, 3)})
    with pytest.raises(DataError, match=r"A/1d has A in the store already.*--append, --replace"):
        put("A.csv", {"A.csv": days(2, 3, 6)})
    assert put("A.csv", {}, existing="append").bars == 1
    assert len(load_bars("A").frame("A")) == 3
    with pytest.raises(DataError, match="open = 4, and was 2 when"):
        put("A.csv", {"A.csv": days(2, 3, 7, scale=2.0)}, existing="append")
    assert put("A.csv", {}, existing="replace").bars == 3
    assert load_bars("A").frame("A")["open"].tolist() == [4.0, 6.0, 14.0]


def test_bad_prices_are_stored_and_refused_when_loaded(put):
    put("A.csv", {"A.csv": days(2, 3).replace("2,4.0,", "2,1.0,").replace(",100", ",", 1)})
    frame, about = local_store().read("A", "1d", "A")
    assert np.isnan(frame["volume"].iloc[0])
    assert about.adjustment == "full"
    with pytest.raises(DataError, match=r"A/1d \(symbol A\), row 1 .*; see drltrade data check A"):
        load_bars("A")


def test_several_frequencies_of_one_name(put):
    hours = "\n".join([HEADER, *(f"2020-01-02 {h:02d}:00,1,2,1,2,3" for h in range(9, 16))])
    put("A.csv", {"A.csv": days(2, 3)})
    by_hour = Layout(zone="UTC", adjustment="full", label="open")
    put("hours.csv", {"hours.csv": hours}, by_hour, name="A", symbol="A")
    with pytest.raises(DataError, match="'A' has several frequencies: ask for A/1d or A/1h"):
        load_bars("A")
    assert load_bars("A/1h").frame("A").index[0] == pd.Timestamp("2020-01-02 10:00")


@pytest.mark.parametrize(
    ("texts", "how", "error", "message"),
    [
        ({"f/A.csv": days(2, 3), "f/A.csv.gz": ""}, {}, DataError, "csv.gz: no header and no rows"),
        ({"f/A.csv": days(2, 3), "f/B.csv": days(3, 6, scale=2.0).replace("date", "symbol,date")
          .replace("\n", "\nA,")}, {}, DataError, r"2020-01-03.* comes twice"),
        ({"f/A.csv": days(2, 3), "f/B.csv": days(1, 8)}, {}, DataError, "differ in frequency"),
        ({"f/A.csv": days(2)}, {}, DataError, "no symbol has two bars"),
        ({"f/A.doc": ""}, {}, DataError, "holds no file of .csv, .csv.gz"),
        ({"f/A.csv": days(2, 3)}, {"name": "us5"}, ConfigError, "name = 'us5'"),
    ],
)  # fmt: skip
def test_folders_that_are_refused_store_nothing(put, texts, how, error, message):
    with pytest.raises(error, match=message):
        put("f", texts, **how)
    assert local_store().datasets() == []


def test_repairs_are_applied_when_loaded_and_taken_back(put):
    many = days(*range(1, 20), scale=50.0)
    bad = many.replace("05,250.0,252.0", "05,250.0,1.0")
    pence = bad.replace("2020-01-09,450.0,452.0,450.0,451.0", "2020-01-09,4.5,4.52,4.5,4.51")
    stored = put("A.csv", {"A.csv": pence}).stored
    published, _ = stored.store.read("A", "1d", "A")
    with pytest.raises(DataError, match=r"high = 1 is below open = 250"):
        load_bars("A")
    before = stored.store.sidecar("A", "1d", "A")
    logs = stored.repair()
    assert logs["A"]["kind"].tolist() == ["quarantine", *["scale"] * 4]
    bars = load_bars("A")
    assert list(bars.quarantined["A"]) == [pd.Timestamp("2020-01-05")]
    assert len(bars.frame("A")) == 18
    np.testing.assert_allclose(bars.frame("A").loc["2020-01-09", "close"], 451.0)
    assert stored.store.sidecar("A", "1d", "A") == before
    assert stored.undo() == 1
    with pytest.raises(DataError, match=r"high = 1 is below open = 250"):
        load_bars("A")
    pd.testing.assert_frame_equal(stored.published()["A"], published)
    stored.repair()
    assert load_bars("A").sha256 == bars.sha256


def test_single_lines_of_a_log_can_be_taken_back(put):
    bad = days(*range(1, 20), scale=50.0).replace("05,250.0,252.0", "05,250.0,1.0")
    stored = put("A.csv", {"A.csv": bad.replace("19,950.0,952.0", "19,950.0,2.0")}).stored
    stored.repair()
    log = stored.store.folder("A", "1d") / "repairs" / "A.csv"
    lines = log.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    log.write_text("".join(lines[:2]))
    with pytest.raises(DataError, match="2020-01-19 00:00:00\\): high = 2 is below open"):
        load_bars("A")
    log.write_text("time\n")
    with pytest.raises(DataError, match=r"A\.csv: is no log of repairs"):
        load_bars("A")


def test_what_was_set_aside_is_a_mask_in_a_portfolio(put):
    sound = days(*range(1, 20), scale=50.0)
    bad = sound.replace("05,250.0,252.0", "05,250.0,1.0")
    put("two", {"two/A.csv": bad, "two/B.csv": sound}).stored.repair()
    bars = load_bars("two")
    frames = {symbol: bars.frame(symbol) for symbol in bars.symbols}
    times = pd.DatetimeIndex(frames["B"].index)
    market = Market.build(frames, times, np.zeros((19, 1), np.float32), ("x",), 252.0)
    assert market.tradable[:, 1].all()
    assert np.flatnonzero(~market.tradable[:, 0]).tolist() == [4]
    assert market.close[4, 0] == market.close[3, 0]


def test_moves_that_are_hardly_true_are_refused_until_mended_or_accepted(put):
    text = days(*range(1, 20), scale=50.0)
    lines = text.splitlines()
    for n in range(12, len(lines)):
        values = [f"{float(value) * 30}" for value in lines[n][11:].split(",")]
        lines[n] = ",".join([lines[n][:10], *values])
    tenfold = "\n".join(lines)
    stored = put("A.csv", {"A.csv": tenfold}).stored
    with pytest.raises(DataError, match="hardly true: A: scale_break at 2020-01-12"):
        load_bars("A")
    assert stored.repair() == {}
    assert {symbol: list(times) for symbol, times in stored.accept().items()} == {
        "A": [pd.Timestamp("2020-01-12")]
    }
    assert len(load_bars("A").frame("A")) == 19
    assert list(stored.repair()) == ["A"]  # a repair keeps what was accepted
    assert len(load_bars("A").frame("A")) == 19
    assert stored.undo() == 1
    with pytest.raises(DataError, match="hardly true"):
        load_bars("A")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zone": "UTC"}, "zone = 'UTC': the series of A/1d have 'America/New_York'"),
        ({"adjustment": "raw"}, "adjustment = 'raw': the series of A/1d have 'full'"),
    ],
)
@pytest.mark.parametrize("symbol", ["A", "B"])
def test_what_is_stated_otherwise_is_not_mixed_in(put, change, message, symbol):
    put("A.csv", {"A.csv": days(2, 3)})
    layout = NEW_YORK.model_copy(update=change)
    with pytest.raises(ConfigError, match=message):
        put("A.csv", {"A.csv": days(2, 3, 6)}, layout, symbol=symbol, name="A", existing="append")


def test_one_bar_is_appended_at_the_frequency_there_is(put):
    put("A.csv", {"A.csv": days(2, 3)})
    assert put("A.csv", {"A.csv": days(6)}, existing="append").bars == 1
    assert local_store().frequencies("A") == ["1d"]
    stated = NEW_YORK.model_copy(update={"frequency": "1d"})
    assert put("B.csv", {"B.csv": days(6)}, stated).bars == 1


def test_weeks_need_a_label_and_days_have_dates(put):
    weeks = days(6, 13, 20)
    with pytest.raises(ConfigError, match="state --label"):
        put("A.csv", {"A.csv": weeks})
    put("A.csv", {"A.csv": weeks}, NEW_YORK.model_copy(update={"label": "open"}))
    assert str(load_bars("A").frame("A").index[0].date()) == "2020-01-12"
    opened = days(6, 7, 8).replace(",", " 14:30+00:00,", 1)
    for day in (6, 7, 8):
        opened = opened.replace(f"2020-01-{day:02d},", f"2020-01-{day:02d} 14:30+00:00,")
    opened = opened.replace("date 14:30+00:00", "date")
    put("B.csv", {"B.csv": opened})
    assert load_bars("B").frame("B").index.is_normalized


def test_a_name_of_a_set_and_of_a_file_is_asked_about(put):
    put("A.csv", {"A.csv": days(2, 3), "data/A.csv": days(2, 3, 6)})
    with pytest.raises(DataError, match=r"'A' is a data set of .*: say A/1d or data/A.csv"):
        load_bars("A")
    assert len(load_bars("A/1d").frame("A")) == 2
    assert len(load_bars("data/A.csv").frame("A")) == 3
