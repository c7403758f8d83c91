"""The results in words and rows: what the command prints and the page shows."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Ledger
from drltrade.errors import ConfigError
from drltrade.evaluation.metrics import metrics, total_return
from drltrade.evaluation.relative import RELATIVE, relative_metrics

LEAST_PART = 1e-6
"""Costs by part are shown from this fraction of initial equity."""

KINDS = ("agent", "baseline", "benchmark", "random")
"""Of entries, in the order in which they are shown."""

BEATS_RANDOM = (
    "Share of the random strategies of the same exposure and turnover that had a lower total "
    "return (equal ones count half). They make the agent's own decisions, moved round the period "
    "by a random number of bars; near 50%, its timing earned nothing."
)


@dataclass(frozen=True)
class Entry:
    """One line of the report: an agent with several seeds, a baseline, or random strategies."""

    name: str
    ledgers: tuple[Ledger, ...]
    """One per seed. A baseline has one, random strategies are many."""
    kind: Literal["agent", "baseline", "benchmark", "random"]
    """A benchmark is what the user gives to be measured against, beside buy-and-hold."""
    curves: tuple[pd.DataFrame, ...] = ()
    """Training curve per seed; columns steps and any of train_reward, validation_return, loss."""
    seeds: tuple[int, ...] = ()
    """The number of each seed; without them seeds are counted from 1."""
    of: str = ""
    """Of random strategies: the name of the entry that they hold and trade as much as."""

    def seed_name(self, index: int) -> str:
        """What to call the seed of a ledger: "seed 7"; "seed 2 of 3" without numbers."""
        if self.seeds:
            return f"seed {self.seeds[index]}"
        return f"seed {index + 1} of {len(self.ledgers)}"

    @property
    def representative(self) -> int:
        """Index of the ledger with the median final equity (of an even number, the lower one)."""
        final = [ledger.equity[-1] for ledger in self.ledgers]
        return int(np.argsort(final, kind="stable")[(len(final) - 1) // 2])

    @property
    def bankrupt(self) -> int:
        """How many of the ledgers were closed because their equity was gone."""
        return sum(ledger.bankrupt for ledger in self.ledgers)


def check_entries(entries: Sequence[Entry], benchmark: str) -> Entry:
    """Return the benchmark's entry.

    Raises ConfigError when it is missing, a name stands twice, an entry has no ledger, or the
    ledgers do not cover the same bars (numbers over different periods can't be compared).
    """
    names = [entry.name for entry in entries]
    if benchmark not in names:
        raise ConfigError(f"the benchmark {benchmark!r} is not among the entries {names}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"entries need names of their own; found more than once: {twice}")
    for entry in entries:
        if not entry.ledgers:
            raise ConfigError(f"the entry {entry.name!r} has no ledger")
    reference = entries[names.index(benchmark)]
    times = reference.ledgers[0].times
    for entry in entries:
        for ledger in entry.ledgers:
            if not ledger.times.equals(times):
                raise ConfigError(
                    f"{entry.name!r} covers {len(ledger.times)} bars from {ledger.times[0]} to "
                    f"{ledger.times[-1]}, but {benchmark!r} covers {len(times)} from {times[0]} to "
                    f"{times[-1]}: entries of one report must cover the same bars"
                )
    return reference


def summary_table(entries: Sequence[Entry], benchmark: str) -> list[dict[str, Any]]:
    """One row per entry, agents first: name, kind, seeds, bankrupt, beats_* and metrics.

    Each metric stands as its median over the seeds, with `<metric>_low` and `<metric>_high`
    beside it. They are taken over the `<metric>_defined` seeds for which the metric is defined,
    and NaN when there is none; for one seed all three are equal. `beats_benchmark` compares
    median total returns and is None for baselines; `beats_random` is as `BEATS_RANDOM` says, NaN
    where there are no random strategies beside the entry.
    """
    bar = median_return(check_entries(entries, benchmark))
    rows = []
    random = {entry.of: entry for entry in entries if entry.kind == "random"}
    for entry in sorted(entries, key=lambda entry: KINDS.index(entry.kind)):
        row: dict[str, Any] = {"name": entry.name, "kind": entry.kind}
        row |= {"seeds": len(entry.ledgers), "bankrupt": entry.bankrupt}
        agent = entry.kind == "agent"
        row["beats_benchmark"] = median_return(entry) > bar if agent else None
        row["beats_random"] = _beats(entry, random.get(entry.name))
        found = [metrics(ledger) for ledger in entry.ledgers]
        for name in found[0]:
            values = np.array([each[name] for each in found])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # no seed defines it: NaN
                row[name] = float(np.nanmedian(values))
                row[f"{name}_low"] = float(np.nanmin(values))
                row[f"{name}_high"] = float(np.nanmax(values))
            row[f"{name}_defined"] = int(np.isfinite(values).sum())
        rows.append(row)
    return rows


def given_benchmarks(entries: Sequence[Entry]) -> list[str]:
    """Names of the benchmarks that the user gave."""
    return [entry.name for entry in entries if entry.kind == "benchmark"]


def relative_rows(entries: Sequence[Entry], benchmarks: Sequence[str]) -> list[dict[str, Any]]:
    """One row per agent and baseline: its name, and per benchmark the medians of `RELATIVE`.

    Each row holds benchmark -> metric -> median over the seeds; a benchmark's own is left out.
    """
    named = {entry.name: entry for entry in entries}
    rows = []
    for entry in (each for each in entries if each.kind != "random"):
        row: dict[str, Any] = {"name": entry.name}
        for name in benchmarks:
            other = named[name].ledgers[0]
            found = [relative_metrics(ledger, other) for ledger in entry.ledgers]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # no seed defines it: NaN
                medians = {key: float(np.nanmedian([each[key] for each in found]))
                           for key in RELATIVE}  # fmt: skip
            row |= {name: medians} if entry.name != name else {}
        rows.append(row)
    return rows


def _beats(entry: Entry, random: Entry | None) -> float:
    """See `BEATS_RANDOM`."""
    if random is None:
        return math.nan
    own = median_return(entry)
    others = np.array([total_return(ledger.equity) for ledger in random.ledgers])
    equal = np.isclose(others, own, rtol=0.0, atol=1e-9)
    return float(np.mean(np.where(equal, 0.5, others < own)))


def verdicts(entries: Sequence[Entry], benchmark: str) -> list[str]:
    """One sentence per agent, computed from its total returns, and one on what they can't show."""
    reference = check_entries(entries, benchmark)
    agents = [entry for entry in entries if entry.kind == "agent"]
    sentences = [_verdict(agent, reference) for agent in agents]
    if agents:
        trials = sum(len(agent.ledgers) for agent in agents)
        most = max(len(agent.ledgers) for agent in agents)
        many = f"{most} seeds on one period prove nothing beyond luck: all met the same prices."
        one = "1 seed on one period proves nothing beyond luck."
        sentences.append(
            f"{many if most > 1 else one} Number of trials: {trials} (each seed of each agent is "
            "one); the more trials, the better the best of them looks by chance alone."
        )
    return sentences


def _verdict(agent: Entry, benchmark: Entry) -> str:
    bar = median_return(benchmark)
    returns = [total_return(ledger.equity) for ledger in agent.ledgers]
    seeds = len(returns)
    above = sum(value > bar for value in returns)
    if seeds == 1:
        found = f"total return {percent(returns[0])} with one seed"
    else:
        found = (
            f"median total return {percent(median_return(agent))} over {seeds} seeds "
            f"(lowest {percent(min(returns))}, highest {percent(max(returns))})"
        )
    beats = "beats" if median_return(agent) > bar else "does NOT beat"
    count = f" ({above} of {seeds} seeds {'does' if above == 1 else 'do'})" if seeds > 1 else ""
    ruined = f" {agent.bankrupt} of {seeds} went bankrupt." if agent.bankrupt else ""
    return (
        f"{agent.name}: {found} against {percent(bar)} for {benchmark.name}: "
        f"{beats} {benchmark.name}{count}.{ruined}"
    )


def median_return(entry: Entry) -> float:
    """Median total return over the ledgers of an entry."""
    return float(np.median([total_return(ledger.equity) for ledger in entry.ledgers]))


def cost_paid(ledger: Ledger) -> dict[str, float]:
    """Part -> money paid over the period; negative where more was received."""
    return {part: float(np.sum(paid)) for part, paid in ledger.costs.items()}


def cost_parts(entries: Sequence[Entry]) -> list[str]:
    """The parts that any entry's representative seed paid or received, in the ledger's order.

    What stays below `LEAST_PART` of its initial equity is left out: rounding, or next to it.
    """
    shown = [entry.ledgers[entry.representative] for entry in entries]
    names = dict.fromkeys(part for ledger in shown for part in ledger.costs)
    largest = {
        part: max(abs(cost_paid(ledger).get(part, 0.0)) / ledger.equity[0] for ledger in shown)
        for part in names
    }
    return [part for part in names if largest[part] >= LEAST_PART]


def counted(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(value: float) -> str:
    """`+12.3%`, with its sign."""
    return f"{value:+,.1%}"
