"""A panel of four assets, accounts in it, and what their orders at its prices come to."""

from typing import Any

import numpy as np

from drltrade.market.account import make_rule
from drltrade.market.namespaces import NUMPY
from drltrade.market.state import COST_PARTS, Account, Bar, Step
from drltrade.market.terms import Plan, Terms

PANEL = Plan("next_close", single=False, holding=False)
PRICES = np.array([50.0, 8.0, 900.0, 120.0])
ASSETS = len(PRICES)
EQUITY, FLOOR = 100_000.0, 0.1


def rates(rng: np.random.Generator, size: float) -> np.ndarray:
    return size * rng.random(ASSETS)


def panel_terms(seed: int, gross: float = 1.0, order_fees: bool = True) -> Terms:
    """Other costs for each asset, up to 2% of what is exchanged."""
    rng = np.random.default_rng(seed)
    return Terms(
        commission=rates(rng, 0.005), spread=rates(rng, 0.005), slippage=rates(rng, 0.005),
        minimum=rates(rng, 50.0 * order_fees), fixed=rates(rng, 10.0 * order_fees),
        impact=rates(rng, 0.01), volume_limit=0.5 * np.ones(ASSETS), gross_limit=gross,
        lowest=-gross * np.ones(ASSETS), highest=gross * np.ones(ASSETS),
    )  # fmt: skip


def weights(rng: np.random.Generator, gross: float, short: bool) -> np.ndarray:
    """Random weights, of gross value at most `gross`."""
    raw = rng.exponential(size=ASSETS) * (rng.choice([-1.0, 1.0], ASSETS) if short else 1.0)
    return gross * rng.random() * raw / abs(raw).sum()


def holding(held: np.ndarray, **other: Any) -> Account:
    """An account with `EQUITY`, of these weights."""
    nothing = np.zeros(ASSETS)
    account = Account(EQUITY * (1 - held.sum()), held * EQUITY / PRICES, PRICES, nothing, nothing)
    return account._replace(**other)


def fill(account: Account, target: Any, terms: Terms, plan: Plan = PANEL, **bar: Any) -> Step:
    """Orders at the close at `PRICES`; nothing else happens."""
    nothing = np.zeros(ASSETS)
    amount = bar.pop("amount", nothing)
    flat = Bar(
        PRICES, PRICES, PRICES, 0.0, PRICES, PRICES, PRICES, np.full(ASSETS, 1e5),
        np.full(ASSETS, 1e5), nothing > 0,
    )._replace(**bar)  # fmt: skip
    target = np.full(ASSETS, np.nan) if target is None else np.asarray(target, float)
    with np.errstate(all="ignore"):
        return make_rule(NUMPY, plan)(account, target, amount, flat, FLOOR, terms)


def costs(step: Step) -> float:
    return float(sum(getattr(step, part) for part in COST_PARTS))
