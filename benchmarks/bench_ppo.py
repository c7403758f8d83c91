"""How fast PPO trains: drltrade's own against stable-baselines3's, on the same market.

    python benchmarks/bench_ppo.py

One thread, CPU time, float32, medians of five rounds in which the cases take turns. Both train on
the preset `sp500-daily`, with the network that is stable-baselines3's default (two separate nets of
64 and 64 tanh units for policy and value), and the same number of environments, steps, batch size
and epochs. stable-baselines3 is measured twice: as its users run it, on a DummyVecEnv of
`drltrade/Trading-v0`, and on drltrade's own `MarketVecEnv`, so that the main comparison is one of
the two PPOs and not of the environments under them.

The last table sets default against default. Most of that distance comes from larger batches and
fewer epochs, which stable-baselines3 can be told to use too: the first table is the fair one.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from timing import print_machine, print_table, rates

from drltrade.agents.ppo import PPO, PPOConfig
from drltrade.envs.sb3 import MarketVecEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.experiment.presets import resolve_agent, resolve_env

REPETITIONS = 5


class Setting(NamedTuple):
    """What both PPOs are told."""

    n_envs: int
    n_steps: int
    batch_size: int
    n_epochs: int
    rollouts: int
    """In a timed piece of work."""


SETTINGS = (
    Setting(n_envs=64, n_steps=256, batch_size=2048, n_epochs=4, rollouts=1),
    Setting(n_envs=8, n_steps=256, batch_size=256, n_epochs=4, rollouts=4),
    Setting(n_envs=256, n_steps=64, batch_size=4096, n_epochs=4, rollouts=1),
)


class Stopwatch:
    """CPU seconds spent inside one function, all calls together."""

    def __init__(self, owner: object, function: str) -> None:
        """Put the stopwatch around `owner.function`."""
        self.seconds = 0.0
        self._inside = getattr(owner, function)
        setattr(owner, function, self._timed)

    def _timed(self, *args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return self._inside(*args, **kwargs)
        finally:
            self.seconds += time.process_time() - started


class Trainer(NamedTuple):
    """One PPO, ready to train on."""

    work: Callable[[], int]
    """Trains for a while; -> environment steps."""
    rollout: Stopwatch
    update: Stopwatch


def native(task: Task, setting: Setting) -> Trainer:
    """drltrade's PPO."""
    config = PPOConfig(
        n_envs=setting.n_envs,
        n_steps=setting.n_steps,
        batch_size=setting.batch_size,
        n_epochs=setting.n_epochs,
        anneal=False,
    )
    agent = PPO(config, task, torch.Generator().manual_seed(0))
    steps = setting.rollouts * setting.n_envs * setting.n_steps
    goal = 0

    def work() -> int:
        nonlocal goal
        goal += steps
        agent.learn(goal, lambda steps, figures, policy: True)
        return steps

    return Trainer(work, Stopwatch(agent, "_collect"), Stopwatch(agent, "_update"))


def sb3(env: VecEnv, rollouts: int, **settings: Any) -> Trainer:
    """stable-baselines3's PPO; what `settings` leave out has its default."""
    model = SB3PPO("MlpPolicy", env, device="cpu", seed=0, **settings)
    steps = rollouts * env.num_envs * model.n_steps

    def work() -> int:
        model.learn(steps, reset_num_timesteps=False)
        return steps

    return Trainer(work, Stopwatch(model, "collect_rollouts"), Stopwatch(model, "train"))


def dummy(task: Task, n_envs: int) -> VecEnv:
    """`n_envs` Gymnasium environments, stepped in turn."""
    return DummyVecEnv([lambda: TradingEnv(task)] * n_envs)


def together(task: Task, n_envs: int) -> VecEnv:
    """`n_envs` accounts of the batched simulator."""
    return MarketVecEnv(MarketVectorEnv(TradingEnv, n_envs, task))


def compare(title: str, trainers: dict[str, Trainer], against: Sequence[str]) -> None:
    """Measure and print, with the speed of the first relative to each of `against`."""
    found = rates({name: trainer.work for name, trainer in trainers.items()}, REPETITIONS)
    first = next(iter(found))
    rows = []
    for name, rate in found.items():
        rollout, update = trainers[name].rollout.seconds, trainers[name].update.seconds
        share = f"{rollout / (rollout + update):.0%} / {update / (rollout + update):.0%}"
        ratio = f"{found[first].median / rate.median:.2f}x" if name in against else ""
        spread = f"{rate.low:,.0f} - {rate.high:,.0f}"
        rows.append([name, f"{rate.median:,.0f}", spread, share, ratio])
    header = ["case", "env-steps / CPU-s", "range", "rollout / update", f"{first} is"]
    print_table(title, header, rows)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print_machine("drltrade", "stable-baselines3", "torch", "numpy", "gymnasium")
    task = Task.build(resolve_env("sp500-daily", {}))
    batched, turns = "SB3, batched env", "SB3, DummyVecEnv"
    for setting in SETTINGS:
        told = setting._asdict()
        rollouts, n_envs = told.pop("rollouts"), told.pop("n_envs")
        trainers = {
            "drltrade": native(task, setting),
            batched: sb3(together(task, n_envs), rollouts, **told),
            turns: sb3(dummy(task, n_envs), rollouts, **told),
        }
        title = ", ".join(f"{key} {value}" for key, value in setting._asdict().items())
        title = title.removesuffix(f", rollouts {rollouts}")
        compare(f"{title} (target: 1.2x)", trainers, (batched, turns))

    preset = resolve_agent("ppo", {}).algorithm
    assert isinstance(preset, PPOConfig)
    own = Setting(preset.n_envs, preset.n_steps, preset.batch_size, preset.n_epochs, rollouts=2)
    trainers = {"drltrade": native(task, own), "SB3": sb3(dummy(task, 1), 1)}
    title = (
        f"Default against default: {preset.n_envs} environments, batches of {preset.batch_size}, "
        f"{preset.n_epochs} epochs; 1 environment, batches of 64, 10 epochs"
    )
    compare(title, trainers, ("SB3",))


if __name__ == "__main__":
    main()
