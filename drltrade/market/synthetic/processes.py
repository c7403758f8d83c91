"""Which random processes there are, as the keys of the table `[synthetic]` of an env preset."""

from typing import Annotated

from pydantic import Field

from drltrade.market.synthetic.diffusions import Gbm, Heston, Jumps, OrnsteinUhlenbeck
from drltrade.market.synthetic.learned import Learned
from drltrade.market.synthetic.resampled import Bootstrap, Permuted
from drltrade.market.synthetic.units import Ar1, Factors, Garch, Gaussian, Regimes

Synthetic = Annotated[
    Gaussian | Garch | Permuted | Ar1 | Factors | Regimes | Gbm | Jumps | Heston
    | OrnsteinUhlenbeck | Bootstrap | Learned,
    Field(discriminator="kind"),
]  # fmt: skip
"""What the table `[synthetic]` may hold; its key `kind` says which."""
