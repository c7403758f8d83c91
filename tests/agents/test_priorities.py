"""Prioritised replay: the tree against a plain list, draws against their probabilities."""

import pytest
import torch

from drltrade.agents.priorities import Priorities, SumTree

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [1, 64, 65, 5000, 300_000])
def test_the_total_is_the_sum_of_the_last_weight_of_every_leaf(size):
    tree, plain = SumTree(size, CPU), torch.zeros(size, dtype=torch.float64)
    for seed in range(3):
        leaf = torch.randperm(size, generator=generator(seed))[: max(size // 3, 1)]
        weight = torch.rand(len(leaf), generator=generator(seed + 10))
        tree.set(leaf, weight)
        plain[leaf] = weight.double()
    assert float(tree.total) == pytest.approx(float(plain.sum()), rel=1e-12)
    torch.testing.assert_close(tree.weight(torch.arange(size)).double(), plain)


def test_draws_by_hand():
    # Stratified: of 8 equal parts of a total of 8, leaf 3 owns two, leaf 70 five, leaf 200 one.
    tree = SumTree(300, CPU)
    tree.set(torch.tensor([3, 70, 200]), torch.tensor([2.0, 5.0, 1.0]))
    assert tree.draw(8, generator()).tolist() == [3, 3, 70, 70, 70, 70, 70, 200]


@pytest.mark.parametrize("size", [50, 5000])
def test_draws_follow_the_weights_and_never_hit_a_leaf_without(size):
    tree = SumTree(size, CPU)
    weight = torch.rand(size, generator=generator(1))
    weight[::3] = 0.0
    tree.set(torch.arange(size), weight)
    counts = torch.zeros(size)
    for seed in range(20):
        counts += torch.bincount(tree.draw(50_000, generator(seed)), minlength=size)
    expected = 1_000_000 * weight / weight.sum()
    assert counts[::3].sum() == 0
    assert ((counts - expected).abs() <= 5 * expected.sqrt() + 1).all()


def test_a_slot_is_drawn_once_its_span_is_stored_and_until_it_is_overwritten():
    priorities = Priorities(rows=5, n_envs=2, span=3, device=CPU, alpha=1.0, beta=1.0)
    for written in range(1, 14):
        priorities.added(written)
        if written < 3:
            assert float(priorities.tree.total) == 0.0
            continue
        slots = priorities.draw(500, 0.0, generator(written)).slots
        oldest = max(written - 5, 0)
        expected = {step % 5 for step in range(oldest, written - 3 + 1)}
        assert set(slots.row.tolist()) == expected
        assert set(slots.env.tolist()) == {0, 1}


def test_priorities_and_importance_weights_by_hand():
    priorities = Priorities(rows=4, n_envs=1, span=1, device=CPU, alpha=0.5, beta=0.5)
    for written in range(1, 5):
        priorities.added(written)
    drawn = priorities.draw(4, 0.0, generator())
    assert drawn.weight.tolist() == [1.0] * 4  # all alike at first
    # Errors 1, 4, 9, 16 have priorities 1, 2, 3, 4: chances 0.1 .. 0.4, N = 4.
    order = drawn.slots.row
    errors = torch.tensor([1.0, 4.0, 9.0, 16.0])[order]
    priorities.update(drawn.slots, -errors)
    for progress, beta in ((0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (2.0, 1.0)):
        drawn = priorities.draw(1000, progress, generator())
        chance = (drawn.slots.row + 1) / 10
        torch.testing.assert_close(drawn.weight, (0.1 / chance) ** beta, rtol=1e-4, atol=1e-4)
        assert torch.bincount(drawn.slots.row).tolist() == pytest.approx(
            [100, 200, 300, 400], abs=1
        )
    # What is new is drawn like the most surprising so far.
    priorities.added(5)
    assert float(priorities.tree.weight(torch.tensor([0]))) == pytest.approx(4.0, rel=1e-5)


def test_alpha_zero_is_uniform():
    priorities = Priorities(rows=8, n_envs=1, span=1, device=CPU, alpha=0.0, beta=0.4)
    for written in range(1, 9):
        priorities.added(written)
    slots = priorities.draw(8, 0.0, generator()).slots
    priorities.update(slots, torch.arange(8.0))
    drawn = priorities.draw(8, 0.0, generator())
    assert sorted(drawn.slots.row.tolist()) == list(range(8))
    assert drawn.weight.tolist() == [1.0] * 8
