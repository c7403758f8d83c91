"""Rewards: what one bar did to an account, as the number that the agent is paid.

Each term is written once, elementwise, for any array library: with plain numbers it pays a single
environment in plain floats, with numpy or torch (CPU or GPU, differentiable) thousands at once. A
term with a memory, such as a moving average, carries it as a tuple of numbers from step to step.

R = E' / E - 1 is the simple return of equity from the close of t (E) to the close of t + 1 (E').
To add a term, write its step here and an entry in `REWARDS`; `reward_spec` reads declarations.

Sources
-------
- Moody and Saffell 1998, "Reinforcement learning for trading", NIPS 11; and 2001, "Learning to
  trade via direct reinforcement", IEEE Transactions on Neural Networks 12(4): the differential
  Sharpe and downside deviation ratios.
- Rockafellar and Uryasev 2000, "Optimization of conditional value-at-risk", Journal of Risk 2(3);
  Chow and Ghavamzadeh 2014, "Algorithms for CVaR optimization in MDPs", NIPS 27.
- Garleanu and Pedersen 2013, "Dynamic trading with predictable returns and transaction costs",
  Journal of Finance 68(6): a price for squared positions.
- Ritter 2017, "Machine learning for trading", Risk 30(10): mean-variance utility as a reward.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

State: TypeAlias = tuple[Any, ...]
"""What a reward remembers between steps; each number has the shape and dtype of the outcome."""

TYPICAL_RETURN = 0.01
"""Size of a return that the differential ratios are told of before the first: 1% a bar. With moving
moments of 0 instead, the first rewards divide by the square of the very first return."""

MINIMUM_VARIANCE = 1e-10
"""Per bar, a standard deviation of a tenth of a basis point: a ratio to less is not paid."""

MAXIMUM_RATIO = 1000.0
"""Mean over standard deviation of one bar's returns: a ratio beyond it is rounding noise."""


class Outcome(NamedTuple):
    """One step of an account. Every field is a float, or an array or tensor [n] of n accounts.

    Attributes:
        initial_equity: at the start of the episode, money.
        equity: at the close of t, money.
        next_equity: at the close of t + 1, money.
        peak: highest equity up to the close of t, money.
        next_peak: highest equity up to the close of t + 1, money.
        turnover: absolute value traded in the step as a fraction of `equity`.
        cost: money paid in the step: commissions, fees, slippage, interest.
        exposure: gross value held at the close of t + 1 as a fraction of `next_equity`.
    """

    initial_equity: Any
    equity: Any
    next_equity: Any
    peak: Any
    next_peak: Any
    turnover: Any
    cost: Any
    exposure: Any


class RewardFunction(NamedTuple):
    """A reward, ready for one array library."""

    initial: tuple[float, ...]
    """The state of each account at the start of an episode; tensors hold it once per account."""
    step: Callable[[State, Outcome], tuple[State, Any]]
    """(state, outcome) -> (next state, reward). Writes to nothing that it is given."""


def log_return(log: Any, equity: Any, next_equity: Any) -> Any:
    """log(E' / E). Over an episode these sum to log(final equity / initial equity).

    Args:
        log: the logarithm of the array library (`math.log`, `numpy.log`, `torch.log`).
        equity: at the close of t, money.
        next_equity: at the close of t + 1, money.
    """
    return log(next_equity / equity)


def _simple_return(outcome: Outcome) -> Any:
    return outcome.next_equity / outcome.equity - 1.0


