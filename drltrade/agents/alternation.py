"""The loop of off-policy agents: live a step, learn from what is remembered, report."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from drltrade.agents.agent import OnProgress, Policy
from drltrade.agents.off_policy import Experience
from drltrade.agents.optimisation import Optimization


def live_and_learn(
    experience: Experience,
    act: Callable[[float], tuple[Tensor, Tensor]],
    update: Callable[[float], Tensor],
    networks: Sequence[nn.Module],
    optimizations: Sequence[Optimization],
    names: Sequence[str],
    total_steps: int,
    every: int,
    on_progress: OnProgress,
    policy: Policy,
) -> None:
    """Step all accounts, then take a few gradient steps; again and again.

    Args:
        experience: of the agent.
        act: progress -> (actions, target weights) of all accounts; called without gradient.
        update: progress -> [k] figures of one gradient step.
        networks: in training mode during the gradient steps, and in evaluation mode otherwise.
        optimizations: checked before each report.
        names: of the k figures.
        total_steps: environment steps to reach.
        every: steps of all accounts between two reports.
        on_progress: to whom.
        policy: that follows what is learned.
    """
    config, device = experience.config, experience.device
    reward = torch.zeros((), dtype=torch.float64, device=device)
    figures, updates, since = torch.zeros(len(names), device=device), 0, 0
    while experience.steps < total_steps:
        progress = experience.steps / total_steps
        with torch.no_grad():
            reward += experience.live(*act(progress))
        since += 1
        if experience.enough:
            _set_training(networks, True)
            for _ in range(config.gradient_steps):
                figures += update(progress)
            _set_training(networks, False)
            updates += config.gradient_steps
        if since == every or experience.steps >= total_steps:
            for optimization in optimizations:
                optimization.check()
            told = {"reward": float(reward) / since}
            if updates:
                told |= dict(zip(names, (figures / updates).tolist(), strict=True))
            if not on_progress(experience.steps, told, policy):
                break
            reward, figures, updates, since = reward * 0.0, figures * 0.0, 0, 0


def _set_training(networks: Sequence[nn.Module], mode: bool) -> None:
    for network in networks:
        network.train(mode)


@torch.no_grad()
def follow(target: nn.Module, leader: nn.Module, tau: float) -> None:
    """Move the parameters of `target` a share `tau` of the way to the leader's (Polyak)."""
    torch._foreach_lerp_(list(target.parameters()), list(leader.parameters()), tau)
