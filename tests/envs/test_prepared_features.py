"""Presets with exogenous series, comparisons, regimes, selection and components."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.envs.config import parse_env
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.features.preparation import Preparation

VIX = {"vix": {"data": "nasdaq", "lag": "1d"}}
FULL = {
    "features": [
        "log_return(1)", "log_return(5)", "rsi(14)", "regime()", "vix.volatility(20)",
        "beta(vix, 60)", "weekday()",
    ],
    "exogenous": VIX,
}  # fmt: skip


def task(preset="sp500-daily", bars=None, **keys):
    return Task.build(resolve_env(preset, FULL | keys), bars=bars)


def test_all_together():
    made = task(selection={"keep": 5}, pca={"components": 3})
    assert made.market.columns == ("pc1", "pc2", "pc3")
    assert len(made.preparation.kept) == 5
    assert set(made.preparation.learned) == {"regime()"}
    assert made.source.endswith("; vix: " + load_bars("nasdaq").source)
    assert made.sha256 != load_bars("sp500").sha256
    again = Task.build(made.config, preparation=Preparation.from_dict(made.preparation.to_dict()))
    np.testing.assert_array_equal(again.market.features, made.market.features)


def test_only_the_train_period_teaches():
    bars = load_bars("sp500")
    later = bars.frames["SP500"].copy()
    rng = np.random.default_rng(0)
    after = later.index >= "2011-01-01"
    factor = np.exp(np.cumsum(rng.normal(0, 0.05, after.sum())))
    later.loc[after, ["open", "high", "low", "close"]] *= factor[:, None]
    changed = type(bars)({"SP500": later}, bars.zone, bars.frequency, "x", "0" * 64, "full")
    keys = {"selection": {"keep": 6, "redundant": 0.95}, "pca": {"explained": 0.9}}
    made, other = task(bars=bars, **keys), task(bars=changed, **keys)
    assert made.preparation == other.preparation
    rows = made.market.times < pd.Timestamp("2011-01-01")
    np.testing.assert_array_equal(made.market.features[rows], other.market.features[rows])
    assert not np.array_equal(made.market.features[~rows], other.market.features[~rows])


def test_one_asset_beside_all_of_its_data():
    keys = {"features": ["rank(log_return(21))", "turbulence(60)"], "exogenous": {}}
    made = task("us5-daily-ibm", **keys)
    assert made.market.symbols == ("IBM",)
    assert made.market.columns == ("rank(log_return(21))", "turbulence(60)")
    with pytest.raises(ConfigError, match="compares instruments, and there is 1"):
        task("sp500-daily", **keys)
    # Facebook, with less than a year, need not have a feature that is of IBM.
    task("us5-daily-ibm", features=["rank(log_return(21))", "drawdown(252)"], exogenous={})


def test_a_portfolio_that_compares_and_keeps_few():
    features = ["rank(log_return(21))", "log_return(5)", "rsi(14)", "market_beta(60)"]
    made = task("us5-portfolio", features=features, exogenous={}, selection={"keep": 2})
    kept = made.preparation.kept
    assert made.market.columns[:3] == (*(f"AAPL:{name}" for name in kept), "AAPL:traded")
    assert len(made.market.columns) == 12


def test_members_of_the_day_are_compared(tmp_path):
    table = tmp_path / "members.csv"
    table.write_text(
        "symbol,start,end\nAAPL,2004-01-01,\nIBM,2004-01-01,2008-01-01\nMSFT,2004-01-01,\n"
    )
    made = task(
        "us5-portfolio", features=["rank(log_return(1))"], exogenous={}, universe=str(table),
        symbols=None,
    )  # fmt: skip
    scaler = made.preparation.scaler
    column = made.market.columns.index("AAPL:rank(log_return(1))")
    ranks = made.market.features[:, column] * scaler.std[0] + scaler.mean[0]
    late = made.market.times >= pd.Timestamp("2008-01-02")
    np.testing.assert_allclose(np.abs(ranks[late]), 1.0, atol=1e-5)  # of two, one is higher
    assert (np.abs(ranks[~late]) < 0.01).any()  # of three, one is in the middle


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"exogenous": {}}, r"'vix\.volatility\(20\)' names the exogenous series 'vix'; there are"),
        ({"exogenous": {"a b": {"data": "nasdaq", "lag": "1d"}}}, "letters, digits and _"),
        ({"exogenous": {"vix": {"data": "nasdaq"}}}, "exogenous.vix.lag"),
        ({"augment": {"bootstrap": 0.5}}, "augment: paths have no exogenous series beside them"),
        ({"synthetic": {"kind": "gbm"}, "data": "sp500"}, "exogenous belongs to data; synthetic"),
        ({"selection": {}}, "set selection.keep, selection.redundant or both"),
        ({"pca": {}}, "set either pca.components or pca.explained"),
        ({"pca": {"components": 2, "explained": 0.5}}, "set either"),
    ],
)
def test_bad_presets(keys, message):
    with pytest.raises(ConfigError, match=message):
        parse_env(FULL | keys, "here")


def test_a_synthetic_market_prepared():
    keys = {
        "features": ["log_return(1)", "rsi(14)", "regime()", "signal(1)"],
        "exogenous": {}, "synthetic": {"bars": 20_000}, "selection": {"keep": 2},
    }  # fmt: skip
    made = task("ar1-cost", **keys)
    assert made.market.columns == made.preparation.kept
    assert "signal(1)" in made.preparation.kept
    assert set(made.preparation.learned) == {"regime()"}
