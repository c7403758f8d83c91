"""Runs on prices of the local store, found again from any directory."""

import pandas as pd
import pytest

import drltrade
from drltrade.data.catalog import lasting_name, load_bars
from drltrade.data.store import About
from drltrade.data.stored import local_store
from drltrade.errors import DataError

PERIODS = {
    "train": ["2005-01-01", "2008-12-31"],
    "validation": ["2009-01-01", "2009-12-31"],
    "test": ["2010-01-01", "2010-12-31"],
}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A store with the prices of two shares."""
    monkeypatch.chdir(tmp_path)
    bars = load_bars("us5")
    with local_store().writing("my shares", "1d") as writer:
        for symbol in ("IBM", "MSFT"):
            writer.replace(symbol, bars.frame(symbol), About("us5", bars.zone, "1d", "full"))
    return tmp_path


def test_a_lasting_name_is_the_folder_of_the_series(workspace, monkeypatch):
    name = lasting_name("my shares")
    monkeypatch.chdir("/")
    pd.testing.assert_frame_equal(
        load_bars(name, ["IBM"]).frame("IBM"), load_bars("us5").frame("IBM"), check_freq=False
    )
    assert lasting_name("us5") == "us5"
    with pytest.raises(DataError, match="'my shares' is neither an embedded data set"):
        lasting_name("my shares")


def test_a_run_on_stored_prices_is_judged_from_elsewhere(workspace, monkeypatch):
    members = workspace / "members.csv"
    members.write_text("symbol,start,end\nIBM,2000-01-01,\nMSFT,2000-01-01,2010-06-01\n")
    run = drltrade.train(
        env="us5-portfolio", agent="ppo", data="my shares", symbols=None, periods=PERIODS,
        universe="members.csv", training={"total_steps": 2048}, seed=0, run=workspace / "run",
    )  # fmt: skip
    monkeypatch.chdir("/")
    again = drltrade.load_run(workspace / "run")
    assert again.task.config.universe == str(members)
    frame = drltrade.backtest(again, period="test").to_frame()
    assert (frame["units_MSFT"].loc["2010-06-02":] == 0.0).all()
    assert frame["equity"].iloc[-1] == pytest.approx(
        drltrade.backtest(run, period="test").to_frame()["equity"].iloc[-1]
    )
