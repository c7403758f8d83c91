"""A window, flattened."""

from torch import Tensor, nn

from drltrade.agents.encoders.base import Encoder, State, preceded


class MlpEncoder(Encoder):
    """One linear map of the flat window.

    With a tower on top the sum of the two linear maps, of the window and of the account, is exactly
    the first layer of a plain network on the flat observation.
    """

    def __init__(self, window: int, features: int, width: int) -> None:
        super().__init__()
        self.window, self.width = window, width
        self.linear = nn.Linear(window * features, width)

    @property
    def reach(self) -> int:
        """The window."""
        return self.window

    def forward(self, windows: Tensor) -> Tensor:
        """[B, window, F] -> [B, width]."""
        embedding: Tensor = self.linear(windows.flatten(1))
        return embedding

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, width], each bar by the window that ends with it.

        State: the last window - 1 bars.
        """
        known = preceded(bars, state[0] if state else None, self.window - 1)
        windows = known.unfold(1, self.window, 1).transpose(2, 3)
        embeddings: Tensor = self.linear(windows.flatten(2))
        return embeddings, (known[:, known.shape[1] - self.window + 1 :],)
