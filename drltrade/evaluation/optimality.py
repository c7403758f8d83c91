"""What share of a known optimum a policy earns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.evaluation.players import NativePlayer, OptimalPlayer, Player, accounts, player
from drltrade.market.ground_truth import GroundTruth, PositionOptimum
from drltrade.market.simulator import Simulator

Floats = NDArray[np.float64]

TEST_BARS = 500_000
"""Fresh bars to score a policy on; the standard error of a share is then about 0.1%."""

LEAST_BARS = 2_000
"""Train and validation bars of a market that is made for its test bars alone."""

WARM_UP, LENGTH = 500, 2_000
"""Steps of each account that do not count, as it begins flat and without a past, and that do."""


LEAST_STRETCHES = 5
"""From which a standard error can be told."""


@dataclass(frozen=True)
class Optimality:
    """How well a policy did on fresh bars of a market whose optimum is known."""

    value: float
    """Average expected reward of a step, in the optimum's units; see `GroundTruth.value`."""
    error: float
    """Standard error of `value`, over independent stretches of the market; 0: it is exact."""
    optimum: float
    turnover: float
    """Weight traded per step."""
    realised: float = float("nan")
    """Average reward as the environment paid it, luck in; NaN where nothing was played."""
    realised_error: float = float("nan")
    """Its standard error."""

    @property
    def share(self) -> float:
        """Of the optimum, where it is not zero; else NaN."""
        return self.value / self.optimum if self.optimum else float("nan")


def fresh(task: Task, seed: int, bars: int = TEST_BARS) -> Task:
    """The same market drawn anew, with the features scaled as they were.

    Args:
        task: a synthetic market.
        seed: of the new bars, `synthetic.seed`.
        bars: of its test period.

    Raises:
        ConfigError: the task's market is not synthetic.
    """
    config = task.trading
    if config.synthetic is None:
        raise ConfigError(f"{task.source} cannot be drawn anew: set synthetic")
    least = config.window + LEAST_BARS
    process = config.synthetic.model_copy(
        update={
            "seed": seed, "test_bars": bars,
            "bars": least, "path_length": least, "validation_bars": least,
        }
    )  # fmt: skip
    return Task.build(
        config.model_copy(update={"synthetic": process}), preparation=task.preparation
    )


def score(policy: Any, task: Task, truth: GroundTruth) -> Optimality:
    """The exact score where there is one, else a measured one; see `solved` and `played`.

    Args:
        policy: a native one, or a model of stable-baselines3.
        task: a synthetic market, see `fresh`.
        truth: its optimum.
    """
    exact = can_be_solved(policy, task, truth)
    return (solved if exact else played)(policy, task, truth)


def can_be_solved(policy: Any, task: Task, truth: GroundTruth) -> bool:
    """Whether a policy is a table: of an observed Markov state and the position held, no more."""
    reads_state = task.config.features == ("signal(1)",) and task.config.window == 1
    of_positions = isinstance(truth.solution, PositionOptimum)
    if not (reads_state and of_positions and task.trading.discrete_positions is not None):
        return False
    return getattr(policy, "reads", None) == "position" and not player(policy, task).remembers


def solved(policy: Any, task: Task, truth: GroundTruth) -> Optimality:
    """Read the policy on the grid of states and solve its chain: no simulation, no noise."""
    problem, plays = truth.solution.problem, NativePlayer(policy, task)
    bars = scaled(task, problem.grid[:, None])
    columns = [
        np.abs(
            plays.response(bars, accounts(np.full(len(bars), held)))[:, None] - problem.positions
        )
        for held in problem.positions
    ]
    table = np.stack([distance.argmin(1) for distance in columns], 1)
    average = problem.evaluate(table)
    return Optimality(average.value, 0.0, truth.value, average.turnover)


def scaled(task: Task, features: Floats) -> torch.Tensor:
    """[n, F] features as declared -> [n, 1, F] windows of one bar as a policy sees them."""
    table = pd.DataFrame(features, columns=list(task.market.columns))
    return torch.from_numpy(task.preparation.transform(table).to_numpy(copy=True))[:, None]


@dataclass(frozen=True)
class _Played:
    """Of each of n accounts, averages over the steps that count."""

    expected: Floats
    realised: Floats
    turnover: Floats


def played(policy: Any, task: Task, truth: GroundTruth, length: int = LENGTH) -> Optimality:
    """Let a policy play the test period, cut into stretches, in an account each.

    What counts is the expected reward of each trade given all that can be known at the time, not
    what luck made of it. The optimal policy plays the same stretches, and its luck there against
    its known value is taken off, as far as the two share it (a control variate, Glasserman 2003,
    "Monte Carlo methods in financial engineering", section 4.1).

    Args:
        policy: what to score; a native policy, or a model of stable-baselines3.
        task: a synthetic market; see `fresh`.
        truth: its optimum.
        length: steps of a stretch that count.

    Raises:
        ConfigError: the test period holds too few stretches.
    """
    rows = task.rows("test")
    starts = np.arange(rows[0], rows[-1] - WARM_UP - length, length)
    if len(starts) < LEAST_STRETCHES:
        raise ConfigError(
            f"synthetic.test_bars = {len(rows)}: {WARM_UP + LEAST_STRETCHES * length + 2} are "
            f"needed for {LEAST_STRETCHES} stretches, to tell a standard error"
        )
    chosen = _play(player(policy, task), starts, length, task, truth)
    best = _play(OptimalPlayer(truth, task), starts, length, task, truth)
    luck = best.expected - truth.value
    shared = luck.var()
    weight = np.mean((chosen.expected - chosen.expected.mean()) * luck) / shared if shared else 0.0
    steadied = chosen.expected - weight * luck
    return Optimality(
        value=float(steadied.mean()),
        error=_error(steadied, fitted=2),
        optimum=truth.value,
        turnover=float(chosen.turnover.mean()),
        realised=float(chosen.realised.mean()),
        realised_error=_error(chosen.realised),
    )


def _play(
    plays: Player, starts: NDArray[np.int64], length: int, task: Task, truth: GroundTruth
) -> _Played:
    n, states = len(starts), truth.states(task.market)
    simulator = Simulator(
        task.market, task.rules, spans=task.spans("test"), n_envs=n, episode_length=1,
        device=torch.device("cpu"), generator=torch.Generator(), detailed=False,
    )  # fmt: skip
    simulator.place(torch.from_numpy(starts), torch.zeros(n, 1))
    plays.begin(starts, WARM_UP + length)
    expected, realised, turnover = np.zeros((3, n))
    for step in range(WARM_UP + length):
        before = simulator.account[:, 0].double().numpy()
        after = plays.targets(step, simulator.account)
        paid = simulator.play(torch.from_numpy(after))
        if step >= WARM_UP:
            expected += truth.expected(states[starts + step], before, after)
            realised += paid.reward.numpy()
            turnover += np.abs(after - before)
    return _Played(expected / length, realised / length / truth.unit, turnover / length)


def _error(values: Floats, fitted: int = 1) -> float:
    """Standard error of the mean of values [n] from which so many numbers were taken."""
    return float(values.std(ddof=fitted) / np.sqrt(len(values)))
