"""Markets for the benchmarks: random walks."""

from itertools import pairwise

import numpy as np
import pandas as pd

from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.task import Task
from drltrade.features.scaling import Scaler
from drltrade.market.tensors import Market


def walk(
    bars: int, assets: int = 1, *, features: int = 0, size: float = 0.01, frequency: str = "B"
) -> Market:
    """Prices of independent random walks with gaps, and features of noise.

    Args:
        bars: T.
        assets: N.
        features: of each asset.
        size: standard deviation of a bar's return.
        frequency: of the bars, as pandas names it.
    """
    random = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, size, (bars, assets)), 0))
    start = np.concatenate((close[:1], close[:-1])) * np.exp(
        random.normal(0.0, size / 3, close.shape)
    )
    symbols = tuple(f"S{i:02d}" for i in range(assets))
    return Market(
        symbols=symbols,
        times=pd.date_range("2000-01-03", periods=bars, freq=frequency),
        open=start,
        high=np.maximum(start, close),
        low=np.minimum(start, close),
        close=close,
        volume=np.full(close.shape, 1e6),
        tradable=np.ones(close.shape, np.bool_),
        ended=np.zeros(close.shape, np.bool_),
        features=random.normal(0.0, 1.0, (bars, features * assets)).astype(np.float32),
        columns=tuple(f"{symbol}:{k}" for symbol in symbols for k in range(features)),
        periods_per_year=252.0,
    )


def task_on(market: Market, config: TradingConfig | PortfolioConfig) -> Task:
    """Three fifths of the bars to learn on, a fifth to choose on and a fifth to judge on."""
    edges = [len(market) * share // 5 for share in (0, 3, 4, 5)]
    days = [(market.times[a].date(), market.times[b - 1].date()) for a, b in pairwise(edges)]
    periods = type(config.periods)(train=days[0], validation=days[1], test=days[2])
    table = pd.DataFrame(market.features.astype(np.float64), columns=list(market.columns))
    return Task(
        config.model_copy(update={"periods": periods}), market, Scaler.fit(table), "walk", ""
    )
