"""What the agents reach on markets whose optimum is known, how soon, and beside which peers.

    python benchmarks/bench_ladder.py
    python benchmarks/bench_ladder.py --rungs ar1-cost ar1-holding --agents exo_dqn --no-peers
    python benchmarks/bench_ladder.py --only-peers --rungs hidden-regime

One thread, CPU seconds of training alone (the agent is built and learns; the bars are given). Every
agent runs its preset with the preset's own number of steps, the same on all rungs, unless a note
says otherwise. Each seed learns in a market of its own, and its last policy is scored on fresh bars
of another. The share of the optimum is summed up over seeds by the interquartile mean. The whole
takes hours; a rung takes minutes.

Peers: stable-baselines3 and sb3-contrib at their defaults, 8 environments of drltrade's own
`MarketVecEnv`. Then ours learns the same, scored on the way with the clock stopped, until it has
reached the peer's final share and at the next score still has. There are two such goals: the
interquartile mean of the peer's seeds, and its best seed, which leaves out those that failed.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import argparse
import math
import queue
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from races import race, seconds_to
from timing import print_machine, print_table

from drltrade.evaluation.ladder import RungScore, SeedScore, summary
from drltrade.experiment.ladder import RUNGS, TEST_BARS, Attempt, attempted
from drltrade.experiment.presets import resolve_agent

Keys = Mapping[str, Any]
AS_IS: Keys = {}


class Goal(NamedTuple):
    """What a case is to reach."""

    share: float | None = None
    """Interquartile mean over seeds, % of the optimum."""
    least: float | None = None
    """The worst seed, % of the optimum."""
    seconds: float | None = None
    """Median over seeds."""


class Case(NamedTuple):
    """An agent on a rung."""

    rung: str
    agent: str
    goal: Goal = Goal()
    seeds: int = 5
    env: Keys = AS_IS
    """Keys of the env preset, otherwise than it says."""
    keys: Keys = AS_IS
    """Likewise of the agent preset."""
    note: str = ""


WIDE = {"position_range": [-1, 1]}
LISTED = ("ar1-cost", "ar1-holding", "drift", "leaked-future")
# What a day brings on average is a fortieth of its deviation, or an eightieth.
TEN_MILLION: Keys = {"synthetic": {"bars": 10_000_000}}
SIZED = (
    ("garleanu-pedersen", AS_IS, ""), ("garleanu-pedersen-noisy", AS_IS, ""),
    ("kelly", TEN_MILLION, "10M bars"), ("kelly-cost", TEN_MILLION, "10M bars"),
)  # fmt: skip
ALL = ("exo_dqn", "direct", "dqn", "ppo", "a2c", "reinforce", "sac", "td3", "ddpg")

CASES = (
    Case("ar1-cost", "exo_dqn", Goal(99.5, 99.0, 2.0), seeds=10),
    Case("ar1-holding", "exo_dqn", Goal(99.0, seconds=4.0), seeds=10),
    # A seed has failed that does no better than a band on the sum of the last ten returns.
    Case("hidden-regime", "exo_dqn-lstm", Goal(99.5, 94.6, 12.0), seeds=10),
    Case("garleanu-pedersen", "direct", Goal(99.0, seconds=4.0)),
    Case("garleanu-pedersen-noisy", "direct", Goal(98.0, seconds=8.0)),
    Case("kelly-cost", "direct", Goal(99.0), env=TEN_MILLION, note="10M bars"),
    Case("ar1-cost", "direct", env=WIDE, note="weights in [-1, 1]"),
    Case(
        "ar1-cost", "direct", env=WIDE, keys={"cost_annealing": 0.0},
        note="weights in [-1, 1], costs at once",
    ),
    *(
        Case(rung, agent, Goal(97.0))
        for rung in LISTED for agent in ("dqn", "ppo", "a2c", "reinforce", "sac")
    ),
    *(
        Case(rung, agent, Goal(97.0), env=bars, note=note)
        for rung, bars, note in SIZED
        for agent in ("ppo", "a2c", "reinforce", "sac", "td3", "ddpg")
    ),
    *(Case("hidden-regime", agent, Goal(94.6)) for agent in ("ppo-lstm", "dqn-lstm")),
    *(Case("martingale", agent) for agent in ALL),
)  # fmt: skip


class Peer(NamedTuple):
    """An algorithm of stable-baselines3 or sb3-contrib, and ours beside it."""

    rung: str
    theirs: str
    ours: str
    steps: int
    keys: Keys = AS_IS
    """Hyperparameters that are not the default."""
    env: Keys = AS_IS
    """Keys of its env preset, otherwise than it says."""
    test_bars: int = TEST_BARS
    """Bars that it is scored on."""


OFTEN = {"gradient_steps": 8}
"""As many gradient steps as environment steps, as the defaults have with one environment."""

PEERS = (
    Peer("ar1-cost", "DQN", "dqn", 200_000),
    Peer("ar1-cost", "A2C", "a2c", 200_000),
    Peer("ar1-cost", "PPO", "ppo", 200_000),
    Peer("garleanu-pedersen", "SAC", "sac", 16_000, OFTEN),
    Peer("garleanu-pedersen", "TD3", "td3", 16_000, OFTEN),
    Peer("garleanu-pedersen", "DDPG", "ddpg", 16_000, OFTEN),
    # With episodes that end within its roll-outs it goes through time step by step, 46 steps a
    # second; whole paths and 64 cells instead of 256 are to its advantage. Its policy plays one bar
    # at a time, a millisecond each.
    Peer(
        "hidden-regime",
        "RecurrentPPO",
        "ppo-lstm",
        300_000,
        {"policy_kwargs": {"lstm_hidden_size": 64}},
        {"episode_length": None},
        100_000,
    ),
)
PEER_SEEDS = 3
SOONER = 2.0
"""How many times sooner ours is to reach a peer's final share."""


