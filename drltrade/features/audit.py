"""Does a feature know the future? Change the future, and see whether the past changes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.errors import ConfigError, DataError

Build: TypeAlias = Callable[[pd.DataFrame], "pd.DataFrame | pd.Series[float]"]

_PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True)
class Leak:
    """One feature that changed at or before a bar when only later bars did.

    Attributes:
        feature: the column; "(row)" where a whole row appeared or vanished.
        time: the first bar found at which it changed.
        amount: the largest absolute change found at any bar; infinite where all that was found is
            that values, rows or columns appeared or vanished.
        how: what was done to the future at that first bar.
    """

    feature: str
    time: pd.Timestamp
    amount: float
    how: str

    def __str__(self) -> str:
        return f"{self.feature} at {self.time} changes by up to {self.amount:.6g} when {self.how}"


def audit(
    build: Build,
    frame: pd.DataFrame,
    cuts: int | Sequence[int] = 64,
    rng: np.random.Generator | None = None,
    atol: float = 0.0,
) -> list[Leak]:
    """Look for features that depend on bars after their own.

    At several bars t it takes the bars after t away, and then gives them random other values;
    rebuilds the features; and compares every row up to t with the original, bit for bit. It finds a
    dependence on the future wherever it reaches across one of the cuts; the first bar at which each
    feature has a value is always one of them.

        >>> def features(bars):
        ...     return pd.DataFrame({"trend": bars["close"].rolling(5, center=True).mean()})
        >>> print(audit(features, bars)[0])
        trend at 2000-03-03 00:00:00 changes by up to 9.1 when the bars after ... are cut off

    Args:
        build: makes the features [rows, F], or a series of one, from bars; rows carry the times of
            their bars, and the first ones may be missing (warm-up). It is called on copies.
        frame: bars [T], indexed by ascending time; columns open, high, low, close, volume keep
            their order of size when they are changed, other numeric columns change freely.
        cuts: how many bars t to try, or their positions in `frame`.
        rng: for the places of the cuts and the changes (default: always the same).
        atol: largest absolute change that is not reported.

    Returns:
        One leak per feature that has any, the earliest first; empty where there is none.

    Raises:
        ConfigError: `build` gives two results for the same bars, or rows that are not bars, or a
            cut is not a bar before the last.
        DataError: there are too few bars to cut anything off.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    original = _checked(build(frame.copy()), frame)
    again = _checked(build(frame.copy()), frame)
    if next(_differences(original, again, frame.index[-1], 0.0), None) is not None:
        raise ConfigError("audit: two builds from the same bars differ; make `build` deterministic")

    leaks: dict[str, Leak] = {}
    for cut in _cut_positions(cuts, original, frame, rng):
        time = pd.Timestamp(frame.index[cut])
        futures = (
            (frame.iloc[: cut + 1].copy(), f"the bars after {time} are cut off"),
            (_perturb(frame, cut, rng), f"the bars after {time} are changed"),
        )
        for changed, how in futures:
            rebuilt = _checked(build(changed), frame)
            for feature, first, amount in _differences(original, rebuilt, time, atol):
                leak = Leak(feature, first, amount, how)
                leaks[feature] = _merge(leaks.get(feature, leak), leak)
    return sorted(leaks.values(), key=lambda leak: (leak.time, leak.feature))


def _checked(table: "pd.DataFrame | pd.Series[float]", frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, pd.Series):
        table = table.to_frame("feature" if table.name is None else str(table.name))
    if not isinstance(table, pd.DataFrame):
        raise ConfigError(
            f"audit: `build` returned {type(table).__name__}; a pandas series or frame by the "
            "times of the bars is needed"
        )
    strange = table.index.difference(frame.index)
    if len(strange) or table.index.has_duplicates:
        what = f"a row at {strange[0]}, which is no bar" if len(strange) else "a time twice"
        raise ConfigError(f"audit: `build` returned {what}")
    return table


