"""The optimum of a synthetic market as a whole: its value, its policy, what each trade is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drltrade.errors import ConfigError
from drltrade.market.ground_truth.account_terms import (
    AccountTerms,
    buying_and_selling,
    check_account,
    holding_cost,
    no_holding_cost,
    no_impact,
    proportional_cost,
    quadratic_cost,
    refuse,
    reward_weights,
)
from drltrade.market.ground_truth.constant import solve_constant
from drltrade.market.ground_truth.growth import Asset, GrowthProblem, solve_kelly
from drltrade.market.ground_truth.partial_adjustment import solve_garleanu_pedersen
from drltrade.market.ground_truth.positions import PositionOptimum
from drltrade.market.ground_truth.regimes import belief_of, filter_regime, regime_problem
from drltrade.market.ground_truth.signals import ar1_problem
from drltrade.market.synthetic import (
    Ar1,
    Factors,
    Garch,
    Gaussian,
    Gbm,
    Permuted,
    Process,
    Regimes,
)
from drltrade.market.tensors import Market

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroundTruth:
    """What there is to be known of a market, and the best that can be made of it.

    The functions are vectorised over n accounts. A state is a row of k numbers: the signals; the
    log odds of a hidden regime; or nothing (k = 0), where nothing foretells the next return.
    """

    value: float
    """The greatest long-run average reward of a step, in the units of `per`."""
    per: str
    """"bar": units of return a bar; "year": log growth a year."""
    unit: float
    """An average reward a bar, as the environment pays it, is divided by this to compare it with
    `value`. An account's P&L grows with its equity: over a long period divide it by that first."""
    solution: Any
    """What the solver returned: thresholds, gains, weights."""
    states: Callable[[Market], Floats]
    """market of T rows -> [T, k] what is known at each close."""
    act: Callable[[Floats, Floats], Floats]
    """(states [n, k], weights held [n]) -> [n] the best target weights."""
    expected: Callable[[Floats, Floats, Floats], Floats]
    """(states [n, k], weights before [n], weights after the trade [n]) -> [n] expected reward of
    the step, in the units of `value`, costs in."""


def ground_truth(process: Process, account: AccountTerms) -> GroundTruth:
    """Solve a synthetic market for an account.

    Raises:
        ConfigError: names a key of the preset with which the optimum is not known.
    """
    check_account(account)
    for kind, solve in _SOLVERS.items():
        if isinstance(process, kind):
            return solve(process, account)
    raise ConfigError(f"the optimum is not known for synthetic.kind = {process!r}")


def _constant(process: Process, account: AccountTerms) -> GroundTruth:
    unit, kappa, holding = _linear(process, account)
    mean = process.mean if isinstance(process, Gaussian) else 0.0
    found = solve_constant(mean, holding=holding, positions=account.choices)

    def act(states: Floats, weight: Floats) -> Floats:
        return np.full(len(weight), found.position)

    def expected(states: Floats, before: Floats, after: Floats) -> Floats:
        return mean * after - kappa * np.abs(after - before) - holding * np.abs(after)

    return GroundTruth(found.value, "bar", unit, found, _nothing, act, expected)


def _signal(process: Ar1, account: AccountTerms) -> GroundTruth:
    unit, kappa, holding = _linear(process, account)
    problem = ar1_problem(
        process.rho, process.ic, kappa, holding=holding, positions=account.choices
    )
    found = problem.solve()

    def expected(states: Floats, before: Floats, after: Floats) -> Floats:
        trade, held = np.abs(after - before), np.abs(after)
        return process.ic * states[:, 0] * after - kappa * trade - holding * held

    return GroundTruth(found.value, "bar", unit, found, _signals(1), _table(found), expected)


