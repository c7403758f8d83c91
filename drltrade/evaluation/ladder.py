"""An agent's scores on markets whose optimum is known: several seeds of each rung, summed up.

Over seeds: the interquartile mean with a 95% percentile-bootstrap interval, and the minimum, as
Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice"
(NeurIPS), propose for few runs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drltrade.evaluation.optimality import Optimality
from drltrade.evaluation.portraits import Portrait

Floats = NDArray[np.float64]

RESAMPLES, LEVEL = 10_000, 0.95
WITHIN = 2.0
"""Standard errors between which a value counts as 0."""


@dataclass(frozen=True)
class SeedScore:
    """What one seed has learned on one rung."""

    seed: int
    found: Optimality
    portrait: Portrait
    steps: int
    """Of the environment, that it learned from."""
    cpu_seconds: float
    """Of training, all threads together."""


class Summary(NamedTuple):
    """A figure over seeds."""

    middle: float
    """Interquartile mean."""
    low: float
    """Lower end of its 95% interval; NaN with one seed."""
    high: float
    minimum: float


@dataclass(frozen=True)
class RungScore:
    """The seeds of an agent on one rung."""

    rung: str
    about: str
    """The market, in a line."""
    per: str = "bar"
    """Of which values and the optimum are; see `GroundTruth.per`."""
    optimum: float = float("nan")
    seeds: tuple[SeedScore, ...] = ()
    failed: tuple[str, ...] = ()
    """What broke the training of other seeds."""
    unfit: str = ""
    """Why the agent can't play here, if it can't."""
    note: str = ""
    """What was changed so that it could."""

    @property
    def share(self) -> Summary | None:
        """Of the optimum; None where that is 0 or no seed was scored."""
        if not self.seeds or not self.optimum:
            return None
        return summary(np.array([each.found.share for each in self.seeds]))

    @property
    def value(self) -> float:
        """Mean over seeds."""
        return float(np.mean([each.found.value for each in self.seeds]))

    @property
    def error(self) -> float:
        """Standard error of `value`, of the test alone: its seeds are the seeds."""
        return _together([each.found.error for each in self.seeds])

    @property
    def realised(self) -> tuple[float, float]:
        """(mean over seeds of what the environment paid, its standard error)."""
        paid = float(np.mean([each.found.realised for each in self.seeds]))
        return paid, _together([each.found.realised_error for each in self.seeds])

    @property
    def turnover(self) -> float:
        """Weight traded per step, mean over seeds."""
        return float(np.mean([each.found.turnover for each in self.seeds]))

    @property
    def cpu_seconds(self) -> float:
        """Of training a seed, mean over seeds."""
        return float(np.mean([each.cpu_seconds for each in self.seeds]))

    @property
    def verdict(self) -> str:
        """A sentence where the optimum is 0 and no share can be told; else nothing."""
        if not self.seeds or self.optimum:
            return ""
        inside = abs(self.value) <= WITHIN * self.error
        paid, error = self.realised
        lucky = paid > WITHIN * error
        return (
            f"value {self.value:+.5f} (s.e. {self.error:.5f}), "
            f"{'within' if inside else 'NOT within'} {WITHIN:g} s.e. of 0; turnover "
            f"{self.turnover:.4f} a bar; paid on fresh bars {paid:+.5f} (s.e. {error:.5f}), "
            f"{'SIGNIFICANTLY' if lucky else 'not significantly'} above 0"
        )


def summary(values: Floats) -> Summary:
    """Sum up one figure per seed [n].

    Of fewer than four seeds nothing is trimmed: the interquartile mean is the mean.
    """
    low = high = float("nan")
    if len(values) > 1:
        draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
        edges = (0.5 - 0.5 * LEVEL, 0.5 + 0.5 * LEVEL)
        low, high = (float(q) for q in np.quantile(interquartile_mean(values[draws]), edges))
    return Summary(float(interquartile_mean(values)), low, high, float(values.min()))


def interquartile_mean(values: Floats) -> Floats:
    """[..., n] -> [...] mean without the n // 4 least and the n // 4 greatest."""
    cut, n = values.shape[-1] // 4, values.shape[-1]
    middle: Floats = np.sort(values, axis=-1)[..., cut : n - cut].mean(-1)
    return middle


def _together(errors: list[float]) -> float:
    """Standard error of the mean of independent values."""
    return float(np.sqrt(np.square(errors).sum()) / len(errors))
