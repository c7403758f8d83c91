"""From an embedding of the market, the account and perhaps an action to outputs per asset."""

import torch
from torch import Tensor, nn

from drltrade.agents.activations import ACTIVATIONS
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout, NoisyLinear
from drltrade.market.standing import BY_ASSET


class Tower(nn.Module):
    """Embedding and account -> outputs.

    The account enters by a linear map that is added to the embedding: with the `mlp` encoder the
    two are the first layer of a plain network on the flat observation. Then come activation, the
    layers of `config.hidden[1:]`, and a linear head.

    Of several assets each has its own outputs from the same weights. Beside its own position,
    unrealised return and tenure (and `extra` inputs) an asset is told the account's drawdown and
    the means of the others over all assets, so that permuting the assets permutes the outputs.
    """

    def __init__(
        self, config: NetworkConfig, outputs: int, assets: int = 1, pooled: bool = False,
        extra: int = 0, noisy: bool = False, account: bool = True,
    ) -> None:  # fmt: skip
        """Build a tower.

        Args:
            config: of the whole network; H = hidden[0].
            outputs: numbers to put out, per asset unless pooled.
            assets: N.
            pooled: take the mean over the assets before the head: outputs of the whole account.
            extra: further inputs per asset, such as the action whose value is asked for.
            noisy: noisy layers after the first (Fortunato et al. 2018).
            account: whether to read the account; without it the outputs are the market's alone.
        """
        super().__init__()
        self.assets, self.pooled, self.extra = assets, pooled, extra
        own = len(BY_ASSET) + extra
        told = own + 1 if assets == 1 else 2 * own + 1
        self.account = nn.Linear(told, config.hidden[0], False) if account else None
        linear = NoisyLinear if noisy else nn.Linear
        layers = _between(config, config.hidden[0])
        for width, next_width in zip(config.hidden[:-1], config.hidden[1:], strict=True):
            layers += [linear(width, next_width), *_between(config, next_width)]
        self.body = nn.Sequential(*layers)
        self.head = linear(config.hidden[-1], outputs)

    def forward(
        self, embedding: Tensor, account: Tensor | None = None, extra: Tensor | None = None
    ) -> Tensor:
        """Outputs for a batch; any leading dimensions in place of B.

        Args:
            embedding: [B, N H].
            account: [B, 3 N + 1]: positions, unrealised returns, tenures, drawdown; of a tower that
                reads it.
            extra: [B, N extra], asset by asset; None if there are no extra inputs.

        Returns:
            [B, N outputs], asset by asset; pooled: [B, outputs].
        """
        market = embedding.reshape(*embedding.shape[:-1], self.assets, -1)
        if self.account is not None:
            assert account is not None
            # Laid out the other way round the weight has a quick gradient: with a handful of inputs
            # the product of a long thin matrix by another takes some processors ten times as long.
            weight = self.account.weight.t().contiguous()
            market = market + self._told(account, extra) @ weight
        hidden = self.body(market)
        outputs: Tensor = self.head(hidden.mean(-2) if self.pooled else hidden)
        return outputs if self.pooled else outputs.flatten(-2)

    def _told(self, account: Tensor, extra: Tensor | None) -> Tensor:
        """[B, N, A]: what each asset is told beside the market."""
        leading, n = account.shape[:-1], self.assets
        if n == 1:
            told = account if extra is None else torch.cat([account, extra], -1)
            return told.unsqueeze(-2)
        own = account[..., :-1].reshape(*leading, len(BY_ASSET), n).transpose(-1, -2)
        if extra is not None:
            own = torch.cat([own, extra.reshape(*leading, n, -1)], -1)
        drawdown = account[..., None, -1:].expand(*own.shape[:-1], 1)
        return torch.cat([own, drawdown, own.mean(-2, keepdim=True).expand_as(own)], -1)


def _between(config: NetworkConfig, width: int) -> list[nn.Module]:
    """What follows a linear layer of that width."""
    layers: list[nn.Module] = [ACTIVATIONS[config.activation]()]
    if config.normalization == "layer":
        layers.insert(0, nn.LayerNorm(width))
    if config.dropout > 0:
        layers.append(Dropout(config.dropout))
    return layers
