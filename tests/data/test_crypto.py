"""ccxt, its whole HTTP stack, against a server on this machine that speaks Binance's format."""

import pandas as pd
import pytest
from loopback import CUT, Loopback

from drltrade.data.catalog import load_bars
from drltrade.data.fetching import PATIENCE, fetch_into
from drltrade.data.sources import Busy, NoData, available_sources, open_source
from drltrade.data.sources import crypto as module
from drltrade.data.sources.crypto import Crypto
from drltrade.data.stored import local_store
from drltrade.errors import ConfigError

HOUR = 3_600_000
START = pd.Timestamp("2024-01-01")
FIRST = int(START.tz_localize("UTC").timestamp() * 1000)
MARKETS = {
    "timezone": "UTC",
    "symbols": [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
         "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
         "orderTypes": ["LIMIT"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
         "permissions": ["SPOT"], "filters": []},
    ],
}  # fmt: skip


def candle(hour):
    price = f"{40_000 + hour}.0"
    opened = FIRST + hour * HOUR
    return [opened, price, f"{40_002 + hour}.0", f"{39_998 + hour}.0", f"{40_001 + hour}.0",
            "1.5", opened + HOUR - 1, "60000", 10, "0.7", "30000", "0"]  # fmt: skip


@pytest.fixture
def candles():
    """Three pages of hours; two hours are missing, as in a halt."""
    return [candle(hour) for hour in range(1200) if hour not in (700, 701)]


@pytest.fixture
def server(tmp_path, candles, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def answer(host, path, query):
        if path.endswith("/klines"):
            since, limit = int(query["startTime"]), int(query["limit"])
            return 200, [each for each in candles if each[0] >= since][:limit]
        return (200, MARKETS) if path == "/api/v3/exchangeInfo" else (404, {})

    loopback = Loopback(tmp_path, answer, lambda path: path.endswith("/klines"))
    yield loopback
    loopback.close()


@pytest.fixture
def binance(server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", server.proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
    spot = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}
    return Crypto("binance", options=spot)


def stored(source, *symbols, waits=None, end="2024-03-01"):
    return list(fetch_into(local_store(), "binance", source, symbols, "1h", START,
                           pd.Timestamp(end), origin="crypto exchange=binance",
                           sleep=(waits if waits is not None else []).append))  # fmt: skip


def test_candles_come_page_by_page_labelled_by_their_end(binance, server):
    pieces = list(binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-03-01")))
    assert [len(piece.frame) for piece in pieces] == [500, 500, 198]
    assert {(piece.zone, piece.adjustment) for piece in pieces} == {("UTC", "full")}
    assert pieces[0].frame.index[0] == START + pd.Timedelta("1h")
    assert pieces[0].frame["open"].iloc[0] == 40_000.0
    whole = pd.concat([piece.frame for piece in pieces])
    assert whole.index.is_unique
    assert pd.Timestamp("2024-01-30 05:00") not in whole.index  # a halt stays one


def test_a_last_date_is_meant_whole(binance):
    (piece,) = binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-01-02"))
    assert piece.frame.index[-1] == pd.Timestamp("2024-01-03")
    assert len(piece.frame) == 48


def test_a_candle_that_is_not_over_is_left_out(binance, candles):
    now = pd.Timestamp.now("UTC").tz_localize(None).floor("h")
    hours = int((now - START) / pd.Timedelta("1h"))
    candles[:] = [candle(hours - 2), candle(hours - 1), candle(hours)]
    (piece,) = binance.fetch("BTC/USDT", "1h", now - pd.Timedelta("2h"), None)
    assert list(piece.frame.index) == [now - pd.Timedelta("1h"), now]


def test_an_empty_stretch_is_passed_over(binance, candles):
    candles[:] = [candle(hour) for hour in range(1100, 1200)]
    start = START
    pieces = list(binance.fetch("BTC/USDT", "1h", start, pd.Timestamp("2024-03-01")))
    assert sum(len(piece.frame) for piece in pieces) == 100


ANSWERS = {
    "too many requests": ((429, {"code": -1003, "msg": "Too many requests"}), Busy),
    "HTML": ((200, "<html>maintenance</html>"), Busy),
    "a server's error": ((503, "oops"), Busy),
    "a connection cut": ((200, CUT), Busy),
    "refused": ((400, {"code": -1100, "msg": "Illegal characters"}), NoData),
}


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_every_failure_is_an_error_and_never_a_frame(binance, server, answer, error):
    server.faults = [answer]
    with pytest.raises(error, match="BTC/USDT: binance "):
        list(binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-01-02")))


def test_no_candle_at_all_is_an_error(binance, candles):
    candles.clear()
    with pytest.raises(NoData, match="binance has no candle of 1h from 2024-01-01"):
        list(binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-01-02")))


def test_a_download_that_breaks_off_goes_on(binance, server):
    server.faults = []
    waits = []
    pieces = binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-03-01"))
    next(pieces)
    server.faults = [(429, {"code": -1003, "msg": "Too many"}), (200, CUT)]
    outcome = stored(binance, "BTC/USDT", waits=waits)[0]
    assert (outcome.bars, outcome.error) == (1198, None)
    assert tuple(waits) == PATIENCE[:2]


def test_what_came_before_patience_ended_is_kept_and_built_upon(binance, server):
    good = server.answer

    def once(host, path, query):
        if path.endswith("/klines") and int(query["startTime"]) > FIRST:
            return 503, "oops"
        return good(host, path, query)

    server.answer = once
    outcome = stored(binance, "BTC/USDT")[0]
    assert "binance does not answer: ExchangeNotAvailable" in outcome.error
    assert len(load_bars("binance").frame("BTC/USDT")) == 500
    server.answer = good
    asked = len(server.asked)
    assert stored(binance, "BTC/USDT")[0].bars == 698
    assert not any(f"startTime={FIRST}" in each for each in server.asked[asked:])
    assert len(load_bars("binance").frame("BTC/USDT")) == 1198
    assert stored(binance, "BTC/USDT")[0].bars == 0


def test_symbols_exchanges_and_frequencies_that_there_are_not(binance):
    with pytest.raises(NoData, match="NO/SUCH: binance has no such market"):
        list(binance.fetch("NO/SUCH", "1h", START, None))
    with pytest.raises(ConfigError, match="frequency '7m': binance has 1s, 1m"):
        list(binance.fetch("BTC/USDT", "7m", START, None))
    with pytest.raises(ConfigError, match="exchange = 'binanse' is unknown to ccxt; did you mean"):
        Crypto("binanse")


def test_sources_are_opened_by_name(monkeypatch):
    assert {"yahoo", "crypto"} <= set(available_sources())
    assert isinstance(open_source("crypto", {"exchange": "kraken"}), Crypto)
    with pytest.raises(ConfigError, match=r"source 'yaho' is unknown; did you mean 'yahoo'"):
        open_source("yaho", {})
    with pytest.raises(ConfigError, match=r"source yahoo: .*unexpected keyword argument 'key'"):
        open_source("yahoo", {"key": "x"})


def test_a_page_is_what_an_exchange_gives(binance, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 100)
    pieces = list(binance.fetch("BTC/USDT", "1h", START, pd.Timestamp("2024-01-20")))
    assert sum(len(piece.frame) for piece in pieces) == 20 * 24
