"""Returns and advantages: arrays in, arrays out. Time is the leading axis."""

import torch
from torch import Tensor


def generalized_advantage(
    r_t: Tensor, v_t: Tensor, v_tp1: Tensor, terminated: Tensor, done: Tensor,
    gamma: float, gae_lambda: float,
) -> Tensor:  # fmt: skip
    """A_t = delta_t + gamma lambda (1 - done_t) A_{t+1}.

    with delta_t = r_t + gamma (1 - terminated_t) v_{t+1} - v_t. A truncated episode (done, but not
    terminated) bootstraps from the value of the state it was cut at. Source: Schulman et al. 2016,
    "High-dimensional continuous control using generalized advantage estimation", eq. 16.

    Args:
        r_t: [T, n] rewards of the steps t -> t + 1.
        v_t: [T, n] values of the states at t.
        v_tp1: [T, n] values of the states that the steps led to (before any restart).
        terminated: [T, n] bool, the step ended in a terminal state.
        done: [T, n] bool, the episode ended with the step.
        gamma: discount.
        gae_lambda: lambda.

    Returns:
        [T, n] advantages.
    """
    delta = r_t + gamma * v_tp1 * (~terminated) - v_t
    carry = gamma * gae_lambda * (~done).to(delta.dtype)
    advantages = torch.empty_like(delta)
    advantage = torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        advantage = torch.addcmul(delta[t], carry[t], advantage)
        advantages[t] = advantage
    return advantages


def normalized(advantage: Tensor) -> Tensor:
    """[B] -> mean 0 and deviation 1; one alone has no deviation, and becomes 0."""
    centred = advantage - advantage.mean()
    return centred / (centred.std() + 1e-8) if len(centred) > 1 else centred


def against_twins(advantage: Tensor, twins: int, counts: Tensor) -> Tensor:
    """What an account's advantage is above the mean of its twins', which met the same bars.

    What the market paid all of them cancels; what is left is owed to what each did. The twins'
    advantages do not depend on the account's own actions, so the policy gradient's expectation is
    the same. Source: Mao et al. 2019, "Variance reduction for reinforcement learning in
    input-driven environments" (ICLR), section 4: a baseline may know the inputs that are to come.

    Args:
        advantage: [T, n]; twins stand side by side.
        twins: accounts that met the same bars; 1: nothing to compare with.
        counts: [T, n] bool, the steps that count; others are compared with nothing.

    Returns:
        [T, n]
    """
    if twins == 1:
        return advantage
    present = counts.view(len(advantage), -1, twins).to(advantage.dtype)
    groups = advantage.view_as(present) * present
    others = (present.sum(-1, keepdim=True) - present).clamp_min(1.0)
    mean = (groups.sum(-1, keepdim=True) - groups) / others
    return ((groups - mean) * present).view_as(advantage)


def n_step_return(r_t: Tensor, done: Tensor, gamma: float) -> tuple[Tensor, Tensor, Tensor]:
    """G = sum_{k < m} gamma^k r_{t+k}, where m = n, or up to and with the first done step.

    Source: Sutton & Barto 2018, "Reinforcement learning", eq. 7.1.

    Args:
        r_t: [n, B] rewards of n steps in a row.
        done: [n, B] bool, the episode ended with that step.
        gamma: discount.

    Returns:
        (G [B], gamma^m [B], index m - 1 of the last step counted [B]).
    """
    n = len(r_t)
    alive = torch.ones_like(r_t[0])
    total = torch.zeros_like(r_t[0])
    discount = torch.ones_like(r_t[0])
    last = torch.full(r_t.shape[1:], -1, dtype=torch.long, device=r_t.device)
    for k in range(n):
        total = total + alive * gamma**k * r_t[k]
        discount = torch.where(alive > 0, gamma ** (k + 1), discount)
        last = last + (alive > 0)
        alive = alive * (~done[k])
    return total, discount, last


def n_step_returns_within(
    r_t: Tensor, done: Tensor, n: int, gamma: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`n_step_return` from every step of sequences; the last steps of a sequence sum fewer.

    Args:
        r_t: [L, B] rewards of steps in a row.
        done: [L, B] bool, the episode ended with that step.
        n: most rewards summed.
        gamma: discount.

    Returns:
        (G [L, B], gamma^m [L, B], index of the last step counted [L, B]).
    """
    length = len(r_t)
    total, alive = r_t.clone(), ~done
    discount = torch.full_like(r_t, gamma)
    last = torch.arange(length, device=r_t.device)[:, None].repeat(1, r_t.shape[1])
    for k in range(1, min(n, length)):
        alive = alive[: length - k]
        total[: length - k] += alive * gamma**k * r_t[k:]
        discount[: length - k] = torch.where(alive, gamma ** (k + 1), discount[: length - k])
        last[: length - k] += alive
        alive = alive & ~done[k:]
    return total, discount, last


def discounted_return(r_t: Tensor, done: Tensor, gamma: float) -> Tensor:
    """G_t = r_t + gamma (1 - done_t) G_{t+1}, with nothing beyond the last step.

    Source: Sutton & Barto 2018, "Reinforcement learning", eq. 3.9.

    Args:
        r_t: [T, n] rewards.
        done: [T, n] bool, the episode ended with the step.
        gamma: discount.

    Returns:
        [T, n]
    """
    carry = gamma * (~done).to(r_t.dtype)
    returns = torch.empty_like(r_t)
    following = torch.zeros_like(r_t[0])
    for t in reversed(range(len(r_t))):
        following = torch.addcmul(r_t[t], carry[t], following)
        returns[t] = following
    return returns
