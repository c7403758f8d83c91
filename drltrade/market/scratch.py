"""Room for the figures of a bar on the way to its end, for the rule of many assets in loops."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from drltrade.market.orders import Charges
from drltrade.market.state import Account, Bar, Step
from drltrade.market.terms import Terms


class Scratch(NamedTuple):
    """Room for one account's intermediate figures, [N] each."""

    traded: Any
    price: Any
    """At which orders filled, or what was marked where none could."""
    kept: Any
    """0 where costs would turn an order round, else 1."""
    end: Any
    exit_units: Any
    exit_price: Any
    taker: Any


def make_scratch(assets: int) -> Scratch:
    """Room for one account of `assets` assets."""
    return Scratch(*(np.zeros(assets) for _ in Scratch._fields))


LoopRule = Callable[[Account, Any, Any, Bar, Any, Terms, Scratch], Step]
"""The rule for one account of many assets, in loops."""


class Sums(NamedTuple):
    """What the orders of a bar, or its exits, come to."""

    net: Any
    """Cash that they took (gave, where negative), charges in."""
    turnover: Any
    charges: Charges


def make_asset(jit: Callable[[Any], Any]) -> Callable[[Terms, Any], Terms]:
    """The function that takes the terms of one asset out of those of many."""

    @jit
    def asset(terms: Terms, i: Any) -> Terms:
        return Terms(
            terms.commission[i], terms.maker[i], terms.minimum[i], terms.fixed[i], terms.spread[i],
            terms.slippage[i], terms.impact[i], terms.memory[i], terms.volume_limit[i],
            terms.borrow[i], terms.funding[i], terms.liquidation[i], terms.stop_loss[i],
            terms.take_profit[i], terms.lowest[i], terms.highest[i], terms.financing,
            terms.interest, terms.gross_limit, terms.maintenance,
        )  # fmt: skip

    taken: Callable[[Terms, Any], Terms] = asset
    return taken
