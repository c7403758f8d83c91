"""Reports: who counts as a seed of whom, and what was seen in training."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

import drltrade
from drltrade.errors import ConfigError
from drltrade.experiment.reporting import group_by_agent, random_entries, report_runs
from drltrade.experiment.run import load_run
from drltrade.report.summary import Entry


def changed(run, folder, **values):
    """A copy of a run whose config.json says something else."""
    shutil.copytree(run.path, folder)
    config = json.loads((folder / "config.json").read_text())
    agent = config["agent"] | values.pop("agent", {})
    (folder / "config.json").write_text(json.dumps(config | {"agent": agent} | values))
    return load_run(folder)


def test_the_same_seed_does_not_count_twice(finished, tmp_path):
    with pytest.raises(ConfigError, match="the same seed of the same agent"):
        group_by_agent([finished, changed(finished, tmp_path / "copy")])


def test_configurations_of_one_preset_are_told_apart(finished, tmp_path):
    other = changed(finished, tmp_path / "other", agent={"learning_rate": 0.01})
    groups = group_by_agent([finished, other])
    assert sorted(groups) == ["ppo (learning_rate=0.002)", "ppo (learning_rate=0.01)"]


@pytest.mark.parametrize(
    ("period", "said"),
    [("test", ""), ("validation", "chose the checkpoint"), ("train", "were learned from")],
)
def test_a_period_seen_in_training_is_marked(finished, tmp_path, period, said):
    path, entries = report_runs([finished], tmp_path / "report.html", period=period)
    page = path.read_text()
    assert f"{period.capitalize()} period <b>" in page
    assert ("IN-SAMPLE" in page) == bool(said)
    assert said in entries[0].ledgers[0].in_sample
    assert f"{finished.agent_name}, seed 3" in page


def test_a_test_period_moved_into_the_training_years_is_marked(finished):
    periods = {
        "train": ["1999-01-01", "1999-12-31"],
        "validation": ["2000-01-01", "2000-12-31"],
        "test": ["2002-01-01", "2010-12-31"],
    }
    result = drltrade.backtest(finished, periods=periods)
    assert "were learned from" in result.in_sample


@pytest.mark.parametrize("rule", ["ma-cross", "mean-reversion"])
def test_random_paths_hold_and_trade_as_much_as_what_they_stand_beside(rule):
    result = drltrade.backtest(rule, env="sp500-daily")
    (random,) = random_entries(result.task, "test", [Entry(rule, (result,), "agent")])
    assert len(random.ledgers) == 100
    traded = np.median([ledger.turnover[1:].mean() for ledger in random.ledgers])
    assert traded == pytest.approx(result.turnover[1:].mean(), rel=0.05)
    held = np.median([np.abs(ledger.weights).mean() for ledger in random.ledgers])
    assert held == pytest.approx(np.abs(result.weights).mean(), rel=0.02)


def test_random_paths_are_drawn_from_every_seed():
    seeds = tuple(drltrade.backtest(name, env="sp500-daily") for name in ("ma-cross", "flat"))
    (random,) = random_entries(seeds[0].task, "test", [Entry("both", seeds, "agent")])
    assert [ledger.turnover.sum() > 0 for ledger in random.ledgers] == [True, False] * 50


def test_warnings_of_the_data_are_on_the_page(tmp_path):
    result = drltrade.backtest("flat", env="us5-daily-fb")
    warned = dataclasses.replace(result.task, warnings=("a spike <b>there</b>",))
    page = dataclasses.replace(result, task=warned).report(tmp_path / "page.html").read_text()
    assert "1 warning of the data</b><ul><li>a spike &lt;b&gt;there" in page


def half(bars):
    return 0.5


def test_strategies_stand_beside_runs_and_baselines_can_be_chosen(finished, tmp_path):
    path, entries = report_runs(
        [finished], tmp_path / "r.html", strategies=[half], baselines=["flat"]
    )
    assert [(entry.name, entry.kind) for entry in entries] == [
        ("ppo", "agent"), ("half", "agent"), ("buy-and-hold", "baseline"), ("flat", "baseline"),
        ("random, like ppo", "random"), ("random, like half", "random"),
    ]  # fmt: skip
    assert "Positions of half" in path.read_text()
    with pytest.raises(ConfigError, match=r"a rule that came with drltrade .* is a baseline"):
        report_runs([finished], tmp_path / "r.html", strategies=["flat"])
    with pytest.raises(ConfigError, match="no baseline 'hold'"):
        report_runs([finished], tmp_path / "r.html", baselines=["hold"])
