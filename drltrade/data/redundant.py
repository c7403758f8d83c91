"""Rows that are no bars of their own: equal ones, and the last of a week or month not yet over."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEW = 3
"""Bars that a grid of labels is known by."""


def once(bars: pd.DataFrame, places: Mapping[str, NDArray[np.intp]]) -> NDArray[np.bool_]:
    """[T] rows without those that repeat one above them, label and values alike.

    Args:
        bars: of all series [T].
        places: rows of each.
    """
    kept = np.ones(len(bars), np.bool_)
    if not bars.index.has_duplicates:
        return kept
    for rows in places.values():
        each = bars if len(places) == 1 else bars.iloc[rows]
        if each.index.has_duplicates:
            kept[rows] = ~each.reset_index(names="label").duplicated().to_numpy()
    return kept


def unfinished(labels: pd.DatetimeIndex, frequency: str | None) -> NDArray[np.bool_]:
    """[T] the newest bar, where its label is off the grid of all others: of a week or a month that
    was not over. Yahoo stamps it with the day of the download, and has the days before it in a bar
    that began on Monday, or the first: that is of the same week or month, and not whole either.

    Args:
        labels: dates [T] of bars of one series, in either order.
        frequency: of the bars.
    """
    partial = np.zeros(len(labels), np.bool_)
    if frequency not in ("1w", "1mo") or len(labels) <= FEW or labels.has_duplicates:
        return partial
    order = np.argsort(labels.to_numpy())
    others, last = labels[order[:-1]], labels[order[-1]]
    if frequency == "1w":
        weekday = others.day_of_week
        off = len(set(weekday)) == 1 and last.day_of_week != weekday[0]
        begin = weekday[0] == 0
        same = last - others[-1] < pd.Timedelta(days=7)
    else:
        begin = bool((others.day == 1).all())
        ends = others + pd.offsets.MonthEnd(0), others + pd.offsets.BMonthEnd(0)
        at_last = last + pd.offsets.MonthEnd(0), last + pd.offsets.BMonthEnd(0)
        off = last.day != 1 if begin else (
            any((end == others).all() for end in ends) and last not in at_last
        )  # fmt: skip
        same = (last.year, last.month) == (others[-1].year, others[-1].month)
    partial[order[-1]] = off
    partial[order[-2]] = off and begin and same
    return partial
