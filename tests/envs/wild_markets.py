"""Markets so wild that accounts are ruined, in episodes of 3 to 9 bars, by kind of action."""

from typing import Any

from drltrade.data.bars import Bars
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task

PRICES = {
    "costs": {"commission_bps": 5, "slippage_bps": 3, "fixed_fee": 2, "borrow_rate": 0.05},
    "bracket": {"stop_loss": 0.03},
}
"""The same everywhere, so that numba compiles one plan for each kind of order."""
ACTIONS = {
    "positions": {"positions": (-1.5, 0.0, 0.5, 2.0)},
    "range": {"position_range": (-3.0, 4.0)},
    "units": {"order_units": 700.0},
}
MARKETS = (*ACTIONS, "portfolio")


def wild_task(market: str, make_task: Any, make_random_bars: Any, **portfolio: Any) -> Task:
    """One of `MARKETS`; further keys are those of the portfolio's preset."""
    if market != "portfolio":
        return make_task(
            make_random_bars(1, 300, 0.8), episode_length=(3, 9), **ACTIONS[market], **PRICES
        )
    frames = {s: make_random_bars(seed, 200, 0.8).frame("X") for seed, s in enumerate("ABC")}
    days = frames["A"].index.date
    spans = {"train": (0, 119), "validation": (120, 159), "test": (160, 199)}
    config = PortfolioConfig(
        data="synthetic",
        periods={name: (days[first], days[last]) for name, (first, last) in spans.items()},
        features=("log_return(1)",), window=3, episode_length=(3, 9), **portfolio, **PRICES,
    )  # fmt: skip
    bars = Bars(frames, None, "1d", "synthetic", "0" * 64, "as published")
    return Task.build(config, bars=bars)
