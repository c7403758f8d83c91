"""A market as arrays: alignment, fill prices, time between closes, the tape, periods."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from random_paths import market_of, random_market, read_bar

from drltrade.errors import ConfigError
from drltrade.market.tensors import Market

FILLS = ("next_open", "next_close", "same_close")
PRICES = ("open", "high", "low", "close")
NAN = np.nan


def frame_of(rows, times) -> pd.DataFrame:
    """Bars from [T, 5]: open, high, low, close, volume."""
    return pd.DataFrame(rows, times, [*PRICES, "volume"], dtype=np.float64)


@pytest.fixture
def days():
    """Monday to the Monday after."""
    return pd.bdate_range("2000-01-03", periods=6)


@pytest.fixture
def panel(days) -> Market:
    """A is always there; B comes on Tuesday and has no bar on Thursday; C halts on Tuesday
    (volume 0) and ends on Thursday."""
    a = [[10 + k, 12 + k, 9 + k, 11 + k, 100 + k] for k in range(6)]
    b = [[50, 52, 49, 51, 5], [53, 55, 52, 54, 6], [56, 58, 55, 57, 7], [58, 60, 57, 59, 8]]
    c = [[30, 33, 29, 31, 9], [31, 31, 31, 31, 0], [32, 34, 30, 33, 9], [33, 35, 31, 34, 9]]
    frames = {
        "A": frame_of(a, days), "B": frame_of(b, days[[1, 2, 4, 5]]), "C": frame_of(c, days[:4])
    }  # fmt: skip
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    return Market.build(frames, days, features, ["x", "y"], 252.0)


def test_assets_stand_side_by_side(panel, days):
    assert (panel.symbols, panel.assets, len(panel), panel.name) == (tuple("ABC"), 3, 6, "A, B, C")
    assert panel.times.equals(days)
    assert (panel.columns, panel.periods_per_year, panel.spans) == (("x", "y"), 252.0, ())
    assert panel.features.tolist() == np.arange(12).reshape(6, 2).tolist()
    assert (panel.features.dtype, panel.features.flags.c_contiguous) == (np.float32, True)
    assert all(getattr(panel, name).dtype == np.float64 for name in (*PRICES, "volume"))
    np.testing.assert_array_equal(panel.close[:, 0], 11.0 + np.arange(6))
    np.testing.assert_array_equal(panel.volume[:, 0], 100.0 + np.arange(6))


def test_where_nothing_trades_the_last_price_stands(panel):
    # Before its first bar: the first price there will be.
    np.testing.assert_array_equal(panel.close[:, 1], [51, 51, 54, 54, 57, 59])
    np.testing.assert_array_equal(panel.open[:, 1], [51, 50, 53, 54, 56, 58])
    np.testing.assert_array_equal(panel.high[:, 1], [51, 52, 55, 54, 58, 60])
    np.testing.assert_array_equal(panel.low[:, 1], [51, 49, 52, 54, 55, 57])
    np.testing.assert_array_equal(panel.volume[:, 1], [0, 5, 6, 0, 7, 8])
    # After its last: the last there was.
    np.testing.assert_array_equal(panel.close[:, 2], [31, 31, 33, 34, 34, 34])
    np.testing.assert_array_equal(panel.open[:, 2], [30, 31, 32, 33, 34, 34])
    np.testing.assert_array_equal(panel.high[:, 2], [33, 31, 34, 35, 34, 34])
    np.testing.assert_array_equal(panel.low[:, 2], [29, 31, 30, 31, 34, 34])
    np.testing.assert_array_equal(panel.volume[:, 2], [9, 0, 9, 9, 0, 0])


def test_what_trades_and_what_has_ended(panel):
    assert panel.tradable.astype(int).T.tolist() == [
        [1, 1, 1, 1, 1, 1],
        [0, 1, 1, 0, 1, 1],
        [1, 0, 1, 1, 0, 0],
    ]
    # A missing bar or a halt is no end.
    assert panel.ended.astype(int).T.tolist() == [[0] * 6, [0] * 6, [0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("symbols", "name"), [("A", "A"), ("ABC", "A, B, C"), ("ABCD", "A, B, C, ...")]
)
def test_a_market_is_named_by_its_first_symbols(symbols, name):
    assert market_of(np.ones((2, len(symbols)))).name == name


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        (["2000-01-06", "2000-01-07", "2000-01-10"], [24, 72]),
        (["2020-01-02 15:00", "2020-01-02 16:00", "2020-01-03 10:00"], [1, 18]),
        (["2020-02-28 09:30", "2020-02-28 09:31", "2020-03-02 09:31"], [1 / 60, 72]),
    ],
    ids=["weekend", "night", "minutes"],
)
@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_years_run_on_calendar_time(times, hours, unit):
    market = replace(market_of(np.ones(3)), times=pd.DatetimeIndex(times).as_unit(unit))
    np.testing.assert_allclose(market.years * 365 * 24, [*hours, NAN], rtol=1e-12)


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("next_open", [[50, 53, NAN, 56, 58, NAN], [NAN, 32, 33, NAN, NAN, NAN]]),
        ("next_close", [[51, 54, NAN, 57, 59, NAN], [NAN, 33, 34, NAN, NAN, NAN]]),
        ("same_close", [[NAN, 51, 54, NAN, 57, 59], [31, NAN, 33, 34, NAN, NAN]]),
    ],
)
def test_fill_price_of_each_decision(panel, fill, expected):
    np.testing.assert_array_equal(panel.fill_price(fill)[:, 1:].T, expected)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("assets", [1, 3])
def test_the_tape_holds_what_carries_each_bar_to_the_next(fill, assets):
    market = random_market(np.random.default_rng(0), 30, assets, ends=True)
    tape = market.tape(fill)
    assert (tape.shape, tape.dtype) == ((31, 9 * assets + 1), np.float64)
    assert tape.flags.c_contiguous
    bar, after = read_bar(tape[:-1], assets), slice(1, None)
    volume = market.volume[:-1] if fill == "same_close" else market.volume[after]
    expected = {
        "fill": market.fill_price(fill)[:-1], "close": market.close[:-1],
        "next_close": market.close[after], "years": market.years[:-1],
        "open": market.open[after], "high": market.high[after], "low": market.low[after],
        "volume": volume, "next_volume": market.volume[after], "ended": market.ended[after],
    }  # fmt: skip
    assert tuple(expected) == bar._fields
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(bar, name), values, name)
    assert bar.ended.any()
    assert np.isnan(bar.fill).any()


@pytest.mark.parametrize("fill", FILLS)
def test_the_last_row_of_the_tape_leads_nowhere(panel, fill):
    last = panel.tape(fill)[-1]
    bar = read_bar(last, 3)
    now = {"close", "fill", "volume"} if fill == "same_close" else {"close"}
    for name in bar._fields:
        if name not in {*now, "ended"}:
            assert np.isnan(getattr(bar, name)).all(), name
    assert np.isnan(last[8 * 3 : 9 * 3]).all()
    assert bar.close.tolist() == [16, 59, 34]


@pytest.fixture
def pair():
    """An instrument of 4 bars and one of 3, a year earlier."""
    first = replace(
        market_of([10.0, 11, 12, 13]), symbols=("P",), features=np.zeros((4, 1), np.float32),
        ended=np.array([[False], [False], [False], [True]]),
    )  # fmt: skip
    second = replace(
        market_of([500.0, 510, 520]), symbols=("Q",), features=np.ones((3, 1), np.float32),
        times=pd.bdate_range("1999-01-04", periods=3),
    )  # fmt: skip
    return first, second


def test_instruments_are_joined_end_to_end(pair):
    joined = Market.joined(pair)
    assert joined.spans == (range(4), range(4, 7))
    assert joined.symbols == ("P",)
    assert len(joined) == 7
    for name in (*PRICES, "volume", "tradable", "ended", "features", "times"):
        values = [getattr(market, name) for market in pair]
        np.testing.assert_array_equal(getattr(joined, name), np.concatenate(values), name)


@pytest.mark.parametrize("fill", FILLS)
def test_within_an_instrument_the_joined_tape_is_its_own(pair, fill):
    joined = Market.joined(pair)
    tape = joined.tape(fill)
    for market, span in zip(pair, joined.spans, strict=True):
        # The last row of the first leads into the second, and is for no episode to play
        # (test_simulator: rows outside the spans' steps are never read).
        np.testing.assert_array_equal(tape[span[0] : span[-1]], market.tape(fill)[:-1])
    np.testing.assert_array_equal(tape[-1], pair[1].tape(fill)[-1])


@pytest.fixture
def weeks():
    """55 weekdays from Monday, 2000-01-10, to Friday, 2000-03-24."""
    market = market_of(np.arange(100.0, 155.0))
    return replace(market, symbols=("X",), times=pd.bdate_range("2000-01-10", periods=55))


def test_a_period_holds_both_of_its_ends(weeks):
    first, last = weeks.times[7].date(), weeks.times[12].date()
    assert weeks.period(first, last, history=0) == range(7, 13)
    # Ends that are no bars: the Saturdays before and after.
    assert weeks.period("2000-01-15", "2000-01-22", history=0) == range(5, 10)


def test_a_period_holds_all_bars_of_its_last_day(weeks):
    hourly = replace(weeks, times=pd.date_range("2000-01-10 10:00", periods=55, freq="h"))
    assert hourly.period("2000-01-10", "2000-01-11", history=0) == range(39)  # the END of the 11th


def test_a_period_leaves_room_for_the_history(weeks):
    first, last = weeks.times[0].date(), weeks.times[20].date()
    assert weeks.period(first, last, history=9) == range(9, 21)
    late = weeks.times[15].date()
    assert weeks.period(late, last, history=9) == range(15, 21)


@pytest.mark.parametrize(
    ("instrument", "start", "end", "history", "expected"),
    [
        (0, "2000-01-01", "2000-12-31", 0, range(4)),
        (0, "2000-01-01", "2000-12-31", 1, range(1, 4)),
        (1, "1999-01-01", "1999-12-31", 0, range(4, 7)),
        (1, "1999-01-01", "2000-12-31", 1, range(5, 7)),  # the history is the instrument's own
        (1, "1999-01-05", "1999-01-06", 0, range(5, 7)),
    ],
)
def test_a_period_of_one_instrument(pair, instrument, start, end, history, expected):
    assert Market.joined(pair).period(start, end, history, instrument) == expected


@pytest.mark.parametrize(
    ("start", "end", "bars"),
    [("1990-01-01", "1999-12-31", 0), ("2030-01-01", "2031-01-01", 0), ("2000-01-17",) * 2 + (1,)],
)
def test_an_empty_period_says_what_the_data_cover(weeks, start, end, bars):
    with pytest.raises(ConfigError) as caught:
        weeks.period(start, end, history=3)
    text = str(caught.value)
    assert text.startswith(f"the period {start} .. {end} holds {bars} usable bars of X")
    assert "the data reach from 2000-01-10 to 2000-03-24" in text
    assert "3 bars before the first decision" in text


def test_an_empty_period_of_an_instrument_says_what_its_own_data_cover(pair):
    with pytest.raises(ConfigError, match="the data reach from 1999-01-04 to 1999-01-06"):
        Market.joined(pair).period("2000-01-01", "2000-12-31", 0, instrument=1)


@pytest.mark.parametrize(
    ("zone", "hours"),
    [(None, [0.5, 65.5]), ("America/New_York", [0.5, 64.5]), ("Asia/Tokyo", [0.5, 65.5])],
)
def test_a_weekend_in_which_clocks_are_set_forward_is_an_hour_shorter(zone, hours):
    # In New York on Sunday, 10 March 2024.
    labels = ["2024-03-08 15:30", "2024-03-08 16:00", "2024-03-11 09:30"]
    times = pd.DatetimeIndex(labels)
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    frame = pd.DataFrame(prices, index=times)
    empty = np.zeros((3, 0), np.float32)
    market = Market.build({"X": frame}, times, empty, (), 252.0, zone)
    np.testing.assert_allclose(market.years[:2] * 365 * 24, hours, rtol=1e-12)


def test_dates_alone_have_24_hours_each(make_random_bars):
    frame = make_random_bars(3, 300).frame("X")
    empty = np.zeros((len(frame), 0), np.float32)
    index = pd.DatetimeIndex(frame.index)
    plain = Market.build({"X": frame}, index, empty, (), 252.0)
    zoned = Market.build({"X": frame}, index, empty, (), 252.0, "America/New_York")
    np.testing.assert_array_equal(plain.years, zoned.years)


def test_an_asset_that_never_trades_has_prices_all_the_same():
    times = pd.bdate_range("2020-01-01", periods=3)
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 7.0), index=times)
    frames = {"X": frame.assign(volume=1.0), "Y": frame.assign(volume=0.0)}
    market = Market.build(frames, times, np.zeros((3, 0), np.float32), (), 252.0)
    assert (market.close == 7.0).all()
    assert market.tradable.tolist() == [[True, False]] * 3
