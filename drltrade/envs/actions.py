"""What an action asks for: targets or amounts, one row of orders per account."""

from functools import cache
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.market_config import MarketConfig
from drltrade.errors import ConfigError
from drltrade.market.kernels import compiler
from drltrade.market.rules import Rules

Orders = NDArray[np.float64]
"""[n, 2 N]: target weights (NaN: none), then units to buy."""

Flags = NDArray[np.bool_]

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

    def masks(self, weights: Orders, traded: Flags, equity: Orders, rules: Rules) -> Flags:
        """[n, A] which of the listed actions have a use now.

        An asset that did not trade in the bar just closed takes no order yet, as far as is known,
        and an account that has less than an order's fees can send none: then only the action that
        asks for least is left. All others may be chosen.

        Args:
            weights: [n, N] held.
            traded: [n, N] whether an asset traded in the bar just closed.
            equity: [n] money.
            rules: of the accounts.

        Raises:
            ConfigError: actions are no list.
        """
        ...


def due_at_once(rules: Rules) -> float:
    """Money that falls due with the least of an order."""
    return float(np.max(rules.terms.fixed) + np.max(rules.terms.minimum))


class DiscretePositions:
    """An index into a list of target weights."""

    def __init__(self, positions: tuple[float, ...]) -> None:
        self.positions, self._table = positions, np.array(positions)
        self._allowed = f"0 .. {len(positions) - 1} are allowed"
        self.space: spaces.Space[Any] = spaces.Discrete(len(positions))

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        try:
            if not 0 <= action < len(self.positions):
                raise IndexError
            orders[0, 0] = self.positions[action]
        except (IndexError, TypeError, ValueError):  # beyond either end, or no integer
            raise ValueError(f"action {action!r}: {self._allowed}") from None

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        _check_choices(actions, len(self.positions), self._allowed)
        orders[:, 0] = self._table[actions]

    def masks(self, weights: Orders, traded: Flags, equity: Orders, rules: Rules) -> Flags:
        """See `Actions`; of a list of positions the nearest to that held asks for least."""
        able = traded[:, :1] & (equity > due_at_once(rules))[:, None]
        nearest = np.abs(self._table[None] - weights[:, :1]).argmin(1)
        allowed: Flags = able | (np.arange(len(self._table)) == nearest[:, None])
        return allowed


class ContinuousWeights:
    """The target weights themselves; NaN holds.

    Where the sum of their absolute values exceeds the gross limit, all are scaled down to it.
    """

    def __init__(self, symbols: tuple[str, ...], low: float, high: float, gross: float) -> None:
        # As the Box rounds them, so that its own bounds are valid actions.
        self._low, self._high = float(np.float32(low)), float(np.float32(high))
        self._symbols, self._gross, self._read = symbols, gross, _weight_reader()
        assets = len(symbols)
        self.space: spaces.Space[Any] = spaces.Box(self._low, self._high, (assets,), np.float32)

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        self.many(np.atleast_1d(action)[None], orders)

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        n = len(self._symbols)
        if actions.ndim != 2 or actions.shape[1] != n:
            raise ValueError(f"actions of {actions.shape[-1]} weights; there are {n} assets")
        if actions.dtype.kind not in "fiu":
            raise ValueError(f"{_which(actions, 0)}: a weight is a number; NaN holds")
        wrong: int = self._read(actions, orders, self._low, self._high, self._gross)
        if wrong >= 0:
            asset = f" for {self._symbols[wrong % n]}" if n > 1 else ""
            raise ValueError(
                f"{_which(actions, wrong)}{asset} lies outside the position range "
                f"[{self._low}, {self._high}]"
            )

    def masks(self, weights: Orders, traded: Flags, equity: Orders, rules: Rules) -> Flags:
        """See `Actions`."""
        raise ConfigError(
            "action masks are for listed actions; these are weights from a range: set positions or "
            "order_units"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_read"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_read": _weight_reader()}


@cache
def _weight_reader() -> Any:
    """`read(actions, orders, low, high, gross) -> place of the first wrong weight, or -1`."""

    @compiler()
    def read(actions: Any, orders: Any, low: Any, high: Any, gross: Any) -> Any:
        n = actions.shape[1]
        for e in range(actions.shape[0]):
            size = 0.0
            for i in range(n):
                weight = actions[e, i]
                if weight < low or weight > high:
                    return e * n + i
                size += abs(weight) if weight == weight else 0.0
            scale = gross / size if n > 1 and size > gross else 1.0
            for i in range(n):
                orders[e, i] = actions[e, i] * scale
        return -1

    return read


class FixedAmount:
    """Sell, hold or buy a fixed number of units (the textbook form)."""

    def __init__(self, units: float) -> None:
        self._amounts = np.array([-units, 0.0, units])
        self._allowed = f"{SELL} (sell), {HOLD} (hold) and {BUY} (buy) are allowed"
        self.space: spaces.Space[Any] = spaces.Discrete(3)

    def one(self, action: Any, orders: Orders) -> None:
        """See `Actions`."""
        self.many(np.array([action]), orders)

    def many(self, actions: NDArray[Any], orders: Orders) -> None:
        """See `Actions`."""
        _check_choices(actions, len(self._amounts), self._allowed)
        orders[:, 0] = np.nan
        orders[:, 1] = self._amounts[actions]

    def masks(self, weights: Orders, traded: Flags, equity: Orders, rules: Rules) -> Flags:
        """See `Actions`; beyond the bounds of the position nothing is sold or bought either."""
        able = traded[:, 0] & (equity > due_at_once(rules))
        allowed = np.ones((len(weights), 3), np.bool_)
        allowed[:, SELL] = able & (weights[:, 0] > rules.terms.lowest)
        allowed[:, BUY] = able & (weights[:, 0] < rules.terms.highest)
        return allowed


def _check_choices(actions: NDArray[Any], count: int, allowed: str) -> None:
    """Refuse actions that are no integers 0 .. count - 1."""
    if actions.dtype.kind not in "iu":
        raise ValueError(f"{_which(actions, 0)}: {allowed}")
    wrong = (actions < 0) | (actions >= count)
    if wrong.any():
        raise ValueError(f"{_which(actions, int(wrong.argmax()))}: {allowed}")


def _which(actions: NDArray[Any], wrong: int) -> str:
    """The wrong action of several at a place in the flattened array."""
    number = np.unravel_index(wrong, actions.shape)[0]
    where = f"environment {number}: " if len(actions) > 1 else ""
    return f"{where}action {actions.item(wrong)!r}"


def make_actions(config: MarketConfig, symbols: tuple[str, ...]) -> Actions:
    """The action space that a preset declares, over the assets `symbols`."""
    if isinstance(config, PortfolioConfig):
        low = 0.0 if config.long_only else -config.gross_limit
        return ContinuousWeights(symbols, low, config.gross_limit, config.gross_limit)
    if not isinstance(config, TradingConfig):
        raise ConfigError(f"no actions are known for a {type(config).__name__}")
    if config.order_units is not None:
        return FixedAmount(config.order_units)
    if config.discrete_positions is not None:
        return DiscretePositions(config.discrete_positions)
    low, high = config.lowest_position, config.highest_position
    return ContinuousWeights(symbols, low, high, max(abs(low), abs(high)))
