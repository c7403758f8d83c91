"""Standardisation of a feature table, fitted on the training period alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.errors import ConfigError, DataError


@dataclass(frozen=True)
class Scaler:
    """(x - mean) / std per column, clipped to ±clip. Saved with the run as plain JSON.

    Attributes:
        columns: names of the columns [F], in order.
        mean: of the training rows [F].
        std: population standard deviation of the training rows [F]; 1 for a constant column.
        clip: bound of the result, in standard deviations.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    clip: float = 5.0

    def __post_init__(self) -> None:
        if not len(self.columns) == len(self.mean) == len(self.std):
            raise ConfigError(
                f"scaler: {len(self.columns)} columns, {len(self.mean)} means and {len(self.std)} "
                "stds; there must be as many of each"
            )
        if not self.clip > 0 or not all(value > 0 for value in self.std):
            raise ConfigError(f"scaler: clip = {self.clip} and every std must be above 0")

    @classmethod
    def fit(cls, table: pd.DataFrame, clip: float = 5.0) -> "Scaler":
        """Learn mean and std from the rows of `table`: hand in the training rows only.

        Raises:
            DataError: there is no row, or a value is not finite.
        """
        values = table.to_numpy(np.float64)
        if len(values) == 0:
            raise DataError("scaler: there is no row to fit it on")
        if not np.isfinite(values).all():
            row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise DataError(
                f"scaler: {table.columns[column]} = {values[row, column]} at {table.index[row]}"
            )
        # Taken from the first row, so that a constant column has a std of exactly 0.
        shifted = values - values[0]
        std = shifted.std(axis=0)
        mean = values[0] + shifted.mean(axis=0)
        return cls(
            columns=tuple(str(name) for name in table.columns),
            mean=tuple(mean.tolist()),
            std=tuple(np.where(std > 0, std, 1.0).tolist()),
            clip=clip,
        )

    def transform(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """Scale a table [T, F] to float32 [T, F] within ±clip.

        Raises:
            ConfigError: the columns are not those that the scaler was fitted on, in that order.
        """
        columns = tuple(str(name) for name in table.columns)
        if columns != self.columns:
            missing = [name for name in self.columns if name not in columns]
            extra = [name for name in columns if name not in self.columns]
            raise ConfigError(
                "scaler: the table's columns are not the fitted ones: "
                + (f"missing {missing}, extra {extra}" if missing or extra else "another order")
            )
        scaled = (table.to_numpy(np.float64) - np.array(self.mean)) / np.array(self.std)
        clipped: NDArray[np.float32] = np.clip(scaled, -self.clip, self.clip).astype(np.float32)
        return clipped

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; `from_dict` gives back an equal scaler."""
        return {
            "columns": list(self.columns),
            "mean": list(self.mean),
            "std": list(self.std),
            "clip": self.clip,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Scaler":
        """From what `to_dict` gave.

        Raises:
            ConfigError: a key is missing or unknown, or the lengths differ.
        """
        expected = {"columns", "mean", "std", "clip"}
        if set(values) != expected:
            raise ConfigError(f"scaler: keys {sorted(values)}, expected {sorted(expected)}")
        return cls(
            columns=tuple(str(name) for name in values["columns"]),
            mean=tuple(float(value) for value in values["mean"]),
            std=tuple(float(value) for value in values["std"]),
            clip=float(values["clip"]),
        )
