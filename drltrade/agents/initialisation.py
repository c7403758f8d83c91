"""Initial weights, from a generator."""

import math

import torch
from torch import nn

from drltrade.agents.noisy import NoisyLinear

UNIT_GAIN = ("query", "key", "value", "merge", "down")
"""Layers of attention blocks that no activation follows."""


@torch.no_grad()
def initialise(
    module: nn.Module,
    generator: torch.Generator,
    head_gain: float = 0.01,
    gain: float = math.sqrt(2.0),
    uniform: bool = False,
) -> None:
    """Orthogonal weights and zero biases, in the order of the module's parts.

    Linear layers and convolutions (their kernels flattened) have singular values of `gain`, layers
    named `head` of `head_gain`, as is customary for policy gradients (Andrychowicz et al. 2021,
    "What matters in on-policy reinforcement learning?"). Gates of recurrent layers and projections
    of attention are orthogonal each, of gain one. An LSTM's forget gates start with a bias of one
    (Jozefowicz et al. 2015, "An empirical exploration of recurrent network architectures").
    Noisy layers have means like other layers, and the deviations of their paper.

    Args:
        module: whose parts are initialised; parameters of other kinds stay as they are.
        generator: of the device that the module is on.
        head_gain: of layers named `head`: small, for a policy that starts indifferent.
        gain: of all other layers.
        uniform: draw weights and biases of layers and convolutions uniformly within +-1 / sqrt(n),
            n inputs, instead (LeCun et al. 1998, "Efficient backprop", section 4.6, up to sqrt 3);
            then those of `head` are multiplied by `head_gain`, and its biases are zero.
    """
    for path, part in module.named_modules():
        name = path.rpartition(".")[2]
        if isinstance(part, nn.Linear | nn.Conv1d | NoisyLinear) and uniform:
            _initialise_uniformly(part, head_gain if name == "head" else None, generator)
        elif isinstance(part, nn.Linear | nn.Conv1d | NoisyLinear):
            own_gain = 1.0 if name in UNIT_GAIN else gain
            nn.init.orthogonal_(part.weight, head_gain if name == "head" else own_gain, generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
            if isinstance(part, NoisyLinear):
                part.reset_sigma()
        elif isinstance(part, nn.LSTM | nn.GRU):
            _initialise_recurrent(part, generator)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def _initialise_uniformly(
    part: nn.Linear | nn.Conv1d | NoisyLinear, head_gain: float | None, generator: torch.Generator
) -> None:
    bound = 1.0 / math.sqrt(part.weight[0].numel())
    nn.init.uniform_(part.weight, -bound, bound, generator)
    if part.bias is not None:
        nn.init.uniform_(part.bias, -bound, bound, generator)
    if head_gain is not None:
        part.weight.mul_(head_gain)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
    if isinstance(part, NoisyLinear):
        part.reset_sigma()


def _initialise_recurrent(part: nn.LSTM | nn.GRU, generator: torch.Generator) -> None:
    units = part.hidden_size
    for name, parameter in part.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
            if isinstance(part, nn.LSTM) and "bias_ih" in name:
                # torch orders the gates: input, forget, cell, output.
                nn.init.ones_(parameter[units : 2 * units])
        else:
            for gate in torch.split(parameter, units):
                nn.init.orthogonal_(gate, 1.0, generator)
