"""Synthetic markets as environments: the best policy earns in them what theory says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from drltrade.envs.config import TradingConfig, parse_env
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, DataError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import read_preset
from drltrade.market.simulator import Simulator

VALUES = {
    "drift": 0.05,
    "martingale": 0.0,
    "ar1-cost": 0.054701,
    "ar1-holding": 0.0298918,
    "garleanu-pedersen": 0.0270310,
    "garleanu-pedersen-noisy": 0.0270310,
    "hidden-regime": 0.148331,
    "kelly": 0.0799936,
    "kelly-cost": 0.019526,
    "leaked-future": 0.701883,
}
SMALL = {"bars": 600, "path_length": 200, "validation_bars": 150, "test_bars": 180}


def task_of(preset: str, **synthetic) -> Task:
    return Task.build(resolve_env(preset, {"synthetic": synthetic, "starts": "stratified"}))


def small(preset: str = "ar1-cost", **settings) -> TradingConfig:
    return resolve_env(preset, {"synthetic": SMALL} | settings)


def driven(task: Task, n: int, steps: int, skipped: int):
    """The optimal policy on n accounts, each in its own part of the test path.

    Returns ([n] realised, [n] expected): the mean rewards of each account in the truth's units,
    without the first steps, in which an account finds into its stationary state.
    """
    truth, market = truth_of(task), task.market
    states, close = truth.states(market), torch.from_numpy(market.close[:, 0])
    generator = torch.Generator().manual_seed(0)
    accounts: Simulator = task.simulator(
        n, generator, period="test", episode_length=steps + skipped
    )
    paid, foreseen = np.zeros(n), np.zeros(n)
    for t in range(steps + skipped):
        rows = accounts.t.numpy()
        equity = accounts.equity.numpy().copy()
        before = accounts.units[:, 0].numpy() * close[accounts.t].numpy() / equity
        target = truth.act(states[rows], before)
        reward = accounts.play(torch.from_numpy(target)).reward.numpy()
        if t >= skipped:
            # The P&L of an account grows with its equity, a logarithm does not.
            growth = equity / task.config.initial_equity if truth.per == "bar" else 1.0
            paid += reward / growth / truth.unit
            foreseen += truth.expected(states[rows], before, target)
    return paid / steps, foreseen / steps


def assert_mean(samples: np.ndarray, value: float, slack: float = 0.0) -> None:
    """Within two standard errors."""
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert samples.mean() == pytest.approx(value, abs=2.0 * error + slack)


@pytest.mark.parametrize("preset", VALUES)
def test_the_optimal_policy_earns_the_optimum(preset):
    """On one fixed seed: of many, one in twenty means lies beyond two standard errors."""
    years = preset.startswith("kelly")
    n, steps, skipped = (500, 2000, 500) if preset == "kelly-cost" else (1000, 600, 150)
    task = task_of(preset, bars=2, test_bars=n * (steps + skipped), seed=1)
    truth = truth_of(task)
    assert truth.value == pytest.approx(VALUES[preset], abs=1.5e-6)
    realised, expected = driven(task, n, steps, skipped)
    # Equity grows by a thousandth, and a quadratic cost and penalty with its square.
    slack = 2e-3 * truth.value if "garleanu" in preset else 1e-4 * truth.value + 1e-12
    assert_mean(realised, truth.value, slack)
    assert_mean(realised - expected, 0.0, slack)
    # Without the noise of returns much more can be told.
    assert_mean(expected, truth.value, slack)
    assert expected.mean() == pytest.approx(truth.value, abs=2e-4 if years else 1e-3)


@pytest.mark.parametrize("preset", VALUES)
def test_presets_are_environments(preset):
    values, _ = read_preset("envs", preset)
    assert values["description"].startswith("Synthetic: ")
    config = small(preset)
    assert parse_env(config.model_dump(mode="json"), "written down") == config
    env = TradingEnv(Task.build(config))
    check_env(env, skip_render_check=True)
    _, info = env.reset(seed=0)
    assert info["equity"] == 100_000
    # What the account is told agrees with the simulator, on all periods.
    for period, length in (("validation", 150), ("test", 180)):
        played = TradingEnv(env.task, period=period)
        played.reset(seed=0)
        over, count = False, 0
        while not over:
            _, reward, terminated, over, _ = played.step(played.action_space.sample())
            count += 1
            assert np.isfinite(reward)
            assert not terminated
        assert count == length - 1 - ("log_return(1)" in config.features)


def test_periods_are_paths():
    task = Task.build(small(window=5))
    market = task.market
    assert market.instruments == ("train 1", "train 2", "train 3", "validation", "test")
    assert task.rows("train") == range(4, 200)
    assert task.spans("train") == (range(4, 200), range(204, 400), range(404, 600))
    assert task.rows("validation") == range(604, 750)
    assert task.spans("test") == (task.rows("test"),) == (range(754, 930),)
    with pytest.raises(ConfigError, match="period 'all': the paths of a synthetic market do not"):
        task.rows("all")
    with pytest.raises(ConfigError, match="window = 150: a path of the validation period"):
        Task.build(small(window=150)).rows("validation")


def test_no_order_fills_across_a_border():
    task = Task.build(small())
    accounts = task.simulator(64, torch.Generator().manual_seed(0))
    ends = {span[-1] for span in task.market.spans}
    for _ in range(300):
        assert not ends & set(accounts.t.tolist())
        accounts.step(torch.ones(64, dtype=torch.float64))


def test_an_order_fills_at_the_close_it_was_decided_at():
    task = Task.build(small())
    market = task.market
    fill = market.fill_price("next_open")[:-1, 0]
    inner = np.setdiff1d(np.arange(len(market) - 1), [span[-1] for span in market.spans])
    np.testing.assert_array_equal(fill[inner], market.close[inner, 0])
    np.testing.assert_allclose(market.years[inner], 1 / 365, rtol=1e-12)


def test_features_are_scaled_by_the_train_paths_alone():
    task = Task.build(small())
    train = task.market.signals[:600, 0]
    assert task.preparation.scaler.mean[0] == pytest.approx(train.mean(), abs=1e-12)
    assert task.preparation.scaler.std[0] == pytest.approx(train.std(), abs=1e-12)
    scaled = (task.market.signals[:, 0] - train.mean()) / train.std()
    np.testing.assert_allclose(task.market.features[:, 0], scaled, atol=1e-6)
    other = Task.build(small(synthetic=SMALL | {"test_bars": 300}))
    assert other.preparation.scaler == task.preparation.scaler
    assert Task.build(small(), preparation=task.preparation).preparation is task.preparation


def test_the_hidden_regime_is_filtered_path_by_path():
    task = Task.build(small("hidden-regime"))
    truth, market = truth_of(task), task.market
    states = truth.states(market)
    first = [span[0] for span in market.spans]
    gained = market.close[first, 0] / market.open[first, 0] - 1.0
    posterior = np.tanh(0.3 * gained / 1e-4)
    np.testing.assert_allclose(np.tanh(states[first, 0] / 2.0), 0.96 * posterior, rtol=1e-9)
    # The future does not change the past.
    close = market.close.copy()
    close[800:] *= 1.001
    changed = truth.states(replace(market, close=close))
    np.testing.assert_array_equal(changed[:800], states[:800])
    assert (changed[800:] != states[800:]).all()


def test_what_a_task_says_of_its_source():
    task, again = Task.build(small()), Task.build(small())
    assert task.source.startswith("synthetic: ar1 (bars = 600, ")
    assert task.source.endswith("rho = 0.9, ic = 0.1)")
    assert task.sha256 == again.sha256
    assert task.market.symbols == ("AR1",)
    assert task.market.periods_per_year == 365.0
    other = Task.build(small(synthetic=SMALL | {"seed": 7}))
    assert other.sha256 != task.sha256
    assert Task.build(small("kelly")).market.periods_per_year == 252.0


def test_centuries_of_daily_bars():
    task = Task.build(small(synthetic=SMALL | {"test_bars": 120_000}))
    assert task.market.times[-1].year == 2328
    np.testing.assert_allclose(task.market.years[task.rows("test")[:-1]], 1 / 365, rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "us5"}, "set either data .'us5'. or synthetic, not both"),
        ({"symbol": "X"}, "symbol and train_symbols belong to data"),
        ({"period": "all"}, "the paths of synthetic do not follow one another"),
        ({"synthetic": {"rho": 2.0}}, "key 'synthetic.rho' = 2.0: input should be less than 1"),
        ({"synthetic": {"roh": 0.5}}, "key 'synthetic.roh' is unknown; did you mean 'rho'"),
        ({"synthetic": {"kind": "ar2"}}, "'ar2' found using 'kind' does not match any of .*'ar1'"),
    ],
)
def test_bad_presets(settings, message):
    with pytest.raises(ConfigError, match=message):
        resolve_env("ar1-cost", settings)


def test_a_signal_that_is_not_there(make_bars):
    with pytest.raises(DataError, match=r"signal\(2\) reads the column signal_2.*: signal_1\)"):
        Task.build(small(features=["signal(2)"]))
    with pytest.raises(DataError, match=r"signal\(1\) reads the column signal_1.*have: none\)"):
        Task.build(TradingConfig(features=("signal(1)",)))
    with pytest.raises(ConfigError, match="bars are handed in, and the preset sets synthetic"):
        Task.build(small(), bars=make_bars(np.arange(1.0, 9.0)))


def test_real_prices_have_no_known_optimum():
    task = Task.build(TradingConfig(features=("log_return(1)",)))
    assert task.market.signals.shape == (len(task.market), 0)
    with pytest.raises(ConfigError, match="optimum of sp500: package arch is not known: set synth"):
        truth_of(task)
