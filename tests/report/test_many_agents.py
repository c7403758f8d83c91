"""What makes a report of many agents readable: colours, dashes with reasons, thinned marks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_entries import account, market, some_entries
from test_page import Page, written

from drltrade.backtesting.trades import trades
from drltrade.evaluation.metrics import sharpe
from drltrade.report.breakdowns import cost_figure
from drltrade.report.figures import MOST_MARKERS, drawdown_figure, equity_figure, position_figure
from drltrade.report.page import plot
from drltrade.report.rolling import rolling_figure, rolling_sharpe, rolling_window
from drltrade.report.style import AGENT_COLOURS, colours, distinct
from drltrade.report.summary import Entry, summary_table
from drltrade.report.tables import results_table
from drltrade.report.training_curves import training_figure

ATTACK = "bars of <b>AAPL</b> & others"


def test_warnings_of_the_data_stand_at_the_head_escaped(
    tmp_path: Path, few_entries: list[Entry]
) -> None:
    lines = [f"warning {number}: {ATTACK}" for number in range(8)]
    path = written(tmp_path, few_entries, warnings=lines)
    head = Page(path).text.split("Verdict")[0]
    assert "8 warnings of the data" in head
    assert "3 more" in head
    assert all(line in head for line in lines)
    assert ATTACK not in path.read_text(encoding="utf-8")


def test_colours_of_many_agents_never_repeat(few_entries: list[Entry]) -> None:
    agents = [replace(few_entries[0], name=f"agent {i}") for i in range(20)]
    random = [Entry(f"r{i}", few_entries[-1].ledgers, "random", of=f"agent {i}") for i in range(20)]
    entries = [*agents, *few_entries[2:], *random]
    chosen = colours(entries, "buy-and-hold")
    assert len(chosen) == len(entries)
    assert len(set(chosen.values())) == len(entries)
    assert [chosen[f"agent {i}"] for i in range(6)] == list(AGENT_COLOURS)
    for draw in (equity_figure, drawdown_figure):
        lines = [t for t in draw(entries, "buy-and-hold", chosen).data if t.line.color]
        drawn = [trace.line.color for trace in lines if trace.showlegend is None]
        assert len(set(drawn)) == len(drawn)


def test_further_colours_are_far_from_all_before() -> None:
    channels = np.array([
        [int(each[i : i + 2], 16) for i in (1, 3, 5)] for each in distinct(AGENT_COLOURS, 14)
    ])  # fmt: skip
    apart = np.abs(channels[:, None] - channels).sum(axis=2) + 999 * np.eye(14)
    assert apart.min() > 60


def test_random_strategies_are_shown_on_demand(few_entries: list[Entry], tmp_path: Path) -> None:
    random = Entry("random, like dqn", few_entries[-1].ledgers, "random", of="dqn")
    entries = [*few_entries[:-1], random]
    figure = equity_figure(entries, "buy-and-hold", colours(entries, "buy-and-hold"))
    mine = [trace for trace in figure.data if trace.legendgroup == random.name]
    assert [trace.visible for trace in mine] == ["legendonly"] * 3
    own = np.median([x.equity[-1] for x in few_entries[1].ledgers]) / 1e4
    below = np.mean([x.equity[-1] / 1e4 < own for x in random.ledgers])
    rows = {row["name"]: row for row in summary_table(entries, "buy-and-hold")}
    assert rows["dqn"]["beats_random"] == pytest.approx(below)
    assert np.isnan(rows["flat"]["beats_random"])
    text = written(tmp_path, entries).read_text(encoding="utf-8")
    table, folded = text.split("<details><summary>Random strategies")[:2]
    assert "random, like dqn" not in table.split("Results</h2>")[1]
    assert "random, like dqn" in folded.split("</details>")[0]


def test_a_figure_keeps_times_once_and_seven_digits(few_entries: list[Entry]) -> None:
    figure = equity_figure(few_entries, "buy-and-hold", colours(few_entries, "buy-and-hold"))
    text = plot("equity", figure)
    assert len(figure.data) > 10
    assert text.count("2013-01-02") == 1
    assert '"f8"' not in text
    assert len(text) < 121 * (12 + 6 * len(figure.data)) + 800 * len(figure.data)


def test_costs_above_the_gain_are_a_dash_with_its_reason(few_entries: list[Entry]) -> None:
    rows = summary_table(few_entries[:3], "buy-and-hold")
    for end in ("", "_low", "_high"):
        rows[0][f"cost_share{end}"] = 3.5
        rows[1][f"cost_share{end}"] = 0.25
    chosen = colours(few_entries, "buy-and-hold")
    text = results_table(rows, "buy-and-hold", chosen, short=False)
    assert "350" not in text
    assert "<td>25.0" in text
    assert 'title="costs were more than all that was gained before them"' in text
    assert "in Cost share: costs were more than all that was gained before them." in text


def test_figures_of_a_year_of_a_short_period_are_dashes_with_the_reason(tmp_path: Path) -> None:
    text = Page(written(tmp_path, some_entries(40, runs=2))).text
    assert (
        "in Annual return, Volatility, Sharpe, Sortino, Calmar, Turnover: of a year, and the "
        "period has fewer than 60 sessions." in text
    )


def test_the_rolling_sharpe_is_that_of_its_window(entries: list[Entry]) -> None:
    ledger = entries[0].ledgers[0]
    window = rolling_window(ledger)
    assert window == 126
    rolled = rolling_sharpe(ledger, window)
    assert np.isnan(rolled[:window]).all()
    for row in (window, 700, len(rolled) - 1):
        mine = ledger.returns[row - window : row]
        assert rolled[row] == pytest.approx(sharpe(mine, 252.0), rel=1e-9)
    figure = rolling_figure(entries[:3], "buy-and-hold", colours(entries, "buy-and-hold"), window)
    assert "126 bars" in figure.layout.yaxis.title.text


def test_a_short_period_has_no_rolling_sharpe(few_entries: list[Entry], tmp_path: Path) -> None:
    assert rolling_window(few_entries[0].ledgers[0]) == 0
    assert rolling_window(account(market(130), np.ones(131))) == 63


def test_marks_of_many_trades_thin_out() -> None:
    close = market(1200)
    busy = account(close, np.sign(np.random.default_rng(3).normal(size=1201)))
    assert len(trades(busy)) > 500
    marks = {t.name: len(t.x) for t in position_figure(busy).data if t.mode == "markers"}
    assert set(marks) == {"Opens long", "Opens short", "Closes"}
    assert 0.5 * MOST_MARKERS < marks["Opens long"] + marks["Opens short"] <= MOST_MARKERS


def test_no_panel_is_empty(few_entries: list[Entry]) -> None:
    curves = tuple(curve.drop(columns="train_reward") for curve in few_entries[0].curves)
    agents = [replace(few_entries[0], curves=curves), few_entries[1]]
    figure = training_figure(agents, colours(agents, ""))
    assert figure is not None
    titles = [each.text for each in figure.layout.annotations]
    assert titles == [
        "ppo-lstm: validation return", "dqn: validation return", "dqn: training reward"
    ]  # fmt: skip
    assert figure.layout.xaxis4.visible is False
    still = account(market(120), np.zeros(121))
    assert cost_figure([Entry("flat", (still,), "baseline")], {"flat": "#000000"}) is None


def test_a_curve_of_one_point_is_seen(few_entries: list[Entry]) -> None:
    single = replace(few_entries[0], curves=(few_entries[0].curves[0].tail(1),))
    figure = training_figure([single], {single.name: "#000000"})
    assert figure is not None
    assert {trace.mode for trace in figure.data} == {"lines+markers", "markers"}
