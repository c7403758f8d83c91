"""Exogenous series, joined to bars by when they were known and not by when they were about."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import median_spacing
from drltrade.data.exogenous import Exogenous, ExogenousSeries, duration, load_exogenous
from drltrade.errors import ConfigError, DataError
from drltrade.features.arrays import Floats

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Joined:
    """An exogenous series beside bars.

    Attributes:
        frame: its values [K], as of `ExogenousSeries`.
        known: [K] the label of the bars from which on each is known, ascending.
        max_age: how long after it became known a value may be used.
        name: of the series in the preset, for errors.
        since, until: the first and last time at which it matters.
    """

    frame: pd.DataFrame
    known: pd.DatetimeIndex
    max_age: pd.Timedelta
    name: str
    since: pd.Timestamp = pd.Timestamp.min
    until: pd.Timestamp = pd.Timestamp.max

    def places(self, times: pd.DatetimeIndex) -> NDArray[np.int64]:
        """[T] the row that is known at each bar; -1 before the first.

        Raises:
            DataError: a value is older than `max_age` where it matters.
        """
        place = self.known.searchsorted(times, "right").astype(np.int64) - 1
        age = times.to_numpy() - self.known.to_numpy()[place]
        matters = np.asarray((times >= self.since) & (times <= self.until))
        old = (place >= 0) & (age > self.max_age.to_timedelta64()) & matters
        if old.any():
            i = int(np.argmax(old))
            raise DataError(
                f"exogenous series {self.name}: at {times[i]} its last value is of "
                f"{self.frame.index[place[i]]}, older than {self.max_age}; set max_age if it is "
                "still good then, or end the periods earlier"
            )
        return place

    def close(self, times: pd.DatetimeIndex) -> Floats:
        """[T] its close as it was known at each bar; NaN before the first."""
        place = self.places(times)
        values = self.frame["close"].to_numpy(np.float64)
        return np.where(place < 0, np.nan, values[place])


def join(
    name: str,
    config: Exogenous,
    bars_zone: str | None,
    bars_daily: bool,
    bars_source: str,
    since: pd.Timestamp = pd.Timestamp.min,
    until: pd.Timestamp = pd.Timestamp.max,
) -> tuple[Joined, ExogenousSeries]:
    """Load a series and find out when each value was known, on the clock of the bars.

    Of daily bars, a date stands for the session's close, of both; a value within a day is known at
    the next day's close. Of bars within the day, a date's value is known when the date is over.
    Where neither zone is stated they are taken to be one.

    Args:
        name, config: of the series in the preset.
        bars_zone, bars_daily, bars_source: of the bars it is joined to.
        since, until: the first and last time at which it matters.

    Raises:
        DataError: see `load_exogenous`.
        ConfigError: on bars within the day, one of the two zones is not stated; or dates of one
            zone are joined to those of another without a lag of a day.
    """
    series = load_exogenous(config)
    known = pd.DatetimeIndex(series.frame.index)
    if bars_daily:
        apart = None not in (series.zone, bars_zone) and series.zone != bars_zone
        if apart and series.daily and config.published_after < _DAY:
            raise ConfigError(
                f"exogenous series {name}: a date in {series.zone} is not over when the session of "
                f"that date in {bars_zone} is; set a lag of at least 1d"
            )
        if apart and not series.daily:
            known = _on_clock(known, series.zone, bars_zone, name, bars_source)
        known = (known + config.published_after).ceil("D")
    else:
        known = (known + _DAY if series.daily else known) + config.published_after
        known = _on_clock(known, series.zone, bars_zone, name, bars_source)
    spacing = median_spacing(pd.DatetimeIndex(series.frame.index))
    max_age = max(10 * spacing, 5 * _DAY) if config.max_age is None else duration(config.max_age)
    return Joined(series.frame, known, max_age, name, since, until), series


def _on_clock(
    times: pd.DatetimeIndex, zone: str | None, wanted: str | None, name: str, source: str
) -> pd.DatetimeIndex:
    if zone == wanted:
        return times
    if zone is None or wanted is None:
        which = f"exogenous series {name}" if zone is None else source
        raise ConfigError(
            f"exogenous series {name} is joined to bars within the day, and the zone of {which} is "
            "not stated; set layout.zone"
        )
    # A time that the clock skips or has twice, when summer time begins or ends: the later one.
    placed: Any = times.tz_localize(
        ZoneInfo(zone), ambiguous=np.zeros(len(times), np.bool_), nonexistent="shift_forward"
    )
    converted: pd.DatetimeIndex = placed.tz_convert(ZoneInfo(wanted)).tz_localize(None)
    return converted
