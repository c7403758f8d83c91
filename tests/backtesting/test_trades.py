"""Round trips: worked by hand, and summing to the gain of the account on every path."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from costly_markets import FILLS, costly_rules, flat_bar, market_of, random_market, random_orders
from hypothesis import given, settings
from hypothesis import strategies as st

from drltrade.backtesting.engine import replay
from drltrade.backtesting.ledger import Ledger, Ruin
from drltrade.backtesting.trades import trades
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.errors import DataError
from drltrade.market.costs import Bracket, Costs, Margin
from drltrade.market.state import COST_PARTS
from drltrade.market.tensors import Market
from drltrade.market.terms import Fill


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
    costs = {part: np.zeros(steps + 1) for part in COST_PARTS}
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
        symbols[:assets], times, close, units, fills, np.zeros_like(units),
        np.full_like(units, np.nan), money, equity, turnover, costs, targets, fill, 252.0,
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


def played(market: Market, config: TradingConfig, *targets: float) -> Ledger:
    return replay(np.array(targets), market, range(len(market)), config.rules())


FREE = {"commission_bps": 0.0, "slippage_bps": 0.0}


def test_a_stop_loss_in_the_bar_of_the_entry_is_a_trip_of_no_closes() -> None:
    market = market_of(
        [flat_bar(100), (100, 101, 90, 92), (93, 94, 92, 94), (94, 94, 94, 94), flat_bar(94)]
    )
    config = TradingConfig(
        positions=(0.0, 1.0), initial_equity=10_000, bracket=Bracket(stop_loss=0.05),
        costs=Costs(commission_bps=10, slippage_bps=0, fixed_fee=2),
    )  # fmt: skip
    ledger = played(market, config, 1.0, 1.0, np.nan, 0.0)
    first, second = trades(ledger).to_dict("records")
    # Buys what leaves 10,000 - 2 - 0.1% in shares at 100; all are sold at the stop, 95.
    units = 9998 / 100.1
    assert ledger.exit_units[1, 0] == pytest.approx(units)
    assert first["units"] == pytest.approx(units)
    assert (first["entry_price"], first["exit_price"]) == pytest.approx((100, 95))
    assert (first["bars"], first["exit"], first["open"]) == (0, "exit", False)
    assert first["entry_time"] == first["exit_time"] == market.times[1]
    assert first["gross_pnl"] == pytest.approx(-5 * units)
    assert first["cost"] == pytest.approx(0.001 * 195 * units + 4)
    assert first["return"] == pytest.approx(first["pnl"] / 10_000)
    assert (second["entry_price"], second["exit_price"]) == (93, 94)
    assert (second["bars"], second["exit"]) == (2, "order")
    assert second["exit_time"] == market.times[4]


def test_a_stop_loss_of_an_order_at_the_same_close_leaves_in_the_next_bar() -> None:
    market = market_of([flat_bar(100), (97, 98, 90, 96), flat_bar(96)])
    config = TradingConfig(
        positions=(0.0, 1.0), fill="same_close", costs=Costs(**FREE),
        bracket=Bracket(stop_loss=0.05),
    )  # fmt: skip
    first, second = trades(played(market, config, 1.0, 1.0)).to_dict("records")
    assert (first["entry_time"], first["exit_time"]) == (market.times[0], market.times[1])
    assert (first["exit_price"], first["bars"], first["exit"]) == (95, 0, "exit")
    assert (second["entry_time"], second["exit_time"]) == (market.times[1], market.times[2])
    assert (second["entry_price"], second["bars"], second["exit"]) == (96, 1, "")


def test_a_take_profit_pays_as_a_maker_and_concedes_nothing() -> None:
    market = market_of([flat_bar(100), (100, 104, 99, 103), (104, 112, 103, 111), flat_bar(111)])
    config = TradingConfig(
        positions=(0.0, 1.0), initial_equity=10_000, bracket=Bracket(take_profit=0.1),
        costs=Costs(commission_bps=10, maker_bps=2, slippage_bps=5, half_spread_bps=3),
    )  # fmt: skip
    ledger = played(market, config, 1.0, np.nan, np.nan)
    (trip,) = trades(ledger).to_dict("records")
    # The buyer pays 8 basis points over 100 and 10 on that, the seller 2 on 110.
    rate = 0.0008 + 0.001 * 1.0008
    units = 10_000 / (1 + rate) / 100
    assert (trip["entry_price"], trip["exit_price"]) == pytest.approx((100, 110))
    assert (trip["bars"], trip["exit"]) == (1, "exit")
    assert trip["cost"] == pytest.approx(rate * 100 * units + 0.0002 * 110 * units)
    assert trip["pnl"] == pytest.approx(ledger.equity[-1] - 10_000)


def test_a_margin_call_pays_its_fee() -> None:
    market = market_of([flat_bar(100), flat_bar(100), (100, 101, 80, 90), flat_bar(90)])
    config = TradingConfig(
        position_range=(0.0, 3.0), initial_equity=10_000, costs=Costs(**FREE),
        margin=Margin(maintenance=0.2, liquidation_fee_bps=50),
    )  # fmt: skip
    ledger = played(market, config, 3.0, np.nan, np.nan)
    (trip,) = trades(ledger).to_dict("records")
    # 300 shares and a debt of 20,000: 300 p - 20,000 = 0.2 * 300 p at p = 83.33, worth 25,000.
    assert trip["exit_price"] == pytest.approx(250 / 3)
    assert trip["gross_pnl"] == pytest.approx(-5000)
    assert trip["cost"] == pytest.approx(0.005 * 25_000)
    assert (trip["bars"], trip["exit"], trip["exit_time"]) == (1, "exit", market.times[2])


def test_an_asset_that_ends_pays_its_last_price_and_no_cost() -> None:
    market = market_of([flat_bar(10)] * 5, [flat_bar(20), flat_bar(20), flat_bar(25)])
    rules = PortfolioConfig(
        initial_equity=10_000, costs=Costs(commission_bps=10, slippage_bps=0, fixed_fee=3)
    ).rules(market.symbols, delistings=True)
    orders = np.array([[0.25, 0.5], [np.nan] * 2, [0.0, np.nan], [np.nan] * 2])
    ledger = replay(orders, market, range(5), rules)
    a, b = trades(ledger).to_dict("records")
    # In the bar in which B is paid out, A is sold, and alone has costs.
    units_a, units_b = ledger.units[1]
    assert (a["exit"], a["exit_time"]) == ("order", market.times[3])
    assert a["cost"] == pytest.approx(0.001 * 20 * units_a + 6)
    assert (b["exit"], b["exit_time"], b["bars"]) == ("exit", market.times[3], 2)
    assert (b["entry_price"], b["exit_price"]) == (20, 25)
    assert b["cost"] == pytest.approx(0.001 * 20 * units_b + 3)
    assert b["gross_pnl"] == pytest.approx(5 * units_b)
    assert a["pnl"] + b["pnl"] == pytest.approx(ledger.equity[-1] - 10_000)


def test_at_the_next_close_an_exit_comes_before_the_order() -> None:
    market = market_of([flat_bar(100), flat_bar(100), (100, 101, 90, 97), flat_bar(98)])
    config = TradingConfig(
        positions=(0.0, 1.0), fill="next_close", initial_equity=10_000,
        costs=Costs(commission_bps=10, slippage_bps=0, fixed_fee=2),
        bracket=Bracket(stop_loss=0.05),
    )  # fmt: skip
    ledger = played(market, config, 1.0, 1.0, 1.0)
    first, second = trades(ledger).to_dict("records")
    units = 9998 / 100.1
    assert (first["exit_price"], first["bars"], first["exit"]) == (pytest.approx(95), 1, "exit")
    assert first["exit_time"] == second["entry_time"] == market.times[2]
    assert first["cost"] == pytest.approx(0.001 * 195 * units + 4)
    # What is left buys again at the close, 97, of the same bar.
    left = 10_000 + first["pnl"]
    again = (left - 2) / 97.097
    assert second["units"] == pytest.approx(again)
    assert (second["entry_price"], second["exit_price"], second["bars"]) == (97, 98, 2)
    assert second["cost"] == pytest.approx(0.001 * 97 * again + 2)
    assert (second["exit"], second["open"]) == ("", True)


def test_what_ruin_closes_at_the_close_bears_no_cost() -> None:
    # The second order fills at 10; at the close, 4, the account has nothing left.
    opens, close = column(10, 10, 10, 4), column(10, 10, 4, 4)
    ledger = simulate(opens, close, column(1000, 2000, 2000), rates=(0.01, 1.0, 0, 0, 0))
    owed = float(ledger.equity[2])
    assert owed < 0
    exit_units, exit_price = ledger.exit_units.copy(), ledger.exit_price.copy()
    exit_units[2], exit_price[2] = ledger.units[2], close[2]
    units, equity = ledger.units.copy(), ledger.equity.copy()
    units[2:], equity[2:] = 0.0, 0.0
    ledger = replace(
        ledger, units=units, equity=equity, exit_units=exit_units, exit_price=exit_price,
        ruin=Ruin(row=2, forgiven=-owed),
    )  # fmt: skip
    (trip,) = trades(ledger).to_dict("records")
    assert (trip["units"], trip["bars"], trip["exit"]) == (2000, 1, "exit")
    assert (trip["entry_price"], trip["exit_price"]) == (10, 4)
    assert trip["cost"] == pytest.approx(0.01 * 20_000 + 2)
    assert trip["pnl"] == pytest.approx(-10_000 + owed)


def test_funding_is_paid_by_longs_to_shorts_and_interest_belongs_to_no_trip() -> None:
    market = market_of([flat_bar(10)] * 4, [flat_bar(20)] * 4)
    costs = Costs(**FREE, funding_rate=0.365, interest_rate=0.1, borrow_rate=0.0365)
    rules = PortfolioConfig(
        long_only=False, gross_limit=2.0, initial_equity=10_000, costs=costs
    ).rules(market.symbols)
    orders = np.array([[1.0, -0.5], [np.nan, np.nan], [0.0, 0.0]])
    ledger = replay(orders, market, range(4), rules)
    a, b = trades(ledger).to_dict("records")
    # A day's interest comes before the orders. Then for two days funding at 0.1% a day each; the
    # short pays 0.01% a day for its loan.
    equity = 10_000 * (1 + 0.1 / 365)
    assert a["cost"] == pytest.approx(2 * 0.001 * equity)
    assert b["cost"] == pytest.approx(2 * (0.0001 - 0.001) * 0.5 * equity)
    assert ledger.costs["interest"][1] == pytest.approx(10_000 - equity)
    gain = ledger.equity[-1] - 10_000
    assert a["pnl"] + b["pnl"] == pytest.approx(gain + ledger.costs["interest"].sum())


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("assets", [1, 3])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(2, 40), volatility=st.floats(0.005, 0.2))
def test_trips_account_for_the_gain_with_every_cost_and_exit(
    fill: Fill, assets: int, seed: int, steps: int, volatility: float
) -> None:
    rng = np.random.default_rng(seed)
    market = random_market(rng, steps, assets, volatility)
    rules = costly_rules(fill, market)
    ledger = replay(random_orders(rng, steps, assets), market, range(steps + 1), rules)
    table = trades(ledger)
    scale = float(np.abs(ledger.equity).max())
    interest = float(ledger.costs["interest"].sum())
    forgiven = ledger.ruin.forgiven if ledger.ruin else 0.0
    gain = ledger.equity[-1] - ledger.equity[0] - forgiven + interest
    assert table["pnl"].sum() == pytest.approx(gain, abs=1e-9 * scale)
    paid = float(ledger.total_cost.sum()) - interest
    assert table["cost"].sum() == pytest.approx(paid, abs=1e-9 * scale)
    assert int(table["bars"].sum()) == int((ledger.units != 0).sum())
    assert int((table["exit"] == "exit").sum()) == int((ledger.exit_units != 0).sum())
    np.testing.assert_array_equal(table["exit"] == "", table["open"])
    assert (table["entry_time"] <= table["exit_time"]).all()


def violent_ledger(seed: int, fill: Fill, **costs: float) -> Ledger:
    """A leveraged account on a market that moves by a quarter a bar."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.25, 40)))
    opened = close * np.exp(rng.normal(0, 0.1, 40))
    frame = pd.DataFrame(
        {
            "open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close),
            "close": close, "volume": (rng.random(40) > 0.1) * 1.0,
        },
        index=pd.date_range("2020-01-01", periods=40),
    )  # fmt: skip
    market = Market.build(
        {"X": frame}, frame.index, np.zeros((40, 1), np.float32), ("none",), 252.0
    )
    config = TradingConfig(position_range=(-5, 5), fill=fill, costs=Costs(**costs))
    return replay(rng.uniform(-5, 5, 39), market, range(40), config.rules())


@pytest.mark.parametrize("fill", FILLS)
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
    fill=st.sampled_from(FILLS),
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
