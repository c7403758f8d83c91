"""A market made ready for an agent: bars, features, a scaler fitted on the train period alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, Bars, check_frame
from drltrade.data.catalog import load_bars
from drltrade.data.resample import resampled_bars
from drltrade.data.universe import read_universe
from drltrade.envs.augmentation import augmented_frames
from drltrade.envs.config import MarketConfig, PeriodName, PortfolioConfig, TradingConfig
from drltrade.envs.synthetic import source_of, synthetic_market
from drltrade.errors import ConfigError, DataError
from drltrade.features.scaling import Scaler
from drltrade.features.table import feature_table
from drltrade.market.simulator import Rules, Simulator
from drltrade.market.tensors import Market

TRADED = "traded"
"""The last feature of each asset of a portfolio: 1 where it traded in the bar, else 0."""


@dataclass(frozen=True)
class Task:
    """One env preset on one data set. Every environment and simulator of a run shares it."""

    config: TradingConfig | PortfolioConfig
    market: Market
    scaler: Scaler
    source: str
    """Where the bars came from."""
    sha256: str
    """Of the file the bars came from; of a synthetic market, of its keys."""
    augmented: int = 0
    """How many of the market's spans, the last ones, are paths to train on; see `augmentation`."""

    @staticmethod
    def build(
        config: TradingConfig | PortfolioConfig,
        *,
        bars: Bars | None = None,
        scaler: Scaler | None = None,
    ) -> "Task":
        """Load the bars, compute the features and scale them.

        Args:
            config: the preset.
            bars: instead of loading `config.data`.
            scaler: of an earlier run, to be used as it is; otherwise fitted on the train period.

        Raises:
            ConfigError, DataError: see the modules called. Bars that are handed in are checked as
                those of a file are; an error about them names symbol, time and column.
        """
        if isinstance(config, TradingConfig) and config.synthetic is not None:
            if bars is not None:
                raise ConfigError(
                    "bars are handed in, and the preset sets synthetic: leave one out"
                )
            process = config.synthetic
            market, scaler = synthetic_market(process, config.features, scaler)
            return Task(config, market, scaler, source_of(process), process.digest())
        given, bars = bars is not None, bars or load_bars(config.data, _named(config))
        if config.frequency is not None:
            bars = resampled_bars(bars, config.frequency, config.calendar)
        symbols = _symbols(config, bars)
        frames = {symbol: bars.frame(symbol) for symbol in symbols}
        if given:  # what comes from a file has been checked
            for symbol, frame in frames.items():
                _check_bars(frame, f"{bars.source} (symbol {symbol})")
        tables = {symbol: _features(frames[symbol], config, symbol) for symbol in symbols}
        if isinstance(config, PortfolioConfig) and config.universe is not None:
            frames, tables = _members(frames, tables, config, bars.source)
        learned_from = tuple(tables)
        if isinstance(config, TradingConfig):
            learned_from = config.train_symbols or symbols
        scaler = scaler or _fitted({s: tables[s] for s in learned_from}, config, bars.source)
        scaled = {symbol: _scaled(table, scaler) for symbol, table in tables.items()}
        if isinstance(config, PortfolioConfig):
            each = [_panel(frames, scaled, bars)]
        else:
            each = [_single(symbol, frames[symbol], scaled[symbol], bars) for symbol in scaled]
        paths = _augmented(config, frames, tables, learned_from, each, bars, scaler)
        market = each[0] if len(each + paths) == 1 else Market.joined([*each, *paths])
        return Task(config, market, scaler, bars.source, bars.sha256, len(paths))

    @cached_property
    def observation_size(self) -> tuple[int, int]:
        """(window, features): the shape of the market's part of an observation."""
        return self.config.window, len(self.market.columns)

    @property
    def trading(self) -> TradingConfig:
        """The preset of a market for one asset.

        Raises:
            ConfigError: it is a portfolio's, or its orders are for amounts.
        """
        if not isinstance(self.config, TradingConfig) or self.config.order_units is not None:
            raise ConfigError(
                "a market for one asset with positions or position_range is needed here; "
                "portfolios and order_units are for other agents, such as sb3:PPO"
            )
        return self.config

    @cached_property
    def rules(self) -> Rules:
        """What an account is played by."""
        return self.config.rules(self.market.symbols, bool(self.market.ended.any()))

    def rows(self, period: PeriodName) -> range:
        """The bars of a period at whose close a decision can be made, plus the last.

        Of a synthetic market's train period: those of its first path, see `spans`.
        """
        if self._synthetic:
            return self._paths(period)[0]
        return self.market.period(*self.config.periods.span(period), self.config.window - 1)

    def spans(self, period: PeriodName) -> tuple[range, ...]:
        """The rows that episodes of a period are drawn from: several instruments' in training."""
        if self._synthetic:
            return self._paths(period)
        config = self.config
        if period != "train":
            return (self.rows(period),)
        history, real = config.window - 1, len(self.market.spans or (0,)) - self.augmented
        paths = tuple(span[history:] for span in self.market.spans[real:])
        if isinstance(config, PortfolioConfig) or not config.train_symbols:
            return (self.rows(period), *paths)
        numbers = range(real)
        if config.symbol not in (None, *config.train_symbols):
            numbers = numbers[1:]
        dates = self.config.periods.span(period)
        return (*(self.market.period(*dates, history, number) for number in numbers), *paths)

    @property
    def _synthetic(self) -> bool:
        return isinstance(self.config, TradingConfig) and self.config.synthetic is not None

    def _paths(self, period: PeriodName) -> tuple[range, ...]:
        """The rows of a synthetic market's paths in a period."""
        paths = {"train": slice(-2), "validation": slice(-2, -1), "test": slice(-1, None)}
        if period not in paths:
            raise ConfigError(
                f"period {period!r}: the paths of a synthetic market do not follow one another "
                f"(allowed: {', '.join(paths)})"
            )
        history = self.config.window - 1
        spans = [range(s[0] + history, s[-1] + 1) for s in self.market.spans[paths[period]]]
        if min(map(len, spans)) < 2:
            raise ConfigError(
                f"window = {self.config.window}: a path of the {period} period holds fewer than 2 "
                "bars beyond it"
            )
        return tuple(spans)

    def simulator(
        self,
        n_envs: int,
        generator: torch.Generator,
        *,
        period: PeriodName = "train",
        episode_length: int | tuple[int, int] | None = None,
        detailed: bool = True,
        lead: int = 0,
        twins: int = 1,
    ) -> Simulator:
        """A batch of accounts on the device of `generator`; see `Simulator`.

        No decision is made in the first `lead` bars of a span.

        Raises:
            ConfigError: every span is over by then.
        """
        spans = [span[lead:] for span in self.spans(period) if len(span) >= lead + 2]
        if not spans:
            raise ConfigError(
                f"burn_in = {lead} bars leave nothing of the {period} period, which has at most "
                f"{max(map(len, self.spans(period)))} in a row: lower burn_in, or take a longer "
                "period"
            )
        return Simulator(
            self.market,
            self.rules,
            spans=spans,
            n_envs=n_envs,
            episode_length=episode_length,
            device=generator.device,
            generator=generator,
            starts=self.config.starts,
            twins=twins,
            detailed=detailed,
        )


