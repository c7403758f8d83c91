"""Declarations of rewards: what they mean, the user's own functions, and every error."""

import re

import numpy as np
import pytest
import torch

from drltrade.errors import ConfigError
from drltrade.market.namespaces import SCALAR
from drltrade.market.reward_spec import Term, available_rewards, make_reward, parse_reward
from drltrade.market.rewards import REWARDS, Outcome

ONE = Outcome(80.0, 100.0, 98.0, 112.0, 112.0, 0.3, 0.5, 0.9)
MANY = Outcome(*(np.full(3, field) for field in ONE))
TENSORS = Outcome(*(torch.full((3,), field) for field in ONE))

SOURCE = """
from dataclasses import dataclass

@dataclass
class Penalty:
    weight: float = 0.1

def cautious(outcome):
    gained = outcome.next_equity / outcome.equity - 1.0
    return gained - Penalty().weight * outcome.exposure

limit = 3
"""


def exposed(outcome):
    return -outcome.exposure


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_rewards.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import drltrade_missing_library")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("declaration", "terms"),
    [
        ("log_return", {Term("log_return"): 1.0}),
        (" cvar ( 0.1 ) ", {Term("cvar", (0.1, 1e-4)): 1.0}),
        ("cvar(0.1, 1)", {Term("cvar", (0.1, 1.0)): 1.0}),
        ("mean_variance(0)", {Term("mean_variance", (0.0,)): 1.0}),
        ({"pnl()": 2, "drawdown": 0}, {Term("pnl"): 2.0, Term("drawdown"): 0.0}),
        ({"a.b:f": -1.0}, {Term("a.b:f"): -1.0}),
        (" some dir/f.py:f ", {Term("some dir/f.py:f"): 1.0}),
        (exposed, {Term(exposed): 1.0}),
    ],
)
def test_declarations(declaration, terms):
    assert parse_reward(declaration) == terms


def test_available_rewards_are_declarations():
    listed = available_rewards()
    assert [next(iter(parse_reward(text))).source for text in listed] == list(REWARDS)
    assert listed["cvar(0.05, 0.0001)"].endswith(
        "(0 < level < 1, default 0.05; 0 < rate <= 1, default 0.0001)"
    )


def test_a_mapping_is_the_weighted_sum():
    weights = {
        "max_drawdown": 0.5,
        "differential_sharpe": 2.0,
        exposed: 0.1,
        "cvar": -1.0,
        "log_return": 1.0,
    }
    rng = np.random.default_rng(0)
    whole = make_reward(SCALAR, weights)
    parts = [make_reward(SCALAR, source) for source in weights]
    states = [part.initial for part in parts]
    state = whole.initial
    assert state == sum(states, ())
    for after in rng.uniform(90.0, 110.0, 50):
        outcome = ONE._replace(next_equity=float(after))
        state, reward = whole.step(state, outcome)
        steps = [part.step(s, outcome) for part, s in zip(parts, states, strict=True)]
        states = [s for s, _ in steps]
        expected = sum(w * r for w, (_, r) in zip(weights.values(), steps, strict=True))
        assert reward == pytest.approx(expected, abs=1e-14)
        assert state == sum(states, ())


@pytest.mark.parametrize("source", ["my_rewards.py:cautious", "{folder}/my_rewards.py:cautious"])
def test_function_from_a_file(folder, source):
    function = make_reward(SCALAR, source.format(folder=folder))
    assert function.initial == ()
    assert function.step((), ONE) == ((), pytest.approx(-0.02 - 0.09))


