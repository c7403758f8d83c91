"""A run: one seed of one agent on one market, as a folder that says everything about it.

runs/<name>/config.json        resolved env and agent, seed, device
            manifest.json      versions, commit, data and its hash
            preparation.json   learned of features from the training period
            prices.parquet     the prices, where they were handed in as a frame
            code/              copies of files of the user's own: features, a reward, an agent
            metrics.csv        one row per report of progress; tensorboard/ holds the same
            checkpoints/       best.pt (by validation) and last.pt
            outcome.json       written last: a folder without it holds an unfinished run
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from drltrade.agents.agent import Policy
from drltrade.agents.registry import (
    learn_together,
    make_agent,
    make_agents,
    resolve_device,
    restore,
)
from drltrade.atomic import write_json
from drltrade.envs.config import PortfolioConfig, TradingConfig, parse_env
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, DataError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.own_code import OwnCode
from drltrade.experiment.plan import env_name_of, plan_runs
from drltrade.experiment.preset_files import preset_name, read_preset
from drltrade.experiment.presets import AgentPreset, agent_from_dict, split_overrides
from drltrade.experiment.progress import progress
from drltrade.features.declarations import parse_feature
from drltrade.features.own import OwnFunction
from drltrade.features.preparation import Preparation
from drltrade.functions import in_file
from drltrade.training import loop
from drltrade.training.checkpoint import load_weights


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    path: Path
    env_name: str
    """Of the env preset that `env` began as."""
    env: TradingConfig | PortfolioConfig = field(repr=False)
    agent_name: str
    agent_values: Mapping[str, Any] = field(repr=False)
    """The agent preset, as a file has it."""
    seed: int
    device: str
    code: OwnCode = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def agent(self) -> AgentPreset:
        """The agent's settings; those of one in a file are what its code says they are.

        Raises:
            ConfigError: that code is unknown here and not trusted; see `own_code`.
        """
        return agent_from_dict(self.agent_values, str(self.path / "config.json"), self.code.load)

    @cached_property
    def functions(self) -> dict[str, OwnFunction]:
        """Features of the user's own, by "file.py:function".

        Raises:
            ConfigError: as `agent`.
        """
        sources = [each.own for each in map(parse_feature, self.env.features)]
        return {own: self.code.load(own, "feature") for own in sources if isinstance(own, str)}

    @cached_property
    def task(self) -> Task:
        """The run's market, scaled as it was in training."""
        learned = json.loads((self.path / "preparation.json").read_text())
        preparation = Preparation.from_dict(learned)
        task = Task.build(self.env, preparation=preparation, functions=self.functions)
        trained_on = self.manifest["data"]["sha256"]
        if task.sha256 != trained_on:
            raise DataError(
                f"{task.source} has changed since {self.path} was trained on it: its sha256 is "
                f"{task.sha256}, it was {trained_on}; to try its policy on these bars, or on "
                "others, name them (--set data=FILE, in Python backtest(run, data=FILE))"
            )
        return task

    @cached_property
    def policy(self) -> Policy:
        """The policy of the best validation score."""
        generator = torch.Generator(resolve_device("cpu")).manual_seed(self.seed)
        agent = make_agent(self.agent.algorithm, unrewarded(self.task), generator)
        checkpoint = self.path / "checkpoints" / "best.pt"
        restore(agent, load_weights(checkpoint, generator.device), str(checkpoint))
        return agent.policy()

    @property
    def outcome(self) -> dict[str, Any]:
        """How the training ended; see `training.loop.Outcome`."""
        outcome: dict[str, Any] = json.loads((self.path / "outcome.json").read_text())
        return outcome

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was made with."""
        facts: dict[str, Any] = json.loads((self.path / "manifest.json").read_text())
        return facts

    def metrics(self) -> pd.DataFrame:
        """The figures of the training, one row per report of progress."""
        return pd.read_csv(self.path / "metrics.csv")


def unrewarded(task: Task) -> Task:
    """The same market, paid in log returns, for a policy that has learned.

    Nobody asks for its rewards, and those of a function of the user's would execute its code.
    """
    return replace(task, config=task.config.model_copy(update={"reward": "log_return"}))


def is_finished(path: Path) -> bool:
    """True where a training ran to its end: the outcome is written last."""
    return (path / "outcome.json").is_file()


def load_run(path: str | Path, *, trust_code: bool = False) -> Run:
    """Open a run folder; nothing in it is executed.

    Args:
        path: of the folder.
        trust_code: execute code that the run brings along, features or an agent in files, once its
            market or policy is asked for, also where this user has not trained with it before.

    Raises:
        ConfigError: it is none, or the training in it did not finish.
    """
    path = Path(path)
    if not (path / "config.json").is_file():
        raise ConfigError(f"{path}: no run there (it has no config.json)")
    if not is_finished(path):
        raise ConfigError(
            f"{path}: the training of this run did not finish (no outcome.json), so that it is no "
            "run to judge; train it again into another folder. Its weights so far are in "
            f"{path / 'checkpoints'}"
        )
    where = str(path / "config.json")
    values = json.loads((path / "config.json").read_text())
    own = path / "prices.parquet"
    if own.is_file():  # beside it, wherever the folder is by now
        values["env"]["data"] = str(own.resolve())
    run = Run(
        path=path,
        env_name=values["env_name"],
        agent_name=values["agent_name"],
        env=parse_env(values["env"], where),
        agent_values=values["agent"],
        seed=values["seed"],
        device=values["device"],
        code=OwnCode(path, values.get("code", {}), trust_code),
    )
    if not in_file(values["agent"].get("algorithm")):
        _ = run.agent  # is in order, or an error
    return run


def train(
    env: str = "sp500-daily",
    agent: str = "ppo",
    *,
    seed: int = 0,
    device: str = "auto",
    run: str | Path | None = None,
    watch: loop.Watch | None = None,
    verbose: int | None = None,
    **overrides: Any,
) -> Run:
    """Train one seed of an agent on a market and keep everything in a run folder.

    Args:
        env: name or file of an env preset.
        agent: name or file of an agent preset.
        seed: of everything random in the run.
        device: auto, cpu or cuda.
        run: folder to create; default `runs/<env>_<agent>_seed<seed>`, numbered if it exists.
        watch: told the environment steps so far and the latest figures.
        verbose: 1 shows on stderr how far the training is, as the command does, 0 does not; None:
            where stderr is a terminal. Nothing is shown to who watches.
        **overrides: keys of either preset, tables as dicts: `window=20`,
            `costs={"slippage_bps": 2}`, `training={"total_steps": 50_000}`.

    Raises:
        ConfigError, DataError, DeviceError: nothing has been written then.
    """
    plan = plan_runs(env, agent, device, overrides)
    folder = _new_folder(run) if run else _free_folder(plan.env_name, plan.agent_name, seed)
    # Building draws the initial weights, which depend on the number of threads like the rest.
    with loop.cpu_threads(plan.agent.training.threads):
        learner = make_agent(plan.agent.algorithm, plan.task, plan.generator(seed))
        plan.write(folder, seed)
        with _shown(watch, verbose, folder.name, plan.agent.training.total_steps) as told:
            recorder = plan.recorder(folder, learner.weights, told)
            outcome = loop.train(learner, plan.agent.training, recorder)
    write_json(folder / "outcome.json", asdict(outcome))
    return load_run(folder, trust_code=True)


@contextmanager
def _shown(
    watch: loop.Watch | None, verbose: int | None, name: str, total: int
) -> Iterator[loop.Watch | None]:
    """Who is told of a training's progress: `watch`, or else a bar or lines on stderr."""
    wanted = sys.stderr.isatty() if verbose is None else verbose > 0
    if watch is not None or not wanted:
        yield watch
        return
    reached = 0

    def told(steps: int, figures: Mapping[str, float]) -> None:
        nonlocal reached
        reached = steps
        show(name, steps, figures)

    with progress({name: total}, Console(stderr=True)) as show:
        yield told
        show(name, reached, None)


