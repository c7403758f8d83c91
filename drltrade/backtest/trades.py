"""The round trips of a ledger: what was held, from when to when, and what it earned.

A round trip opens when a position leaves zero (or flips its sign) and closes when the position
returns to zero or flips. Additions and reductions in between belong to it. What is still held at
the end is closed in marking, at the last close and without a cost, and says so (`open`).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.backtest.ledger import Floats, Ledger
from drltrade.errors import DataError

TIME_COSTS = ("borrow", "financing")
"""Parts that accrue with time; every other part is paid for a trade."""


def trades(ledger: Ledger) -> pd.DataFrame:
    """One row per round trip, in order of entry; empty when nothing was traded.

    Columns
    -------
    symbol, side        side is "long" or "short"
    entry_time          label of the bar in which the first fill happened (for `same_close` the bar
                        at whose close it did)
    exit_time           the same for the last fill, or the last bar when still open
    entry_price         quantity-weighted mean over the opening fill and all additions
    exit_price          quantity-weighted mean over all reductions; both before slippage
    units               largest absolute holding, in shares
    bars                number of closes at which it was held
    gross_pnl           money earned before costs
    cost                money paid: its share of the costs of its fills, plus borrow and financing
    pnl                 gross_pnl - cost
    return              pnl / equity at the close before the first fill
    open                True when it was still held at the end

    How shared costs are split. Costs of a trade go to assets by traded value (the fixed fee: evenly
    by order), and on a bar that flips a position to the closed and the opened trip by quantity.
    Borrow goes to assets by the value held short, financing by the absolute value held; both to the
    trip held before the fill (for `same_close`: after it). So the pnl of all trips sums to
    equity[-1] - equity[0], apart from interest that idle cash earned while nothing was held, and
    from what a ruined account was forgiven: there the trips lose more than the account had.

    Raises DataError when units change in a bar without a fill price.
    """
    if len(ledger.times) < 2:
        return _frame(ledger, [])
    ledger = _with_liquidation(ledger)
    price = _trade_price(ledger)
    costs = _costs_by_asset(ledger, price)
    return _frame(
        ledger, [_trips(ledger, asset, price, *costs) for asset in range(len(ledger.symbols))]
    )


def _with_liquidation(ledger: Ledger) -> Ledger:
    """The ledger with the close of a ruined account as a row of its own after the fill's."""
    if ledger.ruin is None or not ledger.ruin.units.any():
        return ledger
    row = ledger.ruin.row

    def doubled(values: Floats) -> Floats:
        return np.insert(values, row, values[row], axis=0)

    units, fill_price = doubled(ledger.units), doubled(ledger.fill_price)
    units[row] = ledger.ruin.units
    fill_price[row + 1] = ledger.close[row]
    costs = {part: np.insert(paid, row + 1, 0.0) for part, paid in ledger.costs.items()}
    return replace(
        ledger,
        times=ledger.times.insert(row, ledger.times[row]),
        close=doubled(ledger.close),
        units=units,
        fill_price=fill_price,
        cash=doubled(ledger.cash),
        equity=doubled(ledger.equity),
        turnover=doubled(ledger.turnover),
        costs=costs,
        targets=doubled(ledger.targets),
        ruin=None,
    )


def _trips(
    ledger: Ledger, asset: int, price: Floats, trade_cost: Floats, time_cost: Floats
) -> pd.DataFrame:
    """Round trips of one asset; `price` and the costs are [T, N] for rows 1..T."""
    after, before = ledger.units[1:, asset], ledger.units[:-1, asset]
    change = np.abs(after - before)
    reduces = np.sign(before) * (after - before) < 0
    closed = np.where(reduces, np.minimum(change, np.abs(before)), 0.0)
    opened = change - closed

    # Trips are numbered from 0 in order of entry; -1 where nothing is held.
    held = ledger.units[:, asset] != 0
    starts = held & (np.sign(ledger.units[:, asset]) != np.sign(_previous(ledger.units[:, asset])))
    number = np.where(held, np.cumsum(starts) - 1, -1)
    count = int(starts.sum())
    trip_before, trip_after = number[:-1], number[1:]

    def total(trip: NDArray[np.int64], amount: Floats) -> Floats:
        """[count] sum of `amount` over the rows of each trip."""
        mine = (trip >= 0) & (amount != 0)
        summed = np.bincount(trip[mine], weights=amount[mine], minlength=count)
        return summed.astype(np.float64)  # without a single row, bincount counts in integers

    bought = total(trip_after, opened)
    paid = total(trip_after, opened * price[:, asset])
    sold = total(trip_before, closed)
    received = total(trip_before, closed * price[:, asset])
    if held[0]:  # a ledger that begins with a holding: taken over at its first close
        bought[0] += abs(ledger.units[0, asset])
        paid[0] += abs(ledger.units[0, asset]) * ledger.close[0, asset]
    if held[-1]:
        sold[-1] += abs(after[-1])
        received[-1] += abs(after[-1]) * ledger.close[-1, asset]

    share = np.divide(closed, change, out=np.zeros_like(change), where=change > 0)
    cost = total(trip_before, trade_cost[:, asset] * share)
    cost += total(trip_after, trade_cost[:, asset] * (1 - share))
    first, second = trip_before, trip_after
    if _fills_at_start(ledger):
        first, second = second, first
    cost += total(np.where(first >= 0, first, second), time_cost[:, asset])

    entry = np.flatnonzero(starts)
    bars = np.bincount(number[held], minlength=count)
    still_open = np.zeros(count, dtype=bool)
    still_open[-1:] = held[-1]
    exit_row = np.where(still_open, len(number) - 1, entry + bars)
    back = 1 if _fills_at_start(ledger) else 0
    side = np.sign(ledger.units[entry, asset])
    largest = np.zeros(count)
    np.maximum.at(largest, number[held], np.abs(ledger.units[held, asset]))
    gross = side * (received - paid)
    return pd.DataFrame(
        {
            "symbol": ledger.symbols[asset],
            "side": np.where(side > 0, "long", "short"),
            "entry_time": ledger.times[np.maximum(entry - back, 0)],
            "exit_time": ledger.times[np.where(still_open, exit_row, exit_row - back)],
            "entry_price": paid / bought,
            "exit_price": received / sold,
            "units": largest,
            "bars": bars,
            "gross_pnl": gross,
            "cost": cost,
            "pnl": gross - cost,
            "return": (gross - cost) / ledger.equity[np.maximum(entry - 1, 0)],
            "open": still_open,
            "_row": entry,
        }
    )


