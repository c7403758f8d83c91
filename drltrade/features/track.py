"""One declared feature followed along the bars of one instrument, all at once or a few at a time.

There is one way to compute a feature, and this is it: a table of many bars is the first step of a
track, and a live decision is one step more of the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import median_spacing
from drltrade.data.frequencies import length_of
from drltrade.data.resample import Resampled, resampled
from drltrade.errors import ConfigError, DataError
from drltrade.features.arrays import Floats
from drltrade.features.cross_section import CrossSectional
from drltrade.features.declarations import Declared, Feature
from drltrade.features.exogenous import Joined
from drltrade.features.kinds import FeatureKind, History
from drltrade.features.memory import Memory
from drltrade.features.own import OwnFunction, own_columns
from drltrade.features.regimes import FittedKind, Learned
from drltrade.functions import load_function

_ENOUGH = 10
"""Bars whose median spacing is the market's."""


@dataclass(frozen=True)
class Context:
    """What features need beside bars.

    Attributes:
        exogenous: series by name.
        learned: by declared feature, what was learned from the train period.
        functions: of the user's own, by "file.py:function"; loaded when they are first asked for.
    """

    exogenous: Mapping[str, Joined] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)
    functions: dict[str, OwnFunction] = field(default_factory=dict)

    def function(self, source: Declared) -> OwnFunction:
        """A function of the user's own.

        Raises:
            ConfigError: it cannot be loaded.
        """
        if not isinstance(source, str):
            return source
        if source not in self.functions:
            self.functions[source] = load_function(source, "feature")
        return self.functions[source]


class Track:
    """Where the computation of a feature stands."""

    def __init__(self, feature: Feature, context: Context) -> None:
        kind = feature.kind
        if isinstance(kind, CrossSectional):
            raise ConfigError(
                f"feature {feature} compares instruments; it needs several at once: feature_tables"
            )
        feature.check_series(context.exogenous)
        self.feature, self.context, self._kind = feature, context, kind
        self._memory, self._known = Memory(), 0
        self.columns: tuple[str, ...] = feature.columns
        """Their names; of a function of the user's own once the first step is made."""
        self._last = tuple(np.full(1, np.nan) for _ in feature.columns)
        self._seen: pd.DataFrame | None = None
        self._parts: pd.DataFrame | None = None

    def step(self, frame: pd.DataFrame) -> tuple[tuple[Floats, ...], NDArray[np.bool_]]:
        """Columns [T] on the bars [T] that follow those of the step before, and [T] whether they
        are warm: whether its own bars up to there are more than its warm-up."""
        times = pd.DatetimeIndex(frame.index)
        if self.feature.series is not None:
            return self._exogenous(times)
        if self.feature.frequency is not None:
            return self._lower(frame, times)
        columns = self.values(frame, lambda: times)
        known = self._known + np.arange(1, len(frame) + 1)
        self._known += len(frame)
        warm = known > self.feature.warm_up
        if self.feature.series_named or self.feature.own is not None:
            warm = warm & _begun(columns)
        return columns, warm

    def values(
        self, frame: pd.DataFrame, moments: Callable[[], pd.DatetimeIndex]
    ) -> tuple[Floats, ...]:
        """Columns on bars of its own frequency, each complete at one of `moments`."""
        if self.feature.own is not None:
            return self._own(frame, self.feature.own)
        text = str(self.feature)
        exogenous = self.context.exogenous
        history = History(
            frame, self._memory, lambda name: exogenous[name].close(moments())
        )  # fmt: skip
        self._memory.resume()
        if isinstance(self._kind, FittedKind):
            if text not in self.context.learned:
                raise DataError(f"features: {text} learns from a train period; nothing was learned")
            return self._kind.on(history, self.context.learned[text], *self.feature.values)
        assert isinstance(self._kind, FeatureKind)
        return self._kind.on(history, *self.feature.values)

    def _own(self, frame: pd.DataFrame, source: Declared) -> tuple[Floats, ...]:
        """Columns of a function of the user's, which has no memory and sees all bars so far."""
        seen = frame if self._seen is None else pd.concat([self._seen, frame])
        columns = own_columns(str(self.feature), self.context.function(source), seen)
        if self._seen is not None and tuple(columns) != self.columns:
            raise ConfigError(
                f"feature {self.feature} has the columns {', '.join(columns)} at {len(seen)} bars, "
                f"and had {', '.join(self.columns)} before: they must stay the same"
            )
        self._seen, self.columns = seen, tuple(columns)
        return tuple(values[len(seen) - len(frame) :] for values in columns.values())

    def source(self, frame: pd.DataFrame) -> Resampled:
        """The bars that it is computed on, and when each is complete."""
        if self.feature.series is not None:
            joined = self.context.exogenous[self.feature.series]
            return Resampled(joined.frame, joined.known)
        if self.feature.frequency is not None:
            return resampled(frame, self.feature.frequency)
        return Resampled(frame, pd.DatetimeIndex(frame.index))

    def _exogenous(self, times: pd.DatetimeIndex) -> tuple[tuple[Floats, ...], NDArray[np.bool_]]:
        assert self.feature.series is not None
        joined = self.context.exogenous[self.feature.series]
        if self._known == 0:
            self._last = self.values(joined.frame, lambda: joined.known)
            self._known = len(joined.frame)
        place = joined.places(times)
        return _picked(self._last, place), place >= self.feature.warm_up

    def _lower(
        self, frame: pd.DataFrame, times: pd.DatetimeIndex
    ) -> tuple[tuple[Floats, ...], NDArray[np.bool_]]:
        assert self.feature.frequency is not None
        parts = frame if self._parts is None else pd.concat([self._parts, frame])
        spacing = median_spacing(times)
        if len(times) >= _ENOUGH and spacing > length_of(self.feature.frequency):
            raise ConfigError(
                f"feature {self.feature}: the bars are {spacing} apart, and "
                f"{self.feature.frequency} is shorter"
            )
        bars, complete = self.source(parts)
        computed = self.values(bars, lambda: complete) if len(bars) else ()
        if self._known == 0 and computed:
            self._last = tuple(np.full(1, np.nan) for _ in computed)
        # The last value of the step before stands in front of the new ones.
        values = tuple(
            np.concatenate([last, *([column] if len(bars) else [])])
            for last, column in zip(self._last, computed or self._last, strict=True)
        )
        place = complete.searchsorted(times, "right").astype(np.int64)
        warm = self._known + place > self.feature.warm_up
        picked = _picked(values, place)
        if self.feature.own is not None:
            warm = warm & _begun(picked)
        self._parts = parts
        if len(bars):
            self._known += len(bars)
            self._last = tuple(column[-1:] for column in values)
            self._parts = parts[parts.index > complete[-1]]  # nothing can be added to the others
        return picked, warm


def _begun(columns: tuple[Floats, ...]) -> NDArray[np.bool_]:
    """[T] whether every column has had its first value."""
    return (~np.isnan(np.stack(columns)).any(axis=0)).cumsum().astype(np.bool_)


def _picked(columns: tuple[Floats, ...], place: NDArray[np.int64]) -> tuple[Floats, ...]:
    """The value of each column at each place; NaN where that is below 0."""
    return tuple(np.where(place < 0, np.nan, values[np.clip(place, 0, None)]) for values in columns)
