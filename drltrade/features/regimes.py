"""Features with parameters of their own, which are learned from the train period alone.

So far one: the probability of the turbulent one of two regimes, each with a mean and a variance of
log returns, between which a Markov chain switches (Hamilton 1989, Econometrica 57(2)). Learned by
expectation and maximisation (Baum and Welch; Rabiner 1989, Proceedings of the IEEE 77(2)); the
feature is the filtered probability, which knows the returns up to its bar and none after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from drltrade.errors import DataError
from drltrade.features import indicators
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, Parameter

Learned: TypeAlias = Mapping[str, Sequence[float]]
"""What a feature has learned, as plain JSON."""

_ITERATIONS, _TOLERANCE = 200, 1e-8
_FEWEST = 50


@dataclass(frozen=True)
class FittedKind:
    """A feature whose parameters are learned; otherwise as `FeatureKind`.

    Attributes:
        fit: histories of the train period, one an instrument -> what is learned.
        compute: (History, what is learned, *parameters) -> a column [T].
    """

    description: str
    parameters: tuple[Parameter, ...]
    fit: Callable[[Sequence[History]], Learned]
    compute: Callable[..., Floats]
    warm_up: Callable[..., int]
    columns: tuple[str, ...] = ()
    rule: Callable[..., str | None] = lambda *_: None

    def on(self, history: History, learned: Learned, *values: Any) -> tuple[Floats, ...]:
        """Its column on these bars."""
        return (self.compute(history, learned, *values),)


def fit_regimes(histories: Sequence[History]) -> Learned:
    """Means, deviations and chances to stay of the two regimes, the calm one first.

    Raises:
        DataError: there are fewer than 50 returns, or they do not vary.
    """
    parts = [indicators.log_return(history.close, 1, history.memory)[1:] for history in histories]
    pooled = np.concatenate(parts)
    if len(pooled) < _FEWEST or not pooled.std() > 0.0:
        raise DataError(
            f"features: regime() learns from at least {_FEWEST} returns that vary; the train "
            f"period has {len(pooled)}"
        )
    wide = np.abs(pooled - np.median(pooled)) > np.quantile(np.abs(pooled - np.median(pooled)), 0.7)
    mean, deviation = np.full(2, pooled.mean()), np.array([pooled[~wide].std(), pooled[wide].std()])
    floor = 0.01 * pooled.std()  # a regime of a single return would have none
    deviation, stay = np.maximum(deviation, floor), np.array([0.95, 0.95])
    before = -np.inf
    for _ in range(_ITERATIONS):
        total, sums, chances = 0.0, np.zeros((3, 2)), np.zeros((2, 2))
        for returns in parts:
            total += _expectation(returns, mean, deviation, stay, sums, chances)
        mean = sums[1] / sums[0]
        deviation = np.maximum(np.sqrt(np.maximum(sums[2] / sums[0] - mean**2, 0.0)), floor)
        stay = np.clip(chances.diagonal() / chances.sum(axis=1), 0.01, 0.9999)
        if total - before < _TOLERANCE * abs(total):
            break
        before = total
    order = np.argsort(deviation)
    return {
        "mean": mean[order].tolist(),
        "deviation": deviation[order].tolist(),
        "stay": stay[order].tolist(),
    }


def regime_probability(history: History, learned: Learned) -> Floats:
    """P(turbulent at t | returns up to t) [T]. First at 1."""
    mean, deviation, stay = (np.array(learned[key]) for key in ("mean", "deviation", "stay"))
    state = history.memory.state(2)
    returns = indicators.log_return(history.close, 1, history.memory)
    if not state.any():
        state[:] = _resting(stay)
    probability: Floats = _filter(returns, mean, deviation, stay, state)
    return probability


def _resting(stay: NDArray[np.float64]) -> NDArray[np.float64]:
    leaving = 1.0 - stay[::-1]
    share: NDArray[np.float64] = leaving / leaving.sum()
    return share


@numba.njit(cache=True)
def _filter(returns: Floats, mean: Floats, deviation: Floats, stay: Floats, state: Floats) -> Any:
    """Hamilton's filter; state: the regimes' probabilities before the next return."""
    result = np.full(len(returns), np.nan)
    for t in range(len(returns)):
        if np.isnan(returns[t]):
            continue
        scores = -0.5 * ((returns[t] - mean) / deviation) ** 2 - np.log(deviation)
        likely = state * np.exp(scores - scores.max())
        likely /= likely.sum()
        result[t] = likely[1]
        state[0] = likely[0] * stay[0] + likely[1] * (1.0 - stay[1])
        state[1] = 1.0 - state[0]
    return result


@numba.njit(cache=True)
def _expectation(
    returns: Floats, mean: Floats, deviation: Floats, stay: Floats, sums: Any, chances: Any
) -> float:
    """Forward and backward; adds to sums [3 moments, 2] and chances [from, to]; log likelihood."""
    count = len(returns)
    move = np.array([[stay[0], 1.0 - stay[0]], [1.0 - stay[1], stay[1]]])
    density, forward = np.empty((count, 2)), np.empty((count, 2))
    scale, total = np.empty(count), 0.0
    prior = np.array([1.0 - stay[1], 1.0 - stay[0]])
    prior /= prior.sum()
    for t in range(count):
        scores = -0.5 * ((returns[t] - mean) / deviation) ** 2 - np.log(deviation)
        largest = scores.max()
        density[t] = np.exp(scores - largest)
        joint = prior * density[t]
        scale[t] = joint.sum()
        forward[t] = joint / scale[t]
        total += np.log(scale[t]) + largest
        prior = forward[t] @ move
    backward = np.ones(2)
    for t in range(count - 1, -1, -1):
        weight = forward[t] * backward
        weight /= weight.sum()
        sums[0] += weight
        sums[1] += weight * returns[t]
        sums[2] += weight * returns[t] ** 2
        if t > 0:
            ahead = density[t] * backward / scale[t]
            for i in range(2):
                chances[i] += forward[t - 1, i] * move[i] * ahead
            backward = move @ ahead
    return total


FITTED: dict[str, FittedKind] = {
    "regime": FittedKind(
        "probability of the turbulent one of two regimes, learned from the train period",
        (), fit_regimes, regime_probability, warm_up=lambda: 1,
    ),
}  # fmt: skip
"""By the name that a preset declares it with."""
