"""The best way to hold one of a few positions, where a Markov chain says what each will earn.

In state i (a point of `grid`) the agent, who holds position p, chooses position a, and then is paid

    gain[i, a] - switch[p, a]

while the state moves on by `transition`, whatever it does. The greatest long-run average g solves

    g + V(i, p) = max_a gain[i, a] - switch[p, a] + sum_j transition[i, j] V(j, a)

by relative value iteration; the least and the greatest change of V in a sweep are bounds of g (see
Puterman 1994, "Markov decision processes", sections 8.5.4 and 8.5.5).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drltrade.errors import ConfigError

Floats = NDArray[np.float64]
Table = NDArray[np.int64]

MOST_SWEEPS = 50_000


class Average(NamedTuple):
    """What a policy comes to in the long run, per step."""

    value: float
    turnover: float
    """Mean |a - p|."""


@dataclass(frozen=True)
class PositionProblem:
    """A chain of n states and m positions."""

    grid: Floats
    """[n] the states, ascending and evenly spaced."""
    positions: Floats
    """[m] ascending."""
    transition: Floats
    """[n, n] rows sum to 1."""
    gain: Floats
    """[n, m] expected reward of a step in which a position is held."""
    switch: Floats
    """[m, m] cost of going from a position to another."""

    def solve(self, tolerance: float = 1e-9) -> "PositionOptimum":
        """The optimum, its value to within `tolerance`.

        Raises:
            ConfigError: the chain mixes too slowly.
        """
        worth = np.zeros_like(self.gain)
        for _ in range(MOST_SWEEPS):
            held: Floats = self.gain + self.transition @ worth
            choices = held[:, None, :] - self.switch
            better = choices.max(2)
            change = better - worth
            low, high = float(change.min()), float(change.max())
            worth = better - better[0, 0]
            if high - low < tolerance:
                policy = choices.argmax(2)
                return PositionOptimum(0.5 * (low + high), self, policy)
        raise ConfigError(
            f"no optimum found in {MOST_SWEEPS} sweeps: the state changes too slowly to solve for "
            "its long-run average"
        )

    def evaluate(self, policy: Table, tolerance: float = 1e-12) -> Average:
        """The long-run average of a policy that begins with the position nearest to 0.

        Args:
            policy: [n, m] the index of the position to hold next, by state and position held.
            tolerance: of the stationary distribution, in total variation.
        """
        n, m = self.gain.shape
        goes_to = (np.arange(n)[:, None] * m + policy).reshape(-1)
        held = np.zeros((n, m))
        held[:, np.abs(self.positions).argmin()] = 1.0 / n
        backward = np.ascontiguousarray(self.transition.T)
        for _ in range(MOST_SWEEPS):
            before = backward @ held
            after = np.zeros(n * m)
            np.add.at(after, goes_to, before.reshape(-1))
            after = after.reshape(n, m)
            gap = float(np.abs(after - held).sum())
            held = after
            if gap < tolerance:
                break
        costs = self.switch[np.arange(m), policy]
        moved = np.abs(self.positions[policy] - self.positions)
        value = (held * self.gain).sum() - (before * costs).sum()
        return Average(float(value), float((before * moved).sum()))


@dataclass(frozen=True)
class PositionOptimum:
    """An optimum of a `PositionProblem`."""

    value: float
    """Long-run average reward per step."""
    problem: PositionProblem
    policy: Table
    """[n, m] the index of the position to hold next, by state and position held."""

    @property
    def turnover(self) -> float:
        """Mean |a - p| per step."""
        return self.problem.evaluate(self.policy).turnover

    @property
    def thresholds(self) -> Floats:
        """[m, m - 1] by position held, the state from which on each higher position is chosen.

        Entry [p, k] is the lowest point of the grid at which the policy leaves the k lowest
        positions and their next one behind; inf where it never does.
        """
        grid, (_, m) = self.problem.grid, self.policy.shape
        above = self.policy[:, :, None] > np.arange(m - 1)
        first: Floats = np.where(above.any(0), grid[above.argmax(0)], np.inf)
        return first

    def choose(self, state: Floats, weight: Floats) -> Floats:
        """[n] the position to hold in each state [n], where weight [n] is held: the nearest of the
        grid's points and of the positions count."""
        problem = self.problem
        step = problem.grid[1] - problem.grid[0]
        row = np.rint((state - problem.grid[0]) / step).astype(np.int64)
        held = np.abs(weight[:, None] - problem.positions).argmin(1)
        chosen: Floats = problem.positions[self.policy[row.clip(0, len(problem.grid) - 1), held]]
        return chosen


def proportional(positions: Floats, kappa: float) -> Floats:
    """[m, m] the cost kappa |a - p| of going from position p to a."""
    return kappa * np.abs(positions[None, :] - positions[:, None])


def cells(grid: Floats) -> Floats:
    """[n + 1] where the cells around the points of a grid begin and end; the outer ones never."""
    return np.concatenate(([-np.inf], 0.5 * (grid[1:] + grid[:-1]), [np.inf]))
