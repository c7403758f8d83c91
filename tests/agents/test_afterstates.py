"""Values after the trade: by hand, kernel against tensors, and the budget against brute force."""

import itertools

import pytest
import torch

from drltrade.agents.afterstates import lambda_returns, lambda_returns_reference, price_of_budget

GAMMA = 0.5


def one_asset(held, trade, values):
    """[L][P], [P][P], [L + 1][P] -> batches of one."""
    held, values = torch.tensor(held)[None, :, None], torch.tensor(values)[None, :, None]
    trade = torch.tensor(trade).expand(1, held.shape[1], 1, -1, -1).contiguous()
    return held, trade, values


def test_a_single_step_by_hand():
    # From position 0 it pays to move on to 1 (-0.2 + 3 > 0 + 1), and from 1 to stay.
    held, trade, values = one_asset(
        [[0.0, 1.0]], [[0.0, -0.2], [-0.3, 0.0]], [[9.0, 9.0], [1.0, 3.0]]
    )
    returns = lambda_returns(held, trade, values, values, GAMMA, lam=1.0)
    assert returns.flatten().tolist() == pytest.approx([0.0 + 0.5 * 2.8, 1.0 + 0.5 * 3.0])


def test_two_steps_by_hand():
    # As above in the last step; in the first, the return of the greedy position is mixed in.
    held, trade, values = one_asset(
        [[2.0, 0.0], [0.0, 1.0]],
        [[0.0, -0.2], [-0.3, 0.0]],
        [[0.0, 0.0], [2.0, 1.0], [1.0, 3.0]],
    )
    returns = lambda_returns(held, trade, values, values, GAMMA, lam=0.25)
    last = [1.4, 2.5]
    # At t + 1 both prefer 0: 2 > -0.2 + 1, and -0.3 + 2 > 1. Its value is 2 + (1.4 - 2) / 4.
    mixed = 2.0 + 0.25 * (1.4 - 2.0)
    first = [2.0 + 0.5 * mixed, 0.0 + 0.5 * (-0.3 + mixed)]
    assert returns.flatten().tolist() == pytest.approx(first + last)


def test_a_preference_chooses_and_the_value_counts():
    held, trade, values = one_asset(
        [[0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 3.0]]
    )
    preference = values.flip(-1)
    returns = lambda_returns(held, trade, values, preference, GAMMA, lam=0.0)
    assert returns.flatten().tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (7, 5, 1, 3), (3, 9, 4, 5)])
def test_the_kernel_equals_the_tensors(shape, lam):
    batch, length, assets, positions = shape
    generator = torch.Generator().manual_seed(0)
    held = torch.randn(shape, generator=generator)
    trade = -torch.rand(*shape, positions, generator=generator)
    values = torch.randn(batch, length + 1, assets, positions, generator=generator)
    preference = values + 0.1 * torch.randn(values.shape, generator=generator)
    arguments = (held, trade, values, preference, 0.97, lam)
    reference = lambda_returns_reference(*(
        x.double() if isinstance(x, torch.Tensor) else x for x in arguments
    ))  # fmt: skip
    torch.testing.assert_close(lambda_returns(*arguments).double(), reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("limit", [0.5, 1.0, 1.5, 3.0])
def test_the_budget_is_kept_and_what_fits_is_optimal_for_its_size(limit):
    positions = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    sizes = positions.abs()
    preference = torch.randn(20, 3, 5, generator=torch.Generator().manual_seed(1))
    chosen, price = price_of_budget(preference, sizes, limit)
    used = sizes[chosen].sum(-1)
    assert bool((used <= limit + 1e-6).all())
    gained = preference.gather(-1, chosen[..., None]).sum((1, 2))
    for b in range(20):
        # Everett's theorem: no choice that uses as little earns more.
        best = max(
            sum(float(preference[b, i, p]) for i, p in enumerate(pick))
            for pick in itertools.product(range(5), repeat=3)
            if sum(float(sizes[p]) for p in pick) <= float(used[b]) + 1e-6
        )
        assert float(gained[b]) == pytest.approx(best, abs=1e-4)
    free = sizes[preference.argmax(-1)].sum(-1) <= limit
    assert bool((price[free] == 0.0).all())
