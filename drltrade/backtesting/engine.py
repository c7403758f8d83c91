"""Run a policy, or a path of orders, over a period."""

import math
from typing import Any

import numpy as np
import torch

from drltrade.agents.agent import Policy, PriceTakerPolicy
from drltrade.agents.policy import plain
from drltrade.backtesting.ledger import Floats, Ledger, Ruin
from drltrade.envs.observations import windows
from drltrade.envs.single import MarketEnv
from drltrade.market.paths import Block, Column, make_room, replay_kernel, width_of
from drltrade.market.rules import Rules
from drltrade.market.standing import account_features
from drltrade.market.state import COST_PARTS
from drltrade.market.tensors import Market


def hold(steps: int, assets: int) -> Floats:
    """[T, 2 N] orders that keep everything: no target (NaN), no amount."""
    return np.concatenate((np.full((steps, assets), np.nan), np.zeros((steps, assets))), axis=1)


def decide(policy: Policy, env: MarketEnv) -> tuple[Floats, float]:
    """Play one episode of `env`, greedily.

    Returns:
        The orders [T, 2 N] that the policy gave (targets, then amounts), one row per bar of the
        episode (holding after an early end), and the log return of the account.
    """
    observation, _ = env.reset()
    episode = env.episode
    rows = range(episode.first_row, episode.last_row)
    orders = hold(len(rows), env.task.market.assets)
    seen = account_features(env.task.market.assets)
    state, equity = None, episode.rules.initial_equity
    embeddings = None
    if isinstance(policy, PriceTakerPolicy):
        window = env.config.window
        table = windows(torch.from_numpy(env.task.market.features), window)
        table = table[rows[0] - window + 1 : rows[-1] - window + 2]
        embeddings = policy.encode(table)
    for step in range(len(rows)):
        action: Any
        if embeddings is not None:
            account = torch.from_numpy(observation[None, -seen:])
            action = plain(policy.decide(embeddings[step : step + 1], account)[0])  # type: ignore[attr-defined]
        else:
            action, state = policy.act(observation, state)
        observation, _, terminated, truncated, info = env.step(action)
        orders[step] = episode.orders[0]
        equity = info["equity"]
        if terminated or truncated:
            break
    return orders, math.log(equity / episode.rules.initial_equity)


def replay(orders: Floats, market: Market, rows: range, rules: Rules) -> Ledger:
    """The ledger of an account that follows `orders`.

    Args:
        orders: [T, N] target weights decided at the close of each of `rows` but the last (NaN
            holds); or [T, 2 N], targets and then units to buy. For one asset also [T].
        market: the bars.
        rows: T + 1 of them.
        rules: costs, fill rule and initial equity.
    """
    first, last, n = rows[0], rows[-1], market.assets
    orders = np.asarray(orders, np.float64).reshape(len(orders), -1)
    if len(orders) != last - first:
        raise ValueError(f"{len(orders)} orders for {last - first} decisions")
    width, fill = width_of(n), rules.plan.fill
    targets, amounts = np.zeros((2, len(orders) + 1, width))
    targets[:-1, :n], targets[-1], targets[:, n:] = orders[:, :n], np.nan, np.nan
    if orders.shape[1] > n:
        amounts[:-1, :n] = orders[:, n:]
    columns = np.zeros((len(Column), len(orders) + 1))
    columns[[Column.cash, Column.equity], 0] = rules.initial_equity
    blocks = np.zeros((len(Block), len(orders) + 1, width))
    closed = replay_kernel(rules.plan)(
        market.tape(fill, width)[first:last], rules.terms.table(n, width), targets[:-1],
        amounts[:-1], columns, blocks, rules.floor, make_room(width),
    )  # fmt: skip
    blocks = blocks[:, :, :n]
    fill_price, exits, exit_price = (
        blocks[each] for each in (Block.fill_price, Block.exit_units, Block.exit_price)
    )
    fill_price[0] = np.nan
    exit_price = np.where(exits != 0.0, exit_price, np.nan) if closed else np.full((), np.nan)
    exit_price = np.broadcast_to(exit_price, exits.shape)
    equity, turnover = columns[Column.equity], columns[Column.turnover]
    turnover[1:] /= equity[:-1]
    return Ledger(
        symbols=market.symbols,
        times=market.times[first : last + 1],
        close=market.close[first : last + 1],
        units=blocks[Block.units],
        fill_price=fill_price,
        exit_units=exits,
        exit_price=exit_price,
        cash=columns[Column.cash],
        equity=equity,
        turnover=turnover,
        costs={part: columns[Column[part]] for part in COST_PARTS},
        targets=targets[:, :n],
        fill=fill,
        periods_per_year=market.periods_per_year,
        ruin=_ruin(columns[Column.ruined], columns[Column.forgiven]),
    )


def _ruin(ruined: Floats, forgiven: Floats) -> Ruin | None:
    if not ruined.any():
        return None
    t = int(np.argmax(ruined))
    return Ruin(row=t, forgiven=float(forgiven[t]))
