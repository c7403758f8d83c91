"""A real market made ready: its bars, its features, and what the train period alone teaches."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, Bars, check_frame
from drltrade.data.catalog import load_bars
from drltrade.data.hours import regular_hours
from drltrade.data.labels import within
from drltrade.data.layout import Layout
from drltrade.data.resample import resampled_bars
from drltrade.data.universe import absent_members, read_universe, series_of
from drltrade.envs.augmentation import augmented_frames
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.examined import examined
from drltrade.envs.market_config import MarketConfig
from drltrade.envs.reach import reached
from drltrade.errors import ConfigError, DataError
from drltrade.features.cross_section import CrossSectional
from drltrade.features.declarations import parse_features
from drltrade.features.exogenous import join
from drltrade.features.own import OwnFunction
from drltrade.features.preparation import Preparation
from drltrade.features.table import Members, check_features, feature_tables, learn_features
from drltrade.features.track import Context
from drltrade.market.tensors import Market

TRADED = "traded"
"""The last feature of each asset of a portfolio: 1 where it traded in the bar, else 0."""

Frames = Mapping[str, pd.DataFrame]


class Historical(NamedTuple):
    """A market with what it was made of."""

    market: Market
    preparation: Preparation
    source: str
    """Where the bars, and exogenous series, came from."""
    sha256: str
    """Of the files."""
    augmented: int
    """How many of the market's spans, the last ones, are paths to train on."""
    config: TradingConfig | PortfolioConfig
    """The preset, with periods as they were cut to the data."""
    warnings: tuple[str, ...]
    """What is to be said of the data, a line each."""


def historical_market(
    config: TradingConfig | PortfolioConfig, bars: Bars | None, preparation: Preparation | None,
    functions: Mapping[str, OwnFunction] | None = None,
) -> Historical:  # fmt: skip
    """Load bars and exogenous series, compute the features, and prepare them.

    Args:
        config: the preset.
        bars: instead of loading `config.data`.
        preparation: of an earlier run, to be used as it is; None: learned from the train period.
        functions: features of the user's own that are loaded already.

    Raises:
        ConfigError, DataError: see the modules called.
    """
    kinds = [each.kind for each in parse_features(config.features)]
    compares = any(isinstance(kind, CrossSectional) for kind in kinds)
    given = bars is not None
    bars = bars or load_bars(config.data, None if compares else _named(config), _layout(config))
    if config.session is not None and config.calendar is not None:
        bars = regular_hours(bars, config.calendar)
    if config.frequency is not None:
        bars = resampled_bars(bars, config.frequency, config.calendar)
    symbols = _symbols(config, bars)
    others = () if isinstance(config, PortfolioConfig) or not compares else bars.symbols
    frames = {symbol: bars.frame(symbol) for symbol in dict.fromkeys((*symbols, *others))}
    if given:  # what comes from a file has been checked
        for symbol, frame in frames.items():
            _check_bars(frame, f"{bars.source} (symbol {symbol})")
    cut: tuple[str, ...] = ()
    if not given:  # who hands bars in, as an audit does, may hand in a part of them
        config, cut = _reached(config, bars, frames[symbols[0]], frames)
    warnings = (*cut, *examined(config, bars, frames, symbols))

    context, source, sha256 = _beside(config, bars, frames[symbols[0]])
    context = replace(context, functions=dict(functions or {}))
    teachers = symbols
    if isinstance(config, TradingConfig):
        teachers = config.train_symbols or symbols
    start, end = (str(day) for day in config.periods.train)
    learned = {} if preparation is None else preparation.learned
    if preparation is None and not given:  # an audit, which hands bars in, tells all that it finds
        check_features(config.features, context, frames[symbols[0]])
    if preparation is None:
        train = {symbol: within(frames[symbol], start, end) for symbol in teachers}
        after = pd.Timestamp(end) + pd.Timedelta(days=1)
        learned = learn_features(train, config.features, context, after)
    context = replace(context, learned=learned)
    tables = feature_tables(frames, config.features, context, _membership(config), symbols)
    frames = {symbol: frames[symbol] for symbol in symbols}
    if isinstance(config, PortfolioConfig) and config.universe is not None:
        frames, tables, absent = _members(frames, tables, config, bars)
        warnings = (*warnings, *absent)
        teachers = tuple(tables)
    if preparation is None:
        known = {symbol: tables[symbol] for symbol in teachers}
        preparation = _fitted(known, frames, config, context, bars.source)

    made = {symbol: preparation.transform(table) for symbol, table in tables.items()}
    if isinstance(config, PortfolioConfig):
        real = [_panel(frames, made, bars, config)]
    else:
        real = [_single(symbol, frames[symbol], made[symbol], bars, config) for symbol in made]
    paths = _augmented(config, frames, tables, teachers, real, bars, preparation, context)
    market = real[0] if len(real + paths) == 1 else Market.joined([*real, *paths])
    return Historical(market, preparation, source, sha256, len(paths), config, warnings)


