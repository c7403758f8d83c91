"""How fast a path of targets is replayed: one million bars with a trade on every one of them.

    python benchmarks/bench_backtest.py

One thread, CPU time, medians of seven rounds. `replay_kernel` is the compiled loop alone, compiled
in this process and timed afterwards; `replay` returns the whole ledger (equity, positions, fills,
turnover, costs by part), and `trades` makes the table of round trips from it.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import time

import numpy as np
import pandas as pd
import torch
from timing import print_machine, print_table, rates

from drltrade.backtest.engine import replay
from drltrade.backtest.trades import trades
from drltrade.envs.config import TradingConfig
from drltrade.market.account import RUIN
from drltrade.market.costs import Costs
from drltrade.market.kernels import replay_kernel
from drltrade.market.tensors import Market

BARS = 1_000_000


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print_machine("drltrade", "numba", "numpy", "pandas")

    # One-minute bars whose moves and costs are small enough for an account to live through them.
    random = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-5, BARS + 1)))
    market = Market(
        symbol="WALK",
        times=pd.date_range("2020-01-01", periods=BARS + 1, freq="min"),
        open=close * np.exp(random.normal(0.0, 1e-6, BARS + 1)),
        close=close,
        tradable=np.ones(BARS + 1, np.bool_),
        features=np.zeros((BARS + 1, 1), np.float32),
        columns=("none",),
        periods_per_year=525_600.0,
    )
    targets = random.uniform(-1.0, 1.0, BARS)
    config = TradingConfig(costs=Costs(commission_bps=0.01, slippage_bps=0.01))
    arguments = (
        targets, market.fill_price(config.fill)[:BARS], close, market.years[:BARS],
        config.initial_equity, RUIN * config.initial_equity, config.costs.rates(),
    )  # fmt: skip

    started = time.process_time()
    kernel = replay_kernel(config.fill)
    table = kernel(*arguments)
    compiling = time.process_time() - started
    traded = np.count_nonzero(table[3])
    ledger = replay(targets, market, range(BARS + 1), config)

    def run_kernel() -> int:
        kernel(*arguments)
        return 1

    def run_replay() -> int:
        replay(targets, market, range(BARS + 1), config)
        return 1

    def run_trades() -> int:
        trades(ledger)
        return 1

    found = rates({"replay_kernel": run_kernel, "replay": run_replay, "trades": run_trades})
    rows = [
        [name, f"{1 / rate.median:.3f}", f"{1 / rate.high:.3f} - {1 / rate.low:.3f}"]
        for name, rate in found.items()
    ]
    rows.append(["import numba, compile, first run", f"{compiling:.2f}", "once"])
    title = f"{BARS:,} bars, {traded:,} trades (target for the first line: 0.1)"
    print_table(title, ["case", "CPU seconds", "range"], rows)
    print(f"{len(trades(ledger)):,} round trips; final equity {ledger.equity[-1]:,.2f}\n")


if __name__ == "__main__":
    main()
