"""The batched simulator is n single environments, step by step."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from drltrade.data.bars import Bars
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.make import face
from drltrade.envs.task import Task
from drltrade.market.account import make_rule
from drltrade.market.kernels import ACCOUNT_REPORT, ASSET_REPORT
from drltrade.market.namespaces import torch_namespace
from drltrade.market.simulator import Simulator
from drltrade.market.standing import make_standing
from drltrade.market.state import COST_PARTS
from drltrade.market.terms import RUIN

FILLS = ("next_open", "next_close", "same_close")
POSITIONS = (-1.5, 0.0, 0.5, 2.0)
EVERYTHING = {
    "costs": {
        "commission_bps": 5, "maker_bps": 2, "minimum_fee": 15, "fixed_fee": 2,
        "half_spread_bps": 2, "slippage_bps": 3, "borrow_rate": 0.05, "financing_rate": 0.08,
        "interest_rate": 0.02, "funding_rate": 0.04,
    },
    "margin": {"maintenance": 0.3, "liquidation_fee_bps": 50},
    "bracket": {"stop_loss": 0.03, "take_profit": 0.04},
}  # fmt: skip
"""One plan, so that numba compiles the rule once for each fill."""


def every_figure(outcome):
    """A reward that depends on all that a reward is told."""
    money = outcome.next_equity + 2 * outcome.equity + 3 * outcome.peak + 5 * outcome.next_peak
    return (money + outcome.cost) / outcome.initial_equity + outcome.turnover + outcome.exposure


REWARDS = (
    every_figure,
    {"pnl": 1.0, "turnover": 0.1},
    "differential_sharpe",
    {"log_return": 1.0, "turnover": 0.1},
)


@pytest.fixture(scope="module")
def make(make_task, make_random_bars):
    """A task with costs, margin and brackets in a random walk."""

    @cache
    def of(fill="next_open", volatility=0.02) -> Task:
        return make_task(
            make_random_bars(1, 300, volatility), fill=fill, positions=POSITIONS, **EVERYTHING
        )

    return of


@pytest.fixture(scope="module")
def panel(make_random_bars) -> Task:
    """Three assets, each with its own costs; B comes late, halts and ends."""
    frames = {s: make_random_bars(seed, 200, 0.03).frame("X") for seed, s in enumerate("ABC")}
    frames["B"] = frames["B"].iloc[25:90]
    days = frames["A"].index.date
    spans = {"train": (0, 119), "validation": (120, 159), "test": (160, 199)}
    config = PortfolioConfig(delistings="all",
        data="synthetic",
        periods={name: (days[first], days[last]) for name, (first, last) in spans.items()},
        features=("log_return(1)",), window=3, gross_limit=2.0,
        asset_costs={"C": EVERYTHING["costs"] | {"commission_bps": 40}}, **EVERYTHING,
    )  # fmt: skip
    return Task.build(config, bars=Bars(frames, None, "1d", "synthetic", "0" * 64, "as published"))


def simulator(task, n_envs=8, seed=0, **settings) -> Simulator:
    return task.simulator(n_envs, torch.Generator().manual_seed(seed), **settings)


def in_tensors(batch: Simulator) -> None:
    """Let it take the path that a GPU takes."""
    xp = torch_namespace(batch.rules.plan.single)
    batch._rule = make_rule(xp, batch.rules.plan)
    batch._standing = make_standing(xp, lambda f: f)
    batch._tensors = batch.rules.terms.on(batch.device)

    def advance(target, amount=None):
        orders = torch.zeros(batch.n_envs, 2 * batch.assets, dtype=torch.float64)
        orders[:, : batch.assets] = target.reshape(batch.n_envs, batch.assets)
        return batch._advance_tensors(orders)

    batch.advance = advance


def random_targets(rng, task, n) -> np.ndarray:
    """[n, N] what an action can ask for: a position, or weights with some held."""
    if task.rules.plan.single:
        return rng.choice(POSITIONS, (n, 1))
    target = rng.uniform(-1, 1, (n, task.market.assets))
    target *= rng.uniform(0, 2, (n, 1)) / abs(target).sum(1, keepdims=True)
    # As the environment's action space rounds them.
    target = np.where(rng.random(target.shape) < 0.3, np.nan, target).astype(np.float32)
    return target.astype(np.float64)


def hold(n: int) -> torch.Tensor:
    return torch.full((n,), torch.nan, dtype=torch.float64)


def columns(report, assets) -> dict[str, np.ndarray]:
    """A report by name: of accounts [n], of assets [n, N]."""
    report = np.asarray(report)
    found = dict(zip(ACCOUNT_REPORT, report.T, strict=False))
    first = len(ACCOUNT_REPORT)
    for k, name in enumerate(ASSET_REPORT):
        found[name] = report[:, first + k * assets : first + (k + 1) * assets]
    return found


def compare(task: Task, steps: int, n: int = 6, length: int = 15) -> dict[str, int]:
    """Walk a simulator and n environments side by side; counts of what happened on the way."""
    batch, assets = simulator(task, n, episode_length=length), task.market.assets
    envs, rng = [face(task)(task) for _ in range(n)], np.random.default_rng(2)
    peak, seen = np.full(n, 100_000.0), dict.fromkeys((*COST_PARTS, "ruin", "exit", "halt"), 0)

    def restart(i: int) -> None:
        when = {"start": task.market.times[int(batch.t[i])], "length": int(batch.left[i])}
        envs[i].reset(options=when)
        assert envs[i].episode.row == batch.t[i]
        peak[i] = 100_000.0

    for i in range(n):
        restart(i)
    for _ in range(steps):
        target = random_targets(rng, task, n)
        led_to = batch.step(torch.from_numpy(target))
        report = columns(batch.report, assets)
        for i, env in enumerate(envs):
            action = POSITIONS.index(target[i, 0]) if assets == 1 else target[i]
            observation, reward, terminated, truncated, info = env.step(action)
            assert float(led_to.reward[i]) == pytest.approx(reward, rel=1e-9, abs=1e-12)
            assert (led_to.terminated[i], led_to.truncated[i]) == (terminated, truncated)
            account = observation[-(3 * assets + 1) :]
            np.testing.assert_allclose(led_to.account[i], account, rtol=1e-6, atol=1e-6)
            peak[i] = max(peak[i], info["equity"])
            assert account[-1] == pytest.approx(1 - info["equity"] / peak[i], abs=1e-6)
            for name, part in info["costs"].items():
                assert report[name][i] == pytest.approx(part, rel=1e-9, abs=1e-6)
                seen[name] += part != 0.0
            for name in ("equity", "cash"):
                assert report[name][i] == pytest.approx(info[name], rel=1e-9, abs=1e-6)
            exits = info.get("exits", np.full(assets, np.nan))
            for name, values in (
                ("units", info["holdings"]), ("weights", info["weights"]),
                ("fills", info["fills"]), ("exits", exits),
            ):  # fmt: skip
                np.testing.assert_allclose(report[name][i], values, rtol=1e-9, atol=1e-9)
            seen["ruin"] += terminated
            seen["exit"] += "exits" in info
            seen["halt"] += bool((np.isnan(info["fills"]) & (target[i] > 0)).any())
            if terminated or truncated:
                assert float(batch.equity[i]) == float(batch.cash[i]) == 100_000.0
                assert not batch.account[i].any()
                assert not batch.units[i].any()
                restart(i)
            else:
                assert int(batch.t[i]) == env.episode.row
                assert float(batch.equity[i]) == report["equity"][i]
                assert batch.account[i].equal(led_to.account[i])
    return seen


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("volatility", [0.02, 0.8])
def test_it_steps_as_single_environments_do(make, fill, volatility):
    seen = compare(make(fill, volatility), 100)
    wild = volatility > 0.1  # else the stop-loss comes before a margin call, and that before ruin
    assert {what for what, count in seen.items() if count == 0} == (
        {"impact"} if wild else {"impact", "liquidation", "ruin"}
    )


def test_it_steps_as_single_portfolio_environments_do(panel):
    assert (panel.market.assets, panel.rules.plan.delistings) == (3, True)
    never = {what for what, count in compare(panel, 60).items() if count == 0}
    assert never == {"impact", "liquidation", "ruin"}


@pytest.mark.parametrize("declared", REWARDS, ids=["own", "sum", "ratio", "penalty"])
def test_other_rewards_are_those_of_single_environments(make, panel, declared):
    for task in (make(), panel):
        compare(replace(task, config=task.config.model_copy(update={"reward": declared})), 40)


@pytest.mark.parametrize("market", [*FILLS, "panel"])
def test_a_gpu_takes_the_same_steps(make, panel, market):
    task = panel if market == "panel" else make(market, 0.8)
    n, assets, rng = 32, task.market.assets, np.random.default_rng(3)
    ours, theirs = (simulator(task, n, episode_length=(5, 15)) for _ in range(2))
    in_tensors(theirs)
    seen = dict.fromkeys(ACCOUNT_REPORT, 0)
    for _ in range(40):
        target = torch.from_numpy(random_targets(rng, task, n))
        one, other = ours.step(target), theirs.step(target)
        for name, a in columns(ours.report, assets).items():
            b = columns(theirs.report, assets)[name]
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-6, err_msg=name)
            if name in seen:
                seen[name] += np.count_nonzero(a)
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.state, theirs.state, rtol=1e-9, atol=1e-6)
        assert ours.t.equal(theirs.t)
        assert ours.left.equal(theirs.left)
    never = {"panel": {"ruined", "forgiven", "liquidation"}}.get(market, set())
    assert {name for name, count in seen.items() if count == 0} == {"impact"} | never


def test_episodes_last_their_length_and_start_anywhere_in_the_period(make):
    rows = make().rows("train")
    batch = simulator(make(), 1024, episode_length=20)
    assert (int(batch.t.min()), int(batch.t.max())) == (rows[0], rows[-1] - 20)
    for step in range(1, 41):
        led_to = batch.step(hold(1024))
        assert bool(led_to.truncated.all()) == bool(led_to.truncated.any()) == (step % 20 == 0)
    assert batch.left.unique().tolist() == [20]


def test_episode_lengths_are_drawn_between_their_bounds(make):
    rows = make().rows("train")
    batch = simulator(make(), 2048, episode_length=(5, 9))
    assert (int(batch.t.min()), int(batch.t.max())) == (rows[0], rows[-1] - 5)
    early = batch.t <= rows[-1] - 9
    # All lengths are as likely: a fifth each, give or take five standard errors.
    counts = batch.left[early].bincount(minlength=10)
    assert not counts[:5].any()
    assert (abs(counts[5:] / early.sum() - 0.2) < 5 * (0.16 / 2000) ** 0.5).all()
    assert ((batch.left[~early] >= 5) & (batch.t + batch.left <= rows[-1])[~early]).all()
    ends, born = batch.left.clone(), torch.zeros(2048)
    for step in range(1, 10):
        led_to = batch.step(hold(2048))
        assert led_to.truncated[born == 0].equal(ends[born == 0] == step)
        born += led_to.truncated


def test_without_a_length_an_episode_is_the_whole_period(make):
    rows = make().rows("test")
    batch = simulator(make(), 3, period="test")
    for step in range(1, len(rows)):
        assert batch.t.tolist() == [rows[0] + step - 1] * 3
        led_to = batch.step(hold(3))
        assert led_to.truncated.tolist() == [step == len(rows) - 1] * 3
    assert batch.t.tolist() == [rows[0]] * 3


@pytest.fixture(scope="module")
def pair(make_task, make_random_bars):
    """`of(train_symbols)`: two instruments, X of 300 bars and Y of its last 200, in one task."""
    x, y = make_random_bars(1, 300), make_random_bars(2, 300).frame("X").iloc[100:]
    bars = replace(x, frames={"X": x.frame("X"), "Y": y})

    @cache
    def of(train_symbols=("X", "Y"), fill="next_open", starts="uniform") -> Task:
        return make_task(
            bars, symbol="X", train_symbols=train_symbols, fill=fill, starts=starts,
            positions=POSITIONS, **EVERYTHING,
        )  # fmt: skip

    return of


@pytest.mark.parametrize("n", [16, 37, 100])
@pytest.mark.parametrize("instruments", [1, 2])
def test_stratified_starts_hit_each_block_once(pair, n, instruments):
    task = pair(("X", "Y")[:instruments], starts="stratified")
    batch, spans = simulator(task, n, episode_length=20), task.spans("train")
    assert len(spans) == instruments
    # All possible first rows, in one line.
    first = np.concatenate([span[:-20] for span in spans])
    block, at = len(first) / n, []
    for _ in range(3):
        at.append(np.searchsorted(first, batch.t.numpy()))
        for _ in range(20):
            led_to = batch.step(hold(n))
        assert led_to.truncated.all()
    assert (at[0] != at[1]).any()
    for places in at:
        assert (places > np.arange(n) * block - 1).all()
        assert (places < (np.arange(n) + 1) * block).all()


def test_more_accounts_than_starts_are_placed_at_random(pair):
    task = pair(("X",), starts="stratified")
    rows = task.rows("train")
    batch = simulator(task, 512, episode_length=len(rows) - 11)
    assert batch.t.unique().tolist() == list(rows[:11])
    assert (batch.t.diff() < 0).any()


@pytest.mark.parametrize(
    ("train_symbols", "instruments"),
    [(("X", "Y"), (0, 1)), (("Y", "X"), (0, 1)), (("X",), (0,)), (("Y",), (1,))],
)
@pytest.mark.parametrize("length", [7, (3, 9), None])
def test_an_episode_stays_with_its_instrument(pair, train_symbols, instruments, length):
    task = pair(train_symbols)
    spans, n = task.spans("train"), 256
    # 4 bars of warm-up and 3 of history from the first bar of each, day 0 and 100, to day 179.
    assert spans == tuple((range(3, 176), range(296 + 3, 296 + 76))[k] for k in instruments)
    batch = simulator(task, n, episode_length=length)

    def owner() -> torch.Tensor:
        """[instruments, n] whose bar each account decides at."""
        return torch.stack([(batch.t >= span[0]) & (batch.t < span[-1]) for span in spans])

    before, seen = owner(), torch.zeros(len(spans), dtype=torch.bool)
    for _ in range(60):
        assert (before.sum(0) == 1).all()
        seen |= before.any(1)
        done = batch.step(hold(n)).truncated
        after = owner()
        assert after[:, ~done].equal(before[:, ~done])
        before = after
    assert seen.all()


def test_the_generator_reproduces_the_starts(make):
    def starts(seed: int) -> list[list[int]]:
        batch = simulator(make(), 32, seed, episode_length=(2, 4))
        seen = []
        for _ in range(12):
            seen.append([*batch.t.tolist(), *batch.left.tolist()])
            batch.step(hold(32))
        return seen

    assert starts(5) == starts(5)
    assert starts(5) != starts(6)


def poisoned(task, spans, **settings) -> Simulator:
    """A simulator of `spans`; prices and volumes outside the task's own train spans are NaN."""
    market, outside = task.market, np.ones((len(task.market), 1), bool)
    for span in task.spans("train"):
        outside[span[0] : span[-1] + 1] = False
    assert outside.sum() > 50
    names = ("open", "high", "low", "close", "volume")
    spoilt = {name: np.where(outside, np.nan, getattr(market, name)) for name in names}
    return Simulator(
        replace(market, **spoilt, tradable=market.tradable | outside), task.rules, spans=spans,
        n_envs=64, device=torch.device("cpu"), generator=torch.Generator().manual_seed(0),
        **settings,
    )  # fmt: skip


