"""What is wrong with published prices: one finding per kind and symbol, with a severity.

An error makes results wrong: a price that cannot have been, two scales in one row. A warning needs
a look: a large move, a hole. A note is worth knowing. Nothing is changed here, and a true move is
never called an error, however large: Citigroup made +58% on 2008-11-24.

The kinds are those met in public data sets: duplicate, missing, zero_price, high_low,
mixed_adjustment (the close adjusted for dividends, the others not), bad_tick, split, spin_off,
currency_unit, scale_break, ticker_reuse, large_move, flat, stale, zero_volume, volume_unit,
missing_session, no_session, zone_shift, large_dividend, survivorship.
"""

from collections.abc import Mapping

import pandas as pd

from drltrade.data.layout import Adjustment
from drltrade.data.quality.finding import Finding
from drltrade.data.quality.members import of_members
from drltrade.data.quality.moves import of_moves
from drltrade.data.quality.quiet import of_quiet
from drltrade.data.quality.sessions import of_dates, of_hours, of_sessions
from drltrade.data.quality.values import of_dividends, of_times, of_values
from drltrade.data.quality.volume import of_volume
from drltrade.data.universe import Universe

__all__ = ["Finding", "check"]


def check(
    frames: Mapping[str, pd.DataFrame],
    calendar: str | None = None,
    adjustment: Adjustment | None = None,
    universe: Universe | None = None,
) -> list[Finding]:
    """Look for faults.

    Args:
        frames: per symbol, columns open, high, low, close, volume and perhaps "adjusted close", by
            naive labels in any order; NaN where a value is missing.
        calendar: name of the exchange's calendar, as exchange_calendars knows it ("XNYS"), to look
            for missing sessions of daily bars; None: not looked for.
        adjustment: what the prices are adjusted for; of raw ones a split that is told of is sound.
        universe: whose members ought to be there; None: not looked for.

    Returns:
        Findings, errors first.

    Raises:
        ConfigError: there is no such calendar.
    """
    found: list[Finding] = []
    clean: dict[str, pd.DataFrame] = {}
    for symbol, frame in frames.items():
        found += of_times(symbol, frame)
        ordered = frame[~frame.index.duplicated(keep="last")].sort_index()
        found += of_values(symbol, ordered)
        found += of_dividends(symbol, ordered)
        priced = ordered[ordered["close"].to_numpy() > 0]
        if priced.empty:
            continue
        clean[symbol] = priced
        found += of_moves(symbol, priced, adjustment)
        found += of_quiet(symbol, priced)
        found += of_volume(symbol, priced)
        found += of_hours(symbol, priced)
    found += of_dates(clean)
    if calendar is not None and clean:
        found += of_sessions(clean, calendar)
    if universe is not None and clean:
        found += of_members(clean, universe)
    rank = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda each: rank[each.severity])
