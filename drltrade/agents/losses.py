"""Losses: arrays in, scalars out."""

import torch
from torch import Tensor
from torch.nn import functional


def policy_gradient_loss(log_probability: Tensor, gain: Tensor) -> Tensor:
    """-E[gain log pi(a | s)], whose gradient is minus that of the expected return.

    Source: Williams 1992, "Simple statistical gradient-following algorithms"; with an advantage as
    gain, Mnih et al. 2016. Inputs [B]; `gain` has no gradient.
    """
    return -(gain * log_probability).mean()


def clipped_policy_loss(
    log_probability: Tensor, old_log_probability: Tensor, advantage: Tensor, clip_range: float
) -> Tensor:
    """-E[min(ratio A, clip(ratio, 1 - eps, 1 + eps) A)].

    Source: Schulman et al. 2017, "Proximal policy optimization algorithms", eq. 7. All inputs [B].
    """
    ratio = torch.exp(log_probability - old_log_probability)
    clipped = torch.clamp(ratio, 1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(ratio * advantage, clipped * advantage).mean()


def clipped_value_loss(
    value: Tensor, old_value: Tensor, target: Tensor, clip_range: float | None
) -> Tensor:
    """E[(v - G)^2], v held within clip_range of its old value, as in the code of Schulman et al.

    Source: Engstrom et al. 2020, "Implementation matters in deep policy gradients", section 3. All
    inputs [B]; no `clip_range`: v as it is.
    """
    if clip_range is not None:
        value = old_value + (value - old_value).clamp(-clip_range, clip_range)
    return (value - target).square().mean()


def approximate_kl(log_probability: Tensor, old_log_probability: Tensor) -> Tensor:
    """E[(ratio - 1) - log ratio], an unbiased, non-negative estimate of KL(old || new).

    Source: Schulman 2020, "Approximating KL divergence" (estimator k3).
    """
    difference = log_probability - old_log_probability
    return (torch.exp(difference) - 1.0 - difference).mean()


def temporal_difference_loss(value: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Huber loss with threshold 1, as in Mnih et al. 2015. Inputs [B]; `target` has no gradient.

    Args:
        value: of what was done.
        target: what it turned out to be worth.
        weight: of each loss in the mean, such as importance weights.
    """
    if weight is None:
        return functional.smooth_l1_loss(value, target)
    return (weight * functional.smooth_l1_loss(value, target, reduction="none")).mean()


def squared_loss(value: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """E[(value - target)^2]. Inputs as those of `temporal_difference_loss`."""
    if weight is None:
        return functional.mse_loss(value, target)
    return (weight * (value - target).square()).mean()


def weighted_mean(each: Tensor, weight: Tensor | None) -> Tensor:
    """E[weight each], [B] -> []; without weights the plain mean."""
    return each.mean() if weight is None else (weight * each).mean()


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


def quantile_q_target(
    reward: Tensor, discount: Tensor, next_online: Tensor, next_target: Tensor, double: bool,
    risk_level: float,
) -> Tensor:  # fmt: skip
    """G + discount * quantiles of Q_target(s', a*), a* of the largest mean or CVaR.

    Source: Dabney et al. 2018, "Distributional reinforcement learning with quantile regression",
    algorithm 1; arguments as those of `double_q_target`.

    Args:
        reward: [B].
        discount: [B].
        next_online: [B, A, Q].
        next_target: [B, A, Q].
        double: choose a* by `next_online` instead of `next_target`.
        risk_level: choose by the mean of this share of worst outcomes; 1: of all.

    Returns:
        [B, Q]
    """
    best = tail_mean(next_online if double else next_target, risk_level).argmax(1)
    chosen = next_target[torch.arange(len(best), device=best.device), best]
    return reward[:, None] + discount[:, None] * chosen


def dueling_values(outputs: Tensor) -> Tensor:
    """[B, 1 + A] -> [B, A], or [B, 1 + A, Q] -> [B, A, Q]: V + (A - mean A).

    Source: Wang et al. 2016, "Dueling network architectures", eq. 9.
    """
    value, advantage = outputs[:, :1], outputs[:, 1:]
    return value + advantage - advantage.mean(1, keepdim=True)


def quantile_loss(quantiles: Tensor, target: Tensor, threshold: float = 1.0) -> Tensor:
    """Sum over i of the mean over j of |tau_i - 1{u_ij < 0}| H(u_ij), u_ij = target_j - quantile_i.

    with tau_i = (i + 1/2) / Q and H Huber's loss over its threshold. Source: Dabney et al. 2018,
    "Distributional reinforcement learning with quantile regression", eq. 9-10.

    Args:
        quantiles: [..., Q].
        target: [..., Q'] atoms, without gradient.
        threshold: kappa of the Huber loss.

    Returns:
        [...]
    """
    count = quantiles.shape[-1]
    tau = (torch.arange(count, device=quantiles.device) + 0.5) / count
    gap = target.unsqueeze(-2) - quantiles.unsqueeze(-1)
    huber = functional.huber_loss(gap, torch.zeros_like(gap), reduction="none", delta=threshold)
    weight = (tau.unsqueeze(-1) - (gap.detach() < 0).to(gap.dtype)).abs()
    return (weight * huber / threshold).mean(-1).sum(-1)


def tail_mean(quantiles: Tensor, level: float) -> Tensor:
    """Mean of the worst `level` of a distribution given by quantiles [..., Q]: its CVaR.

    The last quantile counts by the share of it that belongs. Source: Rockafellar & Uryasev 2000.
    """
    count = quantiles.shape[-1]
    if level == 1.0:
        return quantiles.mean(-1)
    ranks = torch.arange(count, device=quantiles.device)
    weights = (level * count - ranks).clamp(0.0, 1.0)
    return (quantiles.sort(-1).values * weights).sum(-1) / weights.sum()


def clipped_double_q_target(reward: Tensor, discount: Tensor, next_values: Tensor) -> Tensor:
    """G + discount * min over critics of Q_target(s', a').

    Source: Fujimoto, van Hoof & Meger 2018, "Addressing function approximation error in
    actor-critic methods", eq. 10. Of one critic: Lillicrap et al. 2016, "Continuous control with
    deep reinforcement learning", algorithm 1.

    Args:
        reward: [B].
        discount: [B].
        next_values: [B, C] of C critics.
    """
    return reward + discount * next_values.amin(1)


SHARED = 0.1
"""Weight of the squared error that twins share, to that of their differences."""


def critic_loss(
    values: Tensor, target: Tensor, weight: Tensor | None = None, twins: int = 1
) -> Tensor:
    """The sum over critics of E[(Q(s, a) - target)^2], where twins' errors are correlated.

    What the market paid all twins is most of their errors, and says nothing about what an action is
    worth against another. The part that they share counts a tenth, as in generalised least squares
    of errors with a correlation of 9 / 11, if there are two (Aitken 1935, "On least squares and
    linear combination of observations"). A critic that can be exact has its minimum where the plain
    loss has it.

    Args:
        values: [B, C] of C critics.
        target: [B] without gradient.
        weight: [B] of each error in the mean.
        twins: blocks of the batch; the k-th holds the k-th account of each group of twins.
    """
    error = (values - target[:, None]).view(twins, -1, values.shape[1])
    if twins > 1:
        error = error - (1.0 - SHARED**0.5) * error.mean(0)
    return weighted_mean(error.flatten(0, 1).square().sum(1), weight)


def smoothed_action(action: Tensor, noise: Tensor, deviation: float, clip: float) -> Tensor:
    """Target policy smoothing: action + clipped Gaussian noise, in [-1, 1].

    Source: Fujimoto et al. 2018, eq. 14.

    Args:
        action: [B, N].
        noise: [B, N] standard normal.
        deviation: of the noise.
        clip: largest absolute noise.
    """
    return (action + (deviation * noise).clamp(-clip, clip)).clamp(-1.0, 1.0)


def soft_value(values: Tensor, log_probability: Tensor, temperature: Tensor) -> Tensor:
    """V(s) = min over critics of Q(s, a) - alpha log pi(a|s), a drawn from pi.

    Discounted and added to the reward it is the critics' target, and the policy's loss is the mean
    of -V. Source: Haarnoja et al. 2018, "Soft actor-critic algorithms and applications", eq. 3, 5
    and 9.

    Args:
        values: [B, C] of C critics.
        log_probability: [B].
        temperature: [] alpha, without gradient.
    """
    return values.amin(1) - temperature * log_probability


def soft_state_value(log_policy: Tensor, values: Tensor, temperature: Tensor) -> Tensor:
    """V(s) = sum over a of pi(a|s) (Q(s, a) - alpha log pi(a|s)), [B, A] -> [B].

    Source: Christodoulou 2019, "Soft actor-critic for discrete action settings", eq. 10. The policy
    loss (eq. 12) is the mean of -V.
    """
    return (log_policy.exp() * (values - temperature * log_policy)).sum(-1)


def temperature_loss(
    log_temperature: Tensor, log_probability: Tensor, target_entropy: float,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """-log alpha E[log pi(a|s) + target entropy]: alpha rises while the entropy is too low.

    Source: Haarnoja et al. 2018, eq. 18, with log alpha in place of alpha as its authors' code and
    stable-baselines3 have it.

    Args:
        log_temperature: [].
        log_probability: [B] without gradient; of a discrete policy minus its entropy.
        target_entropy: nats.
        weight: [B] of each in the mean.
    """
    return -log_temperature * weighted_mean(log_probability + target_entropy, weight)
