"""Does an environment know the future? Bars later than t are changed, and what it showed up to t
compared."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pandas as pd

from drltrade.data.bars import Bars
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.features.audit import Leak, audit
from drltrade.features.table import leaks_of_own
from drltrade.features.track import Context

MakeEnv = Callable[[pd.DataFrame], gymnasium.Env[Any, Any]]


def audit_preset(
    config: TradingConfig | PortfolioConfig, bars: Bars, cuts: int = 16
) -> list[tuple[str, Leak]]:
    """Look for features of a preset, scaled as its agents see them, that depend on later bars.

    The bars of one symbol at a time are cut off and changed. Cuts lie after the train period, for
    of that period the scaler may know all.

    Args:
        config: the preset.
        bars: that it trades.
        cuts: how many bars to try, of each symbol.

    Returns:
        (symbol whose bars were changed, leak), the earliest of each feature.

    Raises:
        ConfigError: there are no bars after the train period.
    """
    config = config.model_copy(update={"augment": None})  # its paths are of the train period
    # What knows the next bar has no value at the last one, of which no market can be made.
    context = Context()
    found = [
        (symbol, leak)
        for symbol in _traded(config, bars)
        for leak in leaks_of_own(config.features, context, bars.frames[symbol], cuts)
    ]
    if found:
        return found
    task = Task.build(config, bars=bars, functions=context.functions)
    train_end = pd.Timestamp(config.periods.train[1]) + pd.Timedelta(days=1)
    rng = np.random.default_rng(0)
    for symbol in dict.fromkeys(each.partition("@")[0] for each in task.market.symbols):
        frame = bars.frames[symbol]
        known = int(frame.index.searchsorted(train_end))
        if known >= len(frame) - 2:
            raise ConfigError(f"{symbol} has no bars after the train period, {train_end.date()}")

        def build(changed: pd.DataFrame, symbol: str = symbol) -> pd.DataFrame:
            others = replace(bars, frames={**bars.frames, symbol: changed})
            market = Task.build(config, bars=others, functions=context.functions).market
            table = pd.DataFrame(market.features, market.times, list(market.columns))
            return table[table.index.isin(changed.index)]

        places = rng.integers(known, len(frame) - 1, size=cuts).tolist()
        found += [(symbol, leak) for leak in audit(build, frame, places)]
    return found


def _traded(config: TradingConfig | PortfolioConfig, bars: Bars) -> tuple[str, ...]:
    """The symbols that a preset names; all, where it names none."""
    named = config.symbols if isinstance(config, PortfolioConfig) else (config.symbol,)
    return tuple(symbol for symbol in bars.symbols if symbol in (named or ())) or bars.symbols


def audit_env(
    make: MakeEnv, frame: pd.DataFrame, cuts: int | Sequence[int] = 16, seed: int = 0
) -> list[Leak]:
    """Look for observations and rewards of a user's environment that depend on later bars.

    The same actions are played on the same bars and on changed ones. The environment tells in its
    info which bar it shows: info["time"], as those of drltrade do.

    Args:
        make: an environment of bars, the same for the same bars.
        frame: bars.
        cuts: how many bars to try, or their positions.
        seed: of the environment and of the actions.

    Returns:
        One leak per number of the observation, and of the reward, that has any.

    Raises:
        ConfigError: info holds no time, or observations are not arrays of numbers.
    """

    def build(changed: pd.DataFrame) -> pd.DataFrame:
        env = make(changed)
        env.action_space.seed(seed)
        observation, info = env.reset(seed=seed)
        rows, times, reward, over = [], [], 0.0, False
        while True:
            if "time" not in info:
                raise ConfigError("audit: info['time'] must say which bar an observation is of")
            values = np.asarray(observation, np.float64).ravel()
            rows.append(np.append(values, reward))
            times.append(pd.Timestamp(info["time"]))
            if over:
                break
            observation, given, terminated, truncated, info = env.step(env.action_space.sample())
            reward, over = float(given), terminated or truncated
        names = [*(f"observation[{i}]" for i in range(len(rows[0]) - 1)), "reward"]
        return pd.DataFrame(rows, pd.DatetimeIndex(times), names)

    if isinstance(cuts, int):  # what is left must still be enough for an environment
        cuts = np.random.default_rng(0).integers(len(frame) // 4, len(frame) - 1, cuts).tolist()
    return audit(build, frame, cuts)
