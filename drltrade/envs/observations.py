"""An observation: a window of features, oldest bar first, then the account.

Flat float32 of window * F + A numbers, where an account of N assets has A = 3 N + 1. The market's
part depends on the time index alone, so agents that know this keep indices and gather the windows
when they need them (`windows`).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Observation = NDArray[np.float32]
"""[window * F + A]"""


def windows(features: Tensor, window: int) -> Tensor:
    """[T, F] -> view [T - window + 1, window, F] without a copy; row i covers bars i .. i+window-1.

    The window that ends with bar t is row t - window + 1.
    """
    count = features.shape[1]
    shape = (features.shape[0] - window + 1, window, count)
    return torch.as_strided(features, shape, (count, count, 1))


def split(observation: NDArray[np.float32], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Flat observations [..., window * F + A] -> (windows [..., window, F], account [..., A])."""
    tensor = torch.from_numpy(observation)
    size = shape[0] * shape[1]
    market = tensor[..., :size]
    market = market.reshape(*market.shape[:-1], *shape)
    return market, tensor[..., size:]
