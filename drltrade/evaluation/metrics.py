"""What a ledger is worth in numbers. Every convention is stated once, in `CONVENTIONS`.

The functions are pure and take arrays; `metrics` applies them to a ledger. Where a number is not
defined (a Sharpe ratio without volatility, a hit rate without trades) it is NaN: neither zero nor
an error. Figures of a year are NaN of fewer than `FEWEST_SESSIONS`. The definitions agree with
those of empyrical, where it has them.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.backtesting.trades import trades
from drltrade.data.labels import dates_of

CONVENTIONS: dict[str, str] = {
    "total_return": "Final equity / initial equity - 1, after all costs.",
    "annual_return": (
        "Geometric: (final / initial equity) ^ (periods per year / number of bars) - 1."
    ),
    "annual_volatility": (
        "Standard deviation of the simple returns per bar (ddof 1), times the square root of the "
        "periods per year."
    ),
    "sharpe": (
        "Mean / standard deviation (ddof 1) of the simple returns per bar, times the square root "
        "of the periods per year; risk-free rate 0."
    ),
    "sortino": (
        "Mean of the simple returns per bar / downside deviation about 0 (root mean square of the "
        "negative returns over all bars), times the square root of the periods per year; "
        "risk-free rate 0."
    ),
    "calmar": "Annual return / size of the maximum drawdown.",
    "max_drawdown": (
        "Lowest equity / highest equity before it - 1, at the closes; the initial equity is the "
        "first high, so a loss on the first bar counts."
    ),
    "turnover": (
        "Sum of |traded value| / equity, per year; selling everything and buying it back counts 2."
    ),
    "hit_rate": (
        "Share of round trips with a gain after costs; a trip still open at the end counts as "
        "marked at the last close."
    ),
    "trades": (
        "Number of round trips (from flat or a flip until flat or the next flip), the one still "
        "open at the end included."
    ),
    "exposure": "Mean over the closes of the sum of |weights|: 1 is fully invested, long or short.",
    "average_holding_bars": "Mean number of closes at which a round trip was held.",
    "costs_paid": (
        "All costs together, in money: commission, fixed fees, spread, slippage, impact, "
        "liquidation, borrow fees, financing, funding; less the interest and funding received."
    ),
    "cost_share": (
        "Costs paid / (net gain + costs paid); undefined when nothing was gained before costs."
    ),
    "final_equity": "Equity at the last close, in money.",
}
"""Metric -> how it is computed. The keys are those of `metrics`, in the order of a table."""

ANNUAL = ("annual_return", "annual_volatility", "sharpe", "sortino", "calmar", "turnover")
"""Those that are of a year."""
FEWEST_SESSIONS = 60
"""Below which nothing is said of a year: two good days are no +1,685%."""


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of an equity curve from its highest point so far."""

    depth: float
    """Equity at the trough / equity at the peak - 1; zero or negative."""
    peak: pd.Timestamp
    trough: pd.Timestamp
    recovery: pd.Timestamp | None
    """First bar at which equity stood at the peak again; None when it never did."""


def total_return(equity: Floats) -> float:
    """Final over initial equity, minus one. equity: [T + 1]."""
    return float(equity[-1] / equity[0] - 1.0)


def annual_return(equity: Floats, periods_per_year: float) -> float:
    """Geometric return a year. equity: [T + 1]; NaN when T is 0, -1 when nothing is left."""
    if len(equity) < 2:
        return math.nan
    growth = max(float(equity[-1] / equity[0]), 0.0)
    try:
        return float(growth ** (periods_per_year / (len(equity) - 1)) - 1.0)
    except OverflowError:
        return math.inf


def annual_volatility(returns: Floats, periods_per_year: float) -> float:
    """Standard deviation a year (ddof 1). returns: [T] simple; NaN when T < 2."""
    if len(returns) < 2:
        return math.nan
    return float(np.std(returns, ddof=1)) * math.sqrt(periods_per_year)


def sharpe(returns: Floats, periods_per_year: float) -> float:
    """Annualised mean over standard deviation, risk-free rate 0. NaN without volatility."""
    deviation = annual_volatility(returns, 1.0)
    # Equal returns have a standard deviation of a few rounding errors, not exactly zero.
    if not deviation > 1e-12 * float(np.max(np.abs(returns), initial=0.0)):
        return math.nan
    return float(np.mean(returns)) / deviation * math.sqrt(periods_per_year)


