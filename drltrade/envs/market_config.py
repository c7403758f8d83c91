"""Keys of a preset that every market has: data, periods, features, costs, reward, episodes."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from drltrade.data.calendars import check_calendar
from drltrade.data.exogenous import Exogenous
from drltrade.data.frequencies import parse_frequency
from drltrade.data.layout import AS_IT_STANDS, Layout
from drltrade.envs.augmentation import Augment
from drltrade.envs.periods import PeriodName, Periods
from drltrade.errors import ConfigError
from drltrade.features.cross_section import CrossSectional
from drltrade.features.declarations import parse_feature, parse_features
from drltrade.features.reduction import Pca, Selection
from drltrade.market.costs import Bracket, Costs, Margin
from drltrade.market.reward_spec import parse_reward
from drltrade.market.rules import Starts
from drltrade.market.terms import Fill
from drltrade.settings import Settings, parse

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


Market = TypeVar("Market", bound="MarketConfig")

Symbol = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
"""Of an instrument; one that is a number (600519) may be written as one."""


class MarketConfig(Settings):
    """What every market environment is told."""

    kind: str = ""
    description: str = ""
    data: str = Field(
        "sp500",
        description="name of an embedded data set or one of the store, a file of prices, or (in "
        "Python) a frame or frames by symbol",
    )
    layout: Layout = Field(
        AS_IT_STANDS,
        description="what a file of prices does not say itself: zone, label, adjustment ...",
    )
    frequency: str | None = Field(
        None, description="make bars of a lower frequency of the data's: 1h, 1d, 1w ..."
    )
    calendar: str | None = Field(
        None, description="the exchange's, XNYS, 24/7 ...: when days and weeks are over"
    )
    session: Literal["regular"] | None = Field(
        None, description="regular: keep the bars within the calendar's trading hours alone"
    )
    zero_volume: Literal["halt", "trade"] = Field(
        "halt",
        description="what a bar without volume is: one in which nothing trades, or (trade) one "
        "whose volume was not recorded, traded at its quotes",
    )
    delistings: Literal["all"] | tuple[str, ...] = Field(
        (),
        description="symbols whose last bar, before the data end, is their delisting: what is "
        "held is paid the last price",
    )
    periods: Periods = Periods()
    clip_periods: bool = Field(
        False, description="cut periods that the data do not reach, instead of refusing them"
    )
    period: PeriodName = Field("train", description="which period the environment plays")
    features: tuple[str, ...] = Field(
        DEFAULT_FEATURES,
        description="see `drltrade envs features`; rsi(14)@1w is computed on weekly bars, and "
        "file.py:function is one of your own",
    )
    exogenous: Mapping[str, Exogenous] = Field(
        default_factory=dict, description="series beside the bars, by a name for features to use"
    )
    selection: Selection | None = Field(None, description="which columns of the features to keep")
    pca: Pca | None = Field(None, description="principal components in place of the columns")
    window: int = Field(10, ge=1, description="bars of features in an observation")
    fill: Fill = Field("next_open", description="when and where an order fills")
    reward: Any = Field(
        "log_return", description="a reward, or a table of rewards and their weights"
    )
    costs: Costs = Costs()
    margin: Margin = Margin()
    bracket: Bracket = Bracket()
    initial_equity: float = Field(100_000.0, gt=0, description="money")
    episode_length: int | tuple[int, int] | None = Field(
        252,
        description="bars of a training episode, or their bounds, from a random start; None: all",
    )
    augment: Augment | None = Field(
        None, description="more to train on, made of the train period's bars: {bootstrap = 0.5}"
    )
    starts: Starts = Field(
        "uniform", description="random starts: anywhere, or block by block of the period in turn"
    )

    @field_validator("frequency")
    @classmethod
    def _a_frequency(cls, frequency: str | None) -> str | None:
        if frequency is not None:
            parse_frequency(frequency)
        return frequency

    @field_validator("calendar")
    @classmethod
    def _exists(cls, calendar: str | None) -> str | None:
        if calendar is not None:
            check_calendar(calendar)
        return calendar

    @model_validator(mode="after")
    def _calendar_has_a_use(self) -> "MarketConfig":
        if self.session is not None and self.calendar is None:
            raise ValueError('session = "regular": set calendar, whose trading hours are meant')
        if self.calendar is not None and self.frequency is None and self.session is None:
            raise ValueError(
                f"calendar = {self.calendar!r}: says when days are over that bars are made of, or "
                "when trading hours are; set frequency or session too"
            )
        return self

    @field_validator("features")
    @classmethod
    def _known(cls, declared: tuple[str, ...]) -> tuple[str, ...]:
        for text in declared:
            parse_feature(text)
        return declared

    @field_validator("exogenous")
    @classmethod
    def _names(cls, series: Mapping[str, Exogenous]) -> Mapping[str, Exogenous]:
        for name in series:
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise ValueError(f"{name!r}: letters, digits and _ are allowed in a series' name")
        return series

    @model_validator(mode="after")
    def _series_are_there(self) -> "MarketConfig":
        for text in self.features:
            feature = parse_feature(text)
            feature.check_series(self.exogenous)
            alone = self.kind != "portfolio" and isinstance(feature.kind, CrossSectional)
            if self.augment is not None and (feature.series_named or alone):
                raise ValueError(
                    f"augment: paths have no {'other instruments' if alone else 'exogenous series'}"
                    f" beside them, which feature {text!r} needs"
                )
        return self

    @field_validator("reward")
    @classmethod
    def _a_reward(cls, declared: Any) -> Any:
        parse_reward(declared)
        return declared

    @field_serializer("features", when_used="json")
    def _features_by_name(self, declared: tuple[Any, ...]) -> tuple[str, ...]:
        for each in declared:
            if not isinstance(each, str):
                raise ConfigError(
                    f"feature {parse_feature(each)} is a Python function: to be written down it "
                    'needs its name, "file.py:function"'
                )
        return declared

    @field_serializer("reward", when_used="json")
    def _by_name(self, declared: Any) -> Any:
        names = declared if isinstance(declared, Mapping) else [declared]
        if not all(isinstance(name, str) for name in names):
            raise ConfigError(
                "reward is a Python function: to be written down it needs its name, such as "
                '"package.module:function" or "file.py:function"'
            )
        return declared

    @field_validator("episode_length")
    @classmethod
    def _some_bars(cls, length: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
        bounds = length if isinstance(length, tuple) else (1 if length is None else length,) * 2
        if not 1 <= bounds[0] <= bounds[1]:
            raise ValueError(f"episode_length = {length}: at least 1, or [shortest, longest]")
        return length


def parse_market(model: type[Market], values: Mapping[str, Any], where: str) -> Market:
    """As `settings.parse`; rewards and features may be Python functions here, as no file can say.

    Raises:
        ConfigError: as `settings.parse`.
    """
    values, functions = dict(values), {}
    reward: Any = values.get("reward")
    if any(map(callable, reward if isinstance(reward, Mapping) else [reward])):
        parse_reward(reward)
        functions["reward"] = values.pop("reward")
    features = values.get("features")
    if isinstance(features, list | tuple) and any(map(callable, features)):
        parse_features(features)
        functions["features"] = tuple(values.pop("features"))
    config = parse(model, values, where)
    return config.model_copy(update=functions) if functions else config
