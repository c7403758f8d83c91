"""Runs of features and agents in files: trained, kept, and executed only for who knows them."""

import hashlib
import json
import shutil

import numpy as np
import pytest

import drltrade
from drltrade.errors import ConfigError
from drltrade.experiment.reporting import group_by_agent
from drltrade.experiment.run import load_run

CODE = """
from pathlib import Path

from drltrade.agents.ppo import PPO, PPOConfig

with open("executed", "a") as file:
    file.write("x")


def momentum(bars):
    return bars["close"].pct_change(5)


class MineConfig(PPOConfig):
    caution: float = 0.5


class Mine(PPO):
    Config = MineConfig


class Half:
    Config = MineConfig

    def __init__(self, config, task, generator):
        pass

    def learn(self, total_steps, on_progress):
        pass

    def weights(self):
        return {}


class Odd(Mine):
    def load_weights(self):
        pass


class Actless(Mine):
    def policy(self):
        return 3


class Unconfigured(PPO):
    Config = dict


def function():
    pass
"""


def _is_user(monkeypatch, known):
    """Keep what code a user knows in a folder; the compiled kernels stay where they are."""
    monkeypatch.setattr("drltrade.experiment.own_code._trusted", lambda: known)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a file of code, of a user who knows none yet."""
    _is_user(monkeypatch, tmp_path / "known")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(CODE)
    return tmp_path


@pytest.fixture
def run(folder, tiny):
    features = ["own.py:momentum", "log_return(1)"]
    return drltrade.train(
        "sp500-daily", "own.py:Mine", run="r", device="cpu", features=features, caution=0.25, **tiny
    )


def equity(run, **options):
    return drltrade.backtest(run, **options).equity


def test_run_of_own_code_is_opened_without_executing_it(run, folder):
    assert run.agent.algorithm.caution == 0.25
    (folder / "executed").unlink()
    opened = load_run("r")
    assert (opened.agent_name, opened.outcome["steps"]) == ("own-Mine", 512)
    assert opened.agent_values["caution"] == 0.25
    assert list(group_by_agent([opened])) == ["own-Mine"]
    assert len(opened.metrics()) > 0
    assert not (folder / "executed").exists()
    assert np.array_equal(equity(opened), equity(run))
    assert (folder / "executed").exists()


def test_run_executes_the_code_it_was_trained_with(run, folder):
    first = equity(run)
    (folder / "own.py").write_text("raise RuntimeError('another version')")
    assert np.array_equal(equity(load_run("r")), first)
    (folder / "own.py").unlink()
    assert np.array_equal(equity(load_run("r")), first)


def test_code_of_a_stranger_is_not_executed(run, folder, monkeypatch):
    first = equity(run)
    _is_user(monkeypatch, folder / "known to another")
    (folder / "executed").unlink()
    stranger = load_run("r")
    for ask in (lambda: stranger.task, lambda: stranger.policy, lambda: stranger.agent):
        with pytest.raises(ConfigError, match=r"not trained with here; read it.*--trust-code"):
            ask()
    with pytest.raises(ConfigError, match="--trust-code"):
        drltrade.backtest(stranger, costs={"slippage_bps": 1})
    assert not (folder / "executed").exists()
    assert np.array_equal(equity(load_run("r", trust_code=True)), first)


def test_copy_that_was_changed_is_not_executed(run, folder):
    (folder / "own.py").unlink()
    copy = folder / "r" / "code" / "own.py"
    copy.write_text(copy.read_text() + "# changed\n")
    for trust in (False, True):
        with pytest.raises(ConfigError, match=r"code/own.py: has changed since the run was"):
            _ = load_run("r", trust_code=trust).policy


def test_digest_that_was_changed_with_the_copy_is_a_strangers(run, folder):
    (folder / "own.py").unlink()
    config, copy = folder / "r" / "config.json", folder / "r" / "code" / "own.py"
    values = json.loads(config.read_text())
    copy.write_text("open('evil', 'w')\n" + copy.read_text())
    for entry in values["code"].values():
        entry["sha256"] = hashlib.sha256(copy.read_bytes()).hexdigest()
    config.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match="--trust-code"):
        _ = load_run("r").policy
    assert not (folder / "evil").exists()


def test_run_that_keeps_no_copy_executes_nothing(run, folder):
    config = folder / "r" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"code": {}}))
    with pytest.raises(ConfigError, match="keeps no copy"):
        _ = load_run("r").task


def test_run_moves_with_its_code(run, folder):
    first = equity(run)
    (folder / "own.py").unlink()
    shutil.move("r", folder / "elsewhere")
    assert np.array_equal(equity(load_run(folder / "elsewhere")), first)
    options = {"env": "sp500-daily", "features": [f"{folder}/own.py:momentum", "log_return(1)"]}
    assert np.array_equal(equity(load_run(folder / "elsewhere"), **options), first)


def test_run_keeps_the_code_of_its_reward(folder, tiny):
    (folder / "pay.py").write_text("def pay(o): return o.next_equity - o.equity\n")
    kept = drltrade.train("sp500-daily", run="r", device="cpu", reward="pay.py:pay", **tiny)
    assert (kept.path / "code" / "pay.py").read_text() == (folder / "pay.py").read_text()
    (folder / "pay.py").unlink()
    assert len(equity(load_run("r"))) > 2


def test_function_without_a_name_cannot_be_trained_on(folder, tiny):
    with pytest.raises(ConfigError, match="feature <lambda> is a Python function"):
        drltrade.train("sp500-daily", features=[lambda bars: bars["close"]], **tiny)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own.py:Half", "is no agent: it has no policy, load_weights (see drltrade.agents.agent"),
        ("own.py:Odd", "its method load_weights takes (self); it is called with (weights)"),
        ("own.py:Actless", "its method policy returned a int without act(observation, state)"),
        ("own.py:Unconfigured", "its attribute Config must be a subclass of drltrade.settings"),
        ("own.py:function", "is no class"),
        ("own.py:Nine", "own.py has no 'Nine'; did you mean 'Mine'"),
        ("own.py", "name the class in it, too: own.py:Class"),
        ("absent.py:Mine", "there is no file"),
    ],
)
def test_what_is_no_agent_is_refused(folder, tiny, name, message):
    with pytest.raises(ConfigError) as caught:
        drltrade.train("sp500-daily", name, device="cpu", **tiny)
    assert message in str(caught.value)
    assert not (folder / "runs").exists()
