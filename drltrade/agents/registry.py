"""Algorithms by name."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from drltrade.agents.a2c import A2C, A2CConfig
from drltrade.agents.agent import Agent, OnProgress, Policy
from drltrade.agents.ddpg import DDPG, DDPGConfig
from drltrade.agents.direct import Direct, DirectConfig
from drltrade.agents.dqn import DQN, DQNConfig
from drltrade.agents.exo_dqn import ExoDQN, ExoDQNConfig
from drltrade.agents.installed import (
    GROUP,
    SB3,
    Load,
    agent_in_file,
    check_policy,
    installed_agent,
    installed_agents,
    own_agent,
)
from drltrade.agents.ppo import PPO, PPOConfig
from drltrade.agents.reinforce import Reinforce, ReinforceConfig
from drltrade.agents.sac import SAC, SACConfig
from drltrade.agents.sb3 import SB3Agent, SB3Config, algorithm_class
from drltrade.agents.td3 import TD3, TD3Config
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, DeviceError, listed, suggestion
from drltrade.functions import in_file, load_function
from drltrade.settings import Settings, parse


class SeedOfMany(NamedTuple):
    """One of several seeds that learn at once: what an `Agent` has beside `learn`."""

    learner: ExoDQN
    seed: int

    def policy(self) -> Policy:
        """See `Agent`."""
        return self.learner.policy(self.seed)

    def weights(self) -> dict[str, Tensor]:
        """See `Agent`."""
        return self.learner.weights(self.seed)

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """See `Agent`."""
        self.learner.load_weights(weights, self.seed)


ALGORITHMS: dict[str, tuple[type[Settings], Any]] = {
    "dqn": (DQNConfig, DQN),
    "ddpg": (DDPGConfig, DDPG),
    "td3": (TD3Config, TD3),
    "sac": (SACConfig, SAC),
    "reinforce": (ReinforceConfig, Reinforce),
    "a2c": (A2CConfig, A2C),
    "ppo": (PPOConfig, PPO),
    "exo_dqn": (ExoDQNConfig, ExoDQN),
    "direct": (DirectConfig, Direct),
}
"""Name -> (configuration, agent). On top come `sb3:NAME` and agents of packages and files."""


def _lookup(name: object, where: str, load: Load = load_function) -> tuple[type[Settings], Any]:
    if isinstance(name, str) and name.startswith(SB3):
        algorithm_class(name)
        return SB3Config, SB3Agent
    if isinstance(name, str) and name in ALGORITHMS:
        return ALGORITHMS[name]
    if in_file(name):
        return agent_in_file(str(name), where, load)
    others = installed_agents()
    if isinstance(name, str) and name in others:
        return installed_agent(others[name], where)
    if isinstance(name, str) and ":" in name:
        raise ConfigError(
            f"{where}: algorithm {name!r}: write an agent of your own as 'path/to/file.py:Class'; "
            f"one of an installed package has a name, by an entry point in the group {GROUP!r}"
        )
    known = [*ALGORITHMS, *others]
    raise ConfigError(
        f"{where}: algorithm {name!r} is unknown{suggestion(name, known)} (allowed: "
        f"{listed(known, name)}, file.py:Class, and sb3:NAME for any algorithm of "
        "stable-baselines3 or sb3-contrib)"
    )


def config_model(name: object, where: str) -> type[Settings]:
    """The model of an algorithm's hyperparameters."""
    return _lookup(name, where)[0]


def parse_agent(values: Mapping[str, Any], where: str, load: Load = load_function) -> Settings:
    """Validate an agent's hyperparameters; `values["algorithm"]` says whose they are.

    Args:
        values: as a preset has them.
        where: they stand, in errors.
        load: what loads an agent in a file.
    """
    if "algorithm" not in values:
        raise ConfigError(f"{where}: key 'algorithm' is missing (one of {', '.join(ALGORITHMS)})")
    return parse(_lookup(values["algorithm"], where, load)[0], values, where)


def make_agent(config: Settings, task: Task, generator: torch.Generator) -> Agent:
    """Build the agent that `config` describes, on the device of `generator`."""
    name: str = config.algorithm  # type: ignore[attr-defined]
    agent: Agent = (own_agent(config) or _lookup(name, "agent")[1])(config, task, generator)
    if name not in ALGORITHMS:
        check_policy(agent)
    return agent


def learns_together(config: Settings, seeds: int) -> bool:
    """Whether `make_agents` takes this configuration for so many seeds."""
    # An agent of a user's own that is made of exo_dqn may learn in another way.
    stackable = type(config) is ExoDQNConfig and config.network.encoder in ("mlp", "cnn")
    return seeds > 1 and stackable


def make_agents(
    config: Settings, task: Task, generators: Sequence[torch.Generator]
) -> list[SeedOfMany]:
    """One agent per generator, which learn at once by `learn_together`.

    Raises:
        ConfigError: the algorithm, or its network, learns one seed at a time.
    """
    if not learns_together(config, len(generators)):
        raise ConfigError(
            f"{config.algorithm} learns one seed at a time; exo_dqn with encoder mlp or cnn learns "  # type: ignore[attr-defined]
            "several at once"
        )
    assert isinstance(config, ExoDQNConfig)
    learner = ExoDQN(config, task, *generators)
    return [SeedOfMany(learner, seed) for seed in range(len(generators))]


def learn_together(
    agents: Sequence[SeedOfMany], total_steps: int, on_progress: Sequence[OnProgress]
) -> None:
    """Train what `make_agents` returned; `on_progress` of each."""
    agents[0].learner.learn_together(total_steps, on_progress)


def restore(agent: Agent, weights: Mapping[str, Tensor], where: str) -> None:
    """Load weights into an agent, if they are those of such a network.

    Raises:
        ConfigError: they are another network's, or another market's; names the first difference.
    """
    own = agent.weights()
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) == found.get(name):
            continue
        raise ConfigError(
            f"{where} holds the weights of another network or market: {name} is "
            f"{_size(found.get(name))} there and {_size(shapes.get(name))} in this agent; the "
            "algorithm, network, features, window and actions must be those it was trained with "
            "(config.json of its run)"
        )
    agent.load_weights(weights)


def _size(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape)) or "a number"


def resolve_device(name: str) -> torch.device:
    """`cpu`, `cuda`, or `auto` (CUDA where there is one).

    Raises:
        DeviceError: CUDA was asked for and this machine has none. ConfigError: another name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device {name!r} is unknown; allowed: auto, cpu, cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError(
            "device 'cuda' was asked for, but torch "
            f"{torch.__version__} sees no GPU here; use --device cpu or auto"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
