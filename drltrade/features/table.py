"""A declared list of features, such as ["log_return(1)", "rsi(14)"], made into a table."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.bars import COLUMNS
from drltrade.errors import ConfigError, DataError
from drltrade.features.arrays import Floats
from drltrade.features.audit import Leak
from drltrade.features.cross_section import CrossSectional, Grid, Panel
from drltrade.features.declarations import Declared, Feature, parse_features
from drltrade.features.kinds import History
from drltrade.features.memory import Memory
from drltrade.features.own import check_causal, own_leaks
from drltrade.features.regimes import FittedKind, Learned
from drltrade.features.track import Context, Track

Members = Callable[[str, pd.DatetimeIndex], NDArray[np.bool_]]
"""(symbol, times [T]) -> [T] whether it belongs to the universe."""


def feature_table(
    frame: pd.DataFrame, declared: Sequence[Declared], context: Context | None = None
) -> pd.DataFrame:
    """Compute declared features of one symbol's bars.

    Args:
        frame: bars [T], columns open, high, low, close, volume, in upper or lower case, indexed by
            bar time.
        declared: such as ["log_return(1)", "rsi(14)", "weekday()", "rsi(14)@1w"]; also functions
            of your own, "file.py:function" or themselves (see `features.own`).
        context: exogenous series, and what was learned from a train period.

    Returns:
        float64 table [T - warm-up, F], dimensionless; its first row is the first bar on which every
        feature has its value. Row t depends on bars up to t alone.

    Raises:
        ConfigError: the list is wrong, or has a feature that compares instruments.
        DataError: too few bars, a column is missing, or a feature is not finite after its warm-up.
    """
    return _assembled(_named(frame), parse_features(declared), context or Context(), {})


def feature_tables(
    frames: Mapping[str, pd.DataFrame],
    declared: Sequence[Declared],
    context: Context | None = None,
    members: Members | None = None,
    of: Sequence[str] | None = None,
) -> dict[str, pd.DataFrame]:
    """Compute declared features of several symbols, which may be compared with each other.

    Args:
        frames: bars by symbol.
        declared: such as ["log_return(1)", "rank(log_return(21))"].
        context: as of `feature_table`.
        members: who counts in a comparison; None: all that have a bar.
        of: the symbols whose tables are wanted, where the others are there to be compared with.

    Returns:
        A table for each of them, as of `feature_table`.

    Raises:
        ConfigError, DataError: as `feature_table`; names the symbol.
    """
    features, context = parse_features(declared), context or Context()
    frames = {symbol: _named(frame) for symbol, frame in frames.items()}
    compared = [each for each in features if isinstance(each.kind, CrossSectional)]
    grids: dict[Feature, Grid] = {}
    panel = None
    if compared:
        if len(frames) < 2:
            raise ConfigError(
                f"feature {compared[0]} compares instruments, and there is {len(frames)}; the data "
                "must hold at least two"
            )
        panel = _panel(frames, members, context)
        grids = {each: _grid(each, panel) for each in compared}
    tables = {}
    for number, (symbol, frame) in enumerate(frames.items()):
        if of is not None and symbol not in of:
            continue
        own = {}
        if panel is not None:
            rows = panel.times.get_indexer(pd.DatetimeIndex(frame.index))
            own = {each: grid[rows, number] for each, grid in grids.items()}
        try:
            tables[symbol] = _assembled(frame, features, context, own)
        except DataError as error:
            raise DataError(f"{symbol}: {error}") from None
    return tables


def check_features(declared: Sequence[Declared], context: Context, frame: pd.DataFrame) -> None:
    """Refuse functions of the user's own that know the future of these bars.

    Raises:
        ConfigError, DataError: see `own.check_causal`.
    """
    for feature in parse_features(declared):
        if feature.own is not None:
            bars = Track(feature, context).source(frame).frame
            check_causal(str(feature), context.function(feature.own), bars)


def leaks_of_own(
    declared: Sequence[Declared], context: Context, frame: pd.DataFrame, cuts: int
) -> list[Leak]:
    """What functions of the user's own know of the future of these bars."""
    found = []
    for feature in parse_features(declared):
        if feature.own is not None:
            bars = Track(feature, context).source(frame).frame
            found += own_leaks(str(feature), context.function(feature.own), bars, cuts)
    return found


def learn_features(
    frames: Mapping[str, pd.DataFrame],
    declared: Sequence[Declared],
    context: Context,
    end: pd.Timestamp,
) -> dict[str, Learned]:
    """What features with parameters of their own learn from the bars known before `end`.

    Raises:
        DataError: there are too few bars.
    """
    learned = {}
    for feature in (part for each in parse_features(declared) for part in each.parts()):
        if isinstance(feature.kind, FittedKind):
            histories = []
            for frame in frames.values():
                source = Track(feature, context).source(frame)
                known = source.frame[np.asarray(source.complete < end)]
                if len(known) > 1:
                    histories.append(History(known, Memory()))
                if feature.series is not None:
                    break  # the same beside every instrument
            learned[str(feature)] = feature.kind.fit(histories)
    return learned


