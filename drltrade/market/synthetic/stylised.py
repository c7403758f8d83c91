"""Stylised facts of returns (Cont 2001), and how exactly a series can tell them.

Source: Cont 2001, "Empirical properties of asset returns: stylized facts and statistical issues",
Quantitative Finance 1: heavy tails, absence of autocorrelation, volatility clustering, leverage
effect.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drltrade.market.synthetic.blocks import stationary_rows

Floats = NDArray[np.float64]

CLUSTERING_LAGS, LEVERAGE_LAGS = 20, 10
"""Bars: a month, and a fortnight."""

TAIL = 0.05
"""Share of the returns that counts as a tail in Hill's estimator."""

BLOCK = 250.0
"""Mean bars of a block where sampling errors are bootstrapped: many times the longest lag."""


class StylisedFacts(NamedTuple):
    """Of returns [T]; all dimensionless."""

    kurtosis: float
    """Fourth standardised moment; 3 of a Gaussian."""
    left_tail: float
    """Hill's index of the losses: the smaller, the heavier the tail."""
    right_tail: float
    """Hill's index of the gains."""
    autocorrelation: float
    """Of returns, from one bar to the next; near 0."""
    clustering: float
    """Mean autocorrelation of absolute returns over lags 1 to 20."""
    leverage: float
    """Mean correlation of a return with the squared returns 1 to 10 bars later; below 0."""


TOLERANCE = 2.0
"""Standard errors of the real series by which a fact of drawn ones may differ: within so much, the
series itself cannot tell the two apart at the level of 95%."""


class Comparison(NamedTuple):
    """Stylised facts of a real series beside those of drawn ones."""

    real: StylisedFacts
    errors: StylisedFacts
    """Standard errors of the real ones."""
    drawn: StylisedFacts
    """The median over the paths."""

    @property
    def deviations(self) -> StylisedFacts:
        """(drawn - real) / standard error."""
        real, errors, drawn = (np.array(each) for each in self)
        with np.errstate(divide="ignore", invalid="ignore"):
            return StylisedFacts(*((drawn - real) / errors).tolist())

    @property
    def missed(self) -> tuple[str, ...]:
        """The facts that differ by more than `TOLERANCE`, or that one of the two does not have."""
        named = self.deviations._asdict().items()
        return tuple(name for name, deviation in named if not abs(deviation) <= TOLERANCE)


def compare(returns: Floats, paths: Floats, rng: np.random.Generator) -> Comparison:
    """Real returns [T] beside drawn ones [P, T]: as long, for short series tell less of tails.

    `rng` bootstraps the standard errors.
    """
    facts = np.array([stylised_facts(path) for path in paths])
    drawn = StylisedFacts(*np.median(facts, axis=0).tolist())
    return Comparison(stylised_facts(returns), sampling_errors(returns, rng), drawn)


@np.errstate(divide="ignore", invalid="ignore")
def stylised_facts(returns: Floats) -> StylisedFacts:
    """Measure returns [T], T above 100.

    A fact that they do not have is nan: correlations of what never changes, the tail where fewer
    than `TAIL` lie on its side. A tail of one value is infinitely light.
    """
    centred = returns - returns.mean()
    return StylisedFacts(
        kurtosis=float(np.mean(centred**4) / np.mean(centred**2) ** 2),
        left_tail=hill_index(-centred),
        right_tail=hill_index(centred),
        autocorrelation=float(autocorrelations(returns, 1)[0]),
        clustering=float(autocorrelations(np.abs(returns), CLUSTERING_LAGS).mean()),
        leverage=float(leverage_effect(returns, LEVERAGE_LAGS).mean()),
    )


def hill_index(values: Floats, tail: float = TAIL) -> float:
    """Tail index of the largest of `values` [T] (Hill 1975, Annals of Statistics 3)."""
    ordered = np.sort(values)[::-1]
    count = max(2, int(tail * len(values)))
    if not ordered[count] > 0.0:
        return math.nan
    heaviness = float(np.mean(np.log(ordered[:count] / ordered[count])))
    return 1.0 / heaviness if heaviness > 0.0 else math.inf


def autocorrelations(series: Floats, lags: int) -> Floats:
    """[lags] autocorrelation of a series [T] at lags 1, 2, ..."""
    centred = series - series.mean()
    variance = np.mean(centred**2)
    return np.array(
        [np.mean(centred[lag:] * centred[:-lag]) / variance for lag in range(1, lags + 1)]
    )


def leverage_effect(returns: Floats, lags: int) -> Floats:
    """[lags] corr(r_t, r_{t+k}^2) of returns [T], k = 1, 2, ..."""
    squares = returns**2
    return np.array(
        [np.corrcoef(returns[:-lag], squares[lag:])[0, 1] for lag in range(1, lags + 1)]
    )


def sampling_errors(
    returns: Floats, rng: np.random.Generator, draws: int = 200, block: float = BLOCK
) -> StylisedFacts:
    """Standard error of each fact of returns [T]: over `draws` stationary bootstraps of them."""
    rows = [stationary_rows(rng, len(returns), len(returns), block) for _ in range(draws)]
    facts = np.array([stylised_facts(returns[each]) for each in rows])
    with np.errstate(invalid="ignore"):
        return StylisedFacts(*facts.std(axis=0, ddof=1).tolist())
