"""Prices that know of none of several splits, some of which are no larger than their moves."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.bars import PRICES
from drltrade.data.repair import mended, repairs


def monthly(seed, splits, true_moves=()):
    """[120] bars that move by a tenth, adjusted for splits {row: shares}."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0, 0.1, 120)
    returns[list(splits)] = rng.normal(0.0, 0.05, len(splits))
    for row, move in true_moves:
        returns[row] = move
    close = 50.0 * np.exp(np.cumsum(returns))
    opened = np.append(close[0], close[:-1]) * np.exp(rng.normal(0.0, 0.01, 120))
    high, low = np.maximum(opened, close) * 1.02, np.minimum(opened, close) * 0.98
    volume = np.round(np.exp(rng.normal(12.0, 0.4, 120)))
    frame = pd.DataFrame(
        {"open": opened, "high": high, "low": low, "close": close, "volume": volume},
        pd.date_range("2010-01-01", periods=120, freq="MS", name="time"),
    )
    frame = frame.assign(dividend=0.0, split=1.0)
    for row, shares in splits.items():
        frame.iloc[row, frame.columns.get_loc("split")] = shares
    return frame.assign(**{"adjusted close": close})


def forgetting(frame, rows, columns=(*PRICES, "adjusted close"), volume=True):
    """The same, adjusted for none of the splits of some rows."""
    result = frame.copy()
    for row in rows:
        before, shares = frame.index[:row], frame["split"].iloc[row]
        result.loc[before, [*columns]] *= shares
        if volume:
            result.loc[before, "volume"] /= shares
    return result


def repaired(bad):
    return mended(bad, repairs(bad, "A", "split"), "A")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("columns", [(*PRICES, "adjusted close"), PRICES, ("adjusted close",)])
def test_all_are_forgotten_where_the_clear_ones_are(seed, columns):
    good = monthly(seed, {20: 8.0, 55: 0.5, 56: 1.5, 90: 2.0})
    bad = forgetting(good, (20, 55, 56, 90), columns, volume="open" in columns)
    pd.testing.assert_frame_equal(repaired(bad), good, rtol=1e-9)


def test_splits_that_cancel_leave_bars_right_that_are_right():
    # Of the bars before row 30 prices are what they ought to be, by chance.
    good = monthly(3, {30: 2.0, 60: 10.0, 61: 0.5, 100: 0.1})
    pd.testing.assert_frame_equal(repaired(forgetting(good, (30, 60, 61, 100))), good, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_split_that_prices_know_says_nothing_of_the_unclear_ones(seed):
    # At row 40 they move as if they did not know of it; at row 100 they clearly do.
    good = monthly(seed, {40: 1.25, 70: 8.0, 100: 10.0}, [(40, -0.25)])
    pd.testing.assert_frame_equal(repaired(forgetting(good, (70,))), good, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_volumes_are_forgotten_at_all_splits_or_at_none(seed):
    good = monthly(seed, {15: 2.0, 60: 10.0, 100: 8.0})
    for volume in (True, False):
        bad = forgetting(good, (15, 60, 100), volume=volume)
        pd.testing.assert_frame_equal(repaired(bad), good, rtol=1e-9)


def test_a_large_split_is_seen_beside_a_large_true_move():
    # Quiet bars, and a move of 13 of their deviations on the day of the split.
    good = monthly(1, {60: 10.0})
    quiet = good[[*PRICES, "adjusted close"]].pow(0.05).mul(10.0)
    good = good.assign(**quiet)
    good.loc[good.index[60] :, [*PRICES, "adjusted close"]] *= 0.93
    pd.testing.assert_frame_equal(repaired(forgetting(good, (60,))), good, rtol=1e-9)
