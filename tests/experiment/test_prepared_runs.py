"""Runs with exogenous series, selected columns and components: found again, and said in reports."""

import numpy as np
import pytest

from drltrade.data.catalog import load_bars
from drltrade.errors import DataError
from drltrade.experiment.backtest import backtest
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.run import load_run, train


@pytest.fixture
def run(tmp_path, tiny, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    series = load_bars("nasdaq").frame("NASDAQ")[["close"]]
    series.to_csv("other.csv")
    made = train(
        "sp500-daily", "ppo", device="cpu", run=tmp_path / "run",
        features=["log_return(1)", "rsi(14)", "regime()", "other.zscore(60)", "beta(other, 60)"],
        exogenous={"other": {"data": "other.csv", "lag": "1d"}},
        selection={"keep": 4}, pca={"components": 3}, **tiny,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return made


def test_a_run_finds_what_it_learned_from_another_directory(run, tmp_path):
    again = load_run(run.path)
    assert again.task.preparation == run.task.preparation
    assert again.task.market.columns == ("pc1", "pc2", "pc3")
    np.testing.assert_array_equal(again.task.market.features, run.task.market.features)
    assert backtest(again, period="validation").equity[-1] > 0
    path, _ = report_runs([again], tmp_path / "report.html", period="validation")
    page = path.read_text(encoding="utf-8")
    assert ", ".join(run.task.preparation.kept) in page
    assert f"{run.task.preparation.components.explained[0]:.1%} of the variance" in page


def test_a_series_that_has_changed_is_noticed(run, tmp_path):
    file = tmp_path / "home" / "other.csv"
    file.write_text(file.read_text().replace("2208.050049", "2208.05"))
    with pytest.raises(DataError, match=r"has changed since .* was trained on it"):
        backtest(load_run(run.path), period="validation")
