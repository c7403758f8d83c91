"""What a strategy is worth beside a benchmark: alpha and beta, information ratio, tracking error.

The functions are pure and take simple returns per bar [T] of both. They are NaN where they are not
defined, and agree with those of empyrical, where it has them.
"""

import math

import numpy as np

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.evaluation.metrics import FEWEST_SESSIONS, annual_volatility, sessions_of, sharpe

RELATIVE: dict[str, str] = {
    "alpha": (
        "Intercept of the ordinary least squares of the simple returns per bar on the benchmark's, "
        "compounded to a year: (1 + intercept) ^ periods per year - 1; risk-free rate 0."
    ),
    "beta": "Slope of that regression: covariance with the benchmark / its variance.",
    "information_ratio": (
        "Mean / standard deviation (ddof 1) of the simple returns per bar less the benchmark's, "
        "times the square root of the periods per year."
    ),
    "tracking_error": (
        "Standard deviation (ddof 1) of the simple returns per bar less the benchmark's, times the "
        "square root of the periods per year."
    ),
}
"""Metric against a benchmark -> how it is computed."""


def beta(returns: Floats, benchmark: Floats) -> float:
    """Slope on the benchmark's returns; NaN where those did not vary."""
    if len(returns) < 2:
        return math.nan
    about = benchmark - benchmark.mean()
    variance = float(about @ about)
    if not variance > len(about) * (1e-12 * float(np.max(np.abs(benchmark)))) ** 2:
        return math.nan
    return float(about @ returns) / variance


def alpha(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Intercept a year, compounded; NaN where there is no beta."""
    each = float(np.mean(returns)) - beta(returns, benchmark) * float(np.mean(benchmark))
    if not each > -1.0:
        return math.nan
    return float((1.0 + each) ** periods_per_year - 1.0)


def tracking_error(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Volatility a year of the difference of returns; NaN when T < 2."""
    return annual_volatility(returns - benchmark, periods_per_year)


def information_ratio(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Sharpe ratio a year of the difference of returns; NaN where that did not vary."""
    return sharpe(returns - benchmark, periods_per_year)


def relative_metrics(ledger: Ledger, benchmark: Ledger) -> dict[str, float]:
    """Every metric of `RELATIVE` over the bars of both; those of a year NaN as in `metrics`."""
    year = ledger.periods_per_year if sessions_of(ledger.times) >= FEWEST_SESSIONS else math.nan
    own, other = ledger.returns, benchmark.returns
    return {
        "alpha": alpha(own, other, year),
        "beta": beta(own, other),
        "information_ratio": information_ratio(own, other, year),
        "tracking_error": tracking_error(own, other, year),
    }
