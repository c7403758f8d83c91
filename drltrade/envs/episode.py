"""One account, step by step: what the single environments share."""

import math
from typing import Any

import numpy as np
import pandas as pd

from drltrade.envs.observations import Observation
from drltrade.envs.periods import PeriodName
from drltrade.envs.prices import Prices
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.advance import bound, make_room, play_kernel
from drltrade.market.kernels import (
    ACCOUNT_REPORT,
    ACCOUNT_STATE,
    report_size,
    state_size,
)
from drltrade.market.namespaces import SCALAR
from drltrade.market.reward_spec import make_reward
from drltrade.market.rewards import Outcome
from drltrade.market.standing import account_features
from drltrade.market.state import COST_PARTS

BLOCKS = 16
"""Blocks of a period that stratified episodes of a single environment start in, in turn."""

KEPT_TIMES = 100_000
"""Bars of a market up to which times are kept once told: to make one takes as long as a step."""

_EQUITY, _CASH, _TURNOVER = map(ACCOUNT_REPORT.index, ("equity", "cash", "turnover"))
_FLOAT32 = np.dtype(np.float32)
_NUMBERS = len(ACCOUNT_REPORT)
_COSTS = slice(_NUMBERS - len(COST_PARTS), _NUMBERS)


class Episode:
    """An account in one of a task's periods, between `start` and its last bar."""

    def __init__(
        self, task: Task, period: PeriodName, length: int | tuple[int, int] | None
    ) -> None:
        """Make ready.

        Args:
            task: the market and its rules.
            period: whose bars episodes play in.
            length: bars of an episode, or their bounds; None: as many as there are.
        """
        self._task, self._length, self._count = task, length, 0
        self.spans, self.rules = task.spans(period), task.rules
        market, (window, columns) = task.market, task.observation_size
        assets = market.assets
        self.size = window * columns + account_features(assets)
        self._window, self._features = window * columns, market.features
        self._tape, self._times = market.tape(self.rules.plan.fill), market.times
        self._terms, self._floor = self.rules.terms.table(assets), self.rules.floor
        self._plain = self.rules.reward in ("log_return", {"log_return": 1.0})
        self.orders = np.zeros((1, 2 * assets))
        self._state = np.zeros(state_size(assets))
        self._compile()
        self._units, self._weights, self._fills, self._exits = (
            slice(k * assets, (k + 1) * assets) for k in range(4)
        )
        self.row = self.first_row = self.last_row = -1
        self.over = True

    def _compile(self) -> None:
        """Make what is not kept with an episode that is pickled, but made anew."""
        assets = self._task.market.assets
        self._report = np.zeros(report_size(assets))
        self._numbers, self._by_asset = self._report[:_NUMBERS], self._report[_NUMBERS:]
        self._reward = make_reward(SCALAR, self.rules.reward)
        self._flat = self._features.reshape(-1)
        kept = len(self._times) if len(self._times) <= KEPT_TIMES else 0
        self._told: list[pd.Timestamp | None] = [None] * kept
        self._carry_on = bound(
            play_kernel(self.rules.plan),
            self._tape, self._terms, self._features, self._floor, make_room(assets),
            self.orders[0], self._state, self._report,
            rest=(0, np.zeros(self.size, _FLOAT32)),
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        made = ("_carry_on", "_reward", "_flat", "_report", "_numbers", "_by_asset", "_told")
        return {key: value for key, value in vars(self).items() if key not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._compile()

    def start(
        self,
        generator: np.random.Generator,
        options: dict[str, Any] | None,
        seeded: bool = False,
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin with a fresh account, at a random bar or at `options["start"]` (a bar's time).

        Args:
            generator: draws what is random.
            options: of `gymnasium.Env.reset`.
            seeded: whether `generator` is at the start of a seed's sequence: then the blocks of
                stratified starts begin anew, too.

        Raises:
            ConfigError: no such bar, or too few after it; an unknown option, or a length that is
                neither an integer of at least 1 nor the bounds of one.
        """
        options = options or {}
        if seeded:
            self._count = 0
        if odd := set(options) - {"start", "length"}:
            raise ConfigError(f"reset: unknown options {sorted(odd)}; start and length are allowed")
        length = _checked(options["length"]) if "length" in options else self._length
        if "start" in options:
            first, most = self._at(options["start"])
        else:
            first, most = self._draw(generator, length)
        shortest = length[0] if isinstance(length, tuple) else length
        if shortest is not None and shortest > most and "length" in options:
            raise ConfigError(
                f"reset: length = {options['length']}: there are {most} bars after "
                f"{self._times[first]}"
            )
        if isinstance(length, tuple):
            length = int(generator.integers(length[0], length[1] + 1))
        steps = most if length is None else min(most, length)
        self.row, self.first_row, self.last_row = first, first, first + steps
        self._labels = self._times_of(first, first + steps + 1)
        self._state[:] = 0.0
        self._state[: len(ACCOUNT_STATE)] = self.rules.initial_equity
        self._memory = self._reward.initial
        self._peak = self._equity = self.rules.initial_equity
        self.over = False
        observation = np.zeros(self.size, _FLOAT32)
        ends = (first + 1) * self._features.shape[1]
        observation[: self._window] = self._flat[ends - self._window : ends]
        self._report[:] = 0.0
        self._numbers[[_EQUITY, _CASH]] = self.rules.initial_equity
        self._by_asset[self._fills] = np.nan
        return observation, self._info(self._numbers.tolist())

    def _times_of(self, first: int, stop: int) -> list[pd.Timestamp | None]:
        """Of bars, as they are told; a list, as a step looks there faster than in the index."""
        if not self._told:
            return list(self._times[first:stop])
        if None in self._told[first:stop]:
            self._told[first:stop] = self._times[first:stop]
        return self._told[first:stop]

    def _draw(
        self, generator: np.random.Generator, length: int | tuple[int, int] | None
    ) -> tuple[int, int]:
        """(first row, most steps) of a random episode."""
        shortest = length[0] if isinstance(length, tuple) else length
        choices = [max(len(span) - 1 - (shortest or len(span) - 1), 0) + 1 for span in self.spans]
        total, block = sum(choices), 1.0
        if total == 1:
            return self.spans[0][0], len(self.spans[0]) - 1
        if self._task.config.starts == "stratified" and total >= BLOCKS:
            block = total / BLOCKS
            low = (self._count % BLOCKS) * block
            pick = min(int(low + generator.random() * block), total - 1)
        else:
            pick = int(generator.integers(total))
        self._count += 1
        for span, count in zip(self.spans, choices, strict=True):
            if pick < count:
                return span[pick], len(span) - 1 - pick
            pick -= count
        raise AssertionError("the pick lies in one of the spans")

    def _at(self, time: object) -> tuple[int, int]:
        try:
            stamp = pd.Timestamp(time)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ConfigError(f"reset: start = {time!r}: no time, such as '2000-01-31'") from None
        if stamp.tzinfo is not None:
            raise ConfigError(f"reset: start = {time}: bars carry no time zone; leave it out")
        for span in self.spans:
            row = span[0] + int(self._task.market.times[span[0] : span[-1]].searchsorted(stamp))
            if row < span[-1] and self._times[row] == stamp:
                return row, span[-1] - row
        first, last = self._times[self.spans[0][0]], self._times[self.spans[0][-1]]
        raise ConfigError(f"reset: start = {time}: no bar with a next one, between {first}, {last}")

    def refused(self, error: ValueError) -> ValueError:
        """An error about an action, with the bar at whose close it was taken."""
        return error if self.over else ValueError(f"{error} (at {self._times[self.row]})")

    def play(self) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry the account to the next close with what stands in `orders`."""
        if self.over:
            raise ConfigError("the episode is over (or has not begun): call reset() first")
        observed = np.empty(self.size, _FLOAT32)
        self._carry_on(self.row, observed)
        self.row += 1
        numbers = self._numbers.tolist()
        reward, ruined = numbers[0], numbers[1] > 0.0
        if not self._plain:
            reward = self._rewarded(numbers)
        truncated = self.row >= self.last_row and not ruined
        self.over = ruined or truncated
        return observed, reward, ruined, truncated, self._info(numbers)

    def _rewarded(self, numbers: list[float]) -> float:
        equity, peak = numbers[_EQUITY], float(self._state[2])
        outcome = Outcome(
            initial_equity=self.rules.initial_equity,
            equity=self._equity,
            next_equity=equity,
            peak=self._peak,
            next_peak=peak,
            turnover=numbers[_TURNOVER] / self._equity,
            cost=math.fsum(numbers[_COSTS]),
            exposure=float(np.abs(self._by_asset[self._weights]).sum()),
        )
        self._peak, self._equity = peak, equity
        self._memory, reward = self._reward.step(self._memory, outcome)
        return float(reward)

    def _info(self, numbers: list[float]) -> dict[str, Any]:
        # One call in every step: unpacked and written out, which is three times faster than `zip`.
        (
            _, _, equity, cash, _, _, exited, commission, fixed, spread, slippage, impact,
            liquidation, borrow, financing, funding, interest,
        ) = numbers  # fmt: skip
        by_asset = self._by_asset.copy()
        info = {
            "time": self._labels[self.row - self.first_row],
            "equity": equity,
            "cash": cash,
            "holdings": by_asset[self._units],
            "weights": by_asset[self._weights],
            "costs": {
                "commission": commission, "fixed": fixed, "spread": spread, "slippage": slippage,
                "impact": impact, "liquidation": liquidation, "borrow": borrow,
                "financing": financing, "funding": funding, "interest": interest,
            },
            "fills": by_asset[self._fills].view(Prices),
        }  # fmt: skip
        if exited:
            info["exits"] = by_asset[self._exits].view(Prices)
        return info


def _checked(length: Any) -> int | tuple[int, int] | None:
    """The option `length` of a reset, if it can be one."""
    bounds = [] if length is None else length if isinstance(length, tuple | list) else [length]
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in bounds)
    one_or_two = length is None or len(bounds) == (2 if bounds is length else 1)
    if not (whole and one_or_two and [1, *bounds] == sorted([1, *bounds])):
        raise ConfigError(
            f"reset: length = {length!r}: an integer of at least 1, or [shortest, longest]"
        )
    if length is None:
        return None
    return (int(bounds[0]), int(bounds[1])) if bounds is length else int(bounds[0])
