"""The command answers at once: CPU time of a process of its own, the best of several."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


def cpu_seconds(code: str, *arguments: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_help_takes_little_longer_than_the_library_that_prints_it():
    """In turns, so that a slow or busy machine is one for both; `bench_startup.py` has seconds."""
    ours, library = [], []
    for _ in range(8):
        ours.append(cpu_seconds("from drltrade.cli import main; main()", "--help"))
        library.append(cpu_seconds("import typer.rich_utils"))
    assert min(ours) < 1.6 * min(library)


def test_importing_takes_less_than_200_milliseconds():
    assert min(cpu_seconds("import drltrade") for _ in range(5)) < 0.2


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["data", "list"]])
def test_answers_without_the_heavy_libraries(arguments):
    assert heavy_libraries(arguments) == ("0", "")


def test_data_that_are_not_there_are_told_without_the_heavy_libraries():
    code, err = heavy_libraries(["train", "--set", "data=absent.csv"])
    assert (code, "'absent.csv' is neither an embedded data set" in err) == ("1", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--env", "nosuch"], "no preset 'nosuch' in envs/"),
        (["train", "--agent", "ppoo"], "no preset 'ppoo' in agents/; did you mean 'ppo'?"),
        (["train", "--agent", "absent.py:Mine"], "there is no file"),
        (["train", "--set", "costs.comission_bps=1"], "did you mean 'commission_bps'?"),
        (["train", "--set", 'features=["absent.py:f"]'], "feature 'absent.py:f': there is no"),
        (["backtest", "--run", "nosuch"], "nosuch: no run there"),
        (["backtest", "--baseline", "buy-hold"], "no baseline 'buy-hold'; did you mean 'buy-and"),
        (["backtest", "--strategy", "absent.py:f"], "strategy 'absent.py:f': there is no file"),
        (["report", "nosuch"], "nosuch: no run there"),
        (["ladder", "--rung", "nosuch"], "no preset 'nosuch' in envs/"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_refuses_what_is_misspelt_without_the_heavy_libraries(arguments, message):
    code, err = heavy_libraries(arguments)
    assert (code, message in err) == ("2", True), err


def heavy_libraries(arguments):
    """Exit code and stderr of the command, which fails here if it imports one of them."""
    code = (
        "import sys\n"
        "from drltrade.cli import main\n"
        "code = 0\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code or 0\n"
        "heavy = {'torch', 'numba', 'plotly', 'gymnasium', 'stable_baselines3'}\n"
        "print(code, *(heavy & set(sys.modules)), file=open('told', 'w'))"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True,
            cwd=folder, env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        return (Path(folder) / "told").read_text().strip(), done.stderr
