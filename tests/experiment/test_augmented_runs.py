"""Runs that are trained on paths too: reproducible, judged on real bars, found again."""

import shutil

import pytest
import torch

from drltrade.experiment.backtest import backtest
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.run import load_run, train
from drltrade.market.synthetic.generator import find_generator
from drltrade.training.checkpoint import load_weights

SHORT = {"total_steps": 8_192, "evaluations": 1}
CPU = torch.device("cpu")


def trained(folder, env="sp500-daily", agent="exo_dqn", **overrides):
    return train(env, agent, device="cpu", run=folder, training=SHORT, **overrides)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("augmented") / "run", augment={"bootstrap": 0.5})


def weights(run):
    return load_weights(run.path / "checkpoints" / "last.pt", CPU)


def test_the_same_seed_gives_the_same_weights_and_paths_change_them(run, tmp_path):
    same = trained(tmp_path / "same", augment={"bootstrap": 0.5})
    plain = trained(tmp_path / "plain")
    for name, tensor in weights(run).items():
        assert torch.equal(tensor, weights(same)[name])
    assert any(not torch.equal(t, weights(plain)[name]) for name, t in weights(run).items())
    assert run.manifest["data"]["sha256"] == plain.manifest["data"]["sha256"]


def test_it_is_judged_on_the_real_bars_alone(run):
    result = backtest(run, period="test")
    real = backtest("buy-and-hold", env="sp500-daily", period="test")
    assert result.to_frame().index.equals(real.to_frame().index)
    assert backtest(run, augment=None, period="test").equity == pytest.approx(result.equity)


def test_the_report_says_what_it_was_trained_on(run, tmp_path):
    path, _ = report_runs([run], tmp_path / "report.html")
    assert "and 1 path made of it (2,960 bars)" in path.read_text(encoding="utf-8")


def test_a_portfolio_trains_on_its_paths(tmp_path):
    run = trained(tmp_path / "run", "us5-portfolio", "ppo", augment={"bootstrap": 0.4})
    assert run.task.augmented == 1
    assert backtest(run, period="test").equity[-1] > 0


def test_a_generator_of_ones_own_is_found_from_another_directory(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    shutil.copy(find_generator("sp500"), here / "mine.npz")
    monkeypatch.chdir(here)
    augment = {"learned": 0.2, "generator": "mine.npz"}
    run = trained(here / "run", augment=augment)
    few = {"bars": 600, "path_length": 300, "validation_bars": 300, "test_bars": 300}
    drawn = trained(here / "drawn", "sp500-learned", synthetic=few | {"generator": "mine.npz"})
    monkeypatch.chdir(there)
    assert load_run(run.path).task.augmented == 1
    assert load_run(drawn.path).task.sha256 == drawn.manifest["data"]["sha256"]
