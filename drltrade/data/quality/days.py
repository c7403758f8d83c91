"""Labels of bars within the day, as days and places in them. A label is the end of its bar."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]

DAY = 86_400_000_000
"""In microseconds, as all times here."""


class Days(NamedTuple):
    """The bars of a series within the day."""

    times: Ints
    """[T] labels, since 1970."""
    spacing: int
    """Of the bars: the median of the differences."""
    day: Ints
    """[T] the midnight before the bar: one that ends at midnight belongs to the day before."""
    within: Ints
    """[T] the label since that midnight, above 0 and up to a day."""


def days_of(frame: pd.DataFrame) -> Days | None:
    """The days of a series, or None of bars that are whole days or longer."""
    times = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    if len(times) < 2 or (not (times[:2] % DAY).any() and not (times % DAY).any()):
        return None
    spacing = int(np.median(np.diff(times)))
    if not 0 < spacing < DAY:
        return None
    day = (times - 1) // DAY * DAY
    return Days(times, spacing, day, times - day)


def bars_a_day(frame: pd.DataFrame) -> int:
    """How many there are, of bars within the day; 1 of others."""
    days = days_of(frame)
    return 1 if days is None else len(days.times) // max(len(np.unique(days.day)), 1)


def dates(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """The dates on which there are bars, each once."""
    days = days_of(frame)
    if days is None:
        return (
            pd.DatetimeIndex(frame.index.to_numpy().astype("datetime64[us]")).normalize().unique()
        )
    return labels(np.unique(days.day))


def labels(times: Ints) -> pd.DatetimeIndex:
    """Microseconds as naive labels."""
    return pd.DatetimeIndex(times.astype("datetime64[us]"))
