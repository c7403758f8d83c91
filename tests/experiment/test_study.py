"""Several trials side by side."""

import logging
import queue
from concurrent.futures import Future

import pytest

from drltrade.errors import ConfigError
from drltrade.experiment import study
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.study import Trial, run_trials


def test_trials_of_one_name_are_refused(tmp_path):
    trials = [Trial("sp500-daily", "ppo", 0), Trial("us5-daily", "ppo", 0)]
    with pytest.raises(ConfigError, match=r"two trials would share the folder .*ppo-seed0"):
        run_trials(trials, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_trials_run_in_processes_of_their_own(tmp_path, tiny):
    trials = [Trial("sp500-daily", "ppo", seed, "cpu", tiny) for seed in (0, 1)]
    told = []
    runs = run_trials(trials, tmp_path, lambda *report: told.append(report), workers=2)
    assert [run.seed for run in runs] == [0, 1]
    assert [run.path for run in runs] == [tmp_path / "ppo-seed0", tmp_path / "ppo-seed1"]
    for trial in trials:
        steps = [steps for name, steps, figures in told if name == trial.name and figures]
        assert steps == [128, 256, 384, 512]
        assert (trial.name, 512, None) in told  # the end, early or not
    assert all("reward" in figures for *_, figures in told if figures is not None)

    path, entries = report_runs(runs, tmp_path / "report.html")
    assert path.is_file()
    assert [(entry.name, len(entry.ledgers)) for entry in entries[:2]] == [
        ("ppo", 2),
        ("buy-and-hold", 1),
    ]
    assert entries[-1].name == "random, like ppo"


@pytest.mark.slow
def test_the_error_of_a_trial_comes_back(tmp_path, tiny):
    trials = [Trial("sp500-daily", "ppo", 0, "cpu", {"windw": 3, **tiny})]
    with pytest.raises(ConfigError, match="override 'windw' is unknown"):
        run_trials(trials, tmp_path)


def test_what_several_workers_log_is_said_once(caplog):
    messages, heard, done = queue.Queue(), [], Future()
    done.set_result(None)
    for line in ("compiling", "compiling", "prices are odd"):
        record = logging.LogRecord("drltrade", logging.WARNING, "", 0, "%s ...", (line,), None)
        study._Handing(messages).handle(record)
    messages.put(("ppo-seed0", 64, {}))
    study._relay(messages, [done], heard.append)
    assert [each.getMessage() for each in caplog.records] == ["compiling ...", "prices are odd ..."]
    assert heard == [("ppo-seed0", 64, {})]
