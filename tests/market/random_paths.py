"""Random markets with every kind of event, and walks of the accounting rule through them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from drltrade.market.account import make_rule
from drltrade.market.loops import make_loop_rule
from drltrade.market.namespaces import NUMPY, SCALAR, torch_namespace
from drltrade.market.scratch import make_scratch
from drltrade.market.state import COST_PARTS, Account, Bar, Step
from drltrade.market.tensors import Market
from drltrade.market.terms import RUIN, Plan, Terms

EQUITY = 100_000.0
FLOOR = RUIN * EQUITY

OF_ACCOUNT = ("cash", "equity", "turnover", "ruined", "forgiven", *COST_PARTS)
OF_ASSET = ("units", "entry", "pressure", "pending", "traded", "exit_units", "exit_price")

Trace = dict[str, np.ndarray]
"""`OF_ACCOUNT` [n, T] and `OF_ASSET` [n, T, N], after each step; and with "before_" in front the
account before it (with its equity)."""


@dataclass(frozen=True)
class Paths:
    """n paths of T decisions in markets of N assets."""

    tape: np.ndarray
    """[n, T, 9 N + 1], see `Market.tape`."""
    target: np.ndarray
    """[n, T, N]."""
    amount: np.ndarray
    """[n, T, N] units."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.target.shape

    @property
    def bar(self) -> Bar:
        """Of arrays [n, T, N] (years: [n, T])."""
        return read_bar(self.tape, self.shape[2])


def read_bar(tape: Any, assets: int) -> Bar:
    """The columns of [..., 9 N + 1] as a bar."""
    fill, close, later, start, high, low, volume, later_volume, ended = (
        tape[..., k * assets : (k + 1) * assets] for k in range(9)
    )
    return Bar(
        fill, close, later, tape[..., 9 * assets], start, high, low, volume, later_volume,
        ended > 0.0,
    )  # fmt: skip


def market_of(close: Any, **other: Any) -> Market:
    """Prices [T] or [T, N] as a market of weekdays; open, high, low default to no gap, no range."""
    close = np.asarray(close, np.float64)
    close = close[:, None] if close.ndim == 1 else close
    length, assets = close.shape
    given = {name: np.asarray(value).reshape(length, assets) for name, value in other.items()}
    start = given.get("open", np.concatenate((close[:1], close[:-1])))
    return Market(
        symbols=tuple("ABCDEFGH"[:assets]),
        times=pd.bdate_range("2000-01-03", periods=length),
        open=start,
        high=given.get("high", np.maximum(start, close)),
        low=given.get("low", np.minimum(start, close)),
        close=close,
        volume=given.get("volume", np.full(close.shape, 1e6)),
        tradable=given.get("tradable", np.ones(close.shape, bool)),
        ended=given.get("ended", np.zeros(close.shape, bool)),
        features=np.zeros((length, 0), np.float32),
        columns=(),
        periods_per_year=252.0,
    )