def scores(
    rung: str, agent: str, seeds: int, steps: int | None, env: Keys, keys: Keys,
    test_bars: int = TEST_BARS,
) -> RungScore:  # fmt: skip
    """Let each seed learn in turn, and score it."""
    steps = steps or resolve_agent(agent, keys).training.total_steps
    found = [
        attempted(
            Attempt(rung, agent, seed, steps, "cpu", env, keys, test_bars), queue.SimpleQueue()
        )
        for seed in range(seeds)
    ]
    return RungScore(
        rung, "",
        seeds=tuple(each.score for each in found if each.score),
        failed=tuple(each.failed for each in found if each.failed),
        unfit=next((each.unfit for each in found if each.unfit), ""),
        note=next((each.note for each in found if each.note), ""),
    )  # fmt: skip


def percents(seeds: Sequence[SeedScore]) -> list[float]:
    """Shares of the optimum."""
    return [100.0 * each.found.share for each in seeds]


def middle(values: Sequence[float]) -> float:
    """Interquartile mean."""
    return summary(np.array(values)).middle


def median_seconds(seeds: Sequence[SeedScore]) -> float:
    """CPU time of training a seed."""
    return statistics.median(each.cpu_seconds for each in seeds)


def told(limit: float | None) -> str:
    """A goal, if there is one."""
    return "" if limit is None else f"{limit:g}"


def row(case: Case, seeds: int, found: RungScore) -> list[str]:
    """Of the table of a rung."""
    name, goal = f"{case.agent} ({case.note})" if case.note else case.agent, case.goal
    if not found.seeds:
        return [name, "0", found.unfit or found.failed[0], *[""] * 5, "no"]
    shares, seconds = percents(found.seeds), median_seconds(found.seeds)
    met = (
        len(shares) == seeds
        and middle(shares) >= (goal.share or -math.inf)
        and min(shares) >= (goal.least or -math.inf)
        and seconds <= (goal.seconds or math.inf)
    )
    count = str(seeds) if len(shares) == seeds else f"{len(shares)} of {seeds}"
    return [
        name, count, f"{middle(shares):.2f}", told(goal.share), f"{min(shares):.2f}",
        told(goal.least), f"{seconds:.2f}", told(goal.seconds),
        "" if goal == Goal() else "yes" if met else "no",
    ]  # fmt: skip


