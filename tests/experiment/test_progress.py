"""How far a training is, off a terminal, and what Ctrl-C leaves."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from drltrade.experiment import progress as shown
from drltrade.experiment.progress import progress


def test_progress_off_a_terminal_is_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(shown, "EVERY", 0.05)
    file = io.StringIO()
    # Where colours are forced, as CI does, rich takes a file for a terminal.
    with progress({"ppo": 1000, "dqn": 500}, Console(file=file, force_terminal=True)) as watch:
        watch("ppo", 250, {"best_validation": 0.1234, "loss": 0.5})
        time.sleep(0.12)
        watch("dqn", 100, {})
        watch("ppo", 900, None)
        time.sleep(0.12)
    text = file.getvalue()
    assert "\x1b" not in text
    assert "0:00 ppo: 250 of 1,000 steps, 25%, best +0.123, loss 0.500\n" in text
    assert "0:00 ppo: done after 900 steps\n" in text
    assert "0:00 dqn: 100 of 500 steps, 20%\n" in text.split("done after")[1]
    assert "ppo: 250" not in text.split("done after")[1]


def test_progress_says_nothing_more_when_all_is_done(monkeypatch):
    monkeypatch.setattr(shown, "EVERY", 0.05)
    file = io.StringIO()
    with progress({"ppo": 1000}, Console(file=file)) as watch:
        time.sleep(0.12)
        assert "no step yet" in file.getvalue()
        watch("ppo", 1000, None)
        time.sleep(0.12)
    assert file.getvalue().endswith("ppo: done after 1,000 steps\n")


def test_progress_waits_thirty_seconds_between_lines():
    assert shown.EVERY == 30.0


def well_under_way(folder):
    """Whether a training has a best checkpoint, and has gone on since."""
    figures = folder / "metrics.csv"
    reported = len(figures.read_text().splitlines()) if figures.is_file() else 0
    return (folder / "checkpoints" / "best.pt").is_file() and reported >= 5


@pytest.mark.parametrize("seeds", [[], pytest.param(["--seeds", "2"], marks=pytest.mark.slow)])
def test_an_interrupt_says_what_was_kept_and_exits_with_130(tmp_path, seeds):
    command = [sys.executable, "-m", "drltrade", "train", "--agent", "ppo", "--run", "r", *seeds,
               "--device", "cpu", "--set", "training.total_steps=50000000",
               "--set", "training.evaluations=10000",
               "--set", "training.patience=10000"]  # fmt: skip
    training = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    folders = [tmp_path / "r" / f"ppo-seed{i}" for i in (0, 1)] if seeds else [tmp_path / "r"]
    end = time.monotonic() + 120
    while not all(map(well_under_way, folders)):
        assert time.monotonic() < end
        assert training.poll() is None, training.stderr.read()
        time.sleep(0.1)
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does: the workers hear it, too
    out, err = training.communicate(timeout=60)
    said = out + err
    assert training.returncode == 130
    assert "Traceback" not in said
    for folder in folders:
        name = folder.relative_to(tmp_path)
        assert f"steps, {name}/checkpoints/last.pt, and the best, of " in said
        assert f"folder: {name}\n" in said
        assert (folder / "checkpoints" / "last.pt").is_file()
