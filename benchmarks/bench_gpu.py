"""How fast the market steps on a GPU: a million accounts of one asset, float64 money.

    python benchmarks/bench_gpu.py

Times by the device's own clock (CUDA events), medians of seven rounds. The rule alone is compiled
by torch.compile and replayed as a CUDA graph; what it must move to and from memory is counted (each
input read once, each output written once), and set against the bandwidth of a plain copy that is
measured in the same run. `Simulator.step` adds the reading of prices by account, what the agent is
told, and restarts. Without a GPU it says so and ends.
"""

import statistics
from collections.abc import Callable
from typing import Any

import torch
from bench_market import EQUITY, TERMS, targets
from markets import walk
from timing import print_machine, print_table

from drltrade.market.account import make_rule
from drltrade.market.namespaces import torch_namespace
from drltrade.market.simulator import Rules, Simulator
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan

ACCOUNTS, STEPS, ROUNDS = 1_000_000, 50, 7
MOVED = ("cash", "units", "target", "close", "later", "next cash", "next units", "next equity")
PORTFOLIOS, ASSETS = 16_384, 30


def seconds(work: Callable[[], Any], steps: int) -> float:
    """Of one step, by the device's clock."""
    found = []
    for _ in range(ROUNDS + 2):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end) / 1e3 / steps)
    return statistics.median(found[2:])


def graphed(work: Callable[[], Any]) -> Callable[[], Any]:
    """`work`, whose shapes and addresses never change, as a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def rule_alone(device: torch.device) -> Callable[[], Any]:
    """`STEPS` steps of the compiled rule."""
    plan = Plan(holding=False, order_fees=False, entries=False)
    rule = make_rule(torch_namespace(True), plan)
    zero = torch.zeros(ACCOUNTS, dtype=torch.float64, device=device)
    random = torch.Generator(device).manual_seed(0)
    close, later = (
        100.0 + torch.randn(ACCOUNTS, dtype=torch.float64, device=device, generator=random)
        for _ in range(2)
    )
    target = torch.rand(ACCOUNTS, dtype=torch.float64, device=device, generator=random)

    @torch.compile
    def bar(cash: Any, units: Any, target: Any, close: Any, later: Any) -> Any:
        step = rule(
            Account(cash, units, 0.0, 0.0, 0.0), target, 0.0, Bar(close, close, later, 0.0),
            1e-6 * EQUITY, TERMS,
        )  # fmt: skip
        return step.account.cash, step.account.units, step.equity

    cash, units = zero + EQUITY, zero.clone()

    @torch.inference_mode()
    def work() -> None:
        for _ in range(STEPS):
            after = bar(cash, units, target, close, later)
            cash.copy_(after[0])
            units.copy_(after[1])

    return graphed(work)


def copying(device: torch.device) -> float:
    """Bytes a second that a copy moves, both ways counted."""
    source = torch.zeros(ACCOUNTS * len(MOVED), dtype=torch.float64, device=device)
    into = torch.empty_like(source)

    def work() -> None:
        for _ in range(STEPS):
            into.copy_(source)

    return 2 * source.nbytes / seconds(graphed(work), STEPS)


def simulated(device: torch.device, assets: int, accounts: int) -> Callable[[], Any]:
    """`STEPS` steps of the simulator."""
    market = walk(5000, assets)
    rules = Rules(Plan(single=assets == 1, holding=False, order_fees=False), TERMS, EQUITY)
    accounts_at = Simulator(
        market, rules, spans=[range(len(market))], n_envs=accounts, episode_length=252,
        device=device, generator=torch.Generator(device).manual_seed(0),
    )  # fmt: skip
    wanted = targets(assets, accounts)[0].to(device)

    def work() -> None:
        for _ in range(STEPS):
            accounts_at.step(wanted)

    return work


def main() -> None:
    """Measure and print, where there is a GPU."""
    if not torch.cuda.is_available():
        print("No CUDA device here: benchmarks of the GPU were left out.")
        return
    device = torch.device("cuda")
    print_machine("drltrade", "torch")
    print(torch.cuda.get_device_name(device) + "\n")
    bandwidth = copying(device)
    rule = seconds(rule_alone(device), STEPS)
    # The copies back into the graph's inputs move two numbers each way on top.
    moved = ACCOUNTS * 8 * (len(MOVED) + 4)
    rows = [
        [
            f"rule, compiled, {ACCOUNTS:,} accounts", f"{ACCOUNTS / rule / 1e9:.3g}",
            f"{moved / rule / 1e9:,.0f}", f"{moved / rule / bandwidth:.0%}",
        ]
    ]  # fmt: skip
    for assets, accounts in ((1, ACCOUNTS), (ASSETS, PORTFOLIOS)):
        step = seconds(simulated(device, assets, accounts), STEPS)
        name = f"Simulator.step, {accounts:,} accounts, assets: {assets}"
        rows.append([name, f"{accounts / step / 1e9:.3g}", "", ""])
    header = ["case", "G env-steps / s", "GB/s moved", f"of a copy ({bandwidth / 1e9:,.0f} GB/s)"]
    print_table("GPU (target of the first line: 1)", header, rows)


if __name__ == "__main__":
    main()
