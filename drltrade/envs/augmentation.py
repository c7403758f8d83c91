"""More bars to train on: paths made of the train period's bars alone.

A path has the times of the train period, so that features of the calendar have values; nothing else
of it is where it was. Validation and test stay as they are, and so does the scaler, which is fitted
on the real train bars.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from drltrade.errors import ConfigError
from drltrade.market.synthetic.blocks import stationary_rows
from drltrade.market.synthetic.generator import load_generator
from drltrade.market.synthetic.paths import priced
from drltrade.market.synthetic.process import Drawn
from drltrade.market.synthetic.resampled import relative_bars, usual_block
from drltrade.settings import Settings

SLACK = 0.01
"""Of a path's bars: as few more than there is room for begin no other path."""

SAME_SPACING = 0.1
"""Share of the bars a year by which those of a generator and the real ones may differ: medians of
other spans of a series within the day do, and no two frequencies are as near."""

Source = Literal["bootstrap", "learned"]
SOURCES: tuple[Source, ...] = ("bootstrap", "learned")

Frames = Mapping[str, pd.DataFrame]
Draw = Callable[[np.random.Generator, int], dict[str, Drawn]]
"""A generator of random numbers and a length -> the bars of each asset."""


class Augment(Settings):
    """The table `augment` of a preset with real prices."""

    bootstrap: float = Field(
        0.0, ge=0, lt=1,
        description="share of the bars trained on that are real ones in blocks of random length",
    )  # fmt: skip
    learned: float = Field(
        0.0, ge=0, lt=1, description="share of them that a generator draws; for one asset"
    )
    generator: str = Field(
        "sp500", description="a name of data/generators, or an npz file of `drltrade data learn`"
    )
    block: float | None = Field(
        None, ge=1, description="mean bars of a block; None: by Politis and White 2004"
    )
    seed: int = Field(0, ge=0, description="of the paths; other seeds, other paths")

    @model_validator(mode="after")
    def _something_real(self) -> "Augment":
        if self.bootstrap + self.learned >= 1.0:
            raise ValueError(
                f"augment.bootstrap = {self.bootstrap:g} and augment.learned = {self.learned:g} "
                "leave no real bars: together they must be below 1"
            )
        return self

    def wanted(self, source: Source, real: int) -> int:
        """Bars of a source beside so many real ones."""
        share: float = getattr(self, source)
        return round(share / (1.0 - self.bootstrap - self.learned) * real)


def augmented_frames(
    augment: Augment,
    frames: Frames,
    *,
    periods_per_year: float,
    real: int,
    lost: int,
    number: int,
    where: str,
) -> list[dict[str, pd.DataFrame]]:
    """Paths whose usable bars are together the shares that `augment` asks for.

    Args:
        augment: what is asked for.
        frames: the train period's bars of one asset, or of all of a portfolio. A bar of each is
            drawn at a time, so that they stay together.
        periods_per_year: of these bars.
        real: train bars at which a decision can be made.
        lost: bars at the beginning of a path at which none can be.
        number: of these assets, where several are trained on in turn; each has its own draws.
        where: the train period, for errors.

    Returns:
        Of each path the bars of each asset, all at the same times.

    Raises:
        ConfigError: the train period has too few bars in which all assets were traded; or the
            generator is of another asset or frequency, or knows bars after the train period.
    """
    times = _common(frames)
    longest = len(times) - 1  # the first has no close before it
    if longest - lost < 2:
        raise ConfigError(
            f"augment: {where} holds {len(times)} bars that all of {', '.join(frames)} have; "
            f"features and window take {lost + 1} of a path and two more are needed: take a "
            "longer train period"
        )
    bars = {name: relative_bars(frame.loc[times], where) for name, frame in frames.items()}
    made = []
    for stream, source in enumerate(SOURCES):
        wanted = augment.wanted(source, real)
        paths = math.ceil(wanted / (longest - lost) - SLACK)
        draw = (
            _bootstrapped(augment, bars, times) if source == "bootstrap"
            else _learned(augment, bars, times, periods_per_year)
        )  # fmt: skip
        for path in range(paths):
            length = min(longest, math.ceil(wanted / paths) + lost)
            seed = np.random.SeedSequence((augment.seed, number, stream, path))
            drawn = draw(np.random.default_rng(seed), length)
            made.append({name: _frame(drawn[name], frames[name].loc[times]) for name in frames})
    return made


def _bootstrapped(augment: Augment, bars: Mapping[str, Drawn], times: pd.DatetimeIndex) -> Draw:
    """The same rows of all assets."""
    block = augment.block or usual_block(*bars.values())

    def draw(rng: np.random.Generator, length: int) -> dict[str, Drawn]:
        rows = stationary_rows(rng, len(times) - 1, length, block)
        return {name: each.taken(rows) for name, each in bars.items()}

    return draw


def _learned(
    augment: Augment, bars: Mapping[str, Drawn], times: pd.DatetimeIndex, periods_per_year: float
) -> Draw:
    """Returns of the generator; open, high, low and volume of the real bar whose return is next."""
    if augment.learned == 0.0:
        return lambda rng, length: {}
    (name,) = bars
    generator = load_generator(augment.generator)
    card, last = generator.card, times[-1].date()
    if card.symbol != name or card.end > last:
        raise ConfigError(
            f"augment.generator = {augment.generator!r} has learned {card.symbol} up to {card.end};"
            f" one of {name} is needed that knows nothing after {last}, the last train bar"
        )
    if not math.isclose(card.periods_per_year, periods_per_year, rel_tol=SAME_SPACING):
        raise ConfigError(
            f"augment.generator = {augment.generator!r} has learned from {card.periods_per_year:g} "
            f"bars a year, and these are {periods_per_year:g} a year: train one on bars of the "
            "same frequency (`drltrade data learn`)"
        )
    real = bars[name]
    order = np.argsort(real.returns)

    def draw(rng: np.random.Generator, length: int) -> dict[str, Drawn]:
        returns = np.expm1(generator.sample(rng, length)[0])
        place = np.searchsorted(real.returns[order], returns)
        like = real.taken(order[np.minimum(place, len(order) - 1)])
        assert like.shape is not None
        high = np.maximum(like.shape.high, 1.0 + returns)
        low = np.minimum(like.shape.low, 1.0 + returns)
        return {name: Drawn(returns, like.signals, like.shape._replace(high=high, low=low))}

    return draw


def _common(frames: Frames) -> pd.DatetimeIndex:
    """The times at which all assets have a bar that was traded on."""
    times: pd.DatetimeIndex | None = None
    for frame in frames.values():
        traded = pd.DatetimeIndex(frame.index[frame["close"].notna()])
        times = traded if times is None else times.intersection(traded)
    assert times is not None
    return times


def _frame(drawn: Drawn, real: pd.DataFrame) -> pd.DataFrame:
    """Bars from the first real close on, in which as much money is traded as in the real ones."""
    usual = float((real["volume"] * real["open"]).mean())
    columns = priced(drawn, float(real["close"].iloc[0]), usual)
    return pd.DataFrame(columns, real.index[1 : len(drawn.returns) + 1])
