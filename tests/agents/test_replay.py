"""Replay: n-step samples from a ring against the same from a plain list."""

import numpy as np
import pytest
import torch

from drltrade.agents.priorities import Priorities
from drltrade.agents.replay import Replay
from drltrade.market.simulator import Transition

N_ENVS, GAMMA = 3, 0.9


def fill(replay: Replay, steps: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Write `steps` steps of every account; -> the same as a list. `t` counts the steps."""
    rng = np.random.default_rng(seed)
    written = []
    for step in range(steps):
        terminated = rng.random(N_ENVS) < 0.1
        row = {
            "t": np.full(N_ENVS, step),
            "account": np.column_stack((np.arange(N_ENVS), rng.normal(size=(N_ENVS, 3)))),
            "action": rng.integers(0, 5, N_ENVS),
            "reward": rng.normal(size=N_ENVS),
            "terminated": terminated,
            "truncated": (rng.random(N_ENVS) < 0.1) & ~terminated,
            "next_account": rng.normal(size=(N_ENVS, 4)),
        }
        written.append(row)
        led_to = Transition(
            torch.from_numpy(row["reward"]),
            torch.from_numpy(row["terminated"]),
            torch.from_numpy(row["truncated"]),
            torch.from_numpy(row["next_account"]).float(),
        )
        replay.add(
            torch.from_numpy(row["t"]),
            torch.from_numpy(row["account"]).float(),
            torch.from_numpy(row["action"]),
            led_to,
        )
    return written


@pytest.mark.parametrize("n_step", [1, 3, 5])
@pytest.mark.parametrize("steps", [5, 20, 21, 27, 39, 40, 41, 100])
def test_samples_equal_those_of_a_plain_list_across_the_seam(n_step, steps):
    replay = Replay(20 * N_ENVS, N_ENVS, torch.device("cpu"))
    written = fill(replay, steps)
    stored = min(steps, 20)
    assert len(replay) == stored * N_ENVS
    batch = replay.sample(3000, n_step, GAMMA, torch.Generator().manual_seed(1))
    for i in range(3000):
        t, env = int(batch.t[i]), int(batch.account[i, 0])
        assert steps - stored <= t <= steps - n_step
        total, m = 0.0, 0
        while True:
            now = {key: value[env] for key, value in written[t + m].items()}
            total += GAMMA**m * now["reward"]
            m += 1
            if m == n_step or now["terminated"] or now["truncated"]:
                break
        assert float(batch.reward[i]) == pytest.approx(total, rel=1e-5, abs=1e-6)
        discount = 0.0 if now["terminated"] else GAMMA**m
        assert float(batch.discount[i]) == pytest.approx(discount, rel=1e-6)
        assert int(batch.next_t[i]) == t + m
        assert int(batch.action[i]) == written[t]["action"][env]
        np.testing.assert_allclose(batch.account[i], written[t]["account"][env], rtol=1e-6)
        np.testing.assert_allclose(batch.next_account[i], now["next_account"], rtol=1e-6)


@pytest.mark.parametrize("steps", [12, 20, 33])
def test_samples_are_uniform_over_what_is_stored(steps):
    replay = Replay(20 * N_ENVS, N_ENVS, torch.device("cpu"))
    fill(replay, steps)
    batch = replay.sample(90_000, 3, GAMMA, torch.Generator().manual_seed(1))
    starts = min(steps, 20) - 2
    cells = (batch.t - (steps - min(steps, 20))) * N_ENVS + batch.account[:, 0].long()
    counts = torch.bincount(cells, minlength=starts * N_ENVS)
    expected = 90_000 / (starts * N_ENVS)
    assert len(counts) == starts * N_ENVS
    assert (counts - expected).abs().max() < 5 * np.sqrt(expected)


def test_twins_are_drawn_together():
    replay = Replay(20 * 6, 6, torch.device("cpu"))
    replay.written = 33
    row, env = replay.draw(900, 3, torch.Generator().manual_seed(1), twins=3)
    assert torch.equal(row, row[:300].repeat(3))
    assert torch.equal(env, torch.cat([env[:300], env[:300] + 1, env[:300] + 2]))
    assert set(env[:300].tolist()) == {0, 3}
    newest = (32 - torch.arange(20)) % 20
    assert set(row.tolist()) == set(newest[2:].tolist())


def test_too_few_steps_are_refused():
    replay = Replay(20 * N_ENVS, N_ENVS, torch.device("cpu"))
    fill(replay, 2)
    with pytest.raises(ValueError, match=r"^2 steps stored, 3 needed$"):
        replay.sample(1, 3, GAMMA, torch.Generator())


def test_a_generator_reproduces_the_samples():
    replay = Replay(20 * N_ENVS, N_ENVS, torch.device("cpu"))
    fill(replay, 30)
    one, same, other = (
        replay.sample(50, 3, GAMMA, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.t, other.t)


def sequences_of(replay, size, length, n_step, seed=1):
    slots = replay.draw(size, length, torch.Generator().manual_seed(seed))
    return replay.sequences(slots, length, n_step, GAMMA)


@pytest.mark.parametrize("n_step", [1, 3, 9])
@pytest.mark.parametrize("steps", [6, 20, 33])
def test_sequences_equal_those_of_a_plain_list_and_end_with_the_episode(n_step, steps):
    length = 6
    replay = Replay(20 * N_ENVS, N_ENVS, torch.device("cpu"))
    written = fill(replay, steps)
    found = sequences_of(replay, 300, length, n_step)
    batch = found.batch
    assert batch.account.shape == (300, length, 4)
    ended = 0
    for i in range(300):
        start, env = int(found.start[i]), int(batch.account[i, 0, 0])
        assert max(steps - 20, 0) <= start <= steps - length
        over = False
        for k in range(length):
            assert bool(found.counts[i, k]) is not over
            total, m = 0.0, 0
            while True:
                now = {key: value[env] for key, value in written[start + k + m].items()}
                total += GAMMA**m * now["reward"]
                m += 1
                done = now["terminated"] or now["truncated"]
                if m == n_step or done or k + m == length:
                    break
            assert float(batch.reward[i, k]) == pytest.approx(total, rel=1e-5, abs=1e-6)
            discount = 0.0 if now["terminated"] else GAMMA**m
            assert float(batch.discount[i, k]) == pytest.approx(discount, rel=1e-6)
            assert int(found.next_bar[i, k]) == k + m
            assert int(batch.t[i, k]) == start + k
            assert int(batch.next_t[i, k]) == start + k + m
            np.testing.assert_allclose(batch.next_account[i, k], now["next_account"], rtol=1e-6)
            here = written[start + k]
            over = over or bool(here["terminated"][env] or here["truncated"][env])
        ended += over
    assert ended > 50


def test_continuous_actions_are_kept_as_they_are():
    replay = Replay(4, 2, torch.device("cpu"), assets=3, continuous=True)
    action = torch.rand(2, 3)
    nothing = torch.zeros(2)
    no = torch.zeros(2, dtype=torch.bool)
    led_to = Transition(nothing.double(), no, no, torch.ones(2, 10))
    replay.add(torch.tensor([5, 6]), torch.zeros(2, 10), action, led_to)
    batch = replay.sample(50, 1, GAMMA, torch.Generator().manual_seed(0))
    for i in range(50):
        torch.testing.assert_close(batch.action[i], action[int(batch.t[i]) - 5])
    assert batch.next_account.shape == (50, 10)


def size_of(parts) -> int:
    tensors = [value for part in parts for value in part if isinstance(value, torch.Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("continuous", [False, True])
def test_a_million_transitions_take_less_than_50_megabytes_whatever_the_window(continuous):
    replay = Replay(1_000_000, 64, torch.device("cpu"), 1, continuous)
    assert len(vars(replay)["_t"].flatten()) == 1_000_000
    kept = size_of([vars(replay).values()])
    assert kept == 1_000_000 * (46 if continuous else 44)
    priorities = Priorities(replay.rows, 64, 3, torch.device("cpu"), 0.6, 0.4)
    assert kept + size_of([vars(priorities).values(), priorities.tree.levels]) <= 50.2e6


def test_a_transition_takes_less_than_100_bytes():
    replay = Replay(60_000, 64, torch.device("cpu"))
    tensors = [value for value in vars(replay).values() if isinstance(value, torch.Tensor)]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert len(tensors) == 7
    assert size / (replay.rows * replay.n_envs) < 100
