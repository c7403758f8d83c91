"""How a feature is declared: "rsi(14)", "rsi(14)@1w", "vix.zscore(60)", "rank(log_return(21))"."""

import re
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from drltrade import functions
from drltrade.data.frequencies import parse_frequency
from drltrade.errors import ConfigError, listed, suggestion
from drltrade.features.cross_section import CROSS_SECTIONAL, CrossSectional
from drltrade.features.kinds import FEATURES, FeatureKind, Number, Parameter
from drltrade.features.kinds.kind import Another, Kind, SeriesName
from drltrade.features.own import OWN, OwnFunction
from drltrade.features.regimes import FITTED
from drltrade.functions import in_file

KINDS: Mapping[str, Kind] = ChainMap[str, Any](CROSS_SECTIONAL, FITTED, FEATURES)
"""All that can be declared, by name."""

Value: TypeAlias = "Number | str | Feature"
Declared: TypeAlias = str | OwnFunction
"""As a preset declares it; in Python also a function of the user's own itself."""

_TOKEN = re.compile(r"\s*([\w.+-]+|[(),@])", re.ASCII)
DEEPEST = 5
"""Parentheses in a declaration."""


@dataclass(frozen=True)
class Feature:
    """One declared feature, with every parameter filled in."""

    name: str
    values: tuple[Value, ...]
    frequency: str | None = None
    """Of the bars that it is computed on; None: those that are traded on."""
    series: str | None = None
    """The exogenous series that it is computed on; None: the instrument itself."""
    own: Declared | None = None
    """A function of the user's, "file.py:function" or itself, in place of a kind that comes with
    drltrade; see `own`."""

    def __str__(self) -> str:
        if self.own is not None:
            return f"{self.name}{self._at}"
        inside = ", ".join(f"{v:g}" if isinstance(v, int | float) else str(v) for v in self.values)
        return f"{self._of}{self.name}({inside}){self._at}"

    @property
    def _at(self) -> str:
        return f"@{self.frequency}" if self.frequency else ""

    @property
    def _of(self) -> str:
        return f"{self.series}." if self.series else ""

    @property
    def kind(self) -> Kind:
        """What its name stands for."""
        return KINDS[self.name] if self.own is None else OWN

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: "rsi(14)", "rsi(14)@1w", or "weekday_sin", "weekday_cos".

        Of a function of the user's own they are known once it is computed: see `track.Track`.
        """
        label = str(self) if self.values else self._of + self.name + self._at
        return tuple(f"{label}_{part}" for part in self.kind.columns) or (label,)

    @property
    def warm_up(self) -> int:
        """Bars, of its own frequency or series, before the first value."""
        return self.kind.warm_up(*self.values)

    def parts(self) -> Iterator["Feature"]:
        """Itself, and the features among its parameters."""
        yield self
        for value in self.values:
            if isinstance(value, Feature):
                yield from value.parts()

    @property
    def series_named(self) -> tuple[str, ...]:
        """The exogenous series that it needs."""
        named = [part.series for part in self.parts() if part.series is not None]
        return (*named, *(v for part in self.parts() for v in part.values if isinstance(v, str)))

    def check_series(self, there: Collection[str]) -> None:
        """Raises ConfigError where a series that it needs is not one of those."""
        for name in self.series_named:
            if name not in there:
                raise ConfigError(
                    f"feature {str(self)!r} names the exogenous series {name!r}; there are "
                    f"{', '.join(there) or 'none: set exogenous.' + name}"
                )


def available_features() -> dict[str, str]:
    """Each feature as one declares it with its defaults, and what it is and takes."""
    lines = {}
    for name, kind in KINDS.items():
        defaults = [parameter.default for parameter in kind.parameters]
        takes = "; ".join(str(parameter) for parameter in kind.parameters)
        of_series = isinstance(kind, FeatureKind) and kind.of_series
        prefix = "series." if of_series else ""
        declared = f"{prefix}{name}({', '.join(map(_shown, defaults))})"
        lines[declared] = f"{kind.description} ({takes})" if takes else kind.description
    return lines


def _shown(default: Number | str) -> str:
    return default if isinstance(default, str) else f"{default:g}"


def parse_feature(text: Declared) -> Feature:
    """Read one declaration: "rsi(14)", or "rsi(14)@1w" on bars of a lower frequency.

    Parameters left out from the right take their defaults. A function of the user's own,
    "features.py:momentum", is not loaded here.

    Raises:
        ConfigError: names the text, what is wrong with it, and what is allowed.
    """
    if callable(text):
        return Feature(getattr(text, "__name__", type(text).__name__), (), own=text)
    if not isinstance(text, str):
        raise ConfigError(f"feature {text!r} is no text: write 'rsi(14)'")
    if ":" in text:
        return _own(text)
    try:
        return _resolved(_parsed(text))
    except _Wrong as error:
        raise ConfigError(f"feature {text!r}{error}") from None


def _own(text: str) -> Feature:
    """A function in a file, on the bars traded on or of a lower frequency."""
    source, at, frequency = text.partition("@")
    found = in_file(source)
    if found is None:
        raise ConfigError(
            f"feature {text!r}: write a function of your own as 'path/to/file.py:function', or "
            "'file.py:function@1w' on weeks; it takes the bars and nothing else"
        )
    if at:
        try:
            parse_frequency(frequency.strip())
        except ConfigError as error:
            raise ConfigError(f"feature {text!r}: {error}") from None
    return Feature(found.label, (), frequency.strip() if at else None, own=source.strip())


def with_full_path(declared: str) -> str:
    """The same declaration wherever the process stands: a file of the user's by its full path."""
    source, at, frequency = declared.partition("@")
    return functions.with_full_path(source) + at + frequency


