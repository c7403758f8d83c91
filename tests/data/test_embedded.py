"""The embedded data sets, and loading by name or path."""

import hashlib
from pathlib import Path

import arch
import numpy as np
import pandas as pd
import pytest
from arch.data import nasdaq, sp500

from drltrade.data.bars import COLUMNS, check_frame
from drltrade.data.catalog import CATALOG, load_bars, published
from drltrade.errors import DataError
from drltrade.workspace import packaged


@pytest.mark.parametrize("name", CATALOG)
def test_every_set_is_what_the_catalogue_says(name):
    entry, bars = CATALOG[name], load_bars(name)
    assert bars.symbols == entry.symbols
    assert (bars.zone, bars.frequency) == (entry.zone, entry.frequency)
    assert bars.periods_per_year == 252.0
    assert bars.adjustment == "full"
    frames = [bars.frame(symbol) for symbol in bars.symbols]
    assert str(min(frame.index[0] for frame in frames).date()) == entry.start
    assert str(max(frame.index[-1] for frame in frames).date()) == entry.end
    for frame in frames:
        check_frame(frame, name)
        assert tuple(frame.columns) == COLUMNS
        assert (frame["high"] >= frame[["open", "low", "close"]].max(axis=1)).all()
        assert (frame["low"] <= frame[["open", "high", "close"]].min(axis=1)).all()


@pytest.mark.parametrize(
    ("symbol", "session", "raw"),
    [("AAPL", "2000-06-21", -0.45), ("AAPL", "2005-02-28", -0.49), ("MSFT", "2003-02-18", -0.48)],
)
def test_adjusted_returns_on_split_days_are_ordinary(symbol, session, raw):
    table = pd.read_parquet(packaged("data") / "us5.parquet")
    table = table[table["symbol"] == symbol].set_index("timestamp")
    assert table["close"].pct_change()[session] == pytest.approx(raw, abs=0.02)
    adjusted = load_bars("us5").frame(symbol)
    assert abs(adjusted["close"].pct_change()[session]) < 0.11
    overnight = adjusted["open"] / adjusted["close"].shift() - 1.0
    assert abs(overnight[session]) < 0.05


def test_the_fall_of_apple_in_september_2000_is_kept():
    close = load_bars("us5").frame("AAPL")["close"]
    assert close.pct_change()["2000-09-29"] == pytest.approx(-0.5187, abs=1e-4)


def test_us5_close_is_the_adjusted_close_of_the_source():
    table = pd.read_parquet(packaged("data") / "us5.parquet")
    bars = load_bars("us5")
    for symbol in bars.symbols:
        source = table.loc[table["symbol"] == symbol, "adj_close"].to_numpy()
        np.testing.assert_allclose(bars.frame(symbol)["close"], source, rtol=1e-15)


def test_us5_file_is_the_one_on_its_data_card():
    digest = hashlib.sha256((packaged("data") / "us5.parquet").read_bytes()).hexdigest()
    assert load_bars("us5").sha256 == digest
    assert digest in (packaged("data") / "us5.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "module"), [("sp500", sp500), ("nasdaq", nasdaq)])
def test_indices_are_those_of_arch(name, module):
    expected, bars = module.load(), load_bars(name)
    frame = bars.frame(name.upper())
    np.testing.assert_array_equal(frame.index, expected.index)
    for column in COLUMNS:
        np.testing.assert_array_equal(frame[column], expected[column.title()])
    path = Path(arch.__file__).parent / "data" / name / f"{name}.csv.gz"
    assert bars.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_file_in_the_data_folder_is_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    frame = load_bars("us5").frame("FB")
    frame.to_parquet(tmp_path / "data" / "mine.parquet")
    frame.to_csv(tmp_path / "other.csv")
    for name in ("mine", "mine.parquet", "data/mine.parquet", tmp_path / "data" / "mine.parquet"):
        loaded = load_bars(name)
        assert loaded.symbols == ("mine",)
        pd.testing.assert_frame_equal(loaded.frame("mine"), frame)
    pd.testing.assert_frame_equal(load_bars("other.csv").frame("other"), frame)


def test_neither_name_nor_file():
    with pytest.raises(DataError) as error:
        load_bars("sp50")
    assert "'sp50' is neither an embedded data set (us5, sp500, nasdaq) nor a file" in str(
        error.value
    )
    assert "did you mean 'sp500'?" in str(error.value)


@pytest.mark.parametrize("name", CATALOG)
def test_what_was_published_is_what_loading_adjusts(name):
    prices, bars = published(name), load_bars(name)
    assert prices.adjustment == ("raw" if name == "us5" else None)
    for symbol in bars.symbols:
        raw = prices.frames[symbol].sort_index()
        ratio = raw["adjusted close"] / raw["close"]
        adjusted = raw[list(COLUMNS[:4])].mul(ratio, axis=0)
        np.testing.assert_allclose(bars.frame(symbol)[list(COLUMNS[:4])], adjusted, rtol=1e-14)


def test_published_prices_of_us5_have_the_splits_in_them():
    close = published("us5").frames["AAPL"]["close"]
    assert close["2005-02-25"] == 88.99
    assert close["2005-02-28"] == 44.86