def sortino(returns: Floats, periods_per_year: float) -> float:
    """Annualised mean over downside deviation about 0. NaN when no return is negative."""
    if len(returns) < 2:
        return math.nan
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside == 0.0:
        return math.nan
    return float(np.mean(returns)) / downside * math.sqrt(periods_per_year)


def drawdowns(equity: Floats) -> Floats:
    """[T + 1] equity over its highest value so far, minus one: zero at a high, negative below."""
    fall: Floats = equity / np.maximum.accumulate(equity) - 1.0
    return fall


def max_drawdown(equity: Floats) -> float:
    """The deepest of `drawdowns`: zero or negative."""
    return float(np.min(drawdowns(equity)))


def calmar(equity: Floats, periods_per_year: float) -> float:
    """Annual return over the size of the maximum drawdown. NaN without a drawdown."""
    depth = max_drawdown(equity)
    return annual_return(equity, periods_per_year) / -depth if depth < 0.0 else math.nan


def annual_turnover(turnover: Floats, periods_per_year: float) -> float:
    """Turnover a year. turnover: [T] per bar; NaN when T is 0."""
    return float(np.mean(turnover)) * periods_per_year if len(turnover) else math.nan


def exposure(units: Floats, close: Floats, equity: Floats) -> float:
    """Mean gross weight at the close. units, close: [T, N]; equity: [T]; NaN when T is 0."""
    if not len(units):
        return math.nan
    value = np.abs(np.where(units != 0, units * close, 0.0)).sum(axis=1)
    return float(np.mean(value / equity))


def cost_share(gain: float, costs: float) -> float:
    """Costs over the gain before costs. gain: after costs, money. NaN when that is not positive."""
    gross = gain + costs
    return costs / gross if gross > 0.0 else math.nan


def drawdown(ledger: Ledger) -> Drawdown:
    """The deepest drawdown and its dates; the first time thrice when equity never fell."""
    fall = drawdowns(ledger.equity)
    trough = int(np.argmin(fall))
    peak = int(np.argmax(ledger.equity[: trough + 1]))
    again = np.flatnonzero(ledger.equity[trough:] >= ledger.equity[peak])
    recovery = ledger.times[trough + int(again[0])] if len(again) else None
    return Drawdown(float(fall[trough]), ledger.times[peak], ledger.times[trough], recovery)


def sessions_of(times: pd.DatetimeIndex) -> float:
    """Sessions in the time from the first close to the last: its dates, or of bars of more than a
    day five of seven days."""
    if len(times) < 2:
        return 0.0
    days = (times[-1] - times[0]) / pd.Timedelta(days=1) * 5.0 / 7.0
    return float(max(len(dates_of(times[1:]).unique()), days))


def metrics(ledger: Ledger) -> dict[str, float]:
    """Every metric of `CONVENTIONS`, NaN where one is not defined."""
    year = ledger.periods_per_year if sessions_of(ledger.times) >= FEWEST_SESSIONS else math.nan
    equity, returns = ledger.equity, ledger.returns
    trips = trades(ledger)
    costs = float(np.sum(ledger.total_cost))
    return {
        "total_return": total_return(equity),
        "annual_return": annual_return(equity, year),
        "annual_volatility": annual_volatility(returns, year),
        "sharpe": sharpe(returns, year),
        "sortino": sortino(returns, year),
        "calmar": calmar(equity, year),
        "max_drawdown": max_drawdown(equity),
        "turnover": annual_turnover(ledger.turnover[1:], year),
        "hit_rate": float((trips["pnl"] > 0).mean()) if len(trips) else math.nan,
        "trades": float(len(trips)),
        "exposure": exposure(ledger.units[1:], ledger.close[1:], equity[1:]),
        "average_holding_bars": float(trips["bars"].mean()) if len(trips) else math.nan,
        "costs_paid": costs,
        "cost_share": cost_share(float(equity[-1] - equity[0]), costs),
        "final_equity": float(equity[-1]),
    }
