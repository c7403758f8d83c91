"""Bad input is refused before the first step (an action: at it), by name, symbol and time."""

from dataclasses import replace

import gymnasium
import numpy as np
import pandas as pd
import pytest
from gymnasium.vector import AutoresetMode
from small_markets import FREE, bars_of, play, small_task

import drltrade
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.envs.vector import MarketVectorEnv
from drltrade.errors import ConfigError, DataError
from drltrade.features.kinds import FEATURES, FeatureKind

FLAT = [100.0] * 12
DATES = {
    "train": ["2020-01-01", "2020-01-07"],
    "validation": ["2020-01-08", "2020-01-10"],
    "test": ["2020-01-13", "2020-12-31"],
}


def at(row):
    return pd.bdate_range("2020-01-01", periods=20)[row]


def set_price(column, row, value):
    def spoil(frame):
        frame.loc[at(row), column] = value
        return frame

    return spoil


def set_bar(row, value):
    def spoil(frame):
        frame.loc[at(row), ["open", "high", "low", "close"]] = value
        return frame

    return spoil


def order(*rows):
    return lambda frame: frame.iloc[list(rows)]


def twice(frame):
    """Row 2 again, at another volume: equal rows would be one bar."""
    again = frame.iloc[[2]].assign(volume=frame["volume"].iloc[2] + 1.0)
    return pd.concat([frame.iloc[:3], again, frame.iloc[3:]])


FAULTS = {
    "not sorted": (order(0, 1, 3, 2, *range(4, 20)), 2, "time is not after 2020-01-06"),
    "twice": (twice, 2, "time is a duplicate of row"),
    "no price": (set_bar(9, 0.0), 9, "open = 0 is not positive"),
    "a price below zero": (set_bar(9, -37.63), 9, "open = -37.63 is not positive"),
    "a negative low": (set_price("low", 5, -1.0), 5, "low = -1 is not positive"),
    "a missing close": (set_price("close", 11, np.nan), 11, "close is missing"),
    "an infinite high": (set_price("high", 11, np.inf), 11, "high = inf is not finite"),
    "high below close": (set_price("high", 6, 99.0), 6, "high = 99 is below open = 100"),
    "negative volume": (set_price("volume", 4, -5.0), 4, "volume = -5 is negative"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["trading", "portfolio"])
def test_bad_bars_in_memory(fault, kind):
    spoil, row, message = FAULTS[fault]
    symbol = "B" if kind == "portfolio" else "X"
    bars = bars_of(A=FLAT, B=FLAT) if kind == "portfolio" else bars_of(X=FLAT)
    small_task(bars, {})  # these are well
    bars.frames[symbol] = spoil(bars.frame(symbol))
    with pytest.raises(DataError) as caught:
        small_task(bars, {})
    for part in (f"by hand (symbol {symbol})", f"({at(row)})", message):
        assert part in str(caught.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_bars_in_a_file(tmp_path, fault):
    spoil, row, message = FAULTS[fault]
    frames = bars_of(A=FLAT, B=FLAT).frames
    table = pd.concat([frame.assign(symbol=s) for s, frame in frames.items()])
    small = {"periods": DATES, "features": ["log_return(1)"], "window": 2, "period": "test",
             "clip_periods": True}  # fmt: skip
    path = tmp_path / "prices.csv"
    table.to_csv(path)
    gymnasium.make("drltrade/Portfolio-v0", data=str(path), **small).close()
    table = pd.concat([frames["A"].assign(symbol="A"), spoil(frames["B"]).assign(symbol="B")])
    table.to_csv(path)
    with pytest.raises(DataError) as caught:
        gymnasium.make("drltrade/Portfolio-v0", data=str(path), **small)
    text = str(caught.value)
    assert "prices.csv (symbol B), row " in text
    message = "out of order" if fault == "not sorted" else message
    assert str(at(row).date()) in text
    assert message.removesuffix(" of row") in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="open"), "missing column open"),
        (lambda f: f.reset_index(drop=True), "must be indexed by times without a zone"),
        (lambda f: f.tz_localize("UTC"), "must be indexed by times without a zone"),
        (lambda f: f.assign(volume=0.0), "volume is zero on every row"),
        (lambda f: f.iloc[:1], "1 bars, at least 2 are needed"),
    ],
)
def test_frames_that_are_no_bars(change, message):
    bars = bars_of(X=FLAT)
    bars.frames["X"] = change(bars.frame("X"))
    with pytest.raises(DataError, match=rf"^by hand \(symbol X\): .*{message}"):
        small_task(bars, {})


