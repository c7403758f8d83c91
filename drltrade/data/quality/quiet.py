"""Bars in which nothing happened, or of which nobody recorded what did."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import PRICES
from drltrade.data.quality.days import bars_a_day
from drltrade.data.quality.finding import Finding, Severity

STALE = 10
"""Bars in a row without volume from which they are told of; within the day, so many as a day has,
for an hour without a trade is nothing."""
UNRECORDED = 60
"""Bars in a row without volume, while prices move, that nobody recorded the volume of."""
MOVING = 0.5
"""Share of the closes of such a stretch that differ from those before."""
Mask = NDArray[np.bool_]


def of_quiet(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Bars in which nothing happened."""
    opened, high, low, close = (frame[name].to_numpy(np.float64) for name in PRICES)
    volume = frame["volume"].to_numpy(np.float64)
    flat = (high == low) & (opened == high) & (low == close) & (volume > 0)
    silent = volume == 0.0
    if flat.any():
        text = f"all four prices are {close[np.argmax(flat)]:g}"
        yield _found("note", "flat", symbol, frame, flat, text)
    if not silent.any():
        return
    yield _found("note", "zero_volume", symbol, frame, silent, "no trade")
    still = np.zeros(len(close), np.bool_)
    still[1:] = close[1:] == close[:-1]
    stale, quoted, unrecorded = (np.zeros(len(close), np.bool_) for _ in range(3))
    least = max(STALE, bars_a_day(frame))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        moving = 1.0 - float(np.mean(still[start:end]))
        if end - start >= max(UNRECORDED, least) and moving > MOVING:
            unrecorded[start:end] = True
        elif end - start >= least and not still[start:end].all():
            quoted[start:end] = True
        elif end - start >= least:
            stale[start:end] = True
    if unrecorded.any():
        share = unrecorded.sum() / len(frame)
        text = (
            f"volume is 0 on {unrecorded.sum()} of {len(frame)} bars ({share:.0%}) while prices "
            "move: it was not recorded; without it nothing can be traded there"
        )
        yield _found("warning", "volume_missing", symbol, frame, unrecorded, text)
    if quoted.any():
        first = int(np.argmax(quoted))
        before = f", {close[first - 1]:g} before" if first else ""
        text = f"quoted without a trade on {quoted.sum()} bars, first at {close[first]:g}{before}"
        yield _found("warning", "untraded", symbol, frame, quoted, text)
    if stale.any():
        text = f"close stays at {close[np.argmax(stale)]:g} for {least} bars or more, "
        yield _found("warning", "stale", symbol, frame, stale, text + "without volume")


def _found(
    severity: Severity, kind: str, symbol: str, frame: pd.DataFrame, mask: Mask, text: str
) -> Finding:
    return Finding(severity, kind, symbol, pd.DatetimeIndex(frame.index[mask]), text)
