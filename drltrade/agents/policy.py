"""The greedy policy of a native agent."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from drltrade.agents.encoders import Encoder, NetworkConfig
from drltrade.envs.observations import Observation, split

ENCODED_AT_ONCE = 4096
"""Windows of a period encoded in one batch; bounds the memory, not the result."""


class NetworkPolicy:
    """Encoder, outputs and choice: an `agents.agent.PriceTakerPolicy`. Runs where its weights are.

    With history memory the encoder's state is that of `act`, and of `encode` from window to window.
    """

    def __init__(
        self,
        encoder: Encoder,
        outputs: Callable[[Tensor, Tensor], Tensor],
        choose: Callable[[Tensor], Tensor],
        network: NetworkConfig,
        shape: tuple[int, int],
        device: torch.device,
        reads: Literal["account", "position"] = "account",
    ) -> None:
        """Compose a policy.

        Args:
            encoder: of the market.
            outputs: [N, E], [N, A] -> [N, O].
            choose: [N, O] -> greedy actions, [N] or [N, assets].
            network: whose memory it is.
            shape: (window, F).
            device: of the weights.
            reads: what of the account the outputs depend on.
        """
        self._encoder, self._outputs, self._choose = encoder, outputs, choose
        self.reads = reads
        self._history, self._shape, self._device = network.memory == "history", shape, device

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> Tensor:
        """[T, window, F] of bars in a row -> [T, E]."""
        windows = windows.to(self._device)
        if self._history:
            bars = torch.cat([windows[0], windows[1:, -1]])
            return self._encoder.sequence(bars.unsqueeze(0))[0][0, -len(windows) :]
        parts = torch.split(windows, ENCODED_AT_ONCE)
        return torch.cat([self._encoder(part) for part in parts])

    @torch.inference_mode()
    def decide(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, E], [N, A] -> greedy actions, as the environment means them: [N] or [N, assets]."""
        return self._choose(self._outputs(embedding, account.to(self._device)))

    @torch.inference_mode()
    def act(self, observation: Observation, state: Any = None) -> tuple[Any, Any]:
        """Greedy action for one flat observation."""
        windows, account = split(observation, self._shape)
        windows = windows.to(self._device).unsqueeze(0)
        if self._history:
            bars = windows if state is None else windows[:, -1:]
            embeddings, state = self._encoder.sequence(bars, state)
            embedding = embeddings[:, -1]
        else:
            embedding = self._encoder(windows)
        return plain(self.decide(embedding, account.unsqueeze(0))[0]), state


def plain(action: Tensor) -> Any:
    """One action as the environment takes it: an integer, or a float32 array."""
    return action.item() if action.dim() == 0 else action.numpy(force=True)
