"""What trading costs and what a broker allows, as a preset states it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from drltrade.errors import ConfigError
from drltrade.market.terms import BY_ASSET, Fill, Impact, Plan, Terms
from drltrade.settings import Settings

BASIS_POINT = 1e-4

MOST_BPS = 900.0
"""With it, and targets of at most ten times equity, a trade never costs more than it moves."""

MOST_LEVERAGE = 10.0


class Costs(Settings):
    """Costs of one asset. Every part is reported separately."""

    commission_bps: float = Field(1.0, ge=0, description="basis points of the value exchanged")
    maker_bps: float | None = Field(
        None, ge=0, le=MOST_BPS,
        description="the same for take-profits, which rest; default: commission_bps",
    )  # fmt: skip
    minimum_fee: float = Field(
        0.0, ge=0, description="money that an order's commission is at least"
    )
    fixed_fee: float = Field(0.0, ge=0, description="money per order, beside the commission")
    half_spread_bps: float = Field(0.0, ge=0, description="half the bid-ask spread")
    slippage_bps: float = Field(
        1.0, ge=0, description="basis points by which a buy fills above the price, a sell below"
    )
    impact: Impact = Field("none", description="how the concession grows with an order's size")
    impact_bps: float = Field(
        0.0, ge=0, description="basis points that an order for a bar's whole volume concedes"
    )
    impact_half_life: float = Field(
        0.0, ge=0, description="bars after which half of an order's pressure is gone; 0: at once"
    )
    volume_limit: float | None = Field(
        None, gt=0, le=1, description="share of a bar's volume that an order may take"
    )
    unfilled: Literal["drop", "carry"] = Field(
        "drop",
        description="what becomes of what a volume limit or a halt leaves of an order",
    )
    borrow_rate: float = Field(0.0, ge=0, le=1, description="per year on the value short")
    financing_rate: float = Field(0.0, ge=0, le=1, description="per year on negative cash")
    interest_rate: float = Field(0.0, ge=0, le=1, description="per year earned by cash")
    funding_rate: float = Field(
        0.0, ge=-1, le=1, description="per year on the value held: longs pay it, shorts receive it"
    )

    @model_validator(mode="after")
    def _below_the_price(self) -> "Costs":
        # The marginal cost of impact is up to twice its average.
        each = (self.commission_bps, self.half_spread_bps, self.slippage_bps, 2 * self.impact_bps)
        if sum(each) > MOST_BPS:
            raise ValueError(
                "commission_bps + half_spread_bps + slippage_bps + 2 impact_bps may be at most "
                f"{MOST_BPS:g} (9% of each trade), found {sum(each):g}"
            )
        if (self.impact == "none") != (self.impact_bps == 0.0):
            raise ValueError(
                f"impact = {self.impact!r} and impact_bps = {self.impact_bps:g}: impact needs both "
                "its form (linear or square_root) and its size"
            )
        return self

    @property
    def share_of_volume(self) -> float | None:
        """What an order may take of a bar's volume; impact is undefined beyond all of it."""
        return self.volume_limit or (1.0 if self.impact != "none" else None)


class Margin(Settings):
    """What a broker lends, and when it closes the account."""

    leverage: float | None = Field(
        None, ge=1, le=MOST_LEVERAGE,
        description="largest gross value of orders over equity; default: what actions can ask for",
    )  # fmt: skip
    initial: float | None = Field(
        None, ge=1 / MOST_LEVERAGE, le=1,
        description="equity that an order needs, as a fraction of the gross value; caps leverage",
    )  # fmt: skip
    maintenance: float = Field(
        0.0, ge=0, lt=1, description="below this fraction of the gross value all is liquidated"
    )
    liquidation_fee_bps: float = Field(
        0.0, ge=0, le=MOST_BPS, description="basis points of the value that is liquidated"
    )

    @property
    def gross_limit(self) -> float | None:
        """The largest gross weight that orders may lead to, if it is limited."""
        limits = [self.leverage, 1.0 / self.initial if self.initial else None]
        stated = [limit for limit in limits if limit is not None]
        return min(stated) if stated else None

    @model_validator(mode="after")
    def _maintenance_below_initial(self) -> "Margin":
        if self.gross_limit is not None and self.maintenance * self.gross_limit >= 1.0:
            raise ValueError(
                f"maintenance = {self.maintenance:g} liquidates what leverage or initial margin "
                f"(gross value up to {self.gross_limit:g} times equity) allows"
            )
        return self


