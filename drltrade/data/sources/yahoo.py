"""Yahoo Finance, through yfinance.

Its `download` answers alike, with an empty frame, where a symbol does not exist, where there is no
data and where it is asked too often; `Ticker.history` with exceptions on tells them apart. Prices
are taken as published, adjusted for splits alone, with the adjusted close, dividends and splits
beside them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from drltrade.data.frequencies import DAILY
from drltrade.data.labels import labelled_by_end
from drltrade.data.sources.source import Busy, Fetched, NoData
from drltrade.errors import ConfigError

INTERVALS = {
    "1m": "1m", "2m": "2m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "1d": "1d",
    "1w": "1wk", "1mo": "1mo",
}  # fmt: skip
"""What Yahoo calls our frequencies."""
COLUMNS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume",
    "Adj Close": "adjusted close", "Dividends": "dividend", "Stock Splits": "split",
    "Capital Gains": "capital gain",
}  # fmt: skip


# What yfinance runs into in an answer that is not of the form it knows.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class Yahoo:
    """Shares, indices, funds and currencies of many exchanges; within the day, of late alone."""

    def __init__(self, session: Any = None) -> None:
        """Take a session of curl_cffi or requests, instead of yfinance's own."""
        self._session = session

    def fetch(
        self, symbol: str, frequency: str, start: pd.Timestamp, end: pd.Timestamp | None
    ) -> Iterator[Fetched]:
        """See `Source`."""
        import yfinance

        if frequency not in INTERVALS:
            raise ConfigError(f"frequency {frequency!r}: Yahoo has {', '.join(INTERVALS)}")
        with _told_apart(symbol):
            # Up to now: what lies wholly in the past, yfinance answers from memory.
            frame = yfinance.Ticker(symbol, session=self._session).history(
                start=start, interval=INTERVALS[frequency], auto_adjust=False, actions=True,
                keepna=True,
            )  # fmt: skip
        times = pd.DatetimeIndex(frame.index)
        bars = _published(frame, times, frequency)
        if end is not None:
            bars = bars[bars.index < end + pd.Timedelta(days=1)]
        if bars.empty:
            raise NoData(f"{symbol}: Yahoo has no bar from {start} on that is over")
        yield Fetched(bars, str(times.tz), "split")


def _published(frame: pd.DataFrame, times: pd.DatetimeIndex, frequency: str) -> pd.DataFrame:
    """In our columns, by the END of each bar, without the one that is not over."""
    renamed = frame.rename(columns=COLUMNS)
    bars = renamed[[name for name in COLUMNS.values() if name in renamed]].astype(np.float64)
    bars["split"] = bars["split"].where(bars["split"] > 0, 1.0)
    bars["dividend"] = bars["dividend"].fillna(0.0)
    labels = times.tz_localize(None).as_unit("us").rename("time")
    daily = frequency in DAILY
    bars = (
        labelled_by_end(bars.set_axis(labels.normalize()), frequency) if daily
        else labelled_by_end(bars.set_axis(labels), frequency, str(times.tz), times)
    )  # fmt: skip
    now = pd.Timestamp.now(times.tz).tz_localize(None)
    # A session's label is its date: until midnight it may not be over.
    over = bars.index < now.normalize() if daily else bars.index <= now
    return bars[over & ~bars.index.duplicated(keep="last")]


@contextmanager
def _told_apart(symbol: str) -> Iterator[None]:
    """yfinance's exceptions, on, as ours."""
    import curl_cffi.requests.exceptions as curl
    import requests
    import yfinance
    from yfinance import exceptions

    shown = yfinance.config.debug.hide_exceptions
    yfinance.config.debug.hide_exceptions = False
    try:
        yield
    except exceptions.YFRateLimitError:
        raise Busy(f"{symbol}: Yahoo is asked too often (429)") from None
    except exceptions.YFTickerMissingError as error:
        raise NoData(f"{symbol}: Yahoo has no such symbol, or no data of it: {error}") from None
    except (curl.RequestException, requests.RequestException) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == 404:
            raise NoData(f"{symbol}: Yahoo has no such symbol (404)") from None
        raise Busy(f"{symbol}: Yahoo cannot be reached: {error}") from None
    except (exceptions.YFException, *_UNREADABLE) as error:
        said = f"{type(error).__name__}: {error}"
        raise Busy(f"{symbol}: Yahoo answered with no prices ({said})") from None
    finally:
        yfinance.config.debug.hide_exceptions = shown
