"""Several trials at once: every seed of every agent, each in a process of its own."""

import multiprocessing
import os
import queue
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from drltrade.errors import ConfigError
from drltrade.experiment.presets import preset_name
from drltrade.experiment.run import Run, load_run, train

Job = TypeVar("Job")
Done = TypeVar("Done")

WatchTrial = Callable[[str, int, Mapping[str, float] | None], None]
"""Told a trial's name, its environment steps so far and its latest figures; None: it has ended."""


@dataclass(frozen=True)
class Trial:
    """One seed of one agent on one market."""

    env: str
    agent: str
    seed: int
    device: str = "auto"
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Agent and seed; the run folder's name."""
        return f"{preset_name(self.agent)}-seed{self.seed}"


def run_trials(
    trials: Sequence[Trial],
    folder: Path,
    watch: WatchTrial | None = None,
    workers: int | None = None,
) -> list[Run]:
    """Train every trial into `folder/<trial name>`; -> the runs, in the order of `trials`.

    As many at a time as there are CPU cores: for small networks a seed a core beats several cores
    a seed. A trial's folder from an earlier study is replaced.

    Raises:
        ConfigError: two trials have the same name. Whatever a trial raised; the others are
        cancelled.
    """
    names = [trial.name for trial in trials]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"two trials would share the folder {folder / twice[0]}")
    folders = side_by_side(
        partial(_train, folder), trials, lambda told: watch(*told) if watch else None, workers
    )
    return [load_run(path) for path in folders]


def side_by_side(
    work: Callable[[Job, Any], Done],
    jobs: Sequence[Job],
    hear: Callable[[Any], object],
    workers: int | None = None,
) -> list[Done]:
    """`work(job, messages)` of each job in a process of its own; -> results, in the jobs' order.

    Args:
        work: a function that can be pickled; what it puts into the queue `messages` is heard.
        jobs: likewise.
        hear: told every message, in this process.
        workers: how many at a time; None: as many as there are CPU cores.

    Raises:
        Whatever a job raised; the others are cancelled.
    """
    workers = min(workers or len(os.sched_getaffinity(0)), len(jobs))
    # Spawned, not forked: torch's and numba's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, context) as pool:
        messages = manager.Queue()
        futures = [pool.submit(work, job, messages) for job in jobs]
        try:
            _relay(messages, futures, hear)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _relay(messages: Any, futures: Sequence[Future[Any]], hear: Callable[[Any], object]) -> None:
    while True:
        running = any(not future.done() for future in futures)
        for future in futures:
            if future.done():
                future.result()
        try:
            while True:
                hear(messages.get(timeout=0.2 if running else 0))
        except queue.Empty:
            if not running:
                return


def _train(home: Path, trial: Trial, messages: Any) -> Path:
    folder = home / trial.name
    if (folder / "config.json").exists():
        shutil.rmtree(folder)
    run = train(
        trial.env,
        trial.agent,
        seed=trial.seed,
        device=trial.device,
        run=folder,
        watch=lambda steps, figures: messages.put((trial.name, steps, dict(figures))),
        **trial.overrides,
    )
    messages.put((trial.name, run.outcome["steps"], None))
    return folder
