"""Layers that draw noise: its moments, its source, its absence."""

import math

import pytest
import torch
from torch import nn

from drltrade.agents.noisy import Dropout, NoisyLinear, draw_from, quiet, resample


def test_the_noise_has_the_moments_of_the_paper():
    """E f(u)^2 = E|u| = sqrt(2 / pi), so a bias varies by s^2 E|u| and a weight by S^2 (E|u|)^2."""
    layer, generator = NoisyLinear(4, 3), torch.Generator().manual_seed(0)
    weights, biases = [], []
    for _ in range(4000):
        layer.resample(generator)
        weights.append(layer(torch.eye(4)).T - layer(torch.zeros(1, 4)).T)
        biases.append(layer(torch.zeros(4)))
    weight, bias = torch.stack(weights).detach(), torch.stack(biases).detach()
    sigma, spread = 0.5 / math.sqrt(4), math.sqrt(2 / math.pi)
    torch.testing.assert_close(weight.mean(0), layer.weight.detach(), atol=0.015, rtol=0)
    torch.testing.assert_close(bias.mean(0), layer.bias.detach(), atol=0.015, rtol=0)
    torch.testing.assert_close(weight.std(0), torch.full((3, 4), sigma * spread), atol=0, rtol=0.05)
    torch.testing.assert_close(
        bias.std(0), torch.full((3,), sigma * math.sqrt(spread)), atol=0, rtol=0.05
    )


def test_a_noisy_layer_by_hand():
    layer = NoisyLinear(2, 1, sigma0=2.0)
    layer.weight.data[:], layer.bias.data[:] = torch.tensor([[1.0, -1.0]]), 0.5
    sigma = 2.0 / math.sqrt(2)
    assert layer.weight_sigma[0].tolist() == pytest.approx([sigma, sigma])
    x = torch.tensor([3.0, 5.0])
    assert layer(x).item() == pytest.approx(-1.5)
    layer.noise_in[:], layer.noise_out[:] = torch.tensor([2.0, -1.0]), 4.0
    noise = sigma * 4.0 * (2.0 * 3.0 - 5.0) + sigma * 4.0
    assert layer(x).item() == pytest.approx(-1.5 + noise)
    assert layer.eval()(x).item() == pytest.approx(-1.5)


def test_the_noise_comes_from_the_generator_and_is_kept_with_the_weights():
    layers = [nn.Sequential(NoisyLinear(4, 3), nn.ReLU(), NoisyLinear(3, 2)) for _ in range(2)]
    for layer in layers:
        resample(layer, torch.Generator().manual_seed(5))
    one, other = (dict(layer.named_buffers()) for layer in layers)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(one["0.noise_out"], one["2.noise_in"])
    layers[1].load_state_dict(layers[0].state_dict())
    assert torch.equal(layers[0](torch.ones(4)), layers[1](torch.ones(4)))


def test_deviations_are_learned():
    layer = NoisyLinear(4, 3)
    layer.resample(torch.Generator().manual_seed(0))
    layer(torch.ones(2, 4)).sum().backward()
    factors = torch.outer(layer.noise_out, layer.noise_in)
    torch.testing.assert_close(layer.weight_sigma.grad, 2 * factors)
    torch.testing.assert_close(layer.bias_sigma.grad, 2 * layer.noise_out)


def test_dropout_keeps_the_mean():
    layer = Dropout(0.25)
    draw_from(layer, torch.Generator().manual_seed(0))
    result = layer(torch.full((200_000,), 3.0))
    assert sorted(set(result.tolist())) == [0.0, 4.0]
    assert float((result == 0).float().mean()) == pytest.approx(0.25, abs=0.005)
    assert torch.equal(Dropout(0.0)(result), result)


def test_quiet_restores_the_mode_of_each_part():
    network = nn.Sequential(Dropout(0.5), nn.Sequential(NoisyLinear(2, 2)).eval())
    with quiet(network):
        assert not any(part.training for part in network.modules())
    assert [part.training for part in network.modules()] == [True, True, False, False]
