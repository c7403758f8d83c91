"""Several trials at once: every seed of every agent, each in a process of its own."""

import logging
import multiprocessing
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from drltrade.agents.registry import learns_together, resolve_device
from drltrade.errors import ConfigError
from drltrade.experiment.preset_files import preset_name, read_preset
from drltrade.experiment.presets import resolve_agent, split_overrides
from drltrade.experiment.progress import WatchTrial
from drltrade.experiment.run import Run, load_run, train, train_together

Job = TypeVar("Job")
Done = TypeVar("Done")


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
    if _share_a_gpu(trials):
        return _train_together(trials, folder, watch)
    folders = side_by_side(
        partial(_train, folder), trials, lambda told: watch(*told) if watch else None, workers
    )
    return [load_run(path, trust_code=True) for path in folders]


def _share_a_gpu(trials: Sequence[Trial]) -> bool:
    """Whether trials differ in their seeds alone, and their agent can learn them in one batch."""
    first = trials[0]
    if any(replace(trial, seed=first.seed) != first for trial in trials):
        return False
    raw, _ = read_preset("agents", first.agent)
    _, overrides = split_overrides(first.overrides, raw)
    config = resolve_agent(first.agent, overrides).algorithm
    return learns_together(config, len(trials)) and resolve_device(first.device).type == "cuda"


def _train_together(trials: Sequence[Trial], folder: Path, watch: WatchTrial | None) -> list[Run]:
    """All trials in this process: on a GPU a batch of small networks takes little more than one."""
    names = {trial.seed: trial.name for trial in trials}
    for name in names.values():
        _cleared(folder / name)

    def told(seed: int) -> Callable[[int, Mapping[str, float]], None]:
        return lambda steps, figures: watch(names[seed], steps, figures) if watch else None

    first = trials[0]
    runs = train_together(
        first.env, first.agent, {seed: folder / name for seed, name in names.items()},
        device=first.device, watch=told, **first.overrides,
    )  # fmt: skip
    for run in runs:
        if watch:
            watch(run.name, run.outcome["steps"], None)
    return runs


def _cleared(folder: Path) -> Path:
    """Where a run can be made: a run of an earlier study makes room."""
    if (folder / "config.json").exists():
        shutil.rmtree(folder)
    return folder


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
    pool = ProcessPoolExecutor(workers, context, initializer=_interrupts_end_it)
    # The manager ends first: a job that an interrupt found still starting then fails by its queue.
    with pool, context.Manager() as manager:
        messages = manager.Queue()
        with _no_interrupts():
            futures = [pool.submit(_interruptible, work, job, messages) for job in jobs]
        try:
            _relay(messages, futures, hear)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _interruptible(work: Callable[[Job, Any], Done], job: Job, messages: Any) -> Done:
    """Do a job in a worker; Ctrl-C interrupts it as anywhere, so that it keeps what it has.

    What it logs is heard by the process that started it, which says it once.
    """
    logger, handler = logging.getLogger("drltrade"), _Handing(messages)
    logger.addHandler(handler)
    logger.propagate = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return work(job, messages)
    finally:
        _interrupts_end_it()
        logger.removeHandler(handler)


class _Logged(NamedTuple):
    """A line that a worker has logged."""

    level: int
    text: str


class _Handing(logging.Handler):
    """Hands what is logged in a worker to the process that started it."""

    def __init__(self, messages: Any) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self._messages.put(_Logged(record.levelno, record.getMessage()))


def _interrupts_end_it() -> None:
    """Let Ctrl-C end a worker that has no job, without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Start processes that ignore Ctrl-C until they are ready for it: see `_interrupts_end_it`."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _relay(messages: Any, futures: Sequence[Future[Any]], hear: Callable[[Any], object]) -> None:
    said: set[_Logged] = set()
    while True:
        running = any(not future.done() for future in futures)
        for future in futures:
            if future.done():
                future.result()
        try:
            while True:
                message = messages.get(timeout=0.2 if running else 0)
                if not isinstance(message, _Logged):
                    hear(message)
                elif message not in said:
                    said.add(message)
                    logging.getLogger("drltrade").log(message.level, "%s", message.text)
        except queue.Empty:
            if not running:
                return


def _train(home: Path, trial: Trial, messages: Any) -> Path:
    folder = _cleared(home / trial.name)
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
