"""What an env preset says: the keys of `envs/*.toml` and the keywords of `gymnasium.make`."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from drltrade.data import frames
from drltrade.data.layout import Layout
from drltrade.data.universe import series_of
from drltrade.envs.market_config import MarketConfig, Symbol, parse_market
from drltrade.envs.periods import Periods
from drltrade.errors import ConfigError
from drltrade.market.costs import MOST_LEVERAGE, Costs, Margin, market_rules
from drltrade.market.rules import Rules
from drltrade.market.synthetic import Synthetic
from drltrade.settings import parse

DEFAULT_SYMBOLS = ("AAPL", "MSFT", "IBM", "GOOG")
"""Of us5. Facebook came to the market when these data were nearly over."""


class TradingConfig(MarketConfig):
    """A market for one account in one asset."""

    kind: Literal["trading"] = "trading"
    synthetic: Synthetic | None = Field(
        None, description="a market made by a random process, in place of data and periods"
    )
    symbol: Symbol | None = Field(
        None, description="which of the data's symbols; None: its only one"
    )
    train_symbols: tuple[Symbol, ...] | None = Field(
        None, description="symbols to train on, one an episode; None: symbol alone"
    )
    positions: tuple[float, ...] | None = Field(
        None, description="discrete actions: the target weights; default [-1, 0, 1]"
    )
    position_range: tuple[float, float] | None = Field(
        None, description="continuous action: lowest and highest target weight"
    )
    order_units: float | None = Field(
        None, gt=0,
        description="actions sell, hold and buy, of so many units, within position_range ([0, 1])",
    )  # fmt: skip

    @field_validator("train_symbols")
    @classmethod
    def _each_once(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if symbols is not None and not 0 < len(set(symbols)) == len(symbols):
            raise ValueError(f"{list(symbols)}: at least one, each once")
        return symbols

    @model_validator(mode="after")
    def _one_source(self) -> "TradingConfig":
        if self.synthetic is None:
            return self
        # A preset that was written down in full holds the default, too.
        if self.data != type(self).model_fields["data"].default:
            raise ValueError(f"set either data ({self.data!r}) or synthetic, not both")
        if self.symbol is not None or self.train_symbols is not None:
            raise ValueError("symbol and train_symbols belong to data; synthetic has one symbol")
        for key in ("frequency", "calendar", "exogenous", "session", "delistings"):
            if getattr(self, key):
                raise ValueError(f"{key} belongs to data; synthetic draws its bars itself")
        if self.augment is not None:
            raise ValueError("augment belongs to data; synthetic draws as many bars as it is told")
        if self.period == "all":
            raise ValueError("period = 'all': the paths of synthetic do not follow one another")
        return self

    @model_validator(mode="after")
    def _one_kind_of_action(self) -> "TradingConfig":
        if self.positions is not None and (self.position_range or self.order_units) is not None:
            raise ValueError(
                "set either positions (discrete), position_range (continuous) or order_units "
                "(amounts)"
            )
        if self.positions is not None and len(set(self.positions)) < max(2, len(self.positions)):
            raise ValueError(f"positions = {list(self.positions)}: at least two, each once")
        if self.position_range is not None and self.position_range[0] >= self.position_range[1]:
            raise ValueError(f"position_range = {list(self.position_range)}: [low, high] needed")
        if self.largest_position > MOST_LEVERAGE:
            raise ValueError(
                f"a position of {self.largest_position:g} times equity; at most "
                f"{MOST_LEVERAGE:g} is allowed"
            )
        _check_margin(self.margin, self.largest_position, "a position")
        return self

    @property
    def discrete_positions(self) -> tuple[float, ...] | None:
        """The target weights by action, or None where actions are no such list."""
        if self.position_range is not None or self.order_units is not None:
            return None
        return self.positions or (-1.0, 0.0, 1.0)

    @property
    def lowest_position(self) -> float:
        """The most short (or least long) target that an action can ask for."""
        return min(self.discrete_positions or self.position_range or (0.0, 1.0))

    @property
    def highest_position(self) -> float:
        """The longest target that an action can ask for."""
        return max(self.discrete_positions or self.position_range or (0.0, 1.0))

    @property
    def largest_position(self) -> float:
        """The largest absolute weight."""
        return max(abs(self.lowest_position), abs(self.highest_position))

    def rules(self, symbols: tuple[str, ...] = ("",), delistings: bool = False) -> Rules:
        """What an account is played by."""
        plan, terms = market_rules(
            [self.costs],
            self.margin,
            self.bracket,
            fill=self.fill,
            bounds=(self.lowest_position, self.highest_position),
            gross=self.largest_position,
            amounts=self.order_units is not None,
            delistings=delistings,
        )
        return Rules(plan, terms, self.initial_equity, self.reward)


class PortfolioConfig(MarketConfig):
    """A market for one account in many assets."""

    kind: Literal["portfolio"] = "portfolio"
    periods: Periods = Periods(
        train=(date(2005, 1, 1), date(2009, 12, 31)),
        validation=(date(2010, 1, 1), date(2010, 12, 31)),
        test=(date(2011, 1, 1), date(2013, 3, 1)),
    )
    data: str = "us5"
    symbols: tuple[Symbol, ...] | None = Field(
        default_factory=lambda fields: DEFAULT_SYMBOLS if fields.get("data") == "us5" else None,
        description="which of the data's symbols; default: all (of us5: all but FB)",
    )
    universe: str | None = Field(
        None,
        description="a table of symbol, start and end: who is a member when; a symbol is an asset "
        "while it is one, and is sold when it leaves",
    )
    asset_costs: Mapping[str, Costs] = Field(
        default_factory=dict, description="keys of costs that differ for a symbol"
    )
    long_only: bool = Field(False, description="no weight below 0")
    gross_limit: float = Field(
        1.0, gt=0, le=MOST_LEVERAGE, description="largest sum of absolute target weights"
    )

    @model_validator(mode="after")
    def _within_margin(self) -> "PortfolioConfig":
        if self.symbols is not None and (
            len(self.symbols) < 2 or len(set(self.symbols)) < len(self.symbols)
        ):
            raise ValueError(f"symbols = {list(self.symbols)}: at least two, each once")
        for key in ("financing_rate", "interest_rate"):
            for symbol, costs in self.asset_costs.items():
                stated = key in costs.model_fields_set
                if stated and getattr(costs, key) != getattr(self.costs, key):
                    raise ValueError(f"asset_costs.{symbol}.{key}: cash has one rate; set costs")
        if self.augment is not None and self.universe is not None:
            raise ValueError(
                "augment needs assets that are all there; those of universe come and go"
            )
        if self.augment is not None and self.augment.learned > 0:
            raise ValueError("augment.learned draws one asset; a portfolio has augment.bootstrap")
        _check_margin(self.margin, self.gross_limit, "gross_limit")
        return self

    def costs_of(self, symbol: str) -> Costs:
        """What trading a symbol costs."""
        own = self.asset_costs.get(series_of(symbol))
        if own is None:
            return self.costs
        differing = {key: getattr(own, key) for key in own.model_fields_set}
        return Costs.model_validate(self.costs.model_dump() | differing)

    def rules(self, symbols: tuple[str, ...], delistings: bool = False) -> Rules:
        """What an account is played by.

        Raises:
            ConfigError: costs for a symbol that is not traded.
        """
        if unknown := set(self.asset_costs) - set(map(series_of, symbols)):
            raise ConfigError(
                f"asset_costs for {', '.join(sorted(unknown))}; traded are {', '.join(symbols)}"
            )
        plan, terms = market_rules(
            [self.costs_of(symbol) for symbol in symbols],
            self.margin,
            self.bracket,
            fill=self.fill,
            bounds=(0.0 if self.long_only else -self.gross_limit, self.gross_limit),
            gross=self.gross_limit,
            delistings=delistings,
        )
        return Rules(plan, terms, self.initial_equity, self.reward)


CONFIGS: dict[str, type[TradingConfig] | type[PortfolioConfig]] = {
    "trading": TradingConfig,
    "portfolio": PortfolioConfig,
}
"""By the key `kind` of a preset."""


def parse_env(values: Mapping[str, Any], where: str) -> TradingConfig | PortfolioConfig:
    """Validate an env preset, in which rewards and features may be Python functions, too.

    Raises:
        ConfigError: as `settings.parse`, or `kind` is unknown.
    """
    values = with_frames(values, where)
    kind = values.get("kind", "trading")
    if kind not in CONFIGS:
        raise ConfigError(f"{where}: kind = {kind!r} is unknown; allowed: {', '.join(CONFIGS)}")
    return parse_market(CONFIGS[kind], values, where)


def with_frames(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same keys, with a frame of prices (or frames by symbol) replaced by a name of it.

    Raises:
        ConfigError, DataError: the layout is wrong, or the prices are.
    """
    values = dict(values)
    if frames.are_frames(values.get("data")):
        stated = parse(Layout, values.pop("layout", {}), f"{where} [layout]")
        values["data"] = frames.hand_in(values["data"], stated)
    return values


def _check_margin(margin: Margin, largest: float, what: str) -> None:
    limit = margin.gross_limit
    if limit is not None and largest > limit:
        raise ValueError(
            f"{what} of {largest:g} times equity is more than margin.leverage or margin.initial "
            f"allows ({limit:g})"
        )
    if margin.maintenance * largest >= 1.0:
        raise ValueError(
            f"margin.maintenance = {margin.maintenance:g} liquidates {what} of {largest:g} times "
            "equity at once"
        )
