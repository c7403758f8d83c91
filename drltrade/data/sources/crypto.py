"""Public candles of crypto exchanges, through ccxt."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from drltrade.data.bars import COLUMNS
from drltrade.data.frequencies import DAILY
from drltrade.data.labels import labelled_by_end
from drltrade.data.sources.source import Busy, Fetched, NoData
from drltrade.errors import ConfigError, suggestion

WINDOW = 100
"""Candles that every exchange looks through from a time on, to find whether there are any."""
PAGE = 500
"""Candles that are asked for at once; what an exchange gives less of, is asked for again."""


class Crypto:
    """Any exchange that ccxt knows, without a key."""

    def __init__(self, exchange: str = "binance", **settings: Any) -> None:
        """Take an exchange's id, and settings of ccxt for it.

        Raises:
            ConfigError: there is no such exchange, or ccxt is not installed.
        """
        try:
            import ccxt
        except ImportError:
            raise ConfigError("source crypto needs ccxt: pip install 'drltrade[crypto]'") from None
        if exchange not in ccxt.exchanges:
            raise ConfigError(
                f"exchange = {exchange!r} is unknown to ccxt{suggestion(exchange, ccxt.exchanges)}"
            )
        # Proxies and certificates of the environment are taken, as other programs take them.
        usual = {
            "enableRateLimit": True, "requests_trust_env": True, "enableLastJsonResponse": True,
        }  # fmt: skip
        self._exchange = getattr(ccxt, exchange)({**usual, **settings})

    def fetch(
        self, symbol: str, frequency: str, start: pd.Timestamp, end: pd.Timestamp | None
    ) -> Iterator[Fetched]:
        """See `Source`. Pages are handed on as they come, in UTC."""
        exchange = self._exchange
        with _told_apart(exchange.id, symbol):
            exchange.load_markets()
            exchange.market(symbol)
        intervals = exchange.timeframes or {}
        theirs = "1M" if frequency == "1mo" else frequency
        if theirs not in intervals:
            raise ConfigError(
                f"frequency {frequency!r}: {exchange.id} has {', '.join(intervals) or 'none'}"
            )
        daily = frequency in DAILY
        length = pd.Timedelta(seconds=exchange.parse_timeframe(theirs))
        now = pd.Timestamp.now("UTC").tz_localize(None)
        # The last date is meant whole, and a candle belongs where it ends.
        last = now if end is None else min(end + pd.Timedelta(days=1), now)
        since, any_there = start, False
        while since + length <= last:
            with _told_apart(exchange.id, symbol):
                rows = exchange.fetch_ohlcv(symbol, theirs, _milliseconds(since), PAGE)
            if not rows and exchange.last_json_response is None:
                # ccxt takes a page that is no JSON for one without candles.
                raise Busy(f"{symbol}: {exchange.id} answered with what is no JSON")
            candles = _candles([row for row in rows or [] if row[0] >= _milliseconds(since)])
            if candles.empty:  # a halt, or before the pair was listed
                since += WINDOW * length
                continue
            opened = pd.Timestamp(candles.index[-1])
            since = opened + pd.offsets.MonthBegin(1) if theirs == "1M" else opened + length
            bars = labelled_by_end(candles, frequency)
            bars = bars[bars.index < last.normalize()] if daily else bars[bars.index <= last]
            if len(bars):
                any_there = True
                yield Fetched(bars, "UTC", "full")
        if not any_there:
            raise NoData(f"{symbol}: {exchange.id} has no candle of {frequency} from {start} on")


def _milliseconds(time: pd.Timestamp) -> int:
    return int(time.tz_localize("UTC").timestamp() * 1000)


def _candles(rows: list[list[float]]) -> pd.DataFrame:
    """Candles by their opening times, each once, in order."""
    times = pd.to_datetime([row[0] for row in rows], unit="ms")
    index = pd.DatetimeIndex(times, name="time").as_unit("us")
    frame = pd.DataFrame([row[1:6] for row in rows], index, list(COLUMNS), dtype="float64")
    return frame[~frame.index.duplicated()].sort_index()


@contextmanager
def _told_apart(exchange: str, symbol: str) -> Iterator[None]:
    """ccxt's exceptions as ours."""
    import ccxt

    try:
        yield
    except ccxt.BadSymbol as error:
        raise NoData(f"{symbol}: {exchange} has no such market: {error}") from None
    except (ccxt.NetworkError, ccxt.BadResponse) as error:
        raise Busy(
            f"{symbol}: {exchange} does not answer: {type(error).__name__}: {error}"
        ) from None
    except ccxt.BaseError as error:
        raise NoData(f"{symbol}: {exchange} refuses: {type(error).__name__}: {error}") from None
