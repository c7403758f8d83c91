"""Frequencies in words: 5m, 1h, 1d, 1w, 1mo."""

import re

import pandas as pd

from drltrade.errors import ConfigError

DAILY = ("1d", "1w", "1mo")
"""Those whose labels are dates."""
_DAY = pd.Timedelta(days=1)


def parse_frequency(frequency: str) -> tuple[int, str]:
    """(4, "h") of "4h"; units are m, h, d, w and mo, and of the last three there is one.

    Raises:
        ConfigError: it is none, or one that does not divide a day.
    """
    match = re.fullmatch(r"(\d+)(m|h|d|w|mo)", frequency)
    if match is not None:
        count, unit = int(match[1]), match[2]
        if unit in ("d", "w", "mo") and count == 1:
            return count, unit
        minutes = count * {"m": 1, "h": 60}.get(unit, 0)
        if minutes and 1440 % minutes == 0:
            return count, unit
    raise ConfigError(
        f"frequency {frequency!r}: one that divides a day, such as 5m, 1h, 4h; or 1d, 1w, 1mo"
    )


def length_of(frequency: str) -> pd.Timedelta:
    """Of a bar; of a month, the shortest."""
    count, unit = parse_frequency(frequency)
    length = {"m": _DAY / 1440, "h": _DAY / 24, "d": _DAY, "w": 7 * _DAY, "mo": 28 * _DAY}[unit]
    return count * length