def _log_return(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, log_return(xp.log, outcome.equity, outcome.next_equity)


def _pnl(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, (outcome.next_equity - outcome.equity) / outcome.initial_equity


def _differential_sharpe(xp: Any, state: State, outcome: Outcome, rate: float) -> tuple[State, Any]:
    """D = (B dA - A dB / 2) / (B - A^2)^1.5 with dA = R - A and dB = R^2 - B.

    A <- A + rate dA and B <- B + rate dB are the moving moments, and D is the derivative of the
    ratio A / sqrt(B - A^2) after the update with respect to `rate`, at rate 0 (Moody and Saffell
    1998). It is 0 where there is no ratio: see MINIMUM_VARIANCE and MAXIMUM_RATIO.
    """
    mean, square = state
    gained = _simple_return(outcome)
    mean_gap, square_gap = gained - mean, gained * gained - square
    variance = square - mean * mean
    # B > A^2 (1 + 1 / ratio^2), so that variance is not what rounding left of B - A^2.
    defined = (variance > MINIMUM_VARIANCE) & (variance * MAXIMUM_RATIO**2 > mean * mean)
    # A number in place of what is masked out: it must not spoil gradients either.
    divisor = xp.where(defined, variance, 1.0) ** 1.5
    reward = (square * mean_gap - 0.5 * mean * square_gap) / divisor
    next_state = (mean + rate * mean_gap, square + rate * square_gap)
    return next_state, xp.where(defined, reward, 0.0)


def _differential_downside(
    xp: Any, state: State, outcome: Outcome, rate: float
) -> tuple[State, Any]:
    """D = (R - A/2) / DD where R > 0, else (DD^2 (R - A/2) - A R^2 / 2) / DD^3.

    A <- A + rate (R - A) and DD^2 <- DD^2 + rate (min(R, 0)^2 - DD^2) are moving moments, and D is
    the derivative of A / DD after the update with respect to `rate`, at rate 0 (Moody and Saffell
    2001). It is 0 while DD^2 is at most MINIMUM_VARIANCE.
    """
    mean, downside = state
    gained = _simple_return(outcome)
    lost = xp.where(gained < 0.0, gained, 0.0)
    loss_square = lost * lost
    defined = downside > MINIMUM_VARIANCE
    divisor = xp.where(defined, downside, 1.0) ** 1.5
    # Both branches at once: where R > 0 the last term is 0.
    reward = (downside * (gained - 0.5 * mean) - 0.5 * mean * loss_square) / divisor
    next_state = (mean + rate * (gained - mean), downside + rate * (loss_square - downside))
    return next_state, xp.where(defined, reward, 0.0)


def _drawdown(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, outcome.next_equity / outcome.next_peak - 1.0


def _max_drawdown(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    (deepest,) = state
    drawdown = 1.0 - outcome.next_equity / outcome.next_peak
    next_deepest = xp.where(drawdown > deepest, drawdown, deepest)
    return (next_deepest,), deepest - next_deepest


def _cvar(xp: Any, state: State, outcome: Outcome, level: float, rate: float) -> tuple[State, Any]:
    """-(nu + max(0, L - nu) / level) of the loss L = -R.

    Its expectation is greatest, and is then minus the expected loss in the worst `level` of bars,
    where nu is the loss exceeded with probability `level` (Rockafellar and Uryasev 2000, theorem
    1). nu starts at 0 and descends the same objective, nu <- nu - rate (1 - 1{L > nu} / level), as
    in Chow and Ghavamzadeh 2014. `rate` is in units of return: with the default 1e-4 and daily
    returns of 1%, nu takes about 100 bars to arrive, and the average reward is then 2% too low.
    """
    (nu,) = state
    loss = -_simple_return(outcome)
    worse = loss > nu
    reward = -nu - xp.where(worse, loss - nu, 0.0) / level
    return (xp.where(worse, nu - rate * (1.0 - 1.0 / level), nu - rate),), reward


def _mean_variance(
    xp: Any, state: State, outcome: Outcome, risk_aversion: float
) -> tuple[State, Any]:
    gained = _simple_return(outcome)
    return state, gained - 0.5 * risk_aversion * gained * gained


def _turnover(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, -outcome.turnover


def _cost(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, -outcome.cost / outcome.equity


def _squared_exposure(xp: Any, state: State, outcome: Outcome) -> tuple[State, Any]:
    return state, -0.5 * outcome.exposure * outcome.exposure


class Argument(NamedTuple):
    """A number in the parentheses of a declared term."""

    name: str
    default: float
    allowed: str
    accepts: Callable[[float], bool]

    def __str__(self) -> str:
        return f"{self.allowed}, default {self.default:g}"


class RewardKind(NamedTuple):
    """What a term's name stands for."""

    description: str
    step: Callable[..., tuple[State, Any]]
    """(xp, state, outcome, *arguments) -> (next state, reward)."""
    arguments: tuple[Argument, ...] = ()
    initial: tuple[float, ...] = ()


def _rate(default: float) -> Argument:
    return Argument("rate", default, "0 < rate <= 1", lambda rate: 0.0 < rate <= 1.0)


_LEVEL = Argument("level", 0.05, "0 < level < 1", lambda level: 0.0 < level < 1.0)
_RISK_AVERSION = Argument(
    "risk_aversion", 1.0, "risk_aversion >= 0", lambda aversion: 0.0 <= aversion < math.inf
)

REWARDS: dict[str, RewardKind] = {
    "log_return": RewardKind("log growth of equity; sums to log(final / initial)", _log_return),
    "pnl": RewardKind("gain as a fraction of initial equity; sums to the total return", _pnl),
    "differential_sharpe": RewardKind(
        "what the return adds to the moving Sharpe ratio (Moody and Saffell 1998)",
        _differential_sharpe,
        (_rate(0.01),),
        (0.0, TYPICAL_RETURN**2),
    ),
    "differential_downside": RewardKind(
        "what the return adds to the moving ratio of mean to downside deviation "
        "(Moody and Saffell 2001)",
        _differential_downside,
        (_rate(0.01),),
        (0.0, TYPICAL_RETURN**2 / 2.0),
    ),
    "drawdown": RewardKind("minus the drawdown: equity / peak - 1", _drawdown),
    "max_drawdown": RewardKind(
        "minus the growth of the maximum drawdown; sums to minus the episode's maximum drawdown",
        _max_drawdown,
        initial=(0.0,),
    ),
    "cvar": RewardKind(
        "averages to minus the expected loss in the worst bars (Rockafellar and Uryasev 2000)",
        _cvar,
        (_LEVEL, _rate(1e-4)),
        (0.0,),
    ),
    "mean_variance": RewardKind(
        "R - risk_aversion / 2 R^2 of the return R (Ritter 2017)", _mean_variance, (_RISK_AVERSION,)
    ),
    "turnover": RewardKind("minus the value traded / equity: a penalty", _turnover),
    "cost": RewardKind("minus the costs paid / equity: a penalty", _cost),
    "squared_exposure": RewardKind(
        "minus half the square of gross value held / equity: a penalty, the expected one of "
        "mean_variance where volatility is constant (Garleanu and Pedersen 2013)",
        _squared_exposure,
    ),
}
