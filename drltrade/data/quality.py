"""What is wrong with published prices: one finding per kind and symbol, with a severity.

An error makes results wrong: a price that cannot have been, two scales in one row. A warning needs
a look: a large move, a hole. A note is worth knowing. Nothing is changed here, and a true move is
never called an error, however large: Citigroup made +58% on 2008-11-24.

The kinds are those met in public data sets: duplicate, missing, zero_price, high_low,
mixed_adjustment (the close adjusted for dividends, the others not), bad_tick, split, currency_unit,
scale_break, ticker_reuse, large_move, flat, stale, zero_volume, missing_session, no_session.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS, PRICES, SLACK
from drltrade.errors import ConfigError

Severity = Literal["error", "warning", "note"]

LARGE_MOVE = 0.4
"""Of one bar: beyond it a move is shown."""
SCALE_BREAK = 5.0
"""Times: no listed share is known to have made more in a session, so prices changed their unit."""
SPLITS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 1.5])
"""New shares for an old one; the inverses are reverse splits."""
NEAR_SPLIT = 0.06
"""How far the return of a split's session may take its ratio from the split's."""
BACK = 0.03
"""A bad tick is one after which prices are back where they were, within so much."""
MIXED = 0.05
"""Share of closes outside their bar's range, all on one side, beyond which it is no accident."""
SYSTEMIC = 0.5
"""Share of the symbols of a date beyond which what befalls them is the date's."""
STALE = 10
"""Equal closes in a row, on no volume."""


class Finding(NamedTuple):
    """One kind of fault of one symbol, or of a date."""

    severity: Severity
    kind: str
    symbol: str | None
    """None: of many."""
    times: pd.DatetimeIndex
    """The bars concerned."""
    text: str
    """What was found there, of the first bar."""


def check(frames: Mapping[str, pd.DataFrame], calendar: str | None = None) -> list[Finding]:
    """Look for faults.

    Args:
        frames: per symbol, columns open, high, low, close, volume and perhaps "adjusted close", by
            naive labels in any order; NaN where a value is missing.
        calendar: name of the exchange's calendar, as exchange_calendars knows it ("XNYS"), to look
            for missing sessions of daily bars; None: not looked for.

    Returns:
        Findings, errors first.

    Raises:
        ConfigError: there is no such calendar.
    """
    found: list[Finding] = []
    clean: dict[str, pd.DataFrame] = {}
    for symbol, frame in frames.items():
        found += _of_times(symbol, frame)
        ordered = frame[~frame.index.duplicated(keep="last")].sort_index()
        found += _of_values(symbol, ordered)
        priced = ordered[ordered["close"].to_numpy() > 0]
        if priced.empty:
            continue
        clean[symbol] = priced
        found += _of_moves(symbol, priced)
        found += _of_quiet(symbol, priced)
    found += _of_dates(clean)
    if calendar is not None and clean:
        found += _of_sessions(clean, calendar)
    rank = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda each: rank[each.severity])


def _finding(
    severity: Severity, kind: str, symbol: str, frame: pd.DataFrame, mask: NDArray[np.bool_],
    text: str,
) -> Iterator[Finding]:  # fmt: skip
    """A finding at the bars of a mask, if there are any; `text` takes the first one's values."""
    if mask.any():
        first = int(np.argmax(mask))
        values = {name: frame[name].iloc[first] for name in COLUMNS}
        times = pd.DatetimeIndex(frame.index[mask])
        yield Finding(severity, kind, symbol, times, text.format(**values))


