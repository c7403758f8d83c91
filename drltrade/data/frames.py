"""Prices that are handed in as frames of pandas, under a name by which they are found again.

A preset names its data by a text. A frame that is handed in is kept while the process lives, by its
content: "frame:" and the first digits of the sha256 of the parquet file that it would make. A run
writes that file into its folder, so that it can be loaded anywhere.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from drltrade.data.bars import COLUMNS, Bars
from drltrade.data.files import Published, published_of
from drltrade.data.formats import export_of_frame
from drltrade.data.gate import checked_bars
from drltrade.data.layout import AS_IT_STANDS, Layout
from drltrade.errors import DataError

PREFIX = "frame:"
DIGITS = 16
_HANDED_IN: dict[str, Bars] = {}

Frames = pd.DataFrame | Mapping[str, pd.DataFrame]


def are_frames(data: object) -> bool:
    """Whether data are a frame, or frames by symbol."""
    if isinstance(data, pd.DataFrame):
        return True
    values = data.values() if isinstance(data, Mapping) else ()
    return bool(values) and all(isinstance(each, pd.DataFrame) for each in values)


def bars_of(data: Frames, layout: Layout = AS_IT_STANDS) -> Bars:
    """Check and adjust frames of prices as those of a file are.

    Args:
        data: a frame with open, high, low, close and volume, as columns of any case, and times as
            its index or a column; a column symbol, or a level of the index, makes several series,
            and so do tickers beside prices in two levels of columns. Or such frames by symbol.
        layout: what they do not say themselves.

    Raises:
        DataError: see `files.read_published`; rows are counted from 1.
    """
    if not are_frames(data):
        raise DataError(
            f"data is a {type(data).__name__}: a path, a name, a frame of pandas or frames by "
            "symbol are allowed"
        )
    if isinstance(data, pd.DataFrame):
        published = published_of(export_of_frame(data, layout, "frame"), "frame", "frame", "")
    else:
        published = _by_symbol(data, layout)
    symbols = len(published.frames)
    source = f"a frame ({symbols} symbols)" if symbols > 1 else "a frame"
    content = hashlib.sha256()
    for symbol, frame in published.frames.items():
        content.update(symbol.encode())
        content.update(pd.util.hash_pandas_object(frame).to_numpy().tobytes())
    bars = checked_bars(published._replace(sha256=content.hexdigest()), source, HELP)
    return replace(bars, sha256=hashlib.sha256(parquet_of(bars)).hexdigest())


HELP = "Correct the frame, or write it to a file and import it into the store to mend it there"


def _by_symbol(data: Mapping[str, pd.DataFrame], layout: Layout) -> Published:
    frames: dict[str, pd.DataFrame] = {}
    rows: dict[str, Any] = {}
    first: Published | None = None
    for symbol, frame in data.items():
        if not isinstance(symbol, str):
            raise DataError(f"frame {symbol!r}: a symbol is a text")
        where = f"frame {symbol}"
        each = published_of(export_of_frame(frame, layout, where), symbol, where, "")
        if each.named:
            raise DataError(f"{where}: has a column of symbols itself; hand in one frame of all")
        if first is not None and (first.zone, first.frequency) != (each.zone, each.frequency):
            raise DataError(
                f"{where}: bars of {each.frequency} in zone {each.zone}, and of others before it "
                f"{first.frequency} in {first.zone}"
            )
        first = first or each
        frames |= each.frames
        rows |= each.rows
    assert first is not None
    return first._replace(frames=frames, rows=rows, named=True)


def hand_in(data: Frames, layout: Layout = AS_IT_STANDS) -> str:
    """Keep frames for this process; -> the name by which `handed_in` finds them."""
    bars = bars_of(data, layout)
    name = f"{PREFIX}{bars.sha256[:DIGITS]}"
    _HANDED_IN[name] = bars
    return name


def handed_in(name: str) -> Bars:
    """Bars that were handed in.

    Raises:
        DataError: not in this process.
    """
    if name not in _HANDED_IN:
        raise DataError(
            f"{name}: is a frame that was handed in to another process; hand it in again (data=...)"
        )
    return _HANDED_IN[name]


def parquet_of(bars: Bars) -> bytes:
    """The checked and adjusted bars as a parquet file, the same bytes for the same bars."""
    parts = [
        frame[list(COLUMNS)].assign(symbol=symbol).reset_index(names="time")
        for symbol, frame in bars.frames.items()
    ]
    buffer = io.BytesIO()
    pd.concat(parts, ignore_index=True).to_parquet(buffer, index=False)
    return buffer.getvalue()


def layout_of(bars: Bars) -> Layout:
    """What the file of `parquet_of` does not say itself."""
    return Layout(
        zone=bars.zone, frequency=bars.frequency, calendar=bars.calendar,
        adjustment="full" if bars.adjustment == "full" else None,
    )  # fmt: skip
