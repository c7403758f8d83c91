"""Have vectorbt and backtrader execute random orders, and record what they make of them.

    make oracle

writes `golden/*.npz`, which test_oracles.py compares with the accounting rule. The script knows
nothing of drltrade: prices and orders are drawn here, and cash, holdings, equity, fees and fill
prices are what the two libraries report.

The convention, which both can be set to: an order for a number of units fills whole; slippage moves
its price against it by a fraction; commission is a fraction of the value at the slipped price; a
fixed fee is due once per order; shorting credits the proceeds to cash.

When an order decided at the close of bar t fills, and at which price:
    next_open: at the open of bar t + 1.
    next_close: at the close of bar t + 1.
    same_close: at the close of bar t, and is first marked at the close of bar t + 1.

A file holds, for T + 1 bars of N assets:
    open, high, low, close: [T + 1, N].
    orders: [T, N] units to buy (negative: to sell) decided at the close of each bar but the last;
        0: no order.
    fill: one of the three above.
    commission, fixed: [N]; slippage: of all assets.
    initial_equity: money.
    PEER_cash, PEER_equity: [T + 1] at the close of each bar. PEER_units: [T + 1, N].
    PEER_fees: [T + 1] commission and fixed fees paid in each bar.
    PEER_slippage: [T + 1] sum of |units| |price paid - price in the market|.
    versions: of the peers, and of numpy and pandas.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import backtrader as bt
import numpy as np
import pandas as pd
import vectorbt as vbt

GOLDEN = Path(__file__).parent / "golden"
SEED = 20_240_517
EQUITY = 100_000.0

GROSS = 0.6
"""Orders lead to at most this gross exposure (of the initial equity), so that none is rejected."""

SMALLEST_UNIT = 1 / 1024
"""Units are whole multiples: fractions of a share that add up without rounding. backtrader splits
an order that turns a position round into the part that closes and the part that opens, and where
the two do not add up to the order it takes the last bit for an unfilled rest (and a second fee)."""

BARS = {1: 100, 5: 80, 12: 70, 30: 60}
"""Number of assets -> T + 1."""


class Bars(NamedTuple):
    """[T + 1, N] each."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


class Costs(NamedTuple):
    """Each asset its own, but for slippage, which in backtrader belongs to the broker."""

    commission: np.ndarray
    """[N] fraction of the value at the slipped price."""
    fixed: np.ndarray
    """[N] money per order."""
    slippage: float
    """Fraction of the price."""


class Case(NamedTuple):
    """One golden file."""

    fill: str
    assets: int
    costs: str

    @property
    def name(self) -> str:
        return "-".join(map(str, self))


class Result(NamedTuple):
    """What a peer reports, [T + 1, ...]."""

    cash: np.ndarray
    units: np.ndarray
    equity: np.ndarray
    fees: np.ndarray
    slippage: np.ndarray


def cases() -> list[Case]:
    """All costs together with every fill and number of assets, and each of them alone."""
    fills = ("next_open", "next_close", "same_close")
    together = [Case(fill, assets, "all") for fill in fills for assets in BARS]
    alone = [
        Case("next_open", assets, costs)
        for assets in (1, 5)
        for costs in ("none", "commission", "fixed", "slippage")
    ]
    return together + alone + [Case("next_close", assets, "fees") for assets in (1, 5)]


def draw_costs(case: Case) -> Costs:
    """none, commission, fixed, slippage, fees (the first two) or all three."""
    rng, n = np.random.default_rng((SEED, case.assets, 1)), case.assets
    commission, fixed, slippage = rng.uniform(2e-4, 2e-3, n), rng.uniform(0.5, 3.0, n), 7e-4
    return Costs(
        commission if case.costs in ("commission", "fees", "all") else np.zeros(n),
        fixed if case.costs in ("fixed", "fees", "all") else np.zeros(n),
        slippage if case.costs in ("slippage", "all") else 0.0,
    )


def draw_bars(rng: np.random.Generator, length: int, assets: int) -> Bars:
    """Random walks with gaps, in cents."""
    shape = (length, assets)
    close = rng.uniform(8, 400, assets) * np.exp(np.cumsum(rng.normal(0, 0.015, shape), 0))
    before = np.concatenate((close[:1], close[:-1]))
    start = before * np.exp(rng.normal(0, 0.006, shape))
    high = np.maximum(start, close) * (1 + abs(rng.normal(0, 0.004, shape)))
    low = np.minimum(start, close) * (1 - abs(rng.normal(0, 0.004, shape)))
    return Bars(*(np.round(prices, 2) for prices in (start, high, low, close)))


