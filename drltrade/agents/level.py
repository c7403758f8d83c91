"""The level of all values, learned apart from their differences."""

import torch
from torch import Tensor

from drltrade.agents.replay import Batch


class Level:
    """The level c of all values, Q(s, a) = c + Q'(s, a) with Q' the network's.

    With a discount near 1 values are large, all alike, and slow to learn: c is 1 / (1 - gamma)
    times the average reward. No decision depends on it. As a number of its own it is learned in a
    hundred updates, by the mean temporal-difference error, and the network is left with the
    differences. Bellman's equation for Q is solved exactly either way. Source: the average-reward
    update of Wan, Naik & Sutton 2021, "Learning and planning in average-reward Markov decision
    processes", eq. 4, for a discount below 1.
    """

    speed = 0.02

    def __init__(self, gamma: float, device: torch.device, learned: bool) -> None:
        """Start at zero; if it is not `learned`, stay there."""
        self.value = torch.zeros((), device=device)
        self._rate = min(self.speed / (1.0 - gamma), 1.0) if learned else 0.0

    def reward(self, batch: Batch) -> Tensor:
        """[M] what takes the place of the rewards G in a target of Q': G - (1 - discount) c."""
        return batch.reward - (1.0 - batch.discount) * self.value

    def follow(self, error: Tensor, weight: Tensor | None) -> None:
        """Move by the errors [M], target - value."""
        error = error.detach() if weight is None else error.detach() * weight
        self.value = self.value + self._rate * error.mean()
