"""What a feature is: a name, parameters, and a computation over the bars of one instrument."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from drltrade.data.labels import dates_of
from drltrade.errors import DataError
from drltrade.features.arrays import Floats
from drltrade.features.memory import Memory

Number: TypeAlias = int | float

LONGEST = 1_000_000
"""Bars of the longest window."""


@dataclass(frozen=True)
class Parameter:
    """A number in the parentheses of a declared feature."""

    name: str
    default: Number
    minimum: Number
    whole: bool = True
    maximum: Number = float("inf")

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        bounds = f">= {self.minimum}"
        if self.maximum < LONGEST:
            bounds = f"from {self.minimum} to {self.maximum}"
        return f"{self.name}: {kind} {bounds}, default {self.default}"


@dataclass(frozen=True)
class SeriesName:
    """The name of an exogenous series in the parentheses of a declared feature."""

    name: str = "series"
    default: str = "series"

    def __str__(self) -> str:
        return f"{self.name}: the name of an exogenous series"


@dataclass(frozen=True)
class Another:
    """A feature in the parentheses of another."""

    name: str
    default: str

    def __str__(self) -> str:
        return f"{self.name}: a feature, default {self.default}"


class History:
    """Bars [T] of one instrument, and what is remembered of those before them.

    Attributes:
        memory: of the bars before.
        companion: name of an exogenous series -> its close [T] that was known at each bar.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        memory: Memory,
        companion: Callable[[str], Floats] = lambda name: np.empty(0),
    ) -> None:
        self._frame = frame
        self.memory = memory
        self.companion = companion

    def column(self, name: str) -> Floats:
        """float64 [T]. Raises DataError where the bars have no such column."""
        if name not in self._frame:
            raise DataError(f"features: bars lack the column {name}")
        return self._frame[name].to_numpy(np.float64)

    @cached_property
    def open(self) -> Floats:
        """[T]"""
        return self.column("open")

    @cached_property
    def high(self) -> Floats:
        """[T]"""
        return self.column("high")

    @cached_property
    def low(self) -> Floats:
        """[T]"""
        return self.column("low")

    @cached_property
    def close(self) -> Floats:
        """[T]"""
        return self.column("close")

    @cached_property
    def volume(self) -> Floats:
        """[T]"""
        return self.column("volume")

    @property
    def signals(self) -> list[str]:
        """Names of the columns that speak of the next return, in a synthetic market."""
        return [str(name) for name in self._frame if str(name).startswith("signal_")]

    @property
    def times(self) -> pd.DatetimeIndex:
        """[T] Raises DataError where bars have no times."""
        if not isinstance(self._frame.index, pd.DatetimeIndex):
            raise DataError(f"features: bars are indexed by {self._frame.index.dtype}, not by time")
        return self._frame.index

    @property
    def dates(self) -> pd.DatetimeIndex:
        """[T] the day that each bar belongs to: within the day, one that ends at midnight belongs
        to the day that ends there.

        That labels are of bars within the day shows in the first that is no midnight. Of a single
        one, at midnight, nothing is known yet, and it is taken for a date.
        """
        times = self.times
        within = self.memory.state(1)
        if not times.is_normalized:
            within[0] = 1.0
        return dates_of(times, daily=within[0] == 0.0)


Compute: TypeAlias = Callable[..., Floats | tuple[Floats, ...]]


@dataclass(frozen=True)
class Kind:
    """What a feature's name stands for.

    Attributes:
        compute: what computes it; each kind of kind says of what.
        warm_up: (*parameters) -> bars before the first value.
        columns: suffixes of the columns where there are several, such as ("sin", "cos").
        rule: (*parameters) -> what is wrong with them together, or None.
    """

    description: str
    parameters: tuple[Parameter | SeriesName | Another, ...]
    compute: Callable[..., Any]
    warm_up: Callable[..., int]
    columns: tuple[str, ...] = ()
    rule: Callable[..., str | None] = lambda *_: None


@dataclass(frozen=True)
class FeatureKind(Kind):
    """Of one instrument: compute(History, *parameters) -> an array [T] for each column, NaN while
    it warms up.

    Attributes:
        of_series: whether it is of exogenous series alone, for a price has units.
    """

    of_series: bool = False

    def on(self, history: History, *values: Any) -> tuple[Floats, ...]:
        """Its columns on these bars."""
        computed = self.compute(history, *values)
        return computed if isinstance(computed, tuple) else (computed,)


FEATURES: dict[str, FeatureKind] = {}
"""Every feature of one instrument, by the name that a preset declares it with."""


def feature(
    description: str,
    *parameters: Parameter | SeriesName,
    warm_up: Callable[..., int],
    columns: tuple[str, ...] = (),
    rule: Callable[..., str | None] = lambda *_: None,
    of_series: bool = False,
) -> Callable[[Compute], Compute]:
    """Make a feature of a function, under the function's name; see `FeatureKind`."""

    def register(compute: Compute) -> Compute:
        FEATURES[compute.__name__] = FeatureKind(
            description, parameters, compute, warm_up, columns, rule, of_series
        )
        return compute

    return register


def bars(default: int, minimum: int = 2, name: str = "n") -> Parameter:
    """A parameter that counts bars."""
    return Parameter(name, default, minimum, maximum=LONGEST)


def number(name: str, default: float, minimum: float, maximum: float = float("inf")) -> Parameter:
    """Any number."""
    return Parameter(name, default, minimum, whole=False, maximum=maximum)


def ascending(*names: str) -> Callable[..., str | None]:
    """A rule: of the first parameters, so called, each is below the next."""

    def rule(*values: Number) -> str | None:
        for i in range(len(names) - 1):
            if values[i] >= values[i + 1]:
                return f"{names[i]} = {values[i]} must be below {names[i + 1]} = {values[i + 1]}"
        return None

    return rule
