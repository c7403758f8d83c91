"""The presets of markets made by a process, as environments."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from drltrade.envs.config import parse_env
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.experiment.presets import list_presets, resolve_env

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
