"""`drltrade ladder`: what it prints, and its exit codes."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from drltrade.cli import ladder, main
from drltrade.evaluation.ladder import RungScore, SeedScore
from drltrade.evaluation.optimality import Optimality
from drltrade.evaluation.portraits import Portrait

DRAWN = Portrait("map", "signal", np.zeros(3), ("holding 0",), np.zeros((1, 3)), np.zeros((1, 3)))


def scores(failed=()):
    seeds = tuple(
        SeedScore(i, Optimality(0.05 * share, 1e-5, 0.05, 0.01), DRAWN, 1024, 2.0)
        for i, share in enumerate((0.9, 0.95, 1.0))
    )
    return [
        RungScore("drift", "A drift", optimum=0.05, seeds=seeds, failed=failed),
        RungScore("kelly", "Growth", unfit="it chooses positions"),
    ]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run `drltrade ladder` with scores that are made up; -> exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, found=None):
        def climb(agent, rungs, **options):
            run.asked = {"agent": agent, "rungs": rungs, **options}
            return scores() if found is None else found

        monkeypatch.setattr(ladder, "climb", climb)
        monkeypatch.setattr(sys, "argv", ["drltrade", "ladder", *(str(a) for a in arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return run


def test_the_table_fits_a_terminal(command):
    seeds = tuple(
        replace(seed, found=replace(seed.found, value=0.05)) for seed in scores()[0].seeds
    )
    wide = RungScore("garleanu-pedersen-noisy", "Signals", optimum=0.05, seeds=seeds)
    rungs = ["--rung", "drift", "--rung", "kelly"]
    code, out, _ = command("--agent", "ppo", *rungs, "--seeds", "3", found=[*scores(), wide])
    assert "100.0..100.0" in out
    assert "\N{HORIZONTAL ELLIPSIS}" not in out
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    (row,) = (line.split() for line in out.splitlines() if line.strip().startswith("drift"))
    assert row[:2] == ["drift", "95.0"]
    assert row[-4:] == ["90.0", "0.04750", "0.05000", "2.0"]
    assert "- kelly: not played: it chooses positions" in out

    assert command.asked["rungs"] == ("drift", "kelly")
    assert command.asked["seeds"] == 3


def test_json_is_for_machines(command, tmp_path):
    code, out, _ = command("--agent", "ppo", "--steps", "99", "--json", "--report", "l.html")
    told = json.loads(out)
    assert code == 0
    assert (told["steps"], told["report"]) == (99, "l.html")
    drift, kelly = told["rungs"]
    assert drift["share"]["middle"] == pytest.approx(0.95)
    assert drift["seeds"][2]["steps"] == 1024
    assert drift["seeds"][0]["realised"] is None
    assert (kelly["seeds"], kelly["unfit"]) == ([], "it chooses positions")
    assert (tmp_path / "l.html").is_file()
    assert command.asked["steps"] == 99
    assert len(command.asked["rungs"]) == 10


def test_a_seed_that_failed_is_told_by_the_exit_code(command):
    code, out, _ = command("--agent", "ppo", found=scores(failed=("seed 4: not a number",)))
    assert code == 1
    assert "- drift: seed 4: not a number" in out


def test_an_agent_that_fits_nowhere_was_asked_for_wrongly(command):
    code, _, err = command("--agent", "ppo", found=scores()[1:])
    assert code == 2
    assert "ppo fits on no rung; kelly: not played: it chooses positions" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agent", "nobody"], "no preset 'nobody' in agents/"),
        (["--agent", "ppo", "--set", "windw=3"], "override 'windw' is unknown"),
        (["--agent", "ppo", "--seeds", "0"], "Invalid value for '--seeds'"),
    ],
)
def test_asking_wrongly_exits_with_2(command, arguments, said):
    code, _, err = command(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


@pytest.mark.slow
def test_the_whole_way(monkeypatch, capsys, tmp_path):
    (tmp_path / "exo.toml").write_text('algorithm = "exo_dqn"\n')
    monkeypatch.chdir(tmp_path)
    options = ["--steps", "20000", "--seeds", "2", "--device", "cpu", "--report", "l.html"]
    rungs = ["--rung", "ar1-cost", "--set", "synthetic.bars=20000"]
    monkeypatch.setattr(
        sys, "argv", ["drltrade", "ladder", "--agent", "exo.toml", *rungs, *options]
    )
    with pytest.raises(SystemExit) as caught:
        main()
    out, _ = capsys.readouterr()
    assert not caught.value.code
    assert "ar1-cost" in out
    assert "ar1-cost" in (tmp_path / "l.html").read_text()
