"""Processes that draw what really happened, in another order."""

from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from drltrade.data.bars import Bars
from drltrade.data.catalog import CATALOG, load_bars
from drltrade.errors import ConfigError
from drltrade.market.synthetic.blocks import block_length, stationary_rows
from drltrade.market.synthetic.process import Drawn, Floats, Process, Shape, no_signals
from drltrade.market.synthetic.units import InUnits


class Permuted(InUnits):
    """Real log returns, standardised to mean 0 and variance 1, in shuffled blocks.

    Fat tails and what dependence there is within a block stay; every other pattern is gone.
    """

    kind: Literal["permuted"]
    data: str = Field("sp500", description="an embedded data set")
    symbol: str | None = Field(None, description="one of its symbols; None: its first")
    block: int = Field(1, ge=1, description="neighbouring returns that stay together")

    @field_validator("data")
    @classmethod
    def _embedded(cls, data: str) -> str:
        return embedded(data)

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`; once all blocks were used they are shuffled anew."""
        bars = _bars(self.data)
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


class Bootstrap(Process):
    """Real bars in blocks of random length: the stationary bootstrap (Politis and Romano 1994).

    A bar is drawn whole, relative to the close before it: open, high, low, close, and the money
    traded. Bars within a block follow one another as they did. `volatility` is not used.
    """

    kind: Literal["bootstrap"]
    data: str = Field("sp500", description="an embedded data set")
    symbol: str | None = Field(None, description="one of its symbols; None: its first")
    start: date = Field(description="no bar before it is drawn; 1999-01-01")
    end: date = Field(description="no bar after it is drawn; 2010-12-31")
    block: float | None = Field(
        None, ge=1, description="mean bars of a block; None: by Politis and White 2004"
    )

    @field_validator("data")
    @classmethod
    def _embedded(cls, data: str) -> str:
        return embedded(data)

    @model_validator(mode="after")
    def _in_order(self) -> "Bootstrap":
        if self.end <= self.start:
            raise ValueError(f"synthetic.end = {self.end} is not after start = {self.start}")
        return self

    @property
    def bars_per_year(self) -> float:
        """Of the data."""
        return _bars(self.data).periods_per_year

    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """See `Process`."""
        bars = _bars(self.data)
        frame = bars.frame(self.symbol or bars.symbols[0])
        real = relative_bars(frame.loc[str(self.start) : str(self.end)], self._where)
        block = self.block or usual_block(real)
        return real.taken(stationary_rows(rng, len(real.returns), n, block))

    @property
    def _where(self) -> str:
        return f"synthetic.start = {self.start}, end = {self.end}: {self.data}"


USUAL_WORTH = 63
"""Bars whose mean is what is usually traded: a quarter, over which a trend of years is small."""


def relative_bars(frame: pd.DataFrame, where: str) -> Drawn:
    """Real bars [T] as T - 1 that could be drawn, each relative to the close before it.

    The money traded is relative to its mean over the last `USUAL_WORTH` bars, this one included.

    Raises:
        ConfigError: fewer than 3 bars; `where` says of what.
    """
    if len(frame) < 3:
        raise ConfigError(f"{where} holds {len(frame)} bars there, at least 3 are needed")
    close = frame["close"].to_numpy(np.float64)
    before = close[:-1]
    opened, high, low = (frame[key].to_numpy(np.float64)[1:] for key in ("open", "high", "low"))
    money = frame["volume"] * frame["open"]
    usual = money.rolling(USUAL_WORTH, min_periods=1).mean()
    worth = (money / usual.where(usual > 0, 1.0)).to_numpy(np.float64)[1:]
    shape = Shape(opened / before, high / before, low / before, worth)
    return Drawn(np.diff(close) / before, no_signals(len(before)), shape)


def usual_block(*assets: Drawn) -> float:
    """Mean block length for real bars: the mean over assets of what their absolute returns need.

    Those depend on one another for longer than returns do, and features of volatility see it.
    """
    return float(np.mean([block_length(np.abs(np.log1p(asset.returns))) for asset in assets]))


def embedded(data: str) -> str:
    """The name of an embedded data set, whose bars never change; others are refused."""
    if data not in CATALOG:
        raise ValueError(
            f"synthetic.data = {data!r}: an embedded data set is needed ({', '.join(CATALOG)})"
        )
    return data


@lru_cache(maxsize=len(CATALOG))
def _bars(data: str) -> Bars:
    return load_bars(data)
