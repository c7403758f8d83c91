"""How fast PPO trains: drltrade's own against stable-baselines3's, on the same market.

    python benchmarks/bench_ppo.py

One thread, CPU time, medians of five rounds in which the cases take turns. Both have the network
that is stable-baselines3's default (two separate nets of 64 and 64 tanh units for policy and
value), and the same number of environments, steps, batch size and epochs. drltrade is measured in
float32, as stable-baselines3 is, and with its products in bfloat16. stable-baselines3 is measured
on drltrade's own `MarketVecEnv`, so that the main comparison is one of the two PPOs and not of the
environments under them, and as its users run it, on a DummyVecEnv of `drltrade/Trading-v0`.

Markets: windows of 30 bars of 8 features (244 numbers with the account's) in 30,000 bars, and the
preset `sp500-daily`, windows of 10 bars of 13 features in 3,000 bars. Where a batch or a rollout
holds more decisions than the market has bars, drltrade computes the first layer once a bar instead
of once a decision; short histories gain the more. Its accounts come in pairs that meet the same
bars (`twins`, its default), which halves that layer elsewhere.

The last table sets default against default. Most of that distance comes from larger batches and
fewer epochs, which stable-baselines3 can be told to use too: the others are the fair ones.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from markets import task_on, walk
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from timing import print_machine, print_table, rates

from drltrade.agents.encoders import NetworkConfig
from drltrade.agents.ppo import PPO, PPOConfig
from drltrade.envs.config import TradingConfig
from drltrade.envs.sb3 import MarketVecEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.experiment.presets import resolve_agent, resolve_env
from drltrade.training.heap import keep_freed_memory

REPETITIONS = 5


Precision = Literal["float32", "bfloat16"]


class Setting(NamedTuple):
    """What both PPOs are told."""

    n_envs: int
    n_steps: int
    batch_size: int
    n_epochs: int
    rollouts: int
    """In a timed piece of work."""

    @property
    def title(self) -> str:
        """For a table."""
        return (
            f"{self.n_envs:,} environments, {self.n_steps} steps, batches of "
            f"{self.batch_size:,}, {self.n_epochs} epochs"
        )

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Of a PPO, by the names that both give them."""
        return {
            "n_steps": self.n_steps, "batch_size": self.batch_size, "n_epochs": self.n_epochs,
        }  # fmt: skip


WIDE = Setting(n_envs=1024, n_steps=64, batch_size=16_384, n_epochs=4, rollouts=1)
SETTINGS = (
    WIDE,
    Setting(n_envs=64, n_steps=256, batch_size=2048, n_epochs=4, rollouts=1),
    Setting(n_envs=8, n_steps=256, batch_size=256, n_epochs=4, rollouts=4),
    Setting(n_envs=256, n_steps=64, batch_size=4096, n_epochs=4, rollouts=1),
)
BARS, WINDOW, FEATURES = 50_000, 30, 8


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


def native(
    task: Task, setting: Setting, network: NetworkConfig, precision: Precision = "float32"
) -> Trainer:
    """drltrade's PPO."""
    config = PPOConfig(
        network=network, n_envs=setting.n_envs, n_steps=setting.n_steps,
        batch_size=setting.batch_size, n_epochs=setting.n_epochs, precision=precision,
        schedule="constant",
    )  # fmt: skip
    agent = PPO(config, task, torch.Generator().manual_seed(0))
    steps = setting.rollouts * setting.n_envs * setting.n_steps
    goal = 0

    def work() -> int:
        nonlocal goal
        goal += steps
        agent.learn(goal, lambda steps, figures, policy: True)
        return steps

    return Trainer(work, Stopwatch(agent._collector, "collect"), Stopwatch(agent, "_update"))


def sb3(model: Any, rollouts: int) -> Trainer:
    """PPO of stable-baselines3, or RecurrentPPO of sb3-contrib."""
    steps: int = rollouts * model.n_envs * model.n_steps

    def work() -> int:
        model.learn(steps, reset_num_timesteps=False)
        return steps

    return Trainer(work, Stopwatch(model, "collect_rollouts"), Stopwatch(model, "train"))


def plain(env: VecEnv, rollouts: int, **settings: Any) -> Trainer:
    """stable-baselines3's PPO; what `settings` leave out has its default."""
    return sb3(SB3PPO("MlpPolicy", env, device="cpu", seed=0, **settings), rollouts)


def dummy(task: Task, n_envs: int) -> VecEnv:
    """`n_envs` Gymnasium environments, stepped in turn."""
    return DummyVecEnv([lambda: TradingEnv(task)] * n_envs)


def together(task: Task, n_envs: int) -> VecEnv:
    """`n_envs` accounts of the batched simulator."""
    return MarketVecEnv(MarketVectorEnv(TradingEnv, n_envs, task))


def compare(
    title: str, trainers: dict[str, Trainer], beside: str, repetitions: int = REPETITIONS
) -> None:
    """Measure and print, with the speed of each relative to that of `beside`."""
    found = rates({name: trainer.work for name, trainer in trainers.items()}, repetitions)
    rows = []
    for name, rate in found.items():
        rollout, update = trainers[name].rollout.seconds, trainers[name].update.seconds
        share = f"{rollout / (rollout + update):.0%} / {update / (rollout + update):.0%}"
        ratio = f"{rate.median / found[beside].median:.2f}x"
        spread = f"{rate.low:,.0f} - {rate.high:,.0f}"
        rows.append([name, f"{rate.median:,.0f}", spread, share, ratio])
    header = ["case", "env-steps / CPU-s", "range", "rollout / update", f"to {beside}"]
    print_table(title, header, rows)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as every training does; both PPOs are in this process
    print_machine("drltrade", "stable-baselines3", "torch", "numpy", "gymnasium")
    daily = Task.build(resolve_env("sp500-daily", {}))
    long = task_on(walk(BARS, features=FEATURES), TradingConfig(data="walk", window=WINDOW))
    network, batched = NetworkConfig(hidden=(64, 64), activation="tanh"), "SB3, batched env"
    for name, task, setting in (
        ("30 x 8 windows", long, WIDE), *(("sp500-daily", daily, each) for each in SETTINGS),
    ):  # fmt: skip
        told = setting.hyperparameters
        trainers = {
            "drltrade": native(task, setting, network),
            "drltrade, bfloat16": native(task, setting, network, "bfloat16"),
            batched: plain(together(task, setting.n_envs), setting.rollouts, **told),
        }
        if setting != WIDE:
            turns = dummy(task, setting.n_envs)
            trainers["SB3, DummyVecEnv"] = plain(turns, setting.rollouts, **told)
        compare(f"{name}: {setting.title} (targets: 1.2x, bfloat16 1.9x)", trainers, batched)

    preset = resolve_agent("ppo", {}).algorithm
    assert isinstance(preset, PPOConfig)
    own = Setting(preset.n_envs, preset.n_steps, preset.batch_size, preset.n_epochs, rollouts=2)
    trainers = {
        "drltrade": native(daily, own, preset.network),
        "SB3": plain(dummy(daily, 1), 1),
    }
    title = f"Default against default: {own.title}; 1 environment, batches of 64, 10 epochs"
    compare(title, trainers, "SB3")


if __name__ == "__main__":
    main()
