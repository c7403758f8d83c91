"""What a random process is: keys of its own, and paths that it draws.

A signal is known at the close of its bar, and it speaks of the return of the next one: row t of
`Drawn.signals` belongs to `Drawn.returns[t + 1]`.
"""

import hashlib
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from drltrade.settings import Settings

Floats = NDArray[np.float64]

CALENDAR_DAYS = 365.0
"""Bars of a year, where a process does not say otherwise: every day has one."""


MOST_BARS = 10**8
"""Of a period: their prices and volumes alone are 4 GB."""


class Shape(NamedTuple):
    """What bars are beyond their returns. Prices are relative to the close before."""

    open: Floats
    """[n]."""
    high: Floats
    """[n]."""
    low: Floats
    """[n]."""
    worth: Floats
    """[n] money traded, relative to what is usual; 0: nothing is."""


class Drawn(NamedTuple):
    """One path of a process."""

    returns: Floats
    """[n] simple returns of the bars."""
    signals: Floats
    """[n, K] known at the close of each bar."""
    shape: Shape | None = None
    """None: each bar opens at the close before it, goes straight to its own, and as much money is
    traded in each."""

    def taken(self, rows: NDArray[np.int64]) -> "Drawn":
        """The bars of these rows [m], in their order."""
        shape = None if self.shape is None else Shape(*(part[rows] for part in self.shape))
        return Drawn(self.returns[rows], self.signals[rows], shape)


class Process(Settings, ABC):
    """How much there is of a synthetic market, whatever the process."""

    bars: int = Field(200_000, ge=2, le=MOST_BARS, description="bars to train on")
    path_length: int = Field(
        10_000, ge=2, le=MOST_BARS,
        description="bars of each independent path that the train bars are cut into",
    )  # fmt: skip
    validation_bars: int = Field(
        10_000, ge=2, le=MOST_BARS, description="bars to choose on, one path"
    )
    test_bars: int = Field(50_000, ge=2, le=MOST_BARS, description="bars to judge on, one path")
    seed: int = Field(0, ge=0, description="of the process; other seeds, other bars")
    volatility: float = Field(1e-4, gt=0, le=0.01, description="one unit of return, a bar")

    @property
    def signals(self) -> int:
        """K, the number of signals."""
        return 0

    @property
    def bars_per_year(self) -> float:
        """By which a return of a bar is annualised."""
        return CALENDAR_DAYS

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """A path of n bars, stationary from the first one on."""

    def digest(self) -> str:
        """sha256 of all that the bars depend on."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def no_signals(n: int) -> Floats:
    """[n, 0]."""
    return np.empty((n, 0))


def autoregression(rng: np.random.Generator, rho: float, n: int) -> Floats:
    """[n] a stationary AR(1) path of mean 0 and variance 1."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal(n)
    shocks[1:] *= np.sqrt(1.0 - rho**2)
    path: Floats = lfilter([1.0], [1.0, -rho], shocks)
    return path
