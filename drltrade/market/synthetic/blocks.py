"""The stationary block bootstrap: rows in the order of a new series that could have been.

Sources
-------
- Politis and Romano 1994, "The stationary bootstrap", Journal of the American Statistical
  Association 89: blocks of geometric length from random starts, around the end of the series.
- Politis and White 2004, "Automatic block-length selection for the dependent bootstrap",
  Econometric Reviews 23, with the correction of Patton, Politis and White 2009: their mean length.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def stationary_rows(rng: np.random.Generator, rows: int, n: int, block: float) -> NDArray[np.int64]:
    """[n] row numbers below `rows`: blocks that follow one another, of geometric length.

    Args:
        rng: of the draws.
        rows: of the series, which is taken as a circle.
        n: how many to draw.
        block: mean length of a block, at least 1.
    """
    begins = rng.random(n) < 1.0 / block
    begins[0] = True
    number = np.cumsum(begins) - 1
    starts = rng.integers(rows, size=int(number[-1]) + 1)
    into = np.arange(n) - np.flatnonzero(begins)[number]
    drawn: NDArray[np.int64] = (starts[number] + into) % rows
    return drawn


def block_length(series: Floats) -> float:
    """Mean length of blocks for a series [T] (Politis and White 2004), at least 1."""
    from arch.bootstrap import optimal_block_length

    return max(1.0, float(optimal_block_length(series)["stationary"].iloc[0]))
