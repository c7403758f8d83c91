"""A page: one HTML file that opens offline, with the plotting script inside.

Nothing on it is loaded from anywhere.
"""

import html
from collections.abc import Sequence
from importlib import resources

import plotly.graph_objects as go
from plotly.io import to_html
from plotly.offline import get_plotlyjs

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
        f"<style>\n{style}</style>\n<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(identity: str, heading: str, body: str, text: str = "") -> str:
    """A box of the page: a heading, a few words (escaped here), and HTML."""
    lead = f'<p class="lead">{html.escape(text)}</p>' if text else ""
    return f'<section id="{identity}"><h2>{html.escape(heading)}</h2>\n{lead}\n{body}\n</section>'


def plot(identity: str, figure: go.Figure) -> str:
    """A figure as HTML; the page holds the script that draws it."""
    drawn: str = to_html(
        figure,
        config={"responsive": True, "displayModeBar": False},
        include_plotlyjs=False,
        full_html=False,
        div_id=f"plot-{identity}",
        default_height=f"{figure.layout.height}px",
    )
    return f'<div class="plot">{drawn}</div>'
