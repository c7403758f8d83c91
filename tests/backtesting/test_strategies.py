"""Strategies as functions of the bars up to now."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.errors import ConfigError, DataError, StrategyError

OWN = """
def trend(bars):
    close = bars["close"]
    return 1.0 if close.iloc[-1] > close.iloc[-50:].mean() else -1.0
"""


@pytest.fixture
def task(make_task, make_random_bars):
    return make_task(make_random_bars(5, 400), position_range=[-1, 1])


def test_a_strategy_follows_the_frame_of_weights_that_it_makes(task):
    def reversal(bars):
        return -np.sign(bars["close"].iloc[-1] - bars["close"].iloc[-3])

    result = drltrade.backtest(reversal, env=task)
    rows = task.rows("test")
    close = pd.Series(task.market.close[:, 0], task.market.times)[task.market.tradable[:, 0]]
    wanted = -np.sign(close - close.shift(2)).reindex(task.market.times, method="ffill")
    frame = wanted.iloc[rows[0] : rows[-1]].to_frame("X")
    np.testing.assert_array_equal(result.equity, drltrade.backtest(frame, env=task).equity)
    assert result.name == "reversal"
    assert len(set(result.targets[:-1, 0])) > 1


def test_a_strategy_sees_the_bars_up_to_its_decision_alone(task):
    seen = []

    def look(bars):
        seen.append((len(bars), bars.index[-1]))
        assert list(bars) == ["open", "high", "low", "close", "volume"]
        with pytest.raises(ValueError, match="read-only"):
            bars.to_numpy()[0, 0] = 1.0
        return 0.0

    result = drltrade.backtest(look, env=task)
    traded = task.market.times[task.market.tradable[:, 0]]
    for (count, last), decided in zip(seen, result.times[:-1], strict=True):
        assert last <= decided
        assert count == (traded <= decided).sum()
    assert result.turnover.sum() == 0.0


def test_a_strategy_that_never_returns_a_weight_is_refused(task):
    with pytest.raises(DataError, match="returned no weight at any bar; is there a return"):
        drltrade.backtest(lambda bars: None, env=task, name="nothing")


@pytest.mark.parametrize("form", [dict, pd.Series])
def test_a_strategy_of_a_portfolio_names_symbols(form):
    def winners(frames):
        gains = {symbol: frame["close"].iloc[-1] / frame["close"].iloc[-60]
                 for symbol, frame in frames.items()}  # fmt: skip
        best = max(gains, key=gains.get)
        return form({best: 0.5})

    result = drltrade.backtest(winners, env="us5-portfolio")
    np.testing.assert_allclose(result.targets[:-1].sum(axis=1), 0.5)
    assert set(np.unique(result.targets[:-1])) == {0.0, 0.5}


def raises(bars):
    raise KeyError("rsi")


def test_what_a_strategy_raises_says_when(task):
    with pytest.raises(StrategyError) as caught:
        drltrade.backtest(raises, env=task)
    assert isinstance(caught.value.__cause__, KeyError)
    line = raises.__code__.co_firstlineno + 1
    pattern = (
        r"strategy raises fails at 20\S+ \S+, decision 1 of \d+: KeyError: 'rsi' "
        rf"\(.*test_strategies\.py, line {line}, in raises\)"
    )
    assert re.fullmatch(pattern, str(caught.value))


def test_an_error_within_a_library_is_placed_where_the_strategy_called_it(task):
    with pytest.raises(StrategyError, match=r"'rsi' \(\S*test_strategies\.py, line \d+, in <la"):
        drltrade.backtest(lambda bars: bars["rsi"], env=task)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("long", r"strategy <lambda> at 20.*: returned 'long', which is no weight"),
        ({"Y": 1.0}, "weight of 'Y'.*there are X"),
        (1.5, "target 1.5 of X at 20.*weights between -1 and 1 are allowed"),
    ],
)
def test_what_is_no_weight_is_refused(task, answer, message):
    with pytest.raises(DataError, match=message):
        drltrade.backtest(lambda bars: answer, env=task)


def test_a_number_for_several_symbols_is_refused():
    with pytest.raises(DataError, match="of several symbols a mapping or a Series"):
        drltrade.backtest(lambda frames: 1.0, env="us5-portfolio")


def test_what_cannot_be_backtested_is_refused(task):
    with pytest.raises(ConfigError, match=r"a int cannot be backtested; .* a function of the bars"):
        drltrade.backtest(3, env=task)
    with pytest.raises(ConfigError, match=r"strategy 'none.py:f': there is no file"):
        drltrade.backtest("none.py:f", env=task)


def test_the_command_runs_a_strategy_of_a_file(tmp_path, monkeypatch, capsys):
    from drltrade.cli import main

    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["drltrade", "backtest", "--strategy", "own.py:trend", "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["exposure"] == pytest.approx(1.0, abs=0.02)
    assert told["trades"] > 20


def test_a_strategy_of_two_assets_is_given_both():
    seen = []

    def both(frames):
        seen.append(sorted(frames))
        return dict.fromkeys(frames, 0.25)

    drltrade.backtest(both, env="us5-portfolio", symbols=["IBM", "MSFT"])
    assert seen[0] == ["IBM", "MSFT"]
