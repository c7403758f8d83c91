"""The trading hours of an exchange, and bars that lie within them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from drltrade.data import calendars
from drltrade.data.bars import Bars, median_spacing
from drltrade.errors import ConfigError, DataError


def regular_hours(bars: Bars, calendar: str) -> Bars:
    """Bars within the day that end after an open and no later than the close of that session.

    Args:
        bars: within the day, by labels that are their ENDs.
        calendar: of the exchange.

    Raises:
        ConfigError: bars are not within the day, their zone is unknown, or there is no such
            calendar.
        DataError: a symbol has no such bar.
    """
    index = pd.DatetimeIndex(max(bars.frames.values(), key=len).index)
    if median_spacing(index) >= pd.Timedelta(days=1):
        raise ConfigError(f'session = "regular": {bars.source} has bars of {bars.frequency}')
    if bars.zone is None:
        raise ConfigError(
            f'session = "regular": the zone of {bars.source} is unknown; state it (layout.zone)'
        )
    frames = {}
    for symbol, frame in bars.frames.items():
        times = pd.DatetimeIndex(frame.index)
        day = pd.Timedelta(days=1)
        known = calendars.schedule(calendar, bars.zone, times[0] - day, times[-1] + day)
        place = known.closes.searchsorted(times, "left")
        inside = place < len(known.closes)
        place = np.minimum(place, len(known.closes) - 1)
        inside &= np.asarray(known.opens[place] < times)
        if not inside.any():
            raise DataError(
                f"{bars.source} (symbol {symbol}): no bar lies within the trading hours of "
                f"{calendar}; is {bars.zone} the zone of its times?"
            )
        frames[symbol] = frame[inside]
    return replace(bars, frames=frames, calendar=calendar)
