"""What a price file does not say itself, so that nothing about it has to be guessed."""

from collections.abc import Mapping
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from drltrade.data.frequencies import parse_frequency
from drltrade.settings import Settings

Adjustment = Literal["raw", "split", "full"]
"""What prices are adjusted for: nothing, splits, or splits and dividends."""

OURS = (
    "time", "open", "high", "low", "close", "volume",
    "symbol", "adjusted close", "dividend", "capital gain", "split", "factor",
)  # fmt: skip
"""Names of the columns that a file can have."""


class Layout(Settings):
    """How a price file is written, as far as it does not say so itself."""

    zone: str | None = Field(
        default=None, description="IANA name of the zone of its times: America/New_York, UTC ..."
    )
    frequency: str | None = Field(
        default=None,
        description="Of the bars, where the file has too few to tell: 1m, 1h, 1d, 1w, 1mo ...",
    )
    label: Literal["open", "close"] | None = Field(
        default=None,
        description="Which end of its bar a time is. Daily bars carry the date of their session.",
    )
    calendar: str | None = Field(
        default=None,
        description="When its market is open: 24/7, FX, XNYS ... (default: as its dates tell).",
    )
    adjustment: Adjustment | None = Field(
        default=None,
        description="What the prices are adjusted for: raw (nothing), split, full (dividends too).",
    )
    date_order: Literal["day", "month"] | None = Field(
        default=None, description="What comes first in dates such as 01/02/2017."
    )
    time_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="Unit of times that are numbers, since 1970 in UTC."
    )
    columns: Mapping[str, str] = Field(
        default_factory=dict,
        description='What a column is called in the file, by our name: volume = "Volume BTC"; '
        "where there is no header, its place: 1, 2 ...",
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="Columns that are not to be read, whatever they look like."
    )
    date_format: str | None = Field(
        default=None, description="How times are written, as strptime has it: %d-%b-%y %H:%M."
    )
    separator: str | None = Field(
        default=None, min_length=1, max_length=1,
        description="Between the values of a CSV (default: the one that its header proves).",
    )  # fmt: skip
    decimal: Literal[".", ","] | None = Field(
        default=None, description="Before the decimals: . or , (default: as the numbers tell)."
    )
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        default=None, description="Between the thousands of a number, as in 1,234.5."
    )
    price_unit: float = Field(
        default=1.0, gt=0, description="What a price of 1 in the file is worth: 0.01 for cents."
    )
    volume_unit: float = Field(
        default=1.0, gt=0, description="What a volume of 1 in the file is: 100 for lots of 100."
    )

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError("is not an IANA time zone (try 'UTC')") from None
        return value

    @field_validator("frequency")
    @classmethod
    def _is_a_frequency(cls, value: str | None) -> str | None:
        if value is not None:
            parse_frequency(value)
        return value

    @field_validator("columns")
    @classmethod
    def _are_ours(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        unknown = [name for name in value if name not in OURS]
        if unknown:
            raise ValueError(f"no column is called {unknown[0]!r} (allowed: {', '.join(OURS)})")
        return value

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        signs = [sign for sign in (self.separator, self.decimal, self.thousands) if sign]
        if len(set(signs)) < len(signs):
            raise ValueError("separator, decimal and thousands must be different characters")
        return self


AS_IT_STANDS = Layout()
"""Of a file that says all there is to know: ISO times at the end of each bar, prices in units."""
