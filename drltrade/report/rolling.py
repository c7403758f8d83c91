"""The Sharpe ratio over a window that moves along the period."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.evaluation.metrics import FEWEST_SESSIONS, sessions_of
from drltrade.report.style import FAINT, axis_times, drawn_rows, label, laid_out
from drltrade.report.summary import Entry

YEARS = (0.5, 0.25)
"""Lengths of a window, the first that fits the period twice."""


def rolling_window(ledger: Ledger) -> int:
    """Bars of the window: half a year, or a quarter; 0 where the period holds neither twice.

    Nor are there windows of fewer sessions than a figure of a year is made of.
    """
    sessions = sessions_of(ledger.times)
    for years in YEARS:
        window = round(years * ledger.periods_per_year)
        bars = len(ledger.times) - 1
        if 2 <= 2 * window <= bars and sessions * window / bars >= FEWEST_SESSIONS:
            return window
    return 0


def rolling_sharpe(ledger: Ledger, window: int) -> Floats:
    """[T + 1] Sharpe ratio a year of the `window` bars up to each; NaN before, or if all is one."""
    returns = pd.Series(ledger.returns)
    rolled = returns.rolling(window)
    deviation = rolled.std(ddof=1)
    # As in `metrics.sharpe`: rounding is no volatility.
    varied = deviation > 1e-12 * returns.abs().rolling(window).max()
    ratio = (rolled.mean() / deviation).where(varied) * np.sqrt(ledger.periods_per_year)
    return np.concatenate(([np.nan], ratio.to_numpy(np.float64)))


def rolling_figure(
    entries: Sequence[Entry], benchmark: str, colours: Mapping[str, str], window: int
) -> go.Figure:
    """The rolling Sharpe ratio of the representative seed of each entry."""
    figure = go.Figure()
    times = entries[0].ledgers[0].times
    rows = drawn_rows(len(times))
    rows = rows[rows >= window]
    for entry in sorted(entries, key=lambda each: each.kind == "agent"):
        reference = entry.name == benchmark
        figure.add_scatter(
            x=axis_times(times[rows]),
            y=rolling_sharpe(entry.ledgers[entry.representative], window)[rows],
            name=label(entry.name),
            line={"color": colours[entry.name], "width": 1.8 if reference else 1.6,
                  "dash": "dot" if reference else "solid"},
            hovertemplate="%{y:.2f}",
        )  # fmt: skip
    laid_out(figure, 320)
    figure.update_yaxes(title_text=f"Sharpe, {window:,} bars", zeroline=True, zerolinecolor=FAINT)
    figure.update_xaxes(type="date")
    return figure
