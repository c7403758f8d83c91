"""What time costs an account: borrow fee, financing, interest on cash, funding."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drltrade.market.namespaces import Namespace
from drltrade.market.terms import Terms


class Holding(NamedTuple):
    """The functions that `make_holding` returns."""

    of_asset: Callable[..., Any]
    of_cash: Callable[..., Any]


def make_holding(xp: Namespace, jit: Callable[[Any], Any]) -> Holding:
    """Specialise the formulas to a namespace."""
    absolute = xp.abs

    @jit
    def of_asset(value: Any, terms: Terms) -> Any:
        """(borrow fee, funding) per year of holding `value`; per asset."""
        # (|x| - x) / 2 is -x where x is negative, else 0.
        return 0.5 * (absolute(value) - value) * terms.borrow, value * terms.funding

    @jit
    def of_cash(cash: Any, terms: Terms) -> Any:
        """(financing, interest) per year of `cash`; interest earned is a negative cost."""
        lent = 0.5 * (absolute(cash) + cash)
        return (lent - cash) * terms.financing, 0.0 - lent * terms.interest

    return Holding(of_asset, of_cash)
