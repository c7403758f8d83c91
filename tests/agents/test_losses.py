"""Losses against numbers worked by hand."""

import math

import pytest
import torch

from drltrade.agents.losses import (
    approximate_kl,
    clipped_double_q_target,
    clipped_policy_loss,
    critic_loss,
    double_q_target,
    dueling_values,
    quantile_loss,
    quantile_q_target,
    smoothed_action,
    soft_state_value,
    soft_value,
    squared_loss,
    temperature_loss,
    temporal_difference_loss,
    weighted_mean,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# The objective stops growing where the ratio leaves [0.8, 1.2] in the direction of the advantage,
# and only there.
@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.5, 1.0, -1.2, False),
        (1.5, -1.0, 1.5, True),
        (0.5, 1.0, -0.5, True),
        (0.5, -1.0, 0.8, False),
        (1.1, 2.0, -2.2, True),
        (1.0, -3.0, 3.0, True),
    ],
)
def test_the_clipped_objective_on_both_sides(ratio, advantage, loss, gradient):
    log_probability = tensor(math.log(ratio) - 2.0).requires_grad_()
    value = clipped_policy_loss(log_probability, tensor(-2.0), tensor(advantage), 0.2)
    assert float(value.detach()) == pytest.approx(loss, rel=1e-12)
    value.backward()
    expected = -ratio * advantage if gradient else 0.0
    assert float(log_probability.grad) == pytest.approx(expected, rel=1e-12)


def test_the_clipped_objective_is_a_mean():
    old = torch.zeros(2, dtype=torch.float64)
    loss = clipped_policy_loss(tensor(math.log(1.5), math.log(0.5)), old, tensor(1.0, 1.0), 0.2)
    assert float(loss) == pytest.approx(-(1.2 + 0.5) / 2, rel=1e-12)


def test_approximate_kl_by_hand():
    log_probability = tensor(-1.0, -1.0 + math.log(2.0))
    kl = approximate_kl(log_probability, tensor(-1.0, -1.0))
    assert float(kl) == pytest.approx((0 + (2 - 1 - math.log(2))) / 2, rel=1e-12)
    assert float(approximate_kl(log_probability, log_probability)) == 0.0


def test_approximate_kl_estimates_the_divergence():
    old = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    new = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
    action = torch.multinomial(old, 200_000, True, generator=torch.Generator().manual_seed(0))
    estimate = approximate_kl(new.log()[action], old.log()[action])
    assert float(estimate) == pytest.approx(float((old * (old / new).log()).sum()), rel=0.02)


@pytest.mark.parametrize(
    ("error", "loss", "slope"),
    [(0.5, 0.125, 0.5), (-0.5, 0.125, -0.5), (3.0, 2.5, 1.0), (-3.0, 2.5, -1.0), (1.0, 0.5, 1.0)],
)
def test_the_huber_loss_is_square_within_one_and_straight_beyond(error, loss, slope):
    value = tensor(2.0 + error).requires_grad_()
    result = temporal_difference_loss(value, tensor(2.0))
    result.backward()
    assert float(result.detach()) == pytest.approx(loss, rel=1e-12)
    assert float(value.grad) == pytest.approx(slope, rel=1e-12)


def test_double_learning_chooses_by_one_network_and_values_by_the_other():
    reward, discount = tensor(1.0, 1.0, 1.0), tensor(0.5, 0.5, 0.0)
    online = tensor([1, 3, 2], [9, 0, 0], [9, 9, 9])
    target = tensor([8, 4, 6], [2, 7, 1], [5, 5, 5])
    double = double_q_target(reward, discount, online, target, double=True)
    single = double_q_target(reward, discount, online, target, double=False)
    assert double.tolist() == [1 + 0.5 * 4, 1 + 0.5 * 2, 1.0]
    assert single.tolist() == [1 + 0.5 * 8, 1 + 0.5 * 7, 1.0]


def test_dueling_values_by_hand():
    values = dueling_values(tensor([10, 1, 2, 6], [0, 5, 5, 5]))
    assert values.tolist() == [[8.0, 9.0, 13.0], [0.0, 0.0, 0.0]]


