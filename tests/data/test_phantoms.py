"""Dividends that were never paid: they are taken away, or told, and never adjusted for."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.dividends import corrected
from drltrade.data.repair import repairs

COUNT = 340


def cheap_bars(yields, seed=0, price=0.7, digits=2, fallen=COUNT):
    """Weeks of a share with dividends {bar: yield}; it falls by 3.5% in one."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2009-02-02", periods=COUNT, freq="7D", name="time")
    paid = np.zeros(COUNT)
    moves = rng.normal(0, 0.012, COUNT)
    moves[fallen : fallen + 1] = -0.035
    close = price * np.exp(np.cumsum(moves))
    close = np.round(np.maximum(close, 0.3), digits)
    before = np.concatenate((close[:1], close[:-1]))
    for row, part in yields.items():
        paid[row] = np.round(part * before[row], 6)
    left = np.append(np.cumprod((1 - paid / before)[:0:-1])[::-1], 1.0)
    return pd.DataFrame(
        {"open": before, "high": np.maximum(before, close), "low": np.minimum(before, close),
         "close": close, "volume": 1000.0, "dividend": paid, "split": 1.0,
         "adjusted close": close * left}, index,
    )  # fmt: skip


def recorded(bars, row, amount):
    dividend = bars["dividend"].to_numpy(copy=True)
    dividend[row] = amount
    return bars.assign(dividend=dividend)


def growing(rows, first=0.04):
    """Yields of which no two are alike."""
    return {row: first * 1.007**number for number, row in enumerate(rows)}


@pytest.mark.parametrize("seed", range(6))
def test_a_phantom_beside_a_dividend_too_small_to_be_seen_is_not_due(seed):
    yields = growing(range(69, COUNT, 13)) | {82: 0.01}
    good = cheap_bars(yields, seed)
    bad = recorded(good, 84, good["dividend"].iloc[160])
    log = repairs(bad, "A", "split")
    assert set(log["column"]) <= {"dividend"}
    assert set(log["time"]) <= {bad.index[84]}


@pytest.mark.parametrize("seed", range(6))
def test_a_phantom_in_a_schedule_of_any_time_is_not_adjusted_for(seed):
    rows = [15, 28, 39, 62, 70, 101, 128, 140, 155, 210, 214, 240, 260, 282]
    good = cheap_bars(growing(rows, 0.02), seed, price=40.0, digits=4, fallen=322)
    # Five years after another, the last one, and the price fell by chance.
    bad = recorded(good, 322, good["dividend"].iloc[101])
    log = repairs(bad, "A", "split")
    assert set(log["column"]) <= {"dividend"}
    assert set(log["time"]) <= {bad.index[322]}


def test_a_dividend_much_like_another_one_is_no_copy_of_it():
    rows = range(69, COUNT, 13)
    good = cheap_bars(growing(rows, 0.02), price=40.0, digits=4)
    kept = 1 - good["dividend"].iloc[160] / good["close"].iloc[159]
    adjusted = good["adjusted close"].to_numpy(copy=True)
    adjusted[:160] /= kept
    like = good["dividend"].iloc[160] * 1.0003
    bad = recorded(good.assign(**{"adjusted close": adjusted}), 173, like)
    assert corrected(bad, raw=False).paid[160] == good["dividend"].iloc[160]


def test_an_adjusted_close_without_any_dividend_lacks_those_too_small_to_be_seen():
    good = cheap_bars(growing(range(69, COUNT, 13)) | {82: 0.01})
    bad = good.assign(**{"adjusted close": good["close"]})
    found = corrected(bad, raw=False)
    np.testing.assert_allclose(found.adjusted, good["adjusted close"], rtol=1e-9)
    np.testing.assert_array_equal(found.paid, good["dividend"])


@pytest.mark.parametrize("row", [238, 329])
@pytest.mark.parametrize("seed", range(3))
def test_a_dividend_on_which_nothing_fell_is_no_hundred_times_one_too_small_to_be_seen(seed, row):
    good = cheap_bars(dict.fromkeys(range(69, COUNT, 26), 0.03) | {row: 0.0045}, seed)
    good.loc[good.index[row], ["open", "close"]] = good["close"].iloc[row - 1]  # it did not trade
    bad = recorded(good, row, 100 * good["dividend"].iloc[row])
    assert "adjusted close" not in set(repairs(bad, "A", "split")["column"])
