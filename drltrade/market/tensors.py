"""A market as arrays: prices, times and scaled features of one asset, aligned bar by bar."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.errors import ConfigError
from drltrade.features.scaling import Scaler
from drltrade.market.account import Fill

DAYS_PER_YEAR = 365.0
"""Interest runs on calendar time, actual/365."""


@dataclass(frozen=True)
class Market:
    """T bars of one asset with F features. Prices float64, features float32."""

    symbol: str
    times: pd.DatetimeIndex
    open: NDArray[np.float64]
    close: NDArray[np.float64]
    tradable: NDArray[np.bool_]
    """[T] False where nothing traded in the bar (zero volume): no order fills at its prices."""
    features: NDArray[np.float32]
    """[T, F] scaled, known at the close of each bar."""
    columns: tuple[str, ...]
    periods_per_year: float

    @staticmethod
    def build(
        symbol: str,
        frame: pd.DataFrame,
        table: pd.DataFrame,
        scaler: Scaler,
        periods_per_year: float,
    ) -> "Market":
        """Align bars with the feature table: the bars before its first row are warm-up, dropped."""
        bars = frame.loc[table.index]
        return Market(
            symbol=symbol,
            times=pd.DatetimeIndex(bars.index),
            open=np.array(bars["open"], np.float64),
            close=np.array(bars["close"], np.float64),
            tradable=np.array(bars["volume"], np.float64) > 0,
            features=np.ascontiguousarray(scaler.transform(table)),
            columns=tuple(table.columns),
            periods_per_year=periods_per_year,
        )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def years(self) -> NDArray[np.float64]:
        """[T] time from each close to the next, in years (NaN at the last)."""
        nanoseconds = self.times.as_unit("ns").asi8
        gaps = np.diff(nanoseconds) / (DAYS_PER_YEAR * 86_400e9)
        return np.append(gaps, np.nan)

    def fill_price(self, fill: Fill) -> NDArray[np.float64]:
        """[T] price at which a decision at the close of t fills; NaN where it cannot."""
        if fill == "same_close":
            return np.where(self.tradable, self.close, np.nan)
        prices = self.open if fill == "next_open" else self.close
        return np.append(np.where(self.tradable, prices, np.nan)[1:], np.nan)

    def period(self, start: object, end: object, history: int) -> range:
        """Rows from `start` to `end` (both included) that have `history` rows before them.

        Raises:
            ConfigError: fewer than two such rows; names the period and what the data cover.
        """
        first = max(int(self.times.searchsorted(pd.Timestamp(str(start)))), history)
        upper = pd.Timestamp(str(end)) + pd.Timedelta(days=1)
        last = int(self.times.searchsorted(upper))
        if last - first < 2:
            raise ConfigError(
                f"the period {start} .. {end} holds {max(last - first, 0)} usable bars of "
                f"{self.symbol}, at least 2 are needed: after warm-up the data reach from "
                f"{self.times[0].date()} to {self.times[-1].date()}, and an observation needs "
                f"{history} bars before the first decision"
            )
        return range(first, last)
