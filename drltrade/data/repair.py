"""What is wrong with a series and can be mended, row by row in a log; what cannot is set aside.

Published values are never overwritten: a log lies beside them, is applied when they are read, and
undone by deleting it, or lines of it. A bar that is wrong, while nothing tells how it was, is
quarantined: it is as if it were not there. A portfolio's market has a mask for that, which says
that the asset did not trade; no price is made up. A true move is never touched, however large.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from drltrade.data.bars import PRICES, SLACK
from drltrade.data.dividends import corrected
from drltrade.data.faults import bad_ticks, missing, not_positive, outside_bars
from drltrade.data.filled import filled
from drltrade.data.layout import Adjustment
from drltrade.data.scale import rescaled
from drltrade.errors import DataError

LOG = ("time", "column", "before", "after", "kind", "why")
"""Columns of a log of repairs. Its kinds: scale, dividend, adjustment, quarantine, accepted."""
WHOLE = "*"
"""The column of a log's line that sets a whole bar aside; before is its close."""
ACCEPTED = "!"
"""The column of a line that calls a bar true although the check calls it an error."""
_NOTHING = pd.DataFrame(columns=list(LOG))
_ROUNDING = 0.05
"""How far a rescaled price may lie outside its bar, for it had few digits left."""


def repairs(frame: pd.DataFrame, symbol: str, adjustment: Adjustment) -> pd.DataFrame:
    """The log that mends a series.

    Args:
        frame: as published [T], by ascending labels: open, high, low, close, volume, and perhaps
            "adjusted close", dividend and split.
        symbol: its name, whose suffix tells of exchanges that quote in hundredths.
        adjustment: what the prices are adjusted for.

    Returns:
        A frame with the columns of `LOG`, a line for each value that is to be changed and for each
        bar that is to be set aside; by time.
    """
    lines: list[pd.DataFrame] = []
    mended = frame
    unsure: list[tuple[NDArray[np.bool_], str]] = []
    for each in rescaled(frame, symbol, raw=adjustment == "raw"):
        if each.column == WHOLE:
            unsure.append((each.mask, each.why))
            continue
        values = mended[each.column].to_numpy(np.float64, copy=True)
        values[each.mask] *= each.factor
        mended = mended.assign(**{each.column: values})
        lines.append(_lines(frame, mended, each.column, each.mask, "scale", each.why))
    if lines:
        mended = mended.copy()
        lines += _within_bars(frame, mended)
    for fill in filled(mended, raw=adjustment == "raw") if adjustment != "full" else []:
        mended = mended.assign(**{fill.column: fill.values})
        why = "missing; as the ratio of close and adjusted close tells"
        lines.append(_lines(frame, mended, fill.column, fill.mask, "adjustment", why))
    dividends = None if adjustment == "full" else corrected(mended, raw=adjustment == "raw")
    if dividends is not None:
        for column, kind, values, why in (
            ("dividend", "dividend", dividends.paid,
             "its size is refuted by the adjusted close or the ex-date"),
            ("adjusted close", "adjustment", dividends.adjusted,
             "does not follow from the close and the dividends"),
        ):  # fmt: skip
            changed = ~_same(values, mended[column].to_numpy(np.float64))
            if not changed.any():
                continue
            mended = mended.assign(**{column: values})
            lines.append(_lines(frame, mended, column, changed, kind, why))
    for wrong, why in [*_impossible(mended), *unsure]:
        if not wrong.any():
            continue
        aside = pd.DataFrame({"time": frame.index[wrong], "column": WHOLE})
        close = frame["close"].to_numpy()[wrong]
        lines.append(aside.assign(before=close, after=np.nan, kind="quarantine", why=why))
    if not lines:
        return _NOTHING.copy()
    log = pd.concat(lines)
    # Of a value that was mended twice the last line tells where it has come to.
    log = log.drop_duplicates(["time", "column"], keep="last").sort_values(["time", "column"])
    log = log[(log["column"] == WHOLE) | ~_same(log["before"], log["after"])]
    return log.reset_index(drop=True)[list(LOG)]


