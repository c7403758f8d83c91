"""Sessions of exchanges: the days on which they are open, and when each closes, half days too.

Beside the calendars of exchange_calendars there are

- 24/7 and 24/5, which know no place: their days end at midnight on the clock of the data;
- FX, of currencies, whose days end at 17:00 in New York, from Sunday to Friday. (Futures of the CME
  are CMES in exchange_calendars, and end at 17:00 in Chicago.)
"""

from typing import Any, NamedTuple

import pandas as pd

from drltrade.errors import ConfigError

FX = "FX"
PLACELESS = ("24/7", "24/5")
_NEW_YORK = "America/New_York"
_DAY = pd.Timedelta(days=1)
_WEEK = pd.Timedelta(days=7)


class Schedule(NamedTuple):
    """Sessions in order, [S] each."""

    sessions: pd.DatetimeIndex
    """Their dates, as naive midnights."""
    opens: pd.DatetimeIndex
    """When each opens, on the clock of a zone, without the zone."""
    closes: pd.DatetimeIndex


def schedule(name: str, zone: str | None, first: pd.Timestamp, last: pd.Timestamp) -> Schedule:
    """The sessions of a calendar.

    Args:
        name: as exchange_calendars knows it, XNYS, XLON, 24/7 ...; or FX.
        zone: of the clock; None: the exchange's own.
        first: day from which on.
        last: day up to which.

    Raises:
        ConfigError: there is no such calendar, or it does not reach so far.
    """
    start, end = first.normalize(), last.normalize()
    if name in PLACELESS:
        days = pd.DatetimeIndex(pd.date_range(start, end, freq="D" if name == "24/7" else "B"))
        days = days.as_unit("us")
        return Schedule(days, days, days + _DAY)
    if name == FX:
        days = pd.DatetimeIndex(pd.date_range(start, end, freq="B")).as_unit("us")
        evening = pd.Timedelta(hours=17)
        return Schedule(
            days,
            _moved(days - _DAY + evening, _NEW_YORK, zone or _NEW_YORK),
            _moved(days + evening, _NEW_YORK, zone or _NEW_YORK),
        )
    known = _calendar(name, start, end)
    days = pd.DatetimeIndex(known.sessions).as_unit("us")
    days = days[(days >= start) & (days <= end)]
    opens, closes = (
        pd.DatetimeIndex(times.loc[days].array).tz_convert(zone or str(known.tz)).tz_localize(None)
        for times in (known.opens, known.closes)
    )
    return Schedule(days, opens.as_unit("us"), closes.as_unit("us"))


def sessions(name: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """The dates of `schedule`."""
    return schedule(name, None, first, last).sessions


def sessions_a_year(name: str) -> float:
    """How many sessions a calendar has in a year, of four.

    Raises:
        ConfigError: there is no such calendar.
    """
    first, last = pd.Timestamp("2015-01-01"), pd.Timestamp("2018-12-31")
    if name == "24/7":
        return 365.0
    return len(sessions(name, first, last)) / 4.0


def check_calendar(name: str) -> str:
    """The name itself. Raises ConfigError where there is no such calendar."""
    if name not in (*PLACELESS, FX):
        _calendar(name, pd.Timestamp("2015-01-01"), pd.Timestamp("2015-02-01"))
    return name


def _moved(times: pd.DatetimeIndex, of: str, zone: str) -> pd.DatetimeIndex:
    return times.tz_localize(of).tz_convert(zone).tz_localize(None)


def _calendar(name: str, first: pd.Timestamp, last: pd.Timestamp) -> Any:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        return exchange_calendars.get_calendar(name, start=first - _WEEK, end=last + _WEEK)
    except InvalidCalendarName:
        names = exchange_calendars.get_calendar_names(include_aliases=False)
        raise ConfigError(
            f"calendar = {name!r} is no exchange's (there are {FX}, {', '.join(names)})"
        ) from None
    except ValueError as error:  # before its first, or after its last known holiday
        raise ConfigError(
            f"calendar = {name!r} does not reach from {first.date()} to {last.date()}: {error}"
        ) from None