def _scaled(table: pd.DataFrame, scaler: Scaler) -> pd.DataFrame:
    return pd.DataFrame(scaler.transform(table), table.index, table.columns)


def _single(symbol: str, frame: pd.DataFrame, table: pd.DataFrame, bars: Bars) -> Market:
    """One asset, from the first bar that has its features."""
    return Market.build(
        {symbol: frame.loc[table.index]}, pd.DatetimeIndex(table.index),
        # A copy: pandas may hand out memory that is read-only, of which torch warns.
        table.to_numpy(np.float32, copy=True), tuple(table.columns),
        bars.periods_per_year, bars.zone,
    )  # fmt: skip


def _augmented(
    config: MarketConfig,
    frames: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    learned_from: tuple[str, ...],
    real: Sequence[Market],
    bars: Bars,
    scaler: Scaler,
) -> list[Market]:
    """The paths that `config.augment` adds to the real markets: for each that is trained on."""
    if config.augment is None:
        return []
    dates, history = config.periods.train, config.window - 1
    portfolio = isinstance(config, PortfolioConfig)
    groups = [tuple(tables)] if portfolio else [(symbol,) for symbol in learned_from]
    made = []
    for number, group in enumerate(groups):
        market = real[0] if portfolio else real[list(tables).index(group[0])]
        train = {symbol: frames[symbol].loc[str(dates[0]) : str(dates[1])] for symbol in group}
        warm_up = max(len(frames[symbol]) - len(tables[symbol]) for symbol in group)
        paths = augmented_frames(
            config.augment, train, real=len(market.period(*dates, history)),
            lost=warm_up + history, number=number,
            where=f"the train period {dates[0]} .. {dates[1]}",
        )  # fmt: skip
        for path in paths:
            known = {s: _scaled(_features(path[s], config, s), scaler) for s in group}
            made.append(
                _panel(path, known, bars) if portfolio
                else _single(group[0], path[group[0]], known[group[0]], bars)
            )  # fmt: skip
    return made


def _named(config: MarketConfig) -> tuple[str, ...] | None:
    """The symbols that a preset names, if it does."""
    if isinstance(config, PortfolioConfig):
        return config.symbols
    assert isinstance(config, TradingConfig)
    named = (config.symbol, *(config.train_symbols or ()))
    return tuple(dict.fromkeys(each for each in named if each)) or None


