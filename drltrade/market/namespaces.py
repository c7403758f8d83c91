"""The array libraries that the accounting rule is specialised to.

Each namespace has `where`, `abs`, `sign`, `sqrt` (plain numbers also `log`, for rewards) and

- `total`: the sum over an account's assets;
- `each`: an account's number, shaped to meet its assets' numbers;
- `settled`: whether an iteration may stop because all of a mask is true; false where asking would
  wait for a device;
- `in_line`: for each of an account's costs the sum of those up to it, the least first, of equals
  the earlier asset's.

With one asset the numbers of an account and of its asset have the same shape, so that `total` and
`each` have nothing to do; with many, assets are the last axis.
"""

import math
from typing import Any, Protocol

import numpy as np


class Namespace(Protocol):
    """What `make_rule` asks of an array library."""

    where: Any
    abs: Any
    sign: Any
    sqrt: Any
    total: Any
    each: Any
    settled: Any
    in_line: Any


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return yes if condition else no


def _sign(value: Any) -> Any:
    return 1.0 if value > 0.0 else (-1.0 if value < 0.0 else 0.0)


def _same(value: Any) -> Any:
    return value


class Scalar:
    """Plain Python numbers: one account, one asset. The form that numba compiles."""

    where = staticmethod(_where)
    abs = staticmethod(abs)
    sign = staticmethod(_sign)
    log = staticmethod(math.log)
    sqrt = staticmethod(math.sqrt)
    total = staticmethod(_same)
    each = staticmethod(_same)
    settled = staticmethod(_same)
    in_line = staticmethod(_same)


class NumPy:
    """float64 arrays [..., N]: the reference."""

    where = staticmethod(np.where)
    abs = staticmethod(np.abs)
    sign = staticmethod(np.sign)
    sqrt = staticmethod(np.sqrt)
    settled = staticmethod(np.all)

    @staticmethod
    def total(values: Any) -> Any:
        return np.sum(values, axis=-1)

    @staticmethod
    def each(values: Any) -> Any:
        return np.asarray(values)[..., None]

    @staticmethod
    def in_line(costs: Any) -> Any:
        order = np.argsort(costs, axis=-1, kind="stable")
        sums = np.empty_like(costs)
        np.put_along_axis(
            sums, order, np.take_along_axis(costs, order, axis=-1).cumsum(axis=-1), axis=-1
        )
        return sums


def torch_namespace(single: bool) -> Any:
    """Tensors [n] (one asset) or [n, N], on any device; differentiable, never waits for it."""
    import torch

    class Torch:
        abs = staticmethod(torch.abs)
        sign = staticmethod(torch.sign)
        sqrt = staticmethod(torch.sqrt)

        @staticmethod
        def where(condition: Any, yes: Any, no: Any) -> Any:
            if isinstance(yes, float) and isinstance(no, float):
                # Of two plain numbers torch would make float32.
                no = torch.full((), no, dtype=torch.float64, device=condition.device)
            return torch.where(condition, yes, no)

        @staticmethod
        def total(values: Any) -> Any:
            # What a plan leaves out is the number 0.
            return values if single or isinstance(values, float) else values.sum(-1)

        @staticmethod
        def each(values: Any) -> Any:
            return values if single else values.unsqueeze(-1)

        @staticmethod
        def settled(mask: Any) -> bool:
            return False

        @staticmethod
        def in_line(costs: Any) -> Any:
            if single:
                return costs
            ordered, order = costs.sort(dim=-1, stable=True)
            return torch.empty_like(costs).scatter(-1, order, ordered.cumsum(-1))

    return Torch


SCALAR, NUMPY = Scalar(), NumPy()
