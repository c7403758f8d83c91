"""The audit of environments: ours know nothing of the future, and those that do are found."""

import gymnasium
import numpy as np
import pandas as pd
import pytest
from small_markets import FREE

from drltrade.data.catalog import load_bars
from drltrade.envs.auditing import audit_env, audit_preset
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.features import kinds as registry
from drltrade.settings import parse

PERIODS = {
    "train": ["2000-03-01", "2006-12-31"],
    "validation": ["2007-01-01", "2008-12-31"],
    "test": ["2009-01-01", "2013-03-01"],
}
USUAL = {"data": "us5", "periods": PERIODS, "costs": FREE, "window": 3, "episode_length": None}


@pytest.fixture(scope="module")
def bars():
    return load_bars("us5")


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (TradingConfig, {"symbol": "IBM", "features": ["log_return(1)", "rsi(14)", "rsi(5)@1w"]}),
        (PortfolioConfig, {"symbols": ["IBM", "AAPL"], "features": ["volatility(20)"]}),
    ],
)
def test_presets_know_nothing_of_the_future(bars, model, settings):
    assert audit_preset(parse(model, USUAL | settings, "preset"), bars, cuts=4) == []


def test_a_feature_that_does_is_found_in_a_preset(bars, monkeypatch):
    kind = registry.FEATURES["log_return"]

    def tomorrow(history, horizon):
        close = history.close
        return (np.append(np.log(close[1:] / close[:-1]), 0.0),)

    careless = registry.FeatureKind(kind.description, kind.parameters, tomorrow, kind.warm_up)
    monkeypatch.setitem(registry.FEATURES, "log_return", careless)
    config = parse(TradingConfig, USUAL | {"symbol": "IBM", "features": ["log_return(1)"]}, "x")
    ((symbol, leak),) = audit_preset(config, bars, cuts=4)
    assert (symbol, leak.feature) == ("IBM", "log_return(1)")
    assert leak.time > pd.Timestamp("2006-12-31")


def test_a_preset_without_bars_after_training(bars):
    frames = {"IBM": bars.frames["IBM"].loc[:"2007-01-03"]}
    short = type(bars)(frames, None, "1d", "x", "", "full")
    config = parse(TradingConfig, USUAL | {"symbol": "IBM"}, "x")
    with pytest.raises(ConfigError, match="IBM has no bars after the train period, 2007-01-01"):
        audit_preset(config, short)


class OwnEnv(gymnasium.Env):
    """A user's environment: one return in the observation, P&L as the reward."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float64)

    def __init__(self, bars, leaky):
        self.action_space = gymnasium.spaces.Discrete(3)
        self.times = bars.index
        self.returns = bars["close"].pct_change().fillna(0.0).to_numpy()
        self.shown = self.returns - self.returns.mean() if leaky else self.returns

    def _seen(self):
        return np.array([self.shown[self.t]]), {"time": self.times[self.t]}

    def reset(self, *, seed=None, options=None):
        self.t = 1
        return self._seen()

    def step(self, action):
        self.t += 1
        seen, info = self._seen()
        reward = float((action - 1) * self.returns[self.t])
        return seen, reward, False, self.t == len(self.times) - 1, info


def test_environments_of_ones_own(bars):
    frame = bars.frame("IBM").iloc[:120]
    assert audit_env(lambda b: OwnEnv(b, False), frame, cuts=6) == []
    (leak,) = audit_env(lambda b: OwnEnv(b, True), frame, cuts=6)
    assert leak.feature == "observation[0]"


def test_our_environment_by_the_same_way(bars):
    config = parse(TradingConfig, USUAL | {"symbol": "IBM", "period": "test"}, "x")

    def make(frame):
        changed = type(bars)({"IBM": frame}, bars.zone, "1d", "x", "", "full")
        return TradingEnv(Task.build(config, bars=changed))

    frame = bars.frame("IBM")
    late = len(frame) - 200
    assert audit_env(make, frame, cuts=[late, late + 100]) == []


def test_an_environment_must_say_which_bar_it_shows(bars):
    class Mute(OwnEnv):
        def _seen(self):
            return super()._seen()[0], {}

    with pytest.raises(ConfigError, match=r"info\['time'\] must say which bar"):
        audit_env(lambda b: Mute(b, False), bars.frame("IBM").iloc[:50])
