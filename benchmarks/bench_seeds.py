"""Several seeds at once: eight of `exo_dqn` in one batch, against eight one after the other.

    python benchmarks/bench_seeds.py

One thread, CPU time, medians of three rounds in which the cases take turns; each seed learns as its
preset says on the rung `ar1-cost`, from a start of its own. What the seeds reach is printed too.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

from collections.abc import Callable, Sequence

import numpy as np
import torch
from timing import print_machine, print_table, rates

from drltrade.agents.agent import Policy
from drltrade.agents.exo_dqn import ExoDQN, ExoDQNConfig
from drltrade.envs.optimum import truth_of
from drltrade.envs.task import Task
from drltrade.evaluation.ladder import summary
from drltrade.evaluation.optimality import solved
from drltrade.experiment.presets import resolve_agent, resolve_env

SEEDS, REPETITIONS = 8, 3


def on(steps: int, figures: object, policy: object) -> bool:
    """Never stop early."""
    return True


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print_machine("drltrade", "torch", "numpy")
    preset = resolve_agent("exo_dqn", {})
    config, steps = preset.algorithm, preset.training.total_steps
    assert isinstance(config, ExoDQNConfig)
    task = Task.build(resolve_env("ar1-cost", {}))
    truth = truth_of(task)
    learned: dict[str, list[Policy]] = {}

    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]

    def together() -> int:
        agent = ExoDQN(config, task, *generators())
        agent.learn_together(steps, [on] * SEEDS)
        learned["together"] = [agent.policy(seed) for seed in range(SEEDS)]
        return 1

    def in_turn() -> int:
        agents = [ExoDQN(config, task, generator) for generator in generators()]
        for agent in agents:
            agent.learn(steps, on)
        learned["one after the other"] = [agent.policy() for agent in agents]
        return 1

    def reached(policies: Sequence[Policy]) -> str:
        shares = np.array([solved(policy, task, truth).share for policy in policies])
        return f"{100 * summary(shares).middle:.2f} ({100 * shares.min():.2f})"

    cases: dict[str, Callable[[], int]] = {"together": together, "one after the other": in_turn}
    found = rates(cases, REPETITIONS)
    longest = max(1.0 / rate.median for rate in found.values())
    rows = [
        [
            name, f"{1 / rate.median:.2f}", f"{1 / rate.high:.2f} - {1 / rate.low:.2f}",
            f"{longest * rate.median:.2f}x", reached(learned[name]),
        ]
        for name, rate in found.items()
    ]  # fmt: skip
    header = ["case", "CPU s", "range", "sooner", "% of the optimum (worst)"]
    print_table(f"{SEEDS} seeds of exo_dqn, {steps:,} steps each", header, rows)


if __name__ == "__main__":
    main()
