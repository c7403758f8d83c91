"""What a step would have paid from any position to any other: the accounting rule, asked.

The market does not react to a price taker, so the reward of every action is known in hindsight at
every bar, not only that of the action taken. Here the rule itself is asked, so that costs, fills
and interest are those of training and backtest.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from drltrade.errors import ConfigError
from drltrade.market.reward_spec import parse_reward
from drltrade.market.rules import Rules
from drltrade.market.simulator import Simulator
from drltrade.market.tensors import Market

OF_ONE_STEP = ("log_return", "pnl", "mean_variance", "turnover", "cost", "squared_exposure")
"""The rewards that a step's own figures decide, whatever the account went through before."""

AT_ONCE = 65_536
"""Accounts stepped together; bounds the memory, not the result."""


def check_memoryless(rules: Rules, agent: str) -> None:
    """Refuse rules under which the reward of a step depends on more than its position and action.

    Raises:
        ConfigError: names the key, what is found there and what would work.
    """
    declared = rules.reward if isinstance(rules.reward, Mapping) else {rules.reward: 1.0}
    for term in parse_reward(declared):
        if term.source not in OF_ONE_STEP:
            raise ConfigError(
                f"{agent} needs rewards of one step alone, and reward {str(term)!r} may remember "
                f"the account's past; those it takes are {', '.join(OF_ONE_STEP)}"
            )
    plan = rules.plan
    remembered = {
        "bracket.stop_loss or take_profit, which depend on the entry price": plan.brackets,
        'costs.unfilled = "carry", which remembers orders': plan.volume_limit == "carry",
        "costs.impact_half_life, which remembers pressure": bool(np.any(rules.terms.memory)),
        "order_units: its actions are no positions": plan.amounts,
    }
    for what, there in remembered.items():
        if there:
            raise ConfigError(f"{agent} prices every position anew and can't take {what}")


class Counterfactual:
    """Rewards of (bar, position held, position asked for), as the environment pays them."""

    def __init__(self, market: Market, rules: Rules, device: torch.device) -> None:
        """Nothing is computed yet."""
        self._markets = {"real": market, "still": _still(market)}
        self._rules, self._device = rules, device
        self._simulators: dict[tuple[str, int], Simulator] = {}

    def step(self, t: Tensor, weight: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Carry accounts one bar on.

        Args:
            t: [n] rows at whose close the decision is made.
            weight: [n, N] held at that close.
            target: [n, N] asked for.

        Returns:
            (rewards [n] float64, weights at the next close [n, N] float32).
        """
        return self._ask("real", t, weight, target)

    def trade(self, weight: Tensor, target: Tensor) -> Tensor:
        """[n, N], [n, N] -> [n] reward of the trade alone: prices stand still, no time passes.

        Under proportional costs this is minus what the trade costs. Impact is that of a bar with
        the market's median value traded.
        """
        nowhere = torch.zeros(len(weight), dtype=torch.long, device=self._device)
        return self._ask("still", nowhere, weight, target)[0]

    def _ask(self, which: str, t: Tensor, weight: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        rewards, weights = [], []
        parts = (torch.split(each, AT_ONCE) for each in (t, weight, target))
        for rows, held, asked in zip(*parts, strict=True):
            simulator = self._simulator(which, len(rows))
            simulator.place(rows, held)
            after = simulator.play(asked.double())
            rewards.append(after.reward)
            weights.append(after.account[:, : simulator.assets])
        return torch.cat(rewards), torch.cat(weights)

    def _simulator(self, which: str, n: int) -> Simulator:
        if (which, n) not in self._simulators:
            market = self._markets[which]
            self._simulators[which, n] = Simulator(
                market,
                self._rules,
                spans=market.spans or (range(len(market)),),
                n_envs=n,
                episode_length=1,
                device=self._device,
                generator=torch.Generator(self._device),
                detailed=False,
            )
        return self._simulators[which, n]


def _still(market: Market) -> Market:
    """Two bars in which nothing moves and no time passes."""
    ones = np.ones((2, market.assets))
    traded = np.median(market.volume * market.close, axis=0)
    return replace(
        market,
        times=pd.DatetimeIndex([market.times[0]] * 2),
        open=ones, high=ones, low=ones, close=ones, volume=ones * traded,
        tradable=np.ones((2, market.assets), np.bool_),
        ended=np.zeros((2, market.assets), np.bool_),
        features=np.zeros((2, market.features.shape[1]), np.float32),
        spans=(), instruments=(),
    )  # fmt: skip
