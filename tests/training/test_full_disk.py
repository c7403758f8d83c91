"""Files of a run: the same bytes of the same weights, and a clear error where the disk is full."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
import torch

from drltrade import atomic
from drltrade.errors import DrltradeError, StorageError
from drltrade.training.checkpoint import load_weights, save_weights
from drltrade.training.loop import Recorder, TrainingConfig, train

WEIGHTS = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def full_disk(monkeypatch):
    """From now on temporary files lead to a device that is always full."""

    def mkstemp(dir=None, prefix="", suffix=""):
        name = Path(dir) / f"{prefix}full{suffix}"
        name.symlink_to(FULL)
        return os.open(name, os.O_WRONLY), str(name)

    def begin():
        monkeypatch.setattr(tempfile, "mkstemp", mkstemp)

    return begin


def test_equal_weights_make_equal_files(tmp_path):
    for name in ("one.pt", "another.pt"):
        save_weights(tmp_path / name, {key: value.clone() for key, value in WEIGHTS.items()})
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()
    back = load_weights(tmp_path / "one.pt", torch.device("cpu"))
    assert all(torch.equal(back[key], value) for key, value in WEIGHTS.items())


@needs_full
def test_a_full_disk_keeps_the_weights_of_before(tmp_path, full_disk):
    path = tmp_path / "best.pt"
    save_weights(path, WEIGHTS)
    full_disk()
    with pytest.raises(StorageError, match="No space left on device") as caught:
        save_weights(path, {"layer.bias": torch.zeros(2)})
    assert str(path) in str(caught.value)
    assert "what it held before is kept" in str(caught.value)
    assert isinstance(caught.value, DrltradeError)
    assert load_weights(path, torch.device("cpu")).keys() == WEIGHTS.keys()
    assert [file.name for file in tmp_path.iterdir()] == ["best.pt"]


@needs_full
def test_a_full_disk_leaves_nothing_of_a_new_file(tmp_path, full_disk):
    full_disk()
    with pytest.raises(StorageError, match="nothing is left of it"):
        atomic.write_text(tmp_path / "report.html", "a page")
    assert not list(tmp_path.iterdir())


@needs_full
def test_a_training_on_a_disk_that_fills_up_names_the_file(tmp_path, full_disk):
    class Learner:
        def learn(self, total_steps, on_progress):
            for steps in range(10, total_steps + 1, 10):
                if steps == 30:
                    full_disk()
                on_progress(steps, {"reward": 0.0}, self)

    config = TrainingConfig(total_steps=50, evaluations=5)
    recorder = Recorder(lambda: WEIGHTS, config, lambda _: 0.0, tmp_path, lambda *_: None)
    with pytest.raises(StorageError, match=r"metrics\.csv could not be written: No space left"):
        train(Learner(), config, recorder)
    assert (tmp_path / "checkpoints" / "best.pt").is_file()
    assert (tmp_path / "metrics.csv").read_text().count("\n") == 3


@needs_full
def test_several_files_are_written_together_or_not_at_all(tmp_path):
    kept, new = tmp_path / "kept", tmp_path / "new"
    kept.write_bytes(b"before")
    (tmp_path / ".new.part").symlink_to(FULL)
    with pytest.raises(StorageError, match="new could not be written") as caught:
        atomic.write_many({kept: b"after", new: b"x"})
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert kept.read_bytes() == b"before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kept"]
