"""A synthetic market made ready: its paths end to end, prepared by the train paths alone."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from drltrade.envs.market_config import MarketConfig
from drltrade.features.own import OwnFunction
from drltrade.features.preparation import Preparation
from drltrade.features.table import check_features, feature_table, learn_features
from drltrade.features.track import Context
from drltrade.market.synthetic import Process, draw_paths
from drltrade.market.tensors import Market


def synthetic_market(
    process: Process, config: MarketConfig, preparation: Preparation | None,
    functions: Mapping[str, OwnFunction] | None = None,
) -> tuple[Market, Preparation]:  # fmt: skip
    """Draw the paths, compute the features of each on its own, and join them.

    Args:
        process: what the bars are drawn from.
        config: the preset; its features, selection and components.
        preparation: of an earlier run; None: learned from the train paths.
        functions: features of the user's own that are loaded already.

    Returns:
        (the market, whose spans are the train paths, then that of validation, then of test; what
        was learned from the train paths)

    Raises:
        DataError: a path has fewer bars than a feature needs, or lacks a signal.
    """
    paths = draw_paths(process)
    train = {path.name: path.frame for path in paths if path.period == "train"}
    learned = {} if preparation is None else preparation.learned
    context = Context(functions=dict(functions or {}))
    if preparation is None:
        check_features(config.features, context, next(iter(train.values())))
        learned = learn_features(train, config.features, context, pd.Timestamp.max)
    context = replace(context, learned=learned)
    tables = [feature_table(path.frame, config.features, context) for path in paths]
    if preparation is None:
        closes = [
            frame["close"].to_numpy()[len(frame) - len(table) :]
            for frame, table in zip(train.values(), tables, strict=False)
        ]
        preparation = Preparation.fit(
            tables[: len(train)], closes, learned, config.selection, config.pca
        )
    symbol, columns = _symbol(process), [f"signal_{k + 1}" for k in range(process.signals)]
    each = []
    for path, table in zip(paths, tables, strict=True):
        frame = path.frame.iloc[len(path.frame) - len(table) :]
        known = preparation.transform(table)
        market = Market.build(
            {symbol: frame}, pd.DatetimeIndex(table.index),
            known.to_numpy(np.float32, copy=True), tuple(known.columns), process.bars_per_year,
            signals=frame[columns].to_numpy(np.float64),
        )  # fmt: skip
        each.append(market)
    names = tuple(path.name for path in paths)
    return replace(Market.joined(each), instruments=names), preparation


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
