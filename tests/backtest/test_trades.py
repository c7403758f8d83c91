"""Round trips: worked by hand, and summing to the gain of the account on every path."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.backtest.engine import replay
from drltrade.backtest.ledger import Ledger
from drltrade.backtest.trades import trades
from drltrade.envs.config import TradingConfig
from drltrade.errors import DataError
from drltrade.market.account import COST_PARTS as COSTS
from drltrade.market.account import Fill
from drltrade.market.costs import Costs
from drltrade.market.tensors import Market


def simulate(
    opens: np.ndarray,
    close: np.ndarray,
    orders: np.ndarray,
    *,
    fill: Fill = "next_open",
    rates: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0),
    cash: float = 10_000.0,
    symbols: tuple[str, ...] = ("A", "B"),
) -> Ledger:
    """A ledger from orders [T, N] in shares to HOLD after each fill; NaN keeps. Plain loops."""
    steps, assets = orders.shape
    commission, fixed, slippage, borrow, financing = rates
    units = np.zeros((steps + 1, assets))
    fills = np.full((steps + 1, assets), np.nan)
    money, equity = np.full(steps + 1, cash), np.full(steps + 1, cash)
    turnover = np.zeros(steps + 1)
    costs = {part: np.zeros(steps + 1) for part in COSTS}
    for t in range(1, steps + 1):
        price = {"next_open": opens[t], "next_close": close[t], "same_close": close[t - 1]}[fill]
        now, held = money[t - 1], units[t - 1].copy()

        def pass_time(held: np.ndarray, now: float, t: int = t) -> float:
            costs["borrow"][t] = borrow * np.maximum(-held * close[t - 1], 0).sum()
            costs["financing"][t] = financing * max(-now, 0.0) * bool(held.any())
            return now - costs["borrow"][t] - costs["financing"][t]

        if fill != "same_close":
            now = pass_time(held, now)
        for i in range(assets):
            order = orders[t - 1, i]
            if np.isnan(order) or order == held[i]:
                continue
            value = (order - held[i]) * price[i]
            costs["commission"][t] += commission * abs(value)
            costs["slippage"][t] += slippage * abs(value)
            costs["fixed"][t] += fixed
            now -= value + (commission + slippage) * abs(value) + fixed
            turnover[t] += abs(value) / abs(equity[t - 1] or np.inf)
            held[i], fills[t, i] = order, price[i]
        if fill == "same_close":
            now = pass_time(held, now)
        units[t], money[t] = held, now
        equity[t] = now + (held * close[t]).sum()
    times = pd.date_range("2020-01-01", periods=steps + 1, freq="D", name="time")
    targets = np.full((steps + 1, assets), np.nan)
    return Ledger(
        symbols[:assets], times, close, units, fills, money, equity, turnover, costs, targets,
        fill, 252.0,
    )  # fmt: skip


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_a_long_trip_with_an_addition_and_a_reduction_by_hand() -> None:
    opens = column(10, 10, 12, 20, 16)
    close = column(10, 11, 13, 19, 16)
    ledger = simulate(opens, close, column(10, 30, 20, 0), rates=(0.01, 1.0, 0, 0, 0))
    trip = trades(ledger)
    assert len(trip) == 1
    row = trip.iloc[0]
    # Buys 10 at 10 and 20 at 12; sells 10 at 20 and 20 at 16.
    assert row["entry_price"] == pytest.approx((10 * 10 + 20 * 12) / 30)
    assert row["exit_price"] == pytest.approx((10 * 20 + 20 * 16) / 30)
    assert row["units"] == 30
    assert row["bars"] == 3
    assert row["gross_pnl"] == pytest.approx(520 - 340)
    assert row["cost"] == pytest.approx(0.01 * (340 + 520) + 4)
    assert row["pnl"] == pytest.approx(180 - 12.6)
    assert row["return"] == pytest.approx(167.4 / 10_000)
    assert row["side"] == "long"
    assert not row["open"]
    assert row["entry_time"] == ledger.times[1]
    assert row["exit_time"] == ledger.times[4]


def test_a_flip_splits_its_cost_by_the_quantity_closed_and_opened() -> None:
    close = column(10, 10, 10, 8, 8)
    ledger = simulate(close, close, column(10, -30, -30, 0), rates=(0.01, 0, 0.01, 0, 0))
    first, second = trades(ledger).to_dict("records")
    assert (first["side"], second["side"]) == ("long", "short")
    # The flip sells 40 at 10 and pays 8: a quarter closes the long, the rest opens the short.
    assert first["cost"] == pytest.approx(2 + 2)
    assert second["cost"] == pytest.approx(6 + 0.02 * 240)
    assert second["gross_pnl"] == pytest.approx(60)
    assert first["exit_time"] == second["entry_time"] == ledger.times[2]


def test_time_costs_belong_to_the_position_held_before_the_fill() -> None:
    close = column(10, 10, 10, 10)
    orders = column(-10, 10, 0)
    rates = (0.0, 0.0, 0.0, 0.01, 0.0)
    later = trades(simulate(close, close, orders, rates=rates))
    assert list(later["cost"]) == pytest.approx([1.0, 0.0])
    at_once = trades(simulate(close, close, orders, rates=rates, fill="same_close"))
    assert list(at_once["cost"]) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(
    ("fill", "entry"), [("next_open", 1), ("next_close", 1), ("same_close", 0)]
)
def test_what_is_held_at_the_end_is_closed_in_marking(fill: Fill, entry: int) -> None:
    close = column(10, 11, 12, 13)
    ledger = simulate(close, close, column(5, np.nan, np.nan), fill=fill)
    row = trades(ledger).iloc[0]
    assert row["open"]
    assert row["exit_price"] == 13
    assert row["bars"] == 3
    assert row["entry_time"] == ledger.times[entry]
    assert row["exit_time"] == ledger.times[-1]
    assert row["pnl"] == pytest.approx(ledger.equity[-1] - ledger.equity[0])


def test_no_trade_gives_an_empty_table_with_the_same_columns() -> None:
    close = column(10, 11, 12)
    none = trades(simulate(close, close, column(0, 0)))
    some = trades(simulate(close, close, column(1, 0)))
    assert len(none) == 0
    assert list(none.columns) == list(some.columns)
    assert none["entry_time"].dtype == some["entry_time"].dtype
    assert none["open"].dtype == some["open"].dtype == bool


def test_a_change_of_units_without_a_fill_price_names_the_bar() -> None:
    close = column(10, 11, 12)
    ledger = simulate(close, close, column(1, 0))
    ledger.fill_price[2] = np.nan
    with pytest.raises(DataError, match=r"units of A change by -1 in the bar 2020-01-03"):
        trades(ledger)


def violent_ledger(seed: int, fill: Fill, **costs: float) -> Ledger:
    """A leveraged account on a market that moves by a quarter a bar."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.25, 40)))
    market = Market(
        "X", pd.date_range("2020-01-01", periods=40), close * np.exp(rng.normal(0, 0.1, 40)), close,
        rng.random(40) > 0.1, np.zeros((40, 1), np.float32), ("none",), 252.0,
    )  # fmt: skip
    config = TradingConfig(position_range=(-5, 5), fill=fill, costs=Costs(**costs))
    return replay(rng.uniform(-5, 5, 39), market, range(40), config)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_trips_of_a_ruined_account_sum_to_its_loss_and_what_it_was_forgiven(fill: Fill) -> None:
    ruined = 0
    for seed in range(40):
        ledger = violent_ledger(seed, fill, commission_bps=10, fixed_fee=3, borrow_rate=0.1)
        if ledger.ruin is not None:
            ruined += 1
            lost = ledger.equity[-1] - ledger.equity[0] - ledger.ruin.forgiven
            table = trades(ledger)
            assert table["pnl"].sum() == pytest.approx(lost, rel=1e-9)
            assert not table["open"].any()
    assert ruined > 20


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 40),
    assets=st.integers(1, 2),
    fill=st.sampled_from(["next_open", "next_close", "same_close"]),
    rates=st.tuples(*[st.sampled_from([0.0, 0.001, 0.02])] * 5),
)
def test_trips_sum_to_the_gain_of_the_account(
    seed: int, steps: int, assets: int, fill: Fill, rates: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (steps + 1, assets)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.01, close.shape))
    orders = rng.choice([-150.0, -40.0, 0.0, 25.0, 300.0, np.nan], (steps, assets))
    ledger = simulate(opens, close, orders, fill=fill, rates=rates)  # type: ignore[arg-type]
    table = trades(ledger)
    scale = float(np.abs(ledger.equity).max())
    gain = ledger.equity[-1] - ledger.equity[0]
    assert table["pnl"].sum() == pytest.approx(gain, abs=1e-9 * scale)
    assert table["cost"].sum() == pytest.approx(float(ledger.total_cost.sum()), abs=1e-9 * scale)
    assert (table["bars"] >= 1).all()
    held = int((ledger.units != 0).sum())
    assert int(table["bars"].sum()) == held
