"""Data: from prices to a market, from a file to the store, the store's speed, what repair finds.

    python benchmarks/bench_data.py [--prices FILE] [--pairs FILE]

Seconds are of the clock, for reading and writing wait for the disk; medians of five. `--prices` is
a file to import and check, such as the five years of 505 shares of "S&P 500 stock data" (619,040
rows; its prices are adjusted for splits). `--pairs` is a table of series as Yahoo had them and as
they were mended by hand, from yfinance's own tests: columns symbol, interval, kind, state (bad or
fixed; a series that has no fixed one must not be touched), timestamp, open ... volume, adj_close,
dividends, stock_splits.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from timing import print_machine, print_table, rates

from drltrade.data.catalog import load_bars
from drltrade.data.quality import check
from drltrade.data.repair import mended, repairs
from drltrade.data.store import About, Store
from drltrade.envs.task import Task
from drltrade.experiment.presets import resolve_env

COMMAND = str(Path(sys.executable).with_name("drltrade"))
SYMBOLS, BARS = 500, 10_000
RIGHT = 1e-4
"""Relative difference up to which a repaired value is the one mended by hand."""
COLUMNS = {"adj_close": "adjusted close", "dividends": "dividend", "stock_splits": "split"}


def seconds(work: Callable[[], object], repetitions: int = 5) -> float:
    """The median, after one that does not count."""
    found = []
    for round_ in range(repetitions + 1):
        started = time.perf_counter()
        work()
        if round_:
            found.append(time.perf_counter() - started)
    return statistics.median(found)


def bench_market() -> None:
    """us5 from its file to a market with features, scaled."""
    config = resolve_env("us5-daily", {})
    taken = seconds(lambda: Task.build(config))
    print_table("us5 to a ready market", ["case", "s", "target"],
                [["us5-daily", f"{taken:.3f}", "0.3"]])  # fmt: skip


def bench_import(prices: Path) -> None:
    """The whole command, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = ["--zone", "America/New_York", "--adjustment", "split", "--name", "prices"]
        command = [COMMAND, "data", "import", str(prices.resolve()), *told, "--calendar", "XNYS",
                   "--json"]  # fmt: skip
        started = time.perf_counter()
        ran = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        taken = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    rows = [["seconds", f"{taken:.1f}", "10"], ["GB at the peak", f"{peak:.2f}", "1"]]
    found = pd.DataFrame(json.loads(ran.stdout))
    per_kind = found.groupby(["severity", "kind"], sort=False)["bars"].sum()
    rows += [[f"{kind} ({severity})", str(bars), ""] for (severity, kind), bars in per_kind.items()]
    print_table(f"Import and check of {prices.name}", ["what", "found", "target"], rows)
    large = found[found["kind"].isin(["large_move", "bad_tick", "split", "spin_off"])]
    print("\n".join(f"{r.severity} {r.kind} {r.symbol} {r.first}: {r.found}"
                    for r in large.itertuples()), "\n")  # fmt: skip