@pytest.mark.parametrize("length", [7, (1, 9), None])
@pytest.mark.parametrize("market", [*FILLS, "joined", "panel"])
def test_it_never_reads_a_bar_outside_its_rows(make, panel, pair, market, length):
    task = {"joined": pair, "panel": lambda: panel}.get(market, lambda: make(market))()
    spans, rng = task.spans("train"), np.random.default_rng(1)
    batch = poisoned(task, spans, episode_length=length)
    wider = poisoned(task, [range(s[0], s[-1] + 2) for s in spans], episode_length=length)
    found_poison = False
    for _ in range(200):
        target = torch.from_numpy(random_targets(rng, task, 64))
        led_to = batch.step(target)
        assert led_to.reward.isfinite().all()
        assert led_to.account.isfinite().all()
        assert all(any(t in span[:-1] for span in spans) for t in batch.t.tolist())
        found_poison |= bool(wider.step(target).reward.isnan().any())
    assert found_poison


def test_ruin_terminates_and_restarts(make_task, make_bars):
    # Opens 30% higher each day: whoever is short four times their equity has lost more than all.
    close = 100 * 1.3 ** np.arange(60)
    task = make_task(
        make_bars(close, open=close), positions=[-4, 0, 1], fill="same_close",
        **EVERYTHING | {"margin": {"maintenance": 0.2}},
    )  # fmt: skip
    batch = simulator(task, 4, episode_length=20)
    opens = task.market.open[batch.t + 1, 0]
    led_to = batch.step(torch.tensor([-4.0, 0.0, 1.0, -4.0], dtype=torch.float64))
    assert led_to.terminated.tolist() == [True, False, False, True]
    assert led_to.truncated.tolist() == [False] * 4
    assert float(led_to.reward[0]) == pytest.approx(np.log(RUIN), rel=1e-12)
    assert led_to.account[0].tolist() == pytest.approx([0, 0, 1 / 21, 1 - RUIN], rel=1e-6)
    report = columns(batch.report, 1)
    assert report["exits"][0] == pytest.approx(opens[0])
    assert report["forgiven"][0] > 20_000
    assert batch.equity.tolist()[::3] == [100_000.0] * 2
    assert batch.left.tolist() == [20, 19, 19, 20]
    assert not batch.units[0].any()
    assert not batch.account[0].any()
