"""stable-baselines3's face of the batched simulator.

`PPO("MlpPolicy", MarketVecEnv(drltrade.make_vec_env("sp500-daily", 64)))`. Importing this module
imports stable-baselines3, so nothing else in `drltrade.envs` does.
"""

import time
from typing import Any

import numpy as np
from gymnasium import Wrapper, spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from drltrade.envs.observations import Observation
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError


def shown_space(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """The action space that stable-baselines3 is shown: each Box as [-1, 1].

    Its Gaussian policies start around 0 with a standard deviation of 1 and are clipped to the
    space: in a Box such as [0, 1] half of their actions would be 0.
    """
    if isinstance(space, spaces.Box):
        return spaces.Box(-1.0, 1.0, space.shape, np.float32)
    return space


def market_actions(actions: NDArray[Any], space: spaces.Space[Any]) -> NDArray[Any]:
    """What actions in `shown_space(space)` mean in `space`: -1 its low, 1 its high."""
    if not isinstance(space, spaces.Box):
        return actions
    # In this form -1 and 1 lead to the bounds exactly, in whatever way numbers are rounded.
    wide = actions.astype(np.float64)
    means: NDArray[Any] = 0.5 * ((1.0 - wide) * space.low + (1.0 + wide) * space.high)
    return means.astype(np.float32)


class MarketVecEnv(VecEnv):
    """n accounts that restart by themselves; see `stable_baselines3.common.vec_env.VecEnv`.

    The infos of an environment are empty while its episode lasts, for a dictionary each would take
    longer than the step. When it is over they hold `terminal_observation`, `TimeLimit.truncated`
    and what `Monitor` adds, `episode`: {"r": sum of the market's rewards, unscaled, "l": steps,
    "t": seconds since the start}. All figures of the last step are in `infos`, as arrays (see
    `MarketVectorEnv`).
    """

    def __init__(self, market: MarketVectorEnv, reward_scale: float = 1.0) -> None:
        """Take `market` over.

        Args:
            market: on the CPU; its autoreset mode becomes SAME_STEP.
            reward_scale: rewards are divided by it.

        Raises:
            ConfigError: the market lives on another device.
        """
        if market.device.type != "cpu":
            raise ConfigError(
                f"stable-baselines3 needs the market on the cpu; it is on {market.device}"
            )
        market.metadata["autoreset_mode"] = AutoresetMode.SAME_STEP
        self.market, self.infos = market, dict[str, Any]()
        self._scale, self._started = reward_scale, time.time()
        self._running: list[dict[str, Any]] = [{} for _ in range(market.num_envs)]
        self._returns = np.zeros(market.num_envs)
        self._lengths = np.zeros(market.num_envs, np.int64)
        super().__init__(
            market.num_envs,
            market.single_observation_space,
            shown_space(market.single_action_space),
        )

    def reset(self) -> Observation:
        """Start all episodes anew, [n, size]; the first of the seeds that were set is used."""
        observations, self.infos = self.market.reset(
            seed=self._seeds[0], options=self._options[0] or None
        )
        self._returns[:], self._lengths[:] = 0.0, 0
        self._reset_seeds()
        self._reset_options()
        return observations  # type: ignore[no-any-return]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take note of n actions."""
        self._actions = market_actions(actions, self.market.single_action_space)

    def step_wait(
        self,
    ) -> tuple[Observation, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """(observations [n, size], rewards [n], dones [n], infos), of the new episode where done.

        Raises:
            ValueError: an action is wrong; names its environment.
        """
        step = self.market.step(self._actions)
        observations, rewards, terminated, truncated, self.infos = step
        self._returns += rewards
        self._lengths += 1
        done, infos = terminated | truncated, self._running.copy()
        if done.any():
            over = done.nonzero()[0]
            seconds = round(time.time() - self._started, 6)
            last = self.infos["final_obs"][over]
            for e, observation in zip(over.tolist(), last, strict=True):
                infos[e] = {
                    "terminal_observation": observation,
                    "TimeLimit.truncated": bool(truncated[e]),
                    "episode": {
                        "r": float(self._returns[e]), "l": int(self._lengths[e]), "t": seconds,
                    },
                }  # fmt: skip
            self._returns[over], self._lengths[over] = 0.0, 0
        return observations, (rewards / self._scale).astype(np.float32), done, infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environments share all attributes: the spaces of this, otherwise the market's."""
        home = self if attr_name in ("observation_space", "action_space") else self.market
        return [getattr(home, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the market.

        Raises:
            ConfigError: of some environments alone.
        """
        if len(set(self._get_indices(indices))) < self.num_envs:
            raise ConfigError(f"set_attr({attr_name!r}): the environments share their attributes")
        setattr(self.market, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """`action_masks` of each; there is no single environment to ask for anything else.

        Raises:
            AttributeError: another method.
        """
        if method_name == "action_masks":
            masks = self.market.action_masks()
            return [masks[number] for number in self._get_indices(indices)]
        raise AttributeError(f"{method_name}: a MarketVecEnv holds no single environments")

    def env_is_wrapped(
        self, wrapper_class: type[Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """True of `Monitor`, whose figures the infos hold; there are no other wrappers."""
        return [wrapper_class is Monitor] * len(list(self._get_indices(indices)))
