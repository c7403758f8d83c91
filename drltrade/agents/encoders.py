"""Networks of the market's part of an observation, and the towers on top of them.

A price taker's market does not depend on its account, so every network here is split in two: an
*encoder* maps a window of features to an embedding (computed once per bar, however many accounts
stand there), and a *tower* adds a linear map of the account and goes on to the outputs. For the
`mlp` encoder the sum of the two linear maps is exactly the first layer of a plain network on the
flat observation.
"""

import math
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from drltrade.agents.activations import ACTIVATIONS
from drltrade.market.standing import account_features
from drltrade.settings import Settings


class NetworkConfig(Settings):
    """Shape of an agent's network."""

    encoder: Literal["mlp", "lstm"] = Field("mlp", description="what reads the window of features")
    units: int = Field(64, ge=1, description="LSTM: hidden units")
    layers: int = Field(1, ge=1, description="LSTM: stacked layers")
    hidden: tuple[PositiveInt, ...] = Field(
        (64, 64), min_length=1, description="widths of the layers after the encoder"
    )
    activation: Literal["tanh", "relu"] = "tanh"


class MlpEncoder(nn.Module):
    """Flatten the window, one linear map."""

    def __init__(self, window: int, features: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(window * features, width)

    def forward(self, windows: Tensor) -> Tensor:
        """[N, window, F] -> [N, width]."""
        embedding: Tensor = self.linear(windows.flatten(1))
        return embedding


class LstmEncoder(nn.Module):
    """Read the window bar by bar; the last hidden state goes through one linear map.

    The state starts at zero with each window, so an embedding depends on its window alone and is
    the same in training, in a batch and in a backtest.
    """

    def __init__(self, features: int, units: int, layers: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, layers, batch_first=True)
        self.linear = nn.Linear(units, width)

    def forward(self, windows: Tensor) -> Tensor:
        """[N, window, F] -> [N, width], in one call over the whole sequence."""
        outputs, _ = self.lstm(windows.contiguous())
        embedding: Tensor = self.linear(outputs[:, -1])
        return embedding


def make_encoder(config: NetworkConfig, shape: tuple[int, int], width: int) -> nn.Module:
    """The encoder that `config` names, for windows of `shape` (window, F)."""
    window, features = shape
    if config.encoder == "lstm":
        return LstmEncoder(features, config.units, config.layers, width)
    return MlpEncoder(window, features, width)


class Tower(nn.Module):
    """Embedding and account -> outputs."""

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        activation = ACTIVATIONS[config.activation]
        self.account = nn.Linear(account_features(1), config.hidden[0], bias=False)
        layers: list[nn.Module] = [activation()]
        for width, next_width in zip(config.hidden[:-1], config.hidden[1:], strict=True):
            layers += [nn.Linear(width, next_width), activation()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(config.hidden[-1], outputs)

    def forward(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, hidden[0]], [N, 4] -> [N, outputs]."""
        outputs: Tensor = self.head(self.body(embedding + self.account(account)))
        return outputs


def initialise(module: nn.Module, generator: torch.Generator, head_gain: float = 0.01) -> None:
    """Orthogonal weights of gain sqrt(2) (heads: `head_gain`), zero biases.

    As is customary for policy gradients (Andrychowicz et al. 2021, "What matters in on-policy
    reinforcement learning?"). An LSTM's forget gates start with a bias of one (Jozefowicz et al.
    2015).
    """
    for name, parameter in module.named_parameters():
        with torch.no_grad():
            if "bias" in name:
                parameter.zero_()
                if "lstm.bias_ih" in name:
                    units = parameter.numel() // 4
                    parameter[units : 2 * units] = 1.0
            elif parameter.dim() == 2:
                gain = head_gain if name.endswith("head.weight") else math.sqrt(2.0)
                nn.init.orthogonal_(parameter, 1.0 if "lstm" in name else gain, generator)
