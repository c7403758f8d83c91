"""Prioritised replay: transitions that surprised are drawn more often.

Source: Schaul et al. 2016, "Prioritized experience replay": the proportional variant of section
3.3, with the importance weights of section 3.4.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.agents.replay import Slots

WIDTH = 64
"""Children of a node of the tree: a million leaves have four levels."""

SMALLEST = 1e-6
"""Added to every error, so that none is never drawn again (epsilon in the paper)."""


class SumTree:
    """Weights, their sums in blocks, the sums of those, and so on: draws in logarithmic time."""

    def __init__(self, size: int, device: torch.device) -> None:
        """`size` leaves of weight 0."""
        self.levels = []
        """From the leaves (float32) to the root's children (float64), whole blocks each."""
        dtype = torch.float32
        while True:
            blocks = -(-size // WIDTH)
            self.levels.append(torch.zeros(blocks, WIDTH, dtype=dtype, device=device))
            if blocks == 1:
                break
            size, dtype = blocks, torch.float64

    def set(self, leaf: Tensor, weight: Tensor) -> None:
        """[B] leaves -> [B] weights; of a leaf named twice, one of them."""
        self.levels[0].view(-1)[leaf] = weight.float()
        for lower, upper in zip(self.levels[:-1], self.levels[1:], strict=True):
            leaf = leaf // WIDTH
            upper.view(-1)[leaf] = lower[leaf].sum(-1, dtype=torch.float64)

    def weight(self, leaf: Tensor) -> Tensor:
        """[B] leaves -> [B] their weights."""
        return self.levels[0].view(-1)[leaf]

    @property
    def total(self) -> Tensor:
        """[] the sum of all weights."""
        return self.levels[-1].sum(dtype=torch.float64)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """[count] leaves, each with a probability proportional to its weight.

        The k-th comes from the k-th of `count` equal parts of the total, as in appendix B.2.1 of
        the paper; a leaf without weight is never drawn.
        """
        device = self.levels[0].device
        within = torch.rand(count, generator=generator, device=device, dtype=torch.float64)
        rest = (torch.arange(count, device=device) + within) / count * self.total
        leaf = torch.zeros(count, dtype=torch.long, device=device)
        for level in reversed(self.levels):
            ends = level[leaf].double().cumsum(-1)
            # Rounding may carry the rest to the last end, or beyond; there the weights are over.
            most = torch.nextafter(ends[:, -1], torch.zeros_like(rest))
            rest = torch.minimum(rest, most)
            child = torch.searchsorted(ends, rest.unsqueeze(-1), right=True)
            before = torch.where(child > 0, ends.gather(1, (child - 1).clamp_min(0)), 0.0)
            rest = rest - before.squeeze(-1)
            leaf = leaf * WIDTH + child.squeeze(-1)
        return leaf


class Drawn(NamedTuple):
    """Slots drawn by their priorities."""

    slots: Slots
    weight: Tensor
    """[B] importance weights, the largest 1."""


class Priorities:
    """The priorities of a replay's slots."""

    def __init__(
        self, rows: int, n_envs: int, span: int, device: torch.device, alpha: float, beta: float
    ) -> None:
        """All slots are empty.

        Args:
            rows: of the replay.
            n_envs: n.
            span: steps from a slot on that must have been stored before it is drawn.
            device: of the replay.
            alpha: how far priorities matter; 0: not at all.
            beta: how far importance weights correct for it at first; at the end, wholly.
        """
        self._rows, self._n_envs, self._span = rows, n_envs, span
        self._alpha, self._beta, self._device = alpha, beta, device
        self.tree = SumTree(rows * n_envs, device)
        self._largest = torch.ones((), device=device)
        self._envs = torch.arange(n_envs, device=device)
        self._filled = 0

    def added(self, written: int) -> None:
        """Tell of one more step of all accounts, `written` in total.

        The slot that was overwritten waits for its span; the one whose span is now complete gets
        the largest priority so far.
        """
        none = torch.zeros(self._n_envs, device=self._device)
        self.tree.set((written - 1) % self._rows * self._n_envs + self._envs, none)
        if written >= self._span:
            row = (written - self._span) % self._rows
            self.tree.set(row * self._n_envs + self._envs, self._largest.expand(self._n_envs))
        stored = min(written, self._rows)
        self._filled = max(stored - self._span + 1, 0) * self._n_envs

    def draw(self, size: int, progress: float, generator: torch.Generator) -> Drawn:
        """[size] slots; `progress`: the share of the training that is over."""
        leaf = self.tree.draw(size, generator)
        beta = self._beta + (1.0 - self._beta) * min(max(progress, 0.0), 1.0)
        chance = self.tree.weight(leaf) / self.tree.total
        weight = (self._filled * chance) ** -beta
        slots = Slots(leaf // self._n_envs, leaf % self._n_envs)
        return Drawn(slots, (weight / weight.max()).float())

    def update(self, slots: Slots, error: Tensor) -> None:
        """Give `slots` the priorities (|error| + epsilon)^alpha, [B]."""
        weight = (error.abs() + SMALLEST) ** self._alpha
        self._largest = torch.maximum(self._largest, weight.max())
        self.tree.set(slots.row * self._n_envs + slots.env, weight)