def train_together(
    env: str,
    agent: str,
    runs: Mapping[int, Path],
    *,
    device: str = "auto",
    watch: Callable[[int], loop.Watch] | None = None,
    **overrides: Any,
) -> list[Run]:
    """Train several seeds at once, their networks stacked, and keep each in a folder of its own.

    Args:
        env, agent, device, overrides: as `train`.
        runs: seed -> folder to create.
        watch: seed -> what is told of its progress.

    Raises:
        ConfigError: the agent learns one seed at a time; and as `train`.
    """
    plan = plan_runs(env, agent, device, overrides)
    for folder in runs.values():
        _new_folder(folder)
    training = plan.agent.training
    with loop.cpu_threads(training.threads):
        generators = [plan.generator(seed) for seed in runs]
        learners = make_agents(plan.agent.algorithm, plan.task, generators)
        recorders = []
        for (seed, folder), one in zip(runs.items(), learners, strict=True):
            plan.write(folder, seed)
            told = watch(seed) if watch else None
            recorders.append(plan.recorder(folder, one.weights, told))
        try:
            learn_together(learners, training.total_steps, recorders)
        finally:
            outcomes = [recorder.finish() for recorder in recorders]
    for folder, outcome in zip(runs.values(), outcomes, strict=True):
        write_json(folder / "outcome.json", asdict(outcome))
    return [load_run(folder, trust_code=True) for folder in runs.values()]


def new_run_folder(env: str, agent: str, seed: int, overrides: Mapping[str, Any]) -> Path:
    """Where `train` puts a run that is given no folder: `runs/<env>_<agent>_seed<seed>`, numbered.

    Raises:
        ConfigError: as `train`, of the presets.
    """
    raw_agent, _ = read_preset("agents", agent)
    of_env, _ = split_overrides(overrides, raw_agent)
    config = resolve_env(env, of_env)
    return _free_folder(env_name_of(env, config, of_env), preset_name(agent), seed)


def _new_folder(run: str | Path) -> Path:
    path = Path(run)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path} exists already; name another folder for the run")
    return path


def _free_folder(env: str, agent: str, seed: int) -> Path:
    base = Path("runs") / f"{env}_{agent}_seed{seed}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
