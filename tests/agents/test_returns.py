"""Advantages and n-step returns: numbers worked by hand, and a slow loop as oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.agents.returns import (
    against_twins,
    generalized_advantage,
    n_step_return,
    n_step_returns_within,
    normalized,
)


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def flags(*values):
    return torch.tensor(values, dtype=torch.bool)[:, None]


# gamma = lambda = 1/2; r = 1, 2, 3; v = 1; the last state is worth 4.
# Without an end: deltas 0.5, 1.5, 4, each carried back by a quarter.
@pytest.mark.parametrize(
    ("terminated", "done", "v_after_second", "expected"),
    [
        ((0, 0, 0), (0, 0, 0), 1.0, (1.125, 2.5, 4.0)),
        ((0, 0, 0), (0, 1, 0), 6.0, (1.5, 4.0, 4.0)),  # cut: bootstraps from 6, carries nothing
        ((0, 1, 0), (0, 1, 0), 6.0, (0.75, 1.0, 4.0)),  # ended: nothing follows
        ((0, 0, 1), (0, 0, 1), 1.0, (1.0, 2.0, 2.0)),
    ],
)
def test_generalized_advantage_by_hand(terminated, done, v_after_second, expected):
    advantage = generalized_advantage(
        column(1, 2, 3), column(1, 1, 1), column(1, v_after_second, 4),
        flags(*terminated), flags(*done), 0.5, 0.5,
    )  # fmt: skip
    assert advantage[:, 0].tolist() == list(expected)


def slow_advantage(r, v, v_next, terminated, done, gamma, lam):
    """The definition: a sum of discounted deltas up to the end of the episode."""
    out = np.zeros_like(r)
    for t, i in np.ndindex(r.shape):
        weight = 1.0
        for k in range(t, len(r)):
            delta = r[k, i] - v[k, i] + (0.0 if terminated[k, i] else gamma * v_next[k, i])
            out[t, i] += weight * delta
            if done[k, i]:
                break
            weight *= gamma * lam
    return out


@settings(deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 12),
    st.integers(1, 4),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_generalized_advantage_against_a_slow_loop(seed, steps, n, gamma, lam):
    rng = np.random.default_rng(seed)
    r, v, v_next = rng.normal(size=(3, steps, n))
    terminated = rng.random((steps, n)) < 0.15
    done = terminated | (rng.random((steps, n)) < 0.15)
    tensors = [torch.from_numpy(array) for array in (r, v, v_next, terminated, done)]
    advantage = generalized_advantage(*tensors, gamma, lam)
    expected = slow_advantage(r, v, v_next, terminated, done, gamma, lam)
    np.testing.assert_allclose(advantage.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ((0, 0, 0), (1 + 0.5 * 2 + 0.25 * 4, 0.125, 2)),
        ((0, 0, 1), (3.0, 0.125, 2)),
        ((0, 1, 0), (2.0, 0.25, 1)),
        ((1, 0, 1), (1.0, 0.5, 0)),
    ],
)
def test_n_step_return_by_hand(done, expected):
    total, discount, last = n_step_return(column(1, 2, 4), flags(*done), 0.5)
    assert (float(total), float(discount), int(last)) == expected


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 5), st.floats(0, 1))
def test_n_step_return_against_a_slow_loop(seed, n, batch, gamma):
    rng = np.random.default_rng(seed)
    r, done = rng.normal(size=(n, batch)), rng.random((n, batch)) < 0.3
    total, discount, last = n_step_return(torch.from_numpy(r), torch.from_numpy(done), gamma)
    for i in range(batch):
        m = next((k + 1 for k in range(n) if done[k, i]), n)
        expected = sum(gamma**k * r[k, i] for k in range(m))
        assert float(total[i]) == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert float(discount[i]) == pytest.approx(gamma**m, rel=1e-12)
        assert int(last[i]) == m - 1


# gamma = 1/2, r = 1, 2, 4, 8; the episode ends with the second step.
def test_n_step_returns_within_a_sequence_by_hand():
    total, discount, last = n_step_returns_within(
        column(1, 2, 4, 8), flags(0, 1, 0, 0), n=3, gamma=0.5
    )
    assert total[:, 0].tolist() == [2.0, 2.0, 8.0, 8.0]
    assert discount[:, 0].tolist() == [0.25, 0.5, 0.25, 0.5]
    assert last[:, 0].tolist() == [1, 1, 3, 3]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4), st.integers(1, 12))
def test_n_step_returns_within_a_sequence_against_those_from_each_step(seed, length, batch, n):
    rng = np.random.default_rng(seed)
    r = torch.from_numpy(rng.normal(size=(length, batch)))
    done = torch.from_numpy(rng.random((length, batch)) < 0.3)
    total, discount, last = n_step_returns_within(r, done, n, 0.9)
    for t in range(length):
        part = slice(t, t + n)
        expected = n_step_return(r[part], done[part], 0.9)
        torch.testing.assert_close(total[t], expected[0])
        torch.testing.assert_close(discount[t], expected[1])
        assert torch.equal(last[t], t + expected[2])


def test_advantages_above_those_of_twins_by_hand():
    advantage = torch.tensor([[1.0, 3.0, 8.0, 0.0, 2.0, -5.0], [0.0, 0.0, 0.0, 4.0, 4.0, 4.0]])
    every = torch.ones_like(advantage, dtype=torch.bool)
    assert against_twins(advantage, 1, every) is advantage
    assert against_twins(advantage, 2, every).tolist() == [
        [-2, 2, 8, -8, 7, -7],
        [0, 0, -4, 4, 0, 0],
    ]
    expected = [[-4.5, -1.5, 6.0, 1.5, 4.5, -6.0], [0.0] * 6]
    torch.testing.assert_close(against_twins(advantage, 3, every), torch.tensor(expected))


def test_twins_that_do_not_count_are_no_part_of_the_mean():
    advantage = torch.tensor([[4.0, 9.0, 2.0], [5.0, 7.0, 1.0]])
    counts = torch.tensor([[True, False, True], [True, False, False]])
    # Of the first row 4 - 2 and 2 - 4; of the second one is alone, and compared with nothing.
    assert against_twins(advantage, 3, counts).tolist() == [[2, 0, -2], [5, 0, 0]]


def test_normalized_advantages_have_mean_0_and_deviation_1():
    found = normalized(torch.tensor([1.0, 2.0, 6.0]))
    torch.testing.assert_close(found, torch.tensor([-2.0, -1.0, 3.0]) / 7**0.5)
    assert normalized(torch.tensor([3.0])).tolist() == [0.0]
