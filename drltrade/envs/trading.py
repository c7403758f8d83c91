"""`drltrade/Trading-v0`: one account, one asset, one decision a bar."""

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces

from drltrade.envs.actions import make_actions
from drltrade.envs.config import MarketConfig, TradingConfig
from drltrade.envs.episode import Episode
from drltrade.envs.observations import Observation
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.reward_spec import parse_reward
from drltrade.market.terms import OBSERVED_BOUND
from drltrade.settings import parse

SHARED = {"period", "episode_length"}
"""What may be given beside a prepared task."""


class TradingEnv(gymnasium.Env[Observation, Any]):
    """Trade one asset, bar by bar.

    **Action.** With `positions` (default [-1, 0, 1]): `Discrete`, the index of a target weight.
    With `position_range`: `Box` of shape (1,), the target weight itself; NaN holds. With
    `order_units`: `Discrete(3)`, sell, hold or buy so many units. A target is the signed fraction
    of post-cost equity to hold after the fill; between trades it drifts with the price.

    **Observation.** float32, flat: the last `window` bars of scaled features, oldest first, then
    position, unrealised return, tenure and drawdown of the account (`market.standing`).

    **Reward.** By default what the account gained to the next close, all costs in, as a log return:
    an episode's rewards sum to log(final equity / initial equity). See `market.rewards` for others.

    **Episode.** In the train period: `episode_length` bars from a random start. In any other: the
    whole period. `reset(options={"start": time, "length": bars})` chooses them. The last bar
    truncates it; a ruined account terminates it.

    **info** of `reset` and `step`: `time` (label of the bar just closed), `equity`, `cash`,
    `holdings` (units, shape (1,)), `weights` (signed, drifted, shape (1,)), `costs` (money by part,
    of this step), `fills` (price before slippage, shape (1,), NaN where no order filled); and, in
    a step in which stop-loss, take-profit, margin call, ruin or delisting closed something, `exits`
    (the prices at which, NaN elsewhere).

    Args (all keys of an env preset, see `envs.config.TradingConfig`), and:
        task: a prepared market to share; then only `period` and `episode_length` may be given.

    Raises:
        ConfigError: a key or value is wrong. DataError: the price file is.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, task: Task | None = None, *, render_mode: None = None, **settings: Any
    ) -> None:
        self.task, self.config = prepared(TradingConfig, "drltrade/Trading-v0", task, settings)
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


def prepared(
    model: type[Any], where: str, task: Task | None, settings: dict[str, Any]
) -> tuple[Task, Any]:
    """(task, its settings) of an environment made from a shared task or from settings alone."""
    if task is None:
        task = Task.build(_parse(model, settings, where))
        return task, task.config
    if odd := set(settings) - SHARED:
        raise ConfigError(
            f"{where}: a prepared task settles everything but period and episode_length; "
            f"found {', '.join(sorted(odd))}"
        )
    if not isinstance(task.config, model):
        raise ConfigError(f"{where}: the prepared task is a {type(task.config).__name__}'s")
    values = {key: getattr(task.config, key) for key in SHARED} | settings
    shared = parse(model, values, where)
    return task, task.config.model_copy(update={key: getattr(shared, key) for key in values})


def _parse(model: type[Any], settings: dict[str, Any], where: str) -> Any:
    """As `settings.parse`; a reward may be a Python function here, which no file can say."""
    reward = settings.get("reward")
    if reward is None or isinstance(reward, str):
        return parse(model, settings, where)
    parse_reward(reward)
    config = parse(model, {k: v for k, v in settings.items() if k != "reward"}, where)
    return config.model_copy(update={"reward": reward})


def make_episode(task: Task, config: MarketConfig) -> Episode:
    """Random parts of the train period; any other period as a whole."""
    whole = config.period != "train"
    return Episode(task, config.period, None if whole else config.episode_length)