def test_dueling_advantages_have_no_mean():
    outputs = torch.randn(50, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = dueling_values(outputs)
    torch.testing.assert_close(values.mean(1), outputs[:, 0])
    shifted = outputs + tensor(0, 7, 7, 7, 7)
    torch.testing.assert_close(dueling_values(shifted), values)


def test_weights_of_losses_by_hand():
    value, target, weight = tensor(1.5, 3.0), tensor(1.0, 0.0), tensor(2.0, 0.5)
    assert float(temporal_difference_loss(value, target)) == (0.125 + 2.5) / 2
    assert float(temporal_difference_loss(value, target, weight)) == (0.25 + 1.25) / 2
    assert float(squared_loss(value, target)) == (0.25 + 9) / 2
    assert float(squared_loss(value, target, weight)) == (0.5 + 4.5) / 2
    assert float(weighted_mean(value, None)) == 2.25
    assert float(weighted_mean(value, weight)) == (3.0 + 1.5) / 2


def test_targets_of_quantiles_by_hand():
    # Means 2 and 3, worst halves 1 and 0 online; the other way round in the target network.
    online = tensor([[1, 3], [0, 6]])
    target = tensor([[9, 8], [7, 5]])
    reward, discount = tensor(1.0), tensor(0.5)

    def quantiles(double, risk_level):
        return quantile_q_target(reward, discount, online, target, double, risk_level).tolist()

    assert quantiles(True, 1.0) == [[1 + 3.5, 1 + 2.5]]
    assert quantiles(True, 0.5) == [[1 + 4.5, 1 + 4.0]]
    assert quantiles(False, 1.0) == [[1 + 4.5, 1 + 4.0]]


def test_quantile_loss_by_hand():
    quantiles, atoms, kappa = torch.tensor([[-1.0, 0.5, 3.0]]), [-2.5, 0.25], 0.7
    right = 0.0
    for i, quantile in enumerate(quantiles[0].tolist()):
        for atom in atoms:
            u = atom - quantile
            huber = 0.5 * u * u if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)
            right += abs((i + 0.5) / 3 - (u < 0)) * huber / kappa / len(atoms)
    found = quantile_loss(quantiles, torch.tensor([atoms]), kappa)
    assert found.tolist() == pytest.approx([right], rel=1e-6)


def test_dueling_quantiles_are_duels_of_each():
    outputs = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    for q in range(3):
        assert torch.equal(dueling_values(outputs)[..., q], dueling_values(outputs[..., q]))


def test_the_least_critic_sets_the_target_by_hand():
    values = tensor([3, 2], [-1, 4], [5, 6])
    target = clipped_double_q_target(tensor(1.0, 2.0, 3.0), tensor(0.5, 0.5, 0.0), values)
    assert target.tolist() == [2.0, 1.5, 3.0]


def test_the_loss_of_critics_by_hand():
    values, target = tensor([3, 2], [0, 1]), tensor(1.0, 3.0)
    assert float(critic_loss(values, target)) == ((4 + 1) + (9 + 4)) / 2
    assert float(critic_loss(values, target, tensor(0.0, 2.0))) == 13.0


def test_what_twins_share_counts_a_tenth_by_hand():
    # Errors 5 and -1 of the first two twins: 2 is shared, 3 and -3 are not. 4 and 0: 2, and 2, -2.
    values, target = tensor([5], [4], [-1], [0]), torch.zeros(4)
    expected = 2 * (3**2 + 0.1 * 2**2) + 2 * (2**2 + 0.1 * 2**2)
    assert float(critic_loss(values, target, twins=2)) == pytest.approx(expected / 4)
    only_second = tensor(0.0, 2.0, 0.0, 2.0)
    expected = 2 * 2 * (2**2 + 0.1 * 2**2)
    assert float(critic_loss(values, target, only_second, 2)) == pytest.approx(expected / 4)


def test_smoothed_actions_by_hand():
    action, noise = tensor([0.0, 0.95, -0.5]), tensor([1.0, 1.0, -9.0])
    smoothed = smoothed_action(action, noise, deviation=0.2, clip=0.3)
    torch.testing.assert_close(smoothed, tensor([0.2, 1.0, -0.8]))


def test_soft_values_by_hand():
    value = soft_value(tensor([3, 2], [0, 5]), tensor(-1.0, 2.0), tensor(0.5).squeeze())
    assert value.tolist() == [2.5, -1.0]
    # Over both actions, probabilities 1/4 and 3/4.
    log_policy = tensor([math.log(0.25), math.log(0.75)])
    worth = soft_state_value(log_policy, tensor([4.0, 8.0]), tensor(2.0).squeeze())
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert float(worth) == pytest.approx(7.0 + 2.0 * entropy, rel=1e-12)


@pytest.mark.parametrize(("log_probability", "slope"), [(1.5, -0.5), (0.5, 0.5)])
def test_the_temperature_rises_while_the_entropy_is_too_low(log_probability, slope):
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    drawn = tensor(log_probability, log_probability)
    temperature_loss(log_temperature, drawn, target_entropy=-1.0).backward()
    assert float(log_temperature.grad) == slope
