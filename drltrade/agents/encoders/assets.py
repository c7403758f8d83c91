"""One encoder for all assets of a portfolio, and attention among them."""

from torch import Tensor, nn

from drltrade.agents.encoders.attention import Attention, FeedForward
from drltrade.agents.encoders.base import Encoder, State
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout


class CrossAssetBlock(nn.Module):
    """Pre-norm attention of each asset to all, then one norm and linear map to `width`.

    Assets have no order: to permute them is to permute the result.
    """

    def __init__(self, config: NetworkConfig, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.units)
        self.attention = Attention(config.units, config.heads)
        self.dropout = Dropout(config.dropout)
        self.feed_forward = FeedForward(config)
        self.last_norm = nn.LayerNorm(config.units)
        self.linear = nn.Linear(config.units, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, units] -> [B, N, width]."""
        normal = self.norm(x)
        x = x + self.dropout(self.attention(normal, *self.attention.remember(normal), None))
        embedding: Tensor = self.linear(self.last_norm(self.feed_forward(x)))
        return embedding


class PortfolioEncoder(Encoder):
    """The same encoder reads every asset; embeddings come out one asset after the other.

    A market row holds the f features of asset 1, then those of asset 2, and so on: F = N f.
    """

    def __init__(self, encoder: Encoder, assets: int, across: CrossAssetBlock | None, width: int):
        """Compose an encoder of portfolios.

        Args:
            encoder: of one asset, [B, W, f] -> [B, e].
            assets: N.
            across: [B, N, e] -> [B, N, width]; None: each asset by itself, and e = width.
            width: numbers per asset in an embedding.
        """
        super().__init__()
        self.encoder, self.across = encoder, across
        self.assets, self.width = assets, assets * width

    @property
    def reach(self) -> int | None:
        """That of the encoder of one asset."""
        return self.encoder.reach

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, N f] -> [B, N width]."""
        each = self.encoder(self._apart(windows))
        return self._together(each.reshape(len(windows), self.assets, -1))

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, N f] -> [B, L, N width]. State: as the encoder's, but [B, N, ...]."""
        of_assets = None if state is None else tuple(part.flatten(0, 1) for part in state)
        each, of_assets = self.encoder.sequence(self._apart(bars), of_assets)
        batch, length = bars.shape[:2]
        by_bar = each.reshape(batch, self.assets, length, -1).transpose(1, 2)
        embeddings = self._together(by_bar.flatten(0, 1)).reshape(batch, length, -1)
        rows = (batch, self.assets)
        return embeddings, tuple(part.reshape(*rows, *part.shape[1:]) for part in of_assets)

    def _apart(self, bars: Tensor) -> Tensor:
        """[B, L, N f] -> [B N, L, f]."""
        by_asset = bars.reshape(*bars.shape[:2], self.assets, -1)
        return by_asset.transpose(1, 2).flatten(0, 1)

    def _together(self, each: Tensor) -> Tensor:
        """[B, N, e] -> [B, N width]."""
        return (each if self.across is None else self.across(each)).flatten(1)
