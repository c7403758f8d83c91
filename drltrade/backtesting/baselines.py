"""Rules to compare an agent with, as paths of targets for the same engine.

Each rule sees the closes up to and including the bar at which it decides, the bars before the
period among them, and returns one target weight per decision.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.data.labels import dates_of
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.errors import ConfigError, suggestion
from drltrade.market.rules import Rules
from drltrade.market.tensors import Market


def buy_and_hold(close: Floats, rows: range, low: float, high: float) -> Floats:
    """Everything into the asset."""
    return np.ones(len(rows) - 1)


def always_flat(close: Floats, rows: range, low: float, high: float) -> Floats:
    """Cash."""
    return np.zeros(len(rows) - 1)


def moving_average_cross(
    close: Floats, rows: range, low: float, high: float, fast: int = 10, slow: int = 50
) -> Floats:
    """Long while the fast average stands above the slow one, otherwise the lowest position."""
    series = pd.Series(close)
    difference = series.rolling(fast).mean() - series.rolling(slow).mean()
    signal = difference.to_numpy()[rows[0] : rows[-1]]
    return np.where(np.isnan(signal), 0.0, np.where(signal > 0, high, low))


def mean_reversion(
    close: Floats, rows: range, low: float, high: float, window: int = 20, width: float = 1.0
) -> Floats:
    """Against moves beyond `width` standard deviations from the average, until it is met again."""
    series = pd.Series(close)
    mean, deviation = series.rolling(window).mean(), series.rolling(window).std(ddof=0)
    distance = (series - mean) / deviation.where(deviation > 0)
    # Signs of entry and exit by bar, then each bar holds the latest of them.
    stance = pd.Series(np.nan, index=series.index)
    stance[np.sign(distance) != np.sign(distance.shift(1))] = 0.0
    stance[distance > width] = low
    stance[distance < -width] = high
    path = np.asarray(stance.ffill().fillna(0.0), np.float64)
    return path[rows[0] : rows[-1]]


BaselineRule = Callable[[Floats, range, float, float], Floats]

BASELINES: dict[str, BaselineRule] = {
    "buy-and-hold": buy_and_hold,
    "flat": always_flat,
    "ma-cross": moving_average_cross,
    "mean-reversion": mean_reversion,
}


EQUAL_WEIGHT = "equal-weight"
"""A rule for portfolios alone: equal shares, restored on the first bar of each month (DeMiguel,
Garlappi and Uppal 2009, "Optimal versus naive diversification")."""

HELD = ("buy-and-hold", EQUAL_WEIGHT)
"""Rules that keep what they have: no stop-loss or take-profit closes it."""


def baseline_names(config: TradingConfig | PortfolioConfig) -> tuple[str, ...]:
    """The rules for a market of one asset, or of many; buy-and-hold first."""
    if not isinstance(config, PortfolioConfig):
        return tuple(BASELINES)
    first, *others = BASELINES
    return (first, EQUAL_WEIGHT, *others)


def check_baseline(name: str, config: TradingConfig | PortfolioConfig) -> None:
    """Refuse a name that is no rule's for such a market.

    Raises:
        ConfigError: names the rules there are.
    """
    names = baseline_names(config)
    if name not in names:
        hint = suggestion(name, names)
        raise ConfigError(f"no baseline {name!r}{hint} (there are: {', '.join(names)})")


def baseline_rules(name: str, rules: Rules, market: Market, rows: range) -> Rules:
    """What the account of the rule `name` is played by.

    What one of `HELD` holds, no bracket closes. And where a bar's volume limits its orders, what is
    left of them is tried again.
    """
    if name not in HELD:
        return rules
    # The plan says what is compiled: it is left as it is where it can be.
    terms, plan = rules.terms._replace(stop_loss=math.inf, take_profit=math.inf), rules.plan
    if plan.reads_volume:
        part = slice(rows[0], rows[-1] + 1)
        needed = rules.initial_equity / np.asarray(terms.volume_limit)
        scarce = market.close[part] * market.volume[part] < needed
        if (scarce & market.tradable[part]).any():
            plan = plan._replace(volume_limit="carry")
    return replace(rules, terms=terms, plan=plan)


def baseline_targets(
    name: str, market: Market, rows: range, config: TradingConfig | PortfolioConfig
) -> Floats:
    """[T, N] targets of the rule `name`, within the positions that the environment allows.

    In a portfolio each asset gets an equal share of the equity, and the rule decides on each share.
    What is bought and held is ordered once, where it first can be, and drifts.
    """
    low, high, n = *_bounds(config), market.assets
    if name == EQUAL_WEIGHT:
        months = dates_of(market.times)[rows[0] : rows[-1]].to_period("M")
        first = np.append(True, months[1:] != months[:-1])
        return np.tile(np.where(first, high / n, np.nan)[:, None], n)
    columns = [BASELINES[name](market.close[:, i], rows, low, high) for i in range(n)]
    targets = np.stack(columns, axis=1) / n
    if name == "buy-and-hold":
        fills = np.isfinite(market.tape(config.fill)[rows[0] : rows[-1], :n])
        first = fills & (np.cumsum(fills, axis=0) == 1)
        return np.where(first, targets * (high if n > 1 else 1.0), np.nan)
    return targets


def _bounds(config: TradingConfig | PortfolioConfig) -> tuple[float, float]:
    """Lowest and highest weight, of at most the whole equity."""
    if isinstance(config, PortfolioConfig):
        most = min(config.gross_limit, 1.0)
        return (0.0 if config.long_only else -most), most
    return max(config.lowest_position, -1.0), min(config.highest_position, 1.0)


def random_timing(ledger: Ledger, shift: int) -> Floats:
    """[T, N] targets of an account that decided `shift` bars later, what is left over going first.

    So it holds as much, for as long, and trades as much; only when it does so says nothing of the
    prices (a circular shift, as of White's null of no timing: Politis and Romano 1992).
    """
    orders, held = ledger.targets[:-1].copy(), ledger.units != 0
    with np.errstate(divide="ignore", invalid="ignore"):  # of a ruined account
        weights = np.where(held, ledger.weights, 0.0)[1:]
    # An order that no bar filled was none. One for an amount has no target: what was held after
    # its fill stands for it.
    filled = np.isfinite(ledger.fill_price[1:])
    orders = np.where(filled, np.where(np.isnan(orders), weights, orders), np.nan)
    orders[0] = np.nan_to_num(orders[0])  # an account begins with nothing
    standing = pd.DataFrame(orders).ffill().to_numpy()
    shifted = np.roll(orders, shift, axis=0)
    shifted[0] = standing[-shift % len(standing)]
    return shifted
