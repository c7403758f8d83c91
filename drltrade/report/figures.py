"""Figures over time: equity, drawdown, positions over the price."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.backtesting.trades import trades
from drltrade.evaluation.metrics import drawdowns
from drltrade.report.style import (
    ASSET_COLOURS,
    EXIT_COLOUR,
    FAINT,
    INK,
    LONG_COLOUR,
    SHORT_COLOUR,
    axis_times,
    distinct,
    drawn_rows,
    faded,
    label,
    laid_out,
    log_ticks,
)
from drltrade.report.summary import Entry

MOST_MARKERS = 120
"""Of more round trips than this every k-th is marked: the position panel shows them all."""

LOWEST_EQUITY = 0.01
"""Where the log scale of equity ends, so that a ruined account does not flatten all others."""


def equity_figure(
    entries: Sequence[Entry], benchmark: str, colours: Mapping[str, str]
) -> go.Figure:
    """Growth of 1 on a log scale: median and band over seeds, baselines as thin lines.

    Random strategies are hidden until their name in the legend is clicked.
    """
    figure = go.Figure()
    times, rows = _axis(entries)
    lowest, highest = 1.0, 1.0
    for rank, entry in _agents_on_top(entries):
        growth = np.array([ledger.equity[rows] / ledger.equity[0] for ledger in entry.ledgers])
        growth[growth <= 0] = np.nan  # nothing left: a log scale has no place for it
        colour, agent = colours[entry.name], entry.kind == "agent"
        shown: bool | str = "legendonly" if entry.kind == "random" else True
        if len(growth) > 1:
            edges = (0, 100) if agent else (5, 95)
            low, high = _percentiles(growth, edges)
            _band(figure, times, low, high, label(entry.name), faded(colour, 0.14), shown)
        width = 2.4 if agent else 1.8 if entry.name == benchmark else 1.2
        figure.add_scatter(
            x=times,
            y=_percentiles(growth, (50,))[0],
            name=_series_name(entry),
            legendrank=rank,
            legendgroup=label(entry.name),
            visible=shown,
            line={"color": colour, "width": width, "dash": "solid" if shown is True else "dot"},
            hovertemplate="%{y:.3f}",
        )
        for number, line in enumerate(growth if agent and len(growth) > 1 else ()):
            figure.add_scatter(
                x=times,
                y=line,
                name=f"{label(entry.name)}: each seed",
                legendgroup=f"{label(entry.name)}: each seed",
                legendrank=rank,
                showlegend=number == 0,
                visible="legendonly",
                line={"color": faded(colour, 0.55), "width": 1},
                hovertemplate=f"%{{y:.3f}} ({entry.seed_name(number)})",
            )
        if shown is not True:
            continue
        lowest = min(lowest, float(np.nanmin(growth)))
        highest = max(highest, float(np.nanmax(growth)))
    laid_out(figure, 480)
    lowest = max(lowest, LOWEST_EQUITY)
    ticks = log_ticks(lowest, highest)
    figure.update_yaxes(
        type="log",
        range=[np.log10(lowest) - 0.02, np.log10(highest) + 0.02],
        title_text="Equity (start = 1)",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_xaxes(type="date")
    return figure


def drawdown_figure(
    entries: Sequence[Entry], benchmark: str, colours: Mapping[str, str]
) -> go.Figure:
    """Equity below its highest point so far, of the representative seed of each entry."""
    figure = go.Figure()
    times, rows = _axis(entries)
    for rank, entry in _agents_on_top([each for each in entries if each.kind != "random"]):
        agent, colour = entry.kind == "agent", colours[entry.name]
        width = 1.8 if agent else 1.4 if entry.name == benchmark else 1.0
        shown = agent or entry.name == benchmark
        figure.add_scatter(
            x=times,
            y=drawdowns(entry.ledgers[entry.representative].equity)[rows],
            name=label(entry.name),
            legendrank=rank,
            visible=True if shown else "legendonly",
            line={"color": colour, "width": width},
            fill="tozeroy" if agent else None,
            fillcolor=faded(colour, 0.08),
            hovertemplate="%{y:.1%}",
        )
    laid_out(figure, 340)
    figure.update_yaxes(title_text="Drawdown", tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(type="date")
    return figure


def position_figure(ledger: Ledger) -> go.Figure:
    """Price above, position below. Several assets: prices from 1, weights, exposure."""
    if len(ledger.symbols) > 1:
        return _weights_figure(ledger)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06
    )
    rows = drawn_rows(len(ledger.times))
    times = axis_times(ledger.times[rows])
    _price_and_trades(figure, ledger, times, rows)
    weight = ledger.weights[rows, 0]
    for side, colour, name in ((1, LONG_COLOUR, "Long"), (-1, SHORT_COLOUR, "Short")):
        figure.add_scatter(
            x=times,
            y=np.where(weight * side > 0, weight, 0.0),
            name=f"{name} position",
            showlegend=False,
            line={"color": colour, "width": 0, "shape": "vh"},
            fill="tozeroy",
            fillcolor=faded(colour, 0.55),
            hovertemplate="%{y:.0%}",
            row=2,
            col=1,
        )
    laid_out(figure, 460)
    figure.update_yaxes(title_text=f"{label(ledger.symbols[0])}, close", row=1, col=1)
    figure.update_yaxes(title_text="Position", tickformat=".0%", row=2, col=1)
    figure.update_xaxes(type="date", range=[times[0], times[-1]])
    return figure


def _weights_figure(ledger: Ledger) -> go.Figure:
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.4, 0.38, 0.22], vertical_spacing=0.05
    )
    rows = drawn_rows(len(ledger.times))
    times = axis_times(ledger.times[rows])
    weights = np.where(ledger.units[rows] != 0, ledger.weights[rows], 0.0)
    palette = distinct(ASSET_COLOURS, len(ledger.symbols))
    for i, symbol in enumerate(ledger.symbols):
        colour = palette[i]
        common = {"x": times, "name": label(symbol), "legendgroup": label(symbol)}
        figure.add_scatter(
            **common,
            y=ledger.close[rows, i] / ledger.close[0, i],
            line={"color": colour, "width": 1.3},
            hovertemplate="%{y:.3f}",
            row=1,
            col=1,
        )
        # What is long is stacked above zero, what is short below; the first speaks for both.
        for side in ("long", "short"):
            long = side == "long"
            told = {"hovertemplate": "%{customdata:.1%}"} if long else {"hoverinfo": "skip"}
            figure.add_scatter(
                **common,
                **told,
                y=np.maximum(weights[:, i], 0.0) if long else np.minimum(weights[:, i], 0.0),
                customdata=weights[:, i] if long else None,
                showlegend=False,
                stackgroup=side,
                line={"color": colour, "width": 0, "shape": "vh"},
                fillcolor=faded(colour, 0.75),
                row=2,
                col=1,
            )
    for name, exposure, dash in (
        ("Gross exposure", np.abs(weights).sum(1), "solid"),
        ("Net exposure", weights.sum(1), "dot"),
    ):
        figure.add_scatter(
            x=times,
            y=exposure,
            name=name,
            line={"color": INK, "width": 1.3, "dash": dash, "shape": "vh"},
            hovertemplate="%{y:.1%}",
            row=3,
            col=1,
        )
    laid_out(figure, 640)
    figure.update_yaxes(title_text="Close (start = 1)", row=1, col=1)
    figure.update_yaxes(title_text="Weights", tickformat=".0%", row=2, col=1)
    figure.update_yaxes(title_text="Exposure", tickformat=".0%", row=3, col=1)
    figure.update_yaxes(zeroline=True, zerolinecolor=FAINT, row=2)
    figure.update_yaxes(zeroline=True, zerolinecolor=FAINT, row=3)
    figure.update_xaxes(type="date", range=[times[0], times[-1]])
    return figure


def _price_and_trades(
    figure: go.Figure, ledger: Ledger, times: list[str], rows: np.ndarray
) -> None:
    figure.add_scatter(
        x=times,
        y=ledger.close[rows, 0],
        name=f"{label(ledger.symbols[0])}, close",
        line={"color": FAINT, "width": 1.3},
        hovertemplate="%{y:,.2f}",
        row=1,
        col=1,
    )
    trips = trades(ledger)
    trips = trips.iloc[:: marked_every(len(trips))]
    closed = trips[~trips["open"]]
    for name, side, symbol, colour in (
        ("Opens long", "long", "triangle-up", LONG_COLOUR),
        ("Opens short", "short", "triangle-down", SHORT_COLOUR),
    ):
        mine = trips[trips["side"] == side]
        _markers(figure, mine["entry_time"], mine["entry_price"], name, symbol, colour)
    for name, way, symbol, colour in (
        ("Closes", "order", "x-thin-open", INK),
        ("Closes without an order", "exit", "circle-open", EXIT_COLOUR),
    ):
        mine = closed[closed["exit"] == way]
        _markers(figure, mine["exit_time"], mine["exit_price"], name, symbol, colour)


def marked_every(trips: int) -> int:
    """k where every k-th round trip is marked."""
    return max(-(-trips // MOST_MARKERS), 1)


def _markers(
    figure: go.Figure, times: pd.Series, prices: pd.Series, name: str, symbol: str, colour: str
) -> None:
    if len(times):
        figure.add_scatter(
            x=axis_times(pd.DatetimeIndex(times)),
            y=prices.to_numpy(),
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 8, "color": colour, "line": {"width": 1}},
            hovertemplate=f"{name.lower()} at %{{y:,.2f}}<extra></extra>",
            row=1,
            col=1,
        )


def _band(
    figure: go.Figure, times: list[str], low: Floats, high: Floats, group: str, colour: str,
    visible: bool | str,
) -> None:  # fmt: skip
    edge = {"x": times, "legendgroup": group, "showlegend": False, "hoverinfo": "skip"}
    edge["visible"] = visible
    figure.add_scatter(**edge, y=high, line={"width": 0}, mode="lines")
    figure.add_scatter(
        **edge, y=low, line={"width": 0}, mode="lines", fill="tonexty", fillcolor=colour
    )


def _percentiles(growth: Floats, each: tuple[int, ...]) -> Floats:
    """[len(each), T] percentiles over the paths [P, T]; NaN where no path has anything left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: Floats = np.nanpercentile(growth, each, axis=0)
    return found


def _agents_on_top(entries: Sequence[Entry]) -> list[tuple[int, Entry]]:
    """Entries in the order to draw them, the agents last; each with its place in the legend."""
    return sorted(enumerate(entries, start=1), key=lambda ranked: ranked[1].kind == "agent")


def _axis(entries: Sequence[Entry]) -> tuple[list[str], np.ndarray]:
    times = entries[0].ledgers[0].times
    rows = drawn_rows(len(times))
    return axis_times(times[rows]), rows


def _series_name(entry: Entry) -> str:
    name, count = label(entry.name), len(entry.ledgers)
    if count == 1:
        return name
    if entry.kind == "agent":
        return f"{name} (median of {count})"
    return f"{name} (5-95% of {count})"
