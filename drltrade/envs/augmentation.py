"""More bars to train on: paths made of the train period's bars alone.

A path has the times of the train period, so that features of the calendar have values; nothing else
of it is where it was. Validation and test stay as they are, and so does the scaler, which is fitted
on the real train bars.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from drltrade.errors import ConfigError
from drltrade.market.synthetic.blocks import stationary_rows
from drltrade.market.synthetic.paths import priced
from drltrade.market.synthetic.process import Drawn
from drltrade.market.synthetic.resampled import relative_bars, usual_block
from drltrade.settings import Settings

SLACK = 0.01
"""Of a path's bars: as few more than there is room for begin no other path."""

Frames = Mapping[str, pd.DataFrame]


class Augment(Settings):
    """The table `augment` of a preset with real prices."""

    bootstrap: float = Field(
        0.0, ge=0, lt=1,
        description="share of the bars trained on that are real ones in blocks of random length",
    )  # fmt: skip
    block: float | None = Field(
        None, ge=1, description="mean bars of a block; None: by Politis and White 2004"
    )
    seed: int = Field(0, ge=0, description="of the paths; other seeds, other paths")

    @property
    def paths_per_bar(self) -> float:
        """Bars of paths for each real one."""
        return self.bootstrap / (1.0 - self.bootstrap)


def bootstrapped(
    augment: Augment, frames: Frames, *, real: int, lost: int, number: int, where: str
) -> list[dict[str, pd.DataFrame]]:
    """Paths whose usable bars are together the share that `augment` asks for.

    Args:
        augment: what is asked for.
        frames: the train period's bars of one asset, or of all of a portfolio. A bar of each is
            drawn at a time, so that they stay together.
        real: train bars at which a decision can be made.
        lost: bars at the beginning of a path at which none can be.
        number: of these assets, where several are trained on in turn; each has its own draws.
        where: the assets and their period, for errors.

    Returns:
        Of each path the bars of each asset, all at the same times.

    Raises:
        ConfigError: the train period has too few bars in which all assets were traded.
    """
    if augment.bootstrap == 0.0:
        return []
    times = _common(frames)
    longest = len(times) - 1  # the first has no close before it
    if longest - lost < 2:
        raise ConfigError(
            f"augment: {where} holds {len(times)} bars that all of {', '.join(frames)} have; "
            f"features and window take {lost + 1} of a path and two more are needed: take a "
            "longer train period"
        )
    wanted = max(2, round(augment.paths_per_bar * real))
    paths = max(1, math.ceil(wanted / (longest - lost) - SLACK))
    length = min(longest, math.ceil(wanted / paths) + lost)
    bars = {name: relative_bars(frame.loc[times], where) for name, frame in frames.items()}
    block = augment.block or usual_block(*bars.values())
    made = []
    for path in range(paths):
        rng = np.random.default_rng(np.random.SeedSequence((augment.seed, number, path)))
        rows = stationary_rows(rng, longest, length, block)
        made.append(
            {
                name: _frame(bars[name].taken(rows), frame.loc[times], length)
                for name, frame in frames.items()
            }
        )
    return made


def _common(frames: Frames) -> pd.DatetimeIndex:
    """The times at which all assets have a bar that was traded on."""
    times: pd.DatetimeIndex | None = None
    for frame in frames.values():
        traded = pd.DatetimeIndex(frame.index[frame["close"].notna()])
        times = traded if times is None else times.intersection(traded)
    assert times is not None
    return times


def _frame(drawn: Drawn, real: pd.DataFrame, length: int) -> pd.DataFrame:
    """Bars from the first real close on, in which as much money is traded as in the real ones."""
    usual = float((real["volume"] * real["open"]).mean())
    columns = priced(drawn, float(real["close"].iloc[0]), usual)
    return pd.DataFrame(columns, real.index[1 : length + 1])
