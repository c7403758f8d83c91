"""A causal transformer whose bars attend to a bounded past, so that it runs along any history."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from drltrade.agents.encoders.attention import Attention, FeedForward
from drltrade.agents.encoders.base import Encoder, State, preceded
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout


class CausalBlock(nn.Module):
    """Pre-norm attention of each bar to the last `context` bars, its own in.

    Positions are relative: a head's logits fall linearly with the distance in bars, at a slope of
    2^(-8 h / heads) for head h = 1 .. heads. Source: Press, Smith & Lewis 2022, "Train short, test
    long: attention with linear biases enables input length extrapolation" (ALiBi).
    """

    slopes: Tensor

    def __init__(self, config: NetworkConfig, context: int) -> None:
        super().__init__()
        self.context = context
        self.norm = nn.LayerNorm(config.units)
        self.attention = Attention(config.units, config.heads)
        self.dropout = Dropout(config.dropout)
        self.feed_forward = FeedForward(config)
        slopes = 2.0 ** (-8.0 * torch.arange(1, config.heads + 1) / config.heads)
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)

    def forward(
        self, x: Tensor, cache: Tensor | None = None, seen: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Every bar.

        Args:
            x: [B, L, units].
            cache: [B, context - 1, 2 units] keys and values of the bars before; None: no such bars.
            seen: [B] how many of them there truly were; the latest count.

        Returns:
            ([B, L, units], keys and values of these L bars [B, L, 2 units]).
        """
        normal = self.norm(x)
        memory = torch.cat(self.attention.remember(normal), -1)
        count = min(self.context, x.shape[1])
        attended = self._first_bars(normal[:, :count], memory[:, :count], cache, seen)
        if x.shape[1] > count:
            attended = torch.cat([attended, self._later_bars(normal, memory)], 1)
        y: Tensor = self.feed_forward(x + self.dropout(attended))
        return y, memory

    def last(self, x: Tensor) -> Tensor:
        """[B, L, units], nothing before -> [B, units], the last bar of what `forward` gives."""
        x = x[:, -self.context :]
        normal = self.norm(x)
        keys, values = self.attention.remember(normal)
        attended = self.attention(normal[:, -1:], keys, values, self._bias(1, x.shape[1]))
        y: Tensor = self.feed_forward(x[:, -1:] + self.dropout(attended))
        return y[:, 0]

    def _first_bars(
        self, normal: Tensor, memory: Tensor, cache: Tensor | None, seen: Tensor | None
    ) -> Tensor:
        """Up to `context` bars, which may look back into the cache."""
        if cache is None or seen is None:
            bias = self._bias(normal.shape[1], memory.shape[1])
        else:
            memory = torch.cat([cache, memory], 1)
            unseen = self.context - 1 - seen[:, None]
            hidden = torch.arange(memory.shape[1], device=memory.device) < unseen
            bias = self._bias(normal.shape[1], memory.shape[1])
            bias = bias.masked_fill(hidden[:, None, None, :], -torch.inf)
        result: Tensor = self.attention(normal, *memory.chunk(2, -1), bias)
        return result

    def _later_bars(self, normal: Tensor, memory: Tensor) -> Tensor:
        """Bars from `context` on, in blocks of `context`: time and memory grow linearly with L."""
        context, length = self.context, normal.shape[1]
        padding = -length % context
        queries = functional.pad(normal[:, context:], (0, 0, 0, padding))
        queries = queries.reshape(-1, context, normal.shape[2])
        # The first bar of a block looks back context - 1 bars.
        spans = functional.pad(memory[:, 1:], (0, 0, 0, padding))
        spans = spans.unfold(1, 2 * context - 1, context).transpose(2, 3).flatten(0, 1)
        bias = self._bias(context, 2 * context - 1)
        attended: Tensor = self.attention(queries, *spans.chunk(2, -1), bias)
        return attended.reshape(len(normal), -1, normal.shape[2])[:, : length - context]

    def _bias(self, queries: int, keys: int) -> Tensor:
        """[1, heads, Q, K], where the last query stands at the last key."""
        place = torch.arange(keys, device=self.slopes.device)
        distance = place[keys - queries :, None] - place
        visible = (distance >= 0) & (distance < self.context)
        return torch.where(visible, -self.slopes * distance, -torch.inf).unsqueeze(0)


class TransformerEncoder(Encoder):
    """A linear map to `units`, causal blocks, a norm, and the linear map to `width`."""

    def __init__(self, config: NetworkConfig, context: int, features: int, width: int) -> None:
        """`context` stands in for `config.context`: the window, where that is all there is."""
        super().__init__()
        self.width, self.context = width, context
        self.inlet = nn.Linear(features, config.units)
        self.blocks = nn.ModuleList(CausalBlock(config, context) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.units)
        self.linear = nn.Linear(config.units, width)

    @property
    def reach(self) -> int:
        """Each layer looks back context - 1 bars further."""
        return 1 + len(self.blocks) * (self.context - 1)

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, width]; the last layer computes the last bar alone."""
        x = self.inlet(windows)
        for block in self.blocks[:-1]:
            x, _ = block(x)
        last = cast(CausalBlock, self.blocks[-1]).last(x)
        embedding: Tensor = self.linear(self.norm(last))
        return embedding

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, width].

        State: how many earlier bars count [B], then each layer's keys and values of the last
        context - 1 bars [B, context - 1, 2 units].
        """
        kept, length = self.context - 1, bars.shape[1]
        seen, caches = (state[0], state[1:]) if state else (None, (None,) * len(self.blocks))
        x, memories = self.inlet(bars), []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, memory = block(x, cache, seen)
            memories.append(preceded(memory, cache, kept)[:, length:])
        if seen is None:
            seen = torch.zeros(len(bars), dtype=torch.long, device=bars.device)
        embeddings: Tensor = self.linear(self.norm(x))
        return embeddings, ((seen + length).clamp(max=kept), *memories)
