"""Bars from a process: independent paths, each of a random stream of its own."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from drltrade.market.synthetic.process import Drawn, Floats, Process

Period = Literal["train", "validation", "test"]

BAR_WORTH = 10_000_000.0
"""Money traded in every bar: 100 times an account's usual equity of 100,000. As it is always the
same, linear impact is a quadratic cost that does not change."""

FIRST_PRICE, FIRST_DAY = 100.0, "2000-01-01"

STREAMS: dict[Period, int] = {"train": 0, "validation": 1, "test": 2}


class Path(NamedTuple):
    """Bars that follow one another, and where they belong."""

    period: Period
    name: str
    frame: pd.DataFrame
    """[n] open, high, low, close, volume, signal_1, ... by `time`, one bar a day from 2000-01-01.
    """


def draw_paths(process: Process) -> list[Path]:
    """All bars of a synthetic market: the train paths, then that of validation, then of test.

    There are bars // path_length train paths (at least one), the last with what is left over. Each
    path has the random stream (seed, period, number), so that a longer market begins with the same
    paths as a shorter one.
    """
    count = max(1, process.bars // process.path_length)
    lengths = [process.path_length] * (count - 1)
    lengths.append(process.bars - sum(lengths))
    train = [
        Path("train", f"train {number + 1}", _bars(process, "train", number, length))
        for number, length in enumerate(lengths)
    ]
    return [
        *train,
        Path("validation", "validation", _bars(process, "validation", 0, process.validation_bars)),
        Path("test", "test", _bars(process, "test", 0, process.test_bars)),
    ]


def _bars(process: Process, period: Period, number: int, length: int) -> pd.DataFrame:
    seed = np.random.SeedSequence((process.seed, STREAMS[period], number))
    drawn = process.draw(np.random.default_rng(seed), length)
    columns = priced(drawn, FIRST_PRICE, BAR_WORTH)
    columns |= {f"signal_{k + 1}": drawn.signals[:, k] for k in range(drawn.signals.shape[1])}
    # Seconds, because nanoseconds end in 2262.
    days = np.datetime64(FIRST_DAY, "D") + np.arange(length)
    return pd.DataFrame(columns, pd.DatetimeIndex(days.astype("datetime64[s]"), name="time"))


def priced(drawn: Drawn, before: float, worth: float) -> dict[str, Floats]:
    """Open, high, low, close and volume, each [n], of what a process drew.

    Args:
        drawn: n bars.
        before: the close before the first of them.
        worth: money usually traded in a bar; volume is that over the open.
    """
    growth = np.concatenate((np.ones(1), 1.0 + drawn.returns))
    path: Floats = before * np.cumprod(growth, dtype=np.float64)
    last, close = path[:-1], path[1:]
    if drawn.shape is None:
        high, low = np.maximum(last, close), np.minimum(last, close)
        return {"open": last, "high": high, "low": low, "close": close, "volume": worth / last}
    opened = last * drawn.shape.open
    return {
        "open": opened,
        "high": last * drawn.shape.high,
        "low": last * drawn.shape.low,
        "close": close,
        "volume": worth * drawn.shape.worth / opened,
    }