class Bracket(Settings):
    """Orders attached to each position, checked within the bar."""

    stop_loss: float | None = Field(
        None, gt=0, lt=1, description="loss since entry, as a fraction, that closes the position"
    )
    take_profit: float | None = Field(
        None, gt=0, description="gain since entry, as a fraction, that closes the position"
    )


def market_rules(
    costs: Sequence[Costs],
    margin: Margin,
    bracket: Bracket,
    *,
    fill: Fill,
    bounds: tuple[float, float],
    gross: float,
    amounts: bool = False,
    delistings: bool = False,
) -> tuple[Plan, Terms]:
    """What the accounting rule needs to know.

    Args:
        costs: one per asset.
        margin, bracket: of the account.
        fill: fill rule.
        bounds: least and largest weight of an asset that an action can ask for.
        gross: largest sum of absolute weights that an action can ask for.
        amounts: whether orders may name an amount of units.
        delistings: whether an asset ends before the market does.

    Raises:
        ConfigError: assets differ in the form of their impact, or in what becomes of the rest of
            an order.
    """
    limits = [each.share_of_volume for each in costs]
    impact = _one_for_all("impact", {each.impact for each in costs} - {"none"})
    unfilled = _one_for_all(
        "unfilled",
        {
            each.unfilled
            for each in costs
            if each.share_of_volume is not None or each.unfilled == "carry"
        },
    )
    fields: Mapping[str, list[float]] = {
        "commission": [each.commission_bps * BASIS_POINT for each in costs],
        "maker": [
            (each.commission_bps if each.maker_bps is None else each.maker_bps) * BASIS_POINT
            for each in costs
        ],
        "minimum": [each.minimum_fee for each in costs],
        "fixed": [each.fixed_fee for each in costs],
        "spread": [each.half_spread_bps * BASIS_POINT for each in costs],
        "slippage": [each.slippage_bps * BASIS_POINT for each in costs],
        "impact": [each.impact_bps * BASIS_POINT for each in costs],
        "memory": [
            0.5 ** (1.0 / each.impact_half_life) if each.impact_half_life else 0.0 for each in costs
        ],
        "volume_limit": [math.inf if limit is None else limit for limit in limits],
        "borrow": [each.borrow_rate for each in costs],
        "funding": [each.funding_rate for each in costs],
        "liquidation": [margin.liquidation_fee_bps * BASIS_POINT for _ in costs],
        "stop_loss": [bracket.stop_loss or math.inf for _ in costs],
        "take_profit": [bracket.take_profit or math.inf for _ in costs],
        "lowest": [bounds[0] for _ in costs],
        "highest": [bounds[1] for _ in costs],
    }
    single = len(costs) == 1
    first = costs[0]
    terms = Terms(
        **{name: fields[name][0] if single else np.array(fields[name]) for name in BY_ASSET},
        financing=first.financing_rate,
        interest=first.interest_rate,
        gross_limit=margin.gross_limit or gross,
        maintenance=margin.maintenance,
    )
    rates = ("borrow_rate", "financing_rate", "interest_rate", "funding_rate")
    leveraged = gross > 1.0 or bounds[0] < 0.0
    brackets = bracket.stop_loss is not None or bracket.take_profit is not None
    plan = Plan(
        fill=fill,
        single=single,
        holding=any(getattr(each, rate) for each in costs for rate in rates),
        order_fees=any(each.fixed_fee or each.minimum_fee for each in costs),
        impact=impact or "none",
        volume_limit=unfilled or "none",
        amounts=amounts,
        margin=leveraged or margin.maintenance > 0.0 or brackets,
        brackets=brackets,
        delistings=delistings,
    )
    return plan, terms


def _one_for_all(key: str, found: set[Any]) -> Any:
    if len(found) > 1:
        raise ConfigError(
            f"costs.{key} must be the same for all assets that have it; found "
            f"{', '.join(sorted(found))}"
        )
    return found.pop() if found else None
