"""Initial weights: singular values, biases, and where they come from."""

import math

import pytest
import torch
from torch import nn

from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.initialisation import initialise
from drltrade.agents.noisy import NoisyLinear
from drltrade.agents.towers import Tower


def singular_values(weight: torch.Tensor) -> list[float]:
    return torch.linalg.svdvals(weight.detach().flatten(1)).tolist()


def initialised(module: nn.Module, **gains: float) -> nn.Module:
    for parameter in module.parameters():
        nn.init.constant_(parameter, 9.0)
    initialise(module, torch.Generator().manual_seed(0), **gains)
    return module


def network(noisy: bool = False, **settings) -> nn.Module:
    config = NetworkConfig(units=8, hidden=(8, 6), **settings)
    parts = {"encoder": make_encoder(config, (6, 6), 8, 2), "tower": Tower(config, 2, 2)}
    if noisy:
        parts["tower"] = Tower(config, 2, 2, noisy=True)
    return nn.ModuleDict(parts)


@pytest.mark.parametrize("encoder", ["mlp", "cnn", "lstm", "gru", "transformer"])
@pytest.mark.parametrize("noisy", [False, True])
def test_gains(encoder, noisy):
    module = network(noisy, encoder=encoder, cross_asset=True, normalization="layer", layers=2)
    initialised(module, head_gain=0.25, gain=1.5)
    checked = set()
    for path, part in module.named_modules():
        name = path.rpartition(".")[2]
        if isinstance(part, nn.Linear | nn.Conv1d | NoisyLinear):
            one = name in ("query", "key", "value", "merge", "down")
            gain = 0.25 if name == "head" else 1.0 if one else 1.5
            assert singular_values(part.weight) == pytest.approx(
                [gain] * min(part.weight.flatten(1).shape), rel=1e-5
            ), path
            assert part.bias is None or not part.bias.any(), path
        elif isinstance(part, nn.LayerNorm):
            assert part.weight.tolist() == [1.0] * len(part.weight)
            assert not part.bias.any()
        elif isinstance(part, nn.LSTM | nn.GRU):
            for weight in (part.weight_ih_l0, part.weight_hh_l0, part.weight_ih_l1):
                for gate in weight.split(8):
                    values = singular_values(gate)
                    assert values == pytest.approx([1.0] * len(values), rel=1e-5)
        else:
            continue
        checked |= {f"{path}.{key}" for key, _ in part.named_parameters(recurse=False)}
        if isinstance(part, NoisyLinear):
            expected = 0.5 / math.sqrt(part.inputs)
            for sigma in (part.weight_sigma, part.bias_sigma):
                torch.testing.assert_close(sigma, torch.full_like(sigma, expected))
    assert checked == {key for key, _ in module.named_parameters()}


def test_forget_gates_open_and_other_biases_are_zero():
    lstm = initialised(nn.LSTM(3, 4, 2))
    for bias in (lstm.bias_ih_l0, lstm.bias_ih_l1):
        assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert not lstm.bias_hh_l0.any()
    assert not initialised(nn.GRU(3, 4)).bias_ih_l0.any()


def test_the_usual_gains():
    tower = initialised(Tower(NetworkConfig(hidden=(8, 8)), 3))
    assert singular_values(tower.body[1].weight) == pytest.approx([math.sqrt(2)] * 8, rel=1e-5)
    assert singular_values(tower.head.weight) == pytest.approx([0.01] * 3, rel=1e-5)


@pytest.mark.parametrize("encoder", ["mlp", "cnn", "lstm", "gru", "transformer"])
def test_weights_come_from_the_generator_alone(encoder):
    def weights(seed: int, global_seed: int) -> list[torch.Tensor]:
        torch.manual_seed(global_seed)
        module = network(encoder=encoder, cross_asset=True)
        initialise(module, torch.Generator().manual_seed(seed))
        return list(module.parameters())

    one, same, other = weights(1, 1), weights(1, 2), weights(2, 1)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_other_parameters_stay_as_they_are():
    module = nn.Module()
    module.log_std = nn.Parameter(torch.tensor([0.7]))
    initialise(module, torch.Generator().manual_seed(0))
    assert module.log_std.item() == pytest.approx(0.7)
