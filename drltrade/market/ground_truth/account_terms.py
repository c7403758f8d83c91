"""What a preset's costs, reward and actions come to in the units of a synthetic market.

Whatever the optimum does not know of is refused by the key that says it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drltrade.errors import ConfigError
from drltrade.market.costs import BASIS_POINT, Bracket, Costs, Margin
from drltrade.market.reward_spec import parse_reward
from drltrade.market.synthetic import BAR_WORTH, Process
from drltrade.market.tensors import DAYS_PER_YEAR
from drltrade.market.terms import Fill


@dataclass(frozen=True)
class AccountTerms:
    """What an env preset says of an account in one asset; the names are the preset's keys."""

    costs: Costs
    positions: tuple[float, ...] | None
    """Discrete actions; None where there are none."""
    position_range: tuple[float, float] | None = None
    """Bounds of a continuous action."""
    reward: Any = "pnl"
    fill: Fill = "next_open"
    initial_equity: float = 100_000.0
    margin: Margin = field(default_factory=Margin)
    bracket: Bracket = field(default_factory=Bracket)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest weight of a continuous action.

        Raises:
            ConfigError: actions are discrete.
        """
        if self.position_range is None:
            refuse("positions", self.positions, "this optimum is a weight: set position_range")
        assert self.position_range is not None
        return self.position_range

    @property
    def choices(self) -> tuple[float, ...]:
        """Positions among which a linear reward has its optimum: the ends of a range, and 0."""
        if self.positions is not None:
            return tuple(sorted(self.positions))
        low, high = self.bounds
        return tuple(sorted({low, high} | ({0.0} if low < 0.0 < high else set())))


def refuse(key: str, found: object, why: str) -> None:
    """Raise the error for a preset whose optimum is not known."""
    raise ConfigError(f"the optimum is not known for {key} = {found!r}: {why}")


def check_account(account: AccountTerms) -> None:
    """Refuse what no optimum here takes into account."""
    if account.fill != "next_open":
        refuse("fill", account.fill, "orders must fill at the next open")
    zero = ("minimum_fee", "fixed_fee", "financing_rate", "interest_rate", "impact_half_life")
    for name in zero:
        if value := getattr(account.costs, name):
            refuse(f"costs.{name}", value, "it must be 0")
    if account.costs.volume_limit is not None:
        refuse("costs.volume_limit", account.costs.volume_limit, "leave it out")
    if account.margin != Margin():
        refuse("margin", account.margin.model_dump(exclude_unset=True), "leave it out")
    if account.bracket != Bracket():
        refuse("bracket", account.bracket.model_dump(exclude_unset=True), "leave it out")


def reward_weights(account: AccountTerms, allowed: str, *penalties: str) -> Mapping[str, float]:
    """Weights of the reward's terms: `allowed`, which must be there, and `penalties`."""
    weights = {str(term): weight for term, weight in parse_reward(account.reward).items()}
    if not weights.get(allowed, 0.0) > 0.0 or set(weights) - {allowed, *penalties}:
        beside = f", with nothing beside it but {', '.join(penalties)}" if penalties else " alone"
        refuse("reward", account.reward, f"it must be {allowed}{beside}")
    return {name: weights.get(name, 0.0) for name in (allowed, *penalties)}


def proportional_cost(costs: Costs) -> float:
    """Cost of a unit of value traded, as a fraction."""
    return (costs.commission_bps + costs.slippage_bps + costs.half_spread_bps) * BASIS_POINT


def buying_and_selling(costs: Costs) -> tuple[float, float]:
    """The same to second order, see `market.orders`: a commission is due on the slipped price."""
    slip = (costs.slippage_bps + costs.half_spread_bps) * BASIS_POINT
    commission = costs.commission_bps * BASIS_POINT
    return slip + commission * (1.0 + slip), slip + commission * (1.0 - slip)


def no_impact(costs: Costs) -> None:
    """Refuse impact."""
    if costs.impact != "none":
        refuse("costs.impact", costs.impact, "leave it out")


def no_holding_cost(costs: Costs) -> None:
    """Refuse costs of holding."""
    for name in ("funding_rate", "borrow_rate"):
        if value := getattr(costs, name):
            refuse(f"costs.{name}", value, "it must be 0")


def holding_cost(costs: Costs, process: Process) -> float:
    """h, the cost of a unit held for a bar of a day, long or short.

    Funding is paid by longs and received by shorts, so that a borrow fee of twice as much makes the
    two alike. It is charged on what is held over a close, before that bar's order: a bar later than
    in the problems solved here, which changes no average and no decision.
    """
    if costs.borrow_rate != 2.0 * costs.funding_rate:
        refuse("costs.borrow_rate", costs.borrow_rate, "it must be twice costs.funding_rate")
    return costs.funding_rate / DAYS_PER_YEAR / process.volatility


def quadratic_cost(account: AccountTerms, process: Process) -> float:
    """lambda of the cost lambda / 2 u^2 of trading u.

    A linear impact charges impact_bps |u| E / `BAR_WORTH` on the value |u| E, where E is equity,
    which stays near the initial one.
    """
    costs = account.costs
    if costs.impact != "linear":
        refuse("costs.impact", costs.impact, "it must be linear")
    if kappa := proportional_cost(costs):
        refuse("costs.commission_bps", kappa / BASIS_POINT, "with slippage and spread it must be 0")
    share = account.initial_equity / BAR_WORTH
    return 2.0 * costs.impact_bps * BASIS_POINT * share / process.volatility
