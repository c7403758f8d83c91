"""Encoders, towers, heads and the view of the market that they read."""

import numpy as np
import pytest
import torch
from torch import nn

from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.initialisation import initialise
from drltrade.agents.market_view import MarketView, reward_scale
from drltrade.agents.towers import Tower

SHAPE = (4, 3)


def networks(config: NetworkConfig, outputs: int = 5) -> tuple[nn.Module, Tower]:
    encoder, tower = make_encoder(config, SHAPE, config.hidden[0]), Tower(config, outputs)
    generator = torch.Generator().manual_seed(0)
    initialise(encoder, generator)
    initialise(tower, generator, head_gain=1.0)
    for module in (encoder, tower):
        for name, parameter in module.named_parameters():
            if "bias" in name:
                nn.init.normal_(parameter, generator=generator)
    return encoder, tower


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(8,), (16, 8), (8, 16, 8)])
def test_mlp_encoder_and_tower_are_a_plain_network_on_the_flat_observation(activation, hidden):
    encoder, tower = networks(NetworkConfig(encoder="mlp", activation=activation, hidden=hidden))
    first = nn.Linear(4 * 3 + 4, hidden[0])
    with torch.no_grad():
        first.weight.copy_(torch.cat([encoder.linear.weight, tower.account.weight], 1))
        first.bias.copy_(encoder.linear.bias)
    plain = nn.Sequential(first, *tower.body, tower.head)
    observation = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    windows, account = observation[:, :12].reshape(-1, *SHAPE), observation[:, 12:]
    torch.testing.assert_close(tower(encoder(windows), account), plain(observation))


def test_an_lstm_reads_the_window_from_the_oldest_bar_to_the_newest():
    config = NetworkConfig(encoder="lstm", units=6, layers=2, hidden=(8,))
    encoder, _ = networks(config)
    windows = torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(1))
    state = None
    for bar in range(SHAPE[0]):
        output, state = encoder.recurrent(windows[:, bar : bar + 1], state)
    torch.testing.assert_close(encoder(windows), encoder.linear(output[:, 0]))
    assert encoder(windows).shape == (7, 8)


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_initial_weights_come_from_the_generator_alone(encoder):
    config = NetworkConfig(encoder=encoder, hidden=(8, 8))

    def weights(seed: int, global_seed: int) -> list[torch.Tensor]:
        torch.manual_seed(global_seed)
        module = nn.ModuleList([make_encoder(config, SHAPE, 8), Tower(config, 3)])
        initialise(module, torch.Generator().manual_seed(seed))
        return list(module.parameters())

    one, same, other = weights(1, 1), weights(1, 2), weights(2, 1)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_initial_weights_are_orthogonal_and_the_forget_gates_open():
    config = NetworkConfig(encoder="lstm", units=8, hidden=(8, 8))
    encoder, tower = make_encoder(config, SHAPE, 8), Tower(config, 3)
    initialise(encoder, torch.Generator().manual_seed(0))
    initialise(tower, torch.Generator().manual_seed(0), head_gain=0.01)
    square = tower.body[1].weight
    torch.testing.assert_close(square @ square.T, 2 * torch.eye(8), rtol=1e-5, atol=1e-5)
    head = tower.head.weight
    torch.testing.assert_close(head @ head.T, 1e-4 * torch.eye(3), rtol=1e-5, atol=1e-8)
    assert encoder.recurrent.bias_ih_l0.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    assert not encoder.recurrent.bias_hh_l0.any()


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_looking_embeddings_up_equals_gathering_windows(task, encoder):
    view = MarketView(task, torch.device("cpu"))
    network, _ = networks(NetworkConfig(encoder=encoder, hidden=(8,)))
    rows = task.rows("train")
    every = torch.arange(rows[0], rows[-1] + 1)
    looked_up = view.embed(network, every)
    gathered = torch.cat([view.embed(network, part) for part in every.split(10)])
    torch.testing.assert_close(looked_up, gathered, rtol=1e-5, atol=1e-6)
    features = torch.from_numpy(task.market.features)
    for i in (0, 1, len(rows) - 1):
        window = features[rows[i] - 3 : rows[i] + 1]
        torch.testing.assert_close(looked_up[i], network(window[None])[0], rtol=1e-5, atol=1e-6)
    shuffled = torch.randint(rows[0], rows[-1] + 1, (500,))
    torch.testing.assert_close(view.embed(network, shuffled), looked_up[shuffled - rows[0]])


def test_rewards_are_scaled_by_the_volatility_of_the_train_period(task):
    rows = task.rows("train")
    close = task.market.close[rows[0] : rows[-1] + 1, 0]
    assert reward_scale(task) == pytest.approx(np.diff(np.log(close)).std(ddof=1), rel=1e-12)


def test_a_constant_price_has_a_scale_of_one(make_task, make_bars):
    assert reward_scale(make_task(make_bars(np.full(60, 100.0)))) == 1.0
