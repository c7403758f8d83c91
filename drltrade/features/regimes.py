"""Features with parameters of their own, which are learned from the train period alone.

So far one: the probability of the turbulent one of two regimes, each with a mean and a variance of
log returns, between which a Markov chain switches (Hamilton 1989, Econometrica 57(2)). Learned by
expectation and maximisation (Baum and Welch; Rabiner 1989, Proceedings of the IEEE 77(2)); the
feature is the filtered probability, which knows the returns up to its bar and none after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drltrade.errors import DataError
from drltrade.features import indicators, kernels
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, Kind

Learned: TypeAlias = Mapping[str, Sequence[float]]
"""What a feature has learned, as plain JSON."""

_ITERATIONS, _TOLERANCE = 200, 1e-8
_FEWEST = 50


@dataclass(frozen=True)
class FittedKind(Kind):
    """Of one instrument, with parameters that are learned: compute(History, what is learned,
    *parameters) -> its column [T].

    Attributes:
        fit: histories of the train period, one an instrument -> what is learned.
    """

    fit: Callable[[Sequence[History]], Learned] = field(kw_only=True)

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
            total += kernels.expected_regimes(returns, mean, deviation, stay, sums, chances)
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
    return kernels.filtered_regimes(returns, mean, deviation, stay, state)


def _resting(stay: NDArray[np.float64]) -> NDArray[np.float64]:
    leaving = 1.0 - stay[::-1]
    share: NDArray[np.float64] = leaving / leaving.sum()
    return share


FITTED: dict[str, FittedKind] = {
    "regime": FittedKind(
        "probability of the turbulent one of two regimes, learned from the train period",
        (), regime_probability, lambda: 1, fit=fit_regimes,
    ),
}  # fmt: skip
"""By the name that a preset declares it with."""
