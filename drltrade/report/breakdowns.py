"""Figures that take the result apart: costs by part, months, the distribution of returns."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.data.labels import dates_of
from drltrade.evaluation.metrics import annual_turnover
from drltrade.report.style import FAINT, INK, MONTHS, PART_COLOURS, label, laid_out
from drltrade.report.summary import Entry, cost_paid, cost_parts


def cost_figure(entries: Sequence[Entry], colours: Mapping[str, str]) -> go.Figure | None:
    """Costs by part as a share of initial equity, and turnover a year; representative seeds.

    What was received (interest, or funding of a short position) lies left of zero. A panel in which
    there would be nothing is left out; None: both are.
    """
    shown = [(entry, entry.ledgers[entry.representative]) for entry in entries]
    shares = {
        part: [cost_paid(ledger).get(part, 0.0) / ledger.equity[0] for _, ledger in shown]
        for part in cost_parts(entries)
    }
    traded = [annual_turnover(each.turnover[1:], each.periods_per_year) for _, each in shown]
    received = any(share < 0.0 for each in shares.values() for share in each)
    title = "Costs paid, % of initial equity"
    panels = {"costs": f"{title} (below 0: received)" if received else title} if shares else {}
    if any(turnover > 0 for turnover in traded):
        panels["turnover"] = "Turnover per year"
    if not panels:
        return None
    figure = make_subplots(
        rows=1,
        cols=len(panels),
        shared_yaxes=True,
        column_widths=[0.6, 0.4] if len(panels) > 1 else None,
        horizontal_spacing=0.04,
        subplot_titles=list(panels.values()),
    )
    names = [label(entry.name) for entry in entries]
    for part, each in shares.items():
        figure.add_bar(
            x=each,
            y=names,
            name=label(part),
            orientation="h",
            marker={"color": PART_COLOURS.get(part, FAINT)},
            hovertemplate=f"{label(part)}: %{{x:.2%}}<extra>%{{y}}</extra>",
            row=1,
            col=1,
        )
    if "turnover" in panels:
        figure.add_bar(
            x=traded,
            y=names,
            orientation="h",
            showlegend=False,
            marker={"color": [colours[entry.name] for entry in entries]},
            hovertemplate="%{x:.1f} times equity a year<extra>%{y}</extra>",
            row=1,
            col=len(panels),
        )
    bars = 24 + 32 * len(entries)
    laid_out(figure, bars + 110)
    figure.update_layout(
        barmode="relative",
        bargap=0.35,
        hovermode="closest",
        margin={"t": 30, "b": 80},
        legend={"y": -34 / bars, "yanchor": "top"},  # 34 pixels below, past the tick labels
    )
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_xaxes(rangemode="tozero", zeroline=received, zerolinecolor=FAINT)
    for col, name in enumerate(panels, start=1):
        ticks = {"tickformat": "~%"} if name == "costs" else {"tickformat": "~g", "ticksuffix": "×"}  # noqa: RUF001
        figure.update_xaxes(**ticks, row=1, col=col)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ")
    return figure


def monthly_figure(entries: Sequence[Entry]) -> go.Figure:
    """A heat map of monthly returns for each entry, its representative seed."""
    tables = [monthly_returns(entry.ledgers[entry.representative]) for entry in entries]
    years = [len(table) for _, table in tables]
    gap, cells = 62, 26 * sum(years)
    inside = cells + gap * (len(entries) - 1)
    figure = make_subplots(
        rows=len(entries),
        cols=1,
        row_heights=years,
        vertical_spacing=gap / inside if len(entries) > 1 else 0.0,
        subplot_titles=[label(entry.name) for entry in entries],
    )
    found = np.concatenate([table[:, :12].ravel() for _, table in tables])
    bound = float(np.nanmax(np.abs(found), initial=0.01))
    for row, (year, table) in enumerate(tables, start=1):
        figure.add_heatmap(
            z=table,
            x=[*MONTHS, "Year"],
            y=[str(each) for each in year],
            text=[[_month(value) for value in line] for line in table],
            texttemplate="%{text}",
            textfont={"size": 11},
            coloraxis="coloraxis",
            xgap=2,
            ygap=2,
            hovertemplate="%{x} %{y}: %{text}<extra></extra>",
            row=row,
            col=1,
        )
    laid_out(figure, inside + 66)
    scale = [[0, "#D55E00"], [0.25, "#F2B98A"], [0.5, "#F8FAFC"], [0.75, "#8FC1E3"], [1, "#0072B2"]]
    figure.update_layout(
        hovermode="closest",
        coloraxis={"colorscale": scale, "cmin": -bound, "cmax": bound, "showscale": False},
    )
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, dtick=1)
    figure.update_xaxes(showgrid=False, showline=False, ticks="")
    return figure


def distribution_figure(
    entries: Sequence[Entry], benchmark: str, colours: Mapping[str, str]
) -> go.Figure:
    """Share of bars by return per bar, log scale, of the representative seed of each entry."""
    figure = go.Figure()
    returns = {entry.name: entry.ledgers[entry.representative].returns for entry in entries}
    bound = float(np.max([np.nanquantile(np.abs(each), 0.999) for each in returns.values()]))
    edges = np.linspace(-bound, bound, 52) if bound > 0 else np.linspace(-0.01, 0.01, 52)
    for entry in entries:
        inside = np.clip(returns[entry.name], edges[0], edges[-1])
        share = np.histogram(inside, edges)[0] / max(len(inside), 1)
        reference = entry.name == benchmark
        figure.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2,
            y=np.where(share > 0, share, np.nan),
            name=label(entry.name),
            mode="lines",
            line={
                "color": colours[entry.name],
                "shape": "hvh",
                "width": 1.5 if reference else 2,
                "dash": "dot" if reference else "solid",
            },
            hovertemplate="%{y:.2%} of the bars",
        )
    laid_out(figure, 360)
    figure.update_xaxes(title_text="Return per bar (the outermost bins hold all beyond)")
    figure.update_xaxes(tickformat="~%")
    figure.update_yaxes(title_text="Share of bars", type="log", tickformat="~%", dtick=1)
    return figure


def _month(value: float) -> str:
    """`+1.2%`; `0.0%` for what rounds to nothing; empty outside the period."""
    if np.isnan(value):
        return ""
    return f"{value:+.1%}" if abs(value) >= 0.0005 else "0.0%"


def monthly_returns(ledger: Ledger) -> tuple[list[int], Floats]:
    """Years, and [years, 13] simple returns of each calendar month and of the year; NaN outside.

    A month runs from the last close of the month before; the first starts at the first row.
    """
    dates = dates_of(ledger.times)
    year, month = dates.year.to_numpy(), dates.month.to_numpy()
    last = np.flatnonzero(np.append(np.diff(year * 12 + month) != 0, True))
    growth = ledger.equity[last] / np.append(ledger.equity[0], ledger.equity[last[:-1]])
    if last[0] == 0:
        growth[0] = np.nan  # the first row ends its month: nothing was done in it
    years = list(range(int(year[0]), int(year[-1]) + 1))
    table = np.full((len(years), 13), np.nan)
    table[year[last] - years[0], month[last] - 1] = growth - 1.0
    table[:, 12] = np.nanprod(1.0 + table[:, :12], axis=1) - 1.0
    return years, table
