"""The process that a learned generator draws."""

import hashlib
from typing import Literal

import numpy as np
from pydantic import Field

from drltrade.market.synthetic.generator import generator_sha256, load_generator
from drltrade.market.synthetic.process import Drawn, Process, no_signals


class Learned(Process):
    """Returns from a network that learned them of real ones; see `generator`.

    `volatility` is not used. Bars open at the close before them and go straight to their own.
    """

    kind: Literal["learned"]
    generator: str = Field(
        "sp500", description="a name of data/generators, or an npz file of `drltrade data learn`"
    )

    @property
    def bars_per_year(self) -> float:
        """Of the data learned from."""
        return load_generator(self.generator).card.periods_per_year

    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """See `Process`."""
        logs = load_generator(self.generator).sample(rng, n)[0]
        return Drawn(np.expm1(logs), no_signals(n))

    def digest(self) -> str:
        """Of the keys and of the generator's file."""
        both = super().digest() + generator_sha256(self.generator)
        return hashlib.sha256(both.encode()).hexdigest()
