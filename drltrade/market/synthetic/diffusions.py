"""Processes in continuous time, seen at the close of each bar. Their parameters are of a year.

None of them has an error of discretisation, but for Heston's price, see there.

Sources
-------
- Merton 1976, "Option pricing when underlying stock returns are discontinuous", Journal of
  Financial Economics 3: jumps.
- Heston 1993, "A closed-form solution for options with stochastic volatility", Review of Financial
  Studies 6: heston.
- Cox, Ingersoll and Ross 1985, "A theory of the term structure of interest rates", Econometrica 53:
  the law of Heston's variance, a noncentral chi-squared one.
- Andersen 2008, "Simple and efficient simulation of the Heston stochastic volatility model",
  Journal of Computational Finance 11(3): Heston's price, given the variance.
- Uhlenbeck and Ornstein 1930, "On the theory of the Brownian motion", Physical Review 36.
"""

from abc import abstractmethod
from typing import Literal

import numpy as np
from pydantic import Field

from drltrade.market.synthetic.process import Drawn, Floats, Process, autoregression, no_signals


class Annual(Process):
    """Log returns of m = `periods_per_year` bars a year; `volatility` is not used."""

    periods_per_year: float = Field(252.0, ge=1, le=1e7, description="bars a year")

    @property
    def bars_per_year(self) -> float:
        """m."""
        return self.periods_per_year

    @property
    def dt(self) -> float:
        """Length of a bar, years."""
        return 1.0 / self.periods_per_year

    def draw(self, rng: np.random.Generator, n: int) -> Drawn:
        """See `Process`."""
        logs, signals = self.logs(rng, n)
        return Drawn(np.expm1(logs), signals)

    @abstractmethod
    def logs(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """(log returns [n], signals [n, K])."""


class Gbm(Annual):
    """Geometric Brownian motion: log(1 + r) ~ N((mu - sigma^2 / 2) / m, sigma^2 / m) a bar."""

    kind: Literal["gbm"]
    mu: float = Field(0.08, ge=-1, le=1, description="expected simple return, a year")
    sigma: float = Field(0.2, gt=0, le=2, description="volatility, a year")

    def logs(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Annual`."""
        mean = (self.mu - 0.5 * self.sigma**2) / self.periods_per_year
        scale = self.sigma / np.sqrt(self.periods_per_year)
        return mean + scale * rng.standard_normal(n), no_signals(n)


class Jumps(Annual):
    """Jump diffusion (Merton 1976): `gbm` plus N(jump_mean, jump_std^2) at Poisson times.

    The drift is lowered by what jumps bring on average, so that prices grow by mu all the same.
    """

    kind: Literal["jumps"]
    mu: float = Field(0.08, ge=-1, le=1, description="expected return, jumps included, a year")
    sigma: float = Field(0.15, gt=0, le=2, description="volatility between the jumps, a year")
    intensity: float = Field(10.0, gt=0, le=1000, description="expected jumps, a year")
    jump_mean: float = Field(-0.01, ge=-1, le=1, description="mean of a jump of the log price")
    jump_std: float = Field(0.03, ge=0, le=1, description="standard deviation of such a jump")

    def logs(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Annual`; the sum of k jumps is N(k jump_mean, k jump_std^2)."""
        brought = self.intensity * np.expm1(self.jump_mean + 0.5 * self.jump_std**2)
        drift = (self.mu - 0.5 * self.sigma**2 - brought) * self.dt
        moved = drift + self.sigma * np.sqrt(self.dt) * rng.standard_normal(n)
        count = rng.poisson(self.intensity * self.dt, n)
        jumped = self.jump_mean * count + self.jump_std * np.sqrt(count) * rng.standard_normal(n)
        return moved + jumped, no_signals(n)


class Heston(Annual):
    """dS / S = mu dt + sqrt(v) dW with variance dv = kappa (theta - v) dt + xi sqrt(v) dZ.

    rho is the correlation of dW and dZ. The variance is drawn from its exact law, so it is never
    negative. The price takes the mean of the variance within a bar to be that of its two ends
    (Andersen 2008, equation 33 with gamma_1 = gamma_2 = 1/2).
    """

    kind: Literal["heston"]
    mu: float = Field(0.08, ge=-1, le=1, description="expected return, a year")
    kappa: float = Field(4.0, ge=1e-3, le=100, description="speed of the variance's return, a year")
    theta: float = Field(0.04, ge=1e-4, le=4, description="mean variance, a year")
    xi: float = Field(0.5, ge=1e-3, le=10, description="volatility of the variance, a year")
    rho: float = Field(-0.7, gt=-1, lt=1, description="correlation of return and variance")

    def variances(self, rng: np.random.Generator, n: int) -> Floats:
        """[n + 1] of a year, at the beginning of the first bar and at the end of each.

        The first is of the stationary law, Gamma(2 kappa theta / xi^2, xi^2 / (2 kappa)).
        """
        left = np.exp(-self.kappa * self.dt)
        scale = self.xi**2 * (1.0 - left) / (4.0 * self.kappa)
        freedom = 4.0 * self.kappa * self.theta / self.xi**2
        variance = rng.gamma(0.5 * freedom, 0.5 * self.xi**2 / self.kappa)
        path = [variance]
        for _ in range(n):
            variance = scale * rng.noncentral_chisquare(freedom, left / scale * variance)
            path.append(variance)
        return np.array(path)

    def logs(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Annual`."""
        path = self.variances(rng, n)
        mean = 0.5 * (path[:-1] + path[1:])
        # What dZ did is known from the variance; dW follows it by rho and is free otherwise.
        shock = (np.diff(path) - self.kappa * (self.theta - mean) * self.dt) / self.xi
        free = np.sqrt((1.0 - self.rho**2) * mean * self.dt) * rng.standard_normal(n)
        return (self.mu - 0.5 * mean) * self.dt + self.rho * shock + free, no_signals(n)


class OrnsteinUhlenbeck(Annual):
    """The log price x returns to its level: dx = -kappa x dt + sigma dW.

    Its one signal is x in stationary standard deviations, sigma / sqrt(2 kappa). A path begins
    anywhere in the stationary law.
    """

    kind: Literal["ornstein-uhlenbeck"]
    kappa: float = Field(
        5.0, ge=1e-3, le=1000, description="speed of the return to the level, a year"
    )
    sigma: float = Field(0.2, gt=0, le=2, description="volatility, a year")

    @property
    def signals(self) -> int:
        """One: x."""
        return 1

    def logs(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """See `Annual`; an AR(1) with the coefficient exp(-kappa / m)."""
        x = autoregression(rng, float(np.exp(-self.kappa * self.dt)), n + 1)
        return self.sigma / np.sqrt(2.0 * self.kappa) * np.diff(x), x[1:, None]
