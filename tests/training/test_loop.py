"""The training loop: when it looks, what it keeps, when it stops, what it writes."""

import json
import math

import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from drltrade.atomic import write_atomic, write_json, write_text
from drltrade.errors import ConfigError, TrainingError
from drltrade.settings import parse
from drltrade.training.checkpoint import load_weights, save_weights
from drltrade.training.logging import TrainingLog
from drltrade.training.loop import Recorder, TrainingConfig, cpu_threads, train
from drltrade.training.stopping import EarlyStopping

CPU = torch.device("cpu")


class Scripted:
    """Reports every `report` steps; its one weight is the number of steps so far."""

    def __init__(self, report: int = 10) -> None:
        self.report, self.steps, self.threads = report, 0, 0

    def learn(self, total_steps, on_progress):
        self.threads = torch.get_num_threads()
        while self.steps < total_steps:
            self.steps += self.report
            if not on_progress(self.steps, {"reward": self.steps / 1000}, self):
                break

    def weights(self):
        return {"weight": torch.tensor([float(self.steps)])}


def run(tmp_path, scores, report=10, **config):
    agent, seen, script = Scripted(report), [], iter(scores)
    settings = TrainingConfig(**config)
    recorder = Recorder(
        agent.weights,
        settings,
        lambda policy: next(script),
        tmp_path,
        lambda steps, figures: seen.append((steps, dict(figures))),
    )
    return agent, train(agent, settings, recorder), seen


def kept(tmp_path, name):
    return float(load_weights(tmp_path / "checkpoints" / f"{name}.pt", CPU)["weight"])


def test_the_best_checkpoint_is_that_of_the_best_score(tmp_path):
    _, outcome, _ = run(tmp_path, [0.1, 0.4, 0.3, 0.4], total_steps=40, evaluations=4, patience=9)
    assert (outcome.best_steps, outcome.best_validation) == (20, 0.4)
    assert (outcome.steps, outcome.stopped_early) == (40, False)
    assert outcome.seconds > 0
    assert kept(tmp_path, "best") == 20
    assert kept(tmp_path, "last") == 40


def test_steps_that_are_rounded_up_are_said(tmp_path, caplog):
    with caplog.at_level("INFO", "drltrade.training.loop"):
        run(tmp_path / "whole", [0.0], total_steps=20, evaluations=1)
        assert not caplog.messages
        _, outcome, _ = run(tmp_path, [0.0], report=16, total_steps=20, evaluations=1)
    assert outcome.steps == 32
    assert caplog.messages == [
        "total_steps = 20 were rounded up to 32: the last rollout is played whole"
    ]


def test_it_stops_when_validation_no_longer_improves(tmp_path):
    scores = [1.0, 2.0, 1.5, 2.0, 5.0]
    agent, outcome, _ = run(tmp_path, scores, total_steps=100, evaluations=10, patience=2)
    assert (outcome.steps, outcome.best_steps, outcome.stopped_early) == (40, 20, True)
    assert agent.steps == 40
    assert kept(tmp_path, "best") == 20
    assert kept(tmp_path, "last") == 40


def test_a_training_that_leaves_the_finite_numbers_keeps_what_was_good(tmp_path):
    class Failing(Scripted):
        def learn(self, total_steps, on_progress):
            super().learn(20, on_progress)
            raise TrainingError("the loss or its gradient was not finite at gradient step 21")

    agent = Failing()
    settings = TrainingConfig(total_steps=40, evaluations=4)
    recorder = Recorder(agent.weights, settings, lambda policy: 1.0, tmp_path, lambda *_: None)
    with pytest.raises(TrainingError, match="gradient step 21"):
        train(agent, settings, recorder)
    assert kept(tmp_path, "best") == 10
    assert kept(tmp_path, "last") == 20
    assert pd.read_csv(tmp_path / "metrics.csv")["steps"].tolist() == [10, 20]


