"""The quality check: each pattern met in public data is found, and true moves are no errors."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import SESSIONS, quiet_bars

from drltrade.data.quality import check


@pytest.fixture
def bars():
    return quiet_bars()


def scaled(bars, start, factor, volume=1.0, stop=None):
    """The same, with prices and volume times something from bar `start` on."""
    changed = bars.copy()
    rows = slice(start, stop)
    changed.iloc[rows, :4] *= factor
    changed.iloc[rows, 4] *= volume
    return changed


def put(bars, row, **values):
    changed = bars.copy()
    for name, value in values.items():
        changed.loc[changed.index[row], name] = value
    return changed


def kinds(found):
    return [(each.severity, each.kind) for each in found]


def test_sound_bars_have_no_faults(bars):
    assert check({"A": bars}) == []


CASES = {
    "a price is missing": (
        lambda b: put(b, 40, open=np.nan), ("error", "missing"), [40], "open nan, high",
    ),
    "an open of 0": (lambda b: put(b, 40, open=0.0), ("error", "zero_price"), [40], "open = 0"),
    "a high below the low": (
        lambda b: put(b, 40, high=b["low"].iloc[40] * 0.9), ("error", "high_low"), [40], "high ",
    ),
    "a close outside its bar": (
        lambda b: put(b, 40, close=b["low"].iloc[40] * 0.9), ("error", "high_low"), [40], "close ",
    ),
    "a bad tick within its bar": (
        lambda b: put(b, 40, close=50.0, low=49.0), ("error", "bad_tick"), [40], "close 50, after",
    ),
    "a bad tick from which the way back is not large as a return": (
        lambda b: put(b, 40, close=160.0, high=160.0), ("error", "bad_tick"), [40], "close 160, ",
    ),
    "a split": (
        lambda b: scaled(b, 40, 0.5, 2.0), ("warning", "split"), [40],
        "perhaps a split of 2 that nothing tells of; if so, state it: --split 'A 2015-03-02=2",
    ),
    "a split on a volume that is adjusted for it": (
        lambda b: scaled(b, 40, 1 / 7), ("error", "split"), [40], "--split 'A 2015-03-02=7'",
    ),
    "a reverse split": (
        lambda b: scaled(b, 40, 3.0, 1 / 3), ("error", "split"), [40], "--split 'A 2015-03-02=1/3'",
    ),
    "a small split, which only its volume tells": (
        lambda b: scaled(b, 40, 2 / 3, 1.5), ("warning", "split"), [40], "perhaps a split of 1.5",
    ),
    "a leap against which its volume speaks": (
        lambda b: scaled(b, 40, 1.5, 1.5), ("warning", "large_move"), [40], "perhaps true",
    ),
    "a crash by half through a wide range": (
        lambda b: put(scaled(b, 40, 0.5, 2.0), 40, high=95.0), ("warning", "large_move"), [40],
        "perhaps true",
    ),
    "a flash crash on many times the volume": (
        lambda b: put(b, 40, close=50.0, low=49.0, volume=9e6), ("warning", "bad_tick"), [40],
        "close 50, after which",
    ),
    "a leap by more than six times on much volume": (
        lambda b: scaled(b, 40, 6.4, 20.0), ("warning", "large_move"), [40], "perhaps true",
    ),
    "pence for pounds": (
        lambda b: scaled(b, 40, 100.0), ("error", "currency_unit"), range(40),
        "a hundredth of what the other bars are (40 bars, ",
    ),
    "another scale": (
        lambda b: scaled(b, 40, 27.0), ("error", "scale_break"), [40], "the unit of prices",
    ),
    "a crash on many times the volume": (
        lambda b: scaled(b, 40, 0.5, 12.0), ("warning", "large_move"), [40], "perhaps true",
    ),
    "a jump that is near no split": (
        lambda b: scaled(b, 40, 1.58, 5.0), ("warning", "large_move"), [40], "perhaps true",
    ),
    "a bar without moves": (
        lambda b: put(b, 40, open=99.0, high=99.0, low=99.0, close=99.0), ("note", "flat"), [40],
        "all four prices are 99",
    ),
    "a dividend in cents": (
        lambda b: b.assign(dividend=np.where(np.arange(len(b)) == 40, 60.0, 0.0)),
        ("warning", "large_dividend"), [40], "a dividend of 60 on ",
    ),
    "a dividend above the price": (
        lambda b: b.assign(dividend=np.where(np.arange(len(b)) == 40, 600.0, 0.0)),
        ("error", "large_dividend"), [40], "more than the close before",
    ),
    "no volume": (lambda b: put(b, 40, volume=0.0), ("note", "zero_volume"), [40], "no trade"),
    "a volume in currency": (
        lambda b: scaled(b, 40, 1.0, 100.0, 52), ("warning", "volume_unit"), range(40, 52),
        "in currency among",
    ),
    "volumes in lots from here on": (
        lambda b: scaled(b, 60, 1.0, 0.01), ("warning", "volume_unit"), [60], "from here on",
    ),
    "volumes in another unit for a while": (
        lambda b: scaled(b, 40, 1.0, 0.001, 80), ("warning", "volume_unit"), [40, 80], "from here",
    ),
    "the same bar twice": (
        lambda b: pd.concat([b, b.iloc[[40]]]), ("warning", "duplicate"), [40], "one is dropped",
    ),
    "two bars of one label": (
        lambda b: pd.concat([b, b.iloc[[40]] * 1.001]), ("error", "duplicate"), [40],
        "which is true?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_found_where_it_is_and_nothing_else(bars, case):
    change, kind, rows, text = CASES[case]
    found = check({"A": change(bars)})
    assert kinds(found) == [kind]
    assert found[0].symbol == "A"
    assert list(found[0].times) == list(SESSIONS[list(rows)])
    assert text in found[0].text


def test_an_order_does_not_matter(bars):
    changed = scaled(bars, 40, 0.5, 2.0)
    assert repr(check({"A": changed.iloc[::-1]})) == repr(check({"A": changed}))


def test_an_adjusted_close_proves_a_split_and_clears_a_true_crash(bars):
    split = scaled(bars, 40, 0.5, 2.0)
    split["adjusted close"] = bars["close"]
    assert kinds(check({"A": split})) == [("error", "split")]
    assert kinds(check({"A": split}, adjustment="raw")) == [("note", "split")]
    crash = scaled(bars, 40, 0.5, 2.0)
    crash["adjusted close"] = crash["close"] * 0.9
    assert kinds(check({"A": crash})) == [("warning", "large_move")]


def test_a_table_of_splits_proves_one(bars):
    split = scaled(bars, 40, 0.5, 2.0).assign(split=1.0)
    split.iloc[40, -1] = 2.0
    assert kinds(check({"A": split}, adjustment="split")) == [("error", "split")]
    assert kinds(check({"A": split}, adjustment="raw")) == [("note", "split")]


def test_a_spin_off_is_no_split(bars):
    # Altria fell by 70% on 2008-03-31, when its holders received Philip Morris International.
    spun = scaled(bars, 40, 0.3, 3.0)
    spun["adjusted close"] = bars["close"]
    (found,) = check({"A": spun})
    assert (found.severity, found.kind) == ("warning", "spin_off")


def test_days_on_another_clock(bars):
    hours = pd.date_range("2020-01-06 10:00", periods=7, freq="h")
    days = pd.bdate_range("2020-01-06", periods=40)
    labels = [hour + (day - days[0]) for day in days for hour in hours]
    frame = pd.concat([bars, bars, bars]).iloc[:280].set_axis(pd.DatetimeIndex(labels))
    priced = frame.assign(open=100.0, high=101.0, low=99.0, close=100.0)
    assert check({"A": priced}) == []
    half_day = priced.drop(priced.index[17 * 7 + 4 : 18 * 7])
    assert check({"A": half_day}) == []
    late = priced.index.where(
        (priced.index < days[10]) | (priced.index >= days[18]), priced.index + pd.Timedelta("5h")
    )
    (found,) = check({"A": priced.set_axis(late)})
    assert (found.severity, found.kind) == ("warning", "zone_shift")
    assert list(found.times) == list(days[10:18])
    assert "begins and ends 5 hours late" in found.text


def test_a_close_adjusted_beside_prices_that_are_not(bars):
    # Four dividends, as in a public set whose low is above its close on three rows of four.
    mixed = bars.copy()
    paid = np.repeat([0.90, 0.93, 0.96, 0.99, 1.0], 24)
    mixed["close"] *= paid
    found = check({"A": mixed})
    assert kinds(found) == [("error", "mixed_adjustment")]
    assert len(found[0].times) >= 90


def test_another_security_after_a_gap(bars):
    late = scaled(bars, 60, 40.0)
    late.index = late.index[:60].append(late.index[60:] + pd.Timedelta(days=365))
    assert kinds(check({"A": late})) == [("error", "ticker_reuse"), ("warning", "missing_bar")]


def test_prices_that_stand_still(bars):
    stale = bars.copy()
    stale.iloc[40:60, :4] = 99.0
    stale.iloc[41:60, 4] = 0.0
    found = {each.kind: each for each in check({"A": stale})}
    assert set(found) == {"stale", "flat", "zero_volume"}
    assert list(found["stale"].times) == list(SESSIONS[41:60])


def test_what_befalls_most_symbols_is_the_dates(bars):
    silent = put(bars, 40, volume=0.0)
    frames = {name: silent for name in "ABCDE"} | {"F": bars}
    found = [each for each in check(frames) if each.symbol is None]
    assert kinds(found) == [("warning", "zero_volume")]
    assert list(found[0].times) == [SESSIONS[40]]
    assert "5 of 6 symbols" in found[0].text


def test_sessions_are_those_of_the_exchange(bars):
    found = check({"A": bars}, "XNYS")
    # 2015-01-19, 02-16, 04-03 and 05-25 are weekdays on which New York is closed.
    assert kinds(found) == [("warning", "no_session")]
    assert [str(time.date()) for time in found[0].times] == [
        "2015-01-19", "2015-02-16", "2015-04-03", "2015-05-25",
    ]  # fmt: skip
    open_days = bars.drop(found[0].times)
    assert check({"A": open_days}, "XNYS") == []
    holes = open_days.drop([SESSIONS[3], SESSIONS[4]])
    found = check({"A": holes}, "XNYS")
    assert kinds(found) == [("warning", "missing_session")]
    assert list(found[0].times) == [SESSIONS[3], SESSIONS[4]]


def test_a_session_that_most_symbols_lack_is_told_once(bars):
    open_days = bars.drop(check({"A": bars}, "XNYS")[0].times)
    holes = open_days.drop([SESSIONS[3]])
    frames = {name: holes for name in "ABCDE"} | {"F": open_days.drop([SESSIONS[6]])}
    found = check(frames, "XNYS")
    assert [(each.symbol, list(each.times)) for each in found] == [
        (None, [SESSIONS[3]]), ("F", [SESSIONS[6]]),
    ]  # fmt: skip


def test_a_symbol_without_any_price_is_an_error_and_no_crash(bars):
    nothing = bars.assign(close=np.nan)
    assert kinds(check({"A": nothing}, "XNYS")) == [("error", "missing")]


def test_errors_come_first(bars):
    faults = put(put(bars, 40, volume=0.0), 60, open=0.0)
    faults = scaled(faults, 80, 1.58, 5.0)
    found = check({"A": faults})
    assert [each.severity for each in found] == ["error", "warning", "note"]


def test_a_step_after_which_nothing_is_traded_is_no_split(bars):
    bad = bars.copy()
    for name in ("open", "high", "low", "close"):
        bad.loc[bad.index[90:], name] = 5.0
    bad.loc[bad.index[90:], "volume"] = 0.0
    found = {each.kind for each in check({"A": bad})}
    assert "split" not in found
    assert "untraded" in found


@pytest.mark.parametrize(
    ("name", "factor"),
    [*(("open", factor) for factor in (10.0, 2.0, 0.5, 0.1)), ("high", 10.0), ("high", 2.0),
     ("low", 0.5), ("low", 0.1)],
)  # fmt: skip
def test_a_price_far_from_the_closes_around_it_is_told(bars, name, factor):
    spoilt = bars.copy()
    row = spoilt.index[50]
    spoilt.loc[row, name] *= factor
    spoilt.loc[row, "high"] = max(spoilt.loc[row, ["open", "high", "low", "close"]])
    spoilt.loc[row, "low"] = min(spoilt.loc[row, ["open", "high", "low", "close"]])
    found = [each for each in check({"A": spoilt}) if each.kind in ("bad_tick", "currency_unit")]
    assert found
    assert all(row in each.times for each in found)


@pytest.mark.parametrize(("opened", "kind"), [(1.0, "large_move"), (9.0, "scale_break")])
def test_a_change_of_unit_is_there_at_the_open(opened, kind):
    bars = quiet_bars()
    bars.iloc[60:, :4] *= 9.0
    bars.iloc[60, 0] = bars["close"].iloc[59] * opened
    bars.iloc[60, 2] = min(bars["open"].iloc[60], bars["low"].iloc[60])
    found = [each.kind for each in check({"A": bars}) if each.times[0] == bars.index[60]]
    assert kind in found
