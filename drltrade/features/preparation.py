"""What is learned of features from the train period, and nothing after it; kept with a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from drltrade.errors import ConfigError
from drltrade.features.arrays import Floats
from drltrade.features.reduction import Components, Pca, Selection, select
from drltrade.features.regimes import Learned
from drltrade.features.scaling import Scaler


@dataclass(frozen=True)
class Preparation:
    """From a feature table to what an agent sees: scaled, selected, and perhaps as components.

    Attributes:
        scaler: of all columns.
        learned: parameters of features that have some, by declaration.
        kept: columns that are not left out.
        components: principal components in place of the columns; None: the columns themselves.
    """

    scaler: Scaler
    learned: Mapping[str, Learned] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    components: Components | None = None

    @classmethod
    def fit(
        cls,
        tables: Sequence[pd.DataFrame],
        closes: Sequence[Floats],
        learned: Mapping[str, Learned],
        selection: Selection | None = None,
        pca: Pca | None = None,
    ) -> "Preparation":
        """Learn from train rows.

        Args:
            tables: of each instrument [T, F], the same columns; learned from together.
            closes: the close at each row [T].
            learned: what the features in the tables have learned.
            selection, pca: which columns to keep, and how many components; None: all, none.

        Raises:
            ConfigError, DataError: see `Scaler.fit`, `select` and `Components.fit`.
        """
        whole = pd.concat(tables)
        scaler = Scaler.fit(whole)
        kept = tuple(map(str, whole.columns))
        if selection is not None:
            kept = select(tables, closes, selection)
        fitted = cls(scaler, learned, kept)
        if pca is None:
            return fitted
        return cls(scaler, learned, kept, Components.fit(fitted.transform(whole), pca))

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """A feature table [T, F] as an agent sees it: float32 [T, K], within ±scaler.clip.

        Raises:
            ConfigError: the columns are not those that the scaler was fitted on.
        """
        scaled = pd.DataFrame(self.scaler.transform(table), table.index, table.columns)
        scaled = scaled[list(self.kept)]
        if self.components is None:
            return scaled
        clip = self.scaler.clip
        return self.components.transform(scaled).clip(-clip, clip).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; `from_dict` gives back an equal preparation."""
        return {
            "scaler": self.scaler.to_dict(),
            "learned": {text: dict(values) for text, values in self.learned.items()},
            "kept": list(self.kept),
            "components": None if self.components is None else self.components.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preparation":
        """From what `to_dict` gave.

        Raises:
            ConfigError: a key is missing or unknown.
        """
        expected = {"scaler", "learned", "kept", "components"}
        if set(values) != expected:
            raise ConfigError(f"preparation: keys {sorted(values)}, expected {sorted(expected)}")
        components = values["components"]
        return cls(
            Scaler.from_dict(values["scaler"]),
            dict(values["learned"]),
            tuple(values["kept"]),
            None if components is None else Components.from_dict(components),
        )
