"""Agents of other packages: found by an entry point, trained, kept and loaded as any other."""

import pytest

import drltrade
from drltrade.agents.installed import installed_agents
from drltrade.agents.registry import parse_agent
from drltrade.errors import ConfigError
from drltrade.experiment.run import load_run

AGENT = """
from typing import Literal

from drltrade.agents.ppo import PPO, PPOConfig


class CautiousConfig(PPOConfig):
    algorithm: Literal["cautious"] = "cautious"
    caution: float = 0.5


class Cautious(PPO):
    Config = CautiousConfig


class Bare(PPO):
    pass


class Nothing:
    Config = CautiousConfig
"""

POINTS = """[drltrade.agents]
cautious = own_agents:Cautious
bare = own_agents:Bare
nothing = own_agents:Nothing
absent = own_agents:Absent
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package of agents, as pip leaves one."""
    site = tmp_path / "site"
    about = site / "own_agents-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "own_agents.py").write_text(AGENT)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-agents\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_agent_of_another_package_trains_and_is_loaded(package, tiny):
    (package / "mine.toml").write_text('algorithm = "cautious"\ncaution = 0.25\n')
    run = drltrade.train("sp500-daily", "mine.toml", run="r", device="cpu", gamma=0.9, **tiny)
    assert run.agent.algorithm.caution == 0.25
    again = load_run("r")
    assert again.agent.to_dict()["algorithm"] == "cautious"
    assert type(again.agent.algorithm).__name__ == "CautiousConfig"
    first, second = (drltrade.backtest(each).equity[-1] for each in (run, again))
    assert first == second


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bare", "its attribute Config must be"),
        ("nothing", "is no agent: it has no learn, policy, weights, load_weights"),
        ("absent", "own_agents:Absent, fails on import: AttributeError"),
        ("cautios", "is unknown; did you mean 'cautious'"),
        ("mine:Mine", "write an agent of your own as .path/to/file.py:Class."),
    ],
)
def test_what_is_no_agent_is_refused(package, name, message):
    assert {"cautious", "bare"} <= set(installed_agents())
    with pytest.raises(ConfigError, match=message):
        parse_agent({"algorithm": name}, "mine.toml")
