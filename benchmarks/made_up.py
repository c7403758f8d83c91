"""Made-up actions on real prices, and random walks unlike those of `vendors`, for repairs.

Who pays does so monthly, each quarter, twice a year at uneven times, once a year or at any time;
amounts grow, are cut or suspended, and there are special ones. Some are split often, backwards, or
trade for cents; volatility comes in spells, and opens with gaps.
"""

import numpy as np
import pandas as pd
from vendors import DEVIATION, FREQUENCIES, Rng

from drltrade.data.bars import PRICES

SPLITS = (2.0, 3.0, 4.0, 1.5, 5.0, 8.0, 10.0, 20.0, 0.5, 0.2, 0.1, 0.05, 1.25)


def with_actions(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Prices [T] that are taken for fully adjusted, as a vendor shows them with actions of ours."""
    bars = len(frame)
    shares, yields = splits(bars, rng), dividends(pd.DatetimeIndex(frame.index), rng)
    kept = np.append(np.cumprod((1.0 - yields)[:0:-1])[::-1], 1.0)
    digits = rng.choice([2, 4, 6, 12])
    result = frame[[*PRICES, "volume"]].div([*[1.0] * 4, 1.0], axis=1).astype(np.float64)
    for name in PRICES:
        result[name] = np.round(frame[name].to_numpy(np.float64) / kept, digits)
    # At few digits an open may leave its bar.
    result["high"] = result[list(PRICES)].max(axis=1)
    result["low"] = result[list(PRICES)].min(axis=1)
    before = np.concatenate((result["close"][:1], result["close"][:-1]))
    paid = np.round(yields * before, 6)
    left = np.append(np.cumprod((1.0 - paid / before)[:0:-1])[::-1], 1.0)
    return result.assign(
        dividend=paid, split=shares, **{"adjusted close": result["close"].to_numpy() * left}
    )


def splits(bars: int, rng: Rng) -> np.ndarray:
    """[T] none, or up to four."""
    shares = np.ones(bars)
    for row in rng.integers(5, bars - 1, int(rng.choice([0, 1, 1, 2, 4]))):
        shares[row] = rng.choice(SPLITS)
    return shares


def dividends(times: pd.DatetimeIndex, rng: Rng) -> np.ndarray:
    """[T] yields by one of the policies."""
    days = times.as_unit("s").asi8 / 86400.0
    yields = np.zeros(len(times))
    policy = rng.choice(["quarter", "quarter", "uneven", "year", "month", "any", "none"])
    gaps = {"quarter": [91.3], "uneven": [140.0, 225.3], "year": [365.25], "month": [30.4]}
    if policy == "none":
        return yields
    at, number = days[0] + rng.uniform(2, 200), 0
    usual = {"month": 0.004, "quarter": 0.008, "uneven": 0.014, "year": 0.03, "any": 0.02}[policy]
    usual *= np.exp(rng.normal(0, 0.5))
    suspended = days[0] + rng.uniform(0, 4) * (days[-1] - days[0])
    while at < days[-1]:
        row = int(np.searchsorted(days, at))
        if 2 < row < len(days) and yields[row] == 0 and not suspended < at < suspended + 400:
            yields[row] = min(usual * np.exp(rng.normal(0, 0.08)), 0.3)
        gap = (
            rng.exponential(150.0) + 25
            if policy == "any"
            else gaps[policy][number % len(gaps[policy])]
        )
        at += gap + rng.normal(0, 3.0)
        usual *= rng.choice([1.0, 1.02, 1.1]) if rng.random() > 0.03 else rng.uniform(0.3, 0.7)
        number += 1
    if rng.random() < 0.3:
        row = int(rng.integers(3, len(days)))
        yields[row] = yields[row] or rng.uniform(0.02, 0.2)
    return yields


def restless_walk(rng: Rng, interval: str, bars: int) -> pd.DataFrame:
    """A random walk with spells of volatility, gaps, and actions."""
    spell = np.exp(0.5 * np.cumsum(rng.normal(0, 0.12, bars)) * rng.choice([0, 0.5, 1.0]))
    deviation = DEVIATION[interval] * rng.choice([0.4, 0.8, 1.5, 2.5]) * np.clip(spell, 0.3, 4)
    returns = rng.standard_t(rng.choice([3, 5, 30]), bars) * deviation / 1.5
    returns += rng.normal(0, 1e-3) * DEVIATION[interval] / 0.014
    close = rng.choice([0.6, 3.0, 25.0, 180.0, 4000.0]) * np.exp(np.cumsum(returns))
    gap = rng.normal(0, deviation * rng.choice([0.1, 0.8]))
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(gap)
    spread = np.abs(rng.normal(0, 0.5, (2, bars))) * deviation
    volume = np.exp(rng.normal(rng.uniform(8, 17), rng.choice([0.2, 0.5, 0.9]), bars))
    frame = pd.DataFrame(
        {"open": opened, "high": np.maximum(opened, close) * np.exp(spread[0]),
         "low": np.minimum(opened, close) * np.exp(-spread[1]), "close": close,
         "volume": np.round(volume) + 1.0},
        pd.date_range("2009-02-02", periods=bars, freq=FREQUENCIES[interval], name="time"),
    )  # fmt: skip
    return with_actions(frame, rng)
