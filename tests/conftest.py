"""Small synthetic markets for all tests."""

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, a core each

import numpy as np
import pandas as pd
import pytest

from drltrade.data.bars import Bars
from drltrade.envs.config import TradingConfig
from drltrade.envs.task import Task
from drltrade.settings import parse

FEATURES = ["log_return(1)", "log_return(3)", "volume_zscore(5)"]


def bars_from(
    close: np.ndarray,
    open: np.ndarray | None = None,
    volume: np.ndarray | None = None,
    start: str = "2000-01-03",
) -> Bars:
    """Daily bars (Monday to Friday) of one symbol, X."""
    close = np.asarray(close, np.float64)
    open = np.append(close[0], close[:-1]) if open is None else np.asarray(open, np.float64)
    volume = np.full(len(close), 1e6) if volume is None else np.asarray(volume, np.float64)
    frame = pd.DataFrame(
        {
            "open": open,
            "high": np.maximum(open, close),
            "low": np.minimum(open, close),
            "close": close,
            "volume": volume,
        },
        index=pd.bdate_range(start, periods=len(close), name="time"),
    )
    return Bars({"X": frame}, None, "1d", "synthetic", "0" * 64, "as published")


def random_bars(seed: int = 0, length: int = 300, volatility: float = 0.02) -> Bars:
    """A random walk with gaps between close and open, and a few bars without volume."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, volatility, length)))
    opened = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, volatility / 2, length))
    volume = rng.integers(1_000, 10_000, length) * (rng.random(length) > 0.05)
    return bars_from(close, opened, volume)


def task_from(bars: Bars, **settings: Any) -> Task:
    """A task on `bars`; 60% of them train, 20% validation, 20% test."""
    days = bars.frame("X").index
    train, validation = int(len(days) * 0.6), int(len(days) * 0.8)
    spans = {"train": (0, train), "validation": (train, validation), "test": (validation, None)}
    cut = {name: days[first:last] for name, (first, last) in spans.items()}
    defaults: dict[str, Any] = {
        "data": "synthetic",
        "periods": {name: [str(d[0].date()), str(d[-1].date())] for name, d in cut.items()},
        "features": FEATURES,
        "window": 4,
        "episode_length": 20,
    }
    return Task.build(parse(TradingConfig, defaults | settings, "test"), bars=bars)


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    return bars_from


@pytest.fixture(scope="session")
def make_random_bars() -> Callable[..., Bars]:
    return random_bars


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    return task_from


@pytest.fixture(scope="session")
def task() -> Task:
    """A random walk with costs of every kind."""
    costs = {
        "commission_bps": 5,
        "slippage_bps": 3,
        "fixed_fee": 2,
        "borrow_rate": 0.05,
        "financing_rate": 0.08,
    }
    return task_from(random_bars(), costs=costs, positions=[-1.5, 0, 0.5, 2])
