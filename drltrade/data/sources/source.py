"""What a source of prices is."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import pandas as pd

from drltrade.data.layout import Adjustment
from drltrade.errors import DataError


class Busy(DataError):
    """The source did not answer, or asked for patience: it is asked again after a while."""


class NoData(DataError):
    """The source answered that it has no such symbol, or nothing of it in the period."""


class Fetched(NamedTuple):
    """Bars as a source publishes them."""

    frame: pd.DataFrame
    """[T >= 1] float64 columns open, high, low, close, volume, and perhaps "adjusted close",
    dividend, split and "capital gain"; by ascending naive labels, each the END of its bar, in
    `zone`. Bars that are not over yet are left out. What is missing is NaN."""
    zone: str
    """IANA name."""
    adjustment: Adjustment
    """What open, high, low and close are adjusted for."""


class Source(Protocol):
    """Where prices are fetched from. Whatever goes wrong is an error: no frame is ever empty."""

    def fetch(
        self, symbol: str, frequency: str, start: pd.Timestamp, end: pd.Timestamp | None
    ) -> Iterator[Fetched]:
        """Bars of a symbol, in one piece or several that follow on one another.

        Args:
            symbol: as the source calls it.
            frequency: "1m", "1h", "1d" ...
            start: the first date or time, naive, in the zone of the labels.
            end: the last; None: now.

        Raises:
            NoData: there is nothing to be had, and asking again will not help.
            Busy: asking again may help.
            ConfigError: the source has no such frequency.
        """
        ...
