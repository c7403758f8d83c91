"""Fewer columns: which to keep, and what several say together. Learned from the train period alone.

Sources
-------
- Peng, Long and Ding 2005, "Feature selection based on mutual information", IEEE Transactions on
  Pattern Analysis and Machine Intelligence 27(8): the most relevant, the least redundant (mRMR).
- Jolliffe 2002, "Principal Component Analysis", 2nd edition, section 3.5 for the signs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drltrade.errors import ConfigError
from drltrade.features.arrays import Floats
from drltrade.settings import Settings

Matrix = NDArray[np.float64]
_LARGEST = 0.999999
"""Correlation from which on two columns count as one."""


class Selection(Settings):
    """The table `selection` of an env preset: which columns of the features an agent sees."""

    keep: int | None = Field(
        None, ge=1,
        description="how many columns: by mRMR, the one after the other that says most of the "
        "return to come and least of what is known from those before",
    )  # fmt: skip
    horizon: int = Field(1, ge=1, description="bars of the return to come")
    redundant: float | None = Field(
        None, gt=0, lt=1,
        description="first leave out columns whose rank correlation with an earlier one is above",
    )  # fmt: skip

    @model_validator(mode="after")
    def _something(self) -> "Selection":
        if self.keep is None and self.redundant is None:
            raise ValueError("set selection.keep, selection.redundant or both")
        return self


class Pca(Settings):
    """The table `pca` of an env preset: principal components in place of columns."""

    components: int | None = Field(None, ge=1, description="how many")
    explained: float | None = Field(
        None, gt=0, le=1, description="as many as explain this share of the variance"
    )

    @model_validator(mode="after")
    def _one(self) -> "Pca":
        if (self.components is None) == (self.explained is None):
            raise ValueError("set either pca.components or pca.explained")
        return self


def select(
    tables: Sequence[pd.DataFrame], closes: Sequence[Floats], config: Selection
) -> tuple[str, ...]:
    """The columns to keep, in the order of the table.

    Args:
        tables: train rows of each instrument [T, F]; pooled.
        closes: close at each row [T]. A return that reaches beyond the last one is not used.
        config: what is asked for.

    Raises:
        ConfigError: there are fewer columns than are to be kept.
    """
    names = [str(name) for name in tables[0].columns]
    ranks = pd.concat(tables).rank()
    between = np.abs(_correlations(ranks.to_numpy()))
    left = list(range(len(names)))
    if config.redundant is not None:
        left = []
        for column in range(len(names)):
            if all(between[column, other] <= config.redundant for other in left):
                left.append(column)
    if config.keep is not None:
        if config.keep > len(left):
            raise ConfigError(
                f"selection.keep = {config.keep}: there are {len(left)} columns to choose from"
            )
        relevance = _relevance(tables, closes, config.horizon)
        left = _most_relevant(relevance, _information(between), left, config.keep)
    return tuple(names[column] for column in sorted(left))


def _relevance(tables: Sequence[pd.DataFrame], closes: Sequence[Floats], horizon: int) -> Floats:
    """[F] information of each column about the return to come."""
    rows, returns = [], []
    for table, close in zip(tables, closes, strict=True):
        rows.append(table.iloc[: max(len(table) - horizon, 0)])
        returns.append(np.log(close[horizon:] / close[:-horizon]))
    to_come = pd.concat(rows).assign(to_come=np.concatenate(returns))
    if len(to_come) < 3:
        raise ConfigError(f"selection.horizon = {horizon}: the train period is not longer")
    correlations = _correlations(to_come.rank().to_numpy())
    return _information(np.abs(correlations))[:-1, -1]


def _most_relevant(relevance: Floats, between: Matrix, columns: list[int], keep: int) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < keep:
        rest = [column for column in columns if column not in chosen]
        scores = [relevance[c] - (between[c, chosen].mean() if chosen else 0.0) for c in rest]
        chosen.append(rest[int(np.argmax(scores))])
    return chosen


def _correlations(values: Matrix) -> Matrix:
    """[F, F]; 0 with a constant column."""
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    result: Matrix = unit.T @ unit
    return result


def _information(correlation: Matrix) -> Matrix:
    """Mutual information of two normal variables: -log(1 - rho^2) / 2."""
    information: Matrix = -0.5 * np.log1p(-(np.minimum(correlation, _LARGEST) ** 2))
    return information


@dataclass(frozen=True)
class Components:
    """Principal components of scaled columns, each with a variance of 1 on the train rows.

    Attributes:
        columns: that they are made of [F].
        mean: of each [F].
        weights: [K, F], by falling variance; the largest of each row is positive.
        explained: the share of the variance of each [K].
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    explained: tuple[float, ...]

    @classmethod
    def fit(cls, table: pd.DataFrame, config: Pca) -> "Components":
        """From scaled train rows [T, F].

        Raises:
            ConfigError: more components are asked for than there are.
        """
        values = table.to_numpy(np.float64)
        mean = values.mean(axis=0)
        variances, vectors = np.linalg.eigh(np.cov(values, rowvar=False).reshape(len(mean), -1))
        variances, vectors = variances[::-1], vectors.T[::-1]
        count = int((variances > 1e-10 * variances.sum()).sum())
        shares = variances / variances.sum()
        wanted = config.components
        if config.explained is not None:
            wanted = 1 + int((shares.cumsum() < config.explained - 1e-12).sum())
            wanted = min(wanted, count)
        assert wanted is not None
        if wanted > count:
            raise ConfigError(
                f"pca.components = {wanted}: {len(mean)} columns have {count} components"
            )
        vectors = vectors[:wanted]
        largest = vectors[np.arange(wanted), np.abs(vectors).argmax(axis=1)]
        weights = vectors * (np.sign(largest) / np.sqrt(variances[:wanted]))[:, None]
        return cls(
            tuple(map(str, table.columns)), tuple(mean.tolist()),
            tuple(tuple(row) for row in weights.tolist()), tuple(shares[:wanted].tolist()),
        )  # fmt: skip

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """Scaled rows [T, F] -> components [T, K], columns pc1, pc2 ..."""
        values = table[list(self.columns)].to_numpy(np.float64) - np.array(self.mean)
        names = [f"pc{number + 1}" for number in range(len(self.weights))]
        return pd.DataFrame(values @ np.array(self.weights).T, table.index, names)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "columns": list(self.columns), "mean": list(self.mean),
            "weights": [list(row) for row in self.weights], "explained": list(self.explained),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Components":
        """From what `to_dict` gave."""
        return cls(
            tuple(values["columns"]), tuple(values["mean"]),
            tuple(tuple(row) for row in values["weights"]), tuple(values["explained"]),
        )  # fmt: skip