def draw_orders(rng: np.random.Generator, close: np.ndarray) -> np.ndarray:
    """[T, N] units: to random longs and shorts, half of them on the other side; exits; nothing."""
    share = GROSS * EQUITY / close.shape[1]
    orders = np.zeros_like(close[:-1])
    held = np.zeros(close.shape[1])
    for t in range(len(orders)):
        side = np.where(held == 0.0, 1.0, np.sign(held)) * rng.choice([-1.0, 1.0], held.size)
        goal = side * share * rng.uniform(0.2, 1.0, held.size) / close[t]
        goal[rng.random(held.size) < 0.15] = 0.0
        order = np.round(goal / SMALLEST_UNIT) * SMALLEST_UNIT - held
        order[rng.random(held.size) < 0.4] = 0.0
        order[abs(order) * close[t] < 0.05 * share] = 0.0
        orders[t] = order
        held = held + order
    return orders


def paid(fills: pd.DataFrame, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(fees, slippage) [T + 1] of orders.

    Args:
        fills: row, asset, size, price, fees of each.
        price: [T + 1, N] what the market asked.
    """
    row, asset = fills["row"].to_numpy(int), fills["asset"].to_numpy(int)
    fees, slippage = np.zeros(len(price)), np.zeros(len(price))
    np.add.at(fees, row, fills["fees"])
    slipped = abs(fills["size"] * (fills["price"] - price[row, asset]))
    np.add.at(slippage, row, slipped)
    return fees, slippage


def run_vectorbt(bars: Bars, orders: np.ndarray, fill: str, costs: Costs) -> Result:
    """One group of assets that share their cash.

    An order stands in the row of the bar in which it fills, NaN is none. Without partial fills and
    with rejections raised, an order fills whole or the script fails.
    """
    price = market_price(bars, fill)
    size = np.where(orders == 0.0, np.nan, orders)
    size = np.concatenate((np.full_like(size[:1], np.nan), size))
    portfolio = vbt.Portfolio.from_orders(
        close=pd.DataFrame(bars.close),
        size=size,
        size_type="amount",
        direction="both",
        price=price,
        fees=np.broadcast_to(costs.commission, price.shape),
        fixed_fees=np.broadcast_to(costs.fixed, price.shape),
        slippage=costs.slippage,
        allow_partial=False,
        raise_reject=True,
        init_cash=EQUITY,
        cash_sharing=True,
        group_by=True,
    )
    fills = portfolio.orders.records.rename(columns={"idx": "row", "col": "asset"})
    return Result(
        portfolio.cash().to_numpy(),
        portfolio.assets().to_numpy(),
        portfolio.value().to_numpy(),
        *paid(fills, price),
    )


class PercentAndFixed(bt.CommInfoBase):
    """A fraction of the value and a fixed fee once per order.

    backtrader asks for the commission of the part that closes a position and of the part that opens
    one, so that a plain fixed fee would be due twice where an order does both. It confirms an order
    once, after them.
    """

    params = (
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_PERC),
        ("percabs", True),
        ("fixed", 0.0),
    )

    def __init__(self) -> None:
        super().__init__()
        self.charged = False

    def getcommission(self, size: float, price: float) -> float:
        fixed = 0.0 if self.charged else self.p.fixed
        self.charged = True
        return abs(size) * price * self.p.commission + fixed

    def confirmexec(self, size: float, price: float) -> None:
        self.charged = False


class Follow(bt.Strategy):
    """Sends the orders of each bar and notes how the account stands."""

    params = (("orders", None), ("exectype", bt.Order.Market))

    def __init__(self) -> None:
        self.stands: list[tuple[float, float, list[float]]] = []
        self.fills: list[tuple[int, int, float, float, float]] = []

    def notify_order(self, order: bt.Order) -> None:
        if order.status in (order.Submitted, order.Accepted):
            return
        if order.status != order.Completed:
            raise RuntimeError(f"an order was not filled but {order.getstatusname()}: {order}")
        done, asset = order.executed, self.datas.index(order.data)
        self.fills.append((len(self) - 1, asset, done.size, done.price, done.comm))

    def next(self) -> None:
        units = [self.getposition(data).size for data in self.datas]
        self.stands.append((self.broker.getcash(), self.broker.getvalue(), units))
        t = len(self) - 1
        if t == len(self.p.orders):
            return
        for data, size in zip(self.datas, self.p.orders[t], strict=True):
            if size != 0.0:
                send = self.buy if size > 0.0 else self.sell
                send(data=data, size=abs(float(size)), exectype=self.p.exectype)


def run_backtrader(bars: Bars, orders: np.ndarray, fill: str, costs: Costs) -> Result:
    """Stocks whose short sale credits cash (`shortcash`, the default).

    next_open: market orders. same_close: market orders and cheat-on-close. next_close: orders of
    type Close, which backtrader never slips, so that slippage must be 0.
    """
    if fill == "next_close" and costs.slippage:
        raise ValueError("backtrader does not slip orders at the close")
    cerebro = bt.Cerebro(stdstats=False)
    broker = cerebro.broker
    broker.setcash(EQUITY)
    broker.set_shortcash(True)
    broker.set_coc(fill == "same_close")
    # The check before submission assumes yesterday's close, asks for commissions of orders that it
    # does not confirm, and is not needed: an order that cash does not cover fails at its fill.
    broker.set_checksubmit(False)
    # slip_out: slippage may leave the bar's range, else it would end at the high or low.
    broker.set_slippage_perc(costs.slippage, slip_open=True, slip_match=True, slip_out=True)
    times = pd.date_range("2000-01-01", periods=len(bars.close))
    for i in range(orders.shape[1]):
        frame = pd.DataFrame({name: getattr(bars, name)[:, i] for name in Bars._fields}, times)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame.assign(volume=1e9)), name=str(i))
        scheme = PercentAndFixed(commission=float(costs.commission[i]), fixed=float(costs.fixed[i]))
        broker.addcommissioninfo(scheme, name=str(i))
    exectype = bt.Order.Close if fill == "next_close" else bt.Order.Market
    cerebro.addstrategy(Follow, orders=orders, exectype=exectype)
    (followed,) = cerebro.run()
    cash, value, units = (np.array(column) for column in zip(*followed.stands, strict=True))
    fills = pd.DataFrame(followed.fills, columns=["row", "asset", "size", "price", "fees"])
    return Result(cash, units, value, *paid(fills, market_price(bars, fill)))


def market_price(bars: Bars, fill: str) -> np.ndarray:
    """[T + 1, N] price at which an order booked in each row fills, before slippage."""
    if fill == "same_close":
        return np.concatenate((bars.close[:1], bars.close[:-1]))
    return bars.open if fill == "next_open" else bars.close


def peers(case: Case) -> dict[str, Callable[[Bars, np.ndarray, str, Costs], Result]]:
    """Those that have the case's fill; vectorbt marks every fill at the close of its own bar."""
    able = {"vectorbt": run_vectorbt, "backtrader": run_backtrader}
    if case.fill == "same_close":
        del able["vectorbt"]
    if case.fill == "next_close" and case.costs == "all":
        del able["backtrader"]
    return able


def main() -> None:
    """Write all files anew."""
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.npz"):
        old.unlink()
    libraries = {"vectorbt": vbt, "backtrader": bt, "numpy": np, "pandas": pd}
    versions = ", ".join(f"{name} {library.__version__}" for name, library in libraries.items())
    for case in cases():
        rng = np.random.default_rng((SEED, case.assets, 0))
        bars = draw_bars(rng, BARS[case.assets], case.assets)
        orders, costs = draw_orders(rng, bars.close), draw_costs(case)
        found = {
            f"{peer}_{field}": values
            for peer, run in peers(case).items()
            for field, values in run(bars, orders, case.fill, costs)._asdict().items()
        }
        # Uncompressed, so that the same numbers are the same bytes.
        np.savez(
            GOLDEN / f"{case.name}.npz", **bars._asdict(), orders=orders, fill=case.fill,
            **costs._asdict(), initial_equity=EQUITY, **found, versions=versions,
        )  # fmt: skip


if __name__ == "__main__":
    main()
