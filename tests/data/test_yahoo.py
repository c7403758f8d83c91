"""yfinance, its whole HTTP stack, against a server on this machine that speaks Yahoo's format."""

import curl_cffi.requests
import numpy as np
import pandas as pd
import pytest
import yfinance
from loopback import CUT, Loopback

from drltrade.data.catalog import load_bars
from drltrade.data.fetching import PATIENCE, fetch_into
from drltrade.data.sources import Busy, NoData
from drltrade.data.sources.yahoo import Yahoo
from drltrade.data.stored import local_store
from drltrade.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:.*inplace keyword")  # in yfinance
ZONE = "America/New_York"
SESSIONS = pd.bdate_range("2024-03-04", periods=20)
START = SESSIONS[0]
CLOSED = "<html><body>Will be right back</body></html>"
NOT_FOUND = {
    "chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}
}
EMPTY = {
    "chart": {
        "result": [
            {
                "meta": {"exchangeTimezoneName": ZONE, "symbol": "X"},
                "indicators": {"quote": [{}], "adjclose": [{}]},
            }
        ],
        "error": None,
    }
}


def stamps(sessions):
    opened = pd.DatetimeIndex(sessions).tz_localize(ZONE) + pd.Timedelta("9.5h")
    return [int(each.timestamp()) for each in opened]


def chart(symbol, closes, adjusted=None, dividends=None, splits=None, sessions=SESSIONS):
    """A chart as Yahoo answers it; None in `closes` is a null row."""
    times = stamps(sessions)
    prices = {
        name: [None if c is None else c + shift for c in closes]
        for name, shift in (("open", 0.0), ("high", 1.0), ("low", -1.0), ("close", 0.5))
    }
    close = prices["close"]
    quote = {**prices, "volume": [None if c is None else 1000 for c in closes]}
    events = {}
    if dividends:
        events["dividends"] = {
            str(times[i]): {"amount": d, "date": times[i]} for i, d in dividends.items()
        }
    if splits:
        events["splits"] = {
            str(times[i]): {
                "date": times[i],
                "numerator": n,
                "denominator": 1,
                "splitRatio": f"{n}:1",
            }
            for i, n in splits.items()
        }
    meta = {"currency": "USD", "symbol": symbol, "exchangeTimezoneName": ZONE, "timezone": "EST",
            "gmtoffset": -18000, "instrumentType": "EQUITY", "dataGranularity": "1d",
            "priceHint": 2, "firstTradeDate": times[0], "regularMarketTime": times[-1],
            "validRanges": ["1d", "max"]}  # fmt: skip
    result = {
        "meta": meta,
        "timestamp": times,
        "events": events,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted or close}]},
    }
    return {"chart": {"result": [result], "error": None}}


@pytest.fixture
def charts():
    return {"AAPL": chart("AAPL", [100.0 + i for i in range(20)])}


