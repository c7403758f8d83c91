"""What the presets of all native agents have in common."""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from drltrade.agents.encoders import NetworkConfig
from drltrade.agents.initialisation import initialise
from drltrade.agents.optimisation import OptimizationConfig
from drltrade.settings import Settings


class AgentConfig(OptimizationConfig):
    """Network, optimisation, discount and precision."""

    network: NetworkConfig = NetworkConfig(initialisation="uniform")
    gamma: float = Field(0.99, ge=0, lt=1, description="discount of the next step's reward")
    normalize_reward: bool = Field(True, description="divide by the asset's volatility per bar")
    burn_in: int = Field(
        32, ge=0, description="history memory: bars read before those that are learned from"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the network's products while it learns"
    )

    compile: Literal["none", "default", "reduce-overhead"] = Field(
        "none",
        description="torch.compile the network; reduce-overhead records CUDA graphs of it, too",
    )

    @property
    def lead(self) -> int:
        """Bars before the first decision of a segment that the encoder reads."""
        return self.burn_in if self.network.memory == "history" else 0

    def initialise(self, network: nn.Module, generator: torch.Generator, head_gain: float) -> None:
        """Draw a network's first weights, on the CPU, by the seed of `generator`.

        The same seed gives the same weights on every device.
        """
        on_cpu = torch.Generator().manual_seed(generator.initial_seed())
        uniform = self.network.initialisation == "uniform"
        initialise(network, on_cpu, head_gain, self.network.gain, uniform)

    def compiled(self, *modules: nn.Module) -> None:
        """Have modules compiled when they are first called, if that is wished for."""
        if self.compile != "none":
            for module in modules:
                module.compile(mode=self.compile)

    def autocast(self, device: torch.device) -> torch.autocast:
        """The precision as a context."""
        lower = self.precision == "bfloat16"
        return torch.autocast(device.type, torch.bfloat16, enabled=lower, cache_enabled=False)


class TwinsConfig(Settings):
    """Accounts that are compared with each other."""

    n_envs: int = Field(64, ge=1, description="accounts stepped at once")
    twins: int = Field(
        2, ge=1, description="accounts that meet the same bars and are compared with each other"
    )

    @model_validator(mode="after")
    def _twins_come_whole(self) -> "TwinsConfig":
        if self.n_envs % self.twins:
            raise ValueError(
                f"n_envs = {self.n_envs} is not a multiple of twins = {self.twins}, the accounts "
                "that meet the same bars: change either (twins = 1 compares none)"
            )
        return self


class DistributionConfig(Settings):
    """Values as distributions, and the risk that choices take."""

    quantiles: int = Field(1, ge=1, description="of each value's distribution; 1: its mean alone")
    risk_level: float = Field(
        1.0, gt=0, le=1, description="choose by the mean of this share of worst outcomes (CVaR)"
    )

    @model_validator(mode="after")
    def _risk_needs_a_distribution(self) -> "DistributionConfig":
        if self.risk_level < 1.0 and self.quantiles < 2:
            raise ValueError(
                f"risk_level = {self.risk_level} needs the distribution of values: set quantiles"
            )
        return self
