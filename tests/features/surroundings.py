"""What features need beside bars, in tests."""

import pandas as pd

from drltrade.data.catalog import load_bars
from drltrade.features.exogenous import Joined
from drltrade.features.track import Context

REGIMES = {"mean": [5e-4, -1e-3], "deviation": [0.008, 0.025], "stay": [0.98, 0.95]}


def beside(name):
    """An index as the series called "series", known a day later; and two regimes of a market."""
    bars = load_bars(name)
    frame = bars.frame(bars.symbols[0])
    known = pd.DatetimeIndex(frame.index) + pd.Timedelta(days=1)
    series = Joined(frame, known, pd.Timedelta(days=30), "series")
    return Context({"series": series}, {"regime()": REGIMES, "regime()@1w": REGIMES})
