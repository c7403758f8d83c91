"""Rates per second of CPU, fairly: warmed up, interleaved, medians.

CPU time of this process counts, not the clock on the wall, so other programs on the machine disturb
little; and the cases take turns, so what still disturbs one disturbs all.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Rate(NamedTuple):
    """Units of work per CPU second over the repetitions."""

    median: float
    low: float
    high: float


def rates(cases: Mapping[str, Callable[[], int]], repetitions: int = 7) -> dict[str, Rate]:
    """Time every case in turn, `repetitions` times over, after one round that does not count.

    Args:
        cases: name -> a function that does some work and returns how many units it did.
        repetitions: rounds that count.
    """
    found: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(repetitions + 1):
        for name, work in cases.items():
            started = time.process_time()
            units = work()
            spent = time.process_time() - started
            if round_:
                found[name].append(units / spent)
    return {
        name: Rate(statistics.median(each), min(each), max(each)) for name, each in found.items()
    }


def print_machine(*packages: str) -> None:
    """What the figures below were measured with."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), cpu)
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{cpu}, {os.cpu_count()} CPUs{load}; Python {platform.python_version()}, {versions}\n")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table; the first column to the left, the others to the right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    print(f"### {title}\n")
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print("| " + " | ".join(rule) + " |")
    print(flush=True)
