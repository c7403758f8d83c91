"""Returns that nothing foretells: hold one position for ever, or none.

The cost of getting there vanishes in the long-run average, so that the optimum is the greatest of
mean a - h |a| over the positions; where the mean is 0 (a martingale), 0 by doing nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple


class ConstantOptimum(NamedTuple):
    """The position to hold always."""

    value: float
    """Reward per step."""
    position: float


def solve_constant(
    mean: float, *, holding: float = 0.0, positions: Sequence[float] = (-1.0, 0.0, 1.0)
) -> ConstantOptimum:
    """The optimum; of positions that are equally good, the one nearest to 0.

    Args:
        mean: expected return of a step.
        holding: h, cost of a unit held for a step.
        positions: those to choose from.
    """
    worth = [(mean * each - holding * abs(each), -abs(each), each) for each in positions]
    value, _, position = max(worth)
    return ConstantOptimum(value, position)
