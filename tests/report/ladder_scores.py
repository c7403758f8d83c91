"""Scores of a ladder that nobody climbed."""

import numpy as np

from drltrade.evaluation.ladder import RungScore, SeedScore
from drltrade.evaluation.optimality import Optimality
from drltrade.evaluation.portraits import Portrait


def some_scores() -> list[RungScore]:
    """Bands on a signal, a path with a belief, a martingale and a rung not played."""
    rng = np.random.default_rng(0)
    x = np.linspace(-3, 3, 61)
    optimal = np.stack([np.where(x > 0.6, 1.0, -1.0), np.sign(x) * (np.abs(x) > 0.6)])

    def band(seed: int) -> Portrait:
        chosen = np.stack([np.where(x > 0.5 + 0.1 * seed, 1.0, -1.0), optimal[1]])
        return Portrait("map", "signal", x, ("holding -1", "holding 0"), chosen, optimal)

    bars = np.arange(100.0)
    held = np.where(rng.standard_normal(100).cumsum() > 0, 1.0, -1.0)
    belief = 0.5 + 0.4 * held
    path = Portrait("path", "bar", bars, ("position",), held[None], held[None], belief)

    def seeds(value: float, optimum: float, portraits: list[Portrait]) -> tuple[SeedScore, ...]:
        return tuple(
            SeedScore(i, Optimality(value - 0.001 * i, 1e-4, optimum, 0.08), each, 1000, 1.5)
            for i, each in enumerate(portraits)
        )

    return [
        RungScore(
            "ar1-cost", "A band", "bar", 0.0547, seeds(0.054, 0.0547, [*map(band, range(3))])
        ),
        RungScore("hidden <regime>", "A regime", "bar", 0.148, seeds(0.14, 0.148, [path])),
        RungScore("martingale", "Nothing", "bar", 0.0, seeds(0.0, 0.0, [band(0)])),
        RungScore("kelly", "Growth", "year", 0.08, unfit="it takes <positions> alone"),
    ]
