"""What a replay of a million transitions takes: drltrade's against stable-baselines3's.

    python benchmarks/bench_memory.py

Bytes of all arrays, of windows of 30 bars of 8 features and what is told of the account. drltrade
stores which bar a transition began in, and the market's features lie beside it once; they are
counted for 50,000 bars. stable-baselines3's arrays are asked for their size and never filled.
"""

import warnings
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from timing import print_machine, print_table

from drltrade.agents.replay import Replay
from drltrade.market.standing import account_features

TRANSITIONS, ENVS = 1_000_000, 64
WINDOW, FEATURES, BARS = 30, 8, 50_000


def arrays(owner: Any) -> int:
    """Bytes of the arrays and tensors that are an object's attributes."""
    kinds = (np.ndarray, torch.Tensor)
    return sum(each.nbytes for each in vars(owner).values() if isinstance(each, kinds))


def main() -> None:
    """Count and print."""
    warnings.filterwarnings("ignore", message="This system does not have apparently enough memory")
    print_machine("drltrade", "stable-baselines3", "torch", "numpy")
    size = WINDOW * FEATURES + account_features(1)
    seen, acts = spaces.Box(-5.0, 5.0, (size,), np.float32), spaces.Discrete(3)
    wide = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def theirs(actions: spaces.Space[Any], *, lean: bool = False) -> int:
        return arrays(
            ReplayBuffer(
                TRANSITIONS, seen, actions, "cpu", n_envs=ENVS, optimize_memory_usage=lean,
                handle_timeout_termination=not lean,
            )
        )  # fmt: skip

    def ours(continuous: bool) -> int:
        return arrays(Replay(TRANSITIONS, ENVS, torch.device("cpu"), continuous=continuous))

    market = BARS * FEATURES * 4
    cases = {
        "drltrade, listed positions": ours(False),
        "drltrade, weights": ours(True),
        f"its market's features, {BARS:,} bars": market,
        "SB3, listed positions": theirs(acts),
        "SB3, weights": theirs(wide),
        "SB3, optimize_memory_usage": theirs(acts, lean=True),
    }
    first = next(iter(cases.values()))
    rows = [[name, f"{n / 1e6:,.1f}", f"{n / first:.1f}x"] for name, n in cases.items()]
    title = f"Replay of {TRANSITIONS:,} transitions of a {WINDOW} x {FEATURES} window (target: 50)"
    print_table(title, ["case", "MB", "to the first"], rows)


if __name__ == "__main__":
    main()
