"""Run a policy, or a path of targets, over a period."""

from typing import Any

import numpy as np
import torch

from drltrade.agents.agent import Policy, PriceTakerPolicy
from drltrade.backtest.ledger import Floats, Ledger, Ruin
from drltrade.envs.config import TradingConfig
from drltrade.envs.observations import windows
from drltrade.envs.trading import TradingEnv
from drltrade.market.account import COST_PARTS, RUIN, Step
from drltrade.market.kernels import replay_kernel
from drltrade.market.simulator import ACCOUNT_FEATURES
from drltrade.market.tensors import Market

ENCODED_AT_ONCE = 4096
"""Windows of a period handed to an encoder in one batch; bounds the memory, not the result."""


def decide(policy: Policy, env: TradingEnv) -> tuple[Floats, float]:
    """Play one episode of `env`, greedily.

    Returns:
        The targets [T] that the policy asked for, one per bar of the episode (NaN after an early
        end), and the episode's log return.
    """
    observation, _ = env.reset()
    rows = range(env.first_row, env.last_row)
    targets = np.full(len(rows), np.nan)
    total, state = 0.0, None
    embeddings = None
    if isinstance(policy, PriceTakerPolicy):
        window = env.config.window
        table = windows(torch.from_numpy(env.task.market.features), window)
        table = table[rows[0] - window + 1 : rows[-1] - window + 2]
        embeddings = torch.cat(
            [policy.encode(part) for part in torch.split(table, ENCODED_AT_ONCE)]
        )
    for step in range(len(rows)):
        action: Any
        if embeddings is not None:
            account = torch.from_numpy(observation[-ACCOUNT_FEATURES:])
            action = policy.decide(embeddings[step], account)  # type: ignore[attr-defined]
        else:
            action, state = policy.act(observation, state)
        targets[step] = env.target(action)
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        if terminated or truncated:
            break
    return targets, total


def replay(targets: Floats, market: Market, rows: range, config: TradingConfig) -> Ledger:
    """The ledger of an account that follows `targets`.

    Args:
        targets: [T] weight decided at the close of each of `rows` but the last; NaN holds.
        market: the bars.
        rows: T + 1 of them.
        config: costs, fill rule and initial equity.
    """
    first, last = rows[0], rows[-1]
    if len(targets) != last - first:
        raise ValueError(f"{len(targets)} targets for {last - first} decisions")
    price = market.fill_price(config.fill)[first:last]
    close = market.close[first : last + 1]
    table = replay_kernel(config.fill)(
        np.ascontiguousarray(targets, dtype=np.float64), price, close, market.years[first:last],
        config.initial_equity, RUIN * config.initial_equity, config.costs.rates(),
    )  # fmt: skip
    step = Step(*table)
    equity = np.concatenate(([config.initial_equity], step.equity))

    def after(values: Floats, start: float = 0.0) -> Floats:
        return np.concatenate(([start], values))

    return Ledger(
        symbols=(market.symbol,),
        times=market.times[first : last + 1],
        close=close[:, None],
        units=after(step.units)[:, None],
        fill_price=after(np.where(step.traded != 0.0, price, np.nan), np.nan)[:, None],
        cash=after(step.cash, config.initial_equity),
        equity=equity,
        turnover=after(np.abs(step.traded) / equity[:-1]),
        costs={part: after(getattr(step, part)) for part in COST_PARTS},
        targets=np.append(targets, np.nan)[:, None],
        fill=config.fill,
        periods_per_year=market.periods_per_year,
        ruin=_ruin(step),
    )


def _ruin(step: Step) -> Ruin | None:
    if not step.ruined.any():
        return None
    t = int(np.argmax(step.ruined))
    return Ruin(row=t + 1, units=step.liquidated[t : t + 1], forgiven=float(step.forgiven[t]))