def bench_csv(bars: int = 2_000_000) -> None:
    """A CSV of minutes into checked bars, in CPU seconds, beside pandas reading the same file."""
    rng = np.random.default_rng(0)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 1e-4, bars))), 6)
    prices = {"open": close, "high": close + 0.1, "low": close - 0.1, "close": close}
    table = pd.DataFrame({
        "time": pd.date_range("2015-01-01 00:01", periods=bars, freq="1min"), **prices,
        "volume": rng.integers(1, 1000, bars),
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minutes.csv"
        table.to_csv(path, index=False)

        def examine() -> int:
            os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(dir=folder)
            load_bars(path)
            return bars

        def again() -> int:
            load_bars(path)
            return bars

        def plainly() -> int:
            pd.read_csv(path)
            return bars

        found = rates({"pandas": plainly, "for the first time": examine, "again": again}, 5)
    frame = table.set_index("time").iloc[:100_000].astype(float)
    started = time.process_time()
    check({"X": frame})
    alone = time.process_time() - started
    base = bars / found["pandas"].median
    rows = [
        [name, f"{bars / rate.median:.2f}", f"{bars / rate.median / base:.2f}x", "3x"]
        for name, rate in found.items()
    ]
    rows.append(["the check alone, 100,000 rows", f"{alone:.2f}", "", "0.3 s"])
    print_table(f"CSV of {bars:,} minutes", ["case", "CPU s", "to pandas", "target"], rows)


def bench_store() -> None:
    """Beside it pandas, with a file a symbol that is rewritten on each append."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2015-01-01", periods=BARS + 10, freq="h", name="time")
    frames = {}
    for number in range(SYMBOLS):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(times)))), 2)
        volume = rng.integers(1, 1_000_000, len(times)).astype(float)
        frames[f"S{number}"] = pd.DataFrame(
            {"open": close, "high": close, "low": close, "close": close, "volume": volume}, times
        )
    month = pd.Timestamp("2015-06-01"), pd.Timestamp("2015-06-30 23:00")
    with tempfile.TemporaryDirectory() as folder:
        store, plain = Store(Path(folder) / "store"), Path(folder)
        with store.writing("set", "1h") as writer:
            for symbol, frame in frames.items():
                writer.replace(symbol, frame.iloc[:BARS], About("bench", "UTC", "1h", "full"))
        for symbol, frame in frames.items():
            frame.iloc[:BARS].to_parquet(plain / symbol, compression="zstd")
        days = iter(range(10))

        def append() -> None:
            at = BARS + next(days)
            with store.writing("set", "1h") as writer:
                for symbol, frame in frames.items():
                    writer.append(symbol, frame.iloc[at : at + 1])

        def rewrite() -> None:
            for symbol, frame in frames.items():
                whole = pd.concat([pd.read_parquet(plain / symbol), frame.iloc[BARS : BARS + 1]])
                whole.to_parquet(plain / symbol, compression="zstd")

        def read_month() -> None:
            for symbol in frames:
                store.read("set", "1h", symbol, *month)

        def read_month_plainly() -> None:
            for symbol in frames:
                pd.read_parquet(plain / symbol).loc[slice(*month)]

        rows = [
            ["one symbol", seconds(lambda: store.read("set", "1h", "S7")),
             seconds(lambda: pd.read_parquet(plain / "S7")), "0.010"],
            ["all symbols, one month", seconds(read_month), seconds(read_month_plainly), "1"],
            ["a bar appended to all", seconds(append), seconds(rewrite, 1), "5"],
        ]  # fmt: skip
    print_table(
        f"The store: {SYMBOLS} symbols of {BARS:,} bars", ["case", "s", "pandas, s", "target"],
        [[name, f"{ours:.4f}", f"{theirs:.4f}", goal] for name, ours, theirs, goal in rows],
    )  # fmt: skip


def bench_repair(pairs: Path) -> None:
    """Series as they were, mended here, against how they were mended by hand."""
    table, rows = pd.read_parquet(pairs).rename(columns=COLUMNS), []
    for (kind, symbol, _), group in table.groupby(["kind", "symbol", "interval"]):
        bad = series(group[group["state"] == "bad"])
        fixed = series(group[group["state"] == "fixed"]).reindex(bad.index)
        control = not (group["state"] == "fixed").any()
        good = bad if control else fixed
        log = repairs(bad, symbol.replace("-", "."), "split")
        ours = mended(bad, log[log["kind"] != "quarantine"], symbol)
        wrong, touched, missed = differ(bad, good), differ(bad, ours), differ(ours, good)
        rows.append([f"{kind} {symbol}", wrong.sum(), (wrong & ~missed).sum(),
                     (touched & ~wrong).sum()])  # fmt: skip
    total = np.array([row[1:] for row in rows]).sum(axis=0)
    rows.append(["all", *total])
    print_table(
        "Repair: bars of a series", ["series", "wrong", "right now", "others touched"],
        [[str(cell) for cell in row] for row in rows],
    )  # fmt: skip
    print(f"{total[1] / total[0]:.1%} of the wrong bars are right to {RIGHT:g} (target 90%)\n")


def series(rows: pd.DataFrame) -> pd.DataFrame:
    """One series as our sources hand it on."""
    rows = rows.drop_duplicates("timestamp")
    times = pd.DatetimeIndex(pd.to_datetime(rows["timestamp"].str[:19]), name="time")
    names = ["open", "high", "low", "close", "volume", *COLUMNS.values()]
    frame = rows[names].set_axis(times).sort_index()
    return frame.assign(
        split=frame["split"].where(frame["split"] > 0, 1.0), dividend=frame["dividend"].fillna(0.0)
    )


def differ(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """[T] whether any value of a bar does."""
    names = [name for name in one.columns if name != "split"]
    same = np.isclose(one[names], other[names], rtol=RIGHT, atol=1e-12, equal_nan=True)
    return ~same.all(axis=1)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--prices", type=Path)
    options.add_argument("--pairs", type=Path)
    asked = options.parse_args()
    print_machine("drltrade", "pandas", "pyarrow", "numpy")
    if asked.prices:
        bench_import(asked.prices)
    bench_market()
    bench_csv()
    bench_store()
    if asked.pairs:
        bench_repair(asked.pairs)


if __name__ == "__main__":
    main()