class FeatureStream:
    """The features of one instrument, as its bars come.

        stream = FeatureStream(["rsi(14)", "log_return(1)@1w"])
        stream.update(bars_so_far)
        stream.update(newest_bar)  # the next row of `feature_table`, bit for bit

    Each step takes as long as its own bars, whatever came before.
    """

    def __init__(self, declared: Sequence[Declared], context: Context | None = None) -> None:
        """See `feature_table`; also for the errors."""
        self._tracks = [Track(each, context or Context()) for each in parse_features(declared)]
        self._last: pd.Timestamp | None = None
        self._failed = False

    def update(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Features [T, F] of the bars that follow; NaN where one is not warm yet.

        Raises:
            DataError: a bar is not after those before it; or it lacks a column, and then some
                features have taken it in and others not, so that a new stream has to be begun.
        """
        if self._failed:
            raise DataError("features: an update of this stream has failed; begin a new one")
        frame = _named(frame)
        times = pd.DatetimeIndex(frame.index)
        if len(times) == 0:
            raise DataError("features: there is no bar to take in")
        if not times.is_monotonic_increasing or times.has_duplicates or (
            self._last is not None and times[0] <= self._last
        ):  # fmt: skip
            raise DataError(f"features: bars must follow those before them, after {self._last}")
        columns: dict[str, Floats] = {}
        self._failed = True
        for track in self._tracks:
            values, warm = track.step(frame)
            columns |= {
                name: np.where(warm, column, np.nan)
                for name, column in zip(track.columns, values, strict=True)
            }
        self._last, self._failed = times[-1], False
        return pd.DataFrame(columns, times)


def _assembled(
    frame: pd.DataFrame, features: tuple[Feature, ...], context: Context,
    compared: Mapping[Feature, Floats],
) -> pd.DataFrame:  # fmt: skip
    """The table of one instrument, from the first row that has every feature on."""
    _check_order(frame)
    arrays: dict[str, Floats] = {}
    names: tuple[str, ...]
    values: tuple[Floats, ...]
    begin = 0
    for feature in features:
        if feature in compared:
            names, values = feature.columns, (compared[feature],)
            warm = (~np.isnan(values[0])).cumsum() > 0
        else:
            track = Track(feature, context)
            values, warm = track.step(frame)
            names = track.columns
        if not warm.any():
            raise DataError(f"features: {len(frame)} bars, but {_needed(feature)}")
        begin = max(begin, int(np.argmax(warm)))
        if twice := arrays.keys() & names:
            raise ConfigError(f"features: {feature} makes the column {min(twice)!r} once more")
        arrays.update(zip(names, values, strict=True))
    table = pd.DataFrame(arrays, index=frame.index).iloc[begin:]
    wrong = ~np.isfinite(table.to_numpy())
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        value = float(table.to_numpy()[row, column])
        raise DataError(f"features: {table.columns[column]} = {value} at {table.index[row]}")
    return table


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The same bars, their columns called as features know them: "Close" is close."""
    names = {
        name: name.lower()
        for name in frame.columns
        if isinstance(name, str) and name.lower() in COLUMNS and name.lower() not in frame
    }
    if len(set(names.values())) < len(names):
        raise DataError(f"features: of the columns {', '.join(names)} two are the same")
    return frame.rename(columns=names) if names else frame


def _check_order(frame: pd.DataFrame) -> None:
    if not frame.index.is_monotonic_increasing or frame.index.has_duplicates:
        raise DataError("features: bars must be in the order of their times, each once")


def _needed(feature: Feature) -> str:
    if feature.own is not None:
        return f"{feature} has no value at any of them"
    at = f"{feature.warm_up + 1}"
    if feature.frequency is not None:
        at += f" of {feature.frequency}"
    if feature.series is not None:
        at += f" of the series {feature.series}"
    return f"{feature} has its first value at bar {at}: at least that many are needed"


def _panel(frames: Mapping[str, pd.DataFrame], members: Members | None, context: Context) -> Panel:
    times = pd.DatetimeIndex(sorted(set().union(*(frame.index for frame in frames.values()))))
    close = np.full((len(times), len(frames)), np.nan)
    counted = np.zeros(close.shape, np.bool_)
    for number, (symbol, frame) in enumerate(frames.items()):
        rows = times.get_indexer(pd.DatetimeIndex(frame.index))
        close[rows, number] = frame["close"].to_numpy(np.float64)
        counted[rows, number] = True
        if members is not None:
            counted[:, number] &= members(symbol, times)

    def of(feature: Feature) -> Grid:
        grid = np.full(close.shape, np.nan)
        for number, frame in enumerate(frames.values()):
            (values, *_), warm = Track(feature, context).step(frame)
            rows = times.get_indexer(pd.DatetimeIndex(frame.index))
            grid[rows, number] = np.where(warm, values, np.nan)
        return grid

    return Panel(times, close, counted, of)


def _grid(feature: Feature, panel: Panel) -> Grid:
    """[T, N] of a feature that compares."""
    assert isinstance(feature.kind, CrossSectional)
    values = feature.kind.compute(panel, *feature.values)
    return values if values.ndim == 2 else np.repeat(values[:, None], panel.close.shape[1], axis=1)
