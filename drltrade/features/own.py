"""Features of a user's own: functions of one instrument's bars, in a file or handed in.

    def momentum(bars):  # features.py; open, high, low, close, volume by the time of their bars
        return bars["close"].pct_change(20)

A preset declares it as "features.py:momentum". It returns a series, or a frame of several columns,
by the times of the bars; the first bars may be missing or NaN, while it warms up. The value at a
bar must depend on bars up to there alone: before anything learns from it, that is tried out.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from drltrade.errors import ConfigError, DataError
from drltrade.features.arrays import Floats
from drltrade.features.audit import Leak, audit
from drltrade.features.kinds.kind import Kind

OwnFunction: TypeAlias = Callable[[pd.DataFrame], "pd.Series[float] | pd.DataFrame"]

OWN = Kind("a function of yours", (), lambda: None, warm_up=lambda: 0)
"""What a feature of a user's own is among the others; its columns are known once it is computed."""

CUTS = 8
"""Bars at which it is tried out whether a feature knows the future."""

ROUNDING = 1e-6
"""Share of a column's largest value: arithmetic in another order changes no more than that."""


def own_columns(label: str, function: OwnFunction, frame: pd.DataFrame) -> dict[str, Floats]:
    """Column -> values [T] of a function at the bars [T]; NaN where it has none.

    Args:
        label: "features.py:momentum", the column's name, or the beginning of several columns'.
        function: of the bars.
        frame: bars; the function is called on a copy.

    Raises:
        ConfigError: it fails, or returns something else than numbers at times of these bars.
    """
    try:
        made = function(frame.copy())
    except Exception as error:
        raise ConfigError(
            f"feature {label} fails on {len(frame)} bars: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, pd.Series | pd.DataFrame):
        raise ConfigError(
            f"feature {label} returned {type(made).__name__}; a pandas series or frame by the "
            "times of the bars is needed"
        )
    table = made.to_frame(label) if isinstance(made, pd.Series) else _labelled(made, label)
    if table.index.has_duplicates:
        time = table.index[table.index.duplicated()][0]
        raise ConfigError(f"feature {label} returned the time {time} twice")
    strange = table.index.difference(frame.index)
    if len(strange):
        raise ConfigError(f"feature {label} returned a row at {strange[0]}, which is no bar")
    columns = {}
    for name in table.columns:
        try:
            values = table[name].reindex(frame.index).to_numpy(np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"feature {name} is not all numbers: {error}") from None
        columns[str(name)] = values
    return columns


def _labelled(table: pd.DataFrame, label: str) -> pd.DataFrame:
    names = [f"{label}_{name}" for name in table.columns]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"feature {label} returned the columns {list(table.columns)}: at least "
                          "one is needed, each once")  # fmt: skip
    return table.set_axis(names, axis=1)


def check_causal(label: str, function: OwnFunction, frame: pd.DataFrame) -> None:
    """Refuse a function that knows the future.

    Raises:
        ConfigError: names the column, the first bar found and the size of the change.
        DataError: there are too few bars to find out.
    """
    for leak in own_leaks(label, function, frame, CUTS):
        raise ConfigError(
            f"feature {label} knows the future: {leak}. The value at a bar must come from bars "
            "up to there alone (no shift(-1), no centred window, no mean of the whole series); "
            "`drltrade audit` tries out a function in a file"
        )


def own_leaks(label: str, function: OwnFunction, frame: pd.DataFrame, cuts: int) -> list[Leak]:
    """What a function knows of the future: its bars are cut off and changed; see `audit`.

    Raises:
        ConfigError: see `own_columns`. DataError: there are too few bars to find out.
    """

    def build(bars: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(own_columns(label, function, bars), bars.index)

    original = build(frame)
    if not original.notna().any(axis=None):
        raise DataError(f"features: {label} has no value at any of {len(frame)} bars")
    largest = original.abs().max()
    return [leak for leak in audit(build, frame, cuts) if _matters(leak, largest)]


def _matters(leak: Leak, largest: "pd.Series[float]") -> bool:
    limit: Mapping[Any, float] = largest.to_dict()
    return not leak.amount <= ROUNDING * limit.get(leak.feature, 0.0)
