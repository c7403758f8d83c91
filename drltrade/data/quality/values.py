"""Values that are missing, come twice, or cannot have been."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from drltrade.data.bars import PRICES
from drltrade.data.faults import missing, outside_bars
from drltrade.data.quality.finding import Finding, finding

LARGE_DIVIDEND = 0.25
"""Of the close before; special dividends have been larger, ordinary ones hardly ever."""


def of_times(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
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


def of_values(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Values that are missing, or cannot be."""
    yield from finding(
        "error", "missing", symbol, frame, missing(frame),
        "open {open:g}, high {high:g}, low {low:g}, close {close:g}, volume {volume:g}",
    )  # fmt: skip
    for name in PRICES:
        wrong = frame[name].to_numpy(np.float64) <= 0.0
        yield from finding(
            "error", "zero_price", symbol, frame, wrong, f"{name} = {{{name}:g}}: is missing"
        )
    outside, mixed = outside_bars(frame)
    yield from finding(
        "error", "mixed_adjustment", symbol, frame, mixed,
        "close {close:g} outside its bar, {low:g} to {high:g}, on many bars and on one side: "
        "the close is adjusted, the others are not",
    )  # fmt: skip
    yield from finding(
        "error", "high_low", symbol, frame, outside,
        "open {open:g}, high {high:g}, low {low:g}, close {close:g}",
    )  # fmt: skip


def of_dividends(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Dividends of more than there was to pay, or of so much that the unit may be another."""
    if "dividend" not in frame:
        return
    before = frame["close"].shift(1).to_numpy(np.float64)
    share = frame["dividend"].to_numpy(np.float64) / before
    for severity, mask, text in (
        ("error", share >= 1.0, "more than the close before"),
        ("warning", (share > LARGE_DIVIDEND) & (share < 1.0), "true, or in another unit"),
    ):
        if mask.any():
            first = int(np.argmax(mask))
            paid = f"a dividend of {frame['dividend'].iloc[first]:g} on {before[first]:g}: {text}"
            times = pd.DatetimeIndex(frame.index[mask])
            yield Finding(severity, "large_dividend", symbol, times, paid)  # type: ignore[arg-type]
