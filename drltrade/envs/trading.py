"""`drltrade/Trading-v0`: one account, one asset, one decision a bar."""

import math
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces

from drltrade.envs.config import TradingConfig
from drltrade.envs.observations import Observation, flat_windows
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.account import COST_PARTS, OBSERVED_BOUND, RUIN, SCALAR, make_rule
from drltrade.market.rewards import log_return
from drltrade.market.simulator import ACCOUNT_FEATURES
from drltrade.settings import parse


class TradingEnv(gymnasium.Env[Observation, Any]):
    """Trade one asset, bar by bar.

    **Action.** With `positions` (default [-1, 0, 1]): `Discrete`, the index of a target weight.
    With `position_range`: `Box` of shape (1,), the target weight itself; NaN holds. A target is
    the signed fraction of post-cost equity to hold after the fill; between trades it drifts with
    the price.

    **Observation.** float32, flat: the last `window` bars of scaled features, oldest first, then
    position, unrealised return, tenure and drawdown of the account (`market.account.Standing`).

    **Reward.** What the account gained to the next close, all costs in, as a log return: an
    episode's rewards sum to log(final equity / initial equity).

    **Episode.** In the train period: `episode_length` bars from a random start. In any other: the
    whole period. The last bar truncates it; a ruined account terminates it.

    **info** of `reset` and `step`: `time` (label of the bar just closed), `equity`, `cash`,
    `holdings` (units, shape (1,)), `weights` (signed, drifted, shape (1,)), `costs` (money by part,
    of this step) and `fills` (price before slippage, shape (1,), NaN where nothing traded).

    Args (all keys of an env preset, see `envs.config.TradingConfig`), and:
        task: a prepared market to share; then only `period` and `episode_length` may be given.

    Raises:
        ConfigError: a key or value is wrong. DataError: the price file is.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, task: Task | None = None, *, render_mode: None = None, **settings: Any
    ) -> None:
        where = "drltrade/Trading-v0"
        if task is not None and (odd := set(settings) - {"period", "episode_length"}):
            raise ConfigError(
                f"{where}: a prepared task settles everything but period and episode_length; "
                f"found {', '.join(sorted(odd))}"
            )
        if task is None:
            task = Task.build(parse(TradingConfig, settings, where))
            settings = {}
        config = parse(TradingConfig, {**task.config.model_dump(mode="json"), **settings}, where)
        self.task, self.config, self.render_mode = task, config, render_mode
        self._rows = task.rows(config.period)
        whole = config.period != "train" or config.episode_length is None
        steps = len(self._rows) - 1
        self._length = steps if whole else min(config.episode_length or steps, steps)

        market, (window, count) = task.market, task.observation_size
        self._windows = flat_windows(market.features, window)
        self._first_window = window - 1
        # Plain floats: indexing a list is several times faster than indexing an array.
        self._close: list[float] = market.close.tolist()
        self._fill_price: list[float] = market.fill_price(config.fill).tolist()
        self._years: list[float] = market.years.tolist()
        self._times = list(market.times)
        self._rule = make_rule(SCALAR, config.fill)
        self._rates = config.costs.rates()
        self._floor = RUIN * config.initial_equity

        self._positions = config.discrete_positions
        self.action_space: spaces.Space[Any]
        if self._positions is None:
            # As the Box rounds them, so that its own bounds are valid actions.
            self._low = float(np.float32(config.lowest_position))
            self._high = float(np.float32(config.highest_position))
            self.action_space = spaces.Box(self._low, self._high, (1,), np.float32)
        else:
            self.action_space = spaces.Discrete(len(self._positions))
        self._market_size = window * count
        self._size = self._market_size + ACCOUNT_FEATURES
        self.observation_space = spaces.Box(
            -OBSERVED_BOUND, OBSERVED_BOUND, (self._size,), np.float32
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode with a fresh account; see `gymnasium.Env.reset`."""
        super().reset(seed=seed)
        choices = len(self._rows) - self._length
        skip = int(self.np_random.integers(choices)) if choices > 1 else 0
        self._t = self._rows[0] + skip
        self.first_row, self.last_row = self._t, self._t + self._length
        self._equity = self._cash = self._peak = self.config.initial_equity
        self._units = self._entry = self._age = 0.0
        nothing = dict.fromkeys(COST_PARTS, 0.0)
        return self._observe(0.0, 0.0, 0.0, 0.0), self._info(nothing, math.nan)

    def target(self, action: Any) -> float:
        """The target weight that an action stands for."""
        if self._positions is None:
            weight = float(np.asarray(action).reshape(-1)[0])
            if not self._low <= weight <= self._high and not math.isnan(weight):
                raise ValueError(
                    f"action {weight} lies outside the position range [{self._low}, {self._high}]"
                )
            return weight
        if not 0 <= action < len(self._positions):
            raise ValueError(f"action {action!r}: 0 .. {len(self._positions) - 1} are allowed")
        chosen: float = self._positions[action]
        return chosen

    def step(self, action: Any) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Decide at this bar's close, go to the close of the next; see `gymnasium.Env.step`."""
        t = self._t
        price, close, next_close = self._fill_price[t], self._close[t], self._close[t + 1]
        step = self._rule.step(
            self._cash, self._units, self.target(action), price, close, next_close,
            self._years[t], self._floor, self._rates,
        )  # fmt: skip
        standing = self._rule.track(
            self._entry, self._age, self._peak, self._units, step.units, price, next_close,
            step.equity,
        )  # fmt: skip
        reward = log_return(math.log, self._equity, step.equity)
        self._t = t + 1
        self._cash, self._units, self._equity = step.cash, step.units, step.equity
        self._entry, self._age, self._peak = standing.entry, standing.age, standing.peak
        truncated = self._t >= self.last_row and not step.ruined
        costs = {
            "commission": step.commission,
            "fixed": step.fixed,
            "slippage": step.slippage,
            "borrow": step.borrow,
            "financing": step.financing,
        }
        info = self._info(costs, price if step.traded else math.nan)
        observation = self._observe(
            standing.position, standing.unrealised, standing.tenure, standing.drawdown
        )
        return observation, reward, step.ruined, truncated, info

    def _observe(
        self, position: float, unrealised: float, tenure: float, drawdown: float
    ) -> Observation:
        observation = np.empty(self._size, np.float32)
        observation[: self._market_size] = self._windows[self._t - self._first_window]
        observation[self._market_size :] = (position, unrealised, tenure, drawdown)
        return observation

    def _info(self, costs: dict[str, float], fill: float) -> dict[str, Any]:
        weight = self._units * self._close[self._t] / self._equity
        return {
            "time": self._times[self._t],
            "equity": self._equity,
            "cash": self._cash,
            "holdings": np.array([self._units]),
            "weights": np.array([weight]),
            "costs": costs,
            "fills": np.array([fill]),
        }