@pytest.fixture
def server(tmp_path, charts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yfinance.set_tz_cache_location(str(tmp_path / "zones"))

    def answer(host, path, query):
        if "/v8/finance/chart/" in path:
            symbol = path.rpartition("/")[2]
            if symbol not in charts:
                return 404, NOT_FOUND
            return 200, charts[symbol]
        return 200, "crumb"

    loopback = Loopback(tmp_path, answer, lambda path: "/v8/finance/chart/" in path)
    yield loopback
    loopback.close()


@pytest.fixture
def yahoo(server):
    session = curl_cffi.requests.Session(
        impersonate="chrome", proxies={"https": server.proxy}, verify=str(server.authority)
    )
    return Yahoo(session)


def fetched(yahoo, symbol="AAPL", frequency="1d"):
    (piece,) = yahoo.fetch(symbol, frequency, START, SESSIONS[-1])
    return piece


def stored(yahoo, *symbols, waits=None):
    """What becomes of symbols, fetched into the store of the workspace."""
    return list(
        fetch_into(
            local_store(),
            "yahoo",
            yahoo,
            symbols,
            "1d",
            START,
            SESSIONS[-1],
            origin="yahoo",
            sleep=(waits if waits is not None else []).append,
        )
    )


def test_prices_come_as_published(yahoo, charts):
    charts["AAPL"] = chart(
        "AAPL",
        [100.0 + i for i in range(20)],
        dividends={5: 0.25},
        splits={10: 4},
        adjusted=[90.0 + i for i in range(20)],
    )
    frame, zone, adjustment = fetched(yahoo)
    assert (zone, adjustment) == (ZONE, "split")
    assert list(frame.index) == list(SESSIONS)
    np.testing.assert_allclose(frame["close"], 100.5 + np.arange(20))
    np.testing.assert_allclose(frame["adjusted close"], 90.0 + np.arange(20))
    assert frame["dividend"].to_dict()[SESSIONS[5]] == 0.25
    assert frame["dividend"].sum() == 0.25
    assert frame["split"].prod() == 4.0
    assert yfinance.config.debug.hide_exceptions is True


def test_a_null_row_is_missing_and_not_filled(yahoo, charts):
    closes = [100.0 + i for i in range(20)]
    adjusted = [each + 0.5 for each in closes]
    closes[7] = None
    charts["AAPL"] = chart("AAPL", closes, adjusted=adjusted)
    frame = fetched(yahoo).frame
    assert len(frame) == 20
    assert frame.loc[SESSIONS[7], ["open", "high", "low", "close"]].isna().all()


ANSWERS = {
    "no such symbol": ((404, NOT_FOUND), NoData, "Yahoo has no such symbol"),
    "no prices": ((200, EMPTY), NoData, "Yahoo has no such symbol, or no data of it"),
    "too many requests": ((429, "Too Many Requests"), Busy, r"asked too often \(429\)"),
    "HTML": ((200, CLOSED), Busy, "Yahoo answered with no prices"),
    "a server's error": ((500, "oops"), Busy, "Yahoo"),
    "a connection cut": ((200, CUT), Busy, "Yahoo cannot be reached"),
}


@pytest.mark.parametrize(("answer", "error", "message"), ANSWERS.values(), ids=ANSWERS.keys())
def test_every_failure_is_an_error_and_never_a_frame(yahoo, server, answer, error, message):
    fetched(yahoo)  # the zone of the symbol is known by now
    server.faults = [answer] * 3
    with pytest.raises(error, match=message):
        list(yahoo.fetch("AAPL", "1d", START - pd.Timedelta("1D"), SESSIONS[-1]))


@pytest.mark.parametrize(
    "answer", [ANSWERS[each][0] for each in ("too many requests", "HTML", "a connection cut")]
)
def test_who_is_busy_is_asked_again_with_patience(yahoo, server, answer):
    server.faults = [answer] * 2
    waits = []
    (outcome,) = stored(yahoo, "AAPL", waits=waits)
    assert (outcome.bars, outcome.error) == (20, None)
    assert tuple(waits) == PATIENCE[: len(waits)] != ()


def test_patience_has_an_end_and_one_failure_does_not_stop_others(yahoo, server, charts):
    charts["MSFT"] = charts["AAPL"]
    stored(yahoo, "MSFT")
    server.faults = [(429, "Too Many Requests")] * 50
    waits = []
    (outcome,) = stored(yahoo, "AAPL", waits=waits)
    assert outcome.error == "AAPL: Yahoo is asked too often (429) (6 attempts)"
    assert tuple(waits) == PATIENCE
    server.faults = []
    outcomes = stored(yahoo, "GONE", "AAPL")
    assert [each.bars for each in outcomes] == [0, 20]
    assert "GONE: Yahoo has no such symbol" in outcomes[0].error
    assert load_bars("yahoo").symbols == ("AAPL", "MSFT")


def test_fetching_goes_on_where_it_was(yahoo, charts):
    whole = charts["AAPL"]
    charts["AAPL"] = chart("AAPL", [100.0 + i for i in range(12)], sessions=SESSIONS[:12])
    assert stored(yahoo, "AAPL")[0].bars == 12
    charts["AAPL"] = whole
    outcome = stored(yahoo, "AAPL")[0]
    assert (outcome.bars, outcome.replaced) == (8, False)
    assert stored(yahoo, "AAPL")[0].bars == 0
    assert len(load_bars("yahoo").frame("AAPL")) == 20


def test_a_past_that_has_changed_is_fetched_anew(yahoo, charts):
    stored(yahoo, "AAPL")
    charts["AAPL"] = chart("AAPL", [25.0 + i / 4 for i in range(20)], splits={19: 4})
    outcome = stored(yahoo, "AAPL")[0]
    assert (outcome.bars, outcome.replaced, outcome.error) == (20, True, None)
    assert load_bars("yahoo").frame("AAPL")["open"].iloc[0] == 25.0


def test_today_is_left_out_while_it_is_not_over(yahoo, charts):
    today = pd.Timestamp.now(ZONE).normalize().tz_localize(None)
    sessions = [today - pd.Timedelta(days=days) for days in (2, 1, 0)]
    charts["AAPL"] = chart("AAPL", [1.0, 2.0, 3.0], sessions=sessions)
    (piece,) = yahoo.fetch("AAPL", "1d", sessions[0], None)
    assert list(piece.frame.index) == sessions[:2]


def test_bars_within_the_day_are_labelled_by_their_end(yahoo, charts):
    answer = chart("AAPL", [100.0, 101.0], sessions=SESSIONS[:2])
    first = stamps(SESSIONS[:1])[0]
    answer["chart"]["result"][0]["timestamp"] = [first, first + 3600]
    day = {"timezone": "EST", "start": first, "end": first + 23400, "gmtoffset": -18000}
    answer["chart"]["result"][0]["meta"] |= {"dataGranularity": "1h", "tradingPeriods": [[day]]}
    charts["AAPL"] = answer
    frame = fetched(yahoo, frequency="1h").frame
    assert [str(each) for each in frame.index] == ["2024-03-04 10:30:00", "2024-03-04 11:30:00"]


def test_a_frequency_that_yahoo_lacks(yahoo):
    with pytest.raises(ConfigError, match="frequency '7m': Yahoo has 1m, 2m"):
        fetched(yahoo, frequency="7m")