class _Wrong(Exception):
    """What is wrong with a declaration, as the text behind its name."""


class _Call(NamedTuple):
    """A name with what stands in its parentheses, not understood yet."""

    name: str
    inside: "list[str | _Call]"
    frequency: str | None


def _parsed(text: str) -> _Call:
    if text.count("(") > DEEPEST:
        raise _Wrong(_HOW)
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _Wrong(_HOW)
        tokens.append(match[1])
        place = match.end()
    call, end = _call(tokens, 0)
    if end < len(tokens):
        raise _Wrong(_HOW)
    return call


_HOW = ": write it as a name and its numbers, such as 'rsi(14)', or 'rsi(14)@1w' on weeks"


def _call(tokens: list[str], place: int) -> tuple[_Call, int]:
    """The call that begins at a place, and where it ends."""
    if place >= len(tokens) or not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)?", tokens[place]):
        raise _Wrong(_HOW)
    name, place = tokens[place], place + 1
    inside: list[str | _Call] = []
    if tokens[place : place + 1] == ["("]:
        place += 1
        while tokens[place : place + 1] != [")"]:
            part, place = _argument(tokens, place)
            inside.append(part)
            if tokens[place : place + 1] == [","]:
                place += 1
                if tokens[place : place + 1] == [")"]:
                    inside.append("")
            elif tokens[place : place + 1] != [")"]:
                raise _Wrong(_HOW)
        place += 1
    frequency = None
    if tokens[place : place + 1] == ["@"]:
        if place + 1 >= len(tokens) or not re.fullmatch(r"\w+", tokens[place + 1]):
            raise _Wrong(_HOW)
        frequency, place = tokens[place + 1], place + 2
    return _Call(name, inside, frequency), place


def _argument(tokens: list[str], place: int) -> tuple["str | _Call", int]:
    if place < len(tokens) and tokens[place] == ",":
        return "", place
    if tokens[place + 1 : place + 2] in (["("], ["@"]):
        return _call(tokens, place)
    if place >= len(tokens) or tokens[place] in "()@":
        raise _Wrong(_HOW)
    return tokens[place], place + 1


def _resolved(call: _Call) -> Feature:
    series, _, name = call.name.rpartition(".")
    if name not in KINDS:
        hint = suggestion(name, KINDS)
        raise _Wrong(
            f" is unknown{hint} (available: {listed(sorted(KINDS), name)}; see "
            "`drltrade envs features`)"
        )
    kind, given = KINDS[name], call.inside
    allowed = "; ".join(str(parameter) for parameter in kind.parameters) or "no parameters"
    if len(given) > len(kind.parameters):
        raise _Wrong(f": {len(given)} parameters; {name} takes {allowed}")
    values = tuple(
        _value(part, parameter) for part, parameter in zip(given, kind.parameters, strict=False)
    ) + tuple(_default(parameter) for parameter in kind.parameters[len(given) :])
    wrong = kind.rule(*values)
    if wrong:
        raise _Wrong(f": {wrong}")
    if call.frequency is not None:
        try:
            parse_frequency(call.frequency)
        except ConfigError as error:
            raise _Wrong(f": {error}") from None
    if isinstance(kind, CrossSectional) and (series or call.frequency):
        raise _Wrong(f": {name} compares instruments with each other; it takes no series or @")
    if isinstance(kind, FeatureKind) and kind.of_series and not series:
        raise _Wrong(f": {name} is of exogenous series alone: write NAME.{name}(...)")
    if series and call.frequency:
        raise _Wrong(": a series has a frequency of its own; leave @ out")
    return Feature(name, values, call.frequency, series or None)


def _default(parameter: Parameter | SeriesName | Another) -> Value:
    if isinstance(parameter, SeriesName):
        raise _Wrong(f": {parameter.name} is missing; it is {parameter}")
    if isinstance(parameter, Another):
        return parse_feature(parameter.default)
    return parameter.default


def _value(part: "str | _Call", parameter: Parameter | SeriesName | Another) -> Value:
    if isinstance(parameter, Another):
        inner = _resolved(part if isinstance(part, _Call) else _Call(part, [], None))
        if any(isinstance(each.kind, CrossSectional) for each in inner.parts()):
            raise _Wrong(f": {inner.name} compares instruments already")
        if len(inner.columns) > 1:
            raise _Wrong(f": {inner.name} has {len(inner.columns)} columns; one can be compared")
        return inner
    if isinstance(part, _Call):
        raise _Wrong(f": {parameter.name} = {part.name!r}; allowed is {parameter}")
    if isinstance(parameter, SeriesName):
        if not re.fullmatch(r"[A-Za-z_]\w*", part):
            raise _Wrong(f": {parameter.name} = {part!r}; allowed is {parameter}")
        return part
    try:
        value = int(part) if parameter.whole else float(part)
        if "_" in part:
            value = float("nan")
    except ValueError:
        value = float("nan")
    if not parameter.minimum <= value <= parameter.maximum or abs(value) == float("inf"):
        raise _Wrong(f": {parameter.name} = {part!r}; allowed is {parameter}")
    return value


def parse_features(declared: Sequence[Declared]) -> tuple[Feature, ...]:
    """Read a list of declarations.

    Raises:
        ConfigError: the list is empty, or has the same feature twice, or a bad declaration.
    """
    if isinstance(declared, str) or not declared:
        raise ConfigError(f"features = {declared!r}: declare a list of at least one, ['rsi(14)']")
    seen: dict[str, Declared] = {}
    features = []
    for text in declared:
        feature = parse_feature(text)
        name = str(feature)  # of which its columns are made
        if name in seen:
            raise ConfigError(f"feature {text!r} is declared twice (first as {seen[name]!r})")
        seen[name] = text
        features.append(feature)
    return tuple(features)