def test_a_price_of_zero_is_bad_where_nothing_trades_too():
    bars = bars_of(X=FLAT)
    bars.frames["X"] = set_price("volume", 9, 0.0)(bars.frame("X"))
    small_task(bars, {})
    bars.frames["X"] = set_bar(9, 0.0)(bars.frame("X"))
    with pytest.raises(DataError, match=r"\(2020-01-14 00:00:00\): open = 0 is not positive"):
        small_task(bars, {})


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("symbols", ["X", "AB"])
def test_a_feature_that_is_no_number_names_asset_column_and_time(monkeypatch, value, symbols):
    def compute(history):
        numbers = np.where(history.close == 77.0, value, 1.0)
        numbers[0] = np.nan  # its warm-up
        return (numbers,)

    kind = FeatureKind("a bad one", (), compute, lambda: 1)
    monkeypatch.setitem(FEATURES, "mine", kind)
    bars = bars_of(**dict.fromkeys(symbols, FLAT))
    settings = {"features": ["log_return(1)", "mine"]}
    small_task(bars, settings)
    last = symbols[-1]
    bars.frames[last] = set_bar(9, 77.0)(bars.frame(last))
    with pytest.raises(DataError, match=rf"^{last}: features: mine = {value} at 2020-01-14 "):
        small_task(bars, settings)


SINGLE = TradingEnv, ["X"], {"position_range": [-0.5, 1.0]}
PANEL = PortfolioEnv, ["A", "B"], {"gross_limit": 1.0}


@pytest.mark.parametrize(
    ("market", "action", "message"),
    [
        (SINGLE, [1.5], r"action 1\.5 lies outside the position range \[-0\.5, 1\.0\]"),
        (SINGLE, [-0.75], r"action -0\.75 lies outside the position range \[-0\.5, 1\.0\]"),
        (SINGLE, [np.inf], r"action inf lies outside"),
        (PANEL, [0.0, 1.5], r"action 1\.5 for B lies outside the position range \[-1\.0, 1\.0\]"),
        (PANEL, [-1.5, 0.0], r"action -1\.5 for A lies outside"),
    ],
)
def test_an_action_outside_the_space(market, action, message):
    face, symbols, settings = market
    task = small_task(bars_of(**dict.fromkeys(symbols, FLAT)), settings)
    env, action = face(task), np.array(action, np.float32)
    env.reset()
    allowed = np.zeros_like(action)
    env.step(allowed)
    with pytest.raises(ValueError, match=rf"^{message}.* \(at 2020-01-14 00:00:00\)$"):
        env.step(action)
    with pytest.raises(ValueError, match=rf"^{message}"):
        gymnasium.make(f"drltrade/{face.__name__[:-3]}-v0", task=task).unwrapped.step(action)
    envs = MarketVectorEnv(face, 3, task, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset()
    with pytest.raises(ValueError, match=rf"^environment 1: {message}"):
        envs.step(np.stack([allowed, action, action]))
    assert (envs.simulator.equity == 100_000).all()


def targets(values, symbols="X", first=8):
    times = pd.bdate_range("2020-01-01", periods=20)[first : first + len(values)]
    return pd.DataFrame(values, times, list(symbols))


ONE, TWO = {"position_range": [-0.5, 1.0]}, {"gross_limit": 1.0}
BETWEEN = "weights between"


@pytest.mark.parametrize(
    ("settings", "frame", "message"),
    [
        (ONE, targets([0.5, 1.01]), "target 1.01 of X at 2020-01-14 00:00:00: weights between -0"),
        (ONE, targets([0.5, np.nan, -0.6]), "target -0.6 of X at 2020-01-15 00:00:00: "),
        (ONE, targets([np.inf]), "target inf of X at 2020-01-13 00:00:00: weights between -0.5 an"),
        ({"positions": [0, 1]}, targets([-0.5]), f"{BETWEEN} 0 and 1 are allowed"),
        ({"positions": [-1, 2]}, targets([2.5]), f"{BETWEEN} -1 and 2 are allowed"),
        ({"order_units": 5.0}, targets([1.5]), f"{BETWEEN} 0 and 1 are allowed"),
        (TWO, targets([[0, 1.5]], "AB"), "target 1.5 of B at 2020-01-13 00:00:00: weights betw"),
        (TWO | {"long_only": True}, targets([[-0.1, 0]], "AB"), "target -0.1 of A at 2020-01-13"),
        (
            TWO,
            targets([[0.5, np.nan], [0.75, -0.5]], "AB"),
            "targets at 2020-01-14 00:00:00 (A 0.75, B -0.5) have absolute values that sum to "
            "1.25; gross_limit = 1 is allowed",
        ),
        (ONE, targets([0.5]).tz_localize("UTC"), "must be indexed by times without a zone"),
        (ONE, targets([0.5]).reset_index(drop=True), "must be indexed by times without a zone"),
    ],
)
def test_a_frame_of_targets_beyond_what_actions_can_ask_for(settings, frame, message):
    task = small_task(bars_of(**dict.fromkeys(frame.columns, FLAT)), settings)
    with pytest.raises(DataError) as caught:
        drltrade.backtest(frame, env=task)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "frame"),
    [
        (ONE, targets([1.0, -0.5, np.nan, 0.3])),
        (ONE, targets([np.float32(-0.5), 1 + 1e-9])),
        ({"positions": [-1, 0, 1]}, targets([0.5, -0.25])),
        (TWO, targets([[0.5, -0.5], [np.nan, 1.0], np.float32([0.7, -0.3])], "AB")),
        (ONE, targets([9.0, 0.5], first=7)),  # what lies outside the period plays no part
    ],
)
def test_a_frame_of_targets_within_is_followed(settings, frame):
    task = small_task(bars_of(**dict.fromkeys(frame.columns, FLAT)), settings)
    result = drltrade.backtest(frame, env=task)
    decided = frame.iloc[-1].to_numpy(float)
    held = result.weights[-1]
    np.testing.assert_allclose(held[~np.isnan(decided)], decided[~np.isnan(decided)], rtol=1e-6)


