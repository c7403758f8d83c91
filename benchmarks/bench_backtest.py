"""How fast paths of targets are replayed, beside vectorbt on the same prices, targets and costs.

    python benchmarks/bench_backtest.py

One thread, CPU time, medians of five rounds in which the cases take turns. Needs the extra `bench`
(vectorbt). The kernels are compiled in a round that does not count, as vectorbt's are.

- One million bars, one asset, an order on every bar: the kernel alone, `replay`, which returns the
  ledger (positions, fills, costs by part), and `trades`, the table of round trips.
- A thousand strategies in one asset over 5,000 bars: final equity of each (`sweep_kernel`), and
  with the moments of their returns.
- 30 assets over 5,000 bars, rebalanced to given weights of post-cost equity on every bar. In a row,
  as in a search, the market stays in the processor's cache; after vectorbt it has to be fetched.

vectorbt's orders are sized by its targetpercent, of the value before costs.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import vectorbt
from markets import walk
from timing import print_machine, print_table, rates

from drltrade.backtesting.engine import replay
from drltrade.backtesting.trades import trades
from drltrade.market.paths import (
    Block,
    Column,
    make_room,
    make_sweep_room,
    replay_kernel,
    sweep_kernel,
)
from drltrade.market.simulator import Rules
from drltrade.market.terms import Plan, Terms

BARS, STRATEGIES, SWEPT, ASSETS = 1_000_000, 1000, 5000, 30
IN_A_ROW = 20
EQUITY = 100_000.0
COST = 1e-6
TERMS = Terms(commission=COST, slippage=COST)

Work = Callable[[], int]


def counted(units: int, work: Callable[[], Any]) -> Work:
    """`work`, which does so many units."""

    def counting() -> int:
        work()
        return units

    return counting


def peer(market: Any, targets: Any, **settings: Any) -> Any:
    """The same in vectorbt."""
    return vectorbt.Portfolio.from_orders(
        market.close[1:],
        size=targets,
        size_type="targetpercent",
        price=market.open[1:],
        fees=COST,
        slippage=COST,
        init_cash=EQUITY,
        **settings,
    )


def one_path() -> dict[str, Work]:
    """One million bars."""
    market = walk(BARS + 1, size=1e-5, frequency="min")
    rules = Rules(Plan(holding=False, order_fees=False), TERMS, EQUITY)
    targets = np.random.default_rng(1).uniform(0.4, 0.6, BARS)
    tape, table = market.tape("next_open")[:BARS], TERMS.table(1)
    kernel, room = replay_kernel(rules.plan), make_room(1)
    amounts = np.zeros((BARS, 1))

    def alone() -> None:
        columns = np.zeros((len(Column), BARS + 1))
        columns[:2, 0] = EQUITY
        blocks = np.zeros((len(Block), BARS + 1, 1))
        kernel(tape, table, targets[:, None], amounts, columns, blocks, rules.floor, room)

    ledger = replay(targets, market, range(BARS + 1), rules)
    filled = int(np.isfinite(ledger.fill_price).sum())
    assert filled > 0.99 * BARS, f"{filled} orders"
    return {
        "replay_kernel": counted(BARS, alone),
        "replay": counted(BARS, lambda: replay(targets, market, range(BARS + 1), rules)),
        "trades": counted(BARS, lambda: trades(ledger)),
        "vectorbt": counted(BARS, lambda: peer(market, targets[:, None])),
    }


def strategies() -> dict[str, Work]:
    """A thousand strategies side by side."""
    market = walk(SWEPT + 1)
    plan = Plan(holding=False, order_fees=False)
    targets = np.random.default_rng(1).uniform(0.4, 0.6, (SWEPT, STRATEGIES))
    tape, table, room = (
        market.tape("next_open")[:SWEPT],
        TERMS.table(1),
        make_sweep_room(STRATEGIES),
    )

    def swept(statistics: bool) -> Callable[[], Any]:
        kernel, summary = sweep_kernel(plan, statistics), np.zeros((3, STRATEGIES))
        return lambda: kernel(tape, table, targets, summary, EQUITY, 1e-6 * EQUITY, room)

    size = SWEPT * STRATEGIES
    return {
        "sweep_kernel": counted(size, swept(False)),
        "sweep_kernel, with moments": counted(size, swept(True)),
        "vectorbt": counted(size, lambda: peer(market, targets).final_value()),
    }


def many_assets() -> dict[str, Work]:
    """30 assets, rebalanced daily."""
    market = walk(SWEPT + 1, ASSETS)
    rules = Rules(Plan(single=False, holding=False, order_fees=False), TERMS, EQUITY)
    targets = np.random.default_rng(1).uniform(0.0, 1.0, (SWEPT, ASSETS))
    targets *= 0.98 / targets.sum(1, keepdims=True)
    tape, table = market.tape("next_open", 32)[:SWEPT], TERMS.table(ASSETS, 32)
    padded = np.pad(targets, ((0, 0), (0, 2)), constant_values=np.nan)
    kernel, amounts = replay_kernel(rules.plan), np.zeros((SWEPT, 32))
    columns, blocks = np.zeros((len(Column), SWEPT + 1)), np.zeros((len(Block), SWEPT + 1, 32))
    columns[:2, 0] = EQUITY

    def alone() -> None:
        kernel(tape, table, padded, amounts, columns, blocks, rules.floor, make_room(32))

    def theirs() -> Any:
        return peer(market, targets, cash_sharing=True, group_by=True, call_seq="auto")

    def whole() -> Any:
        return replay(targets, market, range(SWEPT + 1), rules)

    def in_a_row(work: Callable[[], Any]) -> Callable[[], None]:
        def repeated() -> None:
            for _ in range(IN_A_ROW):
                work()

        return repeated

    return {
        "vectorbt": counted(1, theirs),
        "replay_kernel, after it": counted(1, alone),
        f"replay_kernel, {IN_A_ROW} in a row": counted(IN_A_ROW, in_a_row(alone)),
        "vectorbt again": counted(1, theirs),
        "replay, after it": counted(1, whole),
        f"replay, {IN_A_ROW} in a row": counted(IN_A_ROW, in_a_row(whole)),
    }


def main() -> None:
    """Measure and print."""
    warnings.filterwarnings("ignore", module="vectorbt")
    print_machine("drltrade", "numba", "numpy", "pandas", "vectorbt")
    title = f"{BARS:,} bars, an order on each (target: 30)"
    rows = [
        [name, f"{rate.median / 1e6:,.3g}", f"{rate.low / 1e6:,.3g} - {rate.high / 1e6:,.3g}"]
        for name, rate in rates(one_path(), repetitions=5).items()
    ]
    print_table(title, ["case", "M bars / CPU-s", "range"], rows)
    title = f"{STRATEGIES:,} strategies, {SWEPT:,} bars (target: 1,000)"
    rows = [
        [name, f"{rate.median / 1e6:,.4g}", f"{rate.low / 1e6:,.4g} - {rate.high / 1e6:,.4g}"]
        for name, rate in rates(strategies(), repetitions=5).items()
    ]
    print_table(title, ["case", "M bars / CPU-s", "range"], rows)
    title = f"{ASSETS} assets, {SWEPT:,} bars, rebalanced on each (target: 1)"
    rows = [
        [name, f"{1e3 / rate.median:,.3g}", f"{1e3 / rate.high:,.3g} - {1e3 / rate.low:,.3g}"]
        for name, rate in rates(many_assets(), repetitions=15).items()
    ]
    print_table(title, ["case", "CPU ms", "range"], rows)


if __name__ == "__main__":
    main()
