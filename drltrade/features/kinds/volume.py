"""What the volume says of a move."""

import numpy as np

from drltrade.features import indicators, rolling
from drltrade.features.arrays import Floats
from drltrade.features.kinds.kind import History, ascending, bars, feature


@feature("z-score of log(1 + volume)", bars(20), warm_up=lambda n: n - 1)
def volume_zscore(history: History, n: int) -> Floats:
    return indicators.zscore(np.log1p(history.volume), n, history.memory)


@feature("volume / its moving average - 1", bars(20), warm_up=lambda n: n - 1)
def volume_ratio(history: History, n: int) -> Floats:
    usual = indicators.sma(history.volume, n, history.memory)
    return rolling.ratio(history.volume, usual, 1.0) - 1.0


@feature("volume on rises less that on falls / all, over n bars", bars(20), warm_up=lambda n: n)
def obv(history: History, n: int) -> Floats:
    signed = np.sign(rolling.change(history.close, 1, history.memory)) * history.volume
    net = rolling.window_sum(signed, n, history.memory)
    return rolling.ratio(net, rolling.window_sum(history.volume, n, history.memory), 0.0)


@feature("Chaikin money flow: -1 to 1", bars(20, 1), warm_up=lambda n: n - 1)
def money_flow(history: History, n: int) -> Floats:
    return indicators.chaikin_money_flow(*_traded(history), n, history.memory)


@feature("money flow index / 50 - 1", bars(14, 1), warm_up=lambda n: n)
def mfi(history: History, n: int) -> Floats:
    return indicators.money_flow_index(*_traded(history), n, history.memory) / 50.0 - 1.0


@feature(
    "Chaikin oscillator / average volume", bars(3, 1, "fast"), bars(10, 2, "slow"),
    warm_up=lambda fast, slow: slow - 1, rule=ascending("fast", "slow"),
)  # fmt: skip
def chaikin(history: History, fast: int, slow: int) -> Floats:
    moved = indicators.chaikin_oscillator(*_traded(history), fast, slow, history.memory)
    return rolling.ratio(moved, indicators.sma(history.volume, slow, history.memory), 0.0)


@feature("Elder's force index / (close * average volume)", bars(13), warm_up=lambda n: n)
def force(history: History, n: int) -> Floats:
    pushed = indicators.force_index(history.close, history.volume, n, history.memory)
    usual = indicators.ema(history.volume, n, history.memory)
    force = rolling.ratio(pushed, history.close * usual, 0.0)
    return rolling.neutral_when_still(force, history.close, history.close, n, 0.0, history.memory)


@feature(
    "Amihud's illiquidity of `fast` bars / that of `slow` ones - 1",
    bars(5, 1, "fast"), bars(60, 2, "slow"),
    warm_up=lambda fast, slow: slow, rule=ascending("fast", "slow"),
)  # fmt: skip
def illiquidity(history: History, fast: int, slow: int) -> Floats:
    quick, calm = (
        indicators.illiquidity(history.close, history.volume, n, history.memory)
        for n in (fast, slow)
    )
    money = history.close * history.volume
    known = ~np.isnan(rolling.window_sum(money, slow + 1, history.memory))
    compared = rolling.ratio(quick, calm, 1.0) - 1.0
    return np.where(known & np.isnan(compared), 0.0, compared)  # nothing traded: nothing is told


@feature("log(close / volume-weighted price of n bars)", bars(20, 1), warm_up=lambda n: n - 1)
def vwap_ratio(history: History, n: int) -> Floats:
    price = indicators.volume_weighted_price(*_traded(history), n, history.memory)
    money = (history.high + history.low + history.close) * history.volume
    known = ~np.isnan(rolling.window_sum(money, n, history.memory))
    price = np.where(known & np.isnan(price), history.close, price)  # nothing traded
    return np.log(history.close / price)


def _traded(history: History) -> tuple[Floats, Floats, Floats, Floats]:
    return history.high, history.low, history.close, history.volume
