"""The batched simulator is n single environments, step by step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drltrade.envs.trading import TradingEnv
from drltrade.market.account import RUIN
from drltrade.market.simulator import Simulator

FILLS = ("next_open", "next_close", "same_close")
POSITIONS = (-1.5, 0.0, 0.5, 2.0)
COSTS = {
    "commission_bps": 5,
    "slippage_bps": 3,
    "fixed_fee": 2,
    "borrow_rate": 0.05,
    "financing_rate": 0.08,
}


class Starts:
    """Stands in for an environment's generator: hands out the start that it is told."""

    def __init__(self, skip: int) -> None:
        self.skip = skip

    def integers(self, choices: int) -> int:
        assert 0 <= self.skip < choices
        return self.skip


def restart(env: TradingEnv, row: int) -> None:
    env.np_random = Starts(row - env.task.rows("train")[0])
    env.reset()
    assert env.first_row == row


def simulator(task, n_envs=8, seed=0, **settings) -> Simulator:
    generator = torch.Generator().manual_seed(seed)
    return task.simulator(n_envs, generator, **settings)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("volatility", [0.02, 0.4])
def test_it_steps_as_single_environments_do(make_task, make_random_bars, fill, volatility):
    bars = make_random_bars(1, 200, volatility)
    task = make_task(bars, costs=COSTS, fill=fill, positions=POSITIONS, episode_length=15)
    n, ruins = 6, 0
    batch = simulator(task, n, episode_length=15)
    envs = [TradingEnv(task) for _ in range(n)]
    for env, row in zip(envs, batch.t.tolist(), strict=True):
        restart(env, row)
    rng = np.random.default_rng(2)
    for _ in range(100):
        actions = rng.integers(0, 4, n)
        led_to = batch.step(torch.tensor([POSITIONS[a] for a in actions], dtype=torch.float64))
        for i, env in enumerate(envs):
            observation, reward, terminated, truncated, info = env.step(actions[i])
            assert float(led_to.reward[i]) == pytest.approx(reward, rel=1e-12, abs=1e-14)
            assert (bool(led_to.terminated[i]), bool(led_to.truncated[i])) == (
                terminated,
                truncated,
            )
            np.testing.assert_allclose(led_to.account[i], observation[-4:], rtol=1e-6, atol=1e-6)
            ruins += terminated
            if terminated or truncated:
                assert float(batch.equity[i]) == float(batch.cash[i]) == 100_000.0
                assert not batch.account[i].any()
                restart(env, int(batch.t[i]))
            else:
                assert int(batch.t[i]) == env._t
                assert float(batch.equity[i]) == pytest.approx(info["equity"], rel=1e-12)
                assert float(batch.cash[i]) == pytest.approx(info["cash"], rel=1e-12, abs=1e-6)
                assert float(batch.units[i]) == pytest.approx(info["holdings"][0], rel=1e-12)
                torch.testing.assert_close(batch.account[i], led_to.account[i])
    assert (ruins > 0) == (volatility > 0.1)


def test_episodes_last_their_length_and_start_anywhere_in_the_period(task):
    rows = task.rows("train")
    batch = simulator(task, 512, episode_length=20)
    assert batch.t.min() == rows[0]
    assert batch.t.max() == rows[-1] - 20
    for step in range(1, 41):
        led_to = batch.step(torch.zeros(512, dtype=torch.float64))
        assert bool(led_to.truncated.all()) == bool(led_to.truncated.any()) == (step % 20 == 0)
    assert batch.left.unique().tolist() == [20]


def test_without_a_length_an_episode_is_the_whole_period(task):
    rows = task.rows("test")
    batch = simulator(task, 3, period="test")
    for step in range(1, len(rows)):
        assert batch.t.tolist() == [rows[0] + step - 1] * 3
        led_to = batch.step(torch.full((3,), torch.nan, dtype=torch.float64))
        assert led_to.truncated.tolist() == [step == len(rows) - 1] * 3
    assert batch.t.tolist() == [rows[0]] * 3


def test_the_generator_reproduces_the_starts(task):
    def starts(seed: int) -> list[list[int]]:
        batch = simulator(task, 32, seed, episode_length=3)
        seen = []
        for _ in range(12):
            seen.append(batch.t.tolist())
            batch.step(torch.zeros(32, dtype=torch.float64))
        return seen

    assert starts(5) == starts(5)
    assert starts(5) != starts(6)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("period", ["train", "validation"])
def test_it_never_reads_a_bar_outside_its_rows(task, fill, period):
    rows, market = task.rows(period), task.market
    outside = np.ones(len(market), bool)
    outside[rows[0] : rows[-1] + 1] = False
    assert outside.sum() > 50
    poisoned = {
        name: np.where(outside, np.nan, getattr(market, name)) for name in ("open", "close")
    }
    batch = Simulator(
        replace(market, **poisoned, tradable=np.ones(len(market), bool)),
        rows=rows,
        n_envs=64,
        rates=task.config.costs.rates(),
        fill=fill,
        initial_equity=1000.0,
        episode_length=7,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
    )
    rng = torch.Generator().manual_seed(1)
    for _ in range(60):
        target = torch.rand(64, generator=rng, dtype=torch.float64) * 2 - 1
        led_to = batch.step(target)
        assert led_to.reward.isfinite().all()
        assert led_to.account.isfinite().all()
        assert rows[0] <= batch.t.min()
        assert batch.t.max() < rows[-1]


def test_ruin_terminates_and_restarts(make_task, make_bars):
    # Up 30% a bar: whoever is short four times their equity has lost more than all of it.
    task = make_task(make_bars(100 * 1.3 ** np.arange(60)), positions=[-4, 0, 1])
    batch = simulator(task, 4, episode_length=20)
    led_to = batch.step(torch.tensor([-4.0, 0.0, 1.0, -4.0], dtype=torch.float64))
    assert led_to.terminated.tolist() == [True, False, False, True]
    assert led_to.truncated.tolist() == [False] * 4
    assert float(led_to.reward[0]) == pytest.approx(np.log(RUIN), rel=1e-12)
    assert led_to.account[0].tolist() == pytest.approx([0, 0, 1 / 21, 1 - RUIN], rel=1e-6)
    assert batch.equity.tolist()[::3] == [100_000.0] * 2
    assert batch.left.tolist() == [20, 19, 19, 20]
    assert float(batch.units[0]) == 0.0
