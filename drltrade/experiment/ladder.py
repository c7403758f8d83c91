"""The ladder: an agent on every market whose optimum is known, several seeds of each.

There is no validation and no early stopping: an agent learns for as long as it was asked to, and
the policy of the end is scored. Each seed learns in a market of its own, `synthetic.seed` plus the
seed, and is scored on bars of another one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import torch

from drltrade.agents.agent import Agent, Policy
from drltrade.agents.registry import make_agent, resolve_device
from drltrade.agents.sb3 import SB3Agent
from drltrade.envs.config import TradingConfig
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, DrltradeError, suggestion
from drltrade.evaluation.ladder import RungScore, SeedScore
from drltrade.evaluation.optimality import TEST_BARS, fresh, score
from drltrade.evaluation.portraits import portrait
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import merge, read_preset
from drltrade.experiment.presets import AgentPreset, resolve_agent, split_overrides
from drltrade.experiment.study import side_by_side
from drltrade.market.ground_truth import GroundTruth
from drltrade.training.loop import cpu_threads

RUNGS = (
    "drift",
    "martingale",
    "leaked-future",
    "ar1-cost",
    "ar1-holding",
    "hidden-regime",
    "garleanu-pedersen",
    "garleanu-pedersen-noisy",
    "kelly",
    "kelly-cost",
)
"""Env presets, from what every learner must manage to what few do."""

AS_WEIGHTS = ("drift", "martingale", "leaked-future")
"""Rungs whose optimum is the same where any weight between the positions may be held."""

FRESH = 10_000
"""Added to `synthetic.seed`, for the bars that a seed is scored on."""

WatchLadder = Callable[[str, int, Mapping[str, float] | None], None]
"""Told a rung, the environment steps of all its seeds so far and the latest figures; None: all its
seeds have ended."""


@dataclass(frozen=True)
class Attempt:
    """One seed of an agent on one rung."""

    rung: str
    agent: str
    seed: int
    steps: int
    device: str
    env_overrides: Mapping[str, Any] = field(default_factory=dict)
    agent_overrides: Mapping[str, Any] = field(default_factory=dict)
    test_bars: int = TEST_BARS


class Attempted(NamedTuple):
    """What came of an attempt: a score, or why there is none."""

    score: SeedScore | None
    per: str = "bar"
    optimum: float = float("nan")
    note: str = ""
    unfit: str = ""
    failed: str = ""


def climb(
    agent: str,
    rungs: Sequence[str] = RUNGS,
    *,
    seeds: int = 5,
    steps: int | None = None,
    device: str = "auto",
    watch: WatchLadder | None = None,
    workers: int | None = None,
    test_bars: int = TEST_BARS,
    **overrides: Any,
) -> list[RungScore]:
    """Score an agent; each seed in a process of its own, as many at a time as there are CPU cores.

    Args:
        agent: name or file of an agent preset, or sb3:NAME.
        rungs: names or files of env presets with a table `[synthetic]`.
        seeds: how many of each, from 0 up.
        steps: environment steps; default: the agent preset's `training.total_steps`.
        device: auto, cpu or cuda.
        watch: told of the progress.
        workers: how many processes; None: one a core.
        test_bars: fresh bars that a policy is scored on, where it has to be played.
        **overrides: keys of the agent preset, or of all rungs.

    Returns:
        The rungs in the order asked for. Where an agent does not fit, `unfit` says why.

    Raises:
        ConfigError: a name or key is unknown, a rung's market is not synthetic.
    """
    raw, _ = read_preset("agents", agent)
    of_env, of_agent = split_overrides(overrides, raw)
    preset = resolve_agent(agent, of_agent)
    configs = {rung: _resolved(rung, of_env) for rung in rungs}
    resolve_device(device)
    total = preset.training.total_steps if steps is None else steps
    attempts = [
        Attempt(rung, agent, seed, total, device, of_env, of_agent, test_bars)
        for rung, seed in product(configs, range(seeds))
    ]
    told = _Told(dict.fromkeys(configs, seeds), watch)
    results = side_by_side(attempted, attempts, told.hear, workers)
    return [
        _rung(rung, configs[rung].description, results[i * seeds : (i + 1) * seeds])
        for i, rung in enumerate(configs)
    ]


def _resolved(rung: str, overrides: Mapping[str, Any]) -> TradingConfig:
    config = resolve_env(rung, overrides)
    if not isinstance(config, TradingConfig) or config.synthetic is None:
        hint = suggestion(rung, RUNGS)
        raise ConfigError(
            f"{rung!r} is no rung: the optimum of its market is not known{hint} (there are: "
            f"{', '.join(RUNGS)}; any env preset with a table [synthetic] will do)"
        )
    return config


def _rung(rung: str, about: str, results: Sequence[Attempted]) -> RungScore:
    known = next((each for each in results if each.score), results[0])
    return RungScore(
        rung=rung,
        about=_sentence(about),
        per=known.per,
        optimum=known.optimum,
        seeds=tuple(each.score for each in results if each.score),
        failed=tuple(each.failed for each in results if each.failed),
        unfit=next((each.unfit for each in results if each.unfit), ""),
        note=known.note,
    )


def _sentence(about: str) -> str:
    about = about.removeprefix("Synthetic: ")
    return about[:1].upper() + about[1:]


class _Told:
    """Sums up the progress of the seeds of each rung."""

    def __init__(self, seeds: dict[str, int], watch: WatchLadder | None) -> None:
        self._left, self._watch = seeds, watch
        self._steps: dict[tuple[str, int], int] = {}

    def hear(self, message: tuple[str, int, int, Mapping[str, float] | None]) -> None:
        rung, seed, steps, figures = message
        self._steps[rung, seed] = steps
        self._left[rung] -= figures is None
        if self._watch is None or (figures is None and self._left[rung]):
            return
        total = sum(n for (name, _), n in self._steps.items() if name == rung)
        self._watch(rung, total, figures)


def attempted(attempt: Attempt, messages: Any) -> Attempted:
    """Let one seed learn, and score it. Its errors are part of the result."""
    reached = 0

    def on_progress(steps: int, figures: Mapping[str, float], policy: Policy) -> bool:
        nonlocal reached
        reached = steps
        messages.put((attempt.rung, attempt.seed, steps, dict(figures)))
        return True

    preset = resolve_agent(attempt.agent, attempt.agent_overrides)
    learned = None
    try:
        with cpu_threads(preset.training.threads):
            learned = _begun(attempt, preset)
            started = time.process_time()
            learned.agent.learn(attempt.steps, on_progress)
            seconds = learned.seconds + time.process_time() - started
            return _scored(attempt, learned, reached, seconds)
    except ConfigError as error:
        return Attempted(None, unfit=str(error))
    except DrltradeError as error:
        return Attempted(None, failed=f"seed {attempt.seed}: {error}")
    finally:
        messages.put((attempt.rung, attempt.seed, reached, None))


class _Begun(NamedTuple):
    """An agent in its market, before it learns."""

    agent: Agent
    task: Task
    truth: GroundTruth
    seconds: float
    """CPU time that it took to build the agent."""
    note: str


def _begun(attempt: Attempt, preset: AgentPreset) -> _Begun:
    """The agent on its rung; where it does not take positions, on the same one with weights.

    Raises:
        ConfigError: it takes neither, or the optimum is not known with the overrides.
    """
    config = _resolved(attempt.rung, attempt.env_overrides)
    choices: list[tuple[dict[str, Any], str]] = [({}, "")]
    if attempt.rung in AS_WEIGHTS and config.discrete_positions is not None:
        bounds = [config.lowest_position, config.highest_position]
        span = f"[{bounds[0]:g}, {bounds[1]:g}]"
        note = f"played with position_range = {span}, whose optimum is the same"
        choices.append(({"position_range": bounds}, note))
    assert config.synthetic is not None
    market = {"synthetic": {"seed": config.synthetic.seed + attempt.seed}}
    refused: ConfigError | None = None
    for actions, note in choices:
        task = Task.build(
            resolve_env(attempt.rung, merge(attempt.env_overrides, {**market, **actions}))
        )
        truth = truth_of(task)
        # What is compiled once a process is no part of the training.
        task.simulator(1, torch.Generator(), detailed=True).step(torch.zeros(1, dtype=torch.double))
        generator = torch.Generator(resolve_device(attempt.device)).manual_seed(attempt.seed)
        started = time.process_time()
        try:
            agent = make_agent(preset.algorithm, task, generator)
        except ConfigError as error:
            refused = refused or error
            continue
        return _Begun(agent, task, truth, time.process_time() - started, note)
    assert refused is not None
    raise refused


def _scored(attempt: Attempt, learned: _Begun, steps: int, seconds: float) -> Attempted:
    agent, task, truth = learned.agent, learned.task, learned.truth
    policy = agent.model if isinstance(agent, SB3Agent) else agent.policy()
    process = task.trading.synthetic
    assert process is not None
    found = score(policy, fresh(task, process.seed + FRESH, attempt.test_bars), truth)
    drawn = portrait(policy, task, truth)
    result = SeedScore(attempt.seed, found, drawn, steps, seconds)
    return Attempted(result, truth.per, truth.value, learned.note)