def _layout(config: MarketConfig) -> Layout:
    """What the preset says of its file; the calendar tells where bars stamped at the open end."""
    if config.layout.label == "open" and config.layout.calendar is None:
        return config.layout.model_copy(update={"calendar": config.calendar})
    return config.layout


def _reached(
    config: TradingConfig | PortfolioConfig, bars: Bars, first: pd.DataFrame, frames: Frames
) -> tuple[TradingConfig | PortfolioConfig, tuple[str, ...]]:
    """The preset with periods that the data reach, and what is to be said of them."""
    told = [first] if isinstance(config, TradingConfig) else list(frames.values())
    longest = max(told, key=len).index
    ends = {frame.index[at] for frame in told for at in (0, -1)}
    times = pd.DatetimeIndex(sorted({*longest, *ends}))
    periods, cut = reached(config.periods, times, config.clip_periods, bars.source)
    return config.model_copy(update={"periods": periods}), cut


def _beside(config: MarketConfig, bars: Bars, frame: pd.DataFrame) -> tuple[Context, str, str]:
    """The exogenous series, and source and hash of them and the bars."""
    daily = bool(pd.DatetimeIndex(frame.index).is_normalized)
    before = pd.Timestamp(config.periods.train[0])
    after = pd.Timestamp(config.periods.test[1]) + pd.Timedelta(days=1)
    joined, source, digests = {}, bars.source, bars.sha256
    for name, each in config.exogenous.items():
        joined[name], series = join(name, each, bars.zone, daily, bars.source, before, after)
        source += f"; {name}: {series.source}"
        digests += series.sha256
    if joined:
        digests = hashlib.sha256(digests.encode()).hexdigest()
    return Context(joined), source, digests


def _membership(config: MarketConfig) -> Members | None:
    """Who counts in comparisons: the universe's members of the day."""
    if not isinstance(config, PortfolioConfig) or config.universe is None:
        return None
    spells = read_universe(config.universe).spells

    def members(symbol: str, times: pd.DatetimeIndex) -> NDArray[np.bool_]:
        inside = np.zeros(len(times), np.bool_)
        for spell in spells:
            if spell.series == symbol:
                inside |= spell.holds(times)
        return inside

    return members


def _fitted(
    tables: Frames, frames: Frames, config: MarketConfig, context: Context, source: str
) -> Preparation:
    """What the train period's rows of all `tables` teach."""
    start, end = config.periods.train
    parts = {name: within(table, start, end) for name, table in tables.items()}
    if sum(map(len, parts.values())) < 2:
        names, table = ", ".join(tables), next(iter(tables.values()))
        raise ConfigError(
            f"the train period {start} .. {end} holds no bars of {names} from {source} (after "
            f"warm-up they reach from {table.index[0].date()} to {table.index[-1].date()})"
        )
    closes = [frames[name].loc[part.index, "close"].to_numpy() for name, part in parts.items()]
    return Preparation.fit(
        list(parts.values()), closes, context.learned, config.selection, config.pca
    )


