"""Replay of transitions as time indices and account states: about 50 bytes each, never a window.

Recurrent encoders learn from sequences of consecutive steps (Kapturowski et al. 2019, "Recurrent
experience replay in distributed reinforcement learning", R2D2). That paper has to store the
recurrent state a sequence began in, or to replay the agent's own past as a burn-in. Here the
encoder reads the market alone: what came before a sequence are the market's bars, whatever the
account did and even where its episode began with the sequence. They lie on the device already, so
a burn-in from them gives a state of the latest weights, and no state is stored.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.agents.returns import n_step_return, n_step_returns_within
from drltrade.market.simulator import Transition
from drltrade.market.standing import account_features


class Batch(NamedTuple):
    """B n-step transitions, [B] each (accounts: [B, 3 N + 1], weights: [B, N])."""

    t: Tensor
    account: Tensor
    action: Tensor
    """Indices of positions (long), or [B, N] float32."""
    reward: Tensor
    """n-step return G."""
    discount: Tensor
    """gamma^m for the next state's value; 0 where the last step terminated."""
    next_t: Tensor
    next_account: Tensor


class Sequences(NamedTuple):
    """B sequences of L consecutive steps of an account each."""

    start: Tensor
    """[B] the first steps' time indices: bars start .. start + L belong to a sequence."""
    batch: Batch
    """[B, L, ...] the transitions that begin with each step; n is cut at a sequence's end."""
    next_bar: Tensor
    """[B, L] which bar of its sequence, 0 .. L, a transition's next state belongs to."""
    counts: Tensor
    """[B, L] bool: the step belongs to the episode of the first one. What lies beyond the end of
    an episode is another's, and its numbers mean nothing here."""


class Slots(NamedTuple):
    """[B] places in the ring."""

    row: Tensor
    env: Tensor


class Replay:
    """A ring of the last `capacity` transitions of `n_envs` accounts."""

    def __init__(
        self, capacity: int, n_envs: int, device: torch.device, assets: int = 1,
        continuous: bool = False,
    ) -> None:  # fmt: skip
        """Make room.

        Args:
            capacity: transitions of all accounts together.
            n_envs: n.
            device: where they are stored and sampled.
            assets: N.
            continuous: whether actions are [n, N] numbers, or [n] indices of positions.
        """
        self.rows = max(capacity // n_envs, 1)
        shape = (self.rows, n_envs)
        self.n_envs, self._device = n_envs, device
        self._t = torch.zeros(shape, dtype=torch.int32, device=device)
        if continuous:
            self._action = torch.zeros((*shape, assets), device=device)
        else:
            self._action = torch.zeros(shape, dtype=torch.int16, device=device)
        self._reward = torch.zeros(shape, device=device)
        self._terminated = torch.zeros(shape, dtype=torch.bool, device=device)
        self._done = torch.zeros(shape, dtype=torch.bool, device=device)
        self._account = torch.zeros((*shape, account_features(assets)), device=device)
        self._next_account = torch.zeros_like(self._account)
        self.written = 0
        """Steps of all accounts so far, those since overwritten included."""

    def __len__(self) -> int:
        return min(self.written, self.rows) * self.n_envs

    def add(self, t: Tensor, account: Tensor, action: Tensor, led_to: Transition) -> None:
        """Store one step of all accounts: the state it began in, the action, what it led to."""
        row = self.written % self.rows
        self._t[row], self._account[row], self._action[row] = t, account, action
        self._reward[row] = led_to.reward
        self._terminated[row] = led_to.terminated
        self._done[row] = led_to.terminated | led_to.truncated
        self._next_account[row] = led_to.account
        self.written += 1

    def draw(
        self, size: int, span: int, generator: torch.Generator, twins: int = 1
    ) -> Slots:  # fmt: skip
        """[size] slots, uniformly from those whose `span` steps from there on have been stored.

        Args:
            size: a multiple of `twins`.
            span: steps.
            generator: draws.
            twins: accounts in a row whose steps are drawn together: the k-th of `twins` blocks of
                the slots holds the k-th members.

        Raises:
            ValueError: fewer than `span` steps have been stored.
        """
        stored = min(self.written, self.rows)
        if stored < span:
            raise ValueError(f"{stored} steps stored, {span} needed")
        options = {"generator": generator, "device": self._device}
        oldest, newest = self.written - stored, self.written - span
        groups, count = self.n_envs // twins, size // twins
        row = torch.randint(oldest, newest + 1, (count,), **options)  # type: ignore[call-overload]
        group = torch.randint(0, groups, (count,), **options)  # type: ignore[call-overload]
        member = torch.arange(twins, device=self._device)[:, None]
        return Slots((row % self.rows).repeat(twins), (group * twins + member).flatten())

    def sample(self, size: int, n_step: int, gamma: float, generator: torch.Generator) -> Batch:
        """`size` n-step transitions, uniformly from those whose n steps have been stored.

        Raises:
            ValueError: fewer than `n_step` steps have been stored.
        """
        return self.transitions(self.draw(size, n_step, generator), n_step, gamma)

    def transitions(self, slots: Slots, n_step: int, gamma: float) -> Batch:
        """The n-step transitions that begin in `slots`."""
        start, env = slots
        if n_step == 1:
            reward, end = self._reward[start, env], start
            discount = torch.full_like(reward, gamma)
        else:
            steps = (start + torch.arange(n_step, device=self._device)[:, None]) % self.rows
            reward, discount, last = n_step_return(
                self._reward[steps, env], self._done[steps, env], gamma
            )
            end = (start + last) % self.rows
        return self._batch(start, end, env, reward, discount)

    def sequences(self, slots: Slots, length: int, n_step: int, gamma: float) -> Sequences:
        """The sequences of `length` steps that begin in `slots`."""
        env = slots.env[:, None]
        ahead = torch.arange(length, device=self._device)
        rows = (slots.row[:, None] + ahead) % self.rows
        done = self._done[rows, env]
        reward, discount, last = (
            part.T
            for part in n_step_returns_within(self._reward[rows, env].T, done.T, n_step, gamma)
        )
        batch = self._batch(rows, rows.gather(1, last), env, reward, discount)
        over = done.cumsum(1) - done.long()
        return Sequences(batch.t[:, 0], batch, last + 1, over == 0)

    def _batch(
        self, start: Tensor, end: Tensor, env: Tensor, reward: Tensor, discount: Tensor
    ) -> Batch:
        """From the rows of first and last steps."""
        action = self._action[start, env]
        return Batch(
            t=self._t[start, env].long(),
            account=self._account[start, env],
            action=action if action.is_floating_point() else action.long(),
            reward=reward,
            discount=discount * (~self._terminated[end, env]),
            next_t=self._t[end, env].long() + 1,
            next_account=self._next_account[end, env],
        )
