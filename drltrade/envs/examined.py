"""What a preset asks of data beside prices, volume and delistings, and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from drltrade.data.bars import Bars
from drltrade.data.labels import within
from drltrade.data.quality import Finding
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.market_config import MarketConfig
from drltrade.errors import ConfigError, DataError

Frames = Mapping[str, pd.DataFrame]


def examined(
    config: MarketConfig, bars: Bars, frames: Frames, symbols: Sequence[str]
) -> tuple[str, ...]:
    """What is to be said of the data, a line each.

    Raises:
        ConfigError: a delisting is stated of what is not traded.
        DataError: volume was not recorded, and a bar without is one in which nothing trades.
    """
    if config.delistings != "all" and (unknown := set(config.delistings) - set(symbols)):
        raise ConfigError(
            f"delistings name {', '.join(sorted(unknown))}; traded are {', '.join(symbols)}"
        )
    unstated = config.delistings != "all"
    for found in bars.findings:
        if found.kind == "volume_missing" and found.symbol is not None and found.symbol in symbols:
            _check_volume(found, config, frames[found.symbol], bars.source)
    if config.zero_volume == "trade":
        _check_costs(config, frames, symbols, bars.source)
    for symbol in symbols:
        if config.zero_volume == "halt" and not frames[symbol]["volume"].to_numpy().any():
            raise DataError(f"{bars.source} (symbol {symbol}): {NO_VOLUME}")
    findings = tuple(
        each
        for each in bars.findings
        if (each.symbol is None or each.symbol in symbols)
        and (unstated or each.kind != "early_end")
        and not (each.kind == "early_end" and each.symbol in config.delistings)
        and not (each.kind == "volume_missing" and config.zero_volume == "trade")
    )
    return replace(bars, findings=findings).warnings


NO_VOLUME = (
    "volume is zero on every row, so no bar can be traded on; if it was not recorded, set "
    "zero_volume = 'trade' to trade at the quotes"
)


def _check_costs(config: MarketConfig, frames: Frames, symbols: Sequence[str], source: str) -> None:
    """Refuse costs that depend on a volume that was not recorded."""
    for symbol in symbols:
        costs = config.costs_of(symbol) if isinstance(config, PortfolioConfig) else config.costs
        silent = frames[symbol]["volume"].to_numpy() == 0.0
        if silent.any() and (costs.impact != "none" or costs.volume_limit is not None):
            raise ConfigError(
                f"zero_volume = 'trade': {source} (symbol {symbol}) has {silent.sum()} bars "
                "without volume, on which costs.impact and costs.volume_limit depend"
            )


def _check_volume(found: Finding, config: MarketConfig, frame: pd.DataFrame, source: str) -> None:
    """Refuse a stretch without recorded volume within the periods, where it would be a halt."""
    start, end = config.periods.span("all")
    inside = within(frame.loc[found.times], start, end)
    if config.zero_volume == "trade" or inside.empty:
        return
    raise DataError(
        f"{source}: {found}; within the periods those are {len(inside)} bars, from "
        f"{inside.index[0]} to {inside.index[-1]}. Begin later, or set zero_volume = 'trade' to "
        "trade at the quotes"
    )
