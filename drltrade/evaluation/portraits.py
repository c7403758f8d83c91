"""What a policy has learned, as lines to lay over the known optimum.

Where all that a policy needs is seen in one bar it is a map: what it asks for, over that number,
for some positions held. Where it takes a memory, it is a path: the positions along some bars.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from drltrade.envs.task import Task
from drltrade.evaluation.optimality import fresh, scaled
from drltrade.evaluation.players import OptimalPlayer, Player, Responder, accounts, player
from drltrade.market.ground_truth import GroundTruth, belief_of
from drltrade.market.simulator import Simulator
from drltrade.market.synthetic import Ar1, Factors, Gbm, Regimes

Floats = NDArray[np.float64]

POINTS, REACH = 241, 3.0
"""Of a map, which goes so many standard deviations to either side."""

PATH, LEAD, PATH_SEED = 200, 300, 20_000
"""Bars of a path, bars before it, and the `synthetic.seed` of all paths: they can be compared."""

TENURE = 1.0 / 3.0
"""What an account of a map is told of how long it has stood: ten bars (see `market.standing`)."""


@dataclass(frozen=True)
class Portrait:
    """Lines over x, in one panel or several."""

    kind: Literal["map", "path"]
    over: str
    """What x is."""
    x: Floats
    """[k]"""
    panels: tuple[str, ...]
    """m titles."""
    chosen: Floats
    """[m, k] target weights (of a path: m = 1)."""
    optimal: Floats
    """[m, k] likewise, of the optimum."""
    belief: Floats | None = None
    """[k] probability of a hidden regime +1, all that the past says of it."""


def portrait(policy: Any, task: Task, truth: GroundTruth) -> Portrait:
    """Draw a policy on one asset.

    Args:
        policy: a native one, or a model of stable-baselines3.
        task: the synthetic market it has learned in.
        truth: its optimum.
    """
    plays = player(policy, task)
    found = None if plays.remembers else _map(plays, task, truth)
    return found or _path(policy, task, truth)


def _map(plays: Responder, task: Task, truth: GroundTruth) -> Portrait | None:
    """The map of what one bar says; None where it does not say all."""
    config, process = task.trading, task.trading.synthetic
    if config.window > 1 or isinstance(process, Regimes):
        return None
    across, names = np.linspace(-REACH, REACH, POINTS), tuple(config.features)
    signals = tuple(f"signal({k + 1})" for k in range(process.signals if process else 0))
    features = states = across[:, None]
    if isinstance(process, Gbm):
        return _over_weights(plays, task, truth)
    if isinstance(process, Ar1) and names == signals:
        over = "signal"
    elif isinstance(process, Factors) and names == signals:
        slowest = int(np.argmin(process.phi))
        features = np.zeros((POINTS, len(signals)))
        features[:, slowest] = across
        states, over = features, f"factor {slowest + 1} (the others at 0)"
    elif process is not None and not signals and names == ("log_return(1)",):
        over, features, states = "last return", features * process.volatility, states[:, :0]
    else:
        return None
    low, high = config.lowest_position, config.highest_position
    held = config.discrete_positions or tuple(sorted({max(low, -1.0), 0.0, min(high, 1.0)}))
    bars = scaled(task, features)
    chosen = [plays.response(bars, accounts(np.full(POINTS, each), TENURE)) for each in held]
    best = [truth.act(states, np.full(POINTS, each)) for each in held]
    panels = tuple(f"holding {each:g}" for each in held)
    return Portrait("map", over, across, panels, np.stack(chosen), np.stack(best))


def _over_weights(plays: Responder, task: Task, truth: GroundTruth) -> Portrait:
    """What is asked for over the weight held, with every feature at its mean."""
    config = task.trading
    held = np.linspace(config.lowest_position, config.highest_position, POINTS)
    bars = torch.zeros(POINTS, *task.observation_size)
    chosen = plays.response(bars, accounts(held, TENURE))
    best = truth.act(np.empty((POINTS, 0)), held)
    return Portrait("map", "weight held", held, ("target weight",), chosen[None], best[None])


def _path(policy: Any, task: Task, truth: GroundTruth) -> Portrait:
    market = fresh(task, PATH_SEED, task.config.window + LEAD + PATH + 2)
    start = market.rows("test")[0]
    rows = range(start + LEAD, start + LEAD + PATH)
    chosen = _positions(player(policy, market), market, start)
    best = _positions(OptimalPlayer(truth, market), market, start)
    belief = None
    if isinstance(task.trading.synthetic, Regimes):
        belief = belief_of(truth.states(market.market)[rows, 0])
    x = np.arange(PATH, dtype=np.float64)
    return Portrait("path", "bar", x, ("position",), chosen[None], best[None], belief)


def _positions(plays: Player, task: Task, start: int) -> Floats:
    """[PATH] what one account asks for, after `LEAD` bars."""
    simulator = Simulator(
        task.market, task.rules, spans=task.spans("test"), n_envs=1, episode_length=1,
        device=torch.device("cpu"), generator=torch.Generator(), detailed=False,
    )  # fmt: skip
    simulator.place(torch.tensor([start]), torch.zeros(1, 1))
    plays.begin(np.array([start]), LEAD + PATH)
    asked = np.zeros(LEAD + PATH)
    for step in range(LEAD + PATH):
        asked[step : step + 1] = plays.targets(step, simulator.account)
        simulator.play(torch.from_numpy(asked[step : step + 1]))
    return asked[LEAD:]
