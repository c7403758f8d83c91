"""Replay: n-step samples from a ring against the same from a plain list."""

import numpy as np
import pytest
import torch

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


def test_a_transition_takes_less_than_100_bytes():
    replay = Replay(60_000, 64, torch.device("cpu"))
    tensors = [value for value in vars(replay).values() if isinstance(value, torch.Tensor)]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert len(tensors) == 7
    assert size / (replay.rows * replay.n_envs) < 100