def test_it_looks_as_often_as_asked_and_at_the_end(tmp_path):
    scores = [float(i) for i in range(20)]
    _, _, seen = run(tmp_path, scores, report=10, total_steps=95, evaluations=4)
    # Due after 23.75, 47.5, 71.25 and 95 steps.
    assert [steps for steps, figures in seen if "validation" in figures] == [30, 50, 80, 100]
    assert len(seen) == 10


def test_reports_further_apart_than_looks_look_each_time(tmp_path):
    _, _, seen = run(tmp_path, [1.0, 2.0, 3.0], report=40, total_steps=120, evaluations=60)
    assert [figures["validation"] for _, figures in seen] == [1.0, 2.0, 3.0]


def test_what_is_written(tmp_path):
    _, _, seen = run(tmp_path, [0.5, 0.2], total_steps=40, evaluations=2)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    assert metrics["steps"].tolist() == [10, 20, 30, 40]
    assert metrics["reward"].tolist() == [0.01, 0.02, 0.03, 0.04]
    assert metrics["validation"].dropna().tolist() == [0.5, 0.2]
    assert metrics["best_validation"].dropna().tolist() == [0.5, 0.5]
    assert (metrics["steps_per_second"] > 0).all()
    assert [steps for steps, _ in seen] == [10, 20, 30, 40]

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("reward")] == [10, 20, 30, 40]
    found = [(event.step, event.value) for event in events.Scalars("validation")]
    assert found == [(20, 0.5), (40, pytest.approx(0.2))]
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"metrics.csv", "tensorboard", "checkpoints"}


def test_threads_are_set_and_restored_even_after_a_failure(tmp_path):
    with cpu_threads(2):
        agent, _, _ = run(tmp_path / "a", [1.0], total_steps=10, evaluations=1, threads=3)
        assert agent.threads == 3
        assert torch.get_num_threads() == 2
        with pytest.raises(StopIteration):  # the script of scores is at its end
            run(tmp_path / "b", [], total_steps=10, evaluations=1, threads=1)
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize("key", ["total_steps", "evaluations", "patience", "threads"])
def test_settings_start_at_one(key):
    with pytest.raises(ConfigError, match=rf"key '{key}' = 0: input should be greater than"):
        parse(TrainingConfig, {key: 0}, "here")


def test_early_stopping_counts_scores_without_improvement():
    stopping = EarlyStopping(patience=2)
    improved = [stopping.improved(score, steps) for steps, score in enumerate([-3, -2, -2, -5])]
    assert improved == [True, True, False, False]
    assert (stopping.best, stopping.best_steps, stopping.exhausted) == (-2, 1, True)
    assert EarlyStopping(1).best == -math.inf
    assert not stopping.improved(math.nan, 9)


def test_a_log_fills_what_a_row_lacks(tmp_path):
    log = TrainingLog(tmp_path)
    log.write(1, {"reward": 0.5})
    log.write(2, {"loss": 0.25})
    assert not (tmp_path / "metrics.csv").exists()
    log.close()
    frame = pd.read_csv(tmp_path / "metrics.csv")
    assert list(frame.columns) == ["steps", "reward", "loss"]
    assert frame.isna().to_numpy().tolist() == [[False, False, True], [False, True, False]]


def test_weights_come_back_as_they_were(tmp_path):
    weights = {
        "a": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
        "b": torch.arange(5),
    }
    save_weights(tmp_path / "deep" / "w.pt", weights)
    back = load_weights(tmp_path / "deep" / "w.pt", CPU)
    assert list(back) == ["a", "b"]
    assert all(torch.equal(back[key], weights[key]) for key in weights)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})

    def fail(temporary):
        assert temporary.parent == tmp_path
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, fail)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert json.loads(path.read_text()) == {"a": 1}
    with pytest.raises(TypeError):
        write_json(tmp_path / "other.json", {"a": object()})
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_a_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_text(path, "a long text: €")
    write_text(path, "short")
    assert path.read_bytes() == b"short"
    assert path.stat().st_mode & 0o777 == 0o644
