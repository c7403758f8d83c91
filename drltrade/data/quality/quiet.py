"""Bars in which nothing happened."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from drltrade.data.bars import PRICES
from drltrade.data.quality.finding import Finding, finding

STALE = 10
"""Equal closes in a row, on no volume."""


def of_quiet(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Bars in which nothing happened."""
    opened, high, low, close = (frame[name].to_numpy(np.float64) for name in PRICES)
    volume = frame["volume"].to_numpy(np.float64)
    flat = (opened == high) & (high == low) & (low == close)
    yield from finding(
        "note", "flat", symbol, frame, flat & (volume > 0), "all four prices are {close:g}"
    )
    yield from finding("note", "zero_volume", symbol, frame, volume == 0.0, "no trade")
    same = np.zeros(len(close), np.bool_)
    same[1:] = (close[1:] == close[:-1]) & (volume[1:] == 0.0)
    ends = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    stale = np.zeros(len(close), np.bool_)
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        stale[start:end] = end - start >= STALE
    yield from finding(
        "warning", "stale", symbol, frame, stale,
        f"close stays at {{close:g}} for {STALE} bars or more, without volume",
    )  # fmt: skip
