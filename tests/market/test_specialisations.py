"""One accounting rule in many forms: all of them take the same random paths to the same figures.

Plain Python walks each path, one asset with the rule's own form and many with that of loops. From
every state that it visits numpy and torch go one step. The compiled kernels walk whole paths.
"""

import itertools
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_paths import (
    EQUITY,
    FLOOR,
    OF_ASSET,
    Paths,
    Trace,
    assert_same,
    at_once,
    random_paths,
    random_terms,
    walk,
)

from drltrade.market import advance
from drltrade.market import paths as whole
from drltrade.market.account import make_rule
from drltrade.market.advance import BRIEF, advance_kernel, bound, play_kernel
from drltrade.market.kernels import ACCOUNT_REPORT, ASSET_REPORT, report_size
from drltrade.market.namespaces import NUMPY, SCALAR, torch_namespace
from drltrade.market.paths import (
    Block,
    Column,
    Total,
    replay_kernel,
    sweep_kernel,
)
from drltrade.market.standing import make_standing
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.terms import Plan, Terms

FILLS = ("next_open", "next_close", "same_close")
PROTECTED = ({}, {"margin": True}, {"margin": True, "brackets": True})


def plans(fill: str, single: bool) -> list[Plan]:
    """Every combination of options."""
    grid = itertools.product(
        (False, True), ("none", "linear", "square_root"), ("none", "drop", "carry"),
        (False, True), PROTECTED,
    )  # fmt: skip
    return [
        Plan(
            fill=fill, single=single, order_fees=fees, impact=impact, volume_limit=limit,
            amounts=amounts, delistings=True, **protected,
        )
        for fees, impact, limit, amounts, protected in grid
    ]  # fmt: skip


def events(plan: Plan, paths: Paths, terms: Terms, trace: Trace) -> set[str]:
    """What happened on the paths; asserts the price of each stop-loss and take-profit."""
    bar, n = paths.bar, paths.shape[2]
    account = {name: trace[name][..., None] for name in ("liquidation", "ruined", "forgiven")}
    traded, target, closed = trace["traded"], paths.target, trace["exit_units"] != 0.0
    units, pending = trace["before_units"], trace["before_pending"]
    asked = ~np.isnan(target) | (paths.amount != 0.0)
    fills = ~np.isnan(bar.fill)
    called = account["liquidation"] > 0.0
    seen = {
        "order": traded != 0.0,
        "hold": ~asked & fills & (pending == 0.0) & (traded == 0.0) & (units != 0.0),
        "halt": asked & ~fills & (traded == 0.0),
        "ruin": account["ruined"] > 0.0,
        "forgiven": account["forgiven"] > 0.0,
        "delisting": closed & bar.ended,
        "funding paid": trace["funding"] > 0.0,
        "funding received": trace["funding"] < 0.0,
        "interest": trace["interest"] < 0.0,
        "financing": trace["financing"] > 0.0,
        "borrow": trace["borrow"] > 0.0,
        "margin call": called,
        "cancelled order": called & (plan.fill == "next_close") & asked & fills & (traded == 0.0),
    }
    if plan.volume_limit != "none":
        most = np.nan_to_num(terms.volume_limit * bar.volume * bar.fill)
        limited = fills & (most > 0.0) & (abs(abs(traded) - most) < 1e-12 * most)
        seen["dropped"] = limited & (trace["pending"] == 0.0)
        seen["carried"] = limited & (trace["pending"] != 0.0)
        seen["carried order filled"] = ~asked & (pending != 0.0) & (traded != 0.0)
    if plan.brackets:
        # Where nothing filled before the bar the position was the one that the step began with.
        known = (units != 0.0) & ((traded == 0.0) | (plan.fill == "next_close"))
        left = known & closed & (account["ruined"] == 0.0) & ~called & ~bar.ended
        side, entry = np.sign(units), trace["before_entry"]
        stop = entry * (1.0 - side * terms.stop_loss)
        take = entry * (1.0 + side * terms.take_profit)
        start = bar.open
        if plan.fill == "next_open":
            start = np.where(fills, bar.fill, bar.close)
        worst, best = np.where(units > 0.0, (bar.low, bar.high), (bar.high, bar.low))
        gap, beyond = side * (start - stop) <= 0.0, side * (start - take) >= 0.0
        hit, reached = side * (worst - stop) <= 0.0, side * (best - take) >= 0.0
        price = trace["exit_price"]
        ways = {
            "gap over the stop": (gap, start),
            "gap over the take": (beyond, start),
            "stop": (hit & ~gap & ~beyond & ~reached, stop),
            "both touched": (hit & ~gap & ~beyond & reached, stop),
            "take": (reached & ~hit & ~beyond, take),
        }
        assert (left == (left & (gap | beyond | hit | reached))).all(), plan
        for name, (way, expected) in ways.items():
            np.testing.assert_allclose(price[left & way], expected[left & way], rtol=1e-14)
            seen[name] = left & way
    assert n == target.shape[2]
    return {name for name, where in seen.items() if np.any(where)}


