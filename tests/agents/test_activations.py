"""Activations by name."""

import pytest
import torch

from drltrade.agents.activations import ACTIVATIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_slopes_are_those_of_torch(name):
    oracle = getattr(torch.nn.functional, name) if name != "tanh" else torch.tanh
    x = torch.linspace(-12, 12, 1001, requires_grad=True)
    ours, theirs = ACTIVATIONS[name]()(x), oracle(x)
    torch.testing.assert_close(ours, theirs, atol=2e-7, rtol=0)
    (slope,) = torch.autograd.grad(ours.sum(), x)
    (expected,) = torch.autograd.grad(theirs.sum(), x)
    torch.testing.assert_close(slope, expected, atol=1e-6, rtol=0)
    with torch.no_grad():
        assert torch.equal(ACTIVATIONS[name]()(x), ours)
