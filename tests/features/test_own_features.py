"""Features of a user's own: computed, followed bar by bar, and tried out before they teach."""

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.errors import ConfigError
from drltrade.features.audit import audit
from drltrade.features.declarations import parse_feature
from drltrade.features.own import check_causal
from drltrade.features.table import FeatureStream, feature_table

FEATURES = """
import pandas as pd

def momentum(bars):
    return bars["close"].pct_change(3)

def moments(bars):
    returns = bars["close"].pct_change()
    return pd.DataFrame({"mean": returns.rolling(2).mean(), "std": returns.rolling(2).std()})

def tomorrow(bars):
    return bars["close"].pct_change().shift(-1)

def late(bars):
    return bars["close"].pct_change().iloc[10:]

def backwards(bars):
    return bars["close"].iloc[::-1]

def array(bars):
    return bars["close"].to_numpy()

def words(bars):
    return pd.Series("up", bars.index)

def strange(bars):
    return pd.Series(1.0, bars.index + pd.Timedelta(hours=1))

def nothing(bars):
    return bars["close"] * float("nan")

def fails(bars):
    return bars["clos"]
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Name -> how a preset declares it, in a file of the current folder."""
    (tmp_path / "own.py").write_text(FEATURES)
    monkeypatch.chdir(tmp_path)
    return "own.py:{}".format


@pytest.fixture(scope="module")
def frame(make_random_bars):
    return make_random_bars(length=120).frame("X")


def test_own_function_is_a_column_beside_the_others(own, frame):
    table = feature_table(frame, [own("momentum"), "log_return(1)", own("moments")])
    expected = ["own.py:momentum", "log_return(1)", "own.py:moments_mean", "own.py:moments_std"]
    assert list(table.columns) == expected
    close = frame["close"]
    assert table.index[0] == frame.index[3]
    assert table["own.py:momentum"].iloc[0] == pytest.approx(close.iloc[3] / close.iloc[0] - 1)


def test_own_function_may_leave_the_first_bars_out_and_sort_as_it_likes(own, frame):
    table = feature_table(frame, [own("late"), own("backwards")])
    assert table.index[0] == frame.index[10]
    assert (table["own.py:backwards"] == frame["close"].iloc[10:]).all()


@pytest.mark.parametrize("at", ["", "@1w"])
def test_own_function_bar_by_bar_is_the_table(own, frame, at):
    declared = [own("momentum") + at, own("moments") + at]
    table = feature_table(frame, declared)
    stream = FeatureStream(declared)
    parts = [stream.update(frame.iloc[:90])]
    parts += [stream.update(frame.iloc[i : i + 1]) for i in range(90, 120)]
    assert np.array_equal(pd.concat(parts).loc[table.index].to_numpy(), table.to_numpy())


def test_own_function_is_not_loaded_before_it_is_needed(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is no file"):
        feature_table(frame, ["absent.py:x"])
    (tmp_path / "marks.py").write_text("open('executed', 'w')\ndef x(bars): return bars['close']\n")
    assert str(parse_feature("sub/marks.py:x@1w")) == "marks.py:x@1w"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("array", "own.py:array returned ndarray; a pandas series or frame"),
        ("words", "own.py:words is not all numbers"),
        ("strange", "own.py:strange returned a row at 2000-01-03 01:00:00, which is no bar"),
        ("nothing", "own.py:nothing has no value at any of them"),
        ("fails", "own.py:fails fails on 120 bars: KeyError: 'clos'"),
        ("momentun", "has no 'momentun'; did you mean 'momentum'"),
        ("momentum(3)", "it takes the bars and nothing else"),
        ("momentum@1x", "frequency"),
    ],
)
def test_own_function_that_gives_no_feature_is_refused(own, frame, name, message):
    with pytest.raises(drltrade.DrltradeError) as caught:
        feature_table(frame, [own(name)])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda bars: bars["close"].shift(-1),
        lambda bars: bars["close"] / bars["close"].mean(),
        lambda bars: bars["close"].rolling(3, center=True).mean(),
        lambda bars: bars["close"].bfill().where(bars["volume"] < bars["volume"].max(), 0.0),
    ],
)
def test_own_function_that_knows_the_future_is_refused(frame, function):
    with pytest.raises(ConfigError, match=r"feature mine knows the future: mine at 2000-"):
        check_causal("mine", function, frame)


def test_own_function_may_round_differently(frame):
    noise = 1e-12
    check_causal("mine", lambda bars: bars["close"] * (1 + noise * len(bars)), frame)


@pytest.mark.parametrize("make", ["preset", "function"])
def test_environments_refuse_what_knows_the_future(own, make):
    declared = own("tomorrow") if make == "preset" else lambda bars: bars["close"].shift(-1)
    with pytest.raises(ConfigError, match="knows the future"):
        drltrade.make_env("sp500-daily", features=[declared])


def test_python_functions_are_features_of_an_environment():
    def trend(bars):
        return bars["close"].pct_change(20)

    env = drltrade.make_env("us5-daily-msft", features=[trend, "log_return(1)"])
    assert env.task.market.columns == ("trend", "log_return(1)")


def test_audit_takes_a_series(frame):
    (leak,) = audit(lambda bars: bars["close"].shift(-1), frame, cuts=4)
    assert leak.feature == "close"
    assert audit(lambda bars: bars["close"].shift(1), frame, cuts=4) == []


def test_own_function_may_have_a_value_at_the_first_bar(frame):
    def volume_share(bars):
        return bars["volume"] / bars["volume"].expanding().sum()

    table = feature_table(frame, [volume_share])
    assert table.index[0] == frame.index[0]
    assert table.iloc[0, 0] == 1.0
