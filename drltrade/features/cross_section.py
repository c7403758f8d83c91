"""Features that compare instruments with each other at the same bar.

Sources
-------
- Kritzman and Li 2010, "Skulls, financial turbulence, and risk management", Financial Analysts
  Journal 66(5): turbulence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.features import indicators, rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import Another, Kind, bars

Grid = NDArray[np.float64]
"""[T, N], NaN where an instrument has no bar or no value."""


@dataclass(frozen=True)
class Panel:
    """Instruments side by side.

    Attributes:
        times: [T] at which any of them has a bar.
        close: [T, N]
        members: [T, N] which count: those of the universe at the time that have a bar.
        of: a feature's values [T, N].
    """

    times: pd.DatetimeIndex
    close: Grid
    members: NDArray[np.bool_]
    of: Callable[[Any], Grid]

    @property
    def returns(self) -> Grid:
        """[T, N] log returns from each instrument's last bar, whenever that was; 0 without one."""
        result: Grid = pd.DataFrame(np.log(self.close)).ffill().diff().to_numpy()
        return result


@dataclass(frozen=True)
class CrossSectional(Kind):
    """Of several instruments: compute(Panel, *parameters) -> [T, N], or [T] if the same for all."""


def rank(panel: Panel, inner: Any) -> Grid:
    """The share of the other members that are below, from -1 to 1; equal ones by a half."""
    values = panel.of(inner)
    counted = np.where(panel.members, values, np.nan)
    inside = ~np.isnan(counted)
    below = pd.DataFrame(counted).rank(axis=1).to_numpy() - 1.0  # equal ones share their ranks
    for t, n in np.argwhere(~np.isnan(values) & ~inside):  # no member, but compared with them
        below[t, n] = (counted[t] < values[t, n]).sum() + 0.5 * (counted[t] == values[t, n]).sum()
    others = np.where(np.isnan(values), np.nan, _count(counted)[:, None] - inside)
    return 2.0 * rolling.ratio(below, others, 0.5) - 1.0


def relative(panel: Panel, inner: Any) -> Grid:
    """Less the mean of the members; 0 where there is none."""
    values = panel.of(inner)
    mean = _mean(np.where(panel.members, values, np.nan))[:, None]
    result: Grid = values - np.where(np.isnan(mean), values, mean)
    return result


def dispersion(panel: Panel, n: int) -> Floats:
    """Standard deviation of the members' log returns at each bar, averaged over n bars."""
    counted = np.where(panel.members, panel.returns, np.nan)
    spread = np.sqrt(_mean((counted - _mean(counted)[:, None]) ** 2))
    return _where_known(spread, rolling.sma(spread[~np.isnan(spread)], n))


def market_beta(panel: Panel, n: int) -> Grid:
    """Slope of log returns on the members' mean, over n of the instrument's own returns."""
    returns = panel.returns
    market = _mean(np.where(panel.members, returns, np.nan))
    result = np.full(returns.shape, np.nan)
    for i in range(returns.shape[1]):
        both = np.where(np.isnan(panel.close[:, i]) | np.isnan(market), np.nan, returns[:, i])
        known = ~np.isnan(both)
        result[:, i] = _where_known(both, indicators.beta(both[known], market[known], n))
    return result


def turbulence(panel: Panel, n: int) -> Floats:
    """(y - mu)' S^-1 (y - mu) / N: how unusual the returns y at t are beside the n bars before.

    mu and S are the mean and covariance of those n bars, of the N members that have been there for
    all of them. Of more members than bars, the pseudo-inverse of S is taken. As it was where there
    are no two such members.
    """
    returns, count = panel.returns, len(panel.times)
    result = np.full(count, np.nan)
    for t in range(n + 1, count):
        window = returns[t - n : t + 1]
        whole = window[:, ~np.isnan(window).any(axis=0) & panel.members[t]]
        size = whole.shape[1]
        if size >= 2:
            past, newest = whole[:-1], whole[-1]
            deviation = newest - past.mean(axis=0)
            precision = np.linalg.pinv(np.cov(past, rowvar=False), hermitian=True)
            result[t] = deviation @ precision @ deviation / size
    return _where_known(result, result[~np.isnan(result)])


def _where_known(places: Floats, values: Floats) -> Floats:
    """[T] `values` at the places that are not NaN, and as they were at the others."""
    result = pd.Series(np.full(len(places), np.nan))
    result[~np.isnan(places)] = values
    filled: Floats = result.ffill().to_numpy(np.float64)
    return filled


def _mean(values: Grid) -> Floats:
    """[T] over what is not NaN; NaN where nothing is."""
    return rolling.ratio(np.nansum(values, axis=1), _count(values), np.nan)


def _count(values: Grid) -> Floats:
    count: Floats = (~np.isnan(values)).sum(axis=1).astype(np.float64)
    return count


_USUAL = Another("feature", "log_return(21)")

CROSS_SECTIONAL: dict[str, CrossSectional] = {
    "rank": CrossSectional(
        "rank of a feature among the instruments, -1 lowest, 1 highest", (_USUAL,), rank,
        lambda inner: inner.warm_up,
    ),
    "relative": CrossSectional(
        "a feature less the instruments' mean", (_USUAL,), relative, lambda inner: inner.warm_up,
    ),
    "dispersion": CrossSectional(
        "standard deviation of log returns across instruments, averaged over n bars",
        (bars(20, 1),), dispersion, lambda n: n,
    ),
    "market_beta": CrossSectional(
        "slope of log returns on the instruments' mean, over n bars", (bars(60, 3),), market_beta,
        lambda n: n,
    ),
    "turbulence": CrossSectional(
        "turbulence index / instruments: how unusual the returns are beside n bars before",
        (bars(252, 3),), turbulence, lambda n: n + 1,
    ),
}  # fmt: skip
"""By the name that a preset declares it with."""
