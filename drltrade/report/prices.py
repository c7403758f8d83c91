"""The page of prices: what there is, what is wrong with it, and the series themselves."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade import atomic
from drltrade.data.quality import Finding
from drltrade.report.page import page, plot, section
from drltrade.report.style import (
    BENCHMARK_COLOUR,
    EXIT_COLOUR,
    FAINT,
    LONG_COLOUR,
    axis_times,
    drawn_rows,
    faded,
    label,
    laid_out,
    log_ticks,
)
from drltrade.report.summary import counted

MOST_SERIES = 12
"""Symbols that are drawn; those with the gravest findings first."""
COLOURS = {"error": EXIT_COLOUR, "warning": "#E08A1E", "note": FAINT}
SIZES = {"error": 10, "warning": 9, "note": 6}
FOUND = "Errors are bars that cannot have been; warnings need a look; notes are worth knowing."
DRAWN = "Close on a logarithmic axis, between high and low, and volume. Marks are findings."


def write_prices_report(
    path: str | Path,
    *,
    title: str,
    facts: Sequence[str],
    frames: Mapping[str, pd.DataFrame],
    findings: Sequence[Finding] | None = None,
) -> Path:
    """Write the page to `path`, atomically, and return the path.

    Args:
        path: the HTML file.
        title: its heading.
        facts: what is to be said of the data: where it comes from, its frequency ...
        frames: bars by symbol: open, high, low, close, volume.
        findings: of the quality check; None: it was not made.
    """
    listed = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts)
    parts = [f'<header><h1>{html.escape(title)}</h1><ul class="facts">{listed}</ul></header>']
    if findings is not None:
        parts.append(section("findings", "What was found", _table(findings), FOUND))
    chosen = _drawn_symbols(frames, findings or ())
    for number, symbol in enumerate(chosen):
        own = [each for each in findings or () if each.symbol == symbol]
        body = plot(f"prices-{number}", price_figure(symbol, frames[symbol], own))
        parts.append(section(f"series-{number}", symbol, body, DRAWN if number == 0 else ""))
    if len(chosen) < len(frames):
        rest = counted(len(frames) - len(chosen), "symbol")
        parts.append(f'<p class="lead">{rest} of {len(frames)} not drawn.</p>')
    path = Path(path)
    atomic.write_text(path, page(title, parts))
    return path


def price_figure(symbol: str, frame: pd.DataFrame, findings: Sequence[Finding] = ()) -> go.Figure:
    """Close between high and low, volume below, and a mark at each bar of a finding."""
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.05
    )
    priced = frame[(frame["close"] > 0).to_numpy()]
    rows = drawn_rows(len(priced))
    drawn = priced.iloc[rows]
    times = axis_times(pd.DatetimeIndex(drawn.index))
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    for name, fill in (("high", None), ("low", "tonexty")):
        values = drawn[name].where(drawn[name] > 0)
        figure.add_scatter(
            x=times, y=values, fill=fill, fillcolor=faded(LONG_COLOUR, 0.2), row=1, col=1, **edge
        )
    figure.add_scatter(
        x=times, y=drawn["close"], name="close", row=1, col=1,
        line={"color": BENCHMARK_COLOUR, "width": 1.2}, hovertemplate="%{y:.6g}",
        showlegend=False,
    )  # fmt: skip
    for finding in findings:
        _mark(figure, frame, finding, times)
    figure.add_bar(
        x=times, y=drawn["volume"], name="volume", marker={"color": FAINT, "line": {"width": 0}},
        hovertemplate="%{y:.4s}", showlegend=False, row=2, col=1,
    )  # fmt: skip
    laid_out(figure, 400)
    figure.update_layout(bargap=0)
    low = float(drawn["low"].where(drawn["low"] > 0).min())
    ticks = log_ticks(low, float(drawn["high"].max()))
    figure.update_yaxes(
        type="log", title_text=f"{label(symbol)}, close", tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks], row=1, col=1,
    )  # fmt: skip
    figure.update_yaxes(title_text="Volume", row=2, col=1)
    figure.update_xaxes(type="date", range=[times[0], times[-1]])
    return figure


def _mark(figure: go.Figure, frame: pd.DataFrame, finding: Finding, times: list[str]) -> None:
    """Points at the bars of a finding, or at the bars before where there is none."""
    at = np.clip(frame.index.searchsorted(finding.times, "right") - 1, 0, None)
    height = frame["close"].where(frame["close"] > 0).ffill().bfill().iloc[at]
    written = pd.DatetimeIndex(finding.times).strftime("%Y-%m-%d %H:%M:%S")
    form = len(times[0])  # the axis' own: dates, or dates and times
    figure.add_scatter(
        x=[each[:form] for each in written], y=height, mode="markers",
        name=f"{finding.kind} ({finding.severity})",
        marker={"color": COLOURS[finding.severity], "size": SIZES[finding.severity],
                "symbol": "circle-open", "line": {"width": 2}},
        hovertemplate=label(finding.text), row=1, col=1,
    )  # fmt: skip


def _drawn_symbols(frames: Mapping[str, pd.DataFrame], findings: Sequence[Finding]) -> list[str]:
    """Those with findings, in their order, errors first; then the others, in theirs."""
    named = [each.symbol for each in findings if each.symbol in frames]
    ordered = dict.fromkeys([*named, *frames])
    drawable = [each for each in ordered if each and (frames[each]["close"] > 0).any()]
    return drawable[:MOST_SERIES]


def _table(findings: Sequence[Finding]) -> str:
    if not findings:
        return "<p>Nothing.</p>"
    heads = ("Severity", "Kind", "Symbol", "First", "Bars", "What")
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = ""
    for each in findings:
        first = each.times[0]
        shown = first.date() if first == first.normalize() else first
        colour = COLOURS[each.severity]
        cells = (each.kind, each.symbol or "many", str(shown), f"{len(each.times):,}", each.text)
        body += f'<tr><td><b style="color:{colour}">{each.severity}</b></td>'
        body += "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
    return (
        f'<div class="scroll"><table class="trades findings"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
