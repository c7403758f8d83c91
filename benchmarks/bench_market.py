"""How fast the market steps: thousands of accounts at once, and one Gymnasium environment.

    python benchmarks/bench_market.py

One thread, CPU time, medians of seven rounds in which the cases take turns. Needs the extra
`bench` (gym-anytrading); the compiled case needs a C++ compiler, which torch.compile calls.

Batched: 4,096 accounts in float64, each with a new random target in every step, with commission
and slippage. "Rule and log return" is the accounting of a bar and its reward alone.
`Simulator.advance` also reads the prices of each account's own bar; `Simulator.step` adds what the
agent is told of its account, and the restart of finished episodes.

Single: windows of 10 bars, actions drawn beforehand, resets inside the timed loop, everything
through `gymnasium.make`, each environment with its own defaults. They differ in what they do in a
step: drltrade's windows have 15 features, its info itemises the costs, and its episodes last 252
bars; gym-anytrading's have 2 features, nothing itemised, and last 2,300 bars.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import shutil
import warnings
from collections.abc import Callable

import gym_anytrading  # noqa: F401 (registers its environments)
import gymnasium
import numba
import numpy as np
import pandas as pd
import torch
from timing import print_machine, print_table, rates
from torch import Tensor

import drltrade  # noqa: F401 (registers the environment)
from drltrade.market.account import RUIN, Rates, make_rule
from drltrade.market.kernels import compiled_rule
from drltrade.market.rewards import log_return
from drltrade.market.simulator import Simulator
from drltrade.market.tensors import Market

ACCOUNTS, STEPS = 4096, 256
SINGLE_STEPS = 20_000
COSTS = Rates(commission=1e-4, fixed=0.0, slippage=1e-4, borrow=0.0, financing=0.0)
EQUITY = 100_000.0
FLOOR = RUIN * EQUITY
YEARS = 1.0 / 252.0


def rule_alone(generator: torch.Generator) -> tuple[Callable[[], int], Callable[[], int] | None]:
    """The torch rule and the log return of a bar: as it is, and compiled where that is possible."""
    rule = make_rule(torch, "next_open")
    price, target = paths(generator)
    years = torch.full((ACCOUNTS,), YEARS, dtype=torch.float64)

    def bar(
        cash: Tensor, units: Tensor, equity: Tensor, target: Tensor, close: Tensor, later: Tensor
    ) -> tuple[Tensor, ...]:
        step = rule.step(cash, units, target, close, close, later, years, FLOOR, COSTS)
        reward = log_return(torch.log, equity, step.equity)
        return step.cash, step.units, step.equity, reward

    def looped(bar: Callable[..., tuple[Tensor, ...]]) -> Callable[[], int]:
        @torch.inference_mode()
        def work() -> int:
            equity = torch.full((ACCOUNTS,), EQUITY, dtype=torch.float64)
            cash, units = equity, torch.zeros_like(equity)
            for t in range(STEPS):
                cash, units, equity, _ = bar(cash, units, equity, target[t], price[t], price[t + 1])
            return STEPS * ACCOUNTS

        return work

    compiler = shutil.which(os.environ.get("CXX", "g++"))
    return looped(bar), looped(torch.compile(bar)) if compiler else None


def numba_rule(generator: torch.Generator) -> Callable[[], int]:
    """The numba rule, one account after the other."""
    step = compiled_rule("next_open").step

    @numba.njit
    def bar(cash, units, equity, target, close, later, reward, years, floor, costs):  # type: ignore[no-untyped-def]
        for i in range(cash.size):
            after = step(
                cash[i], units[i], target[i], close[i], close[i], later[i], years, floor, costs
            )
            reward[i] = np.log(after.equity / equity[i])
            cash[i], units[i], equity[i] = after.cash, after.units, after.equity

    price, target = (path.numpy() for path in paths(generator))

    def work() -> int:
        cash, units, equity = (
            np.full(ACCOUNTS, EQUITY),
            np.zeros(ACCOUNTS),
            np.full(ACCOUNTS, EQUITY),
        )
        reward = np.empty(ACCOUNTS)
        for t in range(STEPS):
            bar(cash, units, equity, target[t], price[t], price[t + 1], reward, YEARS, FLOOR, COSTS)
        return STEPS * ACCOUNTS

    return work


def simulator(generator: torch.Generator) -> tuple[Callable[[], int], Callable[[], int]]:
    """`Simulator.advance` and `Simulator.step` on ten thousand bars."""
    bars, features = 10_000, 15
    close = EQUITY * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 0.01, bars)))
    market = Market(
        symbol="WALK",
        times=pd.date_range("2000-01-01", periods=bars, freq="D"),
        open=close,
        close=close,
        tradable=np.ones(bars, np.bool_),
        features=np.zeros((bars, features), np.float32),
        columns=tuple(f"feature {i}" for i in range(features)),
        periods_per_year=252.0,
    )
    accounts = Simulator(
        market,
        rows=range(9, bars),
        n_envs=ACCOUNTS,
        rates=COSTS,
        fill="next_open",
        initial_equity=EQUITY,
        episode_length=252,
        device=torch.device("cpu"),
        generator=generator,
    )
    _, target = paths(generator)

    @torch.inference_mode()
    def advance() -> int:
        accounts.reset()
        for t in range(252):  # no account comes to its end
            step, _ = accounts.advance(target[t])
            accounts.cash, accounts.units, accounts.equity = step.cash, step.units, step.equity
            accounts.t = accounts.t + 1
        return 252 * ACCOUNTS

    def step() -> int:
        accounts.reset()
        for t in range(STEPS):
            accounts.step(target[t])
        return STEPS * ACCOUNTS

    return advance, step


def paths(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Prices [STEPS + 1, ACCOUNTS], random walks, and targets [STEPS, ACCOUNTS] in [-1, 1]."""
    options = {"dtype": torch.float64, "generator": generator}
    walk = 0.01 * torch.randn(STEPS + 1, ACCOUNTS, **options)  # type: ignore[call-overload]
    target = 2.0 * torch.rand(STEPS, ACCOUNTS, **options) - 1.0  # type: ignore[call-overload]
    return 100.0 * torch.exp(walk.cumsum(0)), target


