"""Policies whose share of an optimum is known, in the form of an agent's policy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.experiment.env_presets import resolve_env
from drltrade.market.ground_truth import GroundTruth, filter_regime


def rung(name: str, **overrides: Any) -> tuple[Task, GroundTruth]:
    """A preset's market and its optimum."""
    task = Task.build(resolve_env(name, overrides))
    return task, truth_of(task)


class Rule:
    """A function of the last bar's features, as they are declared, and the weight held.

    It answers positions, which are turned into actions.
    """

    reads = "position"

    def __init__(self, task: Task, rule: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self._task, self._rule = task, rule
        self._listed = task.trading.discrete_positions

    def encode(self, windows: Tensor) -> Tensor:
        scaler = self._task.preparation.scaler
        std, mean = (torch.tensor(each, dtype=torch.float64) for each in (scaler.std, scaler.mean))
        return windows[:, -1].double() * std + mean

    def decide(self, embedding: Tensor, account: Tensor) -> Tensor:
        wanted = self._rule(embedding.numpy(), account[:, 0].double().numpy())
        if self._listed is None:
            return torch.from_numpy(wanted).float()[:, None]
        nearest = np.abs(wanted[:, None] - np.array(self._listed)).argmin(1)
        return torch.from_numpy(nearest)


class Filter(Rule):
    """Knows the regime as well as the past allows: `encode` remembers."""

    def __init__(self, task: Task, truth: GroundTruth) -> None:
        super().__init__(task, lambda odds, held: truth.act(odds, held))
        self._process = task.trading.synthetic

    def encode(self, windows: Tensor) -> Tensor:
        logs = super().encode(windows).numpy()[:, 0]
        returns = np.expm1(logs) / self._process.volatility
        odds = filter_regime(returns, self._process.stay, self._process.mean)
        return torch.from_numpy(odds)[:, None]
