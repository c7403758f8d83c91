"""A market made ready for an agent: bars, features, a scaler fitted on the train period alone."""

from dataclasses import dataclass
from functools import cached_property

import torch

from drltrade.data.bars import Bars
from drltrade.data.catalog import load_bars
from drltrade.envs.config import PeriodName, TradingConfig
from drltrade.errors import ConfigError
from drltrade.features.scaling import Scaler
from drltrade.features.table import feature_table
from drltrade.market.simulator import Simulator
from drltrade.market.tensors import Market


@dataclass(frozen=True)
class Task:
    """One env preset on one data set. Every environment and simulator of a run shares it."""

    config: TradingConfig
    market: Market
    scaler: Scaler
    source: str
    """Where the bars came from."""
    sha256: str
    """Of the file the bars came from."""

    @staticmethod
    def build(
        config: TradingConfig, *, bars: Bars | None = None, scaler: Scaler | None = None
    ) -> "Task":
        """Load the bars, compute the features and scale them.

        Args:
            config: the preset.
            bars: instead of loading `config.data`.
            scaler: of an earlier run, to be used as it is; otherwise fitted on the train period.

        Raises:
            ConfigError, DataError: see the modules called.
        """
        bars = bars or load_bars(config.data)
        symbol = config.symbol or _only_symbol(bars, config.data)
        frame = bars.frame(symbol)
        table = feature_table(frame, config.features)
        if scaler is None:
            start, end = config.periods.train
            learned_from = table.loc[str(start) : str(end)]  # both days belong to it
            if len(learned_from) < 2:
                raise ConfigError(
                    f"the train period {start} .. {end} holds no bars of {symbol} from "
                    f"{bars.source} (after warm-up they reach from {table.index[0].date()} to "
                    f"{table.index[-1].date()})"
                )
            scaler = Scaler.fit(learned_from)
        market = Market.build(symbol, frame, table, scaler, bars.periods_per_year)
        return Task(config, market, scaler, bars.source, bars.sha256)

    @cached_property
    def observation_size(self) -> tuple[int, int]:
        """(window, features): the shape of the market's part of an observation."""
        return self.config.window, len(self.market.columns)

    def rows(self, period: PeriodName) -> range:
        """The bars of a period at whose close a decision can be made, plus the last."""
        return self.market.period(*self.config.periods.span(period), self.config.window - 1)

    def simulator(
        self,
        n_envs: int,
        generator: torch.Generator,
        *,
        period: PeriodName = "train",
        episode_length: int | None = None,
    ) -> Simulator:
        """A batch of accounts on the device of `generator`."""
        config = self.config
        return Simulator(
            self.market,
            rows=self.rows(period),
            n_envs=n_envs,
            rates=config.costs.rates(),
            fill=config.fill,
            initial_equity=config.initial_equity,
            episode_length=episode_length,
            device=generator.device,
            generator=generator,
        )


def _only_symbol(bars: Bars, name: str) -> str:
    if len(bars.symbols) > 1:
        raise ConfigError(
            f"data {name!r} holds {', '.join(bars.symbols)}: set symbol to one of them"
        )
    return bars.symbols[0]
