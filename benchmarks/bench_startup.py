"""How soon the command answers: CPU seconds of `drltrade --help` and of `import drltrade`.

    python benchmarks/bench_startup.py

Each is run ten times in a process of its own, in turns. CPU seconds are user and system time of the
process, as the operating system counts them; the bare interpreter stands beside them.
"""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from timing import print_machine, print_table

REPETITIONS = 10

COMMAND = str(Path(sys.executable).with_name("drltrade"))
CASES = {
    "drltrade --help": ([COMMAND, "--help"], "0.3"),
    "import drltrade": ([sys.executable, "-c", "import drltrade"], "0.2"),
    "python -c pass": ([sys.executable, "-c", "pass"], ""),
}


def cpu_seconds(command: list[str]) -> float:
    """Of one process, its own children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    print_machine("drltrade", "typer", "rich")
    found: dict[str, list[float]] = {name: [] for name in CASES}
    for round_ in range(REPETITIONS + 1):
        for name, (command, _) in CASES.items():
            seconds = cpu_seconds(command)
            if round_:  # the first one fills the caches of the disk
                found[name].append(seconds)
    rows = [
        [name, f"{min(found[name]):.3f}", f"{statistics.median(found[name]):.3f}", target]
        for name, (_, target) in CASES.items()
    ]
    print_table("Start", ["case", "best, CPU seconds", "median", "target"], rows)


if __name__ == "__main__":
    main()
