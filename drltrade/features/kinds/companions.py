"""An instrument beside an exogenous series: another market, an index, a rate."""

import numpy as np

from drltrade.features import indicators
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, SeriesName, bars, feature


@feature(
    "slope of log returns on those of a series, over n bars", SeriesName(), bars(60, 3),
    warm_up=lambda series, n: n,
)  # fmt: skip
def beta(history: History, series: str, n: int) -> Floats:
    return indicators.beta(*_returns(history, series), n, history.memory)


@feature(
    "correlation of log returns with those of a series, over n bars", SeriesName(), bars(60, 3),
    warm_up=lambda series, n: n,
)  # fmt: skip
def correlation(history: History, series: str, n: int) -> Floats:
    return indicators.correlation(*_returns(history, series), n, history.memory)


@feature(
    "log return less that of a series, over `horizon` bars", SeriesName(), bars(21, 1, "horizon"),
    warm_up=lambda series, horizon: horizon,
)  # fmt: skip
def excess_return(history: History, series: str, horizon: int) -> Floats:
    own = indicators.log_return(history.close, horizon, history.memory)
    return own - indicators.log_return(history.companion(series), horizon, history.memory)


def _returns(history: History, series: str) -> tuple[Floats, Floats]:
    own = indicators.log_return(history.close, 1, history.memory)
    return own, indicators.log_return(history.companion(series), 1, history.memory)


@feature("the value of a series itself", warm_up=lambda: 0, of_series=True)
def level(history: History) -> Floats:
    return np.array(history.close)


@feature(
    "difference over `horizon` bars of a series that may be 0 or below, such as a rate",
    bars(1, 1, "horizon"), warm_up=lambda horizon: horizon, of_series=True,
)  # fmt: skip
def difference(history: History, horizon: int) -> Floats:
    return indicators.change(history.close, horizon, history.memory)


@feature("z-score over n bars", bars(60), warm_up=lambda n: n - 1)
def zscore(history: History, n: int) -> Floats:
    return indicators.zscore(history.close, n, history.memory)