EVENTS = {
    "order", "hold", "halt", "ruin", "forgiven", "delisting", "funding paid", "funding received",
    "interest", "financing", "borrow", "margin call", "dropped", "carried", "carried order filled",
    "gap over the stop", "gap over the take", "stop", "both touched", "take",
}  # fmt: skip


@pytest.mark.parametrize("assets", [1, 3])
@pytest.mark.parametrize("fill", FILLS)
def test_every_form_of_every_plan_takes_the_same_steps(fill, assets):
    happened: set[str] = set()
    for seed, plan in enumerate(plans(fill, assets == 1)):
        paths, terms = random_paths(seed, plan, 4, 20, assets), random_terms(plan, assets, seed)
        trace = walk(plan, paths, terms)
        happened |= events(plan, paths, terms, trace)
        forms = [("numpy", plan), ("torch", plan)]
        if assets == 1:
            # The form for many assets finds by iteration what one asset has in closed form.
            forms += [
                ("numpy", plan._replace(single=False)),
                ("torch", plan._replace(single=False)),
            ]
        for xp, form in forms:
            try:
                assert_same(trace, at_once(xp, form, paths, terms, trace), paths)
            except AssertionError as error:
                raise AssertionError(f"{xp} of {form}: {error}") from None
    assert happened >= EVENTS | ({"cancelled order"} if fill == "next_close" else set())


@pytest.mark.parametrize("assets", [1, 3])
def test_a_plan_without_a_part_is_one_whose_terms_leave_it_out(assets):
    base = Plan(single=assets == 1, holding=False, order_fees=False)
    parts = [
        {"holding": True}, {"order_fees": True}, {"impact": "linear"}, {"impact": "square_root"},
        {"volume_limit": "drop"}, {"volume_limit": "carry"}, {"amounts": True},
        {"margin": True, "brackets": True}, {"delistings": True},
    ]  # fmt: skip
    for fill in FILLS:
        plain = base._replace(fill=fill)
        paths = random_paths(3, plain, 4, 30, assets, spikes=0.0, gross=0.9)
        halted = np.isnan(paths.bar.fill)  # an order into a halt is carried over, or dropped
        paths = replace(paths, target=np.where(halted, np.nan, paths.target))
        terms = random_terms(plain, assets)
        trace = walk(plain, paths, terms)
        assert not trace["ruined"].any()
        for part in parts:
            more = walk(plain._replace(**part), paths, terms)
            names = [
                name for name in trace if not name.startswith("before_") and name != "pressure"
            ]
            if "volume_limit" in part:
                names.remove("pending")  # bars without volume are none here
            assert_same(trace, more, paths, 1e-11, names)


