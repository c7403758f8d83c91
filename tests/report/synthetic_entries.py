"""A small market and accounts on it, made without the library's simulator."""

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Ledger
from drltrade.report.summary import Entry

BARS = 1500


def market(bars: int = BARS, seed: int = 11) -> np.ndarray:
    """[bars + 1] a random walk with a drift."""
    steps = np.random.default_rng(seed).normal(0.0004, 0.011, bars)
    return 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))


def account(close: np.ndarray, targets: np.ndarray, *, fill: str = "next_close") -> Ledger:
    """The ledger of an account that moves to a target in {-1, 0, 1} where it changes."""
    rows = len(close)
    units, cash, equity = np.zeros(rows), np.full(rows, 1e4), np.full(rows, 1e4)
    fills, turnover = np.full(rows, np.nan), np.zeros(rows)
    costs = {part: np.zeros(rows) for part in ("commission", "slippage", "borrow")}
    stands = 0.0
    for t in range(1, rows):
        price = close[t - 1] if fill == "same_close" else close[t]
        costs["borrow"][t] = max(-units[t - 1] * close[t - 1], 0.0) * 0.01 / 252
        money, held = cash[t - 1] - costs["borrow"][t], units[t - 1]
        if targets[t - 1] != stands:
            stands = targets[t - 1]
            worth = money + held * price
            change = stands * worth / price - held
            costs["commission"][t] = 5e-4 * abs(change) * price
            costs["slippage"][t] = 2e-4 * abs(change) * price
            money -= change * price + 7e-4 * abs(change) * price
            held, fills[t], turnover[t] = held + change, price, abs(change) * price / worth
        units[t], cash[t], equity[t] = held, money, money + held * close[t]
    return Ledger(
        symbols=("WALK",),
        times=pd.bdate_range("2013-01-02", periods=rows, name="time"),
        close=close[:, None],
        units=units[:, None],
        fill_price=fills[:, None],
        exit_units=np.zeros((rows, 1)),
        exit_price=np.full((rows, 1), np.nan),
        cash=cash,
        equity=equity,
        turnover=turnover,
        costs=costs,
        targets=targets[:, None],
        fill=fill,
        periods_per_year=252.0,
    )


def walk_of_targets(rng: np.random.Generator, rows: int, change: float) -> np.ndarray:
    """[rows] targets in {-1, 0, 1}, drawn anew with probability `change` at each bar."""
    drawn = rng.choice([-1.0, 0.0, 1.0], rows, p=[0.15, 0.25, 0.6])
    fresh = rng.random(rows) < change
    fresh[0] = True
    return drawn[np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))]


def training_curve(rng: np.random.Generator) -> pd.DataFrame:
    steps = np.arange(1, 41) * 5000
    rise = 1 - np.exp(-steps / 60_000)
    return pd.DataFrame(
        {
            "steps": steps,
            "train_reward": 0.2 * rise + rng.normal(0, 0.02, 40),
            "validation_return": 0.15 * rise - 0.05 + rng.normal(0, 0.02, 40),
            "loss": 1 - rise,
        }
    )


def some_entries(bars: int = BARS, *, fill: str = "next_close", runs: int = 50) -> list[Entry]:
    """Two agents with three seeds, four baselines, the last one with many random runs."""
    close, rows = market(bars), bars + 1
    rng = np.random.default_rng(1)

    def agent(name: str, change: float) -> Entry:
        ledgers = [account(close, walk_of_targets(rng, rows, change), fill=fill) for _ in "123"]
        return Entry(name, tuple(ledgers), "agent", tuple(training_curve(rng) for _ in "123"))

    mean = pd.Series(close).rolling(50, min_periods=1).mean().to_numpy()
    rules = {
        "buy-and-hold": np.ones(rows),
        "flat": np.zeros(rows),
        "moving-average-cross": np.where(close > mean, 1.0, 0.0),
        "mean-reversion": np.where(close < 0.97 * mean, 1.0, np.where(close > mean, -1.0, 0.0)),
    }
    random = [account(close, walk_of_targets(rng, rows, 0.05), fill=fill) for _ in range(runs)]
    return [
        agent("ppo-lstm", 0.02),
        agent("dqn", 0.06),
        *(Entry(n, (account(close, rule, fill=fill),), "baseline") for n, rule in rules.items()),
        Entry("random", tuple(random), "baseline"),
    ]


SETTINGS = {
    "environment": {
        "name": "walk-daily",
        "features": [{"name": "log_return", "horizons": [1, 5, 20]}, {"name": "rsi", "window": 14}],
        "actions": {"kind": "discrete", "positions": [-1, 0, 1]},
        "costs": {"commission_bps": 5.0, "slippage_bps": 2.0, "borrow_rate": 0.01},
        "window": 32,
    },
    "periods": {"train": "2000-01-03 to 2010-12-31", "test": "2013-01-02 to 2018-10-03"},
    "agents": {
        "ppo-lstm": {"encoder": "lstm", "learning_rate": 3e-4, "seeds": [1, 2, 3]},
        "dqn": {"encoder": "mlp", "double": True, "dueling": True, "seeds": [1, 2, 3]},
    },
    "data": {"source": "synthetic random walk", "sha256": "0" * 64},
    "versions": {"drltrade": "0.1.0", "torch": "2.9.1", "numpy": "2.4.6"},
}
