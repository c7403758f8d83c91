"""Markets of a few bars, written down price by price."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from drltrade.data.bars import Bars
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.task import Task
from drltrade.settings import parse

Prices = float | tuple[float, float] | tuple[float, float, float, float] | None
"""One price all through the bar; (open, close); (open, high, low, close); None: no bar."""

LEAD = 8
"""Bars before those written down, at the first price; where that is None there are none either."""

FREE = {"commission_bps": 0.0, "slippage_bps": 0.0}


def frame_of(prices: Sequence[Prices]) -> pd.DataFrame:
    """Bars of weekdays from 2020-01-01 on; the first written down is that of 2020-01-13."""
    rows, times = [], pd.bdate_range("2020-01-01", periods=LEAD + len(prices), name="time")
    for price in [*[prices[0]] * LEAD, *prices]:
        if price is None:
            rows.append([np.nan] * 5)
            continue
        ohlc = price if isinstance(price, tuple) else (price, price)
        if len(ohlc) == 2:
            ohlc = (ohlc[0], max(ohlc), min(ohlc), ohlc[1])
        rows.append([*map(float, ohlc), 1e6])
    columns = ["open", "high", "low", "close", "volume"]
    return pd.DataFrame(rows, times, columns).dropna()


def bars_of(**prices: Sequence[Prices]) -> Bars:
    """Daily bars of several symbols."""
    frames = {symbol: frame_of(path) for symbol, path in prices.items()}
    return Bars(frames, None, "1d", "by hand", "0" * 64, "as published")


def small_task(bars: Bars, settings: Mapping[str, Any]) -> Task:
    """Of one symbol a trading task, else a portfolio's; the bars written down are the test."""
    defaults = {
        "data": "by hand",
        "periods": {
            "train": ["2020-01-01", "2020-01-07"],
            "validation": ["2020-01-08", "2020-01-10"],
            "test": ["2020-01-13", "2020-12-31"],
        },
        "features": ["log_return(1)"],
        "window": 2,
        "costs": FREE,
        "episode_length": None,
        "period": "test",
    }
    model = TradingConfig if len(bars.symbols) == 1 else PortfolioConfig
    return Task.build(parse(model, defaults | dict(settings), "test"), bars=bars)


def play(env: Any, actions: Sequence[Any], **reset: Any) -> list[tuple[Any, ...]]:
    """[(observation, reward, terminated, truncated, info)], the reset's first with reward 0."""
    observation, info = env.reset(**reset)
    path = [(observation, 0.0, False, False, info)]
    for action in actions:
        path.append(env.step(action))
        if path[-1][2] or path[-1][3]:
            break
    return path
