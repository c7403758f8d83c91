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

    @property
    def middle(self) -> float:
        """Of the range of a weight."""
        return 0.5 * (self.high + self.low)

    @property
    def half(self) -> float:
        """Half the width of that range."""
        return 0.5 * (self.high - self.low)

    def weights(self, unit: Tensor) -> Tensor:
        """[..., N] in [-1, 1] -> [..., N] target weights."""
        return self._scaled(self.middle + self.half * unit)

    def within(self, weights: Tensor) -> Tensor:
        """[..., N] any weights -> [..., N] those that the environment would make of them."""
        return self._scaled(weights.clamp(self.low, self.high))

    def _scaled(self, weights: Tensor) -> Tensor:
        if self.gross is None:
            return weights
        size = weights.abs().sum(-1, keepdim=True)
        return weights * (self.gross / size.clamp_min(self.gross))

    def units(self, weights: Tensor) -> Tensor:
        """[..., N] target weights -> [..., N] in [-1, 1], the linear map backwards."""
        return (weights - self.middle) / self.half

    def orders(self, weights: Tensor) -> Tensor:
        """The weights as the environment takes them: float32, within its bounds bit by bit."""
        return weights.float().clamp(self.low, self.high)


def weight_box(task: Task, agent: str = "the agent") -> WeightBox:
    """The box of a task's actions.

    Raises:
        ConfigError: actions are a choice among positions, or amounts; names `agent`.
    """
    config, assets = task.config, task.market.assets
    if isinstance(config, PortfolioConfig):
        low = 0.0 if config.long_only else -config.gross_limit
        return WeightBox(assets, low, config.gross_limit, config.gross_limit)
    trading, positions = task.trading, task.trading.discrete_positions
    if positions is not None:
        raise ConfigError(
            f"{agent} chooses weights from a range, but the environment lists positions = "
            f"{list(positions)}: set position_range = [{min(positions):g}, {max(positions):g}] "
            "instead, or take dqn, exo_dqn, ppo or sac"
        )
    return WeightBox(assets, trading.lowest_position, trading.highest_position)
