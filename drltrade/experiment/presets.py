"""Presets: TOML files in `envs/` and `agents/`, of the workspace first, then of the package."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gymnasium.vector import AutoresetMode

from drltrade.agents.installed import Load
from drltrade.agents.registry import config_model, parse_agent
from drltrade.agents.sb3 import PREFIX
from drltrade.envs.config import PortfolioConfig, TradingConfig, parse_env
from drltrade.envs.make import face
from drltrade.envs.single import MarketEnv
from drltrade.envs.task import Task
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError, suggestion
from drltrade.functions import in_file, load_function
from drltrade.settings import Settings, parse
from drltrade.training.loop import TrainingConfig
from drltrade.workspace import packaged, search_path

Kind = Literal["envs", "agents"]
Values = dict[str, Any]


class AgentPreset(NamedTuple):
    """What a file in `agents/` says."""

    description: str
    algorithm: Settings
    training: TrainingConfig

    def to_dict(self) -> Values:
        """In the shape of the file."""
        return {
            "description": self.description,
            **self.algorithm.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
        }


def list_presets(kind: Kind) -> dict[str, Path]:
    """Name -> file; the workspace's hide the packaged ones of the same name."""
    found: dict[str, Path] = {}
    for folder in reversed(search_path(kind)):
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return dict(sorted(found.items()))


def read_preset(kind: Kind, name: str) -> tuple[Values, str]:
    """The raw values of a preset, those it `extends` underneath, and the file they came from.

    Args:
        kind: "envs" or "agents".
        name: of a preset, or the path of a TOML file; for agents also sb3:NAME or file.py:Class,
            which take all of the algorithm's own defaults.

    Raises:
        ConfigError: there is no such preset, or the file is no valid TOML.
    """
    if kind == "agents" and (name.startswith(PREFIX) or in_file(name)):
        return {"algorithm": name}, name
    return _read(kind, _find(kind, name), ())


def _find(kind: Kind, name: str, beside: Path | None = None) -> Path:
    """The file of a preset; a file that extends its own name (`beside`) means the packaged one."""
    if name.endswith(".toml"):
        return beside.parent / name if beside is not None else Path(name)
    if kind == "agents" and name.endswith(".py"):
        raise ConfigError(f"--agent {name}: name the class in it, too: {name}:Class")
    presets = list_presets(kind)
    if beside is not None and beside.stem == name:
        presets = {path.stem: path for path in sorted(packaged(kind).glob("*.toml"))}
    if name not in presets:
        raise ConfigError(
            f"no preset {name!r} in {kind}/{suggestion(name, presets)} (there are: "
            f"{', '.join(presets)}; or give the path of a TOML file)"
        )
    return presets[name]


def _read(kind: Kind, path: Path, above: tuple[Path, ...]) -> tuple[Values, str]:
    if path.resolve() in above:
        raise ConfigError(f"{path}: extends itself, by way of {above[-1]}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    if base := values.pop("extends", None):
        found = _find(kind, str(base), beside=path)
        values = merge(_read(kind, found, (*above, path.resolve()))[0], values)
    return values, str(path)


def preset_name(name: str) -> str:
    """What to call a preset, or the file of one, in a report or a folder's name."""
    if own := in_file(name):
        return f"{own.file.stem}-{own.name}"
    return Path(name).stem.replace(":", "-")


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """`over` laid upon `base`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def parse_assignments(assignments: Sequence[str]) -> Values:
    """["costs.commission_bps=5", ...] -> nested values, each read as TOML, else as text."""
    values: Values = {}
    for text in assignments:
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text!r}: key.path=value is needed")
        try:
            value = tomllib.loads(f"value = {raw}")["value"]
        except tomllib.TOMLDecodeError:
            value = raw.strip()
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        values = merge(values, value)
    return values


def split_overrides(overrides: Mapping[str, Any], agent: Values | None) -> tuple[Values, Values]:
    """Overrides -> (those of the environment, those of the agent).

    A key that both have, or a wish to be clear, is written under `env.` or `agent.`.

    Raises:
        ConfigError: a key belongs to neither, or to both.
    """
    env_keys = {*TradingConfig.model_fields, *PortfolioConfig.model_fields}
    agent_keys: set[str] = set()
    if agent is not None:
        name = overrides.get("algorithm", agent.get("algorithm"))
        agent_keys = {*config_model(name, "agent").model_fields, "training"}
    ours: dict[str, Values] = {"env": {}, "agent": {}}
    for key, value in overrides.items():
        if key in ours and isinstance(value, Mapping):
            ours[key] = merge(ours[key], value)
            continue
        owners = [
            owner for owner, keys in (("env", env_keys), ("agent", agent_keys)) if key in keys
        ]
        if len(owners) != 1:
            allowed = sorted((env_keys | agent_keys) - {"description"})
            hint = suggestion(key, allowed)
            problem = "belongs to both; write env. or agent. before it" if owners else "is unknown"
            raise ConfigError(f"override {key!r} {problem}{hint} (allowed: {', '.join(allowed)})")
        ours[owners[0]] = merge(ours[owners[0]], {key: value})
    return ours["env"], ours["agent"]


def resolve_env(name: str, overrides: Mapping[str, Any]) -> TradingConfig | PortfolioConfig:
    """An env preset with overrides, validated."""
    values, where = read_preset("envs", name)
    # Naming one kind of action replaces the others.
    kinds = {"positions", "position_range", "order_units"}
    if kinds & set(overrides):
        values = {key: value for key, value in values.items() if key not in kinds}
    values, where = merge(values, overrides), _overridden(where, overrides)
    return parse_env(values, where)


def resolve_agent(name: str, overrides: Mapping[str, Any]) -> AgentPreset:
    """An agent preset with overrides, validated."""
    values, where = read_preset("agents", name)
    return agent_from_dict(merge(values, overrides), _overridden(where, overrides))


def _overridden(where: str, overrides: Mapping[str, Any]) -> str:
    return f"{where} with {', '.join(overrides)} overridden" if overrides else where


def agent_from_dict(
    values: Mapping[str, Any], where: str, load: Load = load_function
) -> AgentPreset:
    """Validate what a file in `agents/` says; `load` loads an agent in a file."""
    values = dict(values)
    description = str(values.pop("description", ""))
    training = parse(TrainingConfig, values.pop("training", {}), f"{where} [training]")
    algorithm = parse_agent(values, where, load)
    least = getattr(algorithm, "steps_to_learn", 0)
    if training.total_steps < least:
        raise ConfigError(
            f"{where}: training.total_steps = {training.total_steps}: nothing would be learned, as "
            f"the policy's first change comes after {least} environment steps (learning_starts, "
            "actor_starts); set at least as many, or lower those"
        )
    return AgentPreset(description, algorithm, training)


def make_env(preset: str = "sp500-daily", **overrides: Any) -> MarketEnv:
    """The environment of a preset; `overrides` are its keys, `period="test"` among them."""
    task = Task.build(resolve_env(preset, overrides))
    return face(task)(task)


def make_vec_env(
    preset: str = "sp500-daily",
    n_envs: int = 1,
    device: str = "cpu",
    *,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    **overrides: Any,
) -> MarketVectorEnv:
    """`n_envs` environments of a preset in one, on a device; `overrides` are the preset's keys."""
    task = Task.build(resolve_env(preset, overrides))
    return MarketVectorEnv(face(task), n_envs, task, autoreset_mode=autoreset_mode, device=device)
