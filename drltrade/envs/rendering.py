"""A picture of an episode: price, position and equity, as pixels or as lines in a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RENDER_MODES = ("human", "rgb_array")
RENDER_FPS = 10

WIDTH, HEIGHT, MARGIN = 640, 480, 8
INK, FRAME = (30, 30, 30), (200, 200, 200)
COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189))
BLOCKS = "▁▂▃▄▅▆▇█"
LAST = 40
"""Bars of equity in a terminal's line."""

Pixels = NDArray[np.uint8]


class Picture:
    """What has happened in an episode so far."""

    def __init__(self, symbols: Sequence[str]) -> None:
        """Of an account in these assets."""
        self._symbols = tuple(symbols)
        self.begin()

    def begin(self) -> None:
        """Forget the episode before."""
        self._times: list[Any] = []
        self._prices: list[NDArray[np.float64]] = []
        self._weights: list[NDArray[np.float64]] = []
        self._equity: list[float] = []

    def add(self, info: Mapping[str, Any], prices: NDArray[np.float64]) -> None:
        """Add a bar: the environment's info of it, and its closes [N]."""
        self._times.append(info["time"])
        self._prices.append(np.array(prices))
        self._weights.append(np.array(info["weights"]))
        self._equity.append(info["equity"])

    def show(self) -> None:
        """Write a line about the newest bar to the terminal."""
        equity = np.array(self._equity[-LAST:])
        low, high = equity.min(), equity.max()
        heights = (equity - low) / (high - low) if high > low else np.zeros(len(equity))
        line = "".join(BLOCKS[int(h * (len(BLOCKS) - 1))] for h in heights)
        held = "  ".join(
            f"{symbol} {price:,.2f} ({weight:+.0%})"
            for symbol, price, weight in zip(
                self._symbols, self._prices[-1], self._weights[-1], strict=True
            )
        )
        sys.stdout.write(f"{self._times[-1]}  {held}  equity {self._equity[-1]:,.2f}  {line}\n")
        sys.stdout.flush()

    def pixels(self) -> Pixels:
        """[480, 640, 3] three panels: prices (from 1 on), weights, equity."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(image)
        prices, weights = np.array(self._prices), np.array(self._weights)
        panels = (
            ("price", prices if prices.shape[1] == 1 else prices / prices[0]),
            ("position", weights),
            ("equity", np.array(self._equity)[:, None]),
        )
        height = HEIGHT // len(panels)
        for number, (name, lines) in enumerate(panels):
            top = number * height + 16
            box = (MARGIN, top, WIDTH - MARGIN, top + height - 24)
            draw.rectangle(box, outline=FRAME)
            latest = ", ".join(f"{value:,.4g}" for value in lines[-1][:5])
            draw.text((MARGIN, top - 14), f"{name} {latest}   {self._times[-1]}", fill=INK)
            for k, line in enumerate(lines.T):
                points = _places(line, lines.min(), lines.max(), box)
                draw.line(points, fill=COLOURS[k % len(COLOURS)], width=2)
        return np.array(image, np.uint8)


def _places(
    line: NDArray[np.float64], low: float, high: float, box: tuple[int, int, int, int]
) -> list[tuple[float, float]]:
    """Where the values of a line stand in a box."""
    left, top, right, bottom = box
    across = np.linspace(left, right, len(line)) if len(line) > 1 else np.array([left])
    share = (line - low) / (high - low) if high > low else np.full(len(line), 0.5)
    down = bottom - 2 - share * (bottom - top - 4)
    return list(zip(across.tolist(), down.tolist(), strict=True))
