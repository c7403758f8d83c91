"""What every position would have earned at every bar, and what every trade would have cost."""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.envs.task import Task
from drltrade.market.counterfactual import Counterfactual

AT_ONCE = 2**20
"""Trades asked about together; bounds the memory, not the result."""


class Hindsight(NamedTuple):
    """Rewards from fill to fill of P positions in each of N assets, by market row.

    A decision at the close of t fills later (`next_open`, `next_close`); until then the old
    position goes on earning. So that what follows a decision is what it is judged by, the time from
    one fill to the next is one step here: the market's moves while an order waits belong to the
    position held before it.
    """

    held: Tensor
    """[T, N, P] reward of holding a position from the fill of t to that of t + 1, trades apart."""
    trade: Tensor
    """[T, N, P, P] reward of then trading from a position, as it has drifted, to another."""


def look_back(
    task: Task, asked: Counterfactual, positions: Tensor, spans: tuple[range, ...], gamma: float
) -> Hindsight:
    """Ask the accounting rule about every bar of `spans` but the last of each.

    The assets are asked one by one, with nothing held in the others: under a budget small against
    equity their growths add up.

    Args:
        task: whose market it is.
        asked: the rule, on the device to compute on.
        positions: [P] target weights.
        spans: rows; what lies outside them stays zero.
        gamma: discount of what is earned in the next step.
    """
    n, device, count = task.market.assets, positions.device, len(positions)
    rows = torch.cat([torch.arange(s[0], s[-1], device=device) for s in spans])
    held = torch.zeros(len(task.market), n, count, device=device)
    trade = torch.zeros(len(task.market), n, count, count, device=device)
    for asset in range(n):

        def in_asset(weights: Tensor, asset: int = asset) -> Tensor:
            alone = torch.zeros(*weights.shape, n, device=device, dtype=torch.float64)
            alone[..., asset] = weights
            return alone.flatten(0, -2)

        flat = torch.zeros_like(positions)
        bought = asked.trade(in_asset(flat), in_asset(positions))
        sold = asked.trade(in_asset(positions), in_asset(flat))
        leaving = torch.zeros(len(task.market), count, device=device, dtype=torch.float64)
        for some in torch.split(rows, max(AT_ONCE // count**2, 1)):
            here, t = positions.expand(len(some), count), some.repeat_interleave(count)
            nothing = torch.zeros_like(here)
            entered, after = asked.step(t, in_asset(nothing), in_asset(here))
            held[some, asset] = (entered.view(-1, count) - bought).float()
            left, _ = asked.step(t, in_asset(here), in_asset(nothing))
            leaving[some] = left.view(-1, count) - sold
            drifted = after[:, asset].view(-1, count, 1).expand(-1, -1, count)
            to = positions.expand(len(some), count, count)
            moved = asked.trade(in_asset(drifted.flatten(1)), in_asset(to.flatten(1)))
            trade[some, asset] = moved.view(-1, count, count).float()
        if task.config.fill != "same_close":
            # While the next order waits, the position still earns: what leaving it pays, less the
            # trade. Nothing is known of it at the last bar of a span.
            held[rows, asset] += gamma * leaving[rows + 1].float()
    return Hindsight(held, trade)
