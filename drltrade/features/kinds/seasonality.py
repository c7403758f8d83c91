"""The calendar, on circles: so that the last day of a cycle is next to the first."""

import numpy as np
from numpy.typing import NDArray

from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, feature

CIRCLE = ("sin", "cos")


@feature("day of the week, on a circle", warm_up=lambda: 0, columns=CIRCLE)
def weekday(history: History) -> tuple[Floats, Floats]:
    return _on_a_circle(history.dates.day_of_week.to_numpy(), 7)


@feature("month of the year, on a circle", warm_up=lambda: 0, columns=CIRCLE)
def month(history: History) -> tuple[Floats, Floats]:
    return _on_a_circle(history.dates.month.to_numpy() - 1, 12)


@feature("day of the month, on a circle", warm_up=lambda: 0, columns=CIRCLE)
def monthday(history: History) -> tuple[Floats, Floats]:
    return _on_a_circle(history.dates.day.to_numpy() - 1, 31)


@feature("day of the year, on a circle", warm_up=lambda: 0, columns=CIRCLE)
def yearday(history: History) -> tuple[Floats, Floats]:
    return _on_a_circle(history.dates.day_of_year.to_numpy() - 1, 366)


@feature("time of the day in minutes, on a circle", warm_up=lambda: 0, columns=CIRCLE)
def daytime(history: History) -> tuple[Floats, Floats]:
    return _on_a_circle((history.times.hour * 60 + history.times.minute).to_numpy(), 1440)


def _on_a_circle(position: NDArray[np.integer], count: int) -> tuple[Floats, Floats]:
    """sin and cos of 2 pi position / count."""
    angles = 2.0 * np.pi * np.arange(count) / count
    return np.sin(angles)[position], np.cos(angles)[position]
