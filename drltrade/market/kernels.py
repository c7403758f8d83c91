"""The accounting rule under numba: what `advance` and `paths` share.

An account is a row of numbers here, so that a step is one call with a handful of arrays. Kernels
allocate nothing and count no references (a call for it in a loop keeps the compiler from vector
instructions): the room they need is an argument.
"""

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from drltrade.market.account import Rule, make_rule
from drltrade.market.loops import make_loop_rule
from drltrade.market.namespaces import Scalar
from drltrade.market.scratch import LoopRule, Scratch
from drltrade.market.state import COST_PARTS, Bar
from drltrade.market.terms import Plan, Terms

ACCOUNT_STATE = ("cash", "equity", "peak")
ASSET_STATE = ("units", "entry", "age", "pressure", "pending")
"""A row of state: the account's numbers, then each of the assets' as a block of N."""

ACCOUNT_REPORT = (
    "log_return",
    "ruined",
    "equity",
    "cash",
    "turnover",
    "forgiven",
    "exited",
    *COST_PARTS,
)
ASSET_REPORT = ("units", "weights", "fills", "exits", "traded", "closed")
"""A row of report, likewise: fills and exits are prices (NaN where none), `traded` is the signed
value of the order, `closed` the units that stop-loss, take-profit, margin call, ruin or delisting
closed."""


def state_size(assets: int) -> int:
    """Numbers in a row of state."""
    return len(ACCOUNT_STATE) + len(ASSET_STATE) * assets


def report_size(assets: int) -> int:
    """Numbers in a row of report."""
    return len(ACCOUNT_REPORT) + len(ASSET_REPORT) * assets


def compiler() -> Callable[[Any], Any]:
    """numba.njit with numpy's error model: x / 0 is inf, as in the other specialisations."""
    import numba

    options: dict[str, Any] = {
        "error_model": "numpy",
        "forceinline": True,
        "fastmath": {"reassoc", "contract", "nsz", "arcp"},
        "_nrt": False,
    }
    compile_function: Callable[[Any], Any] = numba.njit(**options)
    return compile_function


@cache
def namespace() -> Any:
    """Plain numbers, as numba compiles them."""
    import numba

    inline = numba.njit(inline="always")
    simple = ("where", "sign", "total", "each", "settled", "in_line")
    functions = {name: inline(getattr(Scalar, name)) for name in simple}
    return SimpleNamespace(abs=abs, sqrt=math.sqrt, **functions)


@cache
def compiled_rule(plan: Plan) -> Rule:
    """The rule for one account of one asset; importing and compiling takes seconds."""
    return make_rule(namespace(), plan, compiler())


@cache
def compiled_loop_rule(plan: Plan) -> LoopRule:
    """The rule for one account of many assets."""
    return make_loop_rule(namespace(), plan, compiler())


@cache
def terms_reader() -> Any:
    """`read(table, i) -> Terms` of one asset, from `Terms.table`."""

    @compiler()
    def read(table: Any, i: Any) -> Terms:
        return Terms(
            table[0, i], table[1, i], table[2, i], table[3, i], table[4, i], table[5, i],
            table[6, i], table[7, i], table[8, i], table[9, i], table[10, i], table[11, i],
            table[12, i], table[13, i], table[14, i], table[15, i], table[16, i], table[17, i],
            table[18, i], table[19, i],
        )  # fmt: skip

    return read


@cache
def row_reader() -> Any:
    """`read(row) -> Bar` of numbers, from the tape of one asset."""

    @compiler()
    def read(row: Any) -> Bar:
        return Bar(
            row[0], row[1], row[2], row[9], row[3], row[4], row[5], row[6], row[7], row[8] > 0.0
        )

    return read


@cache
def bar_reader() -> Any:
    """`read(row, assets) -> Bar` of arrays [N], views of a row of the tape."""

    @compiler()
    def read(row: Any, n: Any) -> Bar:
        return Bar(
            row[:n], row[n : 2 * n], row[2 * n : 3 * n], row[9 * n], row[3 * n : 4 * n],
            row[4 * n : 5 * n], row[5 * n : 6 * n], row[6 * n : 7 * n], row[7 * n : 8 * n],
            row[8 * n : 9 * n],
        )  # fmt: skip

    return read


@cache
def panel_terms() -> Any:
    """`read(table) -> Terms` of arrays [N] and the account's own numbers."""

    @compiler()
    def read(table: Any) -> Terms:
        return Terms(
            table[0], table[1], table[2], table[3], table[4], table[5], table[6], table[7],
            table[8], table[9], table[10], table[11], table[12], table[13], table[14], table[15],
            table[16, 0], table[17, 0], table[18, 0], table[19, 0],
        )  # fmt: skip

    return read


@cache
def scratch_reader() -> Any:
    """`read(room) -> Scratch` of views of [7, N] numbers."""

    @compiler()
    def read(room: Any) -> Scratch:
        return Scratch(room[0], room[1], room[2], room[3], room[4], room[5], room[6])

    return read
