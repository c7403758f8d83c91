"""Repair: faults of each kind planted in sound series; how many come out right, and what is harmed.

    python benchmarks/bench_repair.py [--raw FILE ...] [--split FILE ...] [--adjusted FILE ...]
        [--walks N] [--restless N] [--seed N] [--half held]

Without files the series are random walks of days, weeks, months and hours. `--raw` are tables of
raw bars with an adj_close (columns symbol, timestamp, open ... volume, adj_close), whose steps are
told as splits and dividends; `--split` tables of bars adjusted for splits, without dividends;
`--adjusted` tables of prices that are given made-up splits and dividends of many kinds, as are the
`--restless` random walks. Half
of the symbols, or of the walks, is for development, and the other half is held out.
"""

import argparse
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from made_up import restless_walk, with_actions
from timing import print_machine, print_table
from vendors import FAULTS, FREQUENCIES, from_adjusted_close, longer, walk

from drltrade.data.bars import PRICES
from drltrade.data.repair import mended, repairs

RIGHT = 1e-4
"""Relative difference up to which a value is right."""
LENGTHS = {"1d": (120, 900), "1wk": (60, 400), "1mo": (36, 160), "1h": (150, 1500)}


def walks(half: str, seed: int, count: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Random walks at each interval."""
    for interval in FREQUENCIES:
        for number in range(count):
            rng = np.random.default_rng([seed, number, zlib.crc32(f"{half}{interval}".encode())])
            digits = [None, 2, 4][number % 3]
            yield (
                f"walk {interval}",
                walk(rng, interval, int(rng.integers(*LENGTHS[interval])), digits),
            )


def tables(paths: list[Path], half: str, raw: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Real series: of days, and of the same by weeks and months."""
    for path in paths:
        table = pd.read_parquet(path).rename(columns={"adj_close": "adjusted close"})
        for number, (_, group) in enumerate(table.groupby("symbol")):
            if ["development", "held"][number % 2] != half:
                continue
            names = ["open", "high", "low", "close", "volume"] + ["adjusted close"] * raw
            frame = group.set_index("timestamp")[names].rename_axis("time").dropna()
            frame = frame[(frame[names[:4]] > 0).all(axis=1)]
            if raw:
                frame = from_adjusted_close(frame)
            else:
                frame = frame.assign(dividend=0.0, split=1.0)
                frame["adjusted close"] = frame["close"]
            start = (zlib.crc32(str(group["symbol"].iloc[0]).encode()) % 7) * len(frame) // 14
            yield "real 1d", frame.iloc[start : start + 800]
            if raw:
                yield "real 1wk", longer(frame, "W-MON")
                yield "real 1mo", longer(frame, "MS")


def restless(half: str, seed: int, count: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Random walks with made-up actions, at each interval."""
    for interval in FREQUENCIES:
        for number in range(count):
            rng = np.random.default_rng([seed, number, zlib.crc32(f"{half} {interval}".encode())])
            bars = int(rng.integers(*LENGTHS[interval]))
            yield f"restless {interval}", restless_walk(rng, interval, bars)


def made_up(paths: list[Path], half: str, seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Prices of tables with made-up actions: as they are, and by weeks and months."""
    for path in paths:
        table = pd.read_parquet(path)
        for number, (symbol, group) in enumerate(table.groupby("symbol")):
            if ["development", "held"][number % 2] != half:
                continue
            frame = group.set_index("timestamp")[["open", "high", "low", "close", "volume"]]
            frame = frame[~frame.index.duplicated()].rename_axis("time").sort_index().dropna()
            frame = frame[(frame > 0).all(axis=1)].tz_localize(None)
            frame["high"] = frame[list(PRICES)].max(axis=1)
            frame["low"] = frame[list(PRICES)].min(axis=1)
            rng = np.random.default_rng([seed, zlib.crc32(str(symbol).encode())])
            start = int(rng.integers(0, max(len(frame) - 800, 1)))
            yield f"{path.name[:9]} as it is", with_actions(frame.iloc[start : start + 800], rng)
            for rule in ("W-MON", "MS"):
                bars = longer(with_actions(frame, rng), rule)
                if len(bars) > 30:
                    yield f"{path.name[:9]} {rule}", bars


def judged(good: pd.DataFrame, bad: pd.DataFrame, where: str) -> tuple[int, int, int, int]:
    """Bars that were wrong, that are right now, that are set aside, and right ones changed."""
    log = repairs(bad, where, "split")
    kept = mended(bad, log, where)
    ours = kept.reindex(bad.index)
    aside = ~bad.index.isin(kept.index)
    wrong, missed, touched = differ(bad, good), differ(ours, good), differ(ours, bad)
    # A true dividend of a bar set aside is paid at the next one, which is right there.
    whole = log[log["column"] == "*"].assign(before=good["close"].to_numpy()[aside])
    touched &= differ(ours, mended(good, whole, where).reindex(bad.index))
    return (
        int(wrong.sum()), int((wrong & ~missed).sum()), int((wrong & aside).sum()),
        int((touched & ~wrong).sum()),
    )  # fmt: skip


def differ(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """[T] whether any value of a bar does."""
    names = [name for name in one.columns if name != "split"]
    same = np.isclose(one[names], other[names], rtol=RIGHT, atol=1e-12, equal_nan=True)
    return ~same.all(axis=1)


def main() -> None:
    """Plant, mend, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--raw", type=Path, nargs="*", default=[])
    options.add_argument("--split", type=Path, nargs="*", default=[])
    options.add_argument("--adjusted", type=Path, nargs="*", default=[])
    options.add_argument("--restless", type=int, default=0, help="such walks of each interval")
    options.add_argument("--half", choices=["development", "held", "both"], default="both")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--walks", type=int, default=12, help="random walks of each interval")
    options.add_argument("--kind", default="", help="only faults whose name begins so")
    options.add_argument("--verbose", action="store_true", help="name each series that fails")
    asked = options.parse_args()
    print_machine("drltrade", "pandas", "numpy")
    halves = ["development", "held"] if asked.half == "both" else [asked.half]
    for half in halves:
        report(half, asked)


def report(half: str, asked: argparse.Namespace) -> None:
    """The tables of one half."""
    results = []
    series = [
        *walks(half, asked.seed, asked.walks), *tables(asked.raw, half, True),
        *tables(asked.split, half, False), *made_up(asked.adjusted, half, asked.seed),
        *restless(half, asked.seed, asked.restless),
    ]  # fmt: skip
    for number, (group, good) in enumerate(series):
        results.append((group, "none", *judged(good, good, "A"), number))
        for kind, fault in FAULTS.items():
            if not kind.startswith(asked.kind):
                continue
            key = [asked.seed, number, zlib.crc32(kind.encode())]
            bad = fault(good, np.random.default_rng(key))
            if bad is None or not differ(bad, good).any():
                continue
            found = judged(good, bad, "A")
            results.append((group, kind, *found, number))
            if asked.verbose and (found[3] or found[1] < found[0]):
                print(group, number, kind, found)
    names = ["group", "kind", "wrong", "right", "aside", "harmed", "series"]
    table = pd.DataFrame(results, columns=names)
    table["share"] = (table["right"] / table["wrong"]).where(table["wrong"] > 0)
    for by in ("kind", "group"):
        rows = [
            [str(name), str(len(each)), str(each["wrong"].sum()),
             f"{each['right'].sum() / max(each['wrong'].sum(), 1):.0%}",
             f"{each['share'].mean():.0%}",
             str(each["aside"].sum()), str(each["harmed"].sum()), str((each["harmed"] > 0).sum())]
            for name, each in table.groupby(by, sort=False)
        ]  # fmt: skip
        wrong = table[table["wrong"] > 0]
        total = ["all", str(len(wrong)), str(wrong["wrong"].sum()),
                 f"{wrong['right'].sum() / max(wrong['wrong'].sum(), 1):.0%}",
                 f"{wrong['share'].mean():.0%}", str(table["aside"].sum()),
                 str(table["harmed"].sum()), str((table["harmed"] > 0).sum())]  # fmt: skip
        print_table(
            f"Repair, {half}: by {by}",
            [by, "series", "wrong bars", "right now", "mean of series", "set aside",
             "right bars changed", "in series"],
            [*rows, total],
        )  # fmt: skip


if __name__ == "__main__":
    main()
