"""The hour that comes twice when clocks are set back: told by the order of the bars."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

UTC = "UTC"


def in_utc(times: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex | None:
    """Naive labels [T] of a zone whose clock shows some of them twice, as naive labels in UTC.

    Args:
        times: of one series, in the order of the file, oldest or newest first.
        zone: of the labels.

    Returns:
        None where no label is shown twice, or where the order does not tell which is which.
    """
    if len(times) < 2:
        return None
    newest_first = bool(times[-1] < times[0])
    ordered = times[::-1] if newest_first else times
    known = ordered.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    twice = np.asarray(known.isna())
    if not twice.any():
        return None
    second = _second(ordered.as_unit("us").asi8, twice)
    if not second.any():
        return None
    moments = ordered.tz_localize(zone, ambiguous=~second, nonexistent="NaT")
    if moments.hasnans:
        return None
    labels = moments.tz_convert(UTC).tz_localize(None)
    if not (np.diff(labels.as_unit("us").asi8) >= 0).all():
        return None
    return labels[::-1] if newest_first else labels


def _second(times: NDArray[np.int64], twice: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[T] whether a label is of the second time that the clock shows it: from a step back on."""
    second = np.zeros(len(times), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], twice.astype(np.int8), [0]))))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        back = np.flatnonzero(np.diff(times[first:end]) <= 0)
        if len(back):
            second[first + int(back[0]) + 1 : end] = True
    return second


def looks_set_back(times: pd.DatetimeIndex) -> int | None:
    """The place of the first label [T] that is no later than the one before, at night on a Sunday
    on which clocks are set back somewhere; the zone of the labels is not known."""
    if times.is_monotonic_increasing and times.is_unique:
        return None
    step = np.diff(times.asi8)
    if len(step) and times[-1] < times[0]:
        step = -step
    back = np.flatnonzero(step <= 0) + 1
    for place in back.tolist():
        at = times[place]
        if at.day_of_week == 6 and at.hour <= 3 and at.month in (3, 4, 9, 10, 11):
            return place
    return None
