"""Markets made by a random process.

`processes` says which there are, as the keys of the table `[synthetic]` of an env preset; `paths`
turns what they draw into bars. `market.ground_truth` knows the optimum of some.
"""

from drltrade.market.synthetic.diffusions import Gbm, Heston, Jumps, OrnsteinUhlenbeck
from drltrade.market.synthetic.learned import Learned
from drltrade.market.synthetic.paths import BAR_WORTH, Path, draw_paths
from drltrade.market.synthetic.process import Drawn, Process, Shape
from drltrade.market.synthetic.processes import Synthetic
from drltrade.market.synthetic.resampled import Bootstrap, Permuted
from drltrade.market.synthetic.units import Ar1, Factors, Garch, Gaussian, Regimes

__all__ = [
    "BAR_WORTH",
    "Ar1",
    "Bootstrap",
    "Drawn",
    "Factors",
    "Garch",
    "Gaussian",
    "Gbm",
    "Heston",
    "Jumps",
    "Learned",
    "OrnsteinUhlenbeck",
    "Path",
    "Permuted",
    "Process",
    "Regimes",
    "Shape",
    "Synthetic",
    "draw_paths",
]