def tables(trace: Trace, paths: Paths) -> np.ndarray:
    """[n T, 3 + 5 N] the states of a trace as rows of an advance kernel, of age 4 and no loss."""
    n, steps, assets = paths.shape
    cash, equity = trace["before_cash"][..., None], trace["before_equity"][..., None]
    blocks = [
        cash, equity, equity, trace["before_units"], trace["before_entry"],
        np.full(paths.shape, 4.0), trace["before_pressure"], trace["before_pending"],
    ]  # fmt: skip
    return np.concatenate(blocks, -1).reshape(n * steps, 3 + 5 * assets)


def advanced(plan: Plan, paths: Paths, terms: Terms, trace: Trace) -> tuple[Trace, np.ndarray]:
    """One step from each state of a trace by the compiled kernel, and what is observed of it."""
    n, steps, assets = paths.shape
    size = n * steps
    state, report = tables(trace, paths), np.full((size, report_size(assets)), 7.0)
    observed = np.full((size, 3 * assets + 1), 7.0, np.float32)
    orders = np.concatenate((paths.target, paths.amount), -1).reshape(size, 2 * assets)
    arguments = (
        np.ascontiguousarray(paths.tape.reshape(size, -1)), terms.table(assets),
        np.zeros((1, 0), np.float32), FLOOR, advance.make_room(assets), orders, state, report,
        np.arange(size), observed,
    )  # fmt: skip
    check_other_forms(plan, arguments)
    advance_kernel(plan)(*arguments)
    found: Trace = {name: report[:, k].reshape(n, steps) for k, name in enumerate(ACCOUNT_REPORT)}
    first = len(ACCOUNT_REPORT)
    for k, name in enumerate(ASSET_REPORT):
        block = report[:, first + k * assets : first + (k + 1) * assets]
        found[name] = block.reshape(paths.shape)
    for k, name in enumerate(("units", "entry", "age", "pressure", "pending")):
        block = state[:, 3 + k * assets : 3 + (k + 1) * assets]
        found[f"state_{name}"] = block.reshape(paths.shape)
    found |= {name: found[f"state_{name}"] for name in ("entry", "pressure", "pending")}
    found |= {"exit_price": found["exits"], "exit_units": found["closed"]}
    np.testing.assert_array_equal(state[:, 0], report[:, ACCOUNT_REPORT.index("cash")])
    np.testing.assert_array_equal(state[:, 1], report[:, ACCOUNT_REPORT.index("equity")])
    np.testing.assert_array_equal(found["state_units"], found["units"])
    peak = np.maximum(trace["before_equity"], found["equity"])
    np.testing.assert_array_equal(state[:, 2].reshape(n, steps), peak)
    return found, observed.reshape(n, steps, -1)


def check_other_forms(plan: Plan, arguments: tuple[Any, ...]) -> None:
    """One account at a time, and a brief report: the same figures."""
    alone, brief, theirs = ([copy(x) for x in arguments] for _ in range(3))
    advance_kernel(plan)(*theirs)
    market = alone[:5]
    for e in range(arguments[8].size):
        row = [x[e] for x in alone[5:]]
        if e % 2:
            play_kernel(plan)(*market, *row)
        else:
            bound(play_kernel(plan), *market, rest=tuple(row))(*row)
    brief[7] = brief[7][:, :BRIEF].copy()
    advance_kernel(plan, detailed=False)(*brief)
    for k in (6, 7, 9):  # state, report, observed
        np.testing.assert_allclose(alone[k], theirs[k], rtol=1e-11, atol=1e-9)
        np.testing.assert_allclose(
            brief[k], theirs[k][:, : brief[k].shape[1]], rtol=1e-11, atol=1e-9
        )


