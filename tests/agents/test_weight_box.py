"""From [-1, 1] to target weights, as the environment means them."""

import numpy as np
import pytest
import torch

from drltrade.agents.actions import WeightBox, weight_box
from drltrade.envs.actions import ContinuousWeights
from drltrade.errors import ConfigError


def test_one_asset_by_hand():
    box = WeightBox(1, -1.0, 3.0)
    unit = torch.tensor([[-1.0], [0.0], [0.5], [1.0]])
    assert box.weights(unit)[:, 0].tolist() == [-1.0, 1.0, 2.0, 3.0]
    torch.testing.assert_close(box.units(box.weights(unit)), unit)


def test_a_portfolio_is_scaled_down_to_its_gross_limit_by_hand():
    box = WeightBox(2, -2.0, 2.0, 2.0)
    unit = torch.tensor([[0.25, -0.5], [1.0, -0.5], [1.0, 1.0], [0.0, 0.0]])
    expected = [[0.5, -1.0], [4 / 3, -2 / 3], [1.0, 1.0], [0.0, 0.0]]
    torch.testing.assert_close(box.weights(unit), torch.tensor(expected))


@pytest.mark.parametrize("long_only", [True, False])
def test_the_environment_takes_the_weights_as_they_are(long_only):
    low, gross = (0.0 if long_only else -0.7), 0.7
    box = WeightBox(3, low, gross, gross)
    unit = 2 * torch.rand(1000, 3, generator=torch.Generator().manual_seed(0)) - 1
    unit[0], unit[1] = 1.0, -1.0
    actions = ContinuousWeights(("A", "B", "C"), low, gross, gross)
    weights = box.orders(box.weights(unit)).numpy()
    orders = np.zeros((1000, 6))
    actions.many(weights, orders)
    np.testing.assert_allclose(orders[:, :3], weights, rtol=1e-6)
    # The unscaled weights lead to the same orders: what the critic judges is what is done.
    wanted = (0.5 * (gross + low) + 0.5 * (gross - low) * unit).clamp(low, gross).numpy()
    actions.many(wanted, orders)
    np.testing.assert_allclose(orders[:, :3], weights, rtol=1e-5, atol=1e-7)


def test_boxes_of_tasks(make_task, make_random_bars):
    task = make_task(make_random_bars(), position_range=[-0.5, 2.0])
    assert weight_box(task, "ddpg") == WeightBox(1, -0.5, 2.0)
    with pytest.raises(
        ConfigError,
        match=r"^ddpg chooses weights from a range, but the environment lists positions = "
        r"\[-1\.0, 0\.0, 1\.0\]: set position_range = \[-1, 1\] instead, or take dqn",
    ):
        weight_box(make_task(make_random_bars()), "ddpg")
    with pytest.raises(ConfigError, match="order_units"):
        weight_box(make_task(make_random_bars(), order_units=1.0), "ddpg")
