"""Losses: arrays in, scalars out."""

import torch
from torch import Tensor
from torch.nn import functional


def clipped_policy_loss(
    log_probability: Tensor, old_log_probability: Tensor, advantage: Tensor, clip_range: float
) -> Tensor:
    """-E[min(ratio A, clip(ratio, 1 - eps, 1 + eps) A)].

    Source: Schulman et al. 2017, "Proximal policy optimization algorithms", eq. 7. All inputs [B].
    """
    ratio = torch.exp(log_probability - old_log_probability)
    clipped = torch.clamp(ratio, 1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(ratio * advantage, clipped * advantage).mean()


def approximate_kl(log_probability: Tensor, old_log_probability: Tensor) -> Tensor:
    """E[(ratio - 1) - log ratio], an unbiased, non-negative estimate of KL(old || new).

    Source: Schulman 2020, "Approximating KL divergence" (estimator k3).
    """
    difference = log_probability - old_log_probability
    return (torch.exp(difference) - 1.0 - difference).mean()


def temporal_difference_loss(value: Tensor, target: Tensor) -> Tensor:
    """Huber loss with threshold 1, as in Mnih et al. 2015. Inputs [B]; `target` has no gradient."""
    return functional.smooth_l1_loss(value, target)


def double_q_target(
    reward: Tensor, discount: Tensor, next_online: Tensor, next_target: Tensor, double: bool
) -> Tensor:
    """G + discount * Q_target(s', a*), a* chosen by the online network (double) or the target's.

    Source: van Hasselt, Guez & Silver 2016, "Deep reinforcement learning with double Q-learning".

    Args:
        reward: [B] n-step return G.
        discount: [B] gamma^n, 0 where the step terminated.
        next_online: [B, A] values of the next state under the online network.
        next_target: [B, A] under the target network.
        double: choose a* by `next_online` instead of `next_target`.
    """
    chooser = next_online if double else next_target
    best = chooser.argmax(1, keepdim=True)
    return reward + discount * next_target.gather(1, best).squeeze(1)


def dueling_values(outputs: Tensor) -> Tensor:
    """[B, 1 + A] -> [B, A]: V + (A - mean A). Source: Wang et al. 2016, eq. 9."""
    value, advantage = outputs[:, :1], outputs[:, 1:]
    return value + advantage - advantage.mean(1, keepdim=True)
