"""The ladder: who can play which rung, what is told and what comes of it."""

from queue import SimpleQueue

import pytest

from drltrade.errors import ConfigError, TrainingError
from drltrade.experiment import ladder
from drltrade.experiment.ladder import RUNGS, Attempt, attempted, climb
from drltrade.market.synthetic import Process

SMALL = {"bars": 5_000, "path_length": 5_000}
BARS = 20_000


@pytest.fixture
def exo(tmp_path):
    path = tmp_path / "exo.toml"
    path.write_text('algorithm = "exo_dqn"\n[training]\ntotal_steps = 50_000\n')
    return str(path)


def attempt(rung, agent, steps=200, seed=0, **overrides):
    messages = SimpleQueue()
    overrides = {"synthetic": SMALL | overrides.pop("synthetic", {}), **overrides}
    found = attempted(Attempt(rung, agent, seed, steps, "cpu", overrides, {}, BARS), messages)
    told = []
    while not messages.empty():
        told.append(messages.get())
    return found, told


def test_every_rung_is_a_synthetic_preset():
    for rung in RUNGS:
        assert isinstance(ladder._resolved(rung, {}).synthetic, Process)


def test_a_seed_learns_and_is_scored(exo):
    found, told = attempt("drift", exo, steps=50_000, seed=3)
    score = found.score
    assert (score.seed, found.unfit, found.failed, found.note) == (3, "", "", "")
    assert score.steps >= 50_000
    assert score.found.share == pytest.approx(1.0, abs=1e-6)
    assert found.optimum == 0.05
    assert score.cpu_seconds > 0.0
    assert told[-1] == ("drift", 3, score.steps, None)
    assert all("loss" in figures for *_, figures in told[:-1])
    assert score.portrait.over == "last return"


def test_the_exact_score_is_taken_where_there_is_one(exo):
    found, _ = attempt("ar1-cost", exo, steps=100_000)
    assert found.score.found.error == 0.0
    assert 0.8 < found.score.found.share < 1.0


def test_an_agent_of_weights_plays_where_the_optimum_stays_the_same():
    found, _ = attempt("martingale", "sb3:DDPG")
    assert found.note == "played with position_range = [-1, 1], whose optimum is the same"
    assert found.score.found.optimum == 0.0
    found, _ = attempt("ar1-cost", "sb3:DDPG")
    assert found.score is None
    assert "Discrete(3) was provided" in found.unfit


def test_an_agent_of_positions_does_not_play_weights():
    found, told = attempt("kelly", "sb3:DQN")
    assert "sb3:DQN" in found.unfit
    assert told == [("kelly", 0, 0, None)]


def test_what_the_optimum_is_not_known_for_is_said(exo):
    found, _ = attempt("ar1-cost", exo, fill="next_close")
    assert "the optimum is not known for fill = 'next_close'" in found.unfit


def test_a_broken_training_does_not_end_the_others(exo, monkeypatch):
    def breaks(*_):
        raise TrainingError("the loss is not a number")

    monkeypatch.setattr(ladder, "score", breaks)
    found, _ = attempt("drift", exo, seed=2)
    assert (found.score, found.failed) == (None, "seed 2: the loss is not a number")


def test_asked_wrongly_nothing_is_started(exo):
    with pytest.raises(ConfigError, match="'sp500-daily' is no rung"):
        climb(exo, ["sp500-daily"])
    with pytest.raises(ConfigError, match="no preset 'dirft'"):
        climb(exo, ["dirft"])
    with pytest.raises(ConfigError, match="override 'kapa' is unknown"):
        climb(exo, ["drift"], kapa=1)
    with pytest.raises(ConfigError, match="device 'tpu' is unknown"):
        climb(exo, ["drift"], device="tpu")


@pytest.mark.slow
def test_seeds_run_in_processes_of_their_own(exo):
    told = []
    scores = climb(
        exo, ["drift"], seeds=2, steps=20_000, device="cpu", workers=2,
        watch=lambda *report: told.append(report), test_bars=BARS, synthetic=SMALL,
    )  # fmt: skip
    (drift,) = scores
    assert drift.about.startswith("Returns drift upwards")
    assert [each.seed for each in drift.seeds] == [0, 1]
    # Both seeds together, and one end for the two.
    assert [steps for rung, steps, figures in told if figures is None] == [
        sum(each.steps for each in drift.seeds)
    ]
