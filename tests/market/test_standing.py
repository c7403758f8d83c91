"""What an agent is told of its account, worked by hand."""

import numpy as np
import pytest
import torch

from drltrade.market.account import make_rule


@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
def test_standing_worked_by_hand(xp):
    rule = make_rule(xp, "next_open")
    array = np.array if xp is np else (lambda x: torch.tensor(x, dtype=torch.float64))
    # opened at 10, doubled at 20, halved, closed, opened short at 8
    units = [0.0, 10.0, 20.0, 10.0, 0.0, -5.0]
    price = [10.0, 20.0, 16.0, 15.0, 8.0]
    close = [11.0, 18.0, 16.0, 14.0, 4.0]
    equity = [1010.0, 970.0, 930.0, 920.0, 940.0]
    entry, age, peak = array([0.0]), array([0.0]), array([1000.0])
    seen = []
    for t in range(5):
        s = rule.track(
            entry, age, peak, array([units[t]]), array([units[t + 1]]), array([price[t]]),
            array([close[t]]), array([equity[t]]),
        )  # fmt: skip
        entry, age, peak = s.entry, s.age, s.peak
        seen.append([float(field[0]) for field in s])
    assert [row[0] for row in seen] == [10.0, 15.0, 15.0, 0.0, 8.0]
    assert [row[1] for row in seen] == [1.0, 2.0, 3.0, 1.0, 1.0]
    assert [row[2] for row in seen] == [1010.0] * 5
    assert [row[3] for row in seen] == pytest.approx(
        [110 / 1010, 360 / 970, 160 / 930, 0, -20 / 940]
    )
    assert [row[4] for row in seen] == pytest.approx([0.1, 0.2, 1 / 15, 0.0, 0.5])
    assert [row[5] for row in seen] == pytest.approx([1 / 21, 2 / 22, 3 / 23, 1 / 21, 1 / 21])
    assert seen[-1][6] == pytest.approx(1 - 940 / 1010)
