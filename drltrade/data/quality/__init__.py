"""What is wrong with published prices: one finding per kind and symbol, with a severity.

An error makes results wrong: a price that cannot have been, two scales in one row. A warning needs
a look: a large move, a hole. A note is worth knowing. Nothing is changed here, and a true move is
never called an error, however large: Citigroup made +58% on 2008-11-24.

The kinds are those met in public data sets: duplicate, missing, zero_price, high_low,
mixed_adjustment (the close adjusted for dividends, the others not), bad_tick, split, spin_off,
currency_unit, scale_break, ticker_reuse, large_move, flat, stale, untraded, zero_volume,
volume_missing, volume_unit, missing_bar, missing_session, no_session, early_end, late_start,
zone_shift, large_dividend, wrong_dividend, doubtful_dividend, wrong_adjusted_close,
unusable, survivorship. Whatever a
repair would change is found.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from drltrade.data.layout import Adjustment
from drltrade.data.quality.ends import of_ends
from drltrade.data.quality.finding import Finding
from drltrade.data.quality.holes import of_common_dates, of_holes
from drltrade.data.quality.members import of_members
from drltrade.data.quality.mendable import mending, of_doubts, of_mending, without
from drltrade.data.quality.moves import of_moves
from drltrade.data.quality.quiet import of_quiet
from drltrade.data.quality.sessions import of_dates, of_hours, of_sessions, sessions_of
from drltrade.data.quality.values import of_dividends, of_times, of_values
from drltrade.data.quality.volume import of_volume
from drltrade.data.universe import Universe

__all__ = ["MOVES", "Finding", "check", "moves_of"]

MOVES = ("bad_tick", "split", "spin_off", "currency_unit", "scale_break", "ticker_reuse",
         "large_move")  # fmt: skip
"""Kinds that are of moves from bar to bar."""


def check(
    frames: Mapping[str, pd.DataFrame],
    calendar: str | None = None,
    adjustment: Adjustment | None = None,
    universe: Universe | None = None,
    zone: str | None = None,
) -> list[Finding]:
    """Look for faults.

    Args:
        frames: per symbol, columns open, high, low, close, volume and perhaps "adjusted close", by
            naive labels in any order; NaN where a value is missing.
        calendar: name of the exchange's calendar, as exchange_calendars knows it ("XNYS"), to look
            for missing sessions, and bars missing within them; None: bars are due when others are.
        adjustment: what the prices are adjusted for; of raw ones a split that is told of is sound.
        universe: whose members ought to be there; None: not looked for.
        zone: of the labels; None: the exchange's own.

    Returns:
        Findings, errors first.

    Raises:
        ConfigError: there is no such calendar.
    """
    found: list[Finding] = []
    clean: dict[str, pd.DataFrame] = {}
    present: dict[str, pd.DataFrame] = {}
    logs: dict[str, pd.DataFrame] = {}
    for symbol, frame in frames.items():
        found += of_times(symbol, frame)
        ordered = _ordered(frame)
        found += of_values(symbol, ordered)
        found += of_dividends(symbol, ordered)
        log = mending(symbol, ordered, adjustment)
        ordered = without(ordered, log)
        priced = ordered["close"].to_numpy(np.float64) > 0
        if priced.any():
            present[symbol], logs[symbol] = ordered, log
            clean[symbol] = ordered if priced.all() else ordered[priced]
    sessions = sessions_of(present, calendar, zone) if calendar is not None and clean else None
    for symbol, frame in clean.items():
        found += of_moves(symbol, frame, adjustment)
        found += of_quiet(symbol, frame)
        found += of_volume(symbol, frame)
        found += of_hours(symbol, present[symbol])
        found += of_holes(symbol, present[symbol], sessions)
        found += of_mending(symbol, logs[symbol], found)
        found += of_doubts(symbol, frame, adjustment)
    found += of_dates(clean)
    found += of_ends(present)
    if calendar is not None and sessions is not None:
        found += of_sessions(present, calendar, sessions)
    else:
        found += of_common_dates(present)
    if universe is not None and clean:
        found += of_members(clean, universe)
    rank = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda each: rank[each.severity])


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """By ascending labels, each once."""
    # Columns are taken some fifty times; names of pandas' own type of text are slow at that.
    frame = frame.set_axis(pd.Index(list(frame.columns), dtype=object), axis=1)
    if frame.index.is_monotonic_increasing and frame.index.is_unique:
        return frame
    return frame[~frame.index.duplicated(keep="last")].sort_index()


def moves_of(frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """What is wrong with the moves of adjusted prices, by symbol and ascending labels."""
    return [each for symbol, frame in frames.items() for each in of_moves(symbol, frame, "full")]