def replayed(plan: Plan, paths: Paths, terms: Terms, e: int) -> Trace:
    """A whole path by the compiled kernel; rows 1 .. T of what it writes."""
    _, steps, assets = paths.shape
    columns = np.zeros((len(Column), steps + 1))
    blocks = np.zeros((len(Block), steps + 1, assets))
    columns[:2, 0] = EQUITY
    closed = replay_kernel(plan)(
        np.ascontiguousarray(paths.tape[e]), terms.table(assets), paths.target[e].copy(),
        paths.amount[e].copy(), columns, blocks, FLOOR, whole.make_room(assets),
    )  # fmt: skip
    found = {each.name: columns[each, 1:] for each in Column}
    found |= {each.name: blocks[each, 1:] for each in Block}
    assert closed == (found["exit_units"] != 0.0).sum()
    return found


COMPILED = [
    (1, Plan("next_open", True, True, True, "linear", "carry", True, True, True, False)),
    (1, Plan("same_close", True, True, True, "none", "none", False, True, False, True)),
    (3, Plan("next_close", False, True, True, "square_root", "carry", True, True, True, True)),
    (3, Plan("next_open", False, False, False, "none", "drop", False, False, False, False)),
]
"""Together they have every option."""


@pytest.mark.parametrize(("assets", "plan"), COMPILED)
def test_the_kernels_take_the_same_steps(assets, plan):
    paths = random_paths(5, plan, 12, 60, assets, spikes=0.15)
    terms = random_terms(plan, assets, 5)
    trace = walk(plan, paths, terms)
    done, observed = advanced(plan, paths, terms, trace)
    assert_same(trace, done, paths)
    check_report(trace, done, observed, paths)
    ruins = 0
    for e in range(12):
        path = replayed(plan, paths, terms, e)
        last = np.append(np.flatnonzero(trace["ruined"][e]), 59)[0]
        mine = {name: trace[name][e : e + 1, : last + 1] for name in trace}
        mine["exit_price"] = np.nan_to_num(mine["exit_price"])
        fills = path.pop("fill_price")
        expected = np.where(mine["traded"][0] != 0.0, paths.bar.fill[e, : last + 1], np.nan)
        np.testing.assert_array_equal(fills[: last + 1], expected)
        assert np.isnan(fills[last + 1 :]).all()
        theirs = {name: path[name][None, : last + 1] for name in path}
        part = Paths(*(x[e : e + 1, : last + 1] for x in (paths.tape, paths.target, paths.amount)))
        assert_same(mine, theirs, part, 2e-11, path)  # rounding of sixty steps
        if last < 59:
            ruins += 1
            assert (path["equity"][last:] == FLOOR).all()
            assert (path["cash"][last:] == FLOOR).all()
            assert (path["ruined"][last:] == 1.0).all()
            of_asset = ("units", "exit_units", "exit_price")
            after = [path[name][last + 1 :] for name in (*COST_PARTS, "turnover", *of_asset)]
            assert not any(figure.any() for figure in after)
    assert ruins > 0 or plan.brackets  # a stop-loss rarely leaves anything to be ruined


def check_report(trace: Trace, done: Trace, observed: np.ndarray, paths: Paths) -> None:
    """What the advance kernel tells beyond the rule's figures."""
    assets, bar = paths.shape[2], paths.bar
    equity = trace["equity"][..., None]
    np.testing.assert_allclose(
        done["log_return"], np.log(trace["equity"] / trace["before_equity"]), atol=1e-12
    )
    np.testing.assert_allclose(
        done["weights"], trace["units"] * bar.next_close / equity, rtol=1e-11, atol=1e-11
    )
    np.testing.assert_array_equal(done["fills"], np.where(trace["traded"] != 0, bar.fill, np.nan))
    same_side = np.sign(trace["before_units"]) == np.sign(trace["units"])
    np.testing.assert_array_equal(done["state_age"], np.where(same_side, 5.0, 1.0))
    standing = make_standing(NUMPY, lambda f: f)
    with np.errstate(all="ignore"):
        seen = standing.of_asset(
            trace["units"], trace["entry"], done["state_age"], bar.next_close, equity
        )
    for k, expected in enumerate(seen):
        block = observed[..., k * assets : (k + 1) * assets]
        np.testing.assert_allclose(block, expected, rtol=1e-6, atol=1e-6)
    peak = np.maximum(trace["before_equity"], trace["equity"])
    np.testing.assert_allclose(observed[..., -1], 1 - trace["equity"] / peak, atol=1e-6)


