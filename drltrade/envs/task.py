"""A market made ready for an agent: its bars, its features, its periods."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from drltrade.data.bars import Bars
from drltrade.data.gate import tell
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.historical import historical_market
from drltrade.envs.periods import PeriodName
from drltrade.envs.synthetic import source_of, synthetic_market
from drltrade.errors import ConfigError
from drltrade.features.own import OwnFunction
from drltrade.features.preparation import Preparation
from drltrade.market.rules import Rules
from drltrade.market.simulator import Simulator
from drltrade.market.tensors import Market


@dataclass(frozen=True)
class Task:
    """One env preset on one data set. Every environment and simulator of a run shares it."""

    config: TradingConfig | PortfolioConfig
    market: Market
    preparation: Preparation
    source: str
    """Where the bars came from."""
    sha256: str
    """Of the file the bars came from; of a synthetic market, of its keys."""
    augmented: int = 0
    """How many of the market's spans, the last ones, are paths to train on; see `augmentation`."""
    warnings: tuple[str, ...] = ()
    """What is to be said of the data, a line each."""

    @staticmethod
    def build(
        config: TradingConfig | PortfolioConfig,
        *,
        bars: Bars | None = None,
        preparation: Preparation | None = None,
        functions: Mapping[str, OwnFunction] | None = None,
    ) -> "Task":
        """Load the bars, compute the features and prepare them.

        Args:
            config: the preset.
            bars: instead of loading `config.data`.
            preparation: of an earlier run, to be used as it is; otherwise learned from the train
                period. Features of the user's own are tried out before they teach anything: see
                `features.own.check_causal`.
            functions: of the user's own, by "file.py:function"; others are loaded by that name.

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
            market, preparation = synthetic_market(process, config, preparation, functions)
            return Task(config, market, preparation, source_of(process), process.digest())
        made = historical_market(config, bars, preparation, functions)
        tell(made.source, made.warnings)
        return Task(
            made.config, made.market, made.preparation, made.source, made.sha256, made.augmented,
            made.warnings,
        )  # fmt: skip

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
