"""How every figure looks: one colour per entry, one layout for all."""

import html
from collections.abc import Sequence
from colorsys import hls_to_rgb

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from drltrade.report.summary import Entry

# Okabe & Ito, "Color Universal Design" (2008), without its black and yellow; distinct to readers
# with any common colour vision. Agents take from the first list, baselines from the second.
AGENT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BENCHMARK_COLOUR = "#1F2937"
BASELINE_COLOURS = ("#B08D00", "#7A6FAC", "#5F9EA0", "#A65E6E", "#8C8C8C", "#A9B388")
GIVEN_COLOURS, RANDOM_COLOURS = ("#8B1E3F",), ("#9AA3AF",)
LONG_COLOUR, SHORT_COLOUR, EXIT_COLOUR = "#0072B2", "#D55E00", "#B3261E"
PART_COLOURS = {
    "commission": "#3B528B",
    "fixed": "#8A9BC9",
    "spread": "#1B6B67",
    "slippage": "#35B0A9",
    "impact": "#5EC962",
    "liquidation": "#B3261E",
    "borrow": "#C9B800",
    "financing": "#E08A1E",
    "funding": "#7B3F8C",
    "interest": "#B79AC8",
}
"""By part of the costs: fees blue, what a fill concedes green, what time takes warm."""

ASSET_COLOURS = (
    "#4E79A7", "#F28E2B", "#59A14F", "#E15759", "#76B7B2", "#EDC948", "#B07AA1", "#9C755F",
    "#FF9DA7", "#8C8C8C",
)  # fmt: skip

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, GRID, FAINT = "#334155", "#E8ECF1", "#94A3B8"

MOST_POINTS = 4000
"""No line is drawn with many more points than this; longer ones show every k-th bar."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def colours(entries: Sequence[Entry], benchmark: str) -> dict[str, str]:
    """Entry name -> its colour, the same in every figure; no two entries share one."""
    chosen, used = {benchmark: BENCHMARK_COLOUR}, [BENCHMARK_COLOUR]
    for kind, palette in (
        ("agent", AGENT_COLOURS), ("baseline", BASELINE_COLOURS), ("benchmark", GIVEN_COLOURS),
        ("random", RANDOM_COLOURS),
    ):  # fmt: skip
        names = [e.name for e in entries if e.kind == kind and e.name != benchmark]
        mine = distinct(palette, len(names), used)
        chosen |= dict(zip(names, mine, strict=True))
        used += mine
    return chosen


def distinct(palette: Sequence[str], count: int, used: Sequence[str] = ()) -> list[str]:
    """`count` colours, those of the palette first, that differ from each other and from `used`.

    Each further one is that of a wheel of hues, at three lightnesses, that is farthest from all
    before it, by the eye (CompuPhase's weighted distance in RGB).
    """
    chosen = list(palette[:count])
    hues = max(36, count)
    wheel = [
        "#" + "".join(f"{round(255 * part):02X}" for part in hls_to_rgb(i / hues, light, 0.6))
        for light in (0.4, 0.6, 0.25)
        for i in range(hues)
    ]
    pool = np.array([_channels(each) for each in wheel])
    nearest = np.full(len(wheel), np.inf)
    for colour in (*used, *chosen):
        nearest = np.minimum(nearest, _distance(pool, colour))
    while len(chosen) < count:
        chosen.append(wheel[int(np.argmax(nearest))])
        nearest = np.minimum(nearest, _distance(pool, chosen[-1]))
    return chosen


def _channels(colour: str) -> tuple[int, ...]:
    """Red, green and blue of `#RRGGBB`, 0 to 255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _distance(pool: NDArray[np.int64], colour: str) -> NDArray[np.float64]:
    """How different each colour of the pool [K, 3] is from a colour."""
    own = np.array(_channels(colour))
    red = (pool[:, 0] + own[0]) / 2.0
    squares: NDArray[np.float64] = (pool - own).astype(np.float64) ** 2
    weights = np.stack([2 + red / 256, np.full_like(red, 4.0), 2 + (255 - red) / 256], axis=1)
    total: NDArray[np.float64] = (weights * squares).sum(axis=1)
    return np.sqrt(total)


def label(name: str) -> str:
    """A name as plotly shall draw it: plotly reads a little HTML in its texts."""
    return html.escape(name, quote=False)


def faded(colour: str, opacity: float) -> str:
    """A `#RRGGBB` colour with an opacity, as CSS `rgba()`."""
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def drawn_rows(rows: int) -> NDArray[np.int64]:
    """Indices of the rows to draw: all, or every k-th and the last."""
    step = max(-(-rows // MOST_POINTS), 1)
    return np.unique(np.append(np.arange(0, rows, step), rows - 1)).astype(np.int64)


def axis_times(times: pd.DatetimeIndex) -> list[str]:
    """Times as plotly reads them; the date alone when all bars end at the same time of day."""
    times = times.tz_localize(None)
    same = bool((times.normalize() - times == times[0].normalize() - times[0]).all())
    return list(times.strftime("%Y-%m-%d" if same else "%Y-%m-%d %H:%M:%S"))


def laid_out(figure: go.Figure, height: int) -> go.Figure:
    """The figure with the report's layout."""
    figure.update_layout(
        template="none",
        height=height,
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 64, "r": 20, "t": 36, "b": 30},
        hovermode="x unified",
        hoverlabel={"font": {"family": FONT, "size": 12}, "bgcolor": "#FFFFFF"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    )
    axis: dict[str, object] = {
        "gridcolor": GRID,
        "linecolor": "#CBD5E1",
        "zeroline": False,
        "automargin": True,
    }
    axis |= {"title_font": {"size": 13}}
    figure.update_xaxes(**axis, showline=True, ticks="outside", tickcolor="#CBD5E1", ticklen=4)
    figure.update_yaxes(**axis)
    return figure


def log_ticks(low: float, high: float) -> list[float]:
    """Round values across [low, high], dense enough to read and few enough to fit."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps: tuple[float, ...] = (1,)
    for most, denser in (
        (1e4, (1, 2, 5)),
        (30, (1, 1.5, 2, 3, 5, 7)),
        (6, (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8)),
        (1.6, (1, 1.1, 1.2, 1.3, 1.4, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)),
    ):
        if high / low < most:
            steps = denser
    ticks = [float(f"{step * 10.0**decade:.6g}") for decade in decades for step in steps]
    return [tick for tick in ticks if low / 1.1 <= tick <= high * 1.1]
