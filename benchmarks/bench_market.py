"""How fast the market steps: thousands of accounts at once, and one Gymnasium environment.

    python benchmarks/bench_market.py

One thread, CPU time, medians of five rounds in which the cases take turns. Needs the extra `bench`
(gym-anytrading, FinRL); the compiled cases need a C++ compiler, which torch.compile calls.

Batched, one asset: 4,096 accounts in float64, each with a new random target in every step, with
commission, spread and slippage. `Simulator.play` reads the prices of each account's own bar,
carries it on and tells the log return, ruin and what the agent is told of its account; "detailed"
also every cost, the fill and the position (23 figures); `Simulator.step` restarts finished
episodes. The tensor rule is what a GPU runs, on the CPU here: the accounting of a bar alone, prices
given.

Batched, many assets: 1,024 accounts of 30 assets with exact post-cost weights.

Single: everything through `gymnasium.make`, actions drawn beforehand, resets inside the timed loop,
each environment with its own defaults. They differ in what they do in a step: drltrade's info
itemises positions, fills and ten costs; gym-anytrading's windows have 2 features and its info three
numbers; FinRL's observation has no window.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import importlib.util
import shutil
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import gym_anytrading  # noqa: F401 (registers its environments)
import gymnasium
import numpy as np
import pandas as pd
import torch
from markets import task_on, walk
from timing import print_machine, print_table, rates
from torch import Tensor

import drltrade  # noqa: F401 (registers the environments)
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.market.account import make_rule
from drltrade.market.namespaces import torch_namespace
from drltrade.market.simulator import Rules, Simulator
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan, Terms

ACCOUNTS, STEPS = 4096, 256
PORTFOLIOS, ASSETS = 1024, 30
SINGLE_STEPS = 20_000
FINRL_STEPS = 200
TERMS = Terms(commission=1e-4, spread=1e-4, slippage=1e-4)
EQUITY = 100_000.0
FEATURES = 8

Work = Callable[[], int]


def simulator(assets: int, accounts: int, *, detailed: bool) -> Simulator:
    """Accounts on five thousand bars, long-only, with proportional costs."""
    market = walk(5000, assets)
    plan = Plan(single=assets == 1, holding=False, order_fees=False)
    return Simulator(
        market,
        Rules(plan, TERMS, EQUITY),
        spans=[range(len(market))],
        n_envs=accounts,
        episode_length=252,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
        detailed=detailed,
    )


def targets(assets: int, accounts: int) -> list[Tensor]:
    """Eight sets of long-only weights, at most 98% of equity in all."""
    random = np.random.default_rng(1)
    drawn = random.uniform(0.0, 1.0, (8, accounts, assets))
    if assets > 1:
        drawn *= 0.98 / drawn.sum(2, keepdims=True)
    return [torch.from_numpy(each) for each in drawn]


def played(market: Simulator) -> Work:
    """`Simulator.play` within an episode."""
    wanted = targets(market.assets, market.n_envs)

    def work() -> int:
        market.reset()
        for t in range(251):
            market.play(wanted[t % 8])
        return 251 * market.n_envs

    return work


def stepped(market: Simulator) -> Work:
    """`Simulator.step`, restarts and all."""
    wanted = targets(market.assets, market.n_envs)

    def work() -> int:
        market.reset()
        for t in range(STEPS):
            market.step(wanted[t % 8])
        return STEPS * market.n_envs

    return work


def tensor_rule() -> tuple[Work, Work | None]:
    """The tensor rule of a bar: as it is, and compiled where that is possible."""
    plan = Plan(holding=False, order_fees=False, entries=False)
    rule = make_rule(torch_namespace(True), plan)
    prices = torch.from_numpy(walk(STEPS + 1, ACCOUNTS).close)
    wanted = [target[:, 0] for target in targets(1, ACCOUNTS)]
    zero = torch.zeros(ACCOUNTS, dtype=torch.float64)

    def bar(cash: Tensor, units: Tensor, target: Tensor, close: Tensor, later: Tensor) -> Any:
        step = rule(
            Account(cash, units, zero, zero, zero), target, zero, Bar(close, close, later, 0.0),
            1e-6 * EQUITY, TERMS,
        )  # fmt: skip
        return step.account.cash, step.account.units, step.equity

    def looped(function: Callable[..., Any]) -> Work:
        @torch.inference_mode()
        def work() -> int:
            cash, units = zero + EQUITY, zero
            for t in range(STEPS):
                cash, units, _ = function(cash, units, wanted[t % 8], prices[t], prices[t + 1])
            return STEPS * ACCOUNTS

        return work

    compiler = shutil.which(os.environ.get("CXX", "g++"))
    return looped(bar), looped(torch.compile(bar)) if compiler else None


def single(name: str, steps: int = SINGLE_STEPS, **settings: Any) -> Work:
    """Steps of one environment, with its resets."""
    return steps_of(gymnasium.make(name, **settings), steps)


def steps_of(env: Any, steps: int) -> Work:
    """The same for an environment that is made already."""
    env.action_space.seed(0)
    drawn = [env.action_space.sample() for _ in range(steps)]

    def work() -> int:
        env.reset(seed=0)
        for action in drawn:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return steps

    return work


def panel() -> Task:
    """A portfolio of 30 assets with 8 features each."""
    market = walk(2500, ASSETS, features=FEATURES)
    return task_on(market, PortfolioConfig(symbols=market.symbols, data="walk"))


def finrl() -> Any:
    """FinRL's stock environment with as many assets and features.

    Its module is loaded by itself: the package's own import needs brokers' libraries.
    """
    folder = importlib.util.find_spec("finrl")
    assert folder is not None
    assert folder.submodule_search_locations is not None
    path = f"{folder.submodule_search_locations[0]}/meta/env_stock_trading/env_stocktrading.py"
    spec = importlib.util.spec_from_file_location("finrl_env", path)
    assert spec is not None
    assert spec.loader is not None
    module = ModuleType("finrl_env")
    sys.modules["finrl_env"] = module
    spec.loader.exec_module(module)
    market, names = walk(FINRL_STEPS + 50, ASSETS), [f"f{k}" for k in range(FEATURES)]
    days = np.repeat(np.arange(len(market)), ASSETS)
    table = pd.DataFrame(
        {
            "date": np.repeat(market.times.strftime("%Y-%m-%d"), ASSETS),
            "tic": np.tile(market.symbols, len(market)),
            "close": market.close.ravel(),
        }
        | {name: np.random.default_rng(2).normal(0.0, 1.0, days.size) for name in names},
        index=days,
    )
    return module.StockTradingEnv(
        df=table, stock_dim=ASSETS, hmax=100, initial_amount=1_000_000,
        num_stock_shares=[0] * ASSETS, buy_cost_pct=[0.001] * ASSETS,
        sell_cost_pct=[0.001] * ASSETS, reward_scaling=1e-4,
        state_space=1 + 2 * ASSETS + FEATURES * ASSETS, action_space=ASSETS,
        tech_indicator_list=names, print_verbosity=10**9,
    )  # fmt: skip


def show(title: str, cases: dict[str, Work], unit: float, header: str) -> None:
    """Measure and print."""
    rows = [
        [name, f"{rate.median / unit:,.4g}", f"{rate.low / unit:,.4g} - {rate.high / unit:,.4g}"]
        for name, rate in rates(cases, repetitions=5).items()
    ]
    print_table(title, ["case", header, "range"], rows)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    packages = ("drltrade", "torch", "numba", "gymnasium", "gym-anytrading", "finrl")
    print_machine(*packages)
    eager, compiled = tensor_rule()
    cases = {
        "Simulator.play": played(simulator(1, ACCOUNTS, detailed=False)),
        "Simulator.play, detailed": played(simulator(1, ACCOUNTS, detailed=True)),
        "Simulator.step": stepped(simulator(1, ACCOUNTS, detailed=False)),
        "tensor rule": eager,
    }
    if compiled is not None:
        cases["tensor rule, torch.compile"] = compiled
    million = "M env-steps / CPU-s"
    title = f"One asset, {ACCOUNTS:,} accounts (targets: 25, and 60 compiled)"
    show(title, cases, 1e6, million)
    if compiled is None:
        print("torch.compile was left out: no C++ compiler was found.\n")

    title = f"{ASSETS} assets, {PORTFOLIOS:,} accounts (target: 2)"
    portfolios = {
        "Simulator.play": played(simulator(ASSETS, PORTFOLIOS, detailed=False)),
        "Simulator.play, detailed": played(simulator(ASSETS, PORTFOLIOS, detailed=True)),
    }
    show(title, portfolios, 1e6, million)

    # gym-anytrading hands out views of one array, and Gymnasium says so.
    warnings.filterwarnings("ignore", message=".*share an object")
    stocks = {"window_size": 10, "frame_bound": (10, 2300)}
    cases = {
        "drltrade/Trading-v0": single("drltrade/Trading-v0", window=10),
        "gym-anytrading stocks-v0": single("stocks-v0", **stocks),
    }
    title = "One Gymnasium environment, one asset, window 10 (target: 300,000)"
    show(title, cases, 1.0, "steps / CPU-s")

    env = gymnasium.make("drltrade/Portfolio-v0", task=panel())
    cases = {
        "drltrade/Portfolio-v0, window 10": steps_of(env, 3000),
        "FinRL StockTradingEnv": steps_of(finrl(), FINRL_STEPS),
    }
    title = f"One Gymnasium environment, {ASSETS} assets, {FEATURES} features (target: 60,000)"
    show(title, cases, 1.0, "steps / CPU-s")


if __name__ == "__main__":
    main()
