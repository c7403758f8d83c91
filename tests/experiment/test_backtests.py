"""`drltrade.backtest`: of runs, policies, tables of targets and baselines."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.errors import ConfigError, DataError
from drltrade.experiment.reporting import agent_entries, report_runs
from drltrade.experiment.run import load_run

MORE_COSTS = {"commission_bps": 20}


def table(values, times, column="SP500"):
    return pd.DataFrame({column: values}, index=pd.to_datetime(times))


def test_a_table_of_targets_is_followed():
    targets = table([0.5, 0.0], ["2013-01-02", "2013-01-04"])
    result = drltrade.backtest(targets, env="sp500-daily", costs={"commission_bps": 10.0})
    bars = drltrade.load_bars("sp500").frame("SP500")
    frame = result.to_frame()
    price = bars.loc["2013-01-03", "open"]
    # 1 bp of slippage, 10 bp of commission on the slipped price.
    rate = 0.0001 + 0.001 * 1.0001
    units = 0.5 * 100_000 / (1 + 0.5 * rate) / price
    assert frame.loc["2013-01-03", "units_SP500"] == pytest.approx(units, rel=1e-12)
    assert frame.loc["2013-01-04", "units_SP500"] == pytest.approx(units, rel=1e-12)
    assert (frame.loc["2013-01-07":, "units_SP500"] == 0).all()
    assert frame.index[0] == pd.Timestamp("2013-01-02")
    assert frame.index[-1] == pd.Timestamp("2018-12-31")
    assert len(result.trades()) == 1
    assert result.name == "targets"
    metrics = result.metrics()
    assert metrics["total_return"] == pytest.approx(result.equity[-1] / 100_000 - 1, rel=1e-12)


@pytest.mark.parametrize(
    ("targets", "text"),
    [
        (table([1.0], ["2013-01-02"], "SPX"), "targets have the columns ['SPX']; ['SP500'] is"),
        (table([1.0], ["2013-01-05"]), "targets at 2013-01-05 00:00:00: "),
        (table([1.0, 0.0], ["2013-01-02"] * 2), "targets at 2013-01-02 00:00:00 stand twice"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(targets, text):
    with pytest.raises(DataError) as caught:
        drltrade.backtest(targets, env="sp500-daily")
    assert text in str(caught.value)


def test_a_baseline_by_its_name():
    result = drltrade.backtest("buy-and-hold", env="sp500-daily", costs={"slippage_bps": 0.0})
    bars = drltrade.load_bars("sp500").frame("SP500")
    paid = 1 + 0.0001
    growth = bars.loc["2018-12-31", "close"] / bars.loc["2013-01-03", "open"] / paid
    assert result.equity[-1] / 100_000 == pytest.approx(growth, rel=1e-12)
    assert (result.name, result.period) == ("buy-and-hold", "test")
    assert drltrade.backtest("flat", env="sp500-daily").equity.tolist() == [100_000.0] * 1510


@pytest.fixture(scope="module")
def portfolio():
    return drltrade.make_env("us5-portfolio", period="test").task


def test_weights_of_a_portfolio_are_followed(portfolio):
    weights = {"AAPL": 0.4, "MSFT": -0.3, "IBM": 0.2, "GOOG": 0.0}
    times = pd.to_datetime(["2011-01-03", "2011-06-01"])
    targets = pd.DataFrame([weights, dict.fromkeys(weights, 0.0)], times)
    result = drltrade.backtest(targets, env=portfolio)
    frame = result.to_frame()
    # At the open at which they fill the weights are exact after all costs.
    row = frame.index.get_loc("2011-01-04")
    opens = np.array(
        [drltrade.load_bars("us5").frame(s).loc["2011-01-04", "open"] for s in result.symbols]
    )
    worth = result.cash[row] + result.units[row] @ opens
    worth += result.costs["borrow"][row]
    np.testing.assert_allclose(
        result.units[row] * opens / worth, [weights[s] for s in result.symbols], atol=2e-6
    )
    assert (result.units[frame.index.get_loc("2011-06-02")] == 0).all()
    trips = result.trades()
    assert trips["symbol"].tolist() == ["AAPL", "MSFT", "IBM"]
    assert trips["side"].tolist() == ["long", "short", "long"]
    assert trips["pnl"].sum() == pytest.approx(result.equity[-1] - 100_000, abs=1e-6)
    assert {part for part, paid in result.costs.items() if paid.any()} == {
        "commission", "spread", "slippage", "impact", "borrow",
    }  # fmt: skip


def test_baselines_of_a_portfolio_share_it_equally(portfolio):
    hold = drltrade.backtest("buy-and-hold", env=portfolio)
    assert np.isfinite(hold.fill_price).sum(0).tolist() == [1, 1, 1, 1]
    opens, closes = hold.fill_price[1], hold.close[-1]
    growth = (closes / opens).mean()
    assert hold.equity[-1] / 100_000 == pytest.approx(growth, rel=5e-4)  # costs of 3 basis points
    equal = drltrade.backtest("equal-weight", env=portfolio)
    months = equal.times.to_period("M")
    ordered = np.flatnonzero(np.isfinite(equal.fill_price).any(axis=1))
    starts = np.flatnonzero(np.append(True, months[1:] != months[:-1]))
    # Decided at each month's first close; the last of all is no decision.
    assert ordered.tolist() == (starts[starts < len(months) - 1] + 1).tolist()
    assert np.abs(equal.weights[ordered] - 0.25).max() < 0.02
    with pytest.raises(ConfigError, match=r"there are: buy-and-hold, equal-weight, flat, ma-cross"):
        drltrade.backtest("hold", env=portfolio)


def test_what_is_bought_and_held_is_ordered_once_and_outlives_brackets():
    costs = {"fixed_fee": 1.0, "funding_rate": 0.02}
    bracket = {"stop_loss": 0.05, "take_profit": 0.05}
    result = drltrade.backtest("buy-and-hold", env="us5-daily-ibm", costs=costs, bracket=bracket)
    assert result.costs["fixed"].sum() == 1.0
    assert (result.units[1:] == result.units[1]).all()
    stopped = drltrade.backtest("ma-cross", env=result.task)
    assert (stopped.trades()["exit"] == "exit").any()


def test_what_the_volume_leaves_of_a_held_order_is_tried_again():
    costs = {"volume_limit": 1e-6}
    result = drltrade.backtest("buy-and-hold", env="us5-daily-ibm", costs=costs)
    assert np.isfinite(result.fill_price).sum() > 10
    assert result.weights[-1, 0] > 0.95


def test_a_prepared_task_is_used_as_it_is():
    task = drltrade.make_env("sp500-daily", fill="same_close").task
    result = drltrade.backtest("ma-cross", env=task, period="validation", name="cross")
    assert (result.fill, result.name) == ("same_close", "cross")
    assert result.times[0] == pd.Timestamp("2011-01-03")
    with pytest.raises(ConfigError, match="a prepared task takes no overrides: window"):
        drltrade.backtest("flat", env=task, window=5)


def test_what_cannot_be_tested_is_explained():
    with pytest.raises(ConfigError, match=r"no baseline 'hold' \(there are: buy-and-hold, flat, "):
        drltrade.backtest("hold", env="sp500-daily")
    with pytest.raises(ConfigError, match="env is missing"):
        drltrade.backtest("flat")
    with pytest.raises(ConfigError, match=r"'tset' is unknown \(allowed: train, validation, test"):
        drltrade.backtest("flat", env="sp500-daily", period="tset")
    with pytest.raises(ConfigError, match="key 'windw' is unknown; did you mean 'window'"):
        drltrade.backtest("flat", env="sp500-daily", windw=3)


def test_a_run_at_other_costs(finished):
    plain, dear = drltrade.backtest(finished), drltrade.backtest(finished, costs=MORE_COSTS)
    # The preset's other costs stay; the first order is the same.
    assert dear.task.config.costs.slippage_bps == plain.task.config.costs.slippage_bps == 1.0
    first = int(np.flatnonzero(plain.turnover)[0])
    ratio = dear.costs["commission"][first] / plain.costs["commission"][first]
    assert ratio == pytest.approx(20, rel=0.01)
    assert dear.costs["slippage"][first] == pytest.approx(plain.costs["slippage"][first], rel=0.01)
    assert dear.task.preparation.scaler == plain.task.preparation.scaler


@pytest.mark.parametrize("period", ["train", "validation", "all"])
def test_a_run_over_another_period(finished, period):
    result = drltrade.backtest(finished, period=period)
    start, end = finished.env.periods.span(period)
    assert result.times[0] <= pd.Timestamp(start) + pd.Timedelta(days=90)
    assert pd.Timestamp(end) - pd.Timedelta(days=5) <= result.times[-1]
    assert len(result.equity) == len(finished.task.rows(period))


def test_a_run_on_another_market(finished):
    nasdaq = drltrade.backtest(finished, data="nasdaq")
    assert nasdaq.symbols == ("NASDAQ",)
    assert nasdaq.task.preparation.scaler == finished.task.preparation.scaler


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"window": 20}, "the policy was trained with window = 10, not 20"),
        ({"positions": [0, 1]}, "the policy was trained with positions = (-1.0, 0.0, 1.0), not (0"),
        ({"features": ["rsi(14)"]}, "the policy was trained with features = ('log_return(1)', "),
    ],
)
def test_a_policy_reads_and_acts_only_as_it_was_trained_to(finished, change, text):
    with pytest.raises(ConfigError) as caught:
        drltrade.backtest(finished, **change)
    assert text in str(caught.value)


def test_a_bare_policy_needs_a_market(finished):
    with pytest.raises(ConfigError, match="env is missing: only a run knows"):
        drltrade.backtest(finished.policy)
    alone = drltrade.backtest(finished.policy, env="sp500-daily")
    np.testing.assert_array_equal(alone.equity, drltrade.backtest(finished).equity)


def test_a_backtest_draws_and_reports_itself(tmp_path):
    result = drltrade.backtest("ma-cross", env="us5-daily-fb")
    assert {trace.name for trace in result.plot().data} >= {"ma-cross", "buy-and-hold"}
    path = result.report(tmp_path / "report.html")
    page = path.read_text()
    assert "<title>ma-cross on FB</title>" in page
    assert "mean-reversion" in page


def test_a_portfolio_with_a_reward_of_ones_own_reports_itself(tmp_path):
    def own(outcome):
        return outcome.next_equity - outcome.equity

    result = drltrade.backtest("flat", env="us5-portfolio", reward=own)
    page = result.report(tmp_path / "report.html").read_text()
    assert "own" in page
    for name in ("equal-weight", "buy-and-hold", "AAPL, MSFT, IBM, GOOG"):
        assert name in page
    assert "Stop-loss and take-profit" not in page


def test_the_report_says_whom_brackets_do_not_close(tmp_path):
    result = drltrade.backtest("flat", env="us5-daily-ibm", bracket={"stop_loss": 0.1})
    page = result.report(tmp_path / "report.html").read_text()
    assert "Stop-loss and take-profit do not apply to buy-and-hold." in page


def test_runs_on_different_markets_are_not_compared(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "other")
    values = json.loads((tmp_path / "other" / "config.json").read_text())
    values["env"]["costs"]["commission_bps"] = 2.0
    (tmp_path / "other" / "config.json").write_text(json.dumps(values))
    other = load_run(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"differ in costs\.commission_bps"):
        report_runs([finished, other], tmp_path / "report.html")
    with pytest.raises(ConfigError, match=r"^no runs to report$"):
        report_runs([], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_seeds_of_an_agent_make_one_entry(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "other")
    values = json.loads((tmp_path / "other" / "config.json").read_text())
    (tmp_path / "other" / "config.json").write_text(json.dumps(values | {"seed": 1}))
    (entry,) = agent_entries([finished, load_run(tmp_path / "other")], "test")
    assert (entry.name, entry.kind) == ("ppo", "agent")
    assert [ledger.name for ledger in entry.ledgers] == ["other", "finished"]


def test_a_backtest_shows_itself_in_a_line():
    result = drltrade.backtest("flat", env="sp500-daily")
    assert repr(result) == (
        "<Backtest flat on SP500, test, 2013-01-02 to 2018-12-31, 1,510 bars: return +0.0%, max "
        "drawdown 0.0%>"
    )
