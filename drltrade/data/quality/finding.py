"""What is found wrong with prices."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


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
    ratio: float | None = None
    """Of a split that nothing tells of: new shares for an old one, as the prices say, at the first
    of the times."""

    def __str__(self) -> str:
        bars = f", {len(self.times)} bars" if len(self.times) > 1 else ""
        first = self.times[0]
        day = first.date() if first == first.normalize() else first
        return f"{self.symbol or 'all symbols'}: {self.kind} at {day}{bars}: {self.text}"


def finding(
    severity: Severity, kind: str, symbol: str, frame: pd.DataFrame, mask: NDArray[np.bool_],
    text: str,
) -> Iterator[Finding]:  # fmt: skip
    """A finding at the bars of a mask, if there are any; `text` takes the first one's values."""
    if mask.any():
        first = int(np.argmax(mask))
        values = {name: frame[name].iloc[first] for name in COLUMNS}
        times = pd.DatetimeIndex(frame.index[mask])
        yield Finding(severity, kind, symbol, times, text.format(**values))
