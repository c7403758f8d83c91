"""Distributions over actions: against torch's own, and within what the environment takes."""

import math

import numpy as np
import pytest
import torch

from drltrade.agents.actions import WeightBox
from drltrade.agents.heads import (
    CategoricalHead,
    DirichletHead,
    GaussianHead,
    SoftmaxGaussianHead,
    make_head,
)
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_categorical_head_samples_with_the_softmax_probabilities():
    head = CategoricalHead((-1.0, 0.0, 0.5, 2.0))
    logits = torch.tensor([1.0, -0.5, 0.3, 2.0])
    action = head.sample(logits.expand(200_000, 4), generator())
    frequency = torch.bincount(action, minlength=4) / 200_000
    torch.testing.assert_close(frequency, logits.softmax(0), rtol=0, atol=0.005)
    assert head.greedy(logits.expand(2, 4)).tolist() == [3, 3]
    assert head.target(torch.tensor([3, 0, 2])).tolist() == [2.0, -1.0, 0.5]
    assert head.target(action).dtype == torch.float64


def test_a_categorical_head_agrees_with_torch_distributions():
    head = CategoricalHead((-1.0, 0.0, 1.0))
    logits = torch.randn(40, 3, generator=generator()) * 3
    action = head.sample(logits, generator(1))
    oracle = torch.distributions.Categorical(logits=logits)
    torch.testing.assert_close(head.log_probability(logits, action), oracle.log_prob(action))
    torch.testing.assert_close(head.entropy(logits), oracle.entropy().mean())


def test_a_gaussian_head_agrees_with_torch_distributions():
    head = GaussianHead(WeightBox(1, -0.5, 1.5))
    outputs = torch.randn(200, 1, generator=generator())
    oracle = torch.distributions.Normal(0.5 + outputs, 0.2)
    action = head.sample(outputs, generator(1)).detach()
    torch.testing.assert_close(head.log_probability(outputs, action), oracle.log_prob(action)[:, 0])
    torch.testing.assert_close(head.entropy(outputs), oracle.entropy().mean())


def test_a_gaussian_of_several_assets_is_a_product():
    head = GaussianHead(WeightBox(3, -1.0, 1.0, 1.0))
    outputs = torch.randn(50, 3, generator=generator())
    oracle = torch.distributions.Normal(outputs / 3.0, 0.2 / 3.0)
    action = head.sample(outputs, generator(1)).detach()
    expected = oracle.log_prob(action).sum(-1)
    torch.testing.assert_close(head.log_probability(outputs, action), expected)
    torch.testing.assert_close(head.entropy(outputs), oracle.entropy().sum(-1).mean())


def test_a_gaussian_head_trades_from_most_of_the_weight_held():
    head = GaussianHead(WeightBox(1, -1.0, 3.0))
    account = torch.tensor([[0.0, 9, 9, 9], [2.0, 9, 9, 9], [-7.0, 9, 9, 9]])  # clamped to -1
    outputs = head.trading(torch.tensor([[0.0], [0.5], [0.0]]), account)
    # The middle is 1, half the range 2: 0.9 of the distance, and 0.5 x 2 to trade.
    torch.testing.assert_close(head.mean(outputs), torch.tensor([[0.1], [2.9], [-0.8]]))
    several = GaussianHead(WeightBox(2, 0.0, 1.0, 1.0))  # middle 0: no asset before another
    account = torch.tensor([[0.5, 0.25, 9, 9, 9, 9, 9]])
    outputs = several.trading(torch.zeros(1, 2), account)
    torch.testing.assert_close(several.mean(outputs), torch.tensor([[0.45, 0.225]]))


def test_a_gaussian_head_samples_around_its_mean():
    head = GaussianHead(WeightBox(1, -1.0, 1.0))
    action = head.sample(torch.full((100_000, 1), 0.3), generator()).detach()
    assert float(action.mean()) == pytest.approx(0.3, abs=0.002)
    assert float(action.std()) == pytest.approx(0.2, abs=0.002)