def test_a_time_that_is_another_instruments_bar_alone():
    bars = bars_of(X=FLAT, Y=FLAT)
    bars.frames["X"] = bars.frame("X").drop(at(10))
    task = small_task(replace(bars, frames={"X": bars.frame("X")}), {})
    joined = Task.build(
        task.config.model_copy(update={"symbol": "X", "train_symbols": ("X", "Y")}), bars=bars
    )
    with pytest.raises(DataError, match=r"targets at 2020-01-15 .* has no bar of X then"):
        drltrade.backtest(targets([0.5], first=10).assign(X=0.5), env=joined)


RATES = {
    "borrow_rate": (-0.01, 1.01),
    "financing_rate": (-0.01, 1.01),
    "interest_rate": (-0.01, 1.01),
    "funding_rate": (-1.01, 1.01),
    "commission_bps": (-1, 10_001),
    "maker_bps": (-1, 10_001),
    "half_spread_bps": (-1, 10_001),
    "slippage_bps": (-1, 10_001),
    "minimum_fee": (-1, np.inf),
    "fixed_fee": (-1, np.inf),
    "impact_bps": (-1, 10_001),
    "impact_half_life": (-1, np.inf),
    "volume_limit": (0, 1.01),
}


@pytest.mark.parametrize("key", RATES)
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("face", [TradingEnv, PortfolioEnv])
def test_a_cost_beyond_its_bounds(key, end, face):
    value = RATES[key][end]
    impact = {"impact": "linear"} if key == "impact_bps" else {}
    with pytest.raises(ConfigError) as caught:
        face(costs={key: value} | impact)
    text = str(caught.value)
    assert key in text
    assert f"{value:g}" in text or (np.isinf(value) and f"costs.{key}" in text)


