"""The presets of markets made by a process, as environments."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from drltrade.envs.config import parse_env
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import list_presets
from drltrade.market.synthetic import Heston

KINDS = {
    "gbm": "gbm",
    "jump-diffusion": "jumps",
    "heston": "heston",
    "garch": "garch",
    "ornstein-uhlenbeck": "ornstein-uhlenbeck",
    "sp500-bootstrap": "bootstrap",
    "sp500-learned": "learned",
}
SMALL = {"bars": 600, "path_length": 200, "validation_bars": 150, "test_bars": 180}


@pytest.mark.parametrize("preset", KINDS)
def test_presets_build_and_play(preset):
    assert preset in list_presets("envs")
    config = resolve_env(preset, {"synthetic": SMALL})
    assert config.synthetic.kind == KINDS[preset]
    assert config.description.startswith("Synthetic: ")
    assert parse_env(config.model_dump(mode="json"), "written down") == config
    env = TradingEnv(Task.build(config))
    check_env(env, skip_render_check=True)
    usual = 365.0 if preset == "garch" else 252.0
    assert env.task.market.periods_per_year == usual
    for period in ("validation", "test"):
        played, total = TradingEnv(env.task, period=period), 0.0
        played.reset(seed=0)
        played.action_space.seed(0)
        over = False
        while not over:
            _, reward, terminated, over, info = played.step(played.action_space.sample())
            total += reward
            assert not terminated
        assert total == pytest.approx(np.log(info["equity"] / 100_000), abs=1e-9)
        assert total != 0.0


@pytest.mark.parametrize(
    ("preset", "key", "value", "allowed"),
    [
        ("jump-diffusion", "periods_per_year", 1e-20, "greater than or equal to 1"),
        ("gbm", "periods_per_year", 1e30, "less than or equal to 10000000"),
        ("heston", "kappa", 1e-20, "greater than or equal to 0.001"),
        ("heston", "theta", 1e-20, "greater than or equal to 0.0001"),
        ("heston", "xi", 1e-20, "greater than or equal to 0.001"),
        ("ornstein-uhlenbeck", "kappa", 1e-20, "greater than or equal to 0.001"),
        ("gbm", "bars", 10**15, "less than or equal to 100000000"),
        ("gbm", "path_length", 10**15, "less than or equal to 100000000"),
        ("gbm", "validation_bars", 10**15, "less than or equal to 100000000"),
        ("garch", "test_bars", 10**15, "less than or equal to 100000000"),
    ],
)
def test_absurd_numbers_are_refused(preset, key, value, allowed):
    with pytest.raises(ConfigError, match=f"synthetic.*{key}.*{allowed}"):
        resolve_env(preset, {"synthetic": {key: value}})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("periods_per_year", [1.0, 1e7])
@pytest.mark.parametrize("xi", [1e-3, 10.0])
@pytest.mark.parametrize("kappa", [1e-3, 100.0])
def test_numbers_at_their_bounds_can_be_drawn(periods_per_year, kappa, xi):
    process = Heston(kind="heston", periods_per_year=periods_per_year, kappa=kappa, xi=xi)
    assert np.isfinite(process.draw(np.random.default_rng(0), 50).returns).all()


def test_another_seed_is_another_market():
    tasks = [
        Task.build(resolve_env("heston", {"synthetic": SMALL | {"seed": seed}})) for seed in (0, 1)
    ]
    assert tasks[0].sha256 != tasks[1].sha256
    assert not np.array_equal(tasks[0].market.close, tasks[1].market.close)


def test_the_level_of_ornstein_and_uhlenbeck_is_seen():
    task = Task.build(resolve_env("ornstein-uhlenbeck", {"synthetic": SMALL}))
    market = task.market
    logs, signal = np.log(market.close[:, 0]), market.signals[:, 0]
    for span in market.spans:
        level = logs[span] - signal[span] * 0.2 / np.sqrt(10.0)
        np.testing.assert_allclose(level, level[0], atol=1e-9)
