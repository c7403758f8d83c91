"""Several seeds at once are the same as one after the other."""

from pathlib import Path

import pytest
import torch

from drltrade.errors import ConfigError
from drltrade.experiment.run import train, train_together
from drltrade.experiment.study import Trial, run_trials

SMALL = {
    "synthetic": {"bars": 3_000, "path_length": 1_000, "validation_bars": 200, "test_bars": 200},
    "batch_size": 256,
    "training": {"total_steps": 5_120, "evaluations": 2},
}


def test_seeds_learn_together_what_they_learn_alone(tmp_path):
    runs = train_together(
        "ar1-cost", "exo_dqn", {seed: tmp_path / f"seed{seed}" for seed in (3, 4)}, device="cpu",
        **SMALL,
    )  # fmt: skip
    for seed, run in zip((3, 4), runs, strict=True):
        alone = train(
            "ar1-cost", "exo_dqn", seed=seed, device="cpu", run=tmp_path / f"alone{seed}", **SMALL
        )
        assert (run.seed, run.agent, run.env) == (seed, alone.agent, alone.env)
        one, other = (r.path / "checkpoints" / "last.pt" for r in (run, alone))
        weights, expected = (torch.load(path, weights_only=True) for path in (one, other))
        assert list(weights) == list(expected)
        for name, tensor in expected.items():
            torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-4)
        assert run.metrics()["steps"].tolist() == alone.metrics()["steps"].tolist()
        assert run.outcome["steps"] == alone.outcome["steps"]


def test_each_seed_stops_when_it_no_longer_improves(tmp_path):
    told: dict[int, list[int]] = {0: [], 1: []}
    settings = {**SMALL, "training": {"total_steps": 51_200, "evaluations": 10, "patience": 1}}
    runs = train_together(
        "martingale", "exo_dqn", {seed: tmp_path / str(seed) for seed in told}, device="cpu",
        watch=lambda seed: lambda steps, figures: told[seed].append(steps), **settings,
    )  # fmt: skip
    for seed, run in zip(told, runs, strict=True):
        assert run.outcome["steps"] == told[seed][-1]
        assert (run.path / "checkpoints" / "last.pt").is_file()


@pytest.mark.parametrize(
    ("agent", "more"), [("ppo", {}), ("exo_dqn-lstm", {})], ids=["ppo", "recurrent"]
)
def test_who_learns_one_seed_at_a_time_says_so(tmp_path, agent, more):
    folders: dict[int, Path] = {0: tmp_path / "a", 1: tmp_path / "b"}
    with pytest.raises(ConfigError, match="learns one seed at a time"):
        train_together("ar1-cost", agent, folders, device="cpu", **more)


def test_a_study_on_a_gpu_trains_all_seeds_in_one_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "drltrade.experiment.study.resolve_device", lambda name: torch.device("cuda")
    )
    trials = [Trial("ar1-cost", "exo_dqn", seed, "cpu", SMALL) for seed in range(2)]
    ended = []
    runs = run_trials(trials, tmp_path, lambda name, steps, f: f is None and ended.append(name))
    assert [run.name for run in runs] == ["exo_dqn-seed0", "exo_dqn-seed1"]
    assert ended == [run.name for run in runs]
