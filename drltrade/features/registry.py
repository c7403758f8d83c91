"""Every feature there is, by the name that a preset declares it with.

To add one, write its formula in `indicators`, and add an entry to `FEATURES`; the tests and the
audit go through that dictionary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.errors import DataError
from drltrade.features import indicators
from drltrade.features.indicators import Floats

Number: TypeAlias = int | float


@dataclass(frozen=True)
class Parameter:
    """A number in the parentheses of a declared feature."""

    name: str
    default: Number
    minimum: Number
    whole: bool = True

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        return f"{self.name}: {kind} >= {self.minimum}, default {self.default}"


@dataclass(frozen=True)
class FeatureKind:
    """What a feature's name stands for.

    Attributes:
        compute: (frame, *parameters) -> one array [T] a column, NaN during the warm-up.
        warm_up: (*parameters) -> bars before the first value.
        columns: suffixes of the columns where there are several, such as ("sin", "cos").
        rule: (*parameters) -> what is wrong with them together, or None.
    """

    description: str
    parameters: tuple[Parameter, ...]
    compute: Callable[..., tuple[Floats, ...]]
    warm_up: Callable[..., int]
    columns: tuple[str, ...] = ()
    rule: Callable[..., str | None] = lambda *_: None


def _close(frame: pd.DataFrame) -> Floats:
    return frame["close"].to_numpy(np.float64)


def _log_return(frame: pd.DataFrame, horizon: int) -> tuple[Floats]:
    return (indicators.log_return(_close(frame), horizon),)


def _ma_ratio(frame: pd.DataFrame, n: int) -> tuple[Floats]:
    close = _close(frame)
    return (np.log(close / indicators.sma(close, n)),)


def _rsi(frame: pd.DataFrame, n: int) -> tuple[Floats]:
    return (indicators.rsi(_close(frame), n) / 50.0 - 1.0,)


def _macd(frame: pd.DataFrame, fast: int, slow: int, signal: int) -> tuple[Floats]:
    close = _close(frame)
    return (indicators.macd(close, fast, slow, signal)[2] / close,)


def _bollinger(frame: pd.DataFrame, n: int, k: float) -> tuple[Floats]:
    return (indicators.bollinger_position(_close(frame), n, k),)


def _atr(frame: pd.DataFrame, n: int) -> tuple[Floats]:
    high, low = frame["high"].to_numpy(np.float64), frame["low"].to_numpy(np.float64)
    close = _close(frame)
    return (indicators.atr(high, low, close, n) / close,)


def _volatility(frame: pd.DataFrame, n: int) -> tuple[Floats]:
    return (indicators.realised_volatility(_close(frame), n),)


def _volume_zscore(frame: pd.DataFrame, n: int) -> tuple[Floats]:
    return (indicators.rolling_zscore(np.log1p(frame["volume"].to_numpy(np.float64)), n),)


def _signal(frame: pd.DataFrame, k: int) -> tuple[Floats]:
    if f"signal_{k}" not in frame:
        there = [str(name) for name in frame if str(name).startswith("signal_")]
        raise DataError(
            f"features: signal({k}) reads the column signal_{k}, which these bars lack (signals "
            f"they have: {', '.join(there) or 'none'}); only synthetic markets have such columns"
        )
    return (frame[f"signal_{k}"].to_numpy(np.float64),)


def _weekday(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    return _on_a_circle(_times(frame).day_of_week.to_numpy(), 7)


def _month(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    return _on_a_circle(_times(frame).month.to_numpy() - 1, 12)


def _on_a_circle(position: NDArray[np.integer], count: int) -> tuple[Floats, Floats]:
    """sin and cos of 2 pi position / count, so that the last position is next to the first."""
    angles = 2.0 * np.pi * np.arange(count) / count
    return np.sin(angles)[position], np.cos(angles)[position]


def _times(frame: pd.DataFrame) -> pd.DatetimeIndex:
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise DataError(f"features: bars are indexed by {frame.index.dtype}, not by time")
    return frame.index


def _fast_below_slow(fast: int, slow: int, _signal: int) -> str | None:
    return None if fast < slow else f"fast = {fast} must be below slow = {slow}"


FEATURES: dict[str, FeatureKind] = {
    "log_return": FeatureKind(
        "log(close / close `horizon` bars ago)",
        (Parameter("horizon", 1, 1),),
        _log_return,
        lambda horizon: horizon,
    ),
    "ma_ratio": FeatureKind(
        "log(close / simple moving average)", (Parameter("n", 20, 2),), _ma_ratio, lambda n: n - 1
    ),
    "rsi": FeatureKind(
        "relative strength index / 50 - 1: from -1 to 1, 0 when nothing moved",
        (Parameter("n", 14, 2),),
        _rsi,
        lambda n: n,
    ),
    "macd": FeatureKind(
        "MACD histogram / close",
        (Parameter("fast", 12, 2), Parameter("slow", 26, 3), Parameter("signal", 9, 1)),
        _macd,
        lambda fast, slow, signal: slow + signal - 2,
        rule=_fast_below_slow,
    ),
    "bollinger": FeatureKind(
        "(close - moving average) / (k standard deviations): 1 on the upper band",
        (Parameter("n", 20, 2), Parameter("k", 2, 0.1, whole=False)),
        _bollinger,
        lambda n, k: n - 1,
    ),
    "atr": FeatureKind("average true range / close", (Parameter("n", 14, 1),), _atr, lambda n: n),
    "volatility": FeatureKind(
        "standard deviation of one-bar log returns, per bar (ddof 1)",
        (Parameter("n", 20, 2),),
        _volatility,
        lambda n: n,
    ),
    "volume_zscore": FeatureKind(
        "z-score of log(1 + volume)", (Parameter("n", 20, 2),), _volume_zscore, lambda n: n - 1
    ),
    "signal": FeatureKind(
        "what a synthetic market says of its next return: the bars' column signal_k",
        (Parameter("k", 1, 1),),
        _signal,
        lambda k: 0,
    ),
    "weekday": FeatureKind(
        "day of the week, on a circle", (), _weekday, lambda: 0, columns=("sin", "cos")
    ),
    "month": FeatureKind(
        "month of the year, on a circle", (), _month, lambda: 0, columns=("sin", "cos")
    ),
}
