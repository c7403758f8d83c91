"""Figures of what seeds have learned, laid over the known optimum."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade.evaluation.portraits import Portrait
from drltrade.report.style import AGENT_COLOURS, FAINT, INK, faded, label, laid_out

LEARNED, OPTIMAL = AGENT_COLOURS[0], INK


def portrait_figure(portraits: Sequence[Portrait], name: str = "learned") -> go.Figure:
    """Median and range over seeds, and the optimum as a dashed line; a panel per position held.

    Args:
        portraits: of the seeds of one agent in one market, at least one.
        name: what to call the agent.
    """
    first = portraits[0]
    count, path = len(first.panels), first.kind == "path"
    rows = 2 if first.belief is not None else 1
    figure = make_subplots(
        rows=rows,
        cols=count,
        shared_yaxes=True,
        shared_xaxes=path,
        row_heights=[0.7, 0.3] if rows > 1 else None,
        horizontal_spacing=0.03,
        vertical_spacing=0.08,
        subplot_titles=first.panels if count > 1 else None,
    )
    each = np.stack([portrait.chosen for portrait in portraits])
    for panel in range(count):
        chosen = each[:, panel]
        _lines(figure, first, panel, chosen, name)
    if first.belief is not None:
        figure.add_scatter(
            x=first.x, y=first.belief, name="belief in the rising regime", mode="lines",
            line={"color": AGENT_COLOURS[2], "width": 1.5}, hovertemplate="%{y:.0%}",
            row=2, col=1,
        )  # fmt: skip
    laid_out(figure, 300 if rows == 1 else 420)
    # The legend stands above the panels' titles.
    figure.update_layout(
        margin={"t": 64 if count > 1 else 40, "b": 52},
        legend={"y": 1.13 if count > 1 else 1.02},
    )
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_xaxes(title_text=label(first.over), row=rows)
    figure.update_yaxes(title_text="Position" if path else "Target weight", row=1, col=1)
    figure.update_yaxes(zeroline=True, zerolinecolor=FAINT, row=1)
    shown = np.concatenate([each.ravel(), first.optimal.ravel(), [0.0]])
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * max(high - low, 0.1)
    figure.update_yaxes(range=[low - margin, high + margin], row=1)
    if rows > 1:
        figure.update_yaxes(title_text="Belief", tickformat=".0%", range=[0, 1], row=2, col=1)
    return figure


def _lines(figure: go.Figure, first: Portrait, panel: int, chosen: np.ndarray, name: str) -> None:
    """One panel; `chosen` is [seeds, k]."""
    at = {"row": 1, "col": panel + 1}
    shape = "hv" if _in_steps(first) else "linear"
    if len(chosen) > 1:
        edge = {"x": first.x, "mode": "lines", "showlegend": False, "hoverinfo": "skip"}
        line = {"width": 0, "shape": shape}
        figure.add_scatter(**edge, y=chosen.max(0), line=line, **at)
        figure.add_scatter(
            **edge, y=chosen.min(0), line=line, fill="tonexty", fillcolor=faded(LEARNED, 0.2), **at
        )
    seeds = f"{name}, median and range of {len(chosen)} seeds" if len(chosen) > 1 else name
    figure.add_scatter(
        x=first.x, y=np.median(chosen, axis=0), name=label(seeds), mode="lines",
        legendgroup="learned", showlegend=panel == 0, hovertemplate="%{y:.3g}",
        line={"color": LEARNED, "width": 2.4, "shape": shape}, **at,
    )  # fmt: skip
    figure.add_scatter(
        x=first.x, y=first.optimal[panel], name="optimal", mode="lines",
        legendgroup="optimal", showlegend=panel == 0, hovertemplate="%{y:.3g}",
        line={"color": OPTIMAL, "width": 1.6, "dash": "dash", "shape": shape}, **at,
    )  # fmt: skip


def _in_steps(portrait: Portrait) -> bool:
    """Whether the optimum jumps from position to position."""
    return len(np.unique(portrait.optimal)) <= 5