def _symbols(config: MarketConfig, bars: Bars) -> tuple[str, ...]:
    """The symbols to be loaded; of one asset and its fellows in training, the one first."""
    if isinstance(config, PortfolioConfig):
        symbols = config.symbols or bars.symbols
        if len(symbols) < 2:
            raise ConfigError(
                f"data {config.data!r} holds {', '.join(symbols)} alone; a portfolio needs two"
            )
        return symbols
    assert isinstance(config, TradingConfig)
    trained = config.train_symbols or ()
    symbol = config.symbol or (trained[0] if trained else None)
    if symbol is None and len(bars.symbols) > 1:
        raise ConfigError(
            f"data {config.data!r} holds {', '.join(bars.symbols)}: set symbol to one of them"
        )
    symbol = symbol or bars.symbols[0]
    return (symbol, *(other for other in trained if other != symbol))


def _check_bars(frame: pd.DataFrame, where: str) -> None:
    """Refuse bars that cannot be true; see `check_frame`."""
    if missing := [name for name in COLUMNS if name not in frame]:
        raise DataError(f"{where}: missing column {', '.join(missing)}")
    if not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is not None:
        raise DataError(f"{where}: bars must be indexed by times without a zone")
    check_frame(frame, where)


def _members(
    frames: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    config: PortfolioConfig,
    source: str,
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Bars and features of every spell in the universe as an asset; features know the time before.

    Raises:
        ConfigError: fewer than two have bars.
    """
    assert config.universe is not None
    universe = read_universe(config.universe)
    first, last = (pd.Timestamp(day) for day in (config.periods.train[0], config.periods.test[1]))
    spells = universe.assets(frames, first, last)
    parts = {asset: spell.part(tables[spell.series]) for asset, spell in spells.items()}
    kept = {asset: part for asset, part in parts.items() if len(part) >= 2}
    if len(kept) < 2:
        raise ConfigError(
            f"universe {config.universe!r}: {len(kept)} symbols of {source} are members with bars "
            f"from {first.date()} to {last.date()}; a portfolio needs two"
        )
    return {asset: spells[asset].part(frames[spells[asset].series]) for asset in kept}, kept


def _features(frame: pd.DataFrame, config: MarketConfig, symbol: str) -> pd.DataFrame:
    try:
        return feature_table(frame, config.features)
    except DataError as error:
        raise DataError(f"{symbol}: {error}") from None


def _fitted(tables: Mapping[str, pd.DataFrame], config: MarketConfig, source: str) -> Scaler:
    """A scaler of the train period's rows of all `tables` together."""
    start, end = config.periods.train
    parts = [table.loc[str(start) : str(end)] for table in tables.values()]  # both days belong
    learned_from = pd.concat(parts)
    if len(learned_from) < 2:
        names, table = ", ".join(tables), next(iter(tables.values()))
        raise ConfigError(
            f"the train period {start} .. {end} holds no bars of {names} from {source} (after "
            f"warm-up they reach from {table.index[0].date()} to {table.index[-1].date()})"
        )
    return Scaler.fit(learned_from)


def _panel(
    frames: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    bars: Bars,
) -> Market:
    """All assets side by side; each can be traded from the first bar that has its features."""
    times = sorted(set().union(*(table.index for table in tables.values())))
    index = pd.DatetimeIndex(times)
    market = Market.build(
        {symbol: frames[symbol].loc[tables[symbol].index[0] :] for symbol in frames},
        index, np.empty((len(index), 0), np.float32), (), bars.periods_per_year, bars.zone,
    )  # fmt: skip
    blocks, columns = [], []
    for number, (symbol, table) in enumerate(tables.items()):
        # What is known of an asset that does not trade is what was known last; before, nothing: 0.
        values = table.reindex(index).ffill().fillna(0.0).to_numpy(np.float32)
        traded = market.tradable[:, number]
        _check_known(table, index[traded], symbol)
        blocks += [values, traded[:, None].astype(np.float32)]
        columns += [f"{symbol}:{name}" for name in (*table.columns, TRADED)]
    features: NDArray[np.float32] = np.concatenate(blocks, axis=1)
    return replace(market, features=np.ascontiguousarray(features), columns=tuple(columns))


def _check_known(table: pd.DataFrame, traded: pd.DatetimeIndex, symbol: str) -> None:
    known = table.reindex(traded).notna()
    if not known.to_numpy().all():
        row, column = np.argwhere(~known.to_numpy())[0]
        raise DataError(
            f"feature {table.columns[column]} of {symbol} is not a number at {traded[row]}, where "
            "it trades"
        )
