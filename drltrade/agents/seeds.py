"""Several seeds of one network, evaluated and trained as one.

The networks that daily data need are small: a GPU takes longer to be told of a step than to take
it. Here the parameters are stacked along a leading dimension, and every operation works on all
seeds at once (`torch.func.vmap`). Recurrent layers have no such form.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


def can_be_stacked(network: nn.Module) -> bool:
    """Whether `Seeds` takes several networks like this one."""
    return not any(isinstance(part, nn.RNNBase) for part in network.modules())


class Seeds:
    """S networks of one architecture as one function [S, ...] -> [S, ...].

    `networks` stay what they were: their parameters follow those that are trained.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        """Stack the parameters.

        Raises:
            ValueError: there are several, with recurrent layers.
        """
        self.networks = list(networks)
        if len(self.networks) == 1:
            self.parameters: dict[str, nn.Parameter] = dict(self.networks[0].named_parameters())
            return
        if not can_be_stacked(self.networks[0]):
            raise ValueError("recurrent networks cannot be stacked: train their seeds in turn")
        stacked, _ = stack_module_state(self.networks)
        self.parameters = {name: nn.Parameter(p.detach().clone()) for name, p in stacked.items()}
        for k, network in enumerate(self.networks):
            for name, parameter in network.named_parameters():
                parameter.data = self.parameters[name].data[k]

    @property
    def stacked(self) -> int | None:
        """S where the parameters have it in front, else None; see `Optimization`."""
        return len(self.networks) if len(self.networks) > 1 else None

    def __call__(self, inputs: Tensor) -> Any:
        """The networks' forward on [S, ...]."""
        if self.stacked is None:
            return self.networks[0](inputs.squeeze(0)).unsqueeze(0)

        def forward(parameters: dict[str, Any], of_seed: Tensor) -> Any:
            return functional_call(self.networks[0], parameters, (of_seed,))

        return vmap(forward, randomness="different")(dict(self.parameters), inputs)

    @torch.no_grad()
    def follow(self, leader: "Seeds", tau: float) -> None:
        """Move the parameters a share `tau` of the way to another's."""
        for name, parameter in self.parameters.items():
            parameter.lerp_(leader.parameters[name], tau)
