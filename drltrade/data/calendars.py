"""Sessions of exchanges: the days on which they are open, and when each closes, half days too."""

from typing import Any

import pandas as pd

from drltrade.errors import ConfigError


def sessions(name: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """The days, as naive midnights, on which an exchange was open.

    Args:
        name: of its calendar, as exchange_calendars knows it: XNYS, XLON, 24/7 ...
        first: day from which on.
        last: day up to which.

    Raises:
        ConfigError: there is no such calendar.
    """
    days = pd.DatetimeIndex(_calendar(name, first, last).sessions).as_unit("us")
    return days[(days >= first.normalize()) & (days <= last.normalize())]


def closes(name: str, zone: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """When each of those sessions closed, on the clock of a zone, without the zone.

    Raises:
        ConfigError: there is no such calendar.
    """
    return _on_clock(_calendar(name, first, last).closes, name, zone, first, last)


def opens(name: str, zone: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """When each of those sessions opened, on the clock of a zone, without the zone.

    Raises:
        ConfigError: there is no such calendar.
    """
    return _on_clock(_calendar(name, first, last).opens, name, zone, first, last)


def zone_of(name: str, first: pd.Timestamp, last: pd.Timestamp) -> str:
    """The zone of an exchange's own clock.

    Raises:
        ConfigError: there is no such calendar.
    """
    return str(_calendar(name, first, last).tz)


def _on_clock(
    times: pd.Series, name: str, zone: str, first: pd.Timestamp, last: pd.Timestamp
) -> pd.DatetimeIndex:
    days = sessions(name, first, last)
    return pd.DatetimeIndex(times.loc[days].array).tz_convert(zone).tz_localize(None).as_unit("us")


def _calendar(name: str, first: pd.Timestamp, last: pd.Timestamp) -> Any:
    import exchange_calendars

    week = pd.Timedelta(days=7)
    try:
        return exchange_calendars.get_calendar(
            name, start=first.normalize() - week, end=last.normalize() + week
        )
    except exchange_calendars.errors.InvalidCalendarName:
        names = exchange_calendars.get_calendar_names(include_aliases=False)
        raise ConfigError(
            f"calendar = {name!r} is no exchange's (there are {', '.join(names)})"
        ) from None
