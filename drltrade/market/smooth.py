"""The accounting rule as a differentiable function of a whole path of target weights.

An account without events (no limits that bind, brackets or margin calls) is a few formulas, and
all of them but the drift of weights from bar to bar can be computed for every step at once. They
are those of `market.account`, and a test holds them to it; training with them, an agent is still
judged by the rule itself. What falls due with the least of an order, a fixed fee or a minimum
commission, jumps where an order begins. Here it rises over the first orders, so that small trades
are known to be dear; an order of several `FEE_RISE` pays all of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from drltrade.errors import ConfigError
from drltrade.market.rewards import Outcome
from drltrade.market.rules import Rules
from drltrade.market.tensors import Market

ROUNDS = 4
"""Of the fixed point of post-cost equity; each adds as many digits as costs are small."""

FEE_RISE = 1e-3
"""Share of equity over which the fees of an order rise to (1 - 1/e) of their size."""

AMPLE = 4.0
"""Times its initial equity: what an account may be worth without a volume limit that binds."""


class SmoothBars(NamedTuple):
    """What the steps from each row to the next bring, [T, N] each (years: [T])."""

    gap: Tensor
    """Simple return from the close at which the decision is made to its fill."""
    move: Tensor
    """Simple return from the fill to the next close."""
    depth: Tensor
    """Initial equity over the value traded in the bar that fills; 0 without impact."""
    years: Tensor


def check_smooth(rules: Rules, market: Market, spans: Sequence[range], agent: str) -> None:
    """Refuse what has no derivative, or is no part of these formulas.

    Args:
        rules: of the account.
        market: the bars.
        spans: rows of the bars that are learned from.
        agent: who asks, for the error.

    Raises:
        ConfigError: names the key and what would work.
    """
    plan = rules.plan
    refused = {
        "costs.volume_limit where it binds": _limits_bind(rules, market, spans),
        "costs.impact_half_life": bool(np.any(rules.terms.memory)),
        "bracket.stop_loss and take_profit, which jump": plan.brackets,
        "order_units: its actions are no weights": plan.amounts,
    }
    for what, there in refused.items():
        if there:
            raise ConfigError(
                f"{agent} learns by the derivative of the account and can't take {what}; leave "
                "them out for training, or take exo_dqn or ppo"
            )


def _limits_bind(rules: Rules, market: Market, spans: Sequence[range]) -> bool:
    """Whether a bar trades less than an account might want to: from its least to its most."""
    if rules.plan.volume_limit == "none":
        return False
    limit, lowest, highest = (
        np.broadcast_to(np.asarray(field), market.assets)
        for field in (rules.terms.volume_limit, rules.terms.lowest, rules.terms.highest)
    )
    most = (highest - lowest) * AMPLE * rules.initial_equity
    rows = np.concatenate([np.arange(span[0], span[-1] + 1) for span in spans])
    room = np.where(limit < 1.0, limit, np.inf) * (market.volume * market.close)[rows]
    return bool((market.tradable[rows] & (room < most)).any())


def smooth_bars(market: Market, rules: Rules, device: torch.device) -> SmoothBars:
    """The bars as the formulas need them; where nothing trades, orders fill at the last close."""
    tape = torch.from_numpy(market.tape(rules.plan.fill)).to(device)
    n = market.assets
    fill, close, later, *_ = (tape[:, k * n : (k + 1) * n] for k in range(3))
    volume = tape[:, 6 * n : 7 * n]
    fill = torch.where(fill.isnan(), close, fill)
    later = torch.where(later.isnan(), fill, later)
    worth = volume * fill
    traded = rules.plan.impact != "none"
    depth = torch.where(worth > 0.0, rules.initial_equity / worth, 0.0) * float(traded)
    return SmoothBars(fill / close - 1.0, later / fill - 1.0, depth, tape[:, -1].nan_to_num())


def drifted(target: Tensor, move: Tensor, delayed: bool) -> Tensor:
    """[B, N] weights at the next close, of what was bought at the fill.

    Args:
        target: [B, N] post-cost weights at the fill.
        move: [B, N] from the fill to the close.
        delayed: next_close, where the fill is that close itself.
    """
    if delayed:
        return target
    earned = target * move
    total = earned if target.shape[-1] == 1 else earned.sum(-1, keepdim=True)
    return (target + earned) / (1.0 + total)


def account_path(
    weight: Tensor, target: Tensor, bars: SmoothBars, rules: Rules, share: float = 1.0
) -> Outcome:
    """What L steps of B accounts come to.

    Args:
        weight: [L, B, N] held at each close.
        target: [L, B, N] post-cost weights asked for there.
        bars: [L, B, N] each (years: [L, B]).
        rules: terms of the account.
        share: of the trading costs that is charged, to lead an optimiser to the exact ones.

    Returns:
        An outcome with fields [L, B], differentiable by `weight` and `target`.
    """
    terms = rules.terms.on(weight.device)
    weight, target = weight.double(), target.double()
    value = (weight * bars.gap).sum(-1)
    held = weight if rules.plan.fill != "same_close" else target
    cash = 1.0 - held.sum(-1)
    carry = ((-held).clamp_min(0.0) * terms.borrow + held * terms.funding).sum(-1)
    carry = carry + (-cash).clamp_min(0.0) * terms.financing - cash.clamp_min(0.0) * terms.interest
    before = 1.0 + value - carry * bars.years
    arrived = weight * (1.0 + bars.gap) / before.unsqueeze(-1)
    cost = torch.zeros_like(before)
    slip = terms.spread + terms.slippage
    trade = target - arrived
    for _ in range(ROUNDS):
        trade = target * (1.0 - cost).unsqueeze(-1) - arrived
        size = trade.abs()
        conceded = size * (slip + _impact(size, bars.depth, rules))
        commission = terms.commission * (size + trade.sign() * conceded)
        if rules.plan.order_fees:
            commission = _with_fees(commission, size, rules)
        cost = share * (conceded + commission).sum(-1)
    after = before * (1.0 - cost)
    growth = after * (1.0 + (target * bars.move).sum(-1))
    # An account is closed before its equity is gone; here only its logarithm has to exist.
    growth = growth.clamp_min(1e-6)
    path = rules.initial_equity * torch.cumprod(torch.cat((torch.ones_like(growth[:1]), growth)), 0)
    peak = torch.cummax(path, 0).values
    return Outcome(
        initial_equity=rules.initial_equity,
        equity=path[:-1],
        next_equity=path[1:],
        peak=peak[:-1],
        next_peak=peak[1:],
        turnover=trade.abs().sum(-1) * before,
        cost=(cost * before + carry * bars.years) * path[:-1],
        exposure=drifted(target, bars.move, delayed=False).abs().sum(-1),
    )


def _with_fees(commission: Tensor, size: Tensor, rules: Rules) -> Tensor:
    """Commissions with their minimum and the fixed fee, as fractions of the initial equity."""
    terms = rules.terms.on(size.device)
    minimum, fixed = terms.minimum / rules.initial_equity, terms.fixed / rules.initial_equity
    lacking = (minimum - commission).clamp_min(0.0)
    charged: Tensor = commission + (lacking + fixed) * (1.0 - torch.exp(-size / FEE_RISE))
    return charged


def _impact(size: Tensor, depth: Tensor, rules: Rules) -> Tensor | float:
    """The concession of an order by its share of the bar's volume, as a fraction of the price."""
    if rules.plan.impact == "none":
        return 0.0
    share = size * depth
    if rules.plan.impact == "square_root":
        share = (share + 1e-12).sqrt()  # finite slope at 0
    return torch.as_tensor(rules.terms.impact, device=size.device) * share
