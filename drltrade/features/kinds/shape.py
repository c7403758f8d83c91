"""The newest bar itself: its range, its body, its gap; and what a synthetic market says of it."""

import numpy as np

from drltrade.errors import DataError
from drltrade.features import rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, Parameter, feature


@feature("log(open / close before)", warm_up=lambda: 1)
def gap(history: History) -> Floats:
    return np.log(history.open / rolling.lag(history.close, 1, history.memory))


@feature("log(close / open)", warm_up=lambda: 0)
def intraday_return(history: History) -> Floats:
    return np.log(history.close / history.open)


@feature("log(high / low)", warm_up=lambda: 0)
def bar_range(history: History) -> Floats:
    return np.log(history.high / history.low)


@feature("where the close stands in its bar, -1 low, 1 high", warm_up=lambda: 0)
def close_location(history: History) -> Floats:
    high, low, close = history.high, history.low, history.close
    return rolling.ratio(2.0 * close - high - low, high - low, 0.0)


@feature(
    "body and shadows of the candle, as shares of its range", warm_up=lambda: 0,
    columns=("body", "upper", "lower"),
)  # fmt: skip
def candle(history: History) -> tuple[Floats, Floats, Floats]:
    opened, high, low, close = history.open, history.high, history.low, history.close
    parts = (close - opened, high - np.maximum(opened, close), np.minimum(opened, close) - low)
    body, upper, lower = (rolling.ratio(part, high - low, 0.0) for part in parts)
    return body, upper, lower


@feature(
    "what a synthetic market says of its next return: the bars' column signal_k",
    Parameter("k", 1, 1), warm_up=lambda k: 0,
)  # fmt: skip
def signal(history: History, k: int) -> Floats:
    if f"signal_{k}" not in history.signals:
        raise DataError(
            f"features: signal({k}) reads the column signal_{k}, which these bars lack (signals "
            f"they have: {', '.join(history.signals) or 'none'}); only synthetic markets have such "
            "columns"
        )
    return history.column(f"signal_{k}")
