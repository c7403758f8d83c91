"""Decaying signals, quadratic costs: trade a part of the way towards an aim.

    f_k' = (1 - phi_k) f_k + eps_k,  Var f_k = 1,  r' = sum_k b_k f_k + e
    reward x' b.f - gamma / 2 x'^2 - lambda / 2 u^2,  x' = x + u

Garleanu and Pedersen 2013, "Dynamic trading with predictable returns and transaction costs",
Journal of Finance 68(6), with their discount 1 - rho at 1, so that the criterion is the long-run
average. The value is quadratic, V = - A_xx x^2 / 2 + x A_xf f + f A_ff f / 2. With J = gamma +
lambda + A_xx and the conditional expectation F = diag(1 - phi) the Riccati equation separates:

    A_xx = (sqrt(gamma^2 + 4 gamma lambda) - gamma) / 2
    A_xf = lambda b / (J - lambda F),  c = b + A_xf F
    A_ff = c c' / J + F A_ff F
    x' = (lambda x + c f) / J,  average reward = trace(A_ff Cov(eps)) / 2
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GarleanuPedersen:
    """A problem and its optimum, u = sum_k gains_k f_k - rate x."""

    phi: Floats
    """[K] decay of each factor."""
    b: Floats
    """[K] expected return for a unit of it."""
    risk_aversion: float
    """gamma."""
    impact: float
    """lambda."""
    value: float
    """Long-run average reward per step."""
    gains: Floats
    """[K] trade for a unit of each factor."""
    rate: float
    """Share of the position that is traded away."""
    a_xx: float
    """Curvature of the value in the position."""

    def evaluate(self, gains: Sequence[float] | Floats, rate: float) -> float:
        """The exact average reward of the linear policy u = sum_k gains_k f_k - rate x.

        The state s = (f, x) follows s' = M s + eps; its stationary covariance S = M S M' + Cov(eps)
        is a discrete Lyapunov equation. Minus infinity where the position has none.
        """
        from scipy.linalg import solve_discrete_lyapunov

        if not abs(1.0 - rate) < 1.0:
            return -np.inf
        count, gain = len(self.phi), np.asarray(gains, np.float64)
        # x is what is held before the trade: the state after it and the factors' next values.
        move = np.zeros((count + 1, count + 1))
        move[:count, :count] = np.diag(1.0 - self.phi)
        move[count] = np.append(gain, 1.0 - rate)
        shocks = np.diag(np.append(_shocks(self.phi), 0.0))
        spread = solve_discrete_lyapunov(move, shocks)
        held, trade = move[count], np.append(gain, -rate)
        earned = held @ spread @ np.append(self.b, 0.0)
        risk = 0.5 * self.risk_aversion * (held @ spread @ held)
        return float(earned - risk - 0.5 * self.impact * (trade @ spread @ trade))


def solve_garleanu_pedersen(
    phi: Sequence[float], b: Sequence[float], risk_aversion: float, impact: float
) -> GarleanuPedersen:
    """The optimum.

    Args:
        phi: [K] decay of each factor.
        b: [K] loading of the next return on each.
        risk_aversion: gamma, above 0.
        impact: lambda, above 0.
    """
    decay, loading = np.array(phi, np.float64), np.array(b, np.float64)
    a_xx = 0.5 * (np.sqrt(risk_aversion**2 + 4.0 * risk_aversion * impact) - risk_aversion)
    curvature, kept = risk_aversion + impact + a_xx, 1.0 - decay
    c = loading + kept * impact * loading / (curvature - impact * kept)
    a_ff = np.outer(c, c) / curvature / (1.0 - np.outer(kept, kept))
    return GarleanuPedersen(
        phi=decay,
        b=loading,
        risk_aversion=risk_aversion,
        impact=impact,
        value=float(0.5 * (np.diag(a_ff) * _shocks(decay)).sum()),
        gains=c / curvature,
        rate=float(1.0 - impact / curvature),
        a_xx=float(a_xx),
    )


def _shocks(phi: Floats) -> Floats:
    """[K] the variance of eps with which the factors' own is 1."""
    shocks: Floats = 1.0 - (1.0 - phi) ** 2
    return shocks