def single(name: str, actions: int, **settings: object) -> Callable[[], int]:
    """Steps of one environment, with its resets."""
    env = gymnasium.make(name, **settings)
    drawn = np.random.default_rng(0).integers(actions, size=SINGLE_STEPS).tolist()

    def work() -> int:
        env.reset(seed=0)
        for action in drawn:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return SINGLE_STEPS

    return work


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    print_machine("drltrade", "torch", "numba", "gymnasium", "gym-anytrading")

    eager, compiled = rule_alone(generator)
    advance, step = simulator(generator)
    cases = {
        "rule and log return, torch": eager,
        "rule and log return, torch.compile": compiled,
        "rule and log return, numba, one by one": numba_rule(generator),
        "Simulator.advance": advance,
        "Simulator.step": step,
    }
    found = rates({name: work for name, work in cases.items() if work is not None})
    rows = [
        [name, f"{rate.median / 1e6:.1f}", f"{rate.low / 1e6:.1f} - {rate.high / 1e6:.1f}"]
        for name, rate in found.items()
    ]
    title = f"Batched market, {ACCOUNTS:,} accounts (target for the first line: 15)"
    print_table(title, ["case", "M env-steps / CPU-s", "range"], rows)
    if compiled is None:
        print("torch.compile was left out: no C++ compiler was found.\n")

    # gym-anytrading hands out views of one array, and Gymnasium says so.
    warnings.filterwarnings("ignore", message=".*share an object")
    found = rates(
        {
            "drltrade/Trading-v0": single("drltrade/Trading-v0", 3, window=10),
            "gym-anytrading stocks-v0": single(
                "stocks-v0", 2, window_size=10, frame_bound=(10, 2300)
            ),
        }
    )
    rows = [
        [name, f"{rate.median:,.0f}", f"{rate.low:,.0f} - {rate.high:,.0f}"]
        for name, rate in found.items()
    ]
    title = "One Gymnasium environment, window 10 (target: 100,000)"
    print_table(title, ["environment", "steps / CPU-s", "range"], rows)


if __name__ == "__main__":
    main()
