"""Figures of the training: validation return and reward over steps, a line per seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade.report.style import INK, drawn_rows, label, laid_out
from drltrade.report.summary import Entry

FEW = 5
"""Up to so many points are marked: a line of one would not be seen."""

SAME = 1e-9
"""Scores that differ by less are one."""

TITLES = {"validation_return": "validation return", "train_reward": "training reward"}


def training_figure(entries: Sequence[Entry], colours: Mapping[str, str]) -> go.Figure | None:
    """Validation return and training reward over steps, a line per seed; None without curves.

    A panel for each agent and figure that there is something of.
    """
    panels = [
        (entry, name)
        for entry in entries
        for name in TITLES
        if any(len(_known(curve, name)) for curve in entry.curves)
    ]
    if not panels:
        return None
    columns, rows = min(2, len(panels)), -(-len(panels) // 2)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[f"{label(entry.name)}: {TITLES[name]}" for entry, name in panels],
        horizontal_spacing=0.09,
        vertical_spacing=0.3 / rows,
    )
    for place, (entry, name) in enumerate(panels):
        row, col = place // columns + 1, place % columns + 1
        for number, curve in enumerate(entry.curves):
            dash = ("solid", "dash", "dot", "dashdot", "longdash")[number % 5]
            line = {"color": colours[entry.name], "width": 1.5, "dash": dash}
            _curve(figure, _known(curve, name), name, entry.seed_name(number), line, row, col)
        values = np.concatenate([_known(curve, name).get(name, []) for curve in entry.curves])
        if np.ptp(values) < SAME:  # else the axis would show what rounding left of one score
            middle = float(values[0])
            figure.update_yaxes(range=[middle - 0.05, middle + 0.05], row=row, col=col)
        percent = ".1%" if name == "validation_return" else None
        figure.update_yaxes(tickformat=percent, row=row, col=col)
        if place + columns >= len(panels):
            figure.update_xaxes(title_text="Steps", row=row, col=col)
    laid_out(figure, 80 + 250 * rows)
    for place in range(len(panels), rows * columns):  # the last row may have room left
        figure.update_xaxes(visible=False, row=rows, col=place % columns + 1)
        figure.update_yaxes(visible=False, row=rows, col=place % columns + 1)
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_annotations(font={"size": 13, "color": INK})
    return figure


def _known(curve: pd.DataFrame, name: str) -> pd.DataFrame:
    """The points of a curve, steps and value, as many as are drawn."""
    if name not in curve:
        return curve.iloc[:0]
    known = curve[["steps", name]].dropna()
    return known.iloc[drawn_rows(len(known))] if len(known) else known


def _curve(
    figure: go.Figure,
    known: pd.DataFrame,
    name: str,
    seed: str,
    line: Mapping[str, object],
    row: int,
    col: int,
) -> None:
    if not len(known):
        return
    figure.add_scatter(
        x=known["steps"].to_numpy(),
        y=known[name].to_numpy(),
        name=seed,
        mode="lines" if len(known) > FEW else "lines+markers",
        line=dict(line),
        row=row,
        col=col,
    )
    if name == "validation_return":
        best = int(known[name].to_numpy().argmax())
        figure.add_scatter(
            x=[known["steps"].iloc[best]],
            y=[known[name].iloc[best]],
            name=f"{seed}, best checkpoint",
            mode="markers",
            marker={
                "symbol": "star",
                "size": 12,
                "color": line["color"],
                "line": {"color": "#FFFFFF", "width": 1},
            },
            row=row,
            col=col,
        )
