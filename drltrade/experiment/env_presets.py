"""Env presets with overrides, validated."""

from collections.abc import Mapping
from typing import Any

from drltrade.envs.config import PortfolioConfig, TradingConfig, parse_env
from drltrade.experiment.preset_files import merge, overridden, read_preset

OF_REAL_MARKETS = {"data", "symbol", "train_symbols", "periods", "frequency", "calendar"}
"""Keys of a preset that a synthetic market has no use for."""


def resolve_env(name: str, overrides: Mapping[str, Any]) -> TradingConfig | PortfolioConfig:
    """An env preset with overrides, validated."""
    values, where = read_preset("envs", name)
    # Naming one kind of action replaces the others.
    kinds = {"positions", "position_range", "order_units"}
    if kinds & set(overrides):
        values = {key: value for key, value in values.items() if key not in kinds}
    values, where = merge(values, overrides), overridden(where, overrides)
    return parse_env(values, where)