def random_market(
    rng: np.random.Generator, steps: int, assets: int, *, ends: bool = False, spikes: float = 0.04
) -> Market:
    """Gaps, wide ranges, halts, spikes that ruin, volumes that limit; asset 0 may end."""
    shape = (steps + 1, assets)
    moves = rng.normal(0, 0.02, shape)
    moves += rng.choice([-1.0, 1.0], shape) * (rng.random(shape) < spikes) * 0.6
    halted, ended = rng.random(shape) < 0.1, np.zeros(shape, bool)
    halted[0] = False
    if ends:
        ended[steps * 2 // 3 :, 0] = True
    stands = halted | ended
    moves[stands] = 0.0
    close = np.array([100.0, 20.0, 3.0, 700.0, 45.0])[:assets] * np.exp(np.cumsum(moves, 0))
    before = np.concatenate((close[:1], close[:-1]))
    gap = rng.normal(0, 0.01, shape) + (rng.random(shape) < 0.5) * moves
    start = before * np.exp(gap)
    high = np.maximum(start, close) * (1 + abs(rng.normal(0, 0.012, shape)))
    low = np.minimum(start, close) * (1 - abs(rng.normal(0, 0.012, shape)))
    volume = 1e5 / before * np.exp(rng.normal(1.5, 1.5, shape))
    for prices in (start, high, low):
        prices[stands] = before[stands]
    volume[stands] = 0.0
    return market_of(
        close, open=start, high=high, low=low, volume=volume, tradable=~stands, ended=ended
    )


def random_paths(
    seed: int, plan: Plan, n: int, steps: int, assets: int, *, gross: float = 2.0, **options: Any
) -> Paths:
    """Targets within `gross`, holds, amounts, in a market of its own for each account."""
    rng = np.random.default_rng(seed)
    markets = [
        random_market(rng, steps, assets, ends=plan.delistings and e % 2 == 0, **options)
        for e in range(n)
    ]
    shape = (n, steps, assets)
    target = rng.uniform(-1, 1, shape)
    target *= gross * rng.random((n, steps, 1)) / abs(target).sum(-1, keepdims=True)
    target[rng.random(shape) < 0.1] = 0.0
    target[rng.random(shape) < 0.35] = np.nan
    amount = np.zeros(shape)
    if plan.amounts:
        close = np.stack([market.close[:-1] for market in markets])
        amount = np.where(rng.random(shape) < 0.5, rng.normal(0, 4e4, shape) / close, 0.0)
    return Paths(np.stack([m.tape(plan.fill)[:-1] for m in markets]), target, amount)


def random_terms(plan: Plan, assets: int, seed: int = 0) -> Terms:
    """Every part that the plan has, of a size that tells; another for each asset."""
    rng = np.random.default_rng(seed)

    def each(size: float, there: bool = True) -> Any:
        numbers = (size if there else 0.0) * rng.uniform(0.6, 1.4, assets)
        return float(numbers[0]) if plan.single else numbers

    def or_none(size: float, there: bool) -> Any:
        return each(size) if there else each(1.0) * np.inf

    signs = 1.0 if plan.single else np.resize([1.0, -1.0], assets)
    return Terms(
        commission=each(0.001), maker=each(0.0004), minimum=each(3.0, plan.order_fees),
        fixed=each(2.0, plan.order_fees), spread=each(0.0004), slippage=each(0.0006),
        impact=each(0.01, plan.impact != "none"), memory=each(0.5, plan.impact != "none"),
        volume_limit=or_none(0.1, plan.volume_limit != "none"), borrow=each(0.5, plan.holding),
        funding=each(0.3, plan.holding) * signs,
        liquidation=each(0.01, plan.reads_range),
        stop_loss=or_none(0.02, plan.brackets), take_profit=or_none(0.025, plan.brackets),
        lowest=each(-1.2), highest=each(1.2),
        financing=0.6 * plan.holding, interest=0.2 * plan.holding, gross_limit=2.0,
        maintenance=0.2 * plan.reads_range,
    )  # fmt: skip


def figures(step: Step, assets: int) -> dict[str, np.ndarray]:
    """A step's figures, [...] or [..., N]."""
    account, shape = step.account, np.shape(np.asarray(step.equity))
    found = {}
    for name in OF_ACCOUNT:
        value = account.cash if name == "cash" else getattr(step, name)
        found[name] = np.broadcast_to(np.asarray(value, np.float64), shape)
    for name in OF_ASSET:
        value = getattr(account if hasattr(account, name) else step, name)
        value = np.asarray(value, np.float64)
        whole = (*shape, assets)
        found[name] = value.reshape(whole) if value.size == np.prod(whole, dtype=int) else (
            np.broadcast_to(value, whole)
        )  # fmt: skip
    return found


def fresh(assets: int | None = None) -> Account:
    """An account with nothing but cash: of numbers, or of arrays [N]."""
    if assets is None:
        return Account(EQUITY, 0.0, 0.0, 0.0, 0.0)
    return Account(EQUITY, *(np.zeros(assets) for _ in range(4)))


def walk(plan: Plan, paths: Paths, terms: Terms) -> Trace:
    """Step by step in plain Python; a ruined account starts afresh.

    One asset where the plan is `single`, else the form of loops.
    """
    n, steps, assets = paths.shape
    rows: list[dict[str, Any]] = []
    if plan.single:
        rule, at = make_rule(SCALAR, plan), None
        bar = Bar(*(np.reshape(field, (n, steps)).tolist() for field in paths.bar))
        target, amount = (x[:, :, 0].tolist() for x in (paths.target, paths.amount))
    else:
        rule, at = make_loop_rule(SCALAR, plan, lambda f: f), make_scratch(assets)
        bar, target, amount = paths.bar, paths.target, paths.amount
    for e in range(n):
        account, equity = fresh(None if plan.single else assets), EQUITY
        for t in range(steps):
            now = Bar(*(field[e][t] for field in bar))
            row = {
                f"before_{name}": np.array(value, np.float64)
                for name, value in zip(Account._fields, account, strict=True)
            }
            row["before_equity"] = equity
            arguments = (account, target[e][t], amount[e][t], now, FLOOR, terms)
            with np.errstate(all="ignore"):
                step = rule(*arguments) if at is None else rule(*arguments, at)
            account, equity = step.account, float(step.equity)
            found = figures(step, assets).items()
            rows.append(row | {name: np.array(value) for name, value in found})
            if step.ruined:
                account, equity = fresh(None if plan.single else assets), EQUITY
    shapes = {name: (n, steps) for name in OF_ACCOUNT}
    shapes |= {"before_cash": (n, steps), "before_equity": (n, steps)}
    return {
        name: np.stack([row[name] for row in rows]).reshape(shapes.get(name, (n, steps, assets)))
        for name in rows[0]
    }


def at_once(xp: str, plan: Plan, paths: Paths, terms: Terms, trace: Trace) -> Trace:
    """One step from each state of a trace, all in one call, by "numpy" or "torch"."""
    n, steps, assets = paths.shape
    size = n * steps

    def shaped(values: np.ndarray, of_account: bool = False) -> Any:
        shape = (size,) if of_account or plan.single else (size, assets)
        values = np.ascontiguousarray(values.reshape(shape))
        return values if xp == "numpy" else torch.from_numpy(values)

    account = Account(
        shaped(trace["before_cash"], True),
        *(shaped(trace[f"before_{name}"]) for name in Account._fields[1:]),
    )
    bar = Bar(*(shaped(x, name == "years") for name, x in zip(Bar._fields, paths.bar, strict=True)))
    if xp == "torch":
        rule = make_rule(torch_namespace(plan.single), plan)
        terms = terms.on(torch.device("cpu"))
    else:
        rule = make_rule(OneAsset() if plan.single else NUMPY, plan)
    with np.errstate(all="ignore"):
        step = rule(account, shaped(paths.target), shaped(paths.amount), bar, FLOOR, terms)
    return {
        name: value.reshape((n, steps, assets) if name in OF_ASSET else (n, steps))
        for name, value in figures(step, assets).items()
    }


class OneAsset(type(NUMPY)):  # type: ignore[misc]
    """numpy where an account and its one asset have the same shape."""

    total = each = staticmethod(lambda values: values)


def assert_same(
    ours: Trace, theirs: Trace, paths: Paths, tolerance: float = 1e-12,
    names: Iterable[str] = (*OF_ACCOUNT, *OF_ASSET),
) -> None:  # fmt: skip
    """Equal but for `tolerance` of equity; prices but for that fraction of the price."""
    equity, close = ours["before_equity"], paths.bar.next_close
    for name in names:
        a, b = ours[name], theirs[name]
        assert (np.isnan(a) == np.isnan(b)).all(), name
        if name == "ruined":
            assert (a == b).all()
            continue
        if name in ("units", "pending", "exit_units"):
            a, b = a * close, b * close
        scale = equity if name in OF_ACCOUNT else equity[..., None]
        if name in ("entry", "exit_price"):
            scale = close
        if name == "pressure":
            scale = 1.0
        worst = np.nanmax(abs(a - b) / scale, initial=0.0)
        assert worst <= tolerance, f"{name} is off by {worst:.2g}"
