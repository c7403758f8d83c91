"""Splits and dividends that are stated by hand, and taken back."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.importing import import_prices
from drltrade.data.layout import Layout
from drltrade.data.stated import parse_action
from drltrade.data.stored import local_store
from drltrade.errors import ConfigError, DataError


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Raw bars with a 7:1 split that nothing tells of, imported."""
    monkeypatch.chdir(tmp_path)
    bars = quiet_bars()
    bars.iloc[60:, :4] /= 7.0
    bars.iloc[60:, 4] *= 7.0
    bars.to_csv("A.csv")
    return import_prices(
        tmp_path / "A.csv", local_store(), Layout(zone="UTC", adjustment="raw")
    ).stored


DAY = "2015-03-30"


def test_a_stated_split_makes_prices_whole_and_is_taken_back(stored):
    with pytest.raises(DataError, match=rf"A: split at {DAY}.*--split 'A {DAY}=7' states the spl"):
        stored.bars()
    stored.state([parse_action("split", f"A {DAY}=7:1")])
    frame = stored.bars().frame("A")
    np.testing.assert_allclose(frame["close"], quiet_bars()["close"] / 7.0)
    np.testing.assert_allclose(frame["volume"], quiet_bars()["volume"] * 7.0)
    assert [each for each in stored.findings() if each.severity == "error"] == []
    stored.repair()  # what is stated stays
    assert len(stored.bars().frame("A")) == 120
    assert stored.undo() == 1
    with pytest.raises(DataError, match="hardly true"):
        stored.bars()


def test_a_stated_dividend_is_reinvested_at_the_close_before(stored):
    stored.state([parse_action("split", f"{DAY}=7"), parse_action("dividend", "2015-05-04=0.5")])
    frame, close = stored.bars().frame("A"), quiet_bars()["close"] / 7.0
    day = pd.Timestamp("2015-05-04")
    place = frame.index.get_loc(day)
    kept = 1.0 - 0.5 / close.iloc[place - 1]
    np.testing.assert_allclose(frame["close"].iloc[:place], close.iloc[:place] * kept)
    np.testing.assert_allclose(frame["close"].iloc[place:], close.iloc[place:])


def test_what_is_accepted_is_no_error_any_more(stored):
    stored.accept()
    assert [each.text[-16:] for each in stored.findings() if each.kind == "split"] == [
        "accepted as true"
    ]
    assert {each.severity for each in stored.findings()} <= {"note", "warning"}
    assert len(stored.bars().frame("A")) == 120


def test_a_repair_is_offered_where_it_would_do_something(stored):
    assert stored.mendable() == []


@pytest.mark.parametrize("text", ["A=7", "A 2015-13-01=7", f"A {DAY}=", f"A {DAY}=0", f"{DAY}:7"])
def test_actions_that_cannot_be_read(text):
    with pytest.raises(ConfigError, match="--split"):
        parse_action("split", text)


def test_actions_that_do_not_fit(stored):
    with pytest.raises(DataError, match="no symbol 'B'"):
        stored.state([parse_action("split", f"B {DAY}=7")])
    with pytest.raises(DataError, match="needs bars before and from that date on"):
        stored.state([parse_action("split", "A 2019-01-01=7")])
