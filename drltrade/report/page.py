"""A page: one HTML file that opens offline, with the plotting script inside.

Nothing on it is loaded from anywhere.
"""

import base64
import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

ICON = (
    "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E"
    "%3Cpath d=%22M1 13 6 7l3 3 6-8%22 fill=%22none%22 stroke=%22%230072B2%22 "
    "stroke-width=%222%22/%3E%3C/svg%3E"
)


def page(title: str, parts: Sequence[str]) -> str:
    """The whole file; `parts` are HTML, the header and sections."""
    style = resources.files("drltrade.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{html.escape(title)}</title>\n<link rel="icon" href="{ICON}">\n'
        f"<style>\n{style}</style>\n<script>{get_plotlyjs()}{DRAW}</script>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(identity: str, heading: str, body: str, text: str = "") -> str:
    """A box of the page: a heading, a few words (escaped here), and HTML."""
    lead = f'<p class="lead">{html.escape(text)}</p>' if text else ""
    return f'<section id="{identity}"><h2>{html.escape(heading)}</h2>\n{lead}\n{body}\n</section>'


def plot(identity: str, figure: go.Figure) -> str:
    """A figure as HTML; the page holds the script that draws it.

    Numbers are kept to the seven digits of float32, and what several lines share, their times,
    stands once: otherwise a page of many agents takes several times the bytes.
    """
    arrays: dict[str, int] = {}
    written = figure.to_plotly_json()
    drawn = {
        "data": _packed(json.loads(json.dumps(written["data"], cls=PlotlyJSONEncoder)), arrays),
        "layout": json.loads(json.dumps(written["layout"], cls=PlotlyJSONEncoder)),
    }
    content = json.dumps(drawn, separators=(",", ":"))
    text = f'{{"arrays":[{",".join(arrays)}],{content[1:]}'
    for mark in "<>&":  # nothing in it can end the script
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return (
        f'<div class="plot"><div id="plot-{identity}" '
        f'style="height:{figure.layout.height}px"></div>'
        f'<script>draw("plot-{identity}",{text})</script></div>'
    )


DRAW = """
function draw(id, figure) {
  const put = (value) =>
    Array.isArray(value) ? value.map(put)
    : value === null || typeof value !== "object" ? value
    : "shared" in value ? figure.arrays[value.shared]
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, put(inner)]));
  const options = {responsive: true, displayModeBar: false};
  Plotly.newPlot(id, put(figure.data), figure.layout, options);
}
"""
"""Puts back what `plot` packed, and draws."""

LONG = 24
"""From so many values a list is kept once for all that draw it."""


def _packed(value: Any, arrays: dict[str, int]) -> Any:
    """The value with its arrays replaced by their places in `arrays`, which gathers them."""
    if isinstance(value, dict) and "bdata" in value:
        return _shared(_narrowed(value), arrays)
    if isinstance(value, dict):
        return {key: _packed(inner, arrays) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) >= LONG and not isinstance(value[0], dict | list):
        return _shared(value, arrays)
    return [_packed(inner, arrays) for inner in value]


def _shared(value: Any, arrays: dict[str, int]) -> dict[str, int]:
    return {"shared": arrays.setdefault(json.dumps(value, separators=(",", ":")), len(arrays))}


def _narrowed(array: dict[str, Any]) -> dict[str, Any]:
    """Plotly's array of float64 as one of float32."""
    if array["dtype"] != "f8":
        return array
    single = np.frombuffer(base64.b64decode(array["bdata"]), "<f8").astype("<f4")
    return array | {"dtype": "f4", "bdata": base64.b64encode(single.tobytes()).decode()}
