"""What an env preset says: the keys of `envs/*.toml` and the keywords of `gymnasium.make`."""

import itertools
from datetime import date
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from drltrade.errors import ConfigError
from drltrade.features.table import parse_feature
from drltrade.market.account import Fill
from drltrade.market.costs import Costs
from drltrade.market.rewards import Reward
from drltrade.settings import Settings

PeriodName = Literal["train", "validation", "test", "all"]
Span = tuple[date, date]

DEFAULT_FEATURES = (
    "log_return(1)",
    "log_return(5)",
    "log_return(21)",
    "ma_ratio(10)",
    "ma_ratio(50)",
    "rsi(14)",
    "macd(12, 26, 9)",
    "bollinger(20, 2)",
    "atr(14)",
    "volatility(21)",
    "volume_zscore(21)",
    "weekday()",
    "month()",
)


class Periods(Settings):
    """Three spans of dates that follow one another; both ends belong to the span."""

    train: Span = (date(1999, 1, 1), date(2010, 12, 31))
    validation: Span = (date(2011, 1, 1), date(2012, 12, 31))
    test: Span = (date(2013, 1, 1), date(2018, 12, 31))

    @model_validator(mode="after")
    def _in_order(self) -> "Periods":
        ends = (*self.train, *self.validation, *self.test)
        for before, after in itertools.pairwise(ends):
            if after <= before:
                raise ValueError(
                    "train, validation and test must follow one another without overlap, each "
                    f"from an earlier to a later date; {after} comes after {before}"
                )
        return self

    def span(self, name: PeriodName) -> Span:
        """First and last date of a period; "all" reaches from the train to the test period.

        Raises:
            ConfigError: there is no such period.
        """
        if name not in get_args(PeriodName):
            allowed = ", ".join(get_args(PeriodName))
            raise ConfigError(f"period {name!r} is unknown (allowed: {allowed})")
        if name == "all":
            return self.train[0], self.test[1]
        span: Span = getattr(self, name)
        return span


class TradingConfig(Settings):
    """A market for one account in one asset."""

    description: str = ""
    data: str = Field("sp500", description="name of an embedded data set, or a CSV or parquet file")
    symbol: str | None = Field(None, description="which of the data's symbols; None: its only one")
    periods: Periods = Periods()
    period: PeriodName = Field("train", description="which period the environment plays")
    features: tuple[str, ...] = Field(DEFAULT_FEATURES, description="see `drltrade envs features`")
    window: int = Field(10, ge=1, description="bars of features in an observation")
    positions: tuple[float, ...] | None = Field(
        None, description="discrete actions: the target weights; default [-1, 0, 1]"
    )
    position_range: tuple[float, float] | None = Field(
        None, description="continuous action: lowest and highest target weight"
    )
    fill: Fill = Field("next_open", description="when and where an order fills")
    reward: Reward = "log_return"
    costs: Costs = Costs()
    initial_equity: float = Field(100_000.0, gt=0, description="money")
    episode_length: int | None = Field(
        252, ge=1, description="bars of a training episode, from a random start; None: all of it"
    )

    @field_validator("features")
    @classmethod
    def _known(cls, declared: tuple[str, ...]) -> tuple[str, ...]:
        for text in declared:
            parse_feature(text)
        return declared

    @model_validator(mode="after")
    def _one_kind_of_action(self) -> "TradingConfig":
        if self.positions is not None and self.position_range is not None:
            raise ValueError("set either positions (discrete) or position_range (continuous)")
        if self.positions is not None and len(set(self.positions)) < max(2, len(self.positions)):
            raise ValueError(f"positions = {list(self.positions)}: at least two, each once")
        if self.position_range is not None and self.position_range[0] >= self.position_range[1]:
            raise ValueError(f"position_range = {list(self.position_range)}: [low, high] needed")
        largest = max(abs(self.lowest_position), abs(self.highest_position))
        if largest > 10:
            raise ValueError(f"a position of {largest:g} times equity; at most 10 is allowed")
        return self

    @property
    def discrete_positions(self) -> tuple[float, ...] | None:
        """The target weights by action, or None where the action is continuous."""
        if self.position_range is not None:
            return None
        return self.positions or (-1.0, 0.0, 1.0)

    @property
    def lowest_position(self) -> float:
        """The most short (or least long) target that an action can ask for."""
        return min(self.discrete_positions or self.position_range or ())

    @property
    def highest_position(self) -> float:
        """The longest target that an action can ask for."""
        return max(self.discrete_positions or self.position_range or ())
