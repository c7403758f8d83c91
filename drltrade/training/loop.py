"""Train what learns, score it on what it does not learn from, and keep the best of it."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from drltrade.errors import TrainingError
from drltrade.settings import Settings
from drltrade.training.checkpoint import save_weights
from drltrade.training.heap import keep_freed_memory
from drltrade.training.logging import TrainingLog
from drltrade.training.stopping import EarlyStopping

_log = logging.getLogger(__name__)

Learned_co = TypeVar("Learned_co", covariant=True)
Learned = TypeVar("Learned")
"""What learns, as it is scored: an agent's policy, a generator's network."""


class Learner(Protocol[Learned_co]):
    """What `train` trains: an agent, or a generator."""

    def learn(
        self, total_steps: int, on_progress: Callable[[int, Mapping[str, float], Learned_co], bool]
    ) -> None:
        """Take `total_steps` steps, or fewer where `on_progress` answers false."""
        ...


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


class Recorder(Generic[Learned]):
    """Follows one trial as it learns: scores it, keeps the best of it, says when to stop.

    Writes `metrics.csv`, TensorBoard events and `checkpoints/{best,last}.pt` under `folder`.
    """

    def __init__(
        self,
        weights: Callable[[], Mapping[str, Tensor]],
        config: TrainingConfig,
        evaluate: Callable[[Learned], float],
        folder: Path,
        watch: Watch,
    ) -> None:
        """Open the log.

        Args:
            weights: the learner's, as they are when they are asked for.
            config: how long, and when to look.
            evaluate: the score of what learns, the higher the better; of a policy the log return of
                the validation period, after costs.
            folder: for all that is written.
            watch: told of every report.
        """
        self._weights, self._config, self._evaluate, self._watch = weights, config, evaluate, watch
        self._log, self._stopping = TrainingLog(folder), EarlyStopping(config.patience)
        self._checkpoints = folder / "checkpoints"
        self._interval = config.total_steps / config.evaluations
        self._due, self._reached, self._started = self._interval, 0, time.perf_counter()

    def __call__(self, steps: int, figures: Mapping[str, float], learned: Learned) -> bool:
        """See `agents.agent.OnProgress`."""
        if self._stopping.exhausted:
            return False  # beside other seeds, which go on
        self._reached, total = steps, self._config.total_steps
        seconds = time.perf_counter() - self._started
        figures = dict(figures) | {"steps_per_second": steps / seconds}
        if steps >= self._due or steps >= total:
            self._due += self._interval * max(1, -(-(steps - self._due) // self._interval))
            score = self._evaluate(learned)
            figures["validation"] = score
            if self._stopping.improved(score, steps):
                save_weights(self._checkpoints / "best.pt", self._weights())
            figures["best_validation"] = self._stopping.best
        self._log.write(steps, figures)
        if "validation" in figures:
            self._log.flush()
        self._watch(steps, figures)
        if self._stopping.exhausted:
            self._save_last()
        return not self._stopping.exhausted

    def _save_last(self) -> None:
        save_weights(self._checkpoints / "last.pt", self._weights())

    def finish(self) -> Outcome:
        """Keep the last weights and close the log."""
        seconds = time.perf_counter() - self._started
        stopped = self._stopping.exhausted
        if not stopped:
            self._save_last()
        self._log.close()
        return Outcome(
            steps=self._reached,
            best_steps=self._stopping.best_steps,
            best_validation=self._stopping.best,
            stopped_early=stopped and self._reached < self._config.total_steps,
            seconds=seconds,
        )


def train(
    learner: Learner[Learned], config: TrainingConfig, recorder: Recorder[Learned]
) -> Outcome:
    """Let `learner` learn; see `Recorder`.

    Raises:
        TrainingError: the loss or a gradient was not finite. The weights before that step are in
            `checkpoints/last.pt`, the best ones in `best.pt`. On Ctrl-C the same are kept.
    """
    keep_freed_memory()
    with cpu_threads(config.threads):
        try:
            learner.learn(config.total_steps, recorder)
        except (TrainingError, KeyboardInterrupt):
            recorder.finish()
            raise
    outcome = recorder.finish()
    if outcome.steps > config.total_steps:
        _log.info(
            "total_steps = %d were rounded up to %d: the last rollout is played whole",
            config.total_steps,
            outcome.steps,
        )
    return outcome


@contextlib.contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Give torch `count` CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
