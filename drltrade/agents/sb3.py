"""Any algorithm of stable-baselines3 or sb3-contrib, as an agent on the same environment."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from pydantic import Field
from torch import Tensor

from drltrade.agents.agent import OnProgress
from drltrade.agents.installed import SB3
from drltrade.agents.market_view import reward_scale
from drltrade.agents.sb3_wrappers import preprocessing
from drltrade.envs.make import face
from drltrade.envs.observations import Observation
from drltrade.envs.task import Task
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError, listed
from drltrade.settings import Settings

RECURRENT = "Recurrent"


class SB3Config(Settings):
    """How to build a stable-baselines3 model."""

    algorithm: str = Field("sb3:PPO", pattern=r"^sb3:\w+$", description="sb3: and the class's name")
    policy: str | None = Field(
        None, description="default: MlpLstmPolicy for Recurrent*, otherwise MlpPolicy"
    )
    n_envs: int = Field(8, ge=1, description="environments stepped together")
    normalize_reward: bool = Field(True, description="divide by the asset's volatility per bar")
    hyperparameters: dict[str, Any] = Field(
        default_factory=dict, description="keyword arguments of the class, as they are"
    )

    @property
    def steps_to_learn(self) -> int:
        """Environment steps that the policy's first change takes, of algorithms with replay."""
        known = inspect.signature(algorithm_class(self.algorithm)).parameters

        def setting(name: str, otherwise: int) -> Any:
            default = known[name].default if name in known else otherwise
            return self.hyperparameters.get(name, default)

        if "learning_starts" not in known:
            return 0
        return int(setting("learning_starts", 0)) + int(setting("policy_delay", 1)) * self.n_envs


def algorithm_class(name: str) -> Any:
    """The class that `sb3:NAME` means.

    Raises:
        ConfigError: neither package has it; lists those there are.
    """
    names: list[str] = []
    for package in ("stable_baselines3", "sb3_contrib"):
        module = importlib.import_module(package)
        found = [n for n in module.__all__ if hasattr(getattr(module, n), "learn")]
        if name.removeprefix(SB3) in found:
            return getattr(module, name.removeprefix(SB3))
        names += found
    raise ConfigError(f"algorithm {name!r} is unknown; allowed: {listed(sorted(names), name)}")


class SB3Policy:
    """The model's deterministic policy; `state` is the hidden state of recurrent ones.

    A model that learned on a `MarketVecEnv` acts in the space that this shows; its actions come
    back as the market means them. Those of any other model are left as they are. Observations reach
    it through the statistics of its `VecNormalize`, if it learned behind one.
    """

    def __init__(self, model: Any, space: spaces.Space[Any]) -> None:
        """`space` holds the market's actions.

        Raises:
            ConfigError: the model learned behind a wrapper that cannot be applied; names it.
        """
        from drltrade.envs.sb3 import market_actions, shown_space

        shown = model.action_space != space and model.action_space == shown_space(space)
        self._model, self._actions, self._space = model, market_actions, space if shown else None
        self._preprocess = preprocessing(model)

    def act(self, observation: Observation, state: Any = None) -> tuple[Any, Any]:
        """Greedy action for one flat observation."""
        action, next_state = self._model.predict(
            self._preprocess(observation),
            state=state,
            episode_start=[state is None],
            deterministic=True,
        )
        if action.ndim == 0:
            return int(action), next_state
        if self._space is not None:
            action = self._actions(action, self._space)
        return action, next_state


class SB3Agent:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    report_every = 1000
    """Environment steps, at least, between two reports of progress."""

    def __init__(self, config: SB3Config, task: Task, generator: torch.Generator) -> None:
        """`generator` gives the device and the seed."""
        from drltrade.envs.sb3 import MarketVecEnv

        build = algorithm_class(config.algorithm)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        market = MarketVectorEnv(face(task), config.n_envs, task, period="train")
        self._space = market.single_action_space
        default = "MlpLstmPolicy" if RECURRENT in config.algorithm else "MlpPolicy"
        try:
            self.model = build(
                config.policy or default,
                MarketVecEnv(market, self._scale),
                seed=generator.initial_seed(),
                device=str(generator.device),
                **config.hyperparameters,
            )
        except (AssertionError, TypeError) as error:
            # stable-baselines3 asserts that it supports the action space, and Python that it
            # knows the keyword; both name what is wrong.
            raise ConfigError(f"{config.algorithm}: {error}") from error

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """One call of the model's own `learn`; a callback reports and can stop it."""
        from stable_baselines3.common.callbacks import BaseCallback

        agent, policy = self, self.policy()

        class Report(BaseCallback):
            def __init__(self) -> None:
                super().__init__()
                self.reward, self.count, self.last = 0.0, 0, 0

            def _on_step(self) -> bool:
                self.reward += float(self.locals["rewards"].mean())
                self.count += 1
                due = self.num_timesteps - self.last >= agent.report_every
                return not due or self.num_timesteps >= total_steps or self._report()

            def _on_training_end(self) -> None:
                # An algorithm completes its last rollout and learns from it before it ends.
                if self.count:
                    self._report()

            def _report(self) -> bool:
                figures = {"reward": self.reward / self.count * agent._scale}
                self.reward, self.count, self.last = 0.0, 0, self.num_timesteps
                return on_progress(self.num_timesteps, figures, policy)

        self.model.learn(total_steps, callback=Report())

    def policy(self) -> SB3Policy:
        """The model's deterministic policy."""
        return SB3Policy(self.model, self._space)

    def weights(self) -> dict[str, Tensor]:
        """The policy's parameters."""
        return dict(self.model.policy.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the policy's parameters."""
        self.model.policy.load_state_dict(weights)
