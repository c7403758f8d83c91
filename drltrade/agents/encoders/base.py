"""The contract of an encoder."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]
"""What an encoder keeps of the bars so far; each tensor has the batch in front."""


class Encoder(nn.Module, ABC):
    """Features of the market -> embeddings, of a window or along a sequence of bars.

    Causal: an embedding depends on its own bar and on those before it. The last step is one linear
    map to `width`. For every encoder, `forward(windows)` is the last embedding that
    `sequence(windows)` gives.
    """

    width: int
    """E, numbers in an embedding."""

    @property
    @abstractmethod
    def reach(self) -> int | None:
        """Bars that an embedding along a sequence depends on, its own in; None: all so far."""

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, E]; nothing comes before a window's first bar."""

    @abstractmethod
    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Embed each of L bars in a row.

        Args:
            bars: [B, L, F], L >= 1.
            state: what the call on the bars before returned. None: nothing came before, and so
                says a state (or a row of one) that is all zeros.

        Returns:
            ([B, L, E], the state to go on with as if there had been one call).
        """


def preceded(bars: Tensor, earlier: Tensor | None, count: int) -> Tensor:
    """[B, L, F] with the `count` bars before in front; zeros where there is none."""
    if earlier is None:
        return functional.pad(bars, (0, 0, count, 0))
    return torch.cat([earlier, bars], 1)
