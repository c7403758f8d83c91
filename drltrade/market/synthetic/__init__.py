"""Markets made by a known random process, so that what an agent can earn at most is known too.

`processes` says which there are, as the keys of the table `[synthetic]` of an env preset; `paths`
turns what they draw into bars. `market.ground_truth` knows the optimum of each.
"""

from drltrade.market.synthetic.paths import BAR_WORTH, Path, draw_paths
from drltrade.market.synthetic.processes import (
    Ar1,
    Drawn,
    Factors,
    Garch,
    Gaussian,
    Gbm,
    Permuted,
    Process,
    Regimes,
    Synthetic,
)

__all__ = [
    "BAR_WORTH",
    "Ar1",
    "Drawn",
    "Factors",
    "Garch",
    "Gaussian",
    "Gbm",
    "Path",
    "Permuted",
    "Process",
    "Regimes",
    "Synthetic",
    "draw_paths",
]
