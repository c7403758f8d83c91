"""Volumes in another unit than those around them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.quality.finding import Finding, finding

UNIT_CHANGE = 30.0
"""Times, of the median of `AROUND` volumes: more than interest changes them, less than lots do."""
AROUND = 40
SWAPPED = 20.0
"""Least price at which volumes in units are told from those in currency."""
SWAPS, SWAPPED_SHARE = 10, 0.01
"""So many at least, and this share of bars: single ones are days on which one joins an index."""
CLOSE_TO = 2.5
"""Times: how near a volume is to its neighbours' when it is taken in the other unit."""


def of_volume(symbol: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Volumes that are in currency among those in units, or the reverse; and a change of unit."""
    volume = frame["volume"].to_numpy(np.float64)
    traded = volume > 0
    if traded.sum() < 3 * AROUND:
        return
    logs = pd.Series(np.log(volume[traded]))
    price = np.log(frame["close"].to_numpy(np.float64)[traded])
    middle = logs.rolling(2 * AROUND + 1, center=True, min_periods=AROUND).median()
    apart = (logs - middle).to_numpy()
    swapped = (np.abs(np.abs(apart) - price) < np.log(CLOSE_TO)) & (price > np.log(SWAPPED))
    swapped &= np.abs(apart) > np.log(UNIT_CHANGE)
    if swapped.sum() < max(SWAPS, SWAPPED_SHARE * len(swapped)):
        swapped[:] = False
    mask = np.zeros(len(frame), np.bool_)
    mask[traded] = swapped
    yield from finding(
        "warning", "volume_unit", symbol, frame, mask,
        "volume {volume:g} at a close of {close:g}: in currency among units, or the reverse",
    )  # fmt: skip
    logs[swapped] = middle[swapped]
    mask = np.zeros(len(frame), np.bool_)
    change = _change(logs, "median")
    # The medians say that there is a change, and the means where: at both ends of a stretch.
    steps = np.where(change > np.log(UNIT_CHANGE), _change(logs, "mean"), 0.0)
    while steps.any():
        where = int(np.argmax(steps))
        mask[np.flatnonzero(traded)[where + 1]] = True
        steps[max(where - AROUND + 1, 0) : where + AROUND] = 0.0
    yield from finding(
        "warning", "volume_unit", symbol, frame, mask,
        f"from here on volumes are {np.exp(change.max()):.0f} times others, or a part so small",
    )  # fmt: skip


def _change(logs: pd.Series, middle: str) -> NDArray[np.float64]:
    """[T] from the `AROUND` volumes up to each to those after it."""
    before = getattr(logs.rolling(AROUND), middle)()
    after = before.shift(-AROUND)
    change: NDArray[np.float64] = np.abs((after - before).to_numpy(np.float64))
    return np.nan_to_num(change)
