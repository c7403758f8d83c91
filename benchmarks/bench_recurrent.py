"""How fast recurrent PPO trains: drltrade's own against sb3-contrib's RecurrentPPO.

    python benchmarks/bench_recurrent.py

One thread, CPU time, medians of three rounds in which the cases take turns. Both observe 240
features of the latest bar (and four numbers of the account), on drltrade's batched market, with the
same number of environments, steps, batch size and epochs.

sb3-contrib has an LSTM of 256 units for the policy and another for the values. drltrade has one
LSTM, whose output two separate towers read. So there are three comparisons: with the same number of
LSTM units (512; more weights, as each unit reads all others), with the same number of LSTM weights,
and of one LSTM of 256 units with one of 256 units, which sb3-contrib can be told to share.

drltrade's accounts come in pairs that meet the same bars (`twins`, its default), so that a batch of
2,048 steps is encoded from 1,024 bars. sb3-contrib's environments know nothing of one another.

sb3-contrib carries the state of the LSTM on from rollout to rollout; drltrade reads 32 bars before
each rollout anew instead (`burn_in`), which is counted. Where an episode begins within a batch,
sb3-contrib goes through it step by step, which takes it three to five times as long as a batch
without one. So a timed piece of work is two rollouts, 256 steps: about an episode, of 252 steps,
with its one beginning. With far longer episodes sb3-contrib would be that much faster.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import math
from typing import Any

import torch
from bench_ppo import Setting, Trainer, compare, native, sb3, together
from markets import task_on, walk
from sb3_contrib import RecurrentPPO
from timing import print_machine

from drltrade.agents.encoders import NetworkConfig
from drltrade.envs.config import TradingConfig
from drltrade.envs.task import Task

BARS, FEATURES, ACCOUNT = 50_000, 240, 4
SETTING = Setting(n_envs=64, n_steps=128, batch_size=2048, n_epochs=4, rollouts=2)
THEIRS = 256
REPETITIONS = 3


def equal_units() -> int:
    """Of one LSTM of as many weights as two of `THEIRS` units have.

    An LSTM of U units with F inputs has 4 U (F + U + 2) weights.
    """
    weights = 2 * 4 * THEIRS * (FEATURES + ACCOUNT + THEIRS + 2)
    half = (FEATURES + 2) / 2
    return round(math.sqrt(half**2 + weights / 4) - half)


def contrib(task: Task, **policy: Any) -> Trainer:
    """sb3-contrib's."""
    model = RecurrentPPO(
        "MlpLstmPolicy", together(task, SETTING.n_envs), device="cpu", seed=0,
        policy_kwargs={"lstm_hidden_size": THEIRS, **policy}, **SETTING.hyperparameters,
    )  # fmt: skip
    return sb3(model, SETTING.rollouts)


def lstm(units: int) -> NetworkConfig:
    """drltrade's network."""
    return NetworkConfig(
        encoder="lstm", memory="history", units=units, hidden=(64, 64), activation="tanh"
    )


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print_machine("drltrade", "stable-baselines3", "sb3-contrib", "torch", "numpy")
    task = task_on(walk(BARS, features=FEATURES), TradingConfig(data="walk", window=1))
    theirs, shared = "sb3-contrib, 2 x 256", "sb3-contrib, 256 shared"
    title = f"Recurrent, {SETTING.title}"
    trainers = {}
    for units in (2 * THEIRS, equal_units()):
        trainers[f"drltrade, {units}"] = native(task, SETTING, lstm(units))
        trainers[f"drltrade, {units}, bfloat16"] = native(task, SETTING, lstm(units), "bfloat16")
    trainers[theirs] = contrib(task)
    compare(f"{title} (targets: 3.4x, bfloat16 5.5x)", trainers, theirs, REPETITIONS)
    trainers = {
        f"drltrade, {THEIRS}": native(task, SETTING, lstm(THEIRS)),
        f"drltrade, {THEIRS}, bfloat16": native(task, SETTING, lstm(THEIRS), "bfloat16"),
        shared: contrib(task, shared_lstm=True, enable_critic_lstm=False),
    }
    compare(f"{title}: one LSTM each", trainers, shared, REPETITIONS)


if __name__ == "__main__":
    main()
