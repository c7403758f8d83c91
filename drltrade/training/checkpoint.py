"""Weights on disk: written whole or not at all, loaded without executing anything."""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from drltrade.atomic import write_atomic


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write tensors (moved to the CPU) atomically; equal ones make equal bytes.

    Raises:
        StorageError: they could not be written; the weights of before are kept.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    content = io.BytesIO()  # given a file, torch writes its name, here a temporary one, into it
    torch.save(tensors, content)
    write_atomic(path, lambda temporary: temporary.write_bytes(content.getvalue()))


def load_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """Read tensors, and nothing but tensors."""
    weights: dict[str, Tensor] = torch.load(path, map_location=device, weights_only=True)
    return weights
