"""Markets with halts and endings, and rules with every cost, bracket and margin there is."""

import numpy as np
import pandas as pd

from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.market.costs import Bracket, Costs, Margin
from drltrade.market.rules import Rules
from drltrade.market.tensors import Market
from drltrade.market.terms import Fill

FILLS: tuple[Fill, ...] = ("next_open", "next_close", "same_close")


def market_of(*paths: list[tuple[float, float, float, float]]) -> Market:
    """A market of assets A, B, ..., each given by (open, high, low, close) of its first bars."""
    times = pd.date_range("2020-01-01", periods=max(len(path) for path in paths))
    frames = {
        symbol: pd.DataFrame(path, times[: len(path)], ["open", "high", "low", "close"])
        for symbol, path in zip("ABCDEF", paths, strict=False)
    }
    frames = {symbol: frame.assign(volume=1e6) for symbol, frame in frames.items()}
    return Market.build(frames, times, np.zeros((len(times), 1), np.float32), ["none"], 252.0)


def flat_bar(price: float) -> tuple[float, float, float, float]:
    return price, price, price, price


def random_market(rng: np.random.Generator, steps: int, assets: int, volatility: float) -> Market:
    """Bars with gaps (a few of which ruin), halts and, of the second asset, an early end."""
    times = pd.date_range("2020-01-01", periods=steps + 1)
    frames = {}
    for asset in range(assets):
        length = steps + 1 if asset != 1 else int(rng.integers(2, steps + 2))
        close = 50 * np.exp(np.cumsum(rng.normal(0, volatility, length)))
        opened = np.append(50, close[:-1]) * np.exp(rng.normal(0, volatility / 2, length))
        opened *= np.where(rng.random(length) < 0.08, rng.choice([0.5, 2.0], length), 1.0)
        reach = np.exp(np.abs(rng.normal(0, volatility / 2, (2, length))))
        frames["ABC"[asset]] = pd.DataFrame(
            {
                "open": opened,
                "high": np.maximum(opened, close) * reach[0],
                "low": np.minimum(opened, close) / reach[1],
                "close": close,
                "volume": rng.uniform(1e3, 1e5, length) * (rng.random(length) > 0.1),
            },
            index=times[:length],
        )
    return Market.build(frames, times, np.zeros((steps + 1, 1), np.float32), ["none"], 252.0)


EVERY_COST = {
    "commission_bps": 10, "maker_bps": 2, "minimum_fee": 1, "fixed_fee": 3, "half_spread_bps": 4,
    "slippage_bps": 5, "impact": "square_root", "impact_bps": 50, "impact_half_life": 2,
    "volume_limit": 0.5, "unfilled": "carry", "borrow_rate": 0.1, "financing_rate": 0.2,
    "interest_rate": 0.05, "funding_rate": 0.1,
}  # fmt: skip


def costly_rules(fill: Fill, market: Market) -> Rules:
    """Every cost, brackets and margin."""
    shared = {
        "fill": fill, "costs": Costs.model_validate(EVERY_COST),
        "margin": Margin(maintenance=0.15, liquidation_fee_bps=30),
        "bracket": Bracket(stop_loss=0.06, take_profit=0.08),
    }  # fmt: skip
    if market.assets == 1:
        return TradingConfig(position_range=(-5, 5), **shared).rules()
    other = Costs.model_validate(EVERY_COST | {"commission_bps": 30, "borrow_rate": 0.3})
    config = PortfolioConfig(
        long_only=False, gross_limit=5.0, asset_costs={"B": other}, **shared
    )  # fmt: skip
    return config.rules(market.symbols, delistings=True)


def random_orders(rng: np.random.Generator, steps: int, assets: int) -> np.ndarray:
    orders = rng.uniform(-1, 1, (steps, assets)) * 5 / assets
    orders[rng.random(orders.shape) < 0.4] = np.nan
    return orders
