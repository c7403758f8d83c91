"""The market as an agent sees it: windows by time index, and rewards in units of volatility."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from drltrade.envs.observations import windows
from drltrade.envs.task import Task
from drltrade.market.simulator import Simulator


class MarketView:
    """Gathers windows by index, and embeds bars once instead of once per account."""

    def __init__(self, task: Task, simulator: Simulator) -> None:
        """`simulator`: whose rows and device the view takes."""
        self._window = task.config.window
        # One row per window, flat: gathering whole rows is several times faster.
        self._flat = windows(simulator.features, self._window).flatten(1, 2)
        self._features = simulator.features.shape[1]
        self._offset = self._window - 1
        # Rows of the period, and every bar that a step can lead to.
        self.rows = simulator.rows
        self.bars = len(simulator.rows)

    def embed(self, encoder: nn.Module, t: Tensor) -> Tensor:
        """[B] time indices -> [B, E] embeddings."""
        return self.reader(encoder, t.numel())(t)

    def reader(self, encoder: nn.Module, reads: int) -> Callable[[Tensor], Tensor]:
        """How to embed time indices, [B] -> [B, E], with the encoder as it is now.

        Where at least as many `reads` will be asked for as the period has bars, each bar is encoded
        once and looked up; otherwise the windows are gathered. Both give the same values.
        """
        if reads >= self.bars:
            table, first = self.table(encoder), self.rows[0]
            return lambda t: table.index_select(0, t - first)
        return lambda t: self._encode(encoder, self._flat.index_select(0, t - self._offset))

    def table(self, encoder: nn.Module) -> Tensor:
        """[bars, E] embedding of every bar of the period; row 0 belongs to `rows[0]`."""
        first = self.rows[0] - self._offset
        return self._encode(encoder, self._flat[first : first + self.bars])

    def _encode(self, encoder: nn.Module, flat: Tensor) -> Tensor:
        embeddings: Tensor = encoder(flat.view(len(flat), self._window, self._features))
        return embeddings


def reward_scale(task: Task) -> float:
    """Standard deviation of the asset's log return per bar over the train period.

    Of several assets: that of their equally weighted portfolio.

    Rewards divided by it are of order one for any asset and bar length, which keeps one learning
    rate good for all of them.
    """
    rows = task.rows("train")
    close = torch.from_numpy(task.market.close[rows[0] : rows[-1] + 1])
    scale = float(torch.log(close).diff(dim=0).mean(1).std())
    return scale if scale > 0 else 1.0
