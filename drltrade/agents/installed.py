"""Agents that do not come with drltrade: of installed packages, and in files of the user's own.

A package offers one in its pyproject.toml, and an agent preset names it: `algorithm = "mine"`.

    [project.entry-points."drltrade.agents"]
    mine = "my_package.agents:Mine"

A file needs no package: `algorithm = "path/to/file.py:Mine"`, or `--agent file.py:Mine`.

The class is built as `Mine(config, task, generator)` and is an `Agent` (see `agents.agent`). Its
attribute `Config` is a `Settings` of its hyperparameters; a package's has a field `algorithm` of
the entry point's name.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic import create_model

from drltrade.errors import ConfigError
from drltrade.functions import load_function
from drltrade.settings import Settings

SB3 = "sb3:"
"""Before the name of an algorithm of stable-baselines3 or sb3-contrib."""

GROUP = "drltrade.agents"
METHODS: dict[str, tuple[str, ...]] = {
    "learn": ("total_steps", "on_progress"),
    "policy": (),
    "weights": (),
    "load_weights": ("weights",),
}
"""What an `Agent` has, and what each is called with."""

OWN = "__own_agent__"
"""Attribute of a configuration's class: the class in a file that it configures."""

Load = Callable[[str, str], Any]
"""("file.py:Class", what it is for) -> the class."""


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
    config = _config_of(agent, said)
    if "algorithm" not in config.model_fields:
        raise ConfigError(f"{said}: its Config needs a field algorithm: Literal[{point.name!r}]")
    return config, agent


def agent_in_file(
    source: str, where: str, load: Load = load_function
) -> tuple[type[Settings], Any]:
    """The configuration and the class of an agent in a file: "file.py:Class".

    Raises:
        ConfigError: it cannot be loaded, or lacks what an agent has.
    """
    agent = load(source, "agent")
    config = _config_of(agent, f"{where}: agent {source!r}")
    # Its own Config may speak of another algorithm, such as that of an agent it is made of.
    model: Any = create_model(config.__name__, __base__=config, algorithm=(str, source))
    setattr(model, OWN, agent)
    return cast(type[Settings], model), agent


def own_agent(config: Settings) -> Any:
    """The class in a file that a configuration is of; None: of none."""
    return getattr(type(config), OWN, None)


def _config_of(agent: Any, said: str) -> type[Settings]:
    """The model of an agent's hyperparameters, once the agent is looked over."""
    if not isinstance(agent, type):
        raise ConfigError(f"{said} is no class; one that is called (config, task, generator) is")
    lacking = [name for name in METHODS if not callable(getattr(agent, name, None))]
    if lacking:
        raise ConfigError(
            f"{said}, is no agent: it has no {', '.join(lacking)} (see drltrade.agents.agent.Agent)"
        )
    _check_call(agent, ("config", "task", "generator"), f"{said}: {agent.__name__}", bound=0)
    for name, arguments in METHODS.items():
        _check_call(getattr(agent, name), arguments, f"{said}: its method {name}", bound=1)
    config = getattr(agent, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Settings)):
        raise ConfigError(
            f"{said}: its attribute Config must be a subclass of drltrade.settings.Settings"
        )
    return config


def _check_call(function: Any, arguments: tuple[str, ...], said: str, *, bound: int) -> None:
    """Refuse what cannot be called with so many arguments (and, `bound`, itself before them)."""
    signature = inspect.signature(function)
    try:
        signature.bind(*range(bound), *arguments)
    except TypeError as error:
        raise ConfigError(
            f"{said} takes {signature}; it is called with ({', '.join(arguments)}): {error}"
        ) from None


def check_policy(agent: Any) -> None:
    """Refuse an agent whose policy cannot act.

    Raises:
        ConfigError: names the agent and what its policy is.
    """
    policy = agent.policy()
    if not callable(getattr(policy, "act", None)):
        raise ConfigError(
            f"agent {type(agent).__name__}: its method policy returned a {type(policy).__name__} "
            "without act(observation, state) (see drltrade.agents.agent.Policy)"
        )
