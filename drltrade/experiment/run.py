"""A run: one seed of one agent on one market, as a folder that says everything about it.

runs/<name>/config.json        resolved env and agent, seed, device
            manifest.json      versions, commit, data and its hash
            preparation.json   learned of features from the training period
            prices.parquet     the prices, where they were handed in as a frame
            metrics.csv        one row per report of progress; tensorboard/ holds the same
            checkpoints/       best.pt (by validation) and last.pt
            outcome.json       written last: a folder without it holds an unfinished run
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from drltrade.agents.agent import Policy
from drltrade.agents.registry import (
    learn_together,
    make_agent,
    make_agents,
    resolve_device,
    restore,
)
from drltrade.atomic import write_atomic, write_json
from drltrade.backtest.engine import decide
from drltrade.data import frames
from drltrade.data.catalog import lasting_name
from drltrade.envs.config import PortfolioConfig, TradingConfig, parse_env
from drltrade.envs.make import face
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, DataError
from drltrade.experiment.manifest import manifest
from drltrade.experiment.presets import (
    AgentPreset,
    agent_from_dict,
    preset_name,
    read_preset,
    resolve_agent,
    resolve_env,
    split_overrides,
)
from drltrade.features.preparation import Preparation
from drltrade.market.synthetic.generator import lasting_generator
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
    agent: AgentPreset = field(repr=False)
    seed: int
    device: str

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def task(self) -> Task:
        """The run's market, scaled as it was in training."""
        learned = json.loads((self.path / "preparation.json").read_text())
        task = Task.build(self.env, preparation=Preparation.from_dict(learned))
        trained_on = self.manifest["data"]["sha256"]
        if task.sha256 != trained_on:
            raise DataError(
                f"{task.source} has changed since {self.path} was trained on it: its sha256 is "
                f"{task.sha256}, it was {trained_on}"
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


def load_run(path: str | Path) -> Run:
    """Open a run folder.

    Raises:
        ConfigError: it is none, or the training in it did not finish.
    """
    path = Path(path)
    if not (path / "config.json").is_file():
        raise ConfigError(f"{path}: no run there (it has no config.json)")
    if not is_finished(path):
        raise ConfigError(f"{path}: the training of this run did not finish (no outcome.json)")
    where = str(path / "config.json")
    values = json.loads((path / "config.json").read_text())
    own = path / "prices.parquet"
    if own.is_file():  # beside it, wherever the folder is by now
        values["env"]["data"] = str(own.resolve())
    return Run(
        path=path,
        env_name=values["env_name"],
        agent_name=values["agent_name"],
        env=parse_env(values["env"], where),
        agent=agent_from_dict(values["agent"], where),
        seed=values["seed"],
        device=values["device"],
    )


def train(
    env: str = "sp500-daily",
    agent: str = "ppo",
    *,
    seed: int = 0,
    device: str = "auto",
    run: str | Path | None = None,
    watch: loop.Watch | None = None,
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
        **overrides: keys of either preset, tables as dicts: `window=20`,
            `costs={"slippage_bps": 2}`, `training={"total_steps": 50_000}`.

    Raises:
        ConfigError, DataError, DeviceError: nothing has been written then.
    """
    plan = _planned(env, agent, device, overrides)
    folder = _new_folder(run) if run else _free_folder(plan.env_name, plan.agent_name, seed)
    # Building draws the initial weights, which depend on the number of threads like the rest.
    with loop.cpu_threads(plan.agent.training.threads):
        learner = make_agent(plan.agent.algorithm, plan.task, plan.generator(seed))
        plan.write(folder, seed)
        recorder = plan.recorder(folder, learner.weights, watch)
        outcome = loop.train(learner, plan.agent.training, recorder)
    write_json(folder / "outcome.json", asdict(outcome))
    return load_run(folder)


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
    plan = _planned(env, agent, device, overrides)
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
    return [load_run(folder) for folder in runs.values()]


@dataclass(frozen=True)
class _Planned:
    """Everything about runs but their seeds, checked."""

    env_name: str
    agent_name: str
    task: Task
    agent: AgentPreset
    device: torch.device

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)

    def write(self, folder: Path, seed: int) -> None:
        """What a run folder holds before the training."""
        folder.mkdir(parents=True, exist_ok=True)
        config = self.task.config
        if config.data.startswith(frames.PREFIX):
            # A frame that was handed in is gone with this process: the run keeps its own copy.
            bars = frames.handed_in(config.data)
            prices = (folder / "prices.parquet").resolve()
            content = frames.parquet_of(bars)
            write_atomic(prices, lambda path: path.write_bytes(content))
            kept = {"data": str(prices), "layout": frames.layout_of(bars)}
            config = config.model_copy(update=kept)
        resolved = {
            "env_name": self.env_name,
            "agent_name": self.agent_name,
            "env": config.model_dump(mode="json"),
            "agent": self.agent.to_dict(),
            "seed": seed,
            "device": self.device.type,
        }
        write_json(folder / "config.json", resolved)
        write_json(folder / "manifest.json", manifest(self.task, self.device))
        write_json(folder / "preparation.json", self.task.preparation.to_dict())

    def recorder(
        self, folder: Path, weights: Callable[[], Mapping[str, Any]], watch: loop.Watch | None
    ) -> loop.Recorder[Policy]:
        validation = face(self.task)(self.task, period="validation")
        return loop.Recorder(
            weights,
            self.agent.training,
            lambda policy: decide(policy, validation)[1],
            folder,
            watch or _unwatched,
        )


def _planned(env: str, agent: str, device: str, overrides: Mapping[str, Any]) -> _Planned:
    raw_agent, _ = read_preset("agents", agent)
    env_overrides, agent_overrides = split_overrides(overrides, raw_agent)
    config = resolve_env(env, env_overrides)
    name = _env_name(env, config, env_overrides)
    if "data" in env_overrides:  # of which the preset's description does not speak
        config = config.model_copy(update={"description": ""})
    # The run must find its prices again from any directory.
    found: dict[str, Any] = {"data": lasting_name(config.data)}
    found["exogenous"] = {
        name: series.model_copy(update={"data": lasting_name(series.data)})
        for name, series in config.exogenous.items()
    }
    if isinstance(config, PortfolioConfig) and config.universe is not None:
        found["universe"] = str(Path(config.universe).resolve())
    for key in ("synthetic", "augment"):
        table: Any = getattr(config, key, None)
        if hasattr(table, "generator"):
            lasting = lasting_generator(table.generator)
            found[key] = table.model_copy(update={"generator": lasting})
    config = config.model_copy(update=found)
    config = config.model_copy(update={"reward": _found_again(config.reward)})
    preset = resolve_agent(agent, agent_overrides)
    where = resolve_device(device)
    task = Task.build(config)
    for period in ("train", "validation", "test"):
        task.rows(period)
    return _Planned(name, preset_name(agent), task, preset, where)


def _found_again(reward: Any) -> Any:
    """A declared reward as a run keeps it: with the full paths of the user's files.

    Raises:
        ConfigError: it is a Python function, which has to be named.
    """
    if isinstance(reward, Mapping):
        return {_found_again(term): weight for term, weight in reward.items()}
    if not isinstance(reward, str):
        raise ConfigError(
            f"reward {getattr(reward, '__name__', reward)!r} is a Python function; for a run to "
            'find it again it needs its name: "package.module:function" or "file.py:function"'
        )
    path, _, name = reward.rpartition(":")
    return f"{Path(path.strip()).resolve()}:{name}" if path.strip().endswith(".py") else reward


def _unwatched(steps: int, figures: Mapping[str, float]) -> None:
    return None


def new_run_folder(env: str, agent: str, seed: int, overrides: Mapping[str, Any]) -> Path:
    """Where `train` puts a run that is given no folder: `runs/<env>_<agent>_seed<seed>`, numbered.

    Raises:
        ConfigError: as `train`, of the presets.
    """
    raw_agent, _ = read_preset("agents", agent)
    of_env, _ = split_overrides(overrides, raw_agent)
    config = resolve_env(env, of_env)
    return _free_folder(_env_name(env, config, of_env), preset_name(agent), seed)


def _env_name(
    env: str, config: TradingConfig | PortfolioConfig, overrides: Mapping[str, Any]
) -> str:
    """The preset's own name, unless that speaks of other prices."""
    if "data" not in overrides:
        return preset_name(env)
    return "frame" if config.data.startswith(frames.PREFIX) else preset_name(config.data)


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
