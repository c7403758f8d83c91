"""Accounts of a simulator that meet the same bars."""

import numpy as np
import torch


def test_twins_meet_the_same_bars_and_end_together(make_task, make_bars):
    close = 100 * 1.3 ** np.arange(60)
    task = make_task(
        make_bars(close, open=close), positions=[-4, 0, 1], fill="same_close",
        margin={"maintenance": 0.2},
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    batch = task.simulator(6, generator, episode_length=(5, 20), twins=3)
    assert len(set(batch.t.tolist())) == len(set(batch.left.tolist())) == 2
    for _ in range(30):
        assert torch.equal(batch.t, batch.t[::3].repeat_interleave(3))
        assert torch.equal(batch.left, batch.left[::3].repeat_interleave(3))
        batch.step(torch.full((6,), torch.nan, dtype=torch.float64))
    batch.reset()
    left = batch.left.clone()
    led_to = batch.step(torch.tensor([0.0, -4.0, 1.0, 0.0, 0.0, 1.0], dtype=torch.float64))
    assert led_to.terminated.tolist() == [False, True, False, False, False, False]
    assert led_to.truncated.tolist() == [True, False, True, False, False, False]
    assert not batch.units[:3].any()
    assert batch.left[3:].tolist() == (left[3:] - 1).tolist()
    assert torch.equal(batch.t[:3], batch.t[:1].expand(3))
