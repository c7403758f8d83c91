"""The weights that a no-trade band leads to, bar by bar, and the gradient back through them.

    target_t = p_t + rate_t (clamp(p_t, lo_t, hi_t) - p_t)
    p_{t+1}  = target_t (1 + move_t) / (1 + target_t move_t)        (one asset; its drift)

The recursion is short and long-winded: a dozen small operations a bar, forward and back. On CPUs,
for one asset, two compiled loops take their place; a test holds them to the operations.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from drltrade.market.smooth import drifted

Move = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(weight, lo, hi, rate) -> target, [B, N] each."""


def band_path(
    start: Tensor, lo: Tensor, hi: Tensor, rate: Tensor, move: Tensor, delayed: bool, to: Move
) -> tuple[Tensor, Tensor]:
    """Follow a band.

    Args:
        start: [B, N] first weights.
        lo, hi, rate: [L, B, N].
        move: [L, B, N] returns from fill to close.
        delayed: see `market.smooth.drifted`.
        to: the trade, where assets share a budget.

    Returns:
        (weights before each trade [L, B, N], targets [L, B, N]).
    """
    if start.shape[-1] == 1 and start.device.type == "cpu":
        path: tuple[Tensor, Tensor] = _BandPath.apply(  # type: ignore[no-untyped-call]
            start, lo, hi, rate, move, delayed
        )
        return path
    return band_path_reference(start, lo, hi, rate, move, delayed, to)


def band_path_reference(
    start: Tensor, lo: Tensor, hi: Tensor, rate: Tensor, move: Tensor, delayed: bool, to: Move
) -> tuple[Tensor, Tensor]:
    """The same in tensor operations, for any device, dtype and number of assets."""
    weight, weights, targets = start, [], []
    for t in range(len(lo)):
        weights.append(weight)
        targets.append(to(weight, lo[t], hi[t], rate[t]))
        weight = drifted(targets[-1], move[t], delayed)
    return torch.stack(weights), torch.stack(targets)


class _BandPath(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, start: Tensor, lo: Tensor, hi: Tensor, rate: Tensor, move: Tensor, delayed: bool
    ) -> tuple[Tensor, Tensor]:
        lo, hi, rate, move = (x.contiguous() for x in (lo, hi, rate, move))
        weights, targets = torch.empty_like(lo), torch.empty_like(lo)
        _forward()(
            start.numpy().reshape(-1), *_flat(lo, hi, rate, move), delayed, *_flat(weights, targets)
        )
        ctx.save_for_backward(lo, hi, rate, move, weights, targets)
        ctx.delayed = delayed
        return weights, targets

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        lo, hi, rate, move, weights, targets = ctx.saved_tensors
        by_weight, by_target = (gradient.contiguous() for gradient in gradients)
        by_lo, by_hi, by_rate = (torch.empty_like(lo) for _ in range(3))
        _backward()(
            *_flat(lo, hi, rate, move), ctx.delayed, *_flat(weights, targets, by_weight, by_target),
            *_flat(by_lo, by_hi, by_rate),
        )  # fmt: skip
        return None, by_lo, by_hi, by_rate, None, None


def _flat(*tensors: Tensor) -> tuple[Any, ...]:
    """[L, B, 1] -> [L, B] arrays, without a copy."""
    return tuple(tensor.detach().numpy()[:, :, 0] for tensor in tensors)


@cache
def _forward() -> Any:
    from drltrade.market.kernel_cache import kernel

    @kernel("band path, forward")
    def forward(
        start: Any, lo: Any, hi: Any, rate: Any, move: Any, delayed: Any, weights: Any, targets: Any
    ) -> None:
        length, batch = lo.shape
        for b in range(batch):
            p = start[b]
            for t in range(length):
                weights[t, b] = p
                outside = max(lo[t, b] - p, 0.0) - max(p - hi[t, b], 0.0)
                p = p + rate[t, b] * outside
                targets[t, b] = p
                if not delayed:
                    p = p * (1.0 + move[t, b]) / (1.0 + p * move[t, b])

    return forward


@cache
def _backward() -> Any:
    from drltrade.market.kernel_cache import kernel

    @kernel("band path, backward")
    def backward(
        lo: Any, hi: Any, rate: Any, move: Any, delayed: Any, weights: Any, targets: Any,
        by_weight: Any, by_target: Any, by_lo: Any, by_hi: Any, by_rate: Any,
    ) -> None:  # fmt: skip
        length, batch = lo.shape
        for b in range(batch):
            later = 0.0  # by the weight of the bar after
            for back in range(length):
                t = length - 1 - back
                drift = 1.0
                if not delayed:
                    growth = 1.0 + targets[t, b] * move[t, b]
                    drift = (1.0 + move[t, b]) / (growth * growth)
                target = by_target[t, b] + later * drift
                p, r = weights[t, b], rate[t, b]
                below, above = p < lo[t, b], p > hi[t, b]
                by_lo[t, b] = target * r if below else 0.0
                by_hi[t, b] = target * r if above else 0.0
                by_rate[t, b] = target * (max(lo[t, b] - p, 0.0) - max(p - hi[t, b], 0.0))
                later = by_weight[t, b] + target * (1.0 - (r if below or above else 0.0))

    return backward
