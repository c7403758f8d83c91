"""A declared list of features, such as ["log_return(1)", "rsi(14)"], made into a table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drltrade.data.frequencies import parse_frequency
from drltrade.data.resample import resampled
from drltrade.errors import ConfigError, DataError, suggestion
from drltrade.features.indicators import Floats
from drltrade.features.registry import FEATURES, Number, Parameter


@dataclass(frozen=True)
class Feature:
    """One declared feature, with every parameter filled in."""

    name: str
    values: tuple[Number, ...]
    frequency: str | None = None
    """Of the bars that it is computed on; None: those that are traded on."""

    def __str__(self) -> str:
        numbers = ", ".join(f"{value:g}" for value in self.values)
        return f"{self.name}({numbers}){self._at}"

    @property
    def _at(self) -> str:
        return f"@{self.frequency}" if self.frequency else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: "rsi(14)", "rsi(14)@1w", or "weekday_sin", "weekday_cos"."""
        label = str(self) if self.values else self.name + self._at
        return tuple(f"{label}_{part}" for part in FEATURES[self.name].columns) or (label,)

    @property
    def warm_up(self) -> int:
        """Bars, of its own frequency, before the first value."""
        return FEATURES[self.name].warm_up(*self.values)

    def computed(self, frame: pd.DataFrame) -> tuple[tuple[Floats, ...], int]:
        """Its columns [T] on bars [T], and the row of the first value (T: there is none).

        On bars of a lower frequency a value is that of the last one that is complete by bar t.
        """
        if self.frequency is None:
            return self._on(frame), min(self.warm_up, len(frame))
        lower = resampled(frame, self.frequency)
        if len(lower.frame) <= self.warm_up:
            return (), len(frame)
        last = lower.complete.searchsorted(frame.index, "right") - 1
        first = int(np.argmax(last >= self.warm_up))
        columns = (values[np.clip(last, 0, None)] for values in self._on(lower.frame))
        return tuple(np.where(last < 0, np.nan, values) for values in columns), first

    def _on(self, frame: pd.DataFrame) -> tuple[Floats, ...]:
        return FEATURES[self.name].compute(frame, *self.values)


def available_features() -> dict[str, str]:
    """Each feature as one declares it with its defaults, and what it is and takes."""
    lines = {}
    for name, kind in FEATURES.items():
        feature = Feature(name, tuple(parameter.default for parameter in kind.parameters))
        takes = "; ".join(str(parameter) for parameter in kind.parameters)
        lines[str(feature)] = f"{kind.description} ({takes})" if takes else kind.description
    return lines


def parse_feature(text: str) -> Feature:
    """Read one declaration: "rsi(14)", or "rsi(14)@1w" on bars of a lower frequency.

    Parameters left out from the right take their defaults.

    Raises:
        ConfigError: names the text, what is wrong with it, and what is allowed.
    """
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*(?:@\s*(\w+))?\s*", text)
    if match is None:
        raise ConfigError(
            f"feature {text!r}: write it as a name and its numbers, such as 'rsi(14)', or "
            "'rsi(14)@1w' on weeks"
        )
    name, inside = match[1], (match[2] or "").strip()
    if name not in FEATURES:
        hint = suggestion(name, FEATURES)
        raise ConfigError(f"feature {text!r} is unknown{hint} (available: {', '.join(FEATURES)})")
    kind = FEATURES[name]
    given = [part.strip() for part in inside.split(",")] if inside else []
    allowed = "; ".join(str(parameter) for parameter in kind.parameters) or "no parameters"
    if len(given) > len(kind.parameters):
        raise ConfigError(f"feature {text!r}: {len(given)} parameters; {name} takes {allowed}")
    values = tuple(
        _parse_value(part, parameter, text)
        for part, parameter in zip(given, kind.parameters, strict=False)
    ) + tuple(parameter.default for parameter in kind.parameters[len(given) :])
    wrong = kind.rule(*values)
    if wrong:
        raise ConfigError(f"feature {text!r}: {wrong}")
    if match[3] is not None:
        try:
            parse_frequency(match[3])
        except ConfigError as error:
            raise ConfigError(f"feature {text!r}: {error}") from None
    return Feature(name, values, match[3])


def _parse_value(part: str, parameter: Parameter, text: str) -> Number:
    try:
        value = int(part) if parameter.whole else float(part)
    except ValueError:
        value = float("nan")
    if not parameter.minimum <= value < float("inf"):
        raise ConfigError(f"feature {text!r}: {parameter.name} = {part!r}; allowed is {parameter}")
    return value


def parse_features(declared: Sequence[str]) -> tuple[Feature, ...]:
    """Read a list of declarations.

    Raises:
        ConfigError: the list is empty, or has the same feature twice, or a bad declaration.
    """
    if isinstance(declared, str) or not declared:
        raise ConfigError(f"features = {declared!r}: declare a list of at least one, ['rsi(14)']")
    seen: dict[Feature, str] = {}
    for text in declared:
        feature = parse_feature(text)
        if feature in seen:
            raise ConfigError(f"feature {text!r} is declared twice (first as {seen[feature]!r})")
        seen[feature] = text
    return tuple(seen)


def feature_table(frame: pd.DataFrame, declared: Sequence[str]) -> pd.DataFrame:
    """Compute declared features of one symbol's bars.

    Args:
        frame: bars [T], columns open, high, low, close, volume, indexed by bar time.
        declared: such as ["log_return(1)", "rsi(14)", "weekday()", "rsi(14)@1w"].

    Returns:
        float64 table [T - warm-up, F], dimensionless; its first row is the first bar on which every
        feature has its value. Row t depends on bars up to t alone.

    Raises:
        ConfigError: the list is wrong.
        DataError: too few bars, a column is missing, or a feature is not finite after its warm-up.
    """
    features = parse_features(declared)
    missing = [name for name in ("high", "low", "close", "volume") if name not in frame]
    if missing:
        raise DataError(f"features: bars lack the column {', '.join(missing)}")
    arrays: dict[str, Floats] = {}
    begin = 0
    for feature in features:
        computed, first = feature.computed(frame)
        if first >= len(frame):
            at = f"{feature.warm_up + 1} of {feature.frequency}" if feature.frequency else ""
            raise DataError(
                f"features: {len(frame)} bars, but {feature} has its first value at bar "
                f"{at or feature.warm_up + 1}: at least that many are needed"
            )
        begin = max(begin, first)
        arrays.update(zip(feature.columns, computed, strict=True))
    table = pd.DataFrame(arrays, index=frame.index).iloc[begin:]
    wrong = ~np.isfinite(table.to_numpy())
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        value = float(table.to_numpy()[row, column])
        raise DataError(f"features: {table.columns[column]} = {value} at {table.index[row]}")
    return table
