"""The parquet files of the store: bars to bytes, and back, a span of them without the rest."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drltrade.errors import DataError

ROW_GROUP = 2048
"""Bars that a reader of a span takes in at once."""


@dataclass(frozen=True)
class Segment:
    """One parquet file of a series."""

    file: str
    rows: int
    first: str
    last: str
    sha256: str


def to_parquet(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"time": pa.array(pd.DatetimeIndex(frame.index).as_unit("us").to_numpy())}
    columns |= {name: pa.array(frame[name].to_numpy(np.float64)) for name in frame.columns}
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(columns), buffer, compression="zstd", row_group_size=ROW_GROUP,
        write_page_checksum=True,
    )  # fmt: skip
    return buffer.getvalue()


def read_segment(
    folder: Path, segment: Segment,
    start: pd.Timestamp | None = None, end: pd.Timestamp | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The bars of a file; of a span only the groups of rows that it touches are read.

    A whole file is compared with its sha256, and of a span the checksums of its pages.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / segment.file
    try:
        if start is None and end is None:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != segment.sha256:
                raise DataError(f"{path}: is damaged: its sha256 is not the one of its sidecar")
            return _frame(pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False))
        file = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True)
        touched = [
            number for number in range(file.num_row_groups)
            if _touches(file.metadata.row_group(number).column(0).statistics, start, end)
        ]  # fmt: skip
        frame = _frame(file.read_row_groups(touched, use_threads=False))
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DataError(f"{path}: is damaged: {error}") from None
    first = 0 if start is None else frame.index.searchsorted(start, "left")
    last = len(frame) if end is None else frame.index.searchsorted(end, "right")
    return frame.iloc[first:last]


def _touches(
    span: Any, start: pd.Timestamp | None, end: pd.Timestamp | None
) -> bool:  # the statistics of a column of times
    return (start is None or span.max >= start) and (end is None or span.min <= end)


def _frame(table: Any) -> pd.DataFrame:
    """A pyarrow table as bars."""
    columns = {name: table[name].to_numpy() for name in table.column_names}
    times = pd.DatetimeIndex(columns.pop("time"), name="time")
    return pd.DataFrame(columns, index=times, copy=False)
