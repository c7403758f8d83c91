"""Additive processes: they draw r, the return of a bar in units of `volatility`.

The price goes from S to S (1 + volatility r). With the default of one basis point, compounding does
not matter, and a proportional cost of kappa units is `commission_bps = kappa`.

Sources
-------
- Bollerslev 1986, "Generalized autoregressive conditional heteroskedasticity", Journal of
  Econometrics 31: garch.
- Garleanu and Pedersen 2013, "Dynamic trading with predictable returns and transaction costs",
  Journal of Finance 68(6): factors.
- Hamilton 1989, "A new approach to the economic analysis of nonstationary time series and the
  business cycle", Econometrica 57(2): regimes.
"""

from abc import abstractmethod
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from drltrade.market.synthetic.process import Drawn, Floats, Process, autoregression, no_signals


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
        return self.mean + rng.standard_normal(n), no_signals(n)


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
        return np.sqrt(squares) * shocks, no_signals(n)


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
        x = autoregression(rng, self.rho, n + 1)
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
        factors = np.stack([autoregression(rng, 1.0 - phi, n + 1) for phi in self.phi], axis=1)
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
        return self.mean * z + rng.standard_normal(n), no_signals(n)
