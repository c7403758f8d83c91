"""The parts of pre-norm attention blocks: multi-head attention and the layers after it."""

from torch import Tensor, nn
from torch.nn import functional

from drltrade.agents.activations import ACTIVATIONS
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout

EXPANSION = 4
"""Hidden units of the layers after the attention, per unit (Vaswani et al. 2017)."""


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, "Attention is all you need", section 3.2.2)."""

    def __init__(self, units: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(units, units)
        self.key = nn.Linear(units, units)
        self.value = nn.Linear(units, units)
        self.merge = nn.Linear(units, units)

    def remember(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, K, units] -> keys and values, [B, K, units] each."""
        return self.key(x), self.value(x)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        """What each of Q inputs finds among K others.

        Args:
            x: [B, Q, units].
            keys: [B, K, units], as `values`, from `remember`.
            values: [B, K, units].
            bias: added to the logits, broadcast to [B, heads, Q, K].

        Returns:
            [B, Q, units].
        """
        query, key, value = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in (self.query(x), keys, values)
        )
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        merged: Tensor = self.merge(found.transpose(1, 2).flatten(2))
        return merged


class FeedForward(nn.Module):
    """x + two layers of the normalised x."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.units)
        self.up = nn.Linear(config.units, EXPANSION * config.units)
        self.activation = ACTIVATIONS[config.activation]()
        self.down = nn.Linear(EXPANSION * config.units, config.units)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., units] -> [..., units]."""
        added: Tensor = self.dropout(self.down(self.activation(self.up(self.norm(x)))))
        return x + added
