"""Processes that draw what really happened, in another order."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from drltrade.data.catalog import CATALOG, load_bars
from drltrade.errors import ConfigError
from drltrade.market.synthetic.process import Floats, no_signals
from drltrade.market.synthetic.units import InUnits


class Permuted(InUnits):
    """Real log returns, standardised to mean 0 and variance 1, in shuffled blocks.

    Fat tails and what dependence there is within a block stay; every other pattern is gone.
    """

    kind: Literal["permuted"]
    data: str = Field("sp500", description="an embedded data set")
    symbol: str | None = Field(None, description="one of its symbols; None: its first")
    block: int = Field(1, ge=1, description="neighbouring returns that stay together")

    @model_validator(mode="after")
    def _embedded(self) -> "Permuted":
        if self.data not in CATALOG:
            raise ValueError(
                f"synthetic.data = {self.data!r}: an embedded data set is needed "
                f"({', '.join(CATALOG)})"
            )
        return self

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`; once all blocks were used they are shuffled anew."""
        bars = load_bars(self.data)
        close = bars.frame(self.symbol or bars.symbols[0])["close"].to_numpy(np.float64)
        real = np.diff(np.log(close))
        blocks = len(real) // self.block
        if blocks < 2:
            raise ConfigError(
                f"synthetic.block = {self.block}: {self.data} has {len(real)} returns, and at "
                "least two blocks are needed"
            )
        real = real[: blocks * self.block]
        standard = ((real - real.mean()) / real.std()).reshape(blocks, self.block)
        rounds = -(-n // standard.size)
        order = np.concatenate([rng.permutation(blocks) for _ in range(rounds)])
        return standard[order].reshape(-1)[:n], no_signals(n)
