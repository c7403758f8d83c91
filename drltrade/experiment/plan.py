"""What runs are made of, checked before anything is written, and what a run folder keeps of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drltrade.agents.agent import Policy
from drltrade.agents.registry import resolve_device
from drltrade.atomic import write_atomic, write_json
from drltrade.backtesting.engine import decide
from drltrade.data import frames
from drltrade.data.catalog import lasting_name
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.make import face
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.manifest import manifest
from drltrade.experiment.own_code import keep
from drltrade.experiment.preset_files import preset_name, read_preset
from drltrade.experiment.presets import AgentPreset, resolve_agent, split_overrides
from drltrade.features.declarations import parse_feature
from drltrade.features.declarations import with_full_path as feature_with_full_path
from drltrade.functions import in_file, with_full_path
from drltrade.market.reward_spec import parse_reward
from drltrade.market.rewards import REWARDS
from drltrade.market.synthetic.generator import lasting_generator
from drltrade.training import loop


@dataclass(frozen=True)
class Plan:
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
            "code": keep(folder, self.sources()),
        }
        write_json(folder / "config.json", resolved)
        write_json(folder / "manifest.json", manifest(self.task, self.device))
        write_json(folder / "preparation.json", self.task.preparation.to_dict())

    def sources(self) -> list[str]:
        """What the runs execute of the user's: functions and classes, some of them in files."""
        config, agent = self.task.config, self.agent.algorithm
        named: list[Any] = [each.own for each in map(parse_feature, config.features)]
        named += [term.source for term in parse_reward(config.reward)]
        return [each for each in [*named, getattr(agent, "algorithm", None)] if each is not None]

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


def plan_runs(env: str, agent: str, device: str, overrides: Mapping[str, Any]) -> Plan:
    """Check all that runs are made of: presets, data, features, device; nothing is written.

    Raises:
        ConfigError, DataError, DeviceError: something is wrong.
    """
    raw_agent, _ = read_preset("agents", agent)
    env_overrides, agent_overrides = split_overrides(overrides, raw_agent)
    config = resolve_env(env, env_overrides)
    env_name = env_name_of(env, config, env_overrides)
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
    found = {"reward": _found_again(config.reward), "features": found_features(config.features)}
    config = config.model_copy(update=found)
    preset = resolve_agent(agent, agent_overrides)
    if in_file(algorithm := getattr(preset.algorithm, "algorithm", None)):
        in_full = {"algorithm": with_full_path(str(algorithm))}
        preset = preset._replace(algorithm=preset.algorithm.model_copy(update=in_full))
    where = resolve_device(device)
    task = Task.build(config)
    for period in ("train", "validation", "test"):
        task.rows(period)
    _try_reward(task)
    return Plan(env_name, preset_name(agent), task, preset, where)


def _try_reward(task: Task) -> None:
    """Take a step with a reward of the user's own, so that what fails in it fails before a run.

    Raises:
        ConfigError: it raised something, or what it returned is no reward.
    """
    if all(term.source in REWARDS for term in parse_reward(task.config.reward)):
        return
    simulator = task.simulator(2, torch.Generator().manual_seed(0), detailed=False)
    simulator.step(torch.zeros(2, task.market.assets, dtype=torch.float64))


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
    return with_full_path(reward)


def found_features(declared: Sequence[Any]) -> tuple[str, ...]:
    """Declared features as a run keeps them: with the full paths of the user's files.

    Raises:
        ConfigError: one is a Python function, which has to be named.
    """
    for each in declared:
        if not isinstance(each, str):
            raise ConfigError(
                f"feature {parse_feature(each)} is a Python function; for a run to find it again "
                'it needs its name: "file.py:function"'
            )
    return tuple(map(feature_with_full_path, declared))


def env_name_of(
    env: str, config: TradingConfig | PortfolioConfig, overrides: Mapping[str, Any]
) -> str:
    """The preset's own name, unless that speaks of other prices."""
    if "data" not in overrides:
        return preset_name(env)
    return "frame" if config.data.startswith(frames.PREFIX) else preset_name(config.data)


def _unwatched(steps: int, figures: Mapping[str, float]) -> None:
    return None
