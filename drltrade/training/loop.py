"""Train an agent, score it on a validation period as it learns, and keep the best of it."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field

from drltrade.agents.agent import Agent, Policy
from drltrade.settings import Settings
from drltrade.training.checkpoint import save_weights
from drltrade.training.logging import TrainingLog
from drltrade.training.stopping import EarlyStopping

Evaluate = Callable[[Policy], float]
"""Score of a policy on the validation period: log return of the account, after costs."""

Watch = Callable[[int, Mapping[str, float]], None]
"""Told the environment steps so far and the latest figures; for a progress bar."""


class TrainingConfig(Settings):
    """How long to train, and when to look."""

    total_steps: int = Field(300_000, ge=1, description="environment steps, all accounts together")
    evaluations: int = Field(20, ge=1, description="scores on the validation period, evenly spaced")
    patience: int = Field(10, ge=1, description="scores without improvement before stopping early")
    threads: int = Field(
        1, ge=1, description="CPU threads; more than one slows small networks down"
    )


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    steps: int
    best_steps: int
    """Environment steps at the best validation score."""
    best_validation: float
    """Log return over the validation period, after costs."""
    stopped_early: bool
    seconds: float


def train(
    agent: Agent,
    config: TrainingConfig,
    evaluate: Evaluate,
    folder: Path,
    watch: Watch,
) -> Outcome:
    """Let `agent` learn, and keep its weights of the best validation score and of the end.

    Writes `metrics.csv`, TensorBoard events and `checkpoints/{best,last}.pt` under `folder`.
    """
    log = TrainingLog(folder)
    stopping = EarlyStopping(config.patience)
    interval = config.total_steps / config.evaluations
    best, last = folder / "checkpoints" / "best.pt", folder / "checkpoints" / "last.pt"
    started = time.perf_counter()
    reached = 0
    due = interval

    def on_progress(steps: int, figures: Mapping[str, float], policy: Policy) -> bool:
        nonlocal reached, due
        reached = steps
        figures = dict(figures) | {"steps_per_second": steps / (time.perf_counter() - started)}
        if steps >= due or steps >= config.total_steps:
            due += interval * max(1, -(-(steps - due) // interval))
            score = evaluate(policy)
            figures["validation"] = score
            if stopping.improved(score, steps):
                save_weights(best, agent.weights())
            figures["best_validation"] = stopping.best
        log.write(steps, figures)
        if "validation" in figures:
            log.flush()
        watch(steps, figures)
        return not stopping.exhausted

    with cpu_threads(config.threads):
        agent.learn(config.total_steps, on_progress)
    save_weights(last, agent.weights())
    log.close()
    return Outcome(
        steps=reached,
        best_steps=stopping.best_steps,
        best_validation=stopping.best,
        stopped_early=stopping.exhausted and reached < config.total_steps,
        seconds=time.perf_counter() - started,
    )


@contextlib.contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Give torch `count` CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
