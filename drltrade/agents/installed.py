"""Agents of other packages, found by their entry points in the group `drltrade.agents`.

A package offers one in its pyproject.toml, and an agent preset names it: `algorithm = "mine"`.

    [project.entry-points."drltrade.agents"]
    mine = "my_package.agents:Mine"

The class is built as `Mine(config, task, generator)` and is an `Agent` (see `agents.agent`). Its
attribute `Config` is a `Settings` of its hyperparameters, with a field `algorithm` of that name.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from drltrade.errors import ConfigError
from drltrade.settings import Settings

GROUP = "drltrade.agents"
METHODS = ("learn", "policy", "weights", "load_weights")
"""What an `Agent` has."""


def installed_agents() -> dict[str, EntryPoint]:
    """Name -> entry point of each agent that an installed package offers; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def installed_agent(point: EntryPoint, where: str) -> tuple[type[Settings], Any]:
    """The configuration and the class of an agent of another package.

    Raises:
        ConfigError: it cannot be imported, or lacks what an agent has.
    """
    said = f"{where}: algorithm {point.name!r}, the entry point {point.value}"
    try:
        agent = point.load()
    except Exception as error:
        raise ConfigError(f"{said}, fails on import: {type(error).__name__}: {error}") from error
    lacking = [name for name in METHODS if not callable(getattr(agent, name, None))]
    if lacking:
        raise ConfigError(f"{said}, is no agent: it has no {', '.join(lacking)}")
    config = getattr(agent, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Settings)):
        raise ConfigError(
            f"{said}: its attribute Config must be a subclass of drltrade.settings.Settings"
        )
    if "algorithm" not in config.model_fields:
        raise ConfigError(f"{said}: its Config needs a field algorithm: Literal[{point.name!r}]")
    return config, agent
