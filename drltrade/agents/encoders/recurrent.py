"""LSTM and GRU, whole sequences at a time."""

from torch import Tensor, nn

from drltrade.agents.encoders.base import Encoder, State
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.noisy import Dropout


class RecurrentEncoder(Encoder):
    """A stack of LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014) layers.

    What the last layer puts out is normalised and dropped as configured, then mapped to `width`.
    """

    def __init__(self, config: NetworkConfig, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        kind = nn.LSTM if config.encoder == "lstm" else nn.GRU
        self.recurrent = kind(features, config.units, config.layers, batch_first=True)
        layered = config.normalization == "layer"
        self.norm = nn.LayerNorm(config.units) if layered else nn.Identity()
        self.dropout = Dropout(config.dropout)
        self.linear = nn.Linear(config.units, width)

    @property
    def reach(self) -> None:
        """All bars so far."""
        return None

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, width]; the state is zero at the window's first bar."""
        outputs, _ = self.recurrent(windows.contiguous())
        return self._embedded(outputs[:, -1])

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, width]. State: h, and of an LSTM c, [B, layers, units] each."""
        start = None
        if state is not None:
            parts = tuple(part.transpose(0, 1).contiguous() for part in state)
            start = parts if len(parts) > 1 else parts[0]
        outputs, end = self.recurrent(bars.contiguous(), start)
        parts = end if isinstance(end, tuple) else (end,)
        return self._embedded(outputs), tuple(part.transpose(0, 1) for part in parts)

    def _embedded(self, outputs: Tensor) -> Tensor:
        embedding: Tensor = self.linear(self.dropout(self.norm(outputs)))
        return embedding
