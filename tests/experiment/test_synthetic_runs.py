"""Runs on synthetic markets: trained, backtested and reported like any other."""

import pytest

from drltrade.experiment.backtest import backtest
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.run import train

SMALL = {
    "bars": 3_000, "path_length": 1_000, "validation_bars": 400, "test_bars": 600,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(
        "ar1-cost", "exo_dqn", device="cpu", run=tmp_path_factory.mktemp("synthetic") / "run",
        training={"total_steps": 8_192, "evaluations": 1}, synthetic=SMALL,
    )  # fmt: skip


def test_another_path_of_the_same_days_is_not_what_was_learned_from(run):
    assert backtest(run).in_sample == ""
    assert backtest(run, synthetic={"seed": 9}, period="train").in_sample == ""


@pytest.mark.parametrize(
    ("period", "said"), [("train", "were learned from"), ("validation", "chose the checkpoint")]
)
def test_the_paths_of_training_are(run, period, said):
    assert f"{said}: it is the run's {period} period" in backtest(run, period=period).in_sample
    longer = backtest(run, period=period, synthetic={"test_bars": 700})
    assert said in longer.in_sample


def test_the_report_speaks_of_paths_and_not_of_years(run, tmp_path):
    path, entries = report_runs([run], tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    said = (
        "trained on 3 random paths (3,000 bars), their best checkpoints were chosen on another "
        "(400 bars), and they are judged on a further one (600 bars)"
    )
    assert said in page
    assert "IN-SAMPLE" not in page
    for years in ("1999-01-01", "2013-01-01", "sp500"):
        assert years not in page
    assert "synthetic: ar1 (bars = 3000" in page
    assert entries[0].name == "exo_dqn"
