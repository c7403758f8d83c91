"""Where episodes begin and end, which instrument they play, and what the time in them costs."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from small_markets import FREE, frame_of, play

from drltrade.data.bars import Bars
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.episode import BLOCKS
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError
from drltrade.settings import parse

HOLD = [np.nan]


@pytest.fixture(scope="module")
def bars(make_random_bars):
    return make_random_bars(3, 400)


def spans(env, count, **reset):
    """(first row, last row) of each of several episodes."""
    found = []
    for seed in range(count):
        env.reset(seed=seed, **reset)
        found.append((env.episode.first_row, env.episode.last_row))
    return found


def test_starts_and_lengths_are_drawn_from_their_bounds(make_task, bars):
    task = make_task(bars, episode_length=[3, 9])
    rows, found = task.rows("train"), spans(TradingEnv(task), 2000)
    assert Counter(last - first for first, last in found).keys() == set(range(3, 10))
    starts = {first for first, _ in found}
    assert (min(starts), max(starts)) == (rows[0], rows[-1] - 3)
    assert len(starts) > 0.99 * (len(rows) - 3)
    assert max(last for _, last in found) == rows[-1]


def test_an_episode_has_as_many_steps_as_drawn(make_task, bars):
    env = TradingEnv(make_task(bars, episode_length=[3, 9]))
    for seed in range(20):
        path = play(env, [1] * 20, seed=seed)
        assert len(path) - 1 == env.episode.last_row - env.episode.first_row
        assert [step[3] for step in path] == [False] * (len(path) - 1) + [True]


@pytest.mark.parametrize("length", [20, (3, 9)])
def test_stratified_starts_visit_each_block_of_the_period_in_turn(make_task, bars, length):
    task = make_task(bars, starts="stratified", episode_length=length)
    shortest = length if isinstance(length, int) else length[0]
    rows, env = task.rows("train"), TradingEnv(task)
    block, found = (len(rows) - shortest) / BLOCKS, []
    for number in [*range(BLOCKS)] * 5:
        env.reset()
        found.append(env.episode.first_row - rows[0])
        assert int(number * block) <= found[-1] < (number + 1) * block
    assert len(set(found)) > 2 * BLOCKS  # the place in a block is left to chance


def test_every_step_tells_the_time_of_its_bar(make_task, make_random_bars):
    env = TradingEnv(make_task(make_random_bars(0, 60), episode_length=5))
    for seed in range(3):
        _, info = env.reset(seed=seed)
        times, over = [info["time"]], False
        while not over:
            *_, over, info = env.step(0)
            times.append(info["time"])
        first = env.episode.first_row
        assert times == list(env.task.market.times[first : first + 6])


@pytest.mark.parametrize("starts", ["uniform", "stratified"])
def test_a_period_shorter_than_the_episode_is_played_whole(make_task, make_random_bars, starts):
    task = make_task(make_random_bars(0, 60), episode_length=1000, starts=starts)
    rows = task.rows("train")
    assert set(spans(TradingEnv(task), 5)) == {(rows[0], rows[-1])}


def several(make_random_bars, symbols="ABC", **settings):
    """Instruments at prices of about 100, 10,000 and 1,000,000, of 200, 150 and 100 bars."""
    frames = {}
    for i, symbol in enumerate("ABC"):
        frame = make_random_bars(i, 200 - 50 * i, 0.01).frame("X")
        frames[symbol] = frame.assign(
            **{name: frame[name] * 100.0**i for name in ("open", "high", "low", "close")},
            volume=frame["volume"] + 1.0,
        )
    days = frames["A"].index
    periods = {"train": (0, 79), "validation": (80, 89), "test": (90, 199)}
    config = {
        "data": "synthetic",
        "periods": {k: [str(days[a].date()), str(days[b].date())] for k, (a, b) in periods.items()},
        "features": ["log_return(1)", "volatility(5)"],
        "window": 4, "episode_length": 10, "train_symbols": list(symbols), "costs": FREE,
        "position_range": [-1.0, 1.0],
    }  # fmt: skip
    data = Bars(frames, None, "1d", "synthetic", "0" * 64, "as published")
    return Task.build(parse(TradingConfig, config | settings, "test"), bars=data)


def instrument(price):
    return "ABC"[round(np.log(price / 100) / np.log(100))]


def test_each_training_episode_plays_one_of_several_instruments(make_random_bars):
    task = several(make_random_bars)
    env, played = TradingEnv(task), Counter()
    alone = {
        symbol: TradingEnv(several(make_random_bars, symbol, symbol=symbol)) for symbol in "ABC"
    }
    for seed in range(120):
        path = play(env, [[1.0]] * 20, seed=seed)
        assert len(path) == 11
        symbols = {instrument(step[4]["fills"][0]) for step in path[1:2]}
        (symbol,) = symbols
        played[symbol] += 1
        start = path[0][4]["time"]
        if seed % 10 == 0:  # it is the episode of that instrument alone, but for the scaler
            other = alone[symbol]
            same = play(other, [[1.0]] * 20, options={"start": start})
            for one, two in zip(path, same, strict=True):
                assert one[4]["time"] == two[4]["time"]
                assert one[4]["equity"] == two[4]["equity"]
                np.testing.assert_array_equal(one[0][8:], two[0][8:])
                scalers = (task.preparation.scaler, other.task.preparation.scaler)
                features = [
                    o[:8].reshape(4, 2) * scaler.std + scaler.mean
                    for o, scaler in zip((one[0], two[0]), scalers, strict=True)
                ]
                inside = np.abs(one[0][:8].reshape(4, 2)) < 4.9
                inside &= np.abs(two[0][:8].reshape(4, 2)) < 4.9
                np.testing.assert_allclose(features[0][inside], features[1][inside], atol=1e-6)
    # All are there for the 80 days; the shares are equal.
    assert played.keys() == set("ABC")
    assert min(played.values()) > 20


def test_instruments_have_their_share_of_the_starts(make_random_bars):
    # In a train period of all their days: 200, 150 and 100 bars, less 5 of warm-up (volatility),
    # 3 of history and 10 of the episode.
    days = [("train", 0, 179), ("validation", 180, 189), ("test", 190, 199)]
    index = make_random_bars(0, 200, 0.01).frame("X").index
    periods = {k: [str(index[a].date()), str(index[b].date())] for k, a, b in days}
    env = TradingEnv(several(make_random_bars, periods=periods))
    lengths = [len(span) for span in env.episode.spans]
    assert lengths == [180 - 8, 150 - 8, 100 - 8]
    starts = np.array([first for first, _ in spans(env, 3000)])
    share = [np.mean((starts >= s[0]) & (starts <= s[-1])) for s in env.episode.spans]
    expected = np.array([162, 132, 82]) / (162 + 132 + 82)
    np.testing.assert_allclose(share, expected, atol=0.03)


@pytest.mark.parametrize("period", ["validation", "test"])
def test_outside_training_the_symbol_alone_is_played(make_random_bars, period):
    task = several(make_random_bars, symbol="B")
    for seed in range(3):
        path = play(TradingEnv(task, period=period), [[1.0]] * 200, seed=seed)
        assert {instrument(step[4]["fills"][0]) for step in path[1:2]} == {"B"}
        assert path[0][4]["time"] == pd.Timestamp(task.config.periods.span(period)[0])


def test_a_symbol_may_stand_aside_in_training(make_random_bars):
    task = several(make_random_bars, "BC", symbol="A")
    assert task.market.symbols == ("A",)
    env = TradingEnv(task)
    fills = {instrument(play(env, [[1.0]], seed=seed)[1][4]["fills"][0]) for seed in range(40)}
    assert fills == {"B", "C"}


@pytest.mark.parametrize("symbols", ["ABC", "BC"])
def test_the_scaler_is_fitted_on_all_training_instruments(make_random_bars, symbols):
    task, (start, end) = several(make_random_bars, symbols, symbol="A"), (0, 79)
    returns = []
    for i, symbol in enumerate("ABC"):
        frame = make_random_bars(i, 200 - 50 * i, 0.01).frame("X")
        if symbol in symbols:
            log = np.diff(np.log(frame["close"].to_numpy()[start : end + 1]))
            returns += log[4:].tolist()  # from the bar on that has its volatility
    assert task.preparation.scaler.mean[0] == pytest.approx(np.mean(returns), rel=1e-9)
    assert task.preparation.scaler.std[0] == pytest.approx(np.std(returns), rel=1e-9)


def test_options_choose_start_and_length(task):
    env, rows = TradingEnv(task), task.rows("train")
    times = task.market.times
    for start in (times[rows[7]], str(times[rows[7]].date()), times[rows[7]].to_datetime64()):
        assert env.reset(options={"start": start})[1]["time"] == times[rows[7]]
        assert (env.episode.first_row, env.episode.last_row) == (rows[7], rows[7] + 20)
    path = play(env, [1] * 50, options={"start": times[rows[-6]], "length": 5})
    assert [step[4]["time"] for step in path] == list(times[rows[-6] : rows[-1] + 1])
    # The preset's length is cut at the end of the period.
    assert len(play(env, [1] * 50, options={"start": times[rows[-4]]})) == 4
    assert {last - first for first, last in spans(env, 50, options={"length": 7})} == {7}
    lengths = {last - first for first, last in spans(env, 99, options={"length": [2, 4]})}
    assert lengths == {2, 3, 4}
    whole = spans(env, 3, options={"length": None})
    assert set(whole) == {(rows[0], rows[-1])}
    assert {last - first for first, last in spans(env, 3)} == {20}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"begin": 1}, r"unknown options \['begin'\]; start and length are allowed"),
        ({"start": "2000-01-08"}, "start = 2000-01-08: no bar with a next one, between 2000-"),
        ({"start": "1980-01-01"}, "start = 1980-01-01: no bar with a next one"),
        ({"start": "last"}, "start = the last bar"),
        ({"start": "soon"}, "start = 'soon': no time, such as '2000-01-31'"),
        ({"start": "2000-02-01T00:00Z"}, "bars carry no time zone; leave it out"),
        ({"start": None}, "start = None: no bar with a next one"),
        ({"length": 0}, r"length = 0: an integer of at least 1, or \[shortest, longest\]"),
        ({"length": -3}, "length = -3: an integer of at least 1"),
        ({"length": 2.5}, "length = 2.5: an integer"),
        ({"length": True}, "length = True: an integer"),
        ({"length": "5"}, "length = '5': an integer"),
        ({"length": [5, 2]}, r"length = \[5, 2\]: an integer"),
        ({"length": [5]}, r"length = \[5\]: an integer"),
        ({"length": 1000}, r"length = 1000: there are \d+ bars after 2000-"),
        ({"length": [900, 1000]}, r"length = \[900, 1000\]: there are \d+ bars after 2000-"),
        ({"start": "2000-08-29", "length": 9}, r"length = 9: there are 8 bars after 2000-08-29"),
    ],
)
def test_wrong_options_are_explained(task, options, message):
    env, rows = TradingEnv(task), task.rows("train")
    times = task.market.times
    if options.get("start") == "last":
        options = {"start": times[rows[-1]]}
        message = f"start = {times[rows[-1]]}: no bar with a next one"
    if options.get("length") == 9:
        assert times[rows[-1] - 8] == pd.Timestamp("2000-08-29")
    with pytest.raises(ConfigError, match=message):
        env.reset(options=options)
    with pytest.raises(ConfigError, match="over"):
        env.step(0)


def test_a_failed_reset_leaves_a_running_episode_alone(task):
    env = TradingEnv(task)
    _, before = env.reset(seed=0)
    with pytest.raises(ConfigError):
        env.reset(options={"length": 0})
    assert env.step(1)[4]["time"] > before["time"]


@pytest.mark.parametrize("how", ["before the first reset", "after the end"])
def test_a_step_outside_an_episode_is_an_error(task, how):
    env = TradingEnv(task, episode_length=2)
    if how == "after the end":
        assert play(env, [0, 0], seed=0)[-1][3]
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"over \(or has not begun\): call reset\(\) first"):
            env.step(0)


CLOSES = ("10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00", "16:30")
"""Ends of the bars of a session; it opens at 9:00."""

HOUR = 1 / (365 * 24)


def intraday(**settings):
    """Sessions from Thursday 2020-01-02 on, all at a price of 100."""
    days = pd.bdate_range("2020-01-02", periods=8)
    times = [pd.Timestamp(f"{day.date()} {close}") for day in days for close in CLOSES]
    frame = frame_of([100.0] * (len(times) - 8)).set_axis(pd.DatetimeIndex(times, name="time"))
    two = settings.get("kind") == "portfolio"
    frames = {"X": frame, "Y": frame} if two else {"X": frame}
    config = {
        "data": "synthetic",
        "periods": {
            "train": ["2020-01-02", "2020-01-03"],
            "validation": ["2020-01-06", "2020-01-07"],
            "test": ["2020-01-08", "2020-01-13"],
        },
        "features": ["log_return(1)"], "window": 2, "period": "test",
    }  # fmt: skip
    model = PortfolioConfig if two else TradingConfig
    data = Bars(frames, None, "1h", "synthetic", "0" * 64, "as published")
    return Task.build(parse(model, config | settings, "test"), bars=data)


def hours_of(times):
    """To each bar from the one before."""
    return np.diff(np.array(times, "datetime64[s]")).astype(float) / 3600


RATES = {
    "borrow": (-1.0, {"borrow_rate": 0.365}, 100_000.0),
    "financing": (2.0, {"financing_rate": 0.365}, 100_000.0),
    "interest": (0.0, {"interest_rate": 0.365}, -100_000.0),
    "funding": (1.0, {"funding_rate": 0.365}, 100_000.0),
}
"""Part: the position held, its rate (0.1% a day), and the money that it is charged on at first."""


@pytest.mark.parametrize("part", RATES)
def test_what_is_held_pays_for_the_time_between_the_bars(part):
    position, rate, base = RATES[part]
    task = intraday(position_range=[-1, 2], costs=FREE | rate)
    path = play(TradingEnv(task), [[position], *[HOLD] * 40])
    infos = [step[4] for step in path]
    hours = hours_of([info["time"] for info in infos])
    assert Counter(hours) == {1.0: 24, 0.5: 4, 17.5: 2, 65.5: 1}
    paid = np.array([info["costs"][part] for info in infos[1:]])
    # The first order fills within the first hour, and pays from the next close on; cash that is
    # there from the start earns in that hour too. An hour costs 100,000 * 0.365 / 8760 = 4.1667.
    assert paid[0] == pytest.approx(0.0 if position else -25 / 6, rel=1e-12)
    assert paid[1] == pytest.approx(np.sign(base) * 25 / 6, rel=1e-3)
    night = int(np.flatnonzero(hours == 17.5)[0])
    expected = {"borrow": base, "funding": base}.get(part)
    if expected is not None:  # on the value held, at a price that never moves: 17.5 hours
        assert paid[night] == pytest.approx(17.5 * 25 / 6, rel=1e-12)
        np.testing.assert_allclose(paid[1:], hours[1:] * 25 / 6, rtol=1e-12)
    else:  # on the cash, from which it has been paid
        cash = np.array([info["cash"] for info in infos])
        np.testing.assert_allclose(paid[1:], -cash[1:-1] * 0.365 * HOUR * hours[1:], rtol=1e-12)
    others = {name: cost for info in infos for name, cost in info["costs"].items() if name != part}
    assert not any(others.values())
    assert infos[-1]["equity"] == pytest.approx(100_000 - paid.sum(), rel=1e-12)
    assert sum(step[1] for step in path) == pytest.approx(
        np.log(infos[-1]["equity"] / 100_000), abs=1e-12
    )


def test_a_position_closed_before_the_night_does_not_pay_for_it():
    # Sold short at the open of the second bar, bought back at that of the last before the night.
    task = intraday(position_range=[-1, 2], costs=FREE | {"borrow_rate": 0.365})
    path = play(TradingEnv(task), [[-1], *[HOLD] * 5, [0], *[HOLD] * 2])
    assert [str(step[4]["time"].time())[:5] for step in path[:8]] == list(CLOSES)
    paid = [step[4]["costs"]["borrow"] for step in path]
    # The bar in which it is bought back still pays: what is held over its close is charged.
    np.testing.assert_allclose(paid[:8], [0, 0, *[25 / 6] * 5, 12.5 / 6], rtol=1e-12)
    assert paid[8:] == [0, 0]


def test_the_vector_environment_pays_for_the_same_time():
    task = intraday(position_range=[-1, 2], costs=FREE | {"borrow_rate": 0.365})
    envs = MarketVectorEnv(TradingEnv, 2, task)
    envs.reset()
    envs.step(np.array([[-1.0], [0.0]], np.float32))
    hours, paid, before = [], [], None
    for _ in range(29):
        *_, infos = envs.step(np.full((2, 1), np.nan, np.float32))
        if before is not None:
            hours.append((infos["time"][0] - before) / np.timedelta64(1, "h"))
            paid.append(infos["costs"]["borrow"].copy())
        before = infos["time"][0]
    np.testing.assert_allclose(np.array(paid)[:, 0], np.array(hours) * 25 / 6, rtol=1e-12)
    assert not np.array(paid)[:, 1].any()
    assert max(hours) == 65.5


def test_a_portfolio_pays_for_the_same_time():
    task = intraday(kind="portfolio", costs=FREE | {"borrow_rate": 0.365})
    hold = np.full(2, np.nan)
    path = play(PortfolioEnv(task), [np.array([-0.5, -0.5]), *[hold] * 40])
    hours = hours_of([step[4]["time"] for step in path])
    paid = [step[4]["costs"]["borrow"] for step in path[2:]]
    np.testing.assert_allclose(paid, hours[1:] * 25 / 6, rtol=1e-12)