def _of_times(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Labels that come twice: with the same values, or with others."""
    again = np.asarray(frame.index.duplicated(keep=False))
    if not again.any():
        return
    twice = frame[again].sort_index(kind="stable")
    labels = pd.DatetimeIndex(twice.index)
    same = np.asarray(pd.DataFrame(twice).reset_index().duplicated(keep=False))
    for severity, mask, text in (
        ("warning", same, "the same bar twice: one is dropped"),
        ("error", ~same, "two bars of one label with different values: which is true?"),
    ):
        if mask.any():
            yield Finding(severity, "duplicate", symbol, labels[mask].unique(), text)  # type: ignore[arg-type]


def _of_values(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Values that are missing, or cannot be."""
    values = {name: frame[name].to_numpy(np.float64) for name in COLUMNS}
    missing = np.logical_or.reduce([np.isnan(each) for each in values.values()])
    yield from _finding(
        "error", "missing", symbol, frame, missing,
        "open {open:g}, high {high:g}, low {low:g}, close {close:g}, volume {volume:g}",
    )  # fmt: skip
    for name in PRICES:
        wrong = values[name] <= 0.0
        yield from _finding(
            "error", "zero_price", symbol, frame, wrong, f"{name} = {{{name}:g}}: is missing"
        )
    positive = np.logical_and.reduce([values[name] > 0.0 for name in PRICES])
    opened, high, low, close = (values[name] for name in PRICES)
    slack = SLACK * np.abs(close)
    below, above = close < low - slack, close > high + slack
    one_sided = min(below.sum(), above.sum()) <= 0.05 * max(below.sum(), above.sum())
    mixed = one_sided and (below | above)[positive].mean() > MIXED if positive.any() else False
    if mixed:
        yield from _finding(
            "error", "mixed_adjustment", symbol, frame, positive & (below | above),
            "close {close:g} outside its bar, {low:g} to {high:g}, on many bars and on one side: "
            "the close is adjusted, the others are not",
        )  # fmt: skip
    outside = (high < low - slack) | (opened > high + slack) | (opened < low - slack)
    if not mixed:
        outside |= below | above
    yield from _finding(
        "error", "high_low", symbol, frame, positive & outside,
        "open {open:g}, high {high:g}, low {low:g}, close {close:g}",
    )  # fmt: skip


def _of_moves(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Moves beyond `LARGE_MOVE`, told apart by what came before, with and after them."""
    close = frame["close"].to_numpy(np.float64)
    if len(close) < 3:
        return
    ratio = np.ones(len(close))
    ratio[1:] = close[1:] / close[:-1]
    large = np.abs(ratio - 1.0) > LARGE_MOVE
    if not large.any():
        return
    tick = _bad_ticks(frame, close, large)
    back = np.zeros_like(tick)
    back[1:] = tick[:-1]  # the way back is no move of its own
    large &= ~tick & ~back
    yield from _finding(
        "error", "bad_tick", symbol, frame, tick,
        "close {close:g}, after which prices are back where they were (open {open:g}, high "
        "{high:g}, low {low:g})",
    )  # fmt: skip
    unit = large & (np.abs(np.abs(np.log(ratio)) - np.log(100.0)) < NEAR_SPLIT)
    split, sure = _splits(frame, ratio, large & ~unit)
    jump = np.abs(np.log(ratio)) > np.log(SCALE_BREAK)
    apart = np.zeros(len(close), np.bool_)
    apart[1:] = np.diff(frame.index.to_numpy()) > np.timedelta64(30, "D")
    kinds: list[tuple[Severity, str, NDArray[np.bool_], str]] = [
        ("error", "currency_unit", unit, "a hundred times, such as pence and pounds"),
        ("error", "split", split & sure, "not adjusted for, as the adjusted close shows"),
        ("warning", "split", split & ~sure, "by ratio and volume a split that is not adjusted"),
        ("error", "scale_break", ~unit & ~split & jump & ~apart, "the unit of prices changes"),
        ("error", "ticker_reuse", ~unit & ~split & jump & apart, "after a gap: another security?"),
        ("warning", "large_move", ~unit & ~split & ~jump, "large, and perhaps true"),
    ]
    for severity, kind, mask, text in kinds:
        mask = mask & large
        if mask.any():
            times = pd.DatetimeIndex(frame.index[mask])
            moves = ", ".join(f"{each - 1.0:+.1%}" for each in ratio[mask][:3])
            more = ", ..." if mask.sum() > 3 else ""
            yield Finding(severity, kind, symbol, times, f"{moves}{more}: {text}")


def _bad_ticks(
    frame: pd.DataFrame, close: NDArray[np.float64], large: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """[T] closes far from both their neighbours, which agree, and from their own bar's open."""
    tick = np.zeros(len(close), np.bool_)
    around = np.abs(close[2:] / close[:-2] - 1.0) < BACK
    opened = frame["open"].to_numpy(np.float64)[1:-1]
    at_home = np.abs(opened / close[:-2] - 1.0) < LARGE_MOVE / 2  # false where it is missing
    tick[1:-1] = large[1:-1] & large[2:] & around & at_home
    return tick


def _splits(
    frame: pd.DataFrame, ratio: NDArray[np.float64], large: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[T] moves that look like splits, and whether an adjusted close bears them out.

    A split's ratio is near a small fraction at the open already, and its volume, in new shares,
    moves the other way: a true crash trades many times more.
    """
    split, sure = np.zeros(len(ratio), np.bool_), np.zeros(len(ratio), np.bool_)
    opened, close = (frame[name].to_numpy(np.float64) for name in ("open", "close"))
    volume = frame["volume"].to_numpy(np.float64)
    adjusted = None
    if "adjusted close" in frame:
        adjusted = frame["adjusted close"].to_numpy(np.float64)
    candidates = np.concatenate((SPLITS, 1.0 / SPLITS))
    for t in np.flatnonzero(large):
        if adjusted is not None:
            told = (adjusted[t] / adjusted[t - 1]) / ratio[t]
            sure[t] = abs(np.log(told)) > np.log(1.0 + LARGE_MOVE)
            split[t] = sure[t]
            continue
        shares = candidates[np.argmin(np.abs(np.log(candidates * ratio[t])))]
        at_open = opened[t] / close[t - 1]
        near = max(abs(np.log(shares * ratio[t])), abs(np.log(shares * at_open))) < NEAR_SPLIT
        before, after = volume[max(t - 20, 0) : t], volume[t : t + 5]
        if near and len(before) and np.median(before) > 0:
            traded = np.median(after) / np.median(before)
            split[t] = 0.5 < traded / shares < 2.0
    return split, sure


def _of_quiet(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Bars in which nothing happened."""
    opened, high, low, close = (frame[name].to_numpy(np.float64) for name in PRICES)
    volume = frame["volume"].to_numpy(np.float64)
    flat = (opened == high) & (high == low) & (low == close)
    yield from _finding(
        "note", "flat", symbol, frame, flat & (volume > 0), "all four prices are {close:g}"
    )
    yield from _finding("note", "zero_volume", symbol, frame, volume == 0.0, "no trade")
    same = np.zeros(len(close), np.bool_)
    same[1:] = (close[1:] == close[:-1]) & (volume[1:] == 0.0)
    ends = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    stale = np.zeros(len(close), np.bool_)
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        stale[start:end] = end - start >= STALE
    yield from _finding(
        "warning", "stale", symbol, frame, stale,
        f"close stays at {{close:g}} for {STALE} bars or more, without volume",
    )  # fmt: skip


def _of_dates(frames: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """What befalls most symbols at once."""
    if len(frames) < 5:
        return
    silent = [frame.index[frame["volume"].to_numpy() == 0.0] for frame in frames.values()]
    there = pd.concat([frame.index.to_series() for frame in frames.values()]).value_counts()
    counts = _together(silent)
    there = there.reindex(counts.index)
    most = (counts > SYSTEMIC * there).to_numpy()
    if most.any():
        times = pd.DatetimeIndex(counts.index[most]).sort_values()
        text = f"no volume for {counts[times[0]]} of {there[times[0]]} symbols"
        yield Finding("warning", "zero_volume", None, times, text)


def _together(indices: Iterable[pd.Index]) -> pd.Series:
    labels = [index.to_series() for index in indices if len(index)]
    return pd.concat(labels).value_counts() if labels else pd.Series(dtype=np.int64)


def _of_sessions(frames: Mapping[str, pd.DataFrame], calendar: str) -> Iterator[Finding]:
    """Sessions without a bar, and bars without a session."""
    import exchange_calendars

    first = min(frame.index[0] for frame in frames.values()).normalize()
    last = max(frame.index[-1] for frame in frames.values()).normalize()
    week = pd.Timedelta(days=7)
    try:
        known = exchange_calendars.get_calendar(calendar, start=first - week, end=last + week)
    except exchange_calendars.errors.InvalidCalendarName:
        names = exchange_calendars.get_calendar_names(include_aliases=False)
        raise ConfigError(
            f"calendar = {calendar!r} is no exchange's (there are {', '.join(names)})"
        ) from None
    sessions = known.sessions.as_unit("us")
    holes: dict[str, pd.DatetimeIndex] = {}
    for symbol, frame in frames.items():
        dates = pd.DatetimeIndex(frame.index).normalize().unique().as_unit("us")
        expected = sessions[(sessions >= dates[0]) & (sessions <= dates[-1])]
        holes[symbol] = expected.difference(dates)
        strange = dates.difference(sessions)
        if len(strange):
            text = f"a bar on {strange[0].date()}, which is no session of {calendar}"
            yield Finding("warning", "no_session", symbol, strange, text)
    counts = _together(holes.values())
    most = (counts > SYSTEMIC * len(frames)).to_numpy() & (len(frames) >= 5)
    every = pd.DatetimeIndex(counts.index[most]).sort_values()
    if len(every):
        text = f"a session of {calendar} that most symbols lack"
        yield Finding("warning", "missing_session", None, every, text)
    for symbol, missing in holes.items():
        own = missing.difference(every)
        if len(own):
            text = f"{len(own)} sessions of {calendar} without a bar; the first: {own[0].date()}"
            yield Finding("warning", "missing_session", symbol, own, text)
