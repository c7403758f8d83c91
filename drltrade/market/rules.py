"""What an account is played by, and where its episodes start."""

from dataclasses import dataclass
from typing import Any, Literal

from drltrade.market.terms import RUIN, Plan, Terms

Starts = Literal["uniform", "stratified"]


@dataclass(frozen=True)
class Rules:
    """What an account is played by."""

    plan: Plan
    terms: Terms
    initial_equity: float
    """Money each account starts with."""
    reward: Any = "log_return"
    """A declaration, see `reward_spec.make_reward`."""

    @property
    def floor(self) -> float:
        """Equity at or below which an account is closed, money."""
        return RUIN * self.initial_equity
