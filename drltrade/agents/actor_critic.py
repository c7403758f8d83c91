"""Networks and settings that the actor-critics for continuous actions share."""

import torch
from pydantic import Field
from torch import Tensor, nn

from drltrade.agents.actions import WeightBox
from drltrade.agents.encoders import NetworkConfig, make_encoder
from drltrade.agents.off_policy import OffPolicyConfig
from drltrade.agents.towers import Tower


class DeterministicConfig(OffPolicyConfig):
    """Hyperparameters of `ddpg`, and of `td3` beside its own."""

    network: NetworkConfig = NetworkConfig(activation="silu", initialisation="uniform")
    learning_rate: float = Field(2e-3, gt=0, description="at its height")
    learning_starts: int = Field(2048, ge=0, description="transitions before the first update")
    tau: float = Field(0.02, gt=0, le=1, description="share of the online weights taken a step")
    exploration_noise: tuple[float, float] = Field(
        (0.02, 0.2),
        description="smallest and largest deviation of the actions that the accounts "
        "try, of a range [-1, 1]",
    )


class Actor(nn.Module):
    """Market and account -> numbers per asset, from which actions are made."""

    def __init__(
        self, config: NetworkConfig, shape: tuple[int, int], assets: int, outputs: int
    ) -> None:
        """`outputs`: per asset."""
        super().__init__()
        self.encoder = make_encoder(config, shape, config.hidden[0], assets)
        self.tower = Tower(config, outputs, assets)

    def outputs(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[B, N H], [B, 3 N + 1] -> [B, N outputs]."""
        outputs: Tensor = self.tower(embedding, account).float()
        return outputs


class Critic(nn.Module):
    """Market, account and action -> values, from several towers on one encoder."""

    def __init__(
        self, config: NetworkConfig, shape: tuple[int, int], box: WeightBox, critics: int
    ) -> None:
        """`critics`: how many towers."""
        super().__init__()
        self.box = box
        self.encoder = make_encoder(config, shape, config.hidden[0], box.assets)
        self.towers = nn.ModuleList(
            Tower(config, 1, box.assets, pooled=box.assets > 1, extra=1) for _ in range(critics)
        )

    def values(self, embedding: Tensor, account: Tensor, unit: Tensor) -> Tensor:
        """[B, N H], [B, 3 N + 1], actions [B, N] in [-1, 1] -> [B, C] values.

        What is judged is the weights that the environment makes of the actions, within the gross
        limit.
        """
        told = self.box.units(self.box.weights(unit))
        values = [tower(embedding, account, told) for tower in self.towers]
        return torch.cat(values, -1).float()

    def first(self, embedding: Tensor, account: Tensor, unit: Tensor) -> Tensor:
        """The first tower's values alone, [B]."""
        told = self.box.units(self.box.weights(unit))
        value: Tensor = self.towers[0](embedding, account, told).float()
        return value.squeeze(-1)


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
