"""The random processes, as the keys of the table `[synthetic]` of an env preset.

All but `gbm` are additive: they draw r, the return of a bar in units of `volatility`, and the price
goes from S to S (1 + volatility r). With the default of one basis point, compounding does not
matter, and a proportional cost of kappa units is `commission_bps = kappa`.

A signal is known at the close of its bar, and it speaks of the return of the next one: row t of
`Drawn.signals` belongs to `Drawn.returns[t + 1]`.

Sources
-------
- Bollerslev 1986, "Generalized autoregressive conditional heteroskedasticity", Journal of
  Econometrics 31: garch.
- Garleanu and Pedersen 2013, "Dynamic trading with predictable returns and transaction costs",
  Journal of Finance 68(6): factors.
- Hamilton 1989, "A new approach to the economic analysis of nonstationary time series and the
  business cycle", Econometrica 57(2): regimes.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drltrade.data.catalog import CATALOG, load_bars
from drltrade.errors import ConfigError
from drltrade.settings import Settings

Floats = NDArray[np.float64]

CALENDAR_DAYS = 365.0
"""Bars of a year, where a process does not say otherwise: every day has one."""


class Drawn(NamedTuple):
    """One path of a process."""

    returns: Floats
    """[n] simple returns of the bars."""
    signals: Floats
    """[n, K] known at the close of each bar."""


class Process(Settings, ABC):
    """How much there is of a synthetic market, whatever the process."""

    bars: int = Field(200_000, ge=2, description="bars to train on")
    path_length: int = Field(
        10_000, ge=2, description="bars of each independent path that the train bars are cut into"
    )
    validation_bars: int = Field(10_000, ge=2, description="bars to choose on, one path")
    test_bars: int = Field(50_000, ge=2, description="bars to judge on, one path")
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


class InUnits(Process):
    """Returns of so many times `volatility`."""

    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """See `Process`."""
        returns, signals = self.units(rng, n)
        return Drawn(self.volatility * returns, signals)

    @abstractmethod
    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """(returns [n] in units of `volatility`, signals [n, K])."""


class Gaussian(InUnits):
    """r ~ N(mean, 1), independent: a drift, or with mean 0 a martingale."""

    kind: Literal["gaussian"]
    mean: float = Field(0.0, ge=-10, le=10, description="expected return, units a bar")

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `InUnits`."""
        return self.mean + rng.standard_normal(n), _none(n)


class Garch(InUnits):
    """r = sqrt(h) e with h' = 1 - alpha - beta + alpha r^2 + beta h: a martingale of variance 1."""

    kind: Literal["garch"]
    alpha: float = Field(0.1, ge=0, lt=1, description="weight of the last squared return")
    beta: float = Field(0.85, ge=0, lt=1, description="weight of the last variance")

    @model_validator(mode="after")
    def _stationary(self) -> "Garch":
        if self.alpha + self.beta >= 1.0:
            raise ValueError(
                f"synthetic.alpha + synthetic.beta = {self.alpha + self.beta:g}: below 1 is needed "
                "for a variance to exist"
            )
        return self

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`; the first variance is the unconditional one."""
        base, variance, squares = 1.0 - self.alpha - self.beta, 1.0, []
        shocks = rng.standard_normal(n)
        for square in (shocks * shocks).tolist():
            squares.append(variance)
            variance = base + (self.alpha * square + self.beta) * variance
        return np.sqrt(squares) * shocks, _none(n)


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
        return standard[order].reshape(-1)[:n], _none(n)


class Ar1(InUnits):
    """One signal: x' = rho x + sqrt(1 - rho^2) eps and r' = ic x + sqrt(1 - ic^2) e.

    x has mean 0 and variance 1, so has r, and ic is their correlation.
    """

    kind: Literal["ar1"]
    rho: float = Field(0.9, gt=-1, lt=1, description="autocorrelation of the signal")
    ic: float = Field(0.1, ge=-1, le=1, description="correlation of signal and next return")

    @property
    def signals(self) -> int:
        """One: x."""
        return 1

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`."""
        x = _autoregression(rng, self.rho, n + 1)
        noise = np.sqrt(1.0 - self.ic**2) * rng.standard_normal(n)
        return self.ic * x[:-1] + noise, x[1:, None]


class Factors(InUnits):
    """Signals f_k' = (1 - phi_k) f_k + eps_k of unit variance, and r' = sum_k b_k f_k + noise e."""

    kind: Literal["factors"]
    phi: tuple[float, ...] = Field((0.3, 0.05), min_length=1, description="decay of each factor")
    b: tuple[float, ...] = Field((0.05, 0.05), min_length=1, description="loading on each factor")
    noise: float = Field(1.0, ge=0, description="standard deviation of e, units a bar")

    @model_validator(mode="after")
    def _one_each(self) -> "Factors":
        if len(self.phi) != len(self.b):
            raise ValueError(
                f"synthetic.phi has {len(self.phi)} numbers and synthetic.b {len(self.b)}; there "
                "must be one of each a factor"
            )
        if not all(0.0 < decay <= 1.0 for decay in self.phi):
            raise ValueError(f"synthetic.phi = {list(self.phi)}: each must be above 0, at most 1")
        return self

    @property
    def signals(self) -> int:
        """One a factor."""
        return len(self.phi)

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`."""
        factors = np.stack([_autoregression(rng, 1.0 - phi, n + 1) for phi in self.phi], axis=1)
        noise = self.noise * rng.standard_normal(n)
        return factors[:-1] @ np.array(self.b) + noise, factors[1:]


class Regimes(InUnits):
    """r' = mean z + e, where z in {-1, 1} is never shown and keeps its value with chance `stay`."""

    kind: Literal["regimes"]
    stay: float = Field(0.98, gt=0.5, lt=1, description="chance that a regime lasts another bar")
    mean: float = Field(0.3, gt=0, le=10, description="expected return in the regime +1")

    def units(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Process`."""
        changes = rng.random(n) >= self.stay
        changes[0] = rng.random() < 0.5
        z = 1.0 - 2.0 * (np.cumsum(changes) % 2)
        return self.mean * z + rng.standard_normal(n), _none(n)


class Gbm(Process):
    """Geometric Brownian motion: log(1 + r) ~ N((mu - sigma^2 / 2) / m, sigma^2 / m) a bar.

    mu, sigma are of a year and m is `periods_per_year`; `volatility` is not used.
    """

    kind: Literal["gbm"]
    mu: float = Field(0.08, ge=-1, le=1, description="expected simple return, a year")
    sigma: float = Field(0.2, gt=0, le=2, description="volatility, a year")
    periods_per_year: float = Field(252.0, gt=0, description="bars a year")

    @property
    def bars_per_year(self) -> float:
        """m."""
        return self.periods_per_year

    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """See `Process`."""
        mean = (self.mu - 0.5 * self.sigma**2) / self.periods_per_year
        scale = self.sigma / np.sqrt(self.periods_per_year)
        logs = mean + scale * rng.standard_normal(n)
        return Drawn(np.expm1(logs), _none(n))


Synthetic = Annotated[
    Gaussian | Garch | Permuted | Ar1 | Factors | Regimes | Gbm, Field(discriminator="kind")
]
"""What the table `[synthetic]` may hold; its key `kind` says which."""


def _none(n: int) -> Floats:
    return np.empty((n, 0))


def _autoregression(rng: np.random.Generator, rho: float, n: int) -> Floats:
    """[n] a stationary AR(1) path of mean 0 and variance 1."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal(n)
    shocks[1:] *= np.sqrt(1.0 - rho**2)
    path: Floats = lfilter([1.0], [1.0, -rho], shocks)
    return path