def _single(
    symbol: str, frame: pd.DataFrame, table: pd.DataFrame, bars: Bars, config: MarketConfig
) -> Market:
    """One asset, from the first bar that has its features."""
    return Market.build(
        {symbol: frame.loc[table.index]}, pd.DatetimeIndex(table.index),
        # A copy: pandas may hand out memory that is read-only, of which torch warns.
        table.to_numpy(np.float32, copy=True), tuple(table.columns),
        bars.periods_per_year, bars.zone, quoted=config.zero_volume == "trade",
    )  # fmt: skip


def _augmented(
    config: MarketConfig,
    frames: Frames,
    tables: Frames,
    teachers: tuple[str, ...],
    real: Sequence[Market],
    bars: Bars,
    preparation: Preparation,
    context: Context,
) -> list[Market]:
    """The paths that `config.augment` adds to the real markets: for each that is trained on."""
    if config.augment is None:
        return []
    dates, history = config.periods.train, config.window - 1
    portfolio = isinstance(config, PortfolioConfig)
    groups = [tuple(tables)] if portfolio else [(symbol,) for symbol in teachers]
    context = replace(context, exogenous={}, learned=preparation.learned)
    made = []
    for number, group in enumerate(groups):
        market = real[0] if portfolio else real[list(tables).index(group[0])]
        train = {symbol: within(frames[symbol], *dates) for symbol in group}
        warm_up = max(len(frames[symbol]) - len(tables[symbol]) for symbol in group)
        paths = augmented_frames(
            config.augment, train, periods_per_year=bars.periods_per_year,
            real=len(market.period(*dates, history)), lost=warm_up + history, number=number,
            where=f"the train period {dates[0]} .. {dates[1]}",
        )  # fmt: skip
        for path in paths:
            computed = feature_tables(path, config.features, context)
            known = {symbol: preparation.transform(computed[symbol]) for symbol in group}
            made.append(
                _panel(path, known, bars, config) if portfolio
                else _single(group[0], path[group[0]], known[group[0]], bars, config)
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
    frames: Frames,
    tables: Frames,
    config: PortfolioConfig,
    bars: Bars,
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], tuple[str, ...]]:
    """Bars and features of every spell in the universe as an asset; features know the time before.

    And what is to be said of members that have no bars.

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
            f"universe {config.universe!r}: {len(kept)} symbols of {bars.source} are members with "
            f"bars from {first.date()} to {last.date()}; a portfolio needs two"
        )
    parts = {asset: spells[asset].part(frames[spells[asset].series]) for asset in kept}
    return parts, kept, absent_members(universe, frames, first, last)


def _panel(
    frames: Frames,
    tables: Frames,
    bars: Bars,
    config: MarketConfig,
) -> Market:
    """All assets side by side; each can be traded from the first bar that has its features."""
    times = sorted(set().union(*(table.index for table in tables.values())))
    index = pd.DatetimeIndex(times)
    market = Market.build(
        {symbol: frames[symbol].loc[tables[symbol].index[0] :] for symbol in frames},
        index, np.empty((len(index), 0), np.float32), (), bars.periods_per_year, bars.zone,
        quoted=config.zero_volume == "trade", delisted=_delisted(config, frames, bars),
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


def _delisted(config: MarketConfig, frames: Frames, bars: Bars) -> set[str]:
    """Assets whose last bar is the end of them: as stated, or as they leave the universe."""
    stated = set(frames) if config.delistings == "all" else set(config.delistings)
    if isinstance(config, PortfolioConfig) and config.universe is not None:
        for asset, frame in frames.items():
            series = bars.frames[series_of(asset)]
            if series_of(asset) in stated or frame.index[-1] < series.index[-1]:
                stated.add(asset)
    return stated


def _check_known(table: pd.DataFrame, traded: pd.DatetimeIndex, symbol: str) -> None:
    known = table.reindex(traded).notna()
    if not known.to_numpy().all():
        row, column = np.argwhere(~known.to_numpy())[0]
        raise DataError(
            f"feature {table.columns[column]} of {symbol} is not a number at {traded[row]}, where "
            "it trades"
        )
