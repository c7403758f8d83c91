"""Replay of transitions as time indices and account states: about 50 bytes each, never a window."""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.agents.returns import n_step_return
from drltrade.market.simulator import Transition
from drltrade.market.standing import account_features


class Batch(NamedTuple):
    """B n-step transitions, [B] each (accounts: [B, 4])."""

    t: Tensor
    account: Tensor
    action: Tensor
    reward: Tensor
    """n-step return G."""
    discount: Tensor
    """gamma^m for the next state's value; 0 where the last step terminated."""
    next_t: Tensor
    next_account: Tensor


class Replay:
    """A ring of the last `capacity` transitions of `n_envs` accounts, sampled uniformly."""

    def __init__(self, capacity: int, n_envs: int, device: torch.device) -> None:
        """`capacity` counts transitions of all accounts together."""
        self.rows = max(capacity // n_envs, 1)
        shape = (self.rows, n_envs)
        self.n_envs, self._device = n_envs, device
        self._t = torch.zeros(shape, dtype=torch.int32, device=device)
        self._action = torch.zeros(shape, dtype=torch.int16, device=device)
        self._reward = torch.zeros(shape, device=device)
        self._terminated = torch.zeros(shape, dtype=torch.bool, device=device)
        self._done = torch.zeros(shape, dtype=torch.bool, device=device)
        self._account = torch.zeros((*shape, account_features(1)), device=device)
        self._next_account = torch.zeros_like(self._account)
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self.rows) * self.n_envs

    def add(self, t: Tensor, account: Tensor, action: Tensor, led_to: Transition) -> None:
        """Store one step of all accounts: the state it began in, the action, what it led to."""
        row = self._written % self.rows
        self._t[row], self._account[row], self._action[row] = t, account, action
        self._reward[row] = led_to.reward
        self._terminated[row] = led_to.terminated
        self._done[row] = led_to.terminated | led_to.truncated
        self._next_account[row] = led_to.account
        self._written += 1

    def sample(self, size: int, n_step: int, gamma: float, generator: torch.Generator) -> Batch:
        """`size` n-step transitions, uniformly from those whose n steps have been stored.

        Raises:
            ValueError: fewer than `n_step` steps have been stored.
        """
        stored = min(self._written, self.rows)
        if stored < n_step:
            raise ValueError(f"{stored} steps stored, {n_step} needed")
        oldest = self._written - stored
        options = {"generator": generator, "device": self._device}
        start = torch.randint(oldest, self._written - n_step + 1, (size,), **options)  # type: ignore[call-overload]
        env = torch.randint(0, self.n_envs, (size,), **options)  # type: ignore[call-overload]
        steps = (start + torch.arange(n_step, device=self._device)[:, None]) % self.rows
        reward, discount, last = n_step_return(
            self._reward[steps, env], self._done[steps, env], gamma
        )
        end = (start + last) % self.rows
        start = start % self.rows
        return Batch(
            t=self._t[start, env].long(),
            account=self._account[start, env],
            action=self._action[start, env].long(),
            reward=reward,
            discount=discount * (~self._terminated[end, env]),
            next_t=self._t[end, env].long() + 1,
            next_account=self._next_account[end, env],
        )
