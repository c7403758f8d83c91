"""What the accounting rule is told of the market's prices of trading, and what it leaves out.

`Terms` are numbers and may change from account to account; a `Plan` says which parts of the rule
there are at all, so that a market without, say, impact does not pay for computing it.
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Fill = Literal["next_open", "next_close", "same_close"]
Impact = Literal["none", "linear", "square_root"]
VolumeLimit = Literal["none", "drop", "carry"]

ORDER_TOLERANCE = 1e-12
"""Trades below this fraction of equity are rounding noise, not orders."""

RUIN = 1e-6
"""An account at or below this fraction of its initial equity is closed."""

OBSERVED_BOUND = 10.0
"""No observed figure, of the account or of the market, lies beyond plus or minus this."""


class Terms(NamedTuple):
    """The prices of trading, as fractions (not basis points); see `market.costs`.

    The first block holds one number per asset ([N], or a number where all are alike or there is one
    asset), the second one per account.
    """

    commission: Any = 0.0
    """Fraction of the value exchanged by an order that takes (at the open or close, or a stop)."""
    maker: Any = 0.0
    """The same for an order that rests in the market until its price comes (a take-profit)."""
    minimum: Any = 0.0
    """Money that the commission of an order is at least."""
    fixed: Any = 0.0
    """Money per order, on top of the commission."""
    spread: Any = 0.0
    """Half the bid-ask spread, as a fraction of the price."""
    slippage: Any = 0.0
    """Fraction of the price by which a buy fills above it and a sell below, beside the spread."""
    impact: Any = 0.0
    """Fraction of the price conceded by an order for all that trades in a bar."""
    memory: Any = 0.0
    """Share of an order's pressure that is left one bar later."""
    volume_limit: Any = 1.0
    """Share of a bar's volume that one order may take."""
    borrow: Any = 0.0
    """Per year, on the value short."""
    funding: Any = 0.0
    """Per year, on the value held: longs pay it and shorts receive it."""
    liquidation: Any = 0.0
    """Fraction of the value closed by a margin call."""
    stop_loss: Any = math.inf
    """Loss since entry, as a fraction of the entry price, at which a position is closed."""
    take_profit: Any = math.inf
    """Gain since entry, likewise."""
    lowest: Any = -10.0
    """Least weight that an order for an amount may lead to."""
    highest: Any = 10.0
    """Largest weight that an order for an amount may lead to."""

    financing: Any = 0.0
    """Per year, on negative cash."""
    interest: Any = 0.0
    """Per year, earned by positive cash."""
    gross_limit: Any = 10.0
    """Largest sum of absolute weights that orders may lead to."""
    maintenance: Any = 0.0
    """Least equity, as a fraction of the gross value held; below it the account is liquidated."""

    def table(self, assets: int, width: int | None = None) -> NDArray[np.float64]:
        """[20, W] every field by asset, the form that compiled code reads; W is N by default.

        Assets beyond N, which never trade, have terms of 0.
        """
        rows = [np.broadcast_to(np.asarray(field, np.float64), assets) for field in self]
        return np.pad(rows, ((0, 0), (0, (width or assets) - assets)))

    def on(self, device: Any) -> "Terms":
        """The same with tensors on a device in place of arrays."""
        import torch

        return Terms(
            *(
                torch.from_numpy(field).to(device) if isinstance(field, np.ndarray) else field
                for field in self
            )
        )


BY_ASSET = Terms._fields[: Terms._fields.index("financing")]
"""The fields of `Terms` that belong to an asset."""


class Plan(NamedTuple):
    """Which parts of the rule there are. Hashable: one specialisation is compiled per plan."""

    fill: Fill = "next_open"
    single: bool = True
    """One asset: an account's numbers and an asset's have the same shape."""
    holding: bool = True
    """Borrow fee, financing, interest or funding."""
    order_fees: bool = True
    """A fixed fee per order or a minimum commission."""
    impact: Impact = "none"
    volume_limit: VolumeLimit = "none"
    amounts: bool = False
    """Orders for a number of units, beside targets."""
    margin: bool = False
    """Maintenance margin (at least: equity above zero), checked within the bar. Only an account
    that neither borrows nor sells short can do without."""
    brackets: bool = False
    """Stop-loss and take-profit."""
    delistings: bool = False
    """Assets that end before the market does."""
    entries: bool = True
    """Keep the average entry price, which brackets and an agent's observation need."""

    @property
    def reads_volume(self) -> bool:
        """Whether the bar's volume matters."""
        return self.impact != "none" or self.volume_limit != "none"

    @property
    def reads_range(self) -> bool:
        """Whether the bar's open, high and low matter beside the fill price."""
        return self.margin or self.brackets

    @property
    def takes_amounts(self) -> bool:
        """Whether there are orders for a number of units, of the agent or carried over."""
        return self.amounts or self.volume_limit == "carry"

    @property
    def closed_form(self) -> bool:
        """Whether the post-cost weights need no iteration."""
        return self.single and not (self.reads_volume or self.takes_amounts)
