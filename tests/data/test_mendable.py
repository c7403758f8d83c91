"""What a repair would change, the check has found; of random faults none harms a right bar."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.bars import PRICES
from drltrade.data.quality import check
from drltrade.data.repair import mended, repairs

PRICED = (*PRICES, "adjusted close")


def vendor_bars(seed=0, count=240, deviation=0.01, paid=6.0):
    """Bars adjusted for splits with a dividend each quarter and two splits that are told of."""
    rng = np.random.default_rng(seed)
    frame = quiet_bars(count)
    close = 100 * np.exp(np.cumsum(rng.standard_t(4, count) * deviation / 1.4))
    dividend = np.zeros(count)
    for row in range(20, count, 60):
        dividend[row] = paid / 100 * close[row - 1]
        close[row:] *= 1 - paid / 100
    frame["open"] = close * np.exp(rng.normal(0, deviation / 3, count))
    frame["close"] = close
    frame["high"] = np.maximum(frame["open"], close) * 1.003
    frame["low"] = np.minimum(frame["open"], close) * 0.997
    split = np.ones(count)
    split[[100, 170]] = 4.0, 0.2
    kept = 1.0 - dividend[1:] / close[:-1]
    factor = np.append(np.cumprod(kept[::-1])[::-1], 1.0)
    columns = {"dividend": dividend, "split": split, "adjusted close": close * factor}
    return frame.assign(**columns)


def times(frame, rows, factor, columns):
    changed = frame.copy()
    for column in columns:
        values = changed[column].to_numpy(copy=True)
        values[rows] *= factor
        changed[column] = values
    return changed


def one_more(frame, row, other):
    """The dividend of `row` at `other` too."""
    dividend = frame["dividend"].to_numpy(copy=True)
    dividend[other] = dividend[row]
    return frame.assign(dividend=dividend)


def without_step(frame, row):
    """An adjusted close that lacks the dividend of a row."""
    kept = 1 - frame["dividend"].iloc[row] / frame["close"].iloc[row - 1]
    return times(frame, slice(0, row), 1 / kept, ["adjusted close"])


FAULTS = {
    "prices and volumes before a split": lambda f: times(
        times(f, slice(0, 100), 4.0, PRICED), slice(0, 100), 0.25, ["volume"]
    ),
    "prices before a split, on volumes that are right": lambda f: times(
        f, slice(0, 100), 4.0, PRICED
    ),
    "prices before a reverse split, and a right adjusted close": lambda f: times(
        times(f, slice(0, 170), 0.2, PRICES), slice(0, 170), 5.0, ["volume"]
    ),
    "prices before both splits": lambda f: times(
        times(times(f, slice(0, 100), 4.0, PRICED), slice(0, 170), 0.2, PRICED),
        slice(0, 100), 0.25, ["volume"],
    ).pipe(times, slice(0, 170), 5.0, ["volume"]),
    "a hundred times, on single bars": lambda f: times(f, [30, 90, 200], 100.0, PRICED),
    "a hundredth, in a stretch without its adjusted close": lambda f: times(
        f, slice(120, 150), 0.01, PRICES
    ),
    "a hundred times, in single columns": lambda f: times(
        times(f, [50], 100.0, ["high"]), [60], 0.01, ["adjusted close"]
    ),
    "a dividend a hundred times too large": lambda f: times(f, [80], 100.0, ["dividend"]),
    "a dividend a hundred times too small": lambda f: times(f, [80], 0.01, ["dividend"]),
    "a dividend again on the next day": lambda f: one_more(f, 80, 81),
    "a dividend that was never paid": lambda f: one_more(f, 80, 111),
    "a dividend that is not recorded": lambda f: times(f, [80], 0.0, ["dividend"]),
    "an adjusted close that lacks a dividend": lambda f: without_step(f, 80),
    "an adjusted close that lacks the last dividend": lambda f: without_step(f, 200),
    "a close of 0": lambda f: times(f, [70, 130], 0.0, ["close"]),
    "an adjusted close of 0": lambda f: times(f, [70, 130], 0.0, ["adjusted close"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_fault_is_mended_to_what_was_right(fault, seed):
    good = vendor_bars(seed)
    bad = FAULTS[fault](good)
    log = repairs(bad, "A", "split")
    pd.testing.assert_frame_equal(mended(bad, log, "x"), good, rtol=1e-6)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_repair_changes_only_bars_that_the_check_has_found(fault):
    bad = FAULTS[fault](vendor_bars(7))
    found = [each for each in check({"A": bad}, adjustment="split") if each.severity != "note"]
    told = set().union(*(each.times for each in found))
    changed = set(repairs(bad, "A", "split")["time"])
    assert changed
    assert changed <= told


@pytest.mark.parametrize("seed", range(12))
def test_random_corruption_is_found_where_it_is_mended(seed):
    rng = np.random.default_rng(seed)
    bad = vendor_bars(seed, deviation=float(rng.choice([0.005, 0.01, 0.03])), paid=1.0)
    for _ in range(4):
        column = str(rng.choice([*PRICED, "volume", "dividend"]))
        first = int(rng.integers(0, 230))
        rows = slice(first, first + int(rng.choice([1, 1, 5, 60])))
        bad = times(bad, rows, float(rng.choice([100.0, 0.01, 0.0, np.nan, 4.0, -1.0])), [column])
    told = [each.times for each in check({"A": bad}, adjustment="split") if each.severity != "note"]
    changed = set(repairs(bad, "A", "split")["time"])
    assert changed <= set().union(*told)


@pytest.mark.parametrize("seed", range(20))
def test_right_series_stay_as_they_are_however_wild(seed):
    rng = np.random.default_rng(seed)
    good = vendor_bars(seed, deviation=float(rng.choice([0.003, 0.02, 0.05])), paid=0.5)
    row = int(rng.choice([30, 60, 75, 130, 150, 190, 220]))  # a split is told of at 100 and 170
    crash = times(good, slice(row, None), float(rng.choice([0.25, 0.5, 3])), PRICED)
    for frame in (good, good.round({"adjusted close": 3})):
        assert repairs(frame, "A", "split").empty
    assert repairs(crash.drop(columns=["dividend", "adjusted close"]), "A", "split").empty


def test_a_spin_off_is_no_dividend_that_is_missing():
    good = vendor_bars(3)
    spun = times(good, slice(0, 111), 0.7, ["adjusted close"])
    assert repairs(spun, "A", "split").empty