def quiet_row(case: Case, found: RungScore) -> list[str]:
    """Of the table of a rung whose optimum is to do nothing."""
    if not found.seeds:
        return [case.agent, "0", found.unfit or found.failed[0], *[""] * 4]
    cells = [case.agent, str(len(found.seeds)), f"{found.turnover:.5f}"]
    for value, error in ((found.value, found.error), found.realised):
        within = abs(value) <= 2.0 * error
        cells += [f"{value:+.5f} ({error:.5f})", "yes" if within else "no"]
    return cells


HEADER = ["agent", "seeds", "middle, %", "goal", "worst, %", "goal", "CPU s", "goal", "met"]
QUIET_HEADER = [
    "agent", "seeds", "turnover", "expected (s.e.)", "within 2 s.e. of 0", "paid (s.e.)",
    "within 2 s.e. of 0",
]  # fmt: skip


def measure(cases: Sequence[Case], seeds: int | None, steps: int | None) -> None:
    """Train and print, rung by rung."""
    for rung in RUNGS:
        rows = []
        for case in cases:
            if case.rung == rung:
                count = seeds or case.seeds
                found = scores(rung, case.agent, count, steps, case.env, case.keys)
                quiet = rung == "martingale"
                rows.append(quiet_row(case, found) if quiet else row(case, count, found))
        if rows:
            print_table(rung, QUIET_HEADER if rung == "martingale" else HEADER, rows)


def sooner(peer: Peer, theirs: RungScore, seeds: int, steps: int | None) -> list[str]:
    """Ours against a peer that has learned: how soon it is as good, by the median seed."""
    shares, spent = percents(theirs.seeds), median_seconds(theirs.seeds)
    best = max(shares) / 100.0
    races = [race(peer.rung, peer.ours, seed, best, steps) for seed in range(seeds)]
    cells = [
        peer.theirs, f"{peer.steps:,}", ", ".join(f"{share:.1f}" for share in shares),
        f"{spent:.1f}", peer.ours,
    ]  # fmt: skip
    for goal in (middle(shares) / 100.0, best):
        if goal <= 0.0:  # what an agent has that does nothing
            cells += ["it has learned nothing", ""]
            continue
        taken = statistics.median(seconds_to(points, goal) for points in races)
        reached = math.isfinite(taken)
        cells += [f"{taken:.2f}", f"{spent / taken:.1f}x"] if reached else ["never", ""]
    return cells


PEER_HEADER = [
    "peer", "steps", "% by seed", "CPU s", "ours", "CPU s to its middle", "sooner",
    "CPU s to its best", "sooner",
]  # fmt: skip


def against(peers: Sequence[Peer], seeds: int | None, steps: int | None) -> None:
    """Train peers and ours, and print, rung by rung."""
    count = seeds or PEER_SEEDS
    for rung in RUNGS:
        rows = []
        for peer in peers:
            if peer.rung == rung:
                keys = {"hyperparameters": peer.keys}
                agent, total = f"sb3:{peer.theirs}", steps or peer.steps
                theirs = scores(rung, agent, count, total, peer.env, keys, peer.test_bars)
                rows.append(sooner(peer._replace(steps=total), theirs, count, steps))
        if rows:
            print_table(f"{rung}, peers (target: {SOONER:g}x sooner)", PEER_HEADER, rows)


def main() -> None:
    """Measure and print what was asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rungs", nargs="+", choices=RUNGS, default=RUNGS)
    options.add_argument("--agents", nargs="+", help="presets; peers: those beside them")
    options.add_argument("--seeds", type=int, help="of every case (default: each case's own)")
    options.add_argument("--steps", type=int, help="of every run, to try the script out")
    options.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    options.add_argument("--only-peers", action="store_true")
    asked = options.parse_args()
    print_machine("drltrade", "stable-baselines3", "sb3-contrib", "torch", "numpy")

    def wanted(rung: str, agent: str) -> bool:
        return rung in asked.rungs and (asked.agents is None or agent in asked.agents)

    if not asked.only_peers:
        measure([c for c in CASES if wanted(c.rung, c.agent)], asked.seeds, asked.steps)
    if asked.peers or asked.only_peers:
        against([p for p in PEERS if wanted(p.rung, p.ours)], asked.seeds, asked.steps)


if __name__ == "__main__":
    main()
