"""MaskablePPO of sb3-contrib, which asks which actions have a use."""

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

from drltrade.envs.sb3 import MarketVecEnv
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv

SMALL = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}


@pytest.mark.parametrize("actions", [{"positions": [-1, 0, 1]}, {"order_units": 5.0}], ids=str)
@pytest.mark.parametrize("many", [False, True])
def test_maskable_ppo_trains(make_task, make_random_bars, actions, many):
    task = make_task(make_random_bars(), **actions)
    env = MarketVecEnv(MarketVectorEnv(TradingEnv, 2, task)) if many else TradingEnv(task)
    model = MaskablePPO("MlpPolicy", env, **SMALL)
    assert is_masking_supported(model.get_env())
    model.learn(96)
    masks = get_action_masks(model.get_env())
    assert masks.shape == (2 if many else 1, 3)
    action, _ = model.predict(model.get_env().reset(), action_masks=masks, deterministic=True)
    assert np.take_along_axis(masks, np.reshape(action, (-1, 1)), 1).all()
