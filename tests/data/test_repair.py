"""Repairs: what is told by the data is mended, what is not is set aside, what is true stays."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.adjust import adjusted
from drltrade.data.bars import PRICES
from drltrade.data.quality import check as faults_of
from drltrade.data.repair import mended, repairs
from drltrade.errors import DataError


def scaled(bars, rows, factor, volume=1.0):
    changed = bars.copy()
    changed.loc[changed.index[rows], [*PRICES]] *= factor
    changed.loc[changed.index[rows], "volume"] *= volume
    return changed


def put(bars, row, **values):
    changed = bars.copy()
    for name, value in values.items():
        changed.loc[changed.index[row], name.replace("_", " ")] = value
    return changed


def with_actions(bars, dividends=(), splits=()):
    """Split-adjusted bars as vendors give them: an adjusted close, dividends, splits."""
    frame = bars.assign(dividend=0.0, split=1.0)
    for row, amount in dividends:
        frame = put(frame, row, dividend=amount)
    actions = frame[["dividend", "split"]]
    full = adjusted(bars, actions, reinvested="previous close")
    frame["adjusted close"] = full["close"]
    for row, shares in splits:
        frame = put(frame, row, split=shares)
    return frame


PAID = ((20, 0.8), (50, 0.9), (80, 0.85), (110, 0.9))


@pytest.fixture
def sound():
    return with_actions(quiet_bars(), PAID, splits=[(70, 4.0)])


def check(bad, good, symbol="A", adjustment="split", aside=()):
    """Repaired, the bad series is the good one, without the bars set aside; undone, it is bad."""
    log = repairs(bad, symbol, adjustment)
    right = good.drop(good.index[list(aside)])
    pd.testing.assert_frame_equal(mended(bad, log, "x"), right, rtol=1e-9)
    return log


def test_sound_series_are_left_alone(sound):
    assert repairs(sound, "A", "split").empty
    assert repairs(quiet_bars(), "A", "full").empty


@pytest.mark.parametrize("rows", [slice(0, 70), slice(0, 66), slice(40, 50), slice(64, 65)])
def test_prices_that_are_not_adjusted_for_a_split(sound, rows):
    bad = scaled(sound, rows, 4.0, 0.25)
    bad.loc[bad.index[rows], "adjusted close"] *= 4.0
    log = check(bad, sound)
    assert set(log["kind"]) == {"scale"}
    assert log["why"].iloc[0] == "not adjusted for the split 4 of 2015-04-13"


@pytest.mark.parametrize("factor", [100.0, 0.01])
@pytest.mark.parametrize("rows", [slice(30, 31), slice(30, 45), slice(0, 9), slice(111, None)])
def test_prices_in_another_unit(factor, rows):
    good = quiet_bars()
    log = check(scaled(good, rows, factor), good, adjustment="full")
    assert set(log["column"]) == {*PRICES}


def test_an_exchange_that_quotes_in_hundredths_settles_which_unit_is_wrong():
    pence = quiet_bars()
    mostly_pounds = scaled(pence, slice(0, 80), 0.01)
    check(mostly_pounds, pence, "ABC.L", "full")
    nearly_all = scaled(pence, slice(0, 105), 0.01)
    assert repairs(nearly_all, "ABC.L", "full").empty
    check(mostly_pounds, scaled(pence, slice(0, None), 0.01), "ABC", "full")


def test_single_prices_in_another_unit():
    good = quiet_bars()
    log = check(put(good, 60, close=good["close"].iloc[60] / 100), good, adjustment="full")
    assert log[["column", "kind"]].to_numpy().tolist() == [["close", "scale"]]
    rounded = put(good, 60, low=round(good["low"].iloc[60] / 100, 2))
    low = mended(rounded, repairs(rounded, "A", "full"), "x")["low"].iloc[60]
    assert low == pytest.approx(good["low"].iloc[60], rel=0.01)


def test_dividends_in_another_unit_than_the_adjusted_close(sound):
    log = check(sound.assign(dividend=sound["dividend"] * 100), sound)
    assert set(log["column"]) == {"dividend"}


def test_dividends_larger_than_their_price(sound):
    bad = sound.assign(dividend=sound["dividend"] * 200)
    for row, paid in PAID:  # and the close adjusted by them, so that it is negative
        factor = 1 - 2 * paid * 100 / bad["close"].iloc[row - 1]
        factor /= 1 - paid / bad["close"].iloc[row - 1]
        bad.loc[bad.index[:row], "adjusted close"] *= factor
    mended_ = mended(bad, repairs(bad, "A", "split"), "x")
    np.testing.assert_allclose(mended_["dividend"], sound["dividend"] * 2, rtol=1e-9)
    assert (mended_["adjusted close"] > 0).all()


def test_a_dividend_a_hundred_times_too_small(sound):
    """The adjusted close repeats the fault; the fall of the price and the others refute it."""
    true_fall = sound[[*PRICES, "volume"]].copy()
    for name in PRICES:
        true_fall.loc[true_fall.index[50:], name] *= 1 - 0.06
    good = with_actions(true_fall, [(20, 6.0), (50, 6.0), (80, 6.0), (110, 6.0)])
    bad = with_actions(true_fall, [(20, 6.0), (50, 0.06), (80, 6.0), (110, 6.0)])
    check(bad, good)
    tiny_without_a_fall = with_actions(
        sound[[*PRICES, "volume"]], [(20, 6.0), (50, 0.06), (80, 6.0), (110, 6.0)]
    )
    assert repairs(tiny_without_a_fall, "A", "split").empty


def test_an_adjusted_close_that_is_not_adjusted_for_a_dividend(sound):
    bad = sound.copy()
    bad.loc[bad.index[:50], "adjusted close"] /= 1 - 0.9 / bad["close"].iloc[49]
    # The price did not fall by it, and three others are no schedule: it may never have been paid.
    assert repairs(bad, "A", "split").empty
    found = [each for each in faults_of({"A": bad}) if each.kind == "doubtful_dividend"]
    assert [(each.severity, list(each.times)) for each in found] == [("warning", [bad.index[50]])]


def test_a_dividend_that_fills_a_hole_in_its_schedule_is_adjusted_for():
    paid = [(row, 0.9) for row in range(8, 120, 12)]
    good = with_actions(quiet_bars(), paid)
    bad = good.copy()
    bad.loc[bad.index[:56], "adjusted close"] /= 1 - 0.9 / bad["close"].iloc[55]
    log = check(bad, good)
    assert set(log["kind"]) == {"adjustment"}
    assert len(log) == 56
    phantom = good.copy()
    phantom.loc[phantom.index[61], "dividend"] = 0.9  # between two that are due
    assert repairs(phantom, "A", "split")["column"].tolist() == ["dividend"]
    late = good.copy()
    late.loc[late.index[119], "dividend"] = 0.9  # after the last, of 116: nothing else tells
    assert "adjusted close" not in set(repairs(late, "A", "split")["column"])


def test_a_dividend_counted_twice_is_taken_out_of_what_lies_before_both():
    good = with_actions(quiet_bars(), PAID)
    bad = with_actions(quiet_bars(), [*PAID, (52, 0.9)])
    log = repairs(bad, "A", "split")
    assert set(log["column"]) == {"adjusted close"}
    ours = mended(bad, log, "x")
    pd.testing.assert_series_equal(
        ours["adjusted close"][:50], good["adjusted close"][:50], rtol=1e-4
    )
    # Which of the two it is nothing tells: between them nothing is changed.
    pd.testing.assert_frame_equal(ours[50:], bad[50:])


def test_a_dividend_recorded_twice(sound):
    paid = [(row, 6.0) for row, _ in PAID]
    falling = sound[[*PRICES, "volume"]].copy()
    for row, _ in paid:
        for name in PRICES:  # the price falls by what is paid
            falling.loc[falling.index[row:], name] *= 0.94
    good = with_actions(falling, paid)
    log = check(with_actions(falling, [*paid, (48, 6.0)]), good)
    assert log.loc[log["column"] == "dividend", "before"].tolist() == [6.0]
    # What yield, adjusted close and the fall agree on was paid, and be it every week.
    weekly = with_actions(falling, [(row, 6.0) for row in (20, 50)])
    assert repairs(weekly, "A", "split").empty
    small = with_actions(sound[[*PRICES, "volume"]], [(row, 0.3) for row in (20, 25, 30)])
    assert repairs(small, "A", "split").empty


QUARTERS = tuple((row, 0.2) for row in range(8, 112, 13))


def weekly():
    """Weeks of a share that pays the same each quarter."""
    bars = quiet_bars()
    return with_actions(
        bars.set_axis(pd.date_range("2015-01-05", periods=len(bars), freq="7D")), QUARTERS
    )


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_dividend_in_its_turn_is_a_hundredth_of_no_other(number):
    good = weekly()
    paid = [
        (row, amount * (0.01 if i == number else 1)) for i, (row, amount) in enumerate(QUARTERS)
    ]
    bad = with_actions(good[[*PRICES, "volume"]], paid)
    fixed = mended(bad, repairs(bad, "A", "split"), "x")
    np.testing.assert_allclose(fixed["adjusted close"], good["adjusted close"], rtol=2e-5)
    np.testing.assert_allclose(fixed["dividend"], good["dividend"])


def test_an_adjusted_close_that_knows_of_no_dividend_of_many():
    good = weekly()
    bad = good.assign(**{"adjusted close": good["close"]})
    check(bad, good)


def test_a_dividend_out_of_turn_that_the_adjusted_close_does_not_know_of_is_a_copy():
    good = weekly()
    check(put(good, 50, dividend=0.2), good)


def test_a_last_dividend_that_is_not_recorded():
    good = weekly()
    check(put(good, QUARTERS[-1][0], dividend=0.0), good)


def test_dividends_too_small_to_be_seen_bear_nothing_out():
    close = np.round(np.linspace(0.5, 0.6, 120), 2)
    bars = quiet_bars().assign(open=close, high=close + 0.01, low=close - 0.01, close=close)
    good = with_actions(bars, [(row, 0.00001) for row in range(10, 110, 12)])
    assert repairs(good, "A", "split").empty


def test_capital_gains_are_adjusted_for_as_dividends_are():
    whole = with_actions(quiet_bars(), PAID)
    gain = np.where(whole["dividend"] > 0, 0.3, 0.0)
    good = whole.assign(**{"capital gain": gain, "dividend": whole["dividend"] - gain})
    assert repairs(good, "A", "split").empty
    row = PAID[1][0]
    bad = put(good, row, dividend=100 * whole["dividend"].iloc[row] - 0.3)
    check(bad, good)


def test_a_run_that_may_begin_at_a_later_move_is_mended_from_there_alone():
    bars = quiet_bars().iloc[:100]
    good = with_actions(bars, splits=[(70, 2.0)])
    check(
        scaled(good, slice(40, 70), 2.0).assign(
            **{
                "adjusted close": good["adjusted close"]
                * np.where((np.arange(100) >= 40) & (np.arange(100) < 70), 2.0, 1.0)
            }
        ),
        good,
    )


def test_true_moves_stay():
    crash = scaled(quiet_bars(), slice(60, None), 0.42, 9.0)
    leap = scaled(quiet_bars(), slice(60, None), 2.16, 9.0)
    halved = scaled(quiet_bars(), slice(60, None), 0.5, 9.0)
    for moved in (crash, leap, halved):
        assert repairs(moved, "A", "full").empty


@pytest.mark.parametrize("shares", [1.25, 1.5, 2.0, 5.0, 0.2, 0.25])
@pytest.mark.parametrize("row", [20, 60, 85])
def test_true_moves_of_the_size_of_a_split_that_is_adjusted_for_stay(shares, row):
    for moved in (scaled(quiet_bars(), slice(row, None), shares),
                  scaled(quiet_bars(), slice(row, None), 1 / shares)):  # fmt: skip
        assert repairs(put(moved.assign(split=1.0), 100, split=shares), "A", "split").empty


@pytest.mark.parametrize("shares", [100.0, 0.01, 1 / 75])
def test_a_split_of_raw_prices_is_no_change_of_unit(shares):
    raw = scaled(quiet_bars(), slice(60, None), 1 / shares).assign(dividend=0.0, split=1.0)
    raw = put(raw, 60, split=shares)
    assert repairs(raw, "A", "raw").empty


def test_what_nothing_tells_how_to_mend_is_set_aside():
    good = quiet_bars()
    bad = put(good, 20, open=np.nan)
    bad = put(bad, 40, high=bad["low"].iloc[40] * 0.9)
    bad = put(bad, 60, close=50.0, low=49.0)
    bad = put(bad, 80, open=0.0)
    log = check(bad, good, adjustment="full", aside=(20, 40, 60, 80))
    assert set(log["kind"]) == {"quarantine"}
    assert log["why"].tolist() == [
        "a value is missing", "a price outside its bar",
        "a close after which prices are back where they were",
        "a price of 0 or below, or a volume below",
    ]  # fmt: skip


def test_a_split_and_a_dividend_of_bars_set_aside_are_handed_on():
    bad = quiet_bars().assign(dividend=0.0, split=1.0)
    for row, actions in ((40, {"split": 2.0, "dividend": 0.5}), (41, {"dividend": 0.25})):
        bad = put(bad, row, open=np.nan, **actions)
    bad = put(bad, len(bad) - 1, open=np.nan, dividend=9.0)
    kept = mended(bad, repairs(bad, "A", "raw"), "A")
    assert len(kept) == len(bad) - 3
    assert kept.loc[bad.index[42], ["split", "dividend"]].tolist() == [2.0, 0.75]
    assert (kept["split"].prod(), kept["dividend"].sum()) == (2.0, 0.75)


def test_a_close_adjusted_beside_prices_that_are_not_is_no_reason_to_set_all_aside():
    mixed = quiet_bars()
    mixed["close"] *= np.repeat([0.90, 0.93, 0.96, 0.99, 1.0], 24)
    assert repairs(mixed, "A", "split").empty


def test_a_log_that_does_not_fit_is_refused():
    bad = scaled(quiet_bars(), slice(30, 31), 100.0)
    log = repairs(bad, "A", "full")
    with pytest.raises(DataError, match=r"x, 2015-02-16 00:00:00: close is not .* any more"):
        mended(quiet_bars(), log, "x")
    with pytest.raises(DataError, match=r"undo the repairs .*, and check again"):
        mended(bad.drop(bad.index[30]), log, "x")


def test_a_special_dividend_out_of_turn_is_no_hundredfold_of_the_usual_ones():
    # Paid five days after one of the regular ones, and by chance a hundred times as much.
    usual = tuple((row, 0.012) for row in range(10, 118, 18))
    special = with_actions(quiet_bars(), (*usual, (69, 1.2)))
    assert repairs(special, "A", "split").empty
    # At its turn it is that.
    wrong = with_actions(quiet_bars(), [(row, 1.2 if row == 64 else 0.012) for row, _ in usual])
    log = repairs(wrong, "A", "split")
    assert log.loc[log["kind"] == "dividend", "after"].tolist() == pytest.approx([0.012])


def wild(moves, seed=0):
    """[120] monthly bars that move by 40%, and by what is told at some; not adjusted for payments.

    Their middle is far from their close, as is that of bars that move so.
    """
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0, 0.4, 120)
    for row, move in moves.items():
        returns[row] = move
    close = 50.0 * np.exp(np.cumsum(returns))
    opened = np.append(close[0], close[:-1])
    high, low = np.maximum(opened, close) * 1.1, np.minimum(opened, close) / 1.1
    frame = pd.DataFrame(
        {"open": opened, "high": high, "low": low, "close": close, "volume": 1000.0},
        pd.date_range("2010-01-01", periods=120, freq="MS", name="time"),
    )
    return with_actions(frame, PAID)


def test_a_unit_that_may_as_well_be_a_crash_changes_nothing_else():
    # A bar in hundredths at the end of a rise: the bars after it are not in another unit.
    for seed in range(4):
        good = wild({59: 1.9, 60: 0.1, 61: 0.1}, seed)
        bad = put(
            scaled(good, [60], 0.01), 60, adjusted_close=good["adjusted close"].iloc[60] / 100
        )
        log = repairs(bad, "A", "split")
        assert set(log["time"]) <= {good.index[60]}


def test_the_ratio_to_the_adjusted_close_is_that_of_the_close():
    # The middle of a bar that more than doubles is no price that the adjusted close knows of.
    for seed in range(4):
        good = wild({60: 0.3, 61: 0.8, 62: 0.7}, seed)
        check(scaled(good, [20, 60, 61], 100.0), good)


@pytest.mark.parametrize("factor", [100.0, 1535.0])
def test_an_adjusted_close_of_payments_above_their_price_is_made_anew(factor):
    # The second is that of a vendor who took won for dollars.
    good = with_actions(quiet_bars(), PAID)
    left = (1.0 - factor * good["dividend"] / good["close"].shift(1)).to_numpy()
    spoilt = good["close"] * np.append(np.cumprod(left[:0:-1])[::-1], 1.0)
    assert (spoilt < 0).any() == (factor > 1000)
    check(good.assign(**{"adjusted close": spoilt}), good)
