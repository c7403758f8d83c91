"""The contract between an agent and whoever trains or runs it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from drltrade.envs.observations import Observation


class Policy(Protocol):
    """A trained (or half-trained) decision rule."""

    def act(self, observation: Observation, state: Any = None) -> tuple[Any, Any]:
        """Greedy action for one observation of the environment.

        Args:
            observation: as `drltrade/Trading-v0` gives it, flat float32.
            state: what the previous call returned; None at the start of an episode.

        Returns:
            The action for the environment, and the state to hand to the next call.
        """
        ...


@runtime_checkable
class PriceTakerPolicy(Protocol):
    """A policy that reads the market and the account apart.

    The market does not depend on what the agent does, so its part of the policy can be computed
    for all bars of a period at once (`encode`), and only the account's part bar by bar (`decide`).
    `act` is the two in a row.
    """

    def encode(self, windows: Tensor) -> Tensor:
        """[T, window, F] of bars in a row, from the start of an episode on -> [T, E]."""
        ...

    def decide(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, E], [N, A] of N accounts -> greedy actions, [N] or [N, assets]."""
        ...


OnProgress = Callable[[int, Mapping[str, float], Policy], bool]
"""Called by an agent as it learns, with environment steps so far, figures of the last iteration and
the current policy; a false answer asks the agent to stop."""


class Agent(Protocol):
    """Something that learns in a prepared market."""

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Train for `total_steps` environment steps, or until `on_progress` answers false."""
        ...

    def policy(self) -> Policy:
        """The current greedy policy; it follows the agent as it learns on."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """What `load_weights` of an agent of the same configuration takes."""
        ...

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the policy."""
        ...
