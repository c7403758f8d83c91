"""Where something happens exactly at a bound: a stop at the low, ruin at its floor."""

import pytest
from small_markets import bars_of, play, small_task

from drltrade.envs.trading import TradingEnv


@pytest.mark.parametrize(("low", "stopped"), [(90.0, True), (90.0 + 1e-9, False)])
def test_a_stop_fills_where_the_low_meets_it_exactly(low, stopped):
    bars = bars_of(X=[100.0, (100, 100), (100, 100, low, 95), 95.0, 95.0])
    env = TradingEnv(small_task(bars, {"bracket": {"stop_loss": 0.1}}))
    path = play(env, [2, 2, 2, 2])
    assert (path[2][4]["holdings"][0] == 0.0) == stopped
    if stopped:
        assert path[2][4]["exits"][0] == 90.0


@pytest.mark.parametrize(("high", "taken"), [(125.0, True), (125.0 - 1e-9, False)])
def test_a_take_profit_fills_where_the_high_meets_it_exactly(high, taken):
    bars = bars_of(X=[100.0, (100, 100), (100, high, 100, 105), 105.0, 105.0])
    env = TradingEnv(small_task(bars, {"bracket": {"take_profit": 0.25}}))
    path = play(env, [2, 2, 2, 2])
    assert (path[2][4]["holdings"][0] == 0.0) == taken


@pytest.mark.parametrize(("left", "ruined"), [(5e-7, True), (5e-6, False)])
def test_an_account_is_closed_at_a_millionth_of_what_it_began_with(left, ruined):
    last = 100.0 * (1.0 + left) / 2.0
    bars = bars_of(X=[100.0, (100, 100), (100, last), last, last])
    env = TradingEnv(small_task(bars, {"positions": [0, 2], "margin": {"leverage": 2.0}}))
    path = play(env, [1, 1, 1, 1])
    assert path[2][2] == ruined
    assert path[2][4]["equity"] == pytest.approx(100_000 * max(left, 1e-6), rel=1e-6)
