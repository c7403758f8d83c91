"""Layers that draw noise, from a generator that was handed in and never torch's global one.

Both draw in training mode alone. `quiet` silences them for a while, say to evaluate a policy.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


class NoisyLinear(nn.Module):
    """A linear map whose weights are Gaussian around learned means, with learned deviations.

    y = (W + S * (f(u) f(v)^T)) x + b + s * f(u), with u, v standard normal and f(z) = sgn(z)
    sqrt|z|. Source: Fortunato et al. 2018, "Noisy networks for exploration", eq. 9-11 (factorised
    noise). The noise stays the same between two calls of `resample`; before the first there is
    none. In evaluation mode the means are used.
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, inputs: int, outputs: int, sigma0: float = 0.5) -> None:
        """`sigma0`: deviations start at sigma0 / sqrt(inputs)."""
        super().__init__()
        self.inputs, self.outputs, self.sigma0 = inputs, outputs, sigma0
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.weight_sigma = nn.Parameter(torch.empty(outputs, inputs))
        self.bias_sigma = nn.Parameter(torch.empty(outputs))
        # In the state dict: a run that resumes between two draws goes on with the noise it had.
        self.register_buffer("noise_in", torch.zeros(inputs))
        self.register_buffer("noise_out", torch.zeros(outputs))
        bound = 1.0 / math.sqrt(inputs)
        for mean in (self.weight, self.bias):
            nn.init.uniform_(mean, -bound, bound)
        self.reset_sigma()

    def reset_sigma(self) -> None:
        """Deviations as at the start."""
        for sigma in (self.weight_sigma, self.bias_sigma):
            nn.init.constant_(sigma, self.sigma0 / math.sqrt(self.inputs))

    def resample(self, generator: torch.Generator) -> None:
        """Draw u and v anew; `generator` lives where the weights do."""
        for noise in (self.noise_in, self.noise_out):
            normal = torch.randn(noise.shape, generator=generator, device=noise.device)
            noise.copy_(normal.sign() * normal.abs().sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        if not self.training:
            return functional.linear(x, self.weight, self.bias)
        factors = torch.outer(self.noise_out, self.noise_in)
        weight = torch.addcmul(self.weight, self.weight_sigma, factors)
        bias = torch.addcmul(self.bias, self.bias_sigma, self.noise_out)
        return functional.linear(x, weight, bias)


class Dropout(nn.Module):
    """Zeroes a share of its inputs in training mode, and scales up the rest.

    Source: Srivastava et al. 2014, "Dropout". Unlike `nn.Dropout` it draws from the generator that
    `draw_from` gave it, so that a run depends on its own seed alone and can be resumed exactly.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Any shape.

        Raises:
            RuntimeError: in training mode before `draw_from`.
        """
        if not self.training or self.share == 0.0:
            return x
        if self.generator is None:
            raise RuntimeError("dropout has no generator: call draw_from(network, generator) first")
        uniform = torch.rand(x.shape, generator=self.generator, device=x.device)
        return x * (uniform >= self.share) / (1.0 - self.share)


def draw_from(module: nn.Module, generator: torch.Generator) -> None:
    """Let every `Dropout` within draw from `generator`, which lives where the inputs do."""
    for layer in module.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator


def resample(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the noise of every `NoisyLinear` within anew."""
    for layer in module.modules():
        if isinstance(layer, NoisyLinear):
            layer.resample(generator)


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while: mean weights, nothing dropped; then each part as it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
