"""Shares of an optimum: policies of known value get it, however they are scored."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from known_policies import Filter, Rule, rung

from drltrade.errors import ConfigError
from drltrade.evaluation.optimality import can_be_solved, fresh, played, score, solved
from drltrade.evaluation.players import SB3Player, accounts, player

BARS = 200_000


@pytest.fixture(scope="module")
def ar1():
    return rung("ar1-cost")


@pytest.fixture(scope="module")
def ar1_test(ar1):
    return fresh(ar1[0], 999, BARS)


def sign(state, held):
    return np.sign(state[:, 0])


def nothing(state, held):
    return np.zeros_like(held)


def test_the_optimal_policy_earns_all_of_it(ar1, ar1_test):
    task, truth = ar1
    best = Rule(ar1_test, truth.act)
    assert can_be_solved(best, task, truth)
    assert score(best, task, truth).share == pytest.approx(1.0, abs=1e-3)
    found = played(best, ar1_test, truth)
    assert found.share == pytest.approx(1.0, abs=1e-3)
    assert found.error < 1e-3 * truth.value
    assert found.turnover == pytest.approx(0.0804, abs=0.002)


def test_measured_and_solved_agree_on_the_sign_policy(ar1, ar1_test):
    task, truth = ar1
    exact = solved(Rule(task, sign), task, truth)
    found = played(Rule(ar1_test, sign), ar1_test, truth)
    flips = np.arccos(0.9) / np.pi  # how often a bivariate normal pair differs in sign
    earned = 0.1 * np.sqrt(2 / np.pi) - 2 * 0.2 * flips
    assert exact.value == pytest.approx(earned, rel=2e-3)
    assert found.value == pytest.approx(exact.value, abs=4 * found.error)
    assert found.turnover == pytest.approx(exact.turnover, rel=0.02)
    assert found.error < 0.01 * truth.value
    # What the environment pays is what is expected, luck apart.
    assert found.realised == pytest.approx(exact.value, abs=4 * found.realised_error)
    assert found.realised_error > 3 * found.error


@pytest.mark.parametrize("name", ["ar1-cost", "hidden-regime", "garleanu-pedersen", "kelly-cost"])
def test_doing_nothing_earns_nothing(name):
    task, truth = rung(name)
    market = fresh(task, 5, 20_000)
    found = played(Rule(market, nothing), market, truth)
    assert (found.value, found.error, found.turnover) == (0.0, 0.0, 0.0)


def test_kelly_by_halves():
    task, truth = rung("kelly")
    market = fresh(task, 5, 20_000)
    for weight, share in ((1.0, 0.75), (2.0, 1.0), (4.0, 0.0)):
        policy = Rule(market, lambda state, held, weight=weight: np.full(len(held), weight))
        found = played(policy, market, truth)
        assert found.value == pytest.approx(truth.solution.evaluate(weight), abs=1e-6)
        assert found.share == pytest.approx(share, abs=5e-3)  # in continuous time


def test_the_weights_of_a_costly_asset_drift():
    task, truth = rung("kelly-cost")
    market, found = fresh(task, 5, BARS), truth.solution
    best = played(Rule(market, truth.act), market, truth)
    assert best.share == pytest.approx(1.0, abs=2e-3)
    middle, half = (found.low + found.high) / 2, (found.high - found.low) / 4
    narrow = Rule(market, lambda state, held: held.clip(middle - half, middle + half))
    exact = found.problem.evaluate(middle - half, middle + half)
    assert played(narrow, market, truth).value == pytest.approx(exact, rel=3e-3)
    daily = Rule(market, lambda state, held: np.full(len(held), 0.5))
    assert played(daily, market, truth).share == pytest.approx(0.70, abs=0.01)


def test_partial_adjustment_by_a_linear_rule():
    task, truth = rung("garleanu-pedersen")
    market, found = fresh(task, 5, BARS), truth.solution
    rule = Rule(market, lambda state, held: held + state @ (0.8 * found.gains) - 0.2 * held)
    exact = found.evaluate(0.8 * found.gains, 0.2)
    score = played(rule, market, truth)
    assert score.value == pytest.approx(exact, abs=4 * score.error)
    assert score.error < 3e-3 * truth.value


def test_a_memory_is_recognised_and_scored_from_the_start_of_each_stretch():
    task, truth = rung("hidden-regime")
    market = fresh(task, 5, BARS)
    knows = Filter(market, truth)
    assert player(knows, market).remembers
    assert not player(Rule(market, sign), market).remembers
    assert not can_be_solved(knows, task, truth)
    found = played(knows, market, truth)
    assert found.share == pytest.approx(1.0, abs=2e-3)
    last = played(Rule(market, lambda state, held: np.sign(state[:, 0])), market, truth)
    assert last.share < 0.0


def test_a_policy_with_a_memory_is_no_table_of_what_it_sees(ar1):
    task, truth = ar1

    class Remembering(Rule):
        def encode(self, windows):
            return super().encode(windows).cumsum(0)

    assert not can_be_solved(Remembering(task, sign), task, truth)


def test_a_market_is_drawn_anew_under_the_old_scaler(ar1):
    task, _ = ar1
    market = fresh(task, 1, 5_000)
    assert market.preparation.scaler == task.preparation.scaler
    assert len(market.rows("test")) == 5_000
    rows = market.rows("test")
    theirs = task.rows("test")
    assert not np.allclose(
        market.market.signals[rows[0] : rows[0] + 100],
        task.market.signals[theirs[0] : theirs[0] + 100],
    )
    with pytest.raises(ConfigError, match="10502 are needed for 5 stretches"):
        played(Rule(market, nothing), fresh(task, 1, 4_000), rung("ar1-cost")[1])


def test_only_synthetic_markets_are_drawn_anew(make_task, make_random_bars):
    with pytest.raises(ConfigError, match="set synthetic"):
        fresh(make_task(make_random_bars()), 1)


def test_what_cannot_play_many_accounts_is_refused(ar1):
    with pytest.raises(ConfigError, match="a SimpleNamespace cannot be asked for many accounts"):
        player(SimpleNamespace(act=None), ar1[0])


class Model:
    """What is asked of a model of stable-baselines3: bands on the signal, or a count of calls."""

    def __init__(self, task, truth, recurrent=False):
        self.action_space = spaces.Discrete(3)
        self._rule, self._recurrent = Rule(task, truth.act), recurrent
        self.begun = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        if self._recurrent:
            state = np.zeros(len(observation)) if state is None else state + 1
            self.begun.append(bool(np.all(episode_start)))
        bars, account = torch.from_numpy(observation[:, :1]), torch.from_numpy(observation[:, 1:])
        actions = self._rule.decide(self._rule.encode(bars[:, None]), account)
        return actions.numpy(), state


def test_a_model_of_stable_baselines3_is_scored_alike(ar1, ar1_test):
    _, truth = ar1
    market = fresh(ar1[0], 999, 20_000)
    native = played(Rule(market, truth.act), market, truth)
    assert played(Model(market, truth), market, truth) == native
    recurrent = Model(market, truth, recurrent=True)
    assert SB3Player(recurrent, market).remembers
    recurrent.begun.clear()
    assert played(recurrent, market, truth) == native
    assert recurrent.begun[1:] == [True] + [False] * (len(recurrent.begun) - 2)


def test_shown_actions_come_back_as_weights():
    task, truth = rung("kelly")
    market = fresh(task, 5, 20_000)
    model = SimpleNamespace(
        action_space=spaces.Box(-1.0, 1.0, (1,), np.float32),
        predict=lambda observation, **options: (np.zeros((len(observation), 1), np.float32), None),
    )
    assert played(model, market, truth).share == pytest.approx(1.0, abs=1e-4)  # 0 is a weight of 2


def test_accounts_are_told_of_what_an_environment_s_are():
    told = accounts([0.5, -1.0], tenure=3.0)
    assert told.tolist() == [[0.5, 0.0, 3.0, 0.0], [-1.0, 0.0, 3.0, 0.0]]
