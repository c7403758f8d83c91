"""A series whose values are multiplied step by step, until all are in one unit."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.bars import PRICES
from drltrade.data.faults import Floats, Mask
from drltrade.data.filled import is_spoilt
from drltrade.data.levels import Levels


class Rescaled(NamedTuple):
    """Values of one bar or more that are to be multiplied, or bars that are to be set aside."""

    mask: Mask
    """[T]"""
    column: str
    """"*": the whole bars are to be set aside."""
    factor: float
    why: str


class Mending:
    """A series on its way: what was found, and the values with it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._logs: dict[str, Floats] = {}
        self.found: list[Rescaled] = []

    def mend(self, mask: Mask, columns: list[str], factor: float, why: str) -> None:
        """Multiply."""
        if not mask.any():
            return
        for column in columns:
            self.found.append(Rescaled(mask, column, factor, why))
            values = self.frame[column].to_numpy(np.float64, copy=True)
            values[mask] *= factor
            self.frame = self.frame.assign(**{column: values})
            self._logs.pop(column, None)

    def log(self, column: str) -> Floats:
        """[T] logs of a column; NaN where there is none."""
        if column not in self._logs:
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.log(self.frame[column].to_numpy(np.float64))
            self._logs[column] = np.where(np.isfinite(logs), logs, np.nan)
        return self._logs[column]

    def level(self) -> Floats:
        """[T] log of the middle of a bar's prices; NaN where there is none."""
        logs = np.stack([self.log(name) for name in PRICES])
        ordered = np.sort(logs, axis=0)  # NaN last
        middle: Floats = (ordered[1] + ordered[2]) / 2.0
        holes = np.isnan(ordered[3])
        if holes.any():
            present = holes & ~np.isnan(ordered[0])
            middle[holes] = np.nan
            middle[present] = np.nanmedian(logs[:, present], axis=0)
        return middle

    def levels(self) -> Levels:
        """Of bars, closes and adjusted closes."""
        return Levels(self.level(), self.log("close"), self.adjusted())

    def openings(self) -> Floats:
        """[T] a level that moves as prices do from a close to the next open, and no more.

        Of a split they tell with less noise than moves from close to close.
        """
        gaps = np.diff(self.log("close"), prepend=np.nan)
        gaps[1:] = self.log("open")[1:] - self.log("close")[:-1]
        level: Floats = np.cumsum(np.nan_to_num(gaps))
        return np.where(np.isfinite(gaps), level, np.nan)

    def adjusted(self) -> Floats | None:
        """[T] log of the adjusted close; None where there is none, or it says nothing."""
        if "adjusted close" not in self.frame or is_spoilt(self.frame["adjusted close"].to_numpy()):
            return None
        return self.log("adjusted close")