def _regime(process: Regimes, account: AccountTerms) -> GroundTruth:
    unit, kappa, holding = _linear(process, account)
    found = regime_problem(
        process.stay, process.mean, kappa, holding=holding, positions=account.choices
    ).solve()

    def states(market: Market) -> Floats:
        log_odds = np.empty((len(market), 1))
        for span in market.spans or (range(len(market)),):
            rows = slice(span[0], span[-1] + 1)
            gained = market.close[rows, 0] / market.open[rows, 0] - 1.0
            returns = gained / process.volatility
            log_odds[rows, 0] = filter_regime(returns, process.stay, process.mean)
        return log_odds

    def expected(states: Floats, before: Floats, after: Floats) -> Floats:
        mean = process.mean * (2.0 * belief_of(states[:, 0]) - 1.0)
        return mean * after - kappa * np.abs(after - before) - holding * np.abs(after)

    return GroundTruth(found.value, "bar", unit, found, states, _table(found), expected)


def _factors(process: Factors, account: AccountTerms) -> GroundTruth:
    weights = reward_weights(account, "pnl", "squared_exposure")
    unit = weights["pnl"] * process.volatility
    risk_aversion = weights["squared_exposure"] / unit
    if not risk_aversion > 0.0:
        refuse("reward", account.reward, "the term squared_exposure, too, must weigh more than 0")
    no_holding_cost(account.costs)
    impact = quadratic_cost(account, process)
    (low, high), b = account.bounds, np.array(process.b)
    found = solve_garleanu_pedersen(process.phi, process.b, risk_aversion, impact)

    def act(states: Floats, weight: Floats) -> Floats:
        target: Floats = weight + states @ found.gains - found.rate * weight
        return target.clip(low, high)

    def expected(states: Floats, before: Floats, after: Floats) -> Floats:
        trade = after - before
        earned: Floats = (states @ b) * after
        return earned - 0.5 * risk_aversion * after**2 - 0.5 * impact * trade**2

    states = _signals(len(process.phi))
    return GroundTruth(found.value, "bar", unit, found, states, act, expected)


def _growth(process: Gbm, account: AccountTerms) -> GroundTruth:
    unit = reward_weights(account, "log_return")["log_return"] / process.periods_per_year
    no_impact(account.costs)
    no_holding_cost(account.costs)
    (low, high), year = account.bounds, process.periods_per_year
    buying, selling = buying_and_selling(account.costs)
    asset = Asset(process.mu, process.sigma, year)
    problem = GrowthProblem(asset, buying, selling)

    def expected(states: Floats, before: Floats, after: Floats) -> Floats:
        return year * (asset.growth(after) + problem.worth(before, after))

    if not buying:
        free = solve_kelly(process.mu, process.sigma, year, low, high)

        def hold(states: Floats, weight: Floats) -> Floats:
            return np.full(len(weight), free.weight)

        return GroundTruth(free.value, "year", unit, free, _nothing, hold, expected)
    if not 0.0 <= low < high <= 1.0:
        bounds = list(account.bounds)
        refuse("position_range", bounds, "with costs it must lie within 0 and 1")
    found = problem.solve(low, high)

    def act(states: Floats, weight: Floats) -> Floats:
        return weight.clip(found.low, found.high)

    return GroundTruth(found.value, "year", unit, found, _nothing, act, expected)


_SOLVERS: dict[type[Process], Callable[[Any, AccountTerms], GroundTruth]] = {
    Gaussian: _constant,
    Garch: _constant,
    Permuted: _constant,
    Ar1: _signal,
    Regimes: _regime,
    Factors: _factors,
    Gbm: _growth,
}


def _linear(process: Process, account: AccountTerms) -> tuple[float, float, float]:
    """(unit, kappa, h) where reward and costs are linear in the position."""
    weight = reward_weights(account, "pnl")["pnl"]
    no_impact(account.costs)
    kappa = proportional_cost(account.costs) / process.volatility
    return weight * process.volatility, kappa, holding_cost(account.costs, process)


def _table(found: PositionOptimum) -> Callable[[Floats, Floats], Floats]:
    def act(states: Floats, weight: Floats) -> Floats:
        return found.choose(states[:, 0], weight)

    return act


def _signals(count: int) -> Callable[[Market], Floats]:
    def states(market: Market) -> Floats:
        if market.signals.shape != (len(market), count):
            raise ConfigError(
                f"the market has signals of shape {market.signals.shape}; its process has {count}"
            )
        return market.signals

    return states


def _nothing(market: Market) -> Floats:
    return np.empty((len(market), 0))