def test_a_gaussian_head_stays_within_the_range():
    head = GaussianHead(WeightBox(1, -0.3, 0.7))
    target = head.target(torch.tensor([[-5.0], [-0.1], [0.2], [9.0]]))
    assert target.dtype == torch.float64
    assert target[:, 0].tolist() == pytest.approx([-0.3, -0.1, 0.2, 0.7], rel=1e-6)
    for output, expected in ((-math.inf, -0.3), (0.0, 0.2), (math.inf, 0.7)):
        greedy = head.greedy(torch.tensor([[output]]))
        assert (greedy.shape, greedy.dtype) == ((1, 1), torch.float32)
        assert float(greedy) == np.float32(expected)


def test_the_bounds_of_a_range_are_actions_that_the_environment_takes(make_task, make_random_bars):
    task = make_task(make_random_bars(), position_range=[-0.3, 0.7])
    head, env = make_head(task), TradingEnv(task)
    env.reset(seed=0)
    for output in (-9.0, 9.0):
        action = head.greedy(torch.tensor([[output]]))[0].detach().numpy()
        assert env.action_space.contains(action)
        env.step(action)


def test_weights_beyond_the_gross_limit_are_scaled_down():
    weights = torch.tensor([[0.5, -0.5], [0.9, -0.9], [2.0, 0.0]])
    expected = torch.tensor([[0.5, -0.5], [0.5, -0.5], [1.0, 0.0]])
    torch.testing.assert_close(WeightBox(2, -1.0, 1.0, 1.0).within(weights), expected)


def test_a_dirichlet_head_agrees_with_torch_distributions():
    head, outputs = DirichletHead(1.0), torch.randn(60, 3, generator=generator())
    padded = torch.cat([outputs, torch.zeros(60, 1)], -1)
    oracle = torch.distributions.Dirichlet(1.0 + torch.nn.functional.softplus(padded))
    action = head.sample(outputs, generator(1))
    whole = torch.cat([action, 1.0 - action.sum(-1, keepdim=True)], -1)
    expected = oracle.log_prob(whole / whole.sum(-1, keepdim=True))
    torch.testing.assert_close(
        head.log_probability(outputs, action), expected, rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(head.entropy(outputs), oracle.entropy().mean())
    torch.testing.assert_close(head.greedy(outputs), oracle.mean[:, :-1])
    assert bool((action >= 0).all())
    assert bool((action.sum(-1) <= 1.0 + 1e-6).all())


def test_a_dirichlet_head_samples_around_its_mean():
    head, outputs = DirichletHead(1.0), torch.tensor([1.0, -1.0]).expand(100_000, 2)
    mean = head.sample(outputs, generator()).mean(0)
    torch.testing.assert_close(mean, head.greedy(outputs)[0], rtol=0, atol=0.005)


def test_a_softmax_of_normals_is_a_portfolio_with_cash():
    head = SoftmaxGaussianHead(0.8)
    target = head.target(torch.tensor([[0.0, 0.0], [50.0, 0.0], [-50.0, -50.0]]))
    expected = torch.tensor([[0.8 / 3, 0.8 / 3], [0.8, 0.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(target, expected, rtol=1e-6, atol=1e-6)
    outputs = torch.randn(50, 2, generator=generator())
    action = head.sample(outputs, generator(1)).detach()
    oracle = torch.distributions.Normal(outputs, 0.5)
    expected = oracle.log_prob(action).sum(-1)
    torch.testing.assert_close(head.log_probability(outputs, action), expected)


@pytest.mark.parametrize("weights", ["softmax", "dirichlet"])
def test_distributions_of_portfolios_are_for_portfolios(make_task, make_random_bars, weights):
    with pytest.raises(ConfigError, match=f"weights_head = '{weights}' is for the weights of a"):
        make_head(make_task(make_random_bars()), weights)
