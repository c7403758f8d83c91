"""The compiled band against its tensor operations, forward and back."""

import pytest
import torch

from drltrade.agents.band_path import band_path, band_path_reference


def move_to(weight, lo, hi, rate):
    return weight + rate * (torch.relu(lo - weight) - torch.relu(weight - hi))


def inputs(length=12, batch=40):
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(length, batch, 1, generator=generator) * 0.5
    width = torch.rand(length, batch, 1, generator=generator) * 0.4
    rate = torch.rand(length, batch, 1, generator=generator)
    move = torch.randn(length, batch, 1, generator=generator) * 0.05
    start = torch.randn(batch, 1, generator=generator)
    return start, [x.requires_grad_() for x in (centre - width, centre + width, rate)], move


@pytest.mark.parametrize("delayed", [False, True])
def test_path_and_gradients_are_those_of_the_operations(delayed):
    start, bands, move = inputs()
    found = band_path(start, *bands, move, delayed, move_to)
    expected = band_path_reference(start, *bands, move, delayed, move_to)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    def loss(path):
        weights, targets = path
        return (targets.sin() * 2 + weights.square()).sum() + (targets - weights).abs().sum()

    gradients = [torch.autograd.grad(loss(path), bands) for path in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        assert float(theirs.abs().max()) > 0.1
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_band_by_hand():
    start = torch.tensor([[0.0]])
    lo, hi, rate = (torch.tensor(x)[:, None, None] for x in ([0.2, -1.0], [0.5, 0.1], [1.0, 0.5]))
    move = torch.tensor([0.1, 0.0])[:, None, None]
    weights, targets = band_path(start, lo, hi, rate, move, False, move_to)
    drifted = 0.2 * 1.1 / 1.02
    assert weights.flatten().tolist() == pytest.approx([0.0, drifted])
    assert targets.flatten().tolist() == pytest.approx([0.2, drifted + 0.5 * (0.1 - drifted)])
