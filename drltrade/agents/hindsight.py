"""What every position would have earned at every bar, and what every trade would have cost."""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.envs.task import Task
from drltrade.market.counterfactual import Counterfactual


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
    delayed = task.config.fill != "same_close"
    for asset in range(n):

        def in_asset(weights: Tensor, asset: int = asset) -> Tensor:
            alone = torch.zeros(*weights.shape, n, device=device, dtype=torch.float64)
            alone[..., asset] = weights
            return alone.flatten(0, -2)

        here = positions.expand(len(rows), count)
        flat, t = torch.zeros_like(here), rows.repeat_interleave(count)
        bought = asked.trade(in_asset(flat[:1]), in_asset(here[:1]))
        entered, after = asked.step(t, in_asset(flat), in_asset(here))
        earned = entered.view(-1, count) - bought
        if delayed:
            # While the next order waits, the position still earns: what leaving it pays, less the
            # trade. Nothing is known of it at the last bar of a span.
            left, _ = asked.step(t, in_asset(here), in_asset(flat))
            sold = asked.trade(in_asset(here[:1]), in_asset(flat[:1]))
            waiting = torch.zeros_like(earned)
            waiting[:-1] = (left.view(-1, count) - sold)[1:]
            waiting[rows.diff(append=rows[:1]) != 1] = 0.0
            earned = earned + gamma * waiting
        held[rows, asset] = earned.float()
        drifted = after[:, asset].view(-1, count, 1).expand(-1, -1, count)
        to = positions.expand(len(rows), count, count)
        moved = asked.trade(in_asset(drifted.flatten(1)), in_asset(to.flatten(1)))
        trade[rows, asset] = moved.view(-1, count, count).float()
    return Hindsight(held, trade)
