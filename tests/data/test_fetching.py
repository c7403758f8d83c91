"""Fetching into the store: it goes on where it was, waits, and never loses what is there."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.fetching import PATIENCE, fetch_into
from drltrade.data.sources import Busy, Fetched, NoData
from drltrade.data.stored import StoredSet, local_store
from drltrade.errors import ConfigError

DAYS = pd.bdate_range("2020-01-01", periods=400, name="time")


class Pages:
    """Hands out its bars in pages; raises what `faults` says on a page."""

    def __init__(self, first=0, last=400, page=100):
        self.first, self.last, self.page = first, last, page
        self.scale = pd.Series(1.0, DAYS)
        self.faults = {}
        self.begun = []

    def fetch(self, symbol, frequency, start, end):
        self.begun.append(start)
        there = DAYS[self.first : self.last]
        there = there[there >= start]
        for number in range(0, len(there), self.page):
            fault = self.faults.get(number // self.page)
            if fault and fault[0] > 0:
                self.faults[number // self.page] = (fault[0] - 1, fault[1])
                raise fault[1]
            times = there[number : number + self.page]
            values = (np.searchsorted(DAYS, times) + 1.0) * self.scale[times].to_numpy()
            columns = dict.fromkeys(("open", "high", "low", "close", "volume"), values)
            yield Fetched(pd.DataFrame(columns, times), "UTC", "full")


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def fetching(source, start=DAYS[0], origin="pages", dataset="set"):
        waits = []
        (outcome,) = fetch_into(local_store(), dataset, source, ["A"], "1d", start, origin=origin,
                                sleep=waits.append)  # fmt: skip
        return outcome, waits

    return fetching


def kept():
    return local_store().read("set", "1d", "A")[0]


def test_pages_are_put_together(fetch):
    outcome, waits = fetch(Pages())
    assert (outcome.bars, outcome.error, waits) == (400, None, [])
    np.testing.assert_array_equal(kept()["close"], np.arange(1.0, 401.0))


def test_it_goes_on_where_it_broke_off(fetch):
    source = Pages()
    source.faults = {2: (1, Busy("A: busy"))}
    outcome, waits = fetch(source)
    assert (outcome.bars, waits) == (400, [PATIENCE[0]])
    assert source.begun == [DAYS[0], DAYS[199]]


def test_patience_has_an_end_though_early_pages_come_again(fetch):
    source = Pages(page=150)
    source.faults = {2: (1000, Busy("A: busy"))}

    def from_the_start(symbol, frequency, start, end, fetch=source.fetch):
        return fetch(symbol, frequency, DAYS[0], end)

    source.fetch = from_the_start
    outcome, waits = fetch(source)
    assert outcome.error == "A: busy (6 attempts)"
    assert tuple(waits) == PATIENCE
    assert len(kept()) == 300


@pytest.mark.parametrize("error", [NoData("A: refused"), NoData("A: gone")])
def test_no_data_in_the_middle_is_an_error(fetch, error):
    source = Pages()
    source.faults = {1: (1, error)}
    outcome, _ = fetch(source)
    assert outcome.error == str(error)
    assert fetch(source)[0].bars == 300
    np.testing.assert_array_equal(kept()["close"], np.arange(1.0, 401.0))


def test_a_past_that_has_changed_is_fetched_whole_with_pages_and_waits(fetch):
    source = Pages()
    fetch(source)
    source.scale[:] = 0.5
    source.faults = {2: (1, Busy("A: busy"))}
    outcome, _ = fetch(source)
    assert (outcome.bars, outcome.replaced, outcome.error) == (400, True, None)
    np.testing.assert_array_equal(kept()["close"], np.arange(1.0, 401.0) / 2)


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((50, 400), "they are kept as they are: fetch into a data set of another name"),
        ((0, 390), "A: the source answered with nothing"),
    ],
)
def test_what_the_source_has_no_more_is_not_given_up(fetch, span, message):
    fetch(Pages())
    less = Pages(*span)
    less.scale[DAYS[380] :] = 1.5
    outcome, _ = fetch(less)
    assert message in outcome.error
    np.testing.assert_array_equal(kept()["close"], np.arange(1.0, 401.0))


def test_a_gap_is_refused(fetch):
    fetch(Pages(last=100))
    outcome, _ = fetch(Pages(first=150))
    assert "the source begins at 2020-07-29 00:00:00, after 2020-05-19" in outcome.error
    assert len(kept()) == 100


def test_an_earlier_start_is_fetched(fetch):
    fetch(Pages(), start=DAYS[100])
    assert len(kept()) == 300
    outcome, _ = fetch(Pages(), start=DAYS[10])
    assert (outcome.bars, outcome.replaced) == (390, True)
    source = Pages(first=20)  # it has nothing earlier: asked once, and not again
    assert fetch(source, start=DAYS[10])[0].bars == 0
    assert source.begun == [DAYS[395]]


def test_what_came_from_elsewhere_is_not_touched(fetch):
    fetch(Pages())
    outcome, _ = fetch(Pages(), origin="crypto exchange=kraken")
    assert "has of it is from 'pages', not 'crypto exchange=kraken'" in outcome.error
    with pytest.raises(ConfigError, match="name = 'us5': is an embedded data set's"):
        fetch(Pages(), dataset="us5")


def test_repairs_of_what_is_replaced_are_dropped(fetch):
    source = Pages()
    source.scale[DAYS[50]] = 100.0
    fetch(source)
    stored = StoredSet(local_store(), "set", "1d")
    assert list(stored.repair()) == ["A"]
    source.scale[:] = 0.5
    assert fetch(source)[0].replaced
    assert len(stored.bars().frame("A")) == 400
