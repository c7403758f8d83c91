"""Times that are numbers: counts since 1970 in UTC, of seconds or smaller units, or dates."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.layout import Layout
from drltrade.errors import DataError

UNITS = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 1}
"""By which a count becomes microseconds; nanoseconds are divided by 1,000."""
EARLIEST = 365 * 86_400 * 10**6
"""Microseconds: the size of a smaller count does not prove its unit."""
OLDEST = -62_000 * 86_400 * 10**6
"""Microseconds to 1800: counts before that are no times of prices in the stated unit either."""
AHEAD = pd.Timedelta(days=2)
"""How far beyond now a label can be: the END of a bar that is not over, in any zone."""


class Epochs(NamedTuple):
    """Numbers as times."""

    times: pd.DatetimeIndex
    """[T] in UTC, microseconds."""
    note: str
    """What is to be said of them; empty: nothing."""


def are_dates(values: NDArray[np.float64]) -> bool:
    """Whether numbers are dates such as 20150102, or with a time of day, 201501020930[15].

    As milliseconds twelve such digits would be of 1976, of which nobody has any.
    """
    whole = bool((values == np.round(values)).all())
    return whole and any(_dates(values, digits) for digits in (0, 4, 6))


def _dates(values: NDArray[np.float64], digits: int) -> bool:
    """Whether all are dates, with so many digits of the time of day behind them."""
    date, clock = values // 10**digits, values % 10**digits
    month, day = date // 100 % 100, date % 100
    clock = clock * 100 if digits == 4 else clock
    sound = (date > 18000101) & (date < 22000101) & (month >= 1) & (month <= 12)
    sound &= (day >= 1) & (day <= 31)
    sound &= (clock // 10**4 < 24) & (clock // 100 % 100 < 60) & (clock % 100 < 60) | (
        (clock == 24 * 10**4) & (digits > 0)  # midnight, as the end of a day
    )
    return bool(sound.all())


def since_1970(
    values: NDArray[np.float64], shown: pd.Series, layout: Layout, rows: NDArray[np.int64],
    where: str,
) -> Epochs:  # fmt: skip
    """Read counts since 1970. Their size proves the unit, row by row.

    Seconds, milliseconds, microseconds and nanoseconds of any time from 1971 to today differ so
    much that no count can be meant in two of them. Smaller counts, and negative ones, are read in
    the stated unit.

    Raises:
        DataError: a count is no time from 1971 to today in any unit, and none from 1800 on in the
            stated one, or nothing is stated.
    """
    latest = (pd.Timestamp.now("UTC") + AHEAD).tz_localize(None).value // 1000
    micros = np.full(len(values), -1, np.int64)
    unit = np.full(len(values), "", dtype="<U2")
    for name, factor in UNITS.items():
        scaled = values / 1000.0 if name == "ns" else values * float(factor)
        fits = (scaled >= EARLIEST) & (scaled <= latest)
        with np.errstate(invalid="ignore"):
            exact = values[fits].astype(np.int64)
        micros[fits] = exact // 1000 if name == "ns" else exact * factor
        if name != "ns":
            micros[fits] += np.round((values[fits] - exact) * factor).astype(np.int64)
        unit[fits] = name
    stated = layout.time_unit
    if stated is not None:
        scaled = values / 1000.0 if stated == "ns" else values * float(UNITS[stated])
        early = (unit == "") & (scaled >= OLDEST) & (scaled < EARLIEST)
        micros[early] = np.round(scaled[early]).astype(np.int64)
        unit[early] = stated
    wrong = unit == ""
    if stated is not None and len(unit) and unit[0] != stated:
        wrong[0] = True
    if wrong.any():
        i = int(np.argmax(wrong))
        known = f"; it would be one in {unit[i]}" if unit[i] else ""
        if stated is None:
            known = "; if it is one before 1971, state its unit (--time-unit s, ms, us or ns)"
        raise DataError(
            f"{where}, row {rows[i]}: time '{shown.iloc[i]}' is no time after 1970 and before "
            f"today in {stated or 's, ms, us or ns'} (time_unit){known}"
        )
    changes = np.flatnonzero(unit[1:] != unit[:-1]) + 1
    note = ""
    if len(changes):
        i = int(changes[0])
        note = (
            f"times change from {unit[i - 1]} to {unit[i]} in row {rows[i]}, and are read as such"
        )
        if len(changes) > 1:
            note += f" ({len(changes)} changes)"
    return Epochs(pd.DatetimeIndex(micros.astype("M8[us]")).tz_localize("UTC"), note)
