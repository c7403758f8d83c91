"""What an action asks for: targets or amounts, one row of orders per account."""

from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from drltrade.envs.config import MarketConfig, PortfolioConfig, TradingConfig
from drltrade.errors import ConfigError

Orders = NDArray[np.float64]
"""[n, 2 N]: target weights (NaN: none), then units to buy."""

SELL, HOLD, BUY = 0, 1, 2
"""Actions of `order_units`."""


class Actions(Protocol):
    """An action space, and what its actions mean."""

    space: spaces.Space[Any]

    def one(self, action: Any, orders: Orders) -> None:
        """Write the orders of one action into `orders` [1, 2 N].

        Raises:
            ValueError: the action lies outside the space; names it and what is allowed.
        """
        ...

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """Write the orders of n actions into `orders` [n, 2 N].

        Raises:
            ValueError: as `one`; names the environment, where there are several.
        """
        ...


class DiscretePositions:
    """An index into a list of target weights."""

    def __init__(self, positions: tuple[float, ...]) -> None:
        self.positions, self._table = positions, np.array(positions)
        self.space: spaces.Space[Any] = spaces.Discrete(len(positions))

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        if not 0 <= action < len(self.positions):
            raise ValueError(f"action {action!r}: 0 .. {len(self.positions) - 1} are allowed")
        orders[0, 0] = self.positions[action]

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        wrong = (actions < 0) | (actions >= len(self.positions))
        if wrong.any():
            allowed = f"0 .. {len(self.positions) - 1} are allowed"
            raise ValueError(f"{_which(actions, wrong)}: {allowed}")
        orders[:, 0] = self._table[actions]


class ContinuousWeights:
    """The target weights themselves; NaN holds.

    Where the sum of their absolute values exceeds the gross limit, all are scaled down to it.
    """

    def __init__(self, assets: int, low: float, high: float, gross: float) -> None:
        # As the Box rounds them, so that its own bounds are valid actions.
        self._low, self._high = float(np.float32(low)), float(np.float32(high))
        self._assets, self._gross = assets, gross
        self.space: spaces.Space[Any] = spaces.Box(self._low, self._high, (assets,), np.float32)

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        self.many(np.asarray(action, np.float64).reshape(1, -1), orders)

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        n = self._assets
        if actions.shape[-1] != n:
            raise ValueError(f"actions of {actions.shape[-1]} weights; there are {n} assets")
        wrong = (actions < self._low) | (actions > self._high)
        if wrong.any():
            raise ValueError(
                f"{_which(actions, wrong)} lies outside the position range "
                f"[{self._low}, {self._high}]"
            )
        orders[:, :n] = actions
        if n > 1:
            gross = np.nansum(np.abs(orders[:, :n]), axis=1, keepdims=True)
            orders[:, :n] *= np.minimum(1.0, self._gross / np.maximum(gross, self._gross))


class FixedAmount:
    """Sell, hold or buy a fixed number of units (the textbook form)."""

    def __init__(self, units: float) -> None:
        self._amounts = np.array([-units, 0.0, units])
        self.space: spaces.Space[Any] = spaces.Discrete(3)

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        self.many(np.array([action]), orders)

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        wrong = (actions < SELL) | (actions > BUY)
        if wrong.any():
            allowed = f"{SELL} (sell), {HOLD} (hold) and {BUY} (buy) are allowed"
            raise ValueError(f"{_which(actions, wrong)}: {allowed}")
        orders[:, 0] = np.nan
        orders[:, 1] = self._amounts[actions]


def _which(actions: NDArray[Any], wrong: NDArray[np.bool_]) -> str:
    """The first wrong action of several."""
    place = tuple(np.argwhere(wrong)[0])
    where = f"environment {place[0]}: " if len(actions) > 1 else ""
    return f"{where}action {actions[place].item()!r}"


def make_actions(config: MarketConfig, assets: int) -> Actions:
    """The action space that a preset declares."""
    if isinstance(config, PortfolioConfig):
        low = 0.0 if config.long_only else -config.gross_limit
        return ContinuousWeights(assets, low, config.gross_limit, config.gross_limit)
    if not isinstance(config, TradingConfig):
        raise ConfigError(f"no actions are known for a {type(config).__name__}")
    if config.order_units is not None:
        return FixedAmount(config.order_units)
    if config.discrete_positions is not None:
        return DiscretePositions(config.discrete_positions)
    low, high = config.lowest_position, config.highest_position
    return ContinuousWeights(1, low, high, max(abs(low), abs(high)))
