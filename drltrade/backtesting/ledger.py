"""What an account did over a period, bar by bar."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ruin:
    """How an account was closed."""

    row: int
    """Of the ledger."""
    forgiven: float
    """Money owed beyond what the account had; so its losses exceed the fall of its equity."""


@dataclass(frozen=True)
class Ledger:
    """The account at the close of each bar; row 0 is the first decision, before any trade.

    With T steps and N assets. Row t > 0 holds what happened after the close of row t - 1 up to the
    close of row t, and the account as it then stood.
    """

    symbols: tuple[str, ...]
    times: pd.DatetimeIndex
    """[T + 1] labels of the bars, each the END of its bar."""
    close: Floats
    """[T + 1, N] adjusted close."""
    units: Floats
    """[T + 1, N] shares held at the close, negative when short."""
    fill_price: Floats
    """[T + 1, N] price before slippage at which an order filled in this row; NaN where none did."""
    exit_units: Floats
    """[T + 1, N] shares closed in this row without an order: by stop-loss, take-profit, margin
    call, ruin or delisting; negative when short."""
    exit_price: Floats
    """[T + 1, N] price before slippage at which; NaN where none were."""
    cash: Floats
    """[T + 1] money, negative when borrowed."""
    equity: Floats
    """[T + 1] cash + sum(units * close), money."""
    turnover: Floats
    """[T + 1] sum(|value exchanged|) / equity at the close before."""
    costs: Mapping[str, Floats]
    """Part -> [T + 1] money paid in this row (see `market.state.COST_PARTS`); interest and funding
    are negative where they were received."""
    targets: Floats
    """[T + 1, N] weight decided at the close of the row; NaN holds. The last row has none."""
    fill: str
    """The fill rule: next_open, next_close or same_close."""
    periods_per_year: float
    ruin: Ruin | None = None
    """When and how the account was closed because its equity was gone; None: it was not."""

    @property
    def bankrupt(self) -> bool:
        """True when the account was closed because its equity was gone (see market.account)."""
        return self.ruin is not None

    @property
    def weights(self) -> Floats:
        """[T + 1, N] signed value of each holding as a fraction of equity, at the close."""
        return self.units * self.close / self.equity[:, None]

    @property
    def total_cost(self) -> Floats:
        """[T + 1] money paid in each row, all parts together."""
        total: Floats = np.sum(list(self.costs.values()), axis=0)
        return total

    @property
    def returns(self) -> Floats:
        """[T] simple return of the account per bar, after costs."""
        return self.equity[1:] / self.equity[:-1] - 1.0

    def to_frame(self) -> pd.DataFrame:
        """Indexed by bar time: equity, cash, weight_*, units_*, turnover, one cost_* per part."""
        columns: dict[str, Floats] = {"equity": self.equity, "cash": self.cash}
        columns |= {f"weight_{s}": self.weights[:, i] for i, s in enumerate(self.symbols)}
        columns |= {f"units_{s}": self.units[:, i] for i, s in enumerate(self.symbols)}
        columns["turnover"] = self.turnover
        columns |= {f"cost_{part}": paid for part, paid in self.costs.items()}
        return pd.DataFrame(columns, index=self.times.rename("time"))