def _merge(known: Leak, found: Leak) -> Leak:
    finite = [leak.amount for leak in (known, found) if np.isfinite(leak.amount)]
    first = found if found.time < known.time else known
    return replace(first, amount=max(finite, default=float("inf")))


def _cut_positions(
    cuts: int | Sequence[int], table: pd.DataFrame, frame: pd.DataFrame, rng: np.random.Generator
) -> list[int]:
    last = len(frame) - 2
    if not isinstance(cuts, int):
        wrong = [cut for cut in cuts if not 0 <= cut <= last]
        if wrong:
            raise ConfigError(f"audit: cut {wrong[0]} is not between 0 and {last}")
        return sorted(set(cuts))
    if table.empty:
        raise DataError(f"audit: `build` returned no row for {len(frame)} bars")
    valued = table.notna().to_numpy()
    starts = table.index[np.unique(valued.argmax(axis=0))]
    firsts = frame.index.get_indexer(starts)
    first = int(firsts[0])
    if first > last:
        raise DataError(
            f"audit: {len(frame)} bars, but the first features are at bar {first + 1}: more bars "
            "are needed to cut some off"
        )
    drawn = rng.integers(first, last + 1, size=max(cuts - 2, 0))
    return sorted({last, *firsts[firsts <= last].tolist(), *drawn.tolist()})


def _perturb(frame: pd.DataFrame, cut: int, rng: np.random.Generator) -> pd.DataFrame:
    """Multiply every number after `cut` by a random factor; keep high the highest, low the lowest.

    The volume is raised by 1 first, for a zero would stay one.
    """
    changed = frame.copy()
    count = len(frame) - cut - 1
    for name in frame.columns:
        column = frame[name]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            continue
        values = column.to_numpy(np.float64, copy=True)
        later = values[cut + 1 :] + (name == "volume")
        values[cut + 1 :] = later * np.exp(rng.normal(0.0, 0.2, size=count))
        changed[name] = values
    prices = [name for name in _PRICES if name in changed]
    later_prices = changed[prices].to_numpy(np.float64)[cut + 1 :]
    for name, extreme in (("high", later_prices.max), ("low", later_prices.min)):
        if name in prices:
            values = changed[name].to_numpy(np.float64, copy=True)
            values[cut + 1 :] = extreme(axis=1)
            changed[name] = values
    return changed


def _differences(
    original: pd.DataFrame, rebuilt: pd.DataFrame, until: pd.Timestamp, atol: float
) -> Iterator[tuple[str, pd.Timestamp, float]]:
    """(feature, first time, largest amount) of what differs in the rows up to `until`."""
    before, after = original[original.index <= until], rebuilt[rebuilt.index <= until]
    rows = before.index.symmetric_difference(after.index)
    if len(rows):
        yield "(row)", pd.Timestamp(rows.min()), float("inf")
    both = before.index.intersection(after.index)
    if len(both) == 0:
        return
    for name in before.columns.symmetric_difference(after.columns):
        yield str(name), pd.Timestamp(both[0]), float("inf")
    for name in before.columns.intersection(after.columns):
        amounts = _amounts(before.loc[both, name], after.loc[both, name])
        changed = amounts > atol
        if changed.any():
            first = both[int(np.argmax(changed))]
            finite = amounts[changed & np.isfinite(amounts)]
            yield str(name), pd.Timestamp(first), float(finite.max() if finite.size else np.inf)


def _amounts(before: pd.Series, after: pd.Series) -> NDArray[np.float64]:
    """|difference| per row; 0 between two NaN or equal infinities, infinite between NaN and not."""
    x, y = before.to_numpy(np.float64), after.to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        amounts: NDArray[np.float64] = np.abs(x - y)
    amounts[(x == y) | (np.isnan(x) & np.isnan(y))] = 0.0
    amounts[np.isnan(x) != np.isnan(y)] = np.inf
    return amounts
