"""Presets with overrides, validated; and the environments that they describe."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gymnasium.vector import AutoresetMode

from drltrade.agents.installed import Load
from drltrade.agents.registry import config_model, parse_agent
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.make import face
from drltrade.envs.single import MarketEnv
from drltrade.envs.task import Task
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError, listed, suggestion
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import Values, merge, overridden, read_preset
from drltrade.functions import load_function
from drltrade.settings import Settings, inner_keys, parse
from drltrade.training.loop import TrainingConfig


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


def split_overrides(overrides: Mapping[str, Any], agent: Values | None) -> tuple[Values, Values]:
    """Overrides -> (those of the environment, those of the agent).

    A key that both have, or a wish to be clear, is written under `env.` or `agent.`.

    Raises:
        ConfigError: a key belongs to neither, or to both.
    """
    env_keys = {*TradingConfig.model_fields, *PortfolioConfig.model_fields}
    agent_keys: set[str] = set()
    models: list[Any] = [TradingConfig, PortfolioConfig]
    if agent is not None:
        name = overrides.get("algorithm", agent.get("algorithm"))
        model = config_model(name, "agent")
        agent_keys = {*model.model_fields, "training"}
        models.append(model)
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
            if owners:
                raise ConfigError(
                    f"override {key!r} belongs to both; write env. or agent. before it"
                )
            inner = [each for model in models for each in inner_keys(model)]
            inner += [f"training.{each}" for each in TrainingConfig.model_fields]
            hint = suggestion(key, [*allowed, *inner])
            raise ConfigError(
                f"override {key!r} is unknown{hint} (allowed: {listed(allowed, key)})"
            )
        ours[owners[0]] = merge(ours[owners[0]], {key: value})
    return ours["env"], ours["agent"]


def resolve_agent(name: str, overrides: Mapping[str, Any]) -> AgentPreset:
    """An agent preset with overrides, validated."""
    values, where = read_preset("agents", name)
    return agent_from_dict(merge(values, overrides), overridden(where, overrides))


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
