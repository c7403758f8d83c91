"""How soon an agent reaches a given share of the optimum, with the clock stopped for scoring."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from drltrade.agents.agent import Policy
from drltrade.agents.registry import make_agent
from drltrade.envs.config import TradingConfig
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.evaluation.optimality import fresh, score
from drltrade.experiment.ladder import FRESH
from drltrade.experiment.presets import resolve_agent, resolve_env
from drltrade.training.loop import cpu_threads

REPORTS = 60
"""Scores in a training, at most: an agent reports when it can."""

BARS = 200_000
"""Fresh bars of each score; its standard error is then about 0.2% of the optimum."""


class Point(NamedTuple):
    """Where an agent has got to."""

    seconds: float
    """CPU time of training so far."""
    share: float
    """Of the optimum."""


def race(
    rung: str, agent: str, seed: int, goal: float = math.inf, steps: int | None = None
) -> list[Point]:
    """Let one seed learn as on the ladder; -> its scores on the way, at `REPORTS` even distances.

    Args:
        rung: an env preset.
        agent: an agent preset.
        seed: of the agent, and of its market.
        goal: end once this share is reached, and at the next score still is.
        steps: environment steps; None: the agent preset's.
    """
    preset, config = resolve_agent(agent, {}), resolve_env(rung, {})
    assert isinstance(config, TradingConfig)
    assert config.synthetic is not None
    own = config.synthetic.seed + seed
    task = Task.build(resolve_env(rung, {"synthetic": {"seed": own}}))
    truth, test = truth_of(task), fresh(task, own + FRESH, BARS)
    # What is compiled once a process is no part of the training.
    task.simulator(1, torch.Generator(), detailed=False).step(torch.zeros(1, dtype=torch.double))
    total = steps or preset.training.total_steps
    points: list[Point] = []
    spent, due, started = 0.0, total / REPORTS, time.process_time()

    def look(reached: int, figures: Mapping[str, float], policy: Policy) -> bool:
        nonlocal spent, due, started
        spent += time.process_time() - started
        if reached >= due or reached >= total:
            points.append(Point(spent, score(policy, test, truth).share))
            due = reached + total / REPORTS
        started = time.process_time()
        return not (len(points) > 1 and min(p.share for p in points[-2:]) >= goal)

    with cpu_threads(preset.training.threads):
        learner = make_agent(preset.algorithm, task, torch.Generator().manual_seed(seed))
        learner.learn(total, look)
    return points


def seconds_to(points: Sequence[Point], goal: float) -> float:
    """CPU time at the first score of at least `goal` after which the next is too; inf: none."""
    for point, later in zip(points, [*points[1:], points[-1]], strict=True):
        if min(point.share, later.share) >= goal:
            return point.seconds
    return math.inf
