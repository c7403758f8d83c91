"""A market as arrays: prices, times and scaled features of its assets, aligned bar by bar."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.labels import dates_of
from drltrade.errors import ConfigError
from drltrade.market.terms import Fill

DAYS_PER_YEAR = 365.0
"""Interest runs on calendar time, actual/365."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """T bars of N assets with C features. Prices float64, features float32.

    Where an asset did not trade in a bar its close is the last quote there was (before its first
    bar: the first there will be), so that holdings keep a value; open, high and low are the close
    before. `tradable` says so, and no order fills there; only a margin call, which closes all,
    takes that price.
    """

    symbols: tuple[str, ...]
    times: pd.DatetimeIndex
    open: Floats
    """[T, N], like all prices."""
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    """[T, N] units traded."""
    tradable: NDArray[np.bool_]
    """[T, N] False where nothing traded in the bar."""
    ended: NDArray[np.bool_]
    """[T, N] True from the bar on in which the asset exists no more."""
    features: NDArray[np.float32]
    """[T, C] scaled, known at the close of each bar; asset by asset."""
    columns: tuple[str, ...]
    periods_per_year: float
    spans: tuple[range, ...] = ()
    """Rows of each of several instruments put end to end (see `joined`); one: all rows."""
    instruments: tuple[str, ...] = ()
    """Their symbols."""
    zone: str | None = None
    """Of the labels, which name local times; None: not stated, and every day has 24 hours."""
    signals: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """[T, K] what a synthetic market says of its next return, as drawn; real ones have K = 0."""

    @staticmethod
    def build(
        frames: Mapping[str, pd.DataFrame],
        times: pd.DatetimeIndex,
        features: NDArray[np.float32],
        columns: Sequence[str],
        periods_per_year: float,
        zone: str | None = None,
        signals: Floats | None = None,
        quoted: bool = False,
        delisted: Collection[str] | None = None,
    ) -> "Market":
        """Align bars with times.

        Args:
            frames: bars (open, high, low, close, volume) of each symbol; a bar that an asset lacks
                is one in which it did not trade.
            times: [T] those that the market has.
            features: [T, C].
            columns: their names.
            periods_per_year: bars a year.
            zone: IANA name of the labels' time zone, if it is known.
            signals: [T, K] of a synthetic market.
            quoted: whether a bar without volume is one that trades at its quotes.
            delisted: assets that exist no more after their last bar; None: all that end before the
                market does. Others keep their last price, and cannot be traded.
        """
        fields = {name: [] for name in ("open", "high", "low", "close", "volume")}  # type: ignore[var-annotated]
        tradable, ended = [], []
        for symbol, frame in frames.items():
            bars = frame.reindex(times)
            volume = bars["volume"].fillna(0.0).to_numpy(np.float64)
            there = bars["close"].notna().to_numpy()
            trades = there if quoted else there & (volume > 0)
            close = bars["close"].ffill().bfill().to_numpy(np.float64)
            before = np.concatenate((close[:1], close[:-1]))
            for name in ("open", "high", "low"):
                fields[name].append(np.where(trades, bars[name].to_numpy(np.float64), before))
            fields["close"].append(close)
            fields["volume"].append(np.where(trades, volume, 0.0))
            tradable.append(trades)
            over = np.asarray(times > frame.index[-1])
            ended.append(over if delisted is None or symbol in delisted else np.zeros_like(over))
        return Market(
            symbols=tuple(frames),
            times=times,
            open=np.stack(fields["open"], 1),
            high=np.stack(fields["high"], 1),
            low=np.stack(fields["low"], 1),
            close=np.stack(fields["close"], 1),
            volume=np.stack(fields["volume"], 1),
            tradable=np.stack(tradable, 1),
            ended=np.stack(ended, 1),
            features=np.ascontiguousarray(features),
            columns=tuple(columns),
            periods_per_year=periods_per_year,
            zone=zone,
            signals=np.empty((len(times), 0)) if signals is None else signals,
        )

    @staticmethod
    def joined(markets: Sequence["Market"]) -> "Market":
        """Instruments with the same features, end to end.

        An episode stays within one of `spans`: the last row of each leads nowhere. The symbols are
        those of the first.
        """
        first, ends = markets[0], np.cumsum([0, *(len(market) for market in markets)])
        arrays = (
            "open", "high", "low", "close", "volume", "tradable", "ended", "features", "signals"
        )  # fmt: skip
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(market, name) for market in markets]) for name in arrays
        }
        return replace(
            first,
            **joined,
            times=pd.DatetimeIndex(np.concatenate([market.times for market in markets])),
            spans=tuple(range(int(a), int(b)) for a, b in itertools.pairwise(ends)),
            instruments=tuple(market.name for market in markets),
        )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def assets(self) -> int:
        """N."""
        return len(self.symbols)

    @property
    def name(self) -> str:
        """The symbols, in a word or two."""
        return ", ".join(self.symbols[:3]) + (", ..." if self.assets > 3 else "")

    @property
    def years(self) -> Floats:
        """[T] time from each close to the next, in years (NaN at the last).

        Clocks that are set back or forward between two bars of a day are taken into account; where
        labels are dates alone, each day has 24 hours.
        """
        times = self.times.as_unit("us")  # nanoseconds end in 2262
        if self.zone is not None and (times != times.normalize()).any():
            first_of_both = np.ones(len(times), np.bool_)  # when an hour comes twice
            times = times.tz_localize(
                self.zone, ambiguous=first_of_both, nonexistent="shift_forward"
            )
        gaps = np.diff(times.asi8) / (DAYS_PER_YEAR * 86_400e6)
        return np.append(gaps, np.nan)

    def fill_price(self, fill: Fill) -> Floats:
        """[T, N] price at which a decision at the close of t fills; NaN where it cannot."""
        if fill == "same_close":
            return np.where(self.tradable, self.close, np.nan)
        prices = self.open if fill == "next_open" else self.close
        return _next(np.where(self.tradable, prices, np.nan))

    def tape(self, fill: Fill, width: int | None = None) -> Floats:
        """[T, 9 W + 1] all that the accounting rule reads when it carries bar t to bar t + 1.

        Blocks of W: the fields of `state.Bar` from `fill` to `ended`, without `years`, which is the
        last column. The last row leads nowhere: what lies after it is NaN. Made once; do not write.

        Args:
            fill: fill rule.
            width: W, default N. Assets beyond N never trade.
        """
        width = width or self.assets
        if (fill, width) not in self._tapes:
            self._tapes[fill, width] = self._make_tape(fill, width)
        return self._tapes[fill, width]

    @cached_property
    def _tapes(self) -> dict[tuple[Fill, int], Floats]:
        return {}

    def _make_tape(self, fill: Fill, width: int) -> Floats:
        # What trades at quotes, without a record of how much, has no limit.
        traded = np.where(self.tradable & (self.volume == 0.0), np.inf, self.volume)
        volume = traded if fill == "same_close" else _next(traded)
        blocks = (
            (self.fill_price(fill), np.nan), (self.close, 1.0), (_next(self.close), 1.0),
            (_next(self.open), 1.0), (_next(self.high), 1.0), (_next(self.low), 1.0),
            (volume, 0.0), (_next(traded), 0.0), (_next(self.ended.astype(np.float64)), 0.0),
        )  # fmt: skip
        beyond = ((0, 0), (0, width - self.assets))
        padded = [np.pad(block, beyond, constant_values=value) for block, value in blocks]
        return np.ascontiguousarray(np.concatenate((*padded, self.years[:, None]), axis=1))

    def period(self, start: object, end: object, history: int, instrument: int = 0) -> range:
        """Rows from `start` to `end` (both included) that have `history` rows before them.

        Args:
            start, end: dates.
            history: rows.
            instrument: which of `spans`.

        Raises:
            ConfigError: fewer than two such rows; names the period and what the data cover.
        """
        span = self.spans[instrument] if self.spans else range(len(self))
        name = self.instruments[instrument] if self.instruments else self.name
        times = dates_of(self.times)[span[0] : span[-1] + 1]
        first = max(int(times.searchsorted(pd.Timestamp(str(start)), "left")), history)
        last = int(times.searchsorted(pd.Timestamp(str(end)), "right"))
        if last - first < 2:
            raise ConfigError(
                f"the period {start} .. {end} holds {max(last - first, 0)} usable bars of "
                f"{name}, at least 2 are needed: after warm-up the data reach from "
                f"{times[0].date()} to {times[-1].date()}, and an observation needs "
                f"{history} bars before the first decision"
            )
        return range(span[0] + first, span[0] + last)


def _next(values: Floats) -> Floats:
    """[T, N] the row after each; NaN after the last."""
    return np.concatenate((values[1:], np.full_like(values[:1], np.nan)))