def mended(frame: pd.DataFrame, log: pd.DataFrame, where: str) -> pd.DataFrame:
    """A series with its log applied, and without what was set aside.

    Raises:
        DataError: a value is no more the one that was mended: names time and column.
    """
    result = frame.copy()
    for column, lines in log.groupby("column", sort=False):
        rows = frame.index.get_indexer(pd.DatetimeIndex(lines["time"]))
        name = "close" if column in (WHOLE, ACCEPTED) else str(column)
        known = (rows >= 0) & (name in frame)
        if known.all():
            known = _same(frame[name].iloc[rows], lines["before"])
        if not known.all():
            i = int(np.argmin(known))
            raise DataError(
                f"{where}, {lines['time'].iloc[i]}: {name} is not {lines['before'].iloc[i]:.10g} "
                "any more, as when it was repaired; undo the repairs (drltrade data check --undo), "
                "and check again"
            )
        if column in (WHOLE, ACCEPTED):
            continue
        values = result[column].to_numpy(np.float64, copy=True)
        values[rows] = lines["after"].to_numpy(np.float64)
        result[column] = values
    aside = result.index.isin(pd.DatetimeIndex(log.loc[log["column"] == WHOLE, "time"]))
    return _handed_on(result, aside)[~aside]


def _handed_on(frame: pd.DataFrame, aside: NDArray[np.bool_]) -> pd.DataFrame:
    """Splits and dividends of bars set aside, at the next bar that is kept: they are true."""
    kept = np.flatnonzero(~aside)
    rows = np.flatnonzero(aside)
    place = np.searchsorted(kept, rows)
    rows, place = rows[place < len(kept)], place[place < len(kept)]
    moved = {}
    for name, none, merge in (
        ("split", 1.0, np.multiply), ("dividend", 0.0, np.add), ("capital gain", 0.0, np.add),
    ):  # fmt: skip
        if name in frame and (frame[name].to_numpy()[rows] != none).any():
            values = frame[name].to_numpy(np.float64, copy=True)
            merge.at(values, kept[place], values[rows])
            moved[name] = values
    return frame.assign(**moved)


def _lines(
    frame: pd.DataFrame, mended: pd.DataFrame, column: str, mask: NDArray[np.bool_], kind: str,
    why: str,
) -> pd.DataFrame:  # fmt: skip
    before, after = frame.loc[mask, column], mended.loc[mask, column]
    return pd.DataFrame(
        {"time": frame.index[mask], "column": column, "before": before.to_numpy(),
         "after": after.to_numpy(), "kind": kind, "why": why}
    )  # fmt: skip


def _same(one: ArrayLike, other: ArrayLike) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = np.isclose(
        np.asarray(one, np.float64), np.asarray(other, np.float64), rtol=1e-9, atol=0.0,
        equal_nan=True,
    )  # fmt: skip
    return same


def _within_bars(frame: pd.DataFrame, mended: pd.DataFrame) -> list[pd.DataFrame]:
    """Highs and lows that rescaling has put just inside their bar, moved to its edge."""
    lines = []
    prices = mended[list(PRICES)]
    for column, edge in (("high", prices.max(axis=1)), ("low", prices.min(axis=1))):
        touched = ~_same(frame[column], mended[column])
        ratio = (edge / mended[column]).to_numpy()
        inside = touched & (np.abs(ratio - 1.0) > SLACK) & (np.abs(ratio - 1.0) < _ROUNDING)
        if inside.any():
            mended.loc[inside, column] = edge[inside]
            why = "rescaled, from few digits; at the edge of its bar"
            lines.append(_lines(frame, mended, column, inside, "scale", why))
    return lines


def _impossible(frame: pd.DataFrame) -> list[tuple[NDArray[np.bool_], str]]:
    """Bars that cannot have been, and nothing says how they were."""
    absent, zero = missing(frame), not_positive(frame)
    outside, _ = outside_bars(frame)
    tick = np.zeros(len(frame), np.bool_)
    sound = ~(absent | zero | outside)
    tick[sound] = bad_ticks(frame if sound.all() else frame[sound])[1]
    return [
        (absent, "a value is missing"),
        (zero, "a price of 0 or below, or a volume below"),
        (outside, "a price outside its bar"),
        (tick, "a close after which prices are back where they were"),
    ]
