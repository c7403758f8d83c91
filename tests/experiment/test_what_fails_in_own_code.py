"""Errors of a user's own reward, and of runs: told in a line, before a run folder is made."""

import pytest

import drltrade
from drltrade.errors import ConfigError

TRAINING = {"total_steps": 128, "evaluations": 1}
TINY = {"n_envs": 8, "n_steps": 16, "batch_size": 64, "training": TRAINING}


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "mine.py"
    file.write_text(
        "def gain(outcome):\n    return outcome.next_equity / outcome.equity - 1.0\n\n\n"
        "def wrong(outcome):\n    return outcome.log_return\n"
    )
    return file


def train(run, **keys):
    return drltrade.train("us5-daily-ibm", "ppo", run=run, **TINY, **keys)


def test_a_reward_that_fails_names_its_line_and_what_an_outcome_has(own, tmp_path):
    with pytest.raises(ConfigError, match="no attribute 'log_return'") as caught:
        train(tmp_path / "run", reward=f"{own}:wrong")
    assert f"({own}, line 6, in wrong)" in str(caught.value)
    assert "an Outcome has initial_equity, equity, next_equity" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_can_be_named_by_its_folder_and_reports_name_what_differs(own, tmp_path):
    first = train(tmp_path / "a", reward=f"{own}:gain")
    again = drltrade.backtest(tmp_path / "a")
    assert again.equity.tolist() == drltrade.backtest(first).equity.tolist()
    assert drltrade.backtest(str(tmp_path / "a")).name == "a"
    other = train(tmp_path / "b", reward=f"{own}:gain", costs={"slippage_bps": 9.0})
    from drltrade.experiment.reporting import report_runs

    with pytest.raises(ConfigError, match=r"differ in costs\.slippage_bps$"):
        report_runs([first, other], tmp_path / "report.html")
