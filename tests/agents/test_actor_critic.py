"""Actors that trade from the position held, within bounds that let go; critics told of trades."""

import torch

from drltrade.agents.actions import WeightBox
from drltrade.agents.actor_critic import TRADE_SCALE, Actor, Critic, bounded
from drltrade.agents.encoders import NetworkConfig

NETWORK = NetworkConfig(hidden=(8, 8))


def gradients(outputs, upwards):
    outputs = torch.tensor(outputs, requires_grad=True)
    (-upwards * bounded(outputs)).sum().backward()
    return outputs.grad.tolist()


def test_bounds_invert_gradients_by_hand():
    outputs = [-3.0, -1.0, 0.0, 0.5, 1.0, 3.0]
    assert bounded(torch.tensor(outputs)).tolist() == [-1.0, -1.0, 0.0, 0.5, 1.0, 1.0]
    # What is left of the range on the way, and beyond the bound the way back.
    assert gradients(outputs, 2.0) == [-4.0, -2.0, -1.0, -0.5, 0.0, 2.0]
    assert gradients(outputs, -2.0) == [-2.0, 0.0, 1.0, 1.5, 2.0, 4.0]


def test_an_output_far_beyond_a_bound_comes_back():
    output = torch.tensor([20.0], requires_grad=True)
    optimizer = torch.optim.SGD([output], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (bounded(output) - 0.3).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(output.detach(), torch.tensor([0.3]))


def test_an_actor_that_says_nothing_holds():
    box = WeightBox(2, -2.0, 2.0, 2.0)
    actor = Actor(NETWORK, (3, 4), 2, 1, box)
    torch.nn.init.zeros_(actor.tower.head.weight)
    torch.nn.init.zeros_(actor.tower.head.bias)
    account = torch.tensor([[0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    outputs = actor.outputs(torch.randn(1, 16), account)
    torch.testing.assert_close(box.weights(bounded(outputs)), account[:, :2])


def test_a_critic_is_told_weights_and_trades_by_hand():
    critic = Critic(NETWORK, (3, 4), WeightBox(1, -1.0, 3.0), 2)
    account = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    told = critic._told(account, torch.tensor([[-0.25]]))
    # From 2 to 0.5, in halves of the range [-1, 3].
    assert told.tolist() == [[-0.25, TRADE_SCALE * -0.75]]
