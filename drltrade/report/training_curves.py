"""Figures of the training: validation return and reward over steps, a line per seed."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drltrade.report.style import INK, drawn_rows, label, laid_out
from drltrade.report.summary import Entry


def training_figure(entries: Sequence[Entry], colours: Mapping[str, str]) -> go.Figure | None:
    """Validation return and training reward over steps, a line per seed; None without curves."""
    trained = [entry for entry in entries if entry.curves]
    titles = {"validation_return": "Validation return", "train_reward": "Training reward"}
    columns = [name for name in titles if any(name in curve for e in trained for curve in e.curves)]
    if not columns:
        return None
    figure = make_subplots(
        rows=len(trained),
        cols=len(columns),
        subplot_titles=[f"{label(e.name)}: {titles[c].lower()}" for e in trained for c in columns],
        horizontal_spacing=0.09,
        vertical_spacing=0.3 / len(trained),
    )
    for row, entry in enumerate(trained, start=1):
        for col, name in enumerate(columns, start=1):
            for number, curve in enumerate(entry.curves):
                if name in curve:
                    dash = ("solid", "dash", "dot", "dashdot", "longdash")[number % 5]
                    line = {"color": colours[entry.name], "width": 1.5, "dash": dash}
                    _curve(figure, curve, name, entry.seed_name(number), line, row, col)
    laid_out(figure, 80 + 250 * len(trained))
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_xaxes(title_text="Steps", row=len(trained))
    for col, name in enumerate(columns, start=1):
        percent = ".1%" if name == "validation_return" else None
        figure.update_yaxes(tickformat=percent, col=col)
    return figure


def _curve(
    figure: go.Figure,
    curve: pd.DataFrame,
    name: str,
    seed: str,
    line: Mapping[str, object],
    row: int,
    col: int,
) -> None:
    known = curve[["steps", name]].dropna()
    known = known.iloc[drawn_rows(len(known))] if len(known) else known
    figure.add_scatter(
        x=known["steps"].to_numpy(),
        y=known[name].to_numpy(),
        name=seed,
        mode="lines",
        line=dict(line),
        row=row,
        col=col,
    )
    if name == "validation_return" and len(known):
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