def test_function_from_a_module(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    _, reward = make_reward(np, "my_rewards:cautious").step((), MANY)
    np.testing.assert_allclose(reward, [-0.11] * 3)


def test_function_of_tensors():
    _, reward = make_reward(torch, {exposed: 2.0}).step((), TENSORS)
    torch.testing.assert_close(reward, torch.full((3,), -1.8))


def test_number_of_another_kind_is_made_a_float():
    _, reward = make_reward(SCALAR, lambda outcome: np.asarray(outcome.cost)).step((), ONE)
    assert type(reward) is float
    assert reward == 0.5


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("log_returns", "reward 'log_returns' is unknown; did you mean 'log_return'? (available:"),
        ("drawdown)", "reward 'drawdown)': write it as a name and its numbers"),
        ("pnl(1)", "reward 'pnl(1)': 1 arguments; pnl takes no arguments"),
        ("cvar(1, 1, 1)", "3 arguments; cvar takes 0 < level < 1, default 0.05; 0 < rate <= 1"),
        ("cvar(1)", "reward 'cvar(1)': level = '1'; allowed is 0 < level < 1, default 0.05"),
        ("cvar(0.05, 0)", "rate = '0'; allowed is 0 < rate <= 1, default 0.0001"),
        ("differential_sharpe(1.5)", "rate = '1.5'; allowed is 0 < rate <= 1, default 0.01"),
        ("differential_downside(x)", "rate = 'x'; allowed is 0 < rate <= 1"),
        ("mean_variance(-1)", "risk_aversion = '-1'; allowed is risk_aversion >= 0, default 1"),
        ("mean_variance(inf)", "risk_aversion = 'inf'; allowed is"),
        ("mean_variance(nan)", "risk_aversion = 'nan'; allowed is"),
        (3, "reward 3: write a term such as 'log_return'"),
        ({}, "reward = {}: give at least one term a weight other than 0"),
        ({"pnl": 0.0}, "reward = {'pnl': 0.0}: give at least one term a weight"),
        ({"pnl": float("nan")}, "reward 'pnl': its weight is nan; it must be finite"),
        ({"cvar": "much"}, "reward 'cvar(0.05, 0.0001)': its weight is 'much', not a number"),
        ({"pnl": True}, "its weight is True, not a number"),
        ({"cvar": 1, "cvar(0.05)": 2}, "reward 'cvar(0.05)' is declared twice: cvar(0.05, 0.0001)"),
        (":f", "reward ':f': write a function of your own as 'package.module:function'"),
        ("a.b:", "write a function of your own as"),
        ("a/b:f", "write a function of your own as"),
    ],
)
def test_wrong_declarations(declaration, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_reward(declaration)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.py:f", "reward 'none.py:f': there is no file '"),
        ("drltrade_none.part:f", "there is no module 'drltrade_none' to import"),
        ("drltrade.none:f", "there is no module 'drltrade.none' to import"),
        ("my_rewards.py:cautios", "my_rewards.py has no 'cautios'; did you mean 'cautious'?"),
        ("my_rewards.py:limit", "limit is 3, not a function"),
        (
            "broken.py:f",
            "broken.py fails on import: ModuleNotFoundError: "
            "No module named 'drltrade_missing_library'",
        ),
    ],
)
def test_functions_that_cannot_be_loaded(folder, source, message):
    assert parse_reward(source) == {Term(source): 1.0}
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_reward(SCALAR, source)


@pytest.mark.parametrize(
    ("xp", "outcome", "returned", "message"),
    [
        (SCALAR, ONE, None, "returned NoneType; it must return a number"),
        (SCALAR, ONE, 1j, "returned complex; it must return a number"),
        (SCALAR, ONE, np.ones(2), "returned shape (2,); it must return a number"),
        (SCALAR, ONE, float("nan"), "returned nan; it must be finite"),
        (SCALAR, ONE, np.float32("inf"), "returned inf; it must be finite"),
        (np, MANY, 1.0, "returned float; it must return shape (3,), one for each account"),
        (np, MANY, np.ones(2), "returned shape (2,); it must return shape (3,)"),
        (np, MANY, np.array([0.0, 1.0, np.nan]), "returned [ 0.  1. nan]; it must be finite"),
        (torch, TENSORS, torch.ones(2), "returned shape (2,); it must return shape (3,)"),
    ],
)
def test_functions_that_return_no_reward(xp, outcome, returned, message):
    def mine(outcome):
        return returned

    with pytest.raises(ConfigError, match=r"reward '.*mine' " + re.escape(message)):
        make_reward(xp, mine).step((), outcome)
