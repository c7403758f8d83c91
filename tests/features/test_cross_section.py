"""Instruments beside each other: ranks, means, betas, turbulence."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError, DataError
from drltrade.features.table import feature_table, feature_tables


def bars(closes, first=0):
    times = pd.bdate_range("2020-01-01", periods=40, name="time")[first : first + len(closes)]
    frame = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], closes), times)
    return frame.assign(volume=1.0)


@pytest.fixture(scope="module")
def us4():
    return {
        name: load_bars("us5").frame(name).iloc[-400:] for name in ("AAPL", "GOOG", "IBM", "FB")
    }


def test_ranks_by_hand():
    frames = {
        "A": bars([10.0, 11.0, 11.0]), "B": bars([10.0, 9.0, 9.9]), "C": bars([10.0, 9.0, 9.0]),
        "D": bars([5.0, 6.0], first=1),
    }  # fmt: skip
    tables = feature_tables(frames, ["rank(log_return(1))", "relative(log_return(1))"])
    ranks = {name: table["rank(log_return(1))"].tolist() for name, table in tables.items()}
    # On the second day A rises, B and C fall alike; on the third D rises most, then B.
    assert ranks == {
        "A": [1.0, pytest.approx(-2 / 3)], "B": [-0.5, pytest.approx(1 / 3)],
        "C": [-0.5, pytest.approx(-2 / 3)], "D": [1.0],
    }  # fmt: skip
    mean = np.mean([0.0, np.log(1.1), 0.0, np.log(1.2)])
    assert tables["D"]["relative(log_return(1))"].iloc[0] == pytest.approx(np.log(1.2) - mean)


def test_who_is_no_member_is_compared_and_does_not_count():
    frames = {"A": bars([10.0, 11.0, 12.0]), "B": bars([10.0, 9.0, 8.0]), "C": bars([10.0] * 3)}
    tables = feature_tables(
        frames, ["rank(log_return(1))"],
        members=lambda symbol, times: np.full(len(times), symbol != "C"),
    )  # fmt: skip
    ranks = {name: table.iloc[:, 0].tolist() for name, table in tables.items()}
    assert ranks == {"A": [1.0, 1.0], "B": [-1.0, -1.0], "C": [0.0, 0.0]}


def test_market_beta_and_dispersion_by_numpy(us4):
    tables = feature_tables(us4, ["market_beta(60)", "dispersion(5)"])
    returns = pd.DataFrame({name: np.log(f["close"]).diff() for name, f in us4.items()}).iloc[-60:]
    market = returns.mean(axis=1)
    for name, table in tables.items():
        slope = np.polyfit(market, returns[name], 1)[0]
        assert table["market_beta(60)"].iloc[-1] == pytest.approx(slope, rel=1e-9)
        spread = returns.std(axis=1, ddof=0).iloc[-5:].mean()
        assert table["dispersion(5)"].iloc[-1] == pytest.approx(spread, rel=1e-12)


def test_turbulence_by_numpy(us4):
    table = feature_tables(us4, ["turbulence(60)"])["IBM"]
    returns = pd.DataFrame({name: np.log(f["close"]).diff() for name, f in us4.items()})
    whole = returns.iloc[-61:-1]
    deviation = (returns.iloc[-1] - whole.mean()).to_numpy()
    expected = deviation @ np.linalg.inv(whole.cov().to_numpy()) @ deviation / 4
    assert table["turbulence(60)"].iloc[-1] == pytest.approx(expected, rel=1e-9)
    # Facebook has no 61 returns before its 62nd day; until then three are looked at.
    start = us4["FB"].index[0]
    assert table.loc[start:].iloc[30, 0] > 0.0


def test_turbulence_with_more_instruments_than_bars():
    rng = np.random.default_rng(0)
    frames = {f"S{n}": bars(np.exp(rng.normal(0, 0.01, 40).cumsum())) for n in range(12)}
    values = feature_tables(frames, ["turbulence(5)"])["S0"].iloc[:, 0]
    assert len(values) == 34
    assert np.isfinite(values).all()


def test_holes_and_late_listings_do_not_calm_the_turbulence(us4):
    rng = np.random.default_rng(0)
    frames = {name: us4[name][rng.random(400) > 0.05] for name in ("AAPL", "GOOG", "IBM")} | {
        "FB": us4["FB"]
    }
    tables = feature_tables(frames, ["turbulence(60)"])
    for name, table in tables.items():
        assert (table["turbulence(60)"] > 0.0).all()
        assert len(table) >= len(frames[name]) - 70
    late = tables["FB"].index[0]  # it is known to a newcomer on its first day
    assert late == frames["FB"].index[0]


def test_what_is_only_compared_with_need_not_have_every_feature(us4):
    declared = ["rank(log_return(21))", "turbulence(60)", "drawdown(252)"]
    with pytest.raises(DataError, match=r"FB: features: .* drawdown"):
        feature_tables(us4, declared)
    table = feature_tables(us4, declared, of=["IBM"])
    assert list(table) == ["IBM"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("rank(rank(rsi(14)))", "rank compares instruments already"),
        ("rank(rsi(14))@1w", "takes no series or @"),
        ("vix.rank(rsi(14))", "takes no series or @"),
        ("rank(weekday())", "weekday has 2 columns; one can be compared"),
        ("rank(14)", "write it as a name|feature '14' is unknown|is unknown"),
        ("rank(rsi(1))", "n = '1'; allowed is n: whole number >= 2"),
    ],
)
def test_bad_comparisons(us4, declared, message):
    with pytest.raises(ConfigError, match=message):
        feature_tables(us4, [declared])


def test_a_comparison_needs_two(us4):
    with pytest.raises(ConfigError, match=r"rank\(log_return\(21\)\) compares instruments"):
        feature_table(us4["IBM"], ["rank"])
    with pytest.raises(ConfigError, match="compares instruments, and there is 1"):
        feature_tables({"IBM": us4["IBM"]}, ["rank"])
