"""Quiet bars, to be spoilt in one way at a time."""

import numpy as np
import pandas as pd

SESSIONS = pd.bdate_range("2015-01-05", periods=120, name="time")


def quiet_bars(count: int = 120) -> pd.DataFrame:
    """Bars of weekdays around 100, of 1% a day."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = close * np.exp(rng.normal(0, 0.003, count))
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.004,
            "low": np.minimum(opened, close) * 0.996,
            "close": close,
            "volume": rng.uniform(0.8e6, 1.2e6, count),
        },
        index=pd.bdate_range("2015-01-05", periods=count, name="time"),
    )
