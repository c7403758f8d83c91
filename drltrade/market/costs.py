"""What trading costs, as a preset states it."""

from pydantic import Field, model_validator

from drltrade.market.account import Rates
from drltrade.settings import Settings

BASIS_POINT = 1e-4

MOST_BPS = 900.0
"""With it, and targets of at most ten times equity, a trade never costs more than it moves."""


class Costs(Settings):
    """Costs of one asset. Every part is reported separately."""

    commission_bps: float = Field(1.0, ge=0, description="basis points of the value exchanged")
    slippage_bps: float = Field(
        1.0, ge=0, description="basis points by which a buy fills above the price, a sell below"
    )
    fixed_fee: float = Field(0.0, ge=0, description="money per order")
    borrow_rate: float = Field(0.0, ge=0, description="per year on the value short, as a fraction")
    financing_rate: float = Field(0.0, ge=0, description="per year on negative cash, as a fraction")

    @model_validator(mode="after")
    def _below_the_price(self) -> "Costs":
        if self.commission_bps + self.slippage_bps > MOST_BPS:
            raise ValueError(
                f"commission_bps + slippage_bps may be at most {MOST_BPS:g} (9% of each trade)"
            )
        return self

    def rates(self) -> Rates:
        """The same as fractions, in the form that the accounting rule takes."""
        return Rates(
            commission=self.commission_bps * BASIS_POINT,
            fixed=self.fixed_fee,
            slippage=self.slippage_bps * BASIS_POINT,
            borrow=self.borrow_rate,
            financing=self.financing_rate,
        )
