"""Series that end before the others of their set, or begin after them."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from drltrade.data.quality.days import DAY, labels
from drltrade.data.quality.finding import Finding, Severity

EARLY = 5
"""Bars of the set after the last of a series, from which its end is early."""
NAMED = 5
"""Series that are named; with more they are one finding."""


def of_ends(frames: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Ends before the last end of the set; and beginnings after most, which are worth knowing."""
    if len(frames) < 2:
        return
    first = {name: _edge(frame, 0) for name, frame in frames.items()}
    last = {name: _edge(frame, -1) for name, frame in frames.items()}
    longest = max(frames.values(), key=len)
    steps = np.diff(pd.DatetimeIndex(longest.index).as_unit("us").asi8)
    if not len(steps):
        return
    bar = int(np.median(steps))
    # The end of most: some series of the set may go on beyond it by a bar or two.
    end, start = int(np.median(list(last.values()))), int(np.median(list(first.values())))
    end = max(last.values()) if len(frames) == 2 else end
    start = min(first.values()) if len(frames) == 2 else start
    times = pd.DatetimeIndex(longest.index).as_unit("us").asi8
    early = {}
    for name, edge in last.items():
        between = int(np.searchsorted(times, end, "right") - np.searchsorted(times, edge, "right"))
        if edge < end and max(between, 0 if times[-1] >= end else (end - edge) // bar) >= EARLY:
            early[name] = edge
    late = {name: edge for name, edge in first.items() if edge - start >= EARLY * max(bar, DAY)}
    names = ("ends", "before", ": a delisting? It is one only where that is stated")
    yield from _told(early, "warning", "early_end", names, end, bar)
    yield from _told(late, "note", "late_start", ("begins", "after", ""), start, bar)


def _edge(frame: pd.DataFrame, at: int) -> int:
    return int(frame.index.to_numpy()[at].astype("datetime64[us]").astype(np.int64))


def _told(
    edges: Mapping[str, int], severity: Severity, kind: str, words: tuple[str, str, str],
    common: int, bar: int,
) -> Iterator[Finding]:  # fmt: skip
    """A finding for each, or one for all if they are many."""
    verb, side, why = words
    if len(edges) <= NAMED:
        for name, edge in edges.items():
            when = f"{_span(abs(edge - common))} {side} the others, at {_label(edge, bar)}"
            yield Finding(severity, kind, name, labels(np.array([edge])), f"{verb} {when}{why}")
        return
    each = ", ".join(f"{name} {_label(edges[name], bar)}" for name in list(edges)[:NAMED])
    told = f"{len(edges)} series: each {verb} {side} the others ({each}, ...){why}"
    times = labels(np.unique(np.array(list(edges.values()))))
    yield Finding(severity, kind, None, times, told)


def _label(time: int, bar: int) -> str:
    label = labels(np.array([time]))[0]
    return str(label.date() if bar >= DAY else label)


def _span(length: int) -> str:
    """A time in words."""
    hours = length / (DAY / 24)
    for unit, hours_of in (("year", 8766.0), ("day", 24.0), ("hour", 1.0)):
        if hours >= (2 if unit != "hour" else 1) * hours_of:
            count = hours / hours_of
            return f"{count:.3g} {unit}{'s' if round(count, 2) != 1 else ''}"
    return f"{hours * 60:.0f} minutes"
