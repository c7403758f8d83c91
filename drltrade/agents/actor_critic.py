"""Networks and settings that the actor-critics for continuous actions share."""

from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from drltrade.agents.actions import WeightBox
from drltrade.agents.config import TwinsConfig
from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.off_policy import OffPolicyConfig
from drltrade.agents.towers import Tower

TRADE_SCALE = 5.0
"""Of trades as the critic is told them, in units of half the range: those of exploration, whose
deviation is at most a fifth, are then of order one."""


class ActorCriticConfig(OffPolicyConfig, TwinsConfig):
    """What `ddpg`, `td3` and `sac` have in common."""

    network: NetworkConfig = NetworkConfig(activation="silu", initialisation="uniform")
    learning_rate: float = Field(1e-3, gt=0, description="at its height")
    n_envs: int = Field(4096, ge=1, description="accounts stepped at once")
    batch_size: int = Field(8192, ge=1, description="transitions per gradient step")
    buffer_size: int = Field(1_000_000, ge=1, description="transitions kept, all accounts together")
    learning_starts: int = Field(16_384, ge=0, description="transitions before the first update")
    tau: float = Field(0.02, gt=0, le=1, description="share of the online weights taken a step")

    @model_validator(mode="after")
    def _a_batch_holds_twins(self) -> "ActorCriticConfig":
        least = self.twins * (self.sequence_length or 1)
        if self.batch_size < least:
            raise ValueError(
                f"batch_size = {self.batch_size} does not hold what twins = {self.twins} accounts "
                f"lived together: it takes {least}, or twins = 1"
            )
        return self


class DeterministicConfig(ActorCriticConfig):
    """Hyperparameters of `ddpg`, and of `td3` beside its own."""

    actor_starts: int = Field(200, ge=0, description="updates of the critic before the actor's")
    exploration_noise: tuple[float, float] = Field(
        (0.02, 0.2),
        description="smallest and largest deviation of the actions that the accounts "
        "try, of a range [-1, 1]",
    )

    @property
    def policy_update(self) -> int:
        """See `OffPolicyConfig`."""
        return self.actor_starts + 1


class _Bounded(torch.autograd.Function):
    """See `bounded`."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor) -> Tensor:
        ctx.save_for_backward(outputs)
        return outputs.clamp(-1.0, 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (outputs,), (gradient,) = ctx.saved_tensors, gradients
        # Against the gradient of a loss: where that is negative, the output is to grow.
        room = torch.where(gradient < 0.0, 1.0 - outputs, 1.0 + outputs)
        return 0.5 * room * gradient


def bounded(outputs: Tensor) -> Tensor:
    """Clamp to [-1, 1], with inverting gradients for a loss that is descended.

    The gradient is multiplied by the share of the range that is left in the direction of descent;
    of an output beyond a bound that share is negative, which brings it back. A tanh has no gradient
    left once it is saturated, and a plain clamp has none: an actor that an early critic sent to a
    bound stays there for good. Source: Hausknecht & Stone 2016, "Deep reinforcement learning in
    parameterized action space" (ICLR), eq. 11.
    """
    actions: Tensor = _Bounded.apply(outputs)  # type: ignore[no-untyped-call]
    return actions


class Actor(nn.Module):
    """Market and account -> numbers per asset, from which actions are made."""

    def __init__(
        self, config: NetworkConfig, shape: tuple[int, int], assets: int, outputs: int,
        held: WeightBox | None = None,
    ) -> None:  # fmt: skip
        """Build the networks.

        Args:
            config: of the encoder and the tower.
            shape: window and features.
            assets: N.
            outputs: per asset.
            held: if given, the outputs are actions before they are bounded, one per asset, and what
                the networks say is added to the position held: it is a trade. An actor that knows
                nothing yet holds, and so does one that finds no trade worth its cost, which is the
                optimum in a no-trade region (Davis & Norman 1990, "Portfolio selection with
                transaction costs").
        """
        super().__init__()
        self.held = held
        self.encoder = make_encoder(config, shape, config.hidden[0], assets)
        self.tower = Tower(config, outputs, assets)

    def outputs(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[B, N H], [B, 3 N + 1] -> [B, N outputs]."""
        outputs: Tensor = self.tower(embedding, account).float()
        if self.held is None:
            return outputs
        return outputs + self.held.units(account[..., : self.held.assets]).clamp(-1.0, 1.0)


class Critic(nn.Module):
    """Market, account and action -> values, from several towers on one encoder.

    Actions enter as the weights that the environment makes of them, within the gross limit, and
    beside them as the trades that lead there. What trades cost turns on small differences of two
    inputs over a wide range; a network that has to find them by itself takes so long that an actor
    is misled in the meantime.
    """

    def __init__(
        self, config: NetworkConfig, shape: tuple[int, int], box: WeightBox, critics: int
    ) -> None:
        """`critics`: how many towers."""
        super().__init__()
        self.box = box
        self.encoder = make_encoder(config, shape, config.hidden[0], box.assets)
        self.towers = nn.ModuleList(
            Tower(config, 1, box.assets, pooled=box.assets > 1, extra=2) for _ in range(critics)
        )

    def values(self, embedding: Tensor, account: Tensor, unit: Tensor) -> Tensor:
        """[B, N H], [B, 3 N + 1], actions [B, N] in [-1, 1] -> [B, C] values."""
        told = self._told(account, unit)
        values = [tower(embedding, account, told) for tower in self.towers]
        return torch.cat(values, -1).float()

    def first(self, embedding: Tensor, account: Tensor, unit: Tensor) -> Tensor:
        """The first tower's values alone, [B]."""
        value: Tensor = self.towers[0](embedding, account, self._told(account, unit)).float()
        return value.squeeze(-1)

    def _told(self, account: Tensor, unit: Tensor) -> Tensor:
        """[B, 2 N]: of each asset its weight in [-1, 1], and the trade that leads there."""
        box = self.box
        weight = box.units(box.weights(unit))
        trade = weight - box.units(account[..., : box.assets])
        return torch.stack([weight, TRADE_SCALE * trade], -1).flatten(-2)


class PositionCritic(nn.Module):
    """Market and account -> a value per position, from several towers on one encoder."""

    def __init__(
        self, config: NetworkConfig, shape: tuple[int, int], positions: int, critics: int
    ) -> None:
        """`critics`: how many towers."""
        super().__init__()
        self.encoder = make_encoder(config, shape, config.hidden[0])
        self.towers = nn.ModuleList(Tower(config, positions) for _ in range(critics))

    def values(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[B, H], [B, 4] -> [B, C, A]."""
        return torch.stack([tower(embedding, account) for tower in self.towers], 1).float()


def deviations(bounds: tuple[float, float], n_envs: int) -> Tensor:
    """[n, 1] a deviation for each account, from the smallest to the largest in equal ratios.

    What is a small move in one market ruins another, so that some accounts try little and others
    much. Source: Horgan et al. 2018, "Distributed prioritized experience replay", section 4.1, who
    give each actor an epsilon of its own.
    """
    smallest, largest = bounds
    return smallest * (largest / smallest) ** torch.linspace(0.0, 1.0, n_envs)[:, None]