def _trade_price(ledger: Ledger) -> Floats:
    """[T, N] price at which units changed in rows 1..T, zero where they did not."""
    change = np.diff(ledger.units, axis=0)
    price = np.where(change != 0, ledger.fill_price[1:], 0.0)
    unfilled = ~np.isfinite(price)
    if unfilled.any():
        row, asset = np.argwhere(unfilled)[0]
        raise DataError(
            f"the units of {ledger.symbols[asset]} change by {change[row, asset]:g} in the bar "
            f"{ledger.times[row + 1]} but the ledger holds no fill price there"
        )
    return price


def _costs_by_asset(ledger: Ledger, price: Floats) -> tuple[Floats, Floats]:
    """[T, N] money of rows 1..T: what trades cost, and what time cost, split over the assets."""
    change = np.diff(ledger.units, axis=0)
    traded = np.abs(change) * price
    holding = ledger.units[1:] if _fills_at_start(ledger) else ledger.units[:-1]
    nothing = ~holding.any(axis=1, keepdims=True)
    holding = np.where(nothing, ledger.units[1:], holding)
    value = holding * np.where(holding != 0, ledger.close[:-1], 0.0)

    trade_cost, time_cost = np.zeros(change.shape), np.zeros(change.shape)
    for part, paid in ledger.costs.items():
        money = np.asarray(paid)[1:, None]
        if part == "borrow":
            time_cost += money * _shares(np.maximum(-value, 0.0), np.abs(value))
        elif part in TIME_COSTS:
            time_cost += money * _shares(np.abs(value))
        else:
            by = (change != 0).astype(np.float64) if part == "fixed" else traded
            none = ~(by > 0).any(axis=1, keepdims=True)
            trade_cost += np.where(none, 0.0, money * _shares(by))
            # Money paid in a bar without a trade is carried by what was held.
            time_cost += np.where(none, money * _shares(np.abs(value)), 0.0)
    return trade_cost, time_cost


def _shares(amount: Floats, otherwise: Floats | None = None) -> Floats:
    """[T, N] each row scaled to sum 1; a row of zeros is scaled from `otherwise`, or stays zero."""
    if otherwise is not None:
        amount = np.where(amount.any(axis=1, keepdims=True), amount, otherwise)
    row = amount.sum(axis=1, keepdims=True)
    scaled: Floats = np.divide(amount, row, out=np.zeros_like(amount), where=row > 0)
    return scaled


def _fills_at_start(ledger: Ledger) -> bool:
    """True when an order fills at the very close that opens the row, before time passes in it."""
    return ledger.fill == "same_close"


def _previous(values: Floats) -> Floats:
    """[T + 1] the value one row earlier, zero before the first."""
    return np.concatenate([[0.0], values[:-1]])


def _frame(ledger: Ledger, parts: list[pd.DataFrame]) -> pd.DataFrame:
    found = [part for part in parts if len(part)]
    if found:
        table = pd.concat(found, ignore_index=True)
        table = table.sort_values("_row", kind="stable", ignore_index=True)
        return table.drop(columns="_row")
    none = np.zeros(0)
    columns: dict[str, object] = {"symbol": none.astype(str), "side": none.astype(str)}
    columns |= {"entry_time": ledger.times[:0], "exit_time": ledger.times[:0]}
    columns |= {"entry_price": none, "exit_price": none, "units": none}
    columns |= {"bars": none.astype(np.int64), "gross_pnl": none, "cost": none, "pnl": none}
    columns |= {"return": none, "open": none.astype(bool)}
    return pd.DataFrame(columns)
