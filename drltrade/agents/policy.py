"""The greedy policy of a native agent."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from drltrade.envs.observations import Observation, split


class NetworkPolicy:
    """Encoder, tower and choice: an `agents.agent.PriceTakerPolicy`. Runs where its weights are."""

    def __init__(
        self,
        encoder: nn.Module,
        outputs: Callable[[Tensor, Tensor], Tensor],
        choose: Callable[[Tensor], Any],
        shape: tuple[int, int],
        device: torch.device,
    ) -> None:
        """Compose a policy.

        Args:
            encoder: [N, window, F] -> [N, E].
            outputs: [N, E], [N, 4] -> [N, A].
            choose: [A] -> action for the environment.
            shape: (window, F).
            device: of the weights.
        """
        self._encoder, self._outputs, self._choose = encoder, outputs, choose
        self._shape, self._device = shape, device

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> Tensor:
        """[N, window, F] -> [N, E]."""
        embedding: Tensor = self._encoder(windows.to(self._device))
        return embedding

    @torch.inference_mode()
    def decide(self, embedding: Tensor, account: Tensor) -> Any:
        """[E], [4] -> greedy action."""
        account = account.to(self._device)
        return self._choose(self._outputs(embedding.unsqueeze(0), account.unsqueeze(0))[0])

    def act(self, observation: Observation, state: Any = None) -> tuple[Any, Any]:
        """Greedy action for one flat observation; keeps no state."""
        windows, account = split(observation, self._shape)
        return self.decide(self.encode(windows.unsqueeze(0))[0], account), state
