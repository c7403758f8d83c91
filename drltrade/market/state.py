"""What the accounting rule takes and gives: the account, the bar, and the step between them."""

import math
from typing import Any, NamedTuple


class Account(NamedTuple):
    """What an account is between bars. Per asset but for `cash`."""

    cash: Any
    """Money; negative when borrowed."""
    units: Any
    """Shares; negative when short."""
    entry: Any = 0.0
    """Average price at which the open position was entered; 0 when flat."""
    pressure: Any = 0.0
    """Signed share of a bar's volume that earlier orders took, as far as the market remembers."""
    pending: Any = 0.0
    """Units of an order that the volume limit has not let through yet."""


class Bar(NamedTuple):
    """What the rule needs to know of bars t and t + 1. Per asset but for `years`.

    What the plan does not read may be left out; see `Plan.reads_range` and `Plan.reads_volume`.
    """

    fill: Any
    """Price at which an order fills; NaN where it cannot."""
    close: Any
    """Price at the close of t; the last there was, where nothing traded."""
    next_close: Any
    """The same at the close of t + 1."""
    years: Any
    """Time between the two closes."""
    open: Any = 0.0
    """At which bar t + 1 begins; the last price, where nothing traded in it."""
    high: Any = 0.0
    low: Any = 0.0
    volume: Any = 0.0
    """Units traded in the bar of the fill."""
    next_volume: Any = math.inf
    """Units traded in bar t + 1; infinite where it trades and they were not recorded."""
    ended: Any = False
    """True where the asset has no bar at t + 1 or later."""


class Step(NamedTuple):
    """The account after one bar, and what happened. Parts that the plan leaves out are 0."""

    account: Account
    equity: Any
    traded: Any
    """Signed value exchanged at the fill price by the agent's orders; per asset."""
    exit_units: Any
    """Shares closed by stop-loss, take-profit, margin call, ruin or delisting; per asset."""
    exit_price: Any
    """Price (before slippage) at which; NaN where none. Per asset."""
    turnover: Any
    """Sum of |value exchanged|, orders and exits, money."""
    commission: Any
    fixed: Any
    spread: Any
    slippage: Any
    impact: Any
    liquidation: Any
    borrow: Any
    financing: Any
    funding: Any
    """Negative where the account received it."""
    interest: Any
    """Never positive: what cash earned, as a cost."""
    ruined: Any
    """True where the account was closed: it then holds `floor` in cash and nothing else."""
    forgiven: Any
    """Money that a ruined account owed beyond what it had; nobody pays it."""


COST_PARTS = (
    "commission",
    "fixed",
    "spread",
    "slippage",
    "impact",
    "liquidation",
    "borrow",
    "financing",
    "funding",
    "interest",
)
"""The fields of `Step` that are money paid; the ledger's equity falls by their sum."""
