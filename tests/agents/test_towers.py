"""Towers: one asset or many, pooled or not, with actions, noisy, in any leading dimensions."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.initialisation import initialise
from drltrade.agents.noisy import Dropout, NoisyLinear, draw_from, quiet, resample
from drltrade.agents.towers import Tower

ASSETS, WIDTH = 3, 8


def build(outputs: int = 2, assets: int = ASSETS, **more) -> Tower:
    names = ("pooled", "extra", "noisy")
    options = {key: more.pop(key) for key in names if key in more}
    tower = Tower(NetworkConfig(hidden=(WIDTH, 6), **more), outputs, assets, **options)
    initialise(tower, torch.Generator().manual_seed(0), head_gain=1.0)
    for name, parameter in tower.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return tower


def random(*shape: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_what_an_asset_is_told():
    tower = build(extra=1)
    # positions, unrealised returns, tenures; drawdown
    account = torch.tensor([[1.0, 2.0, 6.0, 10.0, 20.0, 60.0, 0.1, 0.2, 0.6, 7.0]])
    told = tower._told(account, torch.tensor([[100.0, 200.0, 600.0]]))
    means = [3.0, 30.0, 0.3, 300.0]
    expected = [
        [1.0, 10.0, 0.1, 100.0, 7.0, *means],
        [2.0, 20.0, 0.2, 200.0, 7.0, *means],
        [6.0, 60.0, 0.6, 600.0, 7.0, *means],
    ]
    torch.testing.assert_close(told, torch.tensor([expected]))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("extra", [0, 2])
@pytest.mark.parametrize("assets", [1, ASSETS])
def test_any_leading_dimensions(assets, extra, pooled):
    tower = build(assets=assets, extra=extra, pooled=pooled, normalization="layer")
    inputs = [random(4, 5, assets * WIDTH), random(4, 5, 3 * assets + 1)]
    inputs += [random(4, 5, assets * extra)] if extra else []
    outputs = tower(*inputs)
    assert outputs.shape == (4, 5, 2 if pooled else 2 * assets)
    flat = tower(*(x.flatten(0, 1) for x in inputs))
    torch.testing.assert_close(outputs.flatten(0, 1), flat)
    torch.testing.assert_close(outputs[1, 2], tower(*(x[1, 2] for x in inputs)))


def test_the_outputs_of_one_asset_by_hand():
    tower = build(assets=1, extra=2, activation="elu")
    embedding, account, extra = random(7, WIDTH), random(7, 4), random(7, 2)
    elu = nn.functional.elu
    hidden = elu(embedding + torch.cat([account, extra], 1) @ tower.account.weight.T)
    hidden = elu(hidden @ tower.body[1].weight.T + tower.body[1].bias)
    expected = hidden @ tower.head.weight.T + tower.head.bias
    torch.testing.assert_close(tower(embedding, account, extra), expected)


def test_permuting_the_assets_permutes_the_outputs_and_keeps_the_pooled():
    order = [2, 0, 1]
    embedding, account, extra = random(4, ASSETS, WIDTH), random(4, 10), random(4, ASSETS, 2)
    by_kind = account[:, :-1].view(4, 3, ASSETS)
    moved = torch.cat([by_kind[..., order].flatten(1), account[:, -1:]], 1)

    def outputs(tower, embedding, account, extra):
        return tower(embedding.flatten(1), account, extra.flatten(1))

    for pooled in (False, True):
        tower = build(pooled=pooled, extra=2)
        plain = outputs(tower, embedding, account, extra)
        permuted = outputs(tower, embedding[:, order], moved, extra[:, order])
        expected = plain if pooled else plain.view(4, ASSETS, 2)[:, order].flatten(1)
        torch.testing.assert_close(permuted, expected)


def test_pooled_outputs_are_the_mean_of_those_of_the_assets():
    # The head is linear, so the mean may be taken before or after it.
    pooled, apart = build(pooled=True), build()
    inputs = random(4, ASSETS * WIDTH), random(4, 10)
    torch.testing.assert_close(pooled(*inputs), apart(*inputs).view(4, ASSETS, 2).mean(1))


def test_layers_between():
    tower = build(normalization="layer", dropout=0.25, activation="silu")
    kinds = [type(layer) for layer in tower.body]
    assert kinds == [nn.LayerNorm, nn.SiLU, Dropout, nn.Linear, nn.LayerNorm, nn.SiLU, Dropout]
    inputs = random(4, ASSETS * WIDTH), random(4, 10)
    draw_from(tower, torch.Generator().manual_seed(0))
    one, other = tower(*inputs), tower(*inputs)
    assert not torch.equal(one, other)
    with quiet(tower):
        assert torch.equal(tower(*inputs), tower(*inputs))
    assert tower.training
    assert tower.body[2].training


def test_a_noisy_tower_is_noisy_after_its_first_layer():
    tower = build(assets=1, noisy=True)
    noisy = [name for name, part in tower.named_modules() if isinstance(part, NoisyLinear)]
    assert noisy == ["body.1", "head"]
    inputs = random(4, WIDTH), random(4, 4)
    plain = build(assets=1)
    torch.testing.assert_close(tower(*inputs), plain(*inputs))
    resample(tower, torch.Generator().manual_seed(0))
    assert not torch.allclose(tower(*inputs), plain(*inputs), atol=1e-2)
    with quiet(tower):
        torch.testing.assert_close(tower(*inputs), plain(*inputs))


class Network(nn.Module):
    def __init__(self, seed: int, activation: str, noisy: bool) -> None:
        super().__init__()
        config = NetworkConfig(hidden=(WIDTH, 6), activation=activation)
        self.encoder, self.tower = make_encoder(config, (4, 3), WIDTH), Tower(config, 2)
        if noisy:
            self.tower = Tower(config, 2, noisy=True)
        initialise(self, torch.Generator().manual_seed(seed), 1.0)
        resample(self, torch.Generator().manual_seed(seed))

    def forward(self, windows: torch.Tensor, account: torch.Tensor) -> torch.Tensor:
        return self.tower(self.encoder(windows), account)


@pytest.mark.parametrize(
    ("activation", "noisy"), [("tanh", False), ("relu", False), ("tanh", True)]
)
def test_networks_run_and_learn_stacked(activation, noisy):
    networks = [Network(seed, activation, noisy) for seed in range(3)]
    parameters, buffers = stack_module_state(networks)
    windows, account = random(3, 5, 4, 3), random(3, 5, 4)

    def forward(p, b, *inputs):
        return functional_call(networks[0], (p, b), inputs)

    stacked = vmap(forward)(parameters, buffers, windows, account)
    each = torch.stack([n(w, a) for n, w, a in zip(networks, windows, account, strict=True)])
    torch.testing.assert_close(stacked, each)
    with torch.no_grad():
        again = vmap(forward)(parameters, buffers, windows, account)
    torch.testing.assert_close(again, each)

    stacked.square().sum().backward()
    each.square().sum().backward()
    inside = vmap(grad(lambda p, *rest: forward(p, *rest).square().sum()))(
        {name: p.detach() for name, p in parameters.items()}, buffers, windows, account
    )
    for name, parameter in parameters.items():
        expected = torch.stack([network.get_parameter(name).grad for network in networks])
        torch.testing.assert_close(parameter.grad, expected)
        torch.testing.assert_close(inside[name], expected)
