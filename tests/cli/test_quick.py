"""The command answers at once: CPU time of a process of its own, the best of many: a busy
machine takes a third more at the median."""

import os
import subprocess
import sys

import pytest


def cpu_seconds(code: str, *arguments: str, tries: int = 15) -> float:
    best = float("inf")
    for _ in range(tries):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        best = min(best, usage.ru_utime + usage.ru_stime)
    return best


def test_help_takes_less_than_300_milliseconds():
    assert cpu_seconds("from drltrade.cli import main; main()", "--help") < 0.3


def test_importing_takes_less_than_200_milliseconds():
    assert cpu_seconds("import drltrade") < 0.2


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["data", "list"]])
def test_answers_without_the_heavy_libraries(arguments):
    code = (
        "import sys\n"
        "from drltrade.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'numba', 'plotly', 'gymnasium', 'stable_baselines3'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
