"""Continuous actions: from numbers in [-1, 1] to target weights."""

from typing import NamedTuple

from torch import Tensor

from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError


class WeightBox(NamedTuple):
    """The target weights that an environment takes, and how [-1, 1]^N maps onto them.

    Per asset the map is linear. Where the sum of absolute weights of several assets exceeds the
    gross limit all are scaled down to it, as `envs.actions.ContinuousWeights` does.
    """

    assets: int
    low: float
    high: float
    gross: float | None = None
    """Largest sum of absolute weights; None: one asset."""

    def weights(self, unit: Tensor) -> Tensor:
        """[..., N] in [-1, 1] -> [..., N] target weights."""
        middle, half = 0.5 * (self.high + self.low), 0.5 * (self.high - self.low)
        weights = middle + half * unit
        if self.gross is None:
            return weights
        size = weights.abs().sum(-1, keepdim=True)
        return weights * (self.gross / size.clamp_min(self.gross))

    def units(self, weights: Tensor) -> Tensor:
        """[..., N] target weights -> [..., N] in [-1, 1], the linear map backwards."""
        middle, half = 0.5 * (self.high + self.low), 0.5 * (self.high - self.low)
        return (weights - middle) / half

    def orders(self, weights: Tensor) -> Tensor:
        """The weights as the environment takes them: float32, within its bounds bit by bit."""
        return weights.float().clamp(self.low, self.high)


def weight_box(task: Task, agent: str) -> WeightBox:
    """The box of a task's actions.

    Raises:
        ConfigError: actions are a choice among positions, or amounts; names `agent`.
    """
    config, assets = task.config, task.market.assets
    if isinstance(config, PortfolioConfig):
        low = 0.0 if config.long_only else -config.gross_limit
        return WeightBox(assets, low, config.gross_limit, config.gross_limit)
    trading = task.trading
    if trading.discrete_positions is not None:
        raise ConfigError(
            f"{agent} chooses weights from a range, but the environment lists positions = "
            f"{list(trading.discrete_positions)}: set position_range = [low, high] instead, or "
            "take dqn, exo_dqn, ppo or sac"
        )
    return WeightBox(assets, trading.lowest_position, trading.highest_position)
