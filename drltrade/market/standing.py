"""What an agent is told of its own account; all dimensionless."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drltrade.market.namespaces import Namespace
from drltrade.market.terms import OBSERVED_BOUND

BY_ASSET = ("position", "unrealised", "tenure")
"""Observed of each asset; after them comes the account's drawdown."""

PATIENCE = 20.0
"""Bars after which tenure is one half."""


def account_features(assets: int) -> int:
    """How many numbers an agent is told of an account of that many assets."""
    return len(BY_ASSET) * assets + 1


class Standing(NamedTuple):
    """The functions that `make_standing` returns; each elementwise."""

    aged: Callable[..., Any]
    of_asset: Callable[..., Any]


def make_standing(xp: Namespace, jit: Callable[[Any], Any]) -> Standing:
    """Specialise the formulas to a namespace."""
    where, sign = xp.where, xp.sign

    @jit
    def bounded(value: Any) -> Any:
        value = where(value > OBSERVED_BOUND, OBSERVED_BOUND, value)
        return where(value < -OBSERVED_BOUND, -OBSERVED_BOUND, value)

    @jit
    def aged(age: Any, units: Any, next_units: Any) -> Any:
        """Bars since the position was last opened, closed or flipped; resizing does not count."""
        return where(sign(units) != sign(next_units), 1.0, age + 1.0)

    @jit
    def of_asset(units: Any, entry: Any, age: Any, close: Any, equity: Any) -> Any:
        """(position, unrealised, tenure) of a holding.

        position: its signed value as a fraction of equity, within +-OBSERVED_BOUND.
        unrealised: its return since entry, signed by its side, within +-OBSERVED_BOUND.
        tenure: `age` squeezed into [0, 1).
        """
        paid = where(units == 0.0, close, entry)
        unrealised = sign(units) * (close / paid - 1.0)
        return bounded(units * close / equity), bounded(unrealised), age / (age + PATIENCE)

    return Standing(aged, of_asset)
