"""`drltrade/Portfolio-v0`: one account, many assets, one decision a bar."""

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces

from drltrade.envs.actions import make_actions
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.observations import Observation
from drltrade.envs.task import Task
from drltrade.envs.trading import make_episode, prepared
from drltrade.market.terms import OBSERVED_BOUND


class PortfolioEnv(gymnasium.Env[Observation, Any]):
    """Hold many assets in one account, bar by bar.

    **Action.** `Box` of shape (N,): the target weight of each asset, in [-gross_limit, gross_limit]
    or, with `long_only`, in [0, gross_limit]; NaN keeps an asset's shares. What is left is cash.
    Weights whose absolute values sum to more than `gross_limit` are scaled down to it. Weights are
    of post-cost equity: after the fill the account holds exactly these.

    **Observation.** float32, flat: the last `window` bars of scaled features, oldest first, in each
    bar asset by asset, the last of each asset being 1 where it traded in the bar and 0 where not;
    then position, unrealised return and tenure of all assets, and the account's drawdown.

    **Assets that do not trade.** One that has not started, halts or has ended takes no orders. Held
    through a halt it keeps its last price; when it ends, it pays it.

    Reward, episode and info are those of `drltrade/Trading-v0`, with N assets in `holdings`,
    `weights`, `fills` and `exits`.

    Args (all keys of an env preset, see `envs.config.PortfolioConfig`), and:
        task: a prepared market to share; then only `period` and `episode_length` may be given.

    Raises:
        ConfigError: a key or value is wrong. DataError: the price file is.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, task: Task | None = None, *, render_mode: None = None, **settings: Any
    ) -> None:
        self.task, self.config = prepared(PortfolioConfig, "drltrade/Portfolio-v0", task, settings)
        self.render_mode = render_mode
        self.episode = make_episode(self.task, self.config)
        self.actions = make_actions(self.config, self.task.market.symbols)
        self.action_space: spaces.Space[Any] = self.actions.space
        self.observation_space = spaces.Box(
            -OBSERVED_BOUND, OBSERVED_BOUND, (self.episode.size,), np.float32
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode with a fresh account; see `gymnasium.Env.reset`."""
        super().reset(seed=seed)
        return self.episode.start(self.np_random, options)

    def step(self, action: Any) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Decide at this bar's close, go to the close of the next; see `gymnasium.Env.step`.

        Raises:
            ValueError: the action lies outside the space; names it, the bar and what is allowed.
            ConfigError: the episode is over, or none has begun.
        """
        try:
            self.actions.one(action, self.episode.orders)
        except ValueError as error:
            raise self.episode.refused(error) from None
        return self.episode.play()
