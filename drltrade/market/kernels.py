"""The rule compiled: a whole path of targets in one loop."""

from functools import cache
from types import SimpleNamespace
from typing import Any

from drltrade.market.account import SCALAR, Fill, Rule, Step, make_rule

FIELDS = len(Step._fields)


@cache
def compiled_rule(fill: Fill) -> Rule:
    """The rule for one account under numba (importing and compiling takes about two seconds)."""
    import numba

    inline = numba.njit(inline="always")
    namespace = SimpleNamespace(where=inline(SCALAR.where), abs=abs, sign=inline(SCALAR.sign))
    # numpy's error model: x / 0 is inf, as in the other specialisations, and needs no branch.
    return make_rule(namespace, fill, numba.njit(error_model="numpy"))


@cache
def replay_kernel(fill: Fill) -> Any:
    """`replay(targets, fill_price, close, years, cash, floor, rates) -> [12, T] table`.

    Runs a path of T targets through the rule from an account of `cash`. Row t of `targets` and
    `fill_price` belongs to the decision at the close of t, which is carried to the close of t + 1;
    `close` has T + 1 rows. The rows of the table are the fields of `account.Step`. A ruined account
    is closed: from then on it holds `floor` in cash and does nothing.
    """
    import numba
    import numpy as np

    step = compiled_rule(fill).step

    @numba.njit(error_model="numpy")
    def replay(
        targets: Any, fill_price: Any, close: Any, years: Any, cash: Any, floor: Any, rates: Any
    ) -> Any:
        table = np.zeros((FIELDS, targets.size))
        units = 0.0
        for t in range(targets.size):
            bar = step(
                cash, units, targets[t], fill_price[t], close[t], close[t + 1], years[t], floor,
                rates,
            )  # fmt: skip
            cash, units = bar.cash, bar.units
            table[0, t] = bar.cash
            table[1, t] = bar.units
            table[2, t] = bar.equity
            table[3, t] = bar.traded
            table[4, t] = bar.commission
            table[5, t] = bar.fixed
            table[6, t] = bar.slippage
            table[7, t] = bar.borrow
            table[8, t] = bar.financing
            table[10, t] = bar.liquidated
            table[11, t] = bar.forgiven
            if bar.ruined:
                table[0, t + 1 :] = floor
                table[2, t + 1 :] = floor
                table[9, t:] = 1.0
                break
        return table

    return replay
