"""A synthetic market made ready: its paths end to end, scaled by the train paths alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from drltrade.features.scaling import Scaler
from drltrade.features.table import feature_table
from drltrade.market.synthetic import Process, draw_paths
from drltrade.market.tensors import Market


def synthetic_market(
    process: Process, features: Sequence[str], scaler: Scaler | None
) -> tuple[Market, Scaler]:
    """Draw the paths, compute the features of each on its own, and join them.

    Args:
        process: what the bars are drawn from.
        features: declared.
        scaler: of an earlier run; None: fitted on the train paths.

    Returns:
        (the market, whose spans are the train paths, then that of validation, then of test; scaler)

    Raises:
        DataError: a path has fewer bars than a feature needs, or lacks a signal.
    """
    paths = draw_paths(process)
    tables = [feature_table(path.frame, features) for path in paths]
    if scaler is None:
        train = [t for path, t in zip(paths, tables, strict=True) if path.period == "train"]
        scaler = Scaler.fit(pd.concat(train))
    symbol, columns = _symbol(process), [f"signal_{k + 1}" for k in range(process.signals)]
    each = []
    for path, table in zip(paths, tables, strict=True):
        frame = path.frame.iloc[len(path.frame) - len(table) :]
        market = Market.build(
            {symbol: frame}, pd.DatetimeIndex(table.index), scaler.transform(table),
            tuple(table.columns), process.bars_per_year,
            signals=frame[columns].to_numpy(np.float64),
        )  # fmt: skip
        each.append(market)
    names = tuple(path.name for path in paths)
    return replace(Market.joined(each), instruments=names), scaler


def source_of(process: Process) -> str:
    """A line for reports: the kind with its numbers, and what else is not as usual."""
    values = process.model_dump(mode="json")
    kind = values.pop("kind")
    usual = {name: field.default for name, field in Process.model_fields.items()}
    said = [f"{key} = {v}" for key, v in values.items() if key not in usual or v != usual[key]]
    return f"synthetic: {kind}" + (f" ({', '.join(said)})" if said else "")


def _symbol(process: Process) -> str:
    kind: str = process.model_dump()["kind"]
    return kind.upper()
