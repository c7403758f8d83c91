"""Weights on disk: written whole or not at all, loaded without executing anything."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from drltrade.atomic import write_atomic


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write tensors (moved to the CPU) atomically."""
    tensors = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    write_atomic(path, lambda temporary: torch.save(tensors, temporary))


def load_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """Read tensors, and nothing but tensors."""
    weights: dict[str, Tensor] = torch.load(path, map_location=device, weights_only=True)
    return weights