def test_costs_of_one_asset_are_checked_as_well():
    with pytest.raises(ConfigError, match=r"key 'asset_costs\.IBM\.slippage_bps' = -1: "):
        PortfolioEnv(asset_costs={"IBM": {"slippage_bps": -1}})


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ({"leverage": 0.5}, r"key 'margin\.leverage' = 0\.5: input should be greater than or equa"),
        ({"leverage": 11}, r"key 'margin\.leverage' = 11: input should be less than or equal to"),
        ({"initial": 1.5}, r"key 'margin\.initial' = 1\.5: input should be less than or equal to"),
        ({"initial": 0}, r"key 'margin\.initial' = 0: input should be greater than or equal to 0"),
        ({"maintenance": 1}, r"key 'margin\.maintenance' = 1: input should be less than 1"),
        ({"maintenance": -0.1}, r"key 'margin\.maintenance' = -0\.1: "),
        ({"liquidation_fee_bps": -1}, r"key 'margin\.liquidation_fee_bps' = -1: "),
    ],
)
@pytest.mark.parametrize("face", [TradingEnv, PortfolioEnv])
def test_a_margin_beyond_its_bounds(margin, message, face):
    with pytest.raises(ConfigError, match=message):
        face(margin=margin)


@pytest.mark.parametrize(
    ("key", "values"), [("stop_loss", (0, 1, -0.1)), ("take_profit", (0, -0.1))]
)
def test_a_bracket_beyond_its_bounds(key, values):
    for value in values:
        with pytest.raises(ConfigError, match=rf"key 'bracket\.{key}' = {value}: "):
            TradingEnv(bracket={key: value})


@pytest.mark.parametrize("symbols", ["X", "AB"])
def test_a_period_needs_a_window_and_the_bar_after_it(symbols):
    # The data begin with the train period: one bar of warm-up, a window of 3, and one to play.
    bars = bars_of(**dict.fromkeys(symbols, FLAT))
    settings = {"window": 3, "period": "train", "costs": FREE}
    face = PortfolioEnv if len(symbols) > 1 else TradingEnv
    ends = ["2020-01-07", "2020-01-06"]  # five bars, and four
    tasks = [
        small_task(bars, settings | {"periods": DATES | {"train": ["2020-01-01", end]}})
        for end in ends
    ]
    path = play(face(tasks[0]), [np.zeros(len(symbols)) if len(symbols) > 1 else 1] * 5)
    assert [str(step[4]["time"].date()) for step in path] == ["2020-01-06", "2020-01-07"]
    name = ", ".join(symbols)
    message = (
        rf"the period 2020-01-01 \.\. 2020-01-06 holds 1 usable bars of {name}, at least 2 are "
        r"needed: .* an observation needs 2 bars before"
    )
    for made in (face, lambda task: MarketVectorEnv(face, 2, task)):
        with pytest.raises(ConfigError, match=message):
            made(tasks[1])


def test_a_period_that_a_training_instrument_lacks():
    bars = bars_of(X=FLAT, Y=[None] * 10 + [50.0, 50.0])
    task = small_task(replace(bars, frames={"X": bars.frame("X")}), {"period": "train"})
    config = task.config.model_copy(update={"symbol": "X", "train_symbols": ("X", "Y")})
    with pytest.raises(ConfigError, match=r"2020-01-01 .. 2020-01-07 holds 0 usable bars of Y"):
        TradingEnv(Task.build(config, bars=bars))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"episode_length": 0}, "episode_length = 0: at least 1"),
        ({"train_symbols": []}, r"\[\]: at least one, each once"),
        ({"train_symbols": ["AAPL", "AAPL"]}, "at least one, each once"),
    ],
)
def test_lengths_and_symbols_that_say_nothing_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        gymnasium.make("drltrade/Trading-v0", data="us5", **settings)


def test_a_reward_for_plain_numbers_says_what_many_environments_give_it():
    def up(outcome):
        return 1.0 if outcome.next_equity > outcome.equity else -1.0

    single = TradingEnv(reward=up, positions=[0, 1])
    single.reset(seed=0)
    assert single.step(0)[1] == -1.0
    envs = MarketVectorEnv(TradingEnv, 2, reward=up, positions=[0, 1])
    envs.reset(seed=0)
    with pytest.raises(ConfigError, match=r"fails, given an Outcome of arrays or tensors of 2"):
        envs.step(np.array([0, 0]))
