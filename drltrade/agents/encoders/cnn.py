"""Causal dilated convolutions along the bars."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from drltrade.agents.activations import ACTIVATIONS
from drltrade.agents.encoders.base import Encoder, State, preceded
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout


def reach_of(kernel: int, layers: int) -> int:
    """Bars that the last output depends on: 1 + (kernel - 1)(1 + 2 + ... + 2^(layers - 1))."""
    return 1 + (kernel - 1) * ((1 << layers) - 1)


def layers_to_reach(bars: int, kernel: int) -> int:
    """The fewest layers whose last output depends on that many bars."""
    layers = 1
    while reach_of(kernel, layers) < bars:
        layers += 1
    return layers


class ConvolutionLayer(nn.Module):
    """Convolve, normalise, activate, drop; add the input where it is as wide."""

    def __init__(self, config: NetworkConfig, inputs: int, dilation: int) -> None:
        super().__init__()
        units, layered = config.units, config.normalization == "layer"
        self.residual = inputs == units and dilation > 1
        self.convolution = nn.Conv1d(inputs, units, config.kernel, dilation=dilation)
        self.norm = nn.LayerNorm(units) if layered else nn.Identity()
        self.activation = ACTIVATIONS[config.activation]()
        self.dropout = Dropout(config.dropout)

    def forward(self, bars: Tensor) -> Tensor:
        """[B, L, inputs] -> [B, L - (kernel - 1) dilation, units]."""
        convolved = self.convolution(bars.transpose(1, 2)).transpose(1, 2)
        return self._finished(convolved, bars[:, bars.shape[1] - convolved.shape[1] :])

    def every_other(self, bars: Tensor) -> Tensor:
        """As `forward`, of bars that already stand `dilation` apart, for every second of them."""
        of_layer = self.convolution
        convolved = functional.conv1d(bars.transpose(1, 2), of_layer.weight, of_layer.bias, 2)
        return self._finished(convolved.transpose(1, 2), bars[:, of_layer.kernel_size[0] - 1 :: 2])

    def _finished(self, convolved: Tensor, bars: Tensor) -> Tensor:
        result: Tensor = self.dropout(self.activation(self.norm(convolved)))
        return result + bars if self.residual else result


class CnnEncoder(Encoder):
    """Layer i convolves bars 2^i apart; all but the first are residual.

    Source: Bai, Kolter & Koltun 2018, "An empirical evaluation of generic convolutional and
    recurrent networks for sequence modeling" (one convolution a layer). Bars before the first are
    read as zeros.
    """

    def __init__(self, config: NetworkConfig, layers: int, features: int, width: int) -> None:
        """`layers` stands in for `config.layers`."""
        super().__init__()
        self.width, self._reach = width, reach_of(config.kernel, layers)
        self.layers = nn.Sequential(
            *(
                ConvolutionLayer(config, features if i == 0 else config.units, 2**i)
                for i in range(layers)
            )
        )
        self.linear = nn.Linear(config.units, width)

    @property
    def reach(self) -> int:
        """1 + (kernel - 1)(2^layers - 1)."""
        return self._reach

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, width], from the window's last `reach` bars.

        The last bar needs of each layer only the bars that stand as far apart as the next layer's
        kernel reads them, so each layer computes half as many as the one before.
        """
        missing = self._reach - windows.shape[1]
        known = preceded(windows, None, missing) if missing > 0 else windows[:, -self._reach :]
        for layer in self.layers:
            known = cast(ConvolutionLayer, layer).every_other(known)
        embedding: Tensor = self.linear(known[:, -1])
        return embedding

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, width]. State: the last reach - 1 bars."""
        known = preceded(bars, state[0] if state else None, self._reach - 1)
        embeddings: Tensor = self.linear(self.layers(known))
        return embeddings, (known[:, known.shape[1] - self._reach + 1 :],)
