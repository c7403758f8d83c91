"""The round trips of a ledger: what was held, from when to when, and what it earned.

A round trip opens when a position leaves zero (or flips its sign) and closes when the position
returns to zero or flips, by an order or without one. Additions and reductions in between belong to
it. What is still held at the end is closed in marking, at the last close and without a cost, and
says so (`open`).
"""

from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.errors import DataError

Bools = NDArray[np.bool_]
Kind = TypeVar("Kind", bound=np.generic)

TIME_COSTS = ("borrow", "financing", "funding")
"""Parts that accrue with time on what is held; every other part but interest is paid for a fill."""


class Events(NamedTuple):
    """The fills of a ledger in order: two events for each bar, of which most change nothing.

    An order and an exit (what was closed without an order) of one bar are two events, so that a
    position opened and stopped out within a bar has been held between them.
    """

    units: Floats
    """[2 T + 1, N] shares held after each event; row 0 before all of them."""
    price: Floats
    """[2 T, N] at which units changed; 0 where they did not."""
    exits: Bools
    """[2 T, N] True where a position was closed without an order."""
    fill_cost: Floats
    """[2 T, N] money that the fill cost."""
    time_cost: Floats
    """[2 T, N] money that holding cost, at the first event of each bar."""


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
    bars                number of closes at which it was held; 0 when closed in the bar of its entry
    gross_pnl           money earned before costs
    cost                money paid: its share of what fills cost, of borrow, financing and funding
    pnl                 gross_pnl - cost
    return              pnl / equity at the close before the first fill
    exit                what closed it: "order"; "exit" for stop-loss, take-profit, margin call,
                        ruin or delisting; "" when still open
    open                True when it was still held at the end

    How shared costs are split. Costs of the fills of a bar go to its orders and exits by traded
    value (the fixed fee: evenly; liquidation: to exits alone), and of a fill that flips a position
    to the closed and the opened trip by quantity. So where rates differ, as a maker's and a
    taker's, the split within a bar is an approximation, the sum exact. What is closed for nothing
    by ruin or delisting bears none: an exit at the close of the bar of the ruin, or at a price that
    then never changes. Borrow goes to assets by the value held short, financing by the absolute
    value held, funding by the signed value (which is exact where all have one rate); all to the
    trip held at the start of the bar (for `same_close`: after its order).

    The pnl of all trips sums to equity[-1] - equity[0], apart from interest on cash, which belongs
    to none, and from what a ruined account was forgiven: there the trips lose more than it had.

    Raises DataError when units change in a bar without a price.
    """
    if len(ledger.times) < 2:
        return _frame(ledger, [])
    events = _events(ledger)
    return _frame(ledger, [_trips(ledger, asset, events) for asset in range(len(ledger.symbols))])


def _events(ledger: Ledger) -> Events:
    before, after, closed = ledger.units[:-1], ledger.units[1:], ledger.exit_units[1:]
    exited, at_close = closed != 0.0, ledger.fill == "next_close"
    # What is closed within a bar was held before an order at the bar's close, and after any other.
    first = exited & (closed == before) & at_close
    between = np.where(exited, np.where(first, 0.0, closed), before if at_close else after)
    units = np.concatenate((before[:1], _paired(between, after)))
    exits = _paired(first, exited & ~first)
    quoted = np.where(
        exits, np.repeat(ledger.exit_price[1:], 2, 0), np.repeat(ledger.fill_price[1:], 2, 0)
    )
    change = np.diff(units, axis=0)
    price = np.where(change != 0.0, quoted, 0.0)
    _check_priced(ledger, change, price)
    value, shape = np.abs(change) * price, change.shape
    fill_cost = _fill_costs(ledger, value, exits).reshape(shape)
    held = between if ledger.fill == "same_close" else before
    time_cost = _time_costs(ledger, held * np.where(held != 0.0, ledger.close[:-1], 0.0))
    return Events(units, price, exits, fill_cost, _paired(time_cost, np.zeros_like(time_cost)))


def _paired(first: NDArray[Kind], second: NDArray[Kind]) -> NDArray[Kind]:
    """[2 T, N] the rows of two tables [T, N] by turns."""
    return np.stack((first, second), axis=1).reshape(-1, first.shape[1])


def _check_priced(ledger: Ledger, change: Floats, price: Floats) -> None:
    unfilled = ~np.isfinite(price)
    if unfilled.any():
        event, asset = np.argwhere(unfilled)[0]
        raise DataError(
            f"the units of {ledger.symbols[asset]} change by {change[event, asset]:g} in the bar "
            f"{ledger.times[event // 2 + 1]} but the ledger holds no fill price there"
        )


def _fill_costs(ledger: Ledger, value: Floats, exits: Bools) -> Floats:
    """[T, 2 N] money paid for the fills of each bar; `value`, `exits` as in `Events`."""
    bars = len(ledger.times) - 1
    exits, value = exits.reshape(bars, -1), value.reshape(bars, -1)
    charged = np.where(exits & np.tile(_closed_for_nothing(ledger), 2), 0.0, value)
    weights = {"fixed": (charged > 0.0).astype(np.float64)}
    weights["liquidation"] = np.where(exits, charged, 0.0)
    cost = np.zeros_like(value)
    for part, paid in ledger.costs.items():
        if part not in (*TIME_COSTS, "interest"):
            share = _shares(weights.get(part, charged), otherwise=value)
            cost += np.asarray(paid)[1:, None] * share
    return cost


def _closed_for_nothing(ledger: Ledger) -> Bools:
    """[T, N] where an exit is one of ruin at the close, or of delisting."""
    close, rows = ledger.close, np.arange(1, len(ledger.times))[:, None]
    same_as_last = (close == close[-1])[::-1]
    ended = np.logical_and.accumulate(same_as_last)[::-1][:-1]
    ruined = rows == (0 if ledger.ruin is None else ledger.ruin.row)
    found: Bools = (ledger.exit_price[1:] == close[1:]) & (ended | ruined)
    return found


def _time_costs(ledger: Ledger, value: Floats) -> Floats:
    """[T, N] money that holding `value` [T, N] (signed) cost in each bar."""
    size = np.abs(value)
    # The net value of a hedged book can be rounding noise; then funding is as well.
    hedged = np.abs(value.sum(1, keepdims=True)) <= 1e-9 * size.sum(1, keepdims=True)
    weights = {"borrow": np.maximum(-value, 0.0), "funding": np.where(hedged, size, value)}
    cost = np.zeros_like(value)
    for part in TIME_COSTS:
        if part in ledger.costs:
            share = _shares(weights.get(part, size), otherwise=size)
            cost += np.asarray(ledger.costs[part])[1:, None] * share
    return cost


def _shares(amount: Floats, otherwise: Floats) -> Floats:
    """[T, K] each row scaled to sum 1; a row of zeros from `otherwise`, or it stays zero."""
    amount = np.where(amount.any(axis=1, keepdims=True), amount, otherwise)
    row = amount.sum(axis=1, keepdims=True)
    scaled: Floats = np.divide(amount, row, out=np.zeros_like(amount), where=row != 0.0)
    return scaled


def _trips(ledger: Ledger, asset: int, events: Events) -> pd.DataFrame:
    """Round trips of one asset."""
    units, price = events.units[:, asset], events.price[:, asset]
    after, before = units[1:], units[:-1]
    change = np.abs(after - before)
    reduces = np.sign(before) * (after - before) < 0
    closed = np.where(reduces, np.minimum(change, np.abs(before)), 0.0)
    opened = change - closed

    # Trips are numbered from 0 in order of entry; -1 where nothing is held.
    held = units != 0.0
    starts = held & (np.sign(units) != np.sign(np.concatenate(([0.0], before))))
    number = np.where(held, np.cumsum(starts) - 1, -1)
    count = int(starts.sum())
    trip_before, trip_after = number[:-1], number[1:]

    def total(trip: NDArray[np.int64], amount: Floats) -> Floats:
        """[count] sum of `amount` over the events of each trip."""
        mine = (trip >= 0) & (amount != 0)
        summed = np.bincount(trip[mine], weights=amount[mine], minlength=count)
        return summed.astype(np.float64)  # without a single row, bincount counts in integers

    bought, paid = total(trip_after, opened), total(trip_after, opened * price)
    sold, received = total(trip_before, closed), total(trip_before, closed * price)
    if held[0]:  # a ledger that begins with a holding: taken over at its first close
        bought[0] += abs(units[0])
        paid[0] += abs(units[0]) * ledger.close[0, asset]
    if held[-1]:
        sold[-1] += abs(units[-1])
        received[-1] += abs(units[-1]) * ledger.close[-1, asset]

    share = np.divide(closed, change, out=np.zeros_like(change), where=change > 0)
    fill_cost = events.fill_cost[:, asset]
    cost = total(trip_before, fill_cost * share) + total(trip_after, fill_cost * (1 - share))
    at_once = ledger.fill == "same_close"
    cost += total(trip_after if at_once else trip_before, events.time_cost[:, asset])

    still_open = np.zeros(count, dtype=bool)
    still_open[-1:] = held[-1]
    entry = np.flatnonzero(starts)
    last = np.where(still_open, len(change), entry + np.bincount(number[held], minlength=count))
    by_order = np.where(events.exits[last - 1, asset], "exit", "order")
    side = np.sign(units[entry])
    largest = np.zeros(count)
    np.maximum.at(largest, number[held], np.abs(units[held]))
    gross = side * (received - paid)
    # Event 2 t - 1 and event 2 t belong to row t; row 0 is event 0.
    row, at_closes = (entry + 1) // 2, number[::2]
    filled_in = np.arange(len(units)) // 2 if at_once else np.arange(1, len(units) + 1) // 2
    return pd.DataFrame(
        {
            "symbol": ledger.symbols[asset],
            "side": np.where(side > 0, "long", "short"),
            "entry_time": ledger.times[filled_in[entry]],
            "exit_time": ledger.times[filled_in[last]],
            "entry_price": paid / bought,
            "exit_price": received / sold,
            "units": largest,
            "bars": np.bincount(at_closes[at_closes >= 0], minlength=count),
            "gross_pnl": gross,
            "cost": cost,
            "pnl": gross - cost,
            "return": (gross - cost) / ledger.equity[np.maximum(row - 1, 0)],
            "exit": np.where(still_open, "", by_order),
            "open": still_open,
            "_row": row,
        }
    )


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
    columns |= {"return": none, "exit": none.astype(str), "open": none.astype(bool)}
    return pd.DataFrame(columns)