@pytest.mark.parametrize("spikes", [0.0, 0.1])
def test_a_sweep_sums_up_what_replays_tell(spikes):
    assets, plan = COMPILED[1]
    paths = random_paths(11, plan, 1, 60, assets, spikes=spikes)
    terms = random_terms(plan, assets, 5)
    targets = np.random.default_rng(0).uniform(-1.5, 1.5, (60, 8))
    targets[np.random.default_rng(1).random((60, 8)) < 0.3] = np.nan
    targets[:, 0] = 0.2
    summary = np.zeros((len(Total), 8))
    sweep_kernel(plan, statistics=True)(
        np.ascontiguousarray(paths.tape[0]), terms.table(1), targets, summary, EQUITY, FLOOR,
        whole.make_sweep_room(8),
    )  # fmt: skip
    ruins = 0
    for s in range(8):
        one = Paths(paths.tape, targets[None, :, s : s + 1], paths.amount)
        path = replayed(plan, one, terms, 0)
        equity = np.concatenate(([EQUITY], path["equity"]))
        gains = equity[1:] / equity[:-1] - 1.0
        expected = {"equity": equity[-1], "gains": gains.sum(), "squares": (gains**2).sum()}
        np.testing.assert_allclose(
            summary[:, s], [expected[each.name] for each in Total], rtol=1e-9
        )
        ruins += int(path["ruined"].any())
    assert (ruins > 0) == (spikes > 0)


@pytest.mark.parametrize("volumes", [False, True])
@pytest.mark.parametrize("assets", [1, 2])
def test_gradients_pass_by_bars_that_cannot_trade(assets, volumes):
    import torch

    plan = Plan("next_open", assets == 1, True, True, margin=True, brackets=True)
    if volumes:
        plan = plan._replace(impact="square_root", volume_limit="carry", amounts=True)
    rule = make_rule(torch_namespace(assets == 1), plan)

    def tensor(first: float, second: float) -> torch.Tensor:
        values = torch.tensor([first, second], dtype=torch.float64)
        return values if assets == 1 else values[:, None].repeat(1, assets)

    target = tensor(0.4, 0.4).requires_grad_()
    nothing = tensor(0.0, 0.0)
    account = Account(torch.full((2,), 1000.0, dtype=torch.float64), *(nothing for _ in range(4)))
    bar = Bar(
        tensor(100, np.nan), tensor(100, 100), tensor(110, 110), 1 / 252, tensor(100, 100),
        tensor(110, 110), tensor(100, 100), tensor(1e6, 0), tensor(1e6, 0), nothing > 0,
    )  # fmt: skip
    terms = Terms(commission=0.01, stop_loss=0.3, take_profit=0.5)
    step = rule(account, target, nothing, bar, 1e-3, terms)
    step.equity.sum().backward()
    # Of 1000 a target w keeps E' = 1000 / (1 + 0.01 W), W the sum of all, and earns 10% of W E'.
    whole = 0.4 * assets
    slope = 1000 * (0.1 / (1 + 0.01 * whole) - 0.01 * (1 + 0.1 * whole) / (1 + 0.01 * whole) ** 2)
    assert target.grad is not None
    wanted = [slope] * assets + [0.0] * assets
    assert target.grad.flatten().tolist() == pytest.approx(wanted, rel=1e-9)


def test_every_figure_is_compared():
    from drltrade.market.state import Step

    figures = {*OF_ASSET, "cash", "equity", "turnover", "ruined", "forgiven", *COST_PARTS}
    assert figures == {*Account._fields, *Step._fields} - {"account"}
    assert make_rule(SCALAR, Plan()) is not None


def test_costs_of_a_path_are_all_of_the_parts():
    assert tuple(each.name for each in Column)[Column.commission :] == COST_PARTS
