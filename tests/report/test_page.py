"""The HTML page: what stands on it, that nothing on it loads or runs that should not."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_entries import SETTINGS, account, market, some_entries

from drltrade.backtest.ledger import Ledger, Ruin
from drltrade.backtest.trades import trades
from drltrade.evaluation.metrics import CONVENTIONS, sharpe
from drltrade.report.breakdowns import cost_figure, monthly_returns
from drltrade.report.figures import MOST_MARKERS, drawdown_figure, equity_figure, position_figure
from drltrade.report.html import write_report
from drltrade.report.page import plot
from drltrade.report.rolling import rolling_figure, rolling_sharpe, rolling_window
from drltrade.report.style import AGENT_COLOURS, axis_times, colours, distinct, drawn_rows
from drltrade.report.summary import Entry, cost_parts, summary_table, verdicts
from drltrade.report.tables import HEADINGS, number, results_table, trades_summary
from drltrade.report.training_curves import training_figure


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(path.read_text(encoding="utf-8"))

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.texts.append(data)


def written(folder: Path, entries: list[Entry], **options: Any) -> Path:
    arguments = {"title": "A report", "settings": SETTINGS, "benchmark": "buy-and-hold"}
    return write_report(folder / "report.html", entries=entries, **(arguments | options))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, few_entries: list[Entry]) -> Page:
    return Page(written(tmp_path_factory.mktemp("report"), few_entries, notes=["A note."]))


def test_the_sections_stand_in_order(page: Page) -> None:
    found = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert found == [
        "verdict",
        "results",
        "relative",
        "equity",
        "drawdown",
        "position-0",
        "position-1",
        "costs",
        "months",
        "distribution",
        "training",
        "trades",
        "settings",
        "fill",
        "conventions",
    ]


def test_it_says_the_verdict_the_period_and_every_convention(
    page: Page, few_entries: list[Entry]
) -> None:
    for sentence in verdicts(few_entries, "buy-and-hold"):
        assert " ".join(sentence.split()) in page.text.replace(" : median", ": median")
    assert "Test period 2013-01-02 to 2013-06-19" in page.text
    assert "A note." in page.text
    assert "Periods per year: 252" in page.text
    for sentence in CONVENTIONS.values():
        assert sentence in page.text
    for heading in HEADINGS.values():
        assert heading.title in page.text
    assert "0.0003" in page.text  # a setting, deep in


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    loading = [
        (tag, name, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster")
    ]
    assert loading
    assert all((value or "").startswith("data:") for _, _, value in loading)
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed", "base")]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for run in ("a", "b"):
        written(tmp_path / run, some_entries(80, runs=3))
    first, second = ((tmp_path / run / "report.html").read_bytes() for run in ("a", "b"))
    assert first == second


def test_what_comes_from_outside_is_escaped(tmp_path: Path, few_entries: list[Entry]) -> None:
    attack = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    names = [replace(few_entries[0], name=attack), *few_entries[2:]]
    plain = Page(written(tmp_path / "plain", few_entries[:1] + few_entries[2:]))
    attacked = Page(
        written(
            tmp_path / "attacked",
            names,
            title=attack,
            notes=[attack],
            settings={attack: {attack: [attack, {"deep": attack}]}},
        )
    )
    for tag in ("img", "script"):
        found, expected = ([t for t, _ in page.tags].count(tag) for page in (attacked, plain))
        assert found == expected
    assert attacked.text.count("<img src=x onerror=alert(1)>") >= 8


def test_filling_at_the_close_that_was_seen_is_marked_optimistic(
    tmp_path: Path, page: Page
) -> None:
    assert "OPTIMISTIC" not in page.text
    optimistic = Page(written(tmp_path, some_entries(80, fill="same_close", runs=2)))
    assert optimistic.text.count("OPTIMISTIC An order decided") == 2  # on top and further down
    assert "same_close OPTIMISTIC" in optimistic.text


def test_a_bankrupt_account_is_marked(tmp_path: Path, few_entries: list[Entry], page: Page) -> None:
    assert "bankrupt" not in page.text
    ruined = replace(few_entries[1].ledgers[0], ruin=Ruin(1, 5.0))
    entry = replace(few_entries[1], ledgers=(ruined, *few_entries[1].ledgers[1:]))
    marked = Page(written(tmp_path, [few_entries[0], entry, *few_entries[2:]]))
    assert "bankrupt dqn: 1 of 3 accounts lost everything and was closed." in marked.text


def test_it_needs_neither_agents_nor_curves_nor_notes(
    tmp_path: Path, few_entries: list[Entry]
) -> None:
    bare = Page(written(tmp_path, few_entries[2:3], settings={}))
    assert "No agent is judged here." in bare.text
    assert not [a for tag, a in bare.tags if tag == "section" and a["id"] == "training"]


def test_one_colour_per_entry(few_entries: list[Entry]) -> None:
    chosen = colours(few_entries, "buy-and-hold")
    assert len(set(chosen.values())) == len(few_entries)
    figure = equity_figure(few_entries, "buy-and-hold", chosen)
    lines = {trace.name: trace.line.color for trace in figure.data if trace.line.width > 1}
    assert lines["dqn (median of 3)"] == chosen["dqn"]
    assert lines["buy-and-hold"] == chosen["buy-and-hold"]


def test_the_equity_of_several_seeds_is_a_median_within_its_band(few_entries: list[Entry]) -> None:
    figure = equity_figure(few_entries, "buy-and-hold", colours(few_entries, "buy-and-hold"))
    mine = [trace for trace in figure.data if trace.legendgroup == "dqn"]
    high, low, middle = (np.asarray(trace.y) for trace in mine)
    growth = np.array([ledger.equity / ledger.equity[0] for ledger in few_entries[1].ledgers])
    np.testing.assert_allclose(middle, np.median(growth, axis=0))
    np.testing.assert_allclose(high, growth.max(axis=0))
    np.testing.assert_allclose(low, growth.min(axis=0))


def two_assets(one: Ledger) -> Ledger:
    """The account with two thirds of its position in A and a third, the other way, in B."""
    return replace(
        one,
        symbols=("A", "B"),
        close=np.tile(one.close, 2),
        units=one.units * [2 / 3, -1 / 3],
        fill_price=np.tile(one.fill_price, 2),
        exit_units=np.tile(one.exit_units, 2),
        exit_price=np.tile(one.exit_price, 2),
    )


def test_two_assets_have_a_price_weights_and_exposures(few_entries: list[Entry]) -> None:
    ledger = two_assets(few_entries[0].ledgers[0])
    figure = position_figure(ledger)
    names = [trace.name for trace in figure.data]
    assert names == [*"AAABBB", "Gross exposure", "Net exposure"]
    traces = [np.asarray(trace.y) for trace in figure.data]
    np.testing.assert_allclose(traces[1] + traces[2], ledger.weights[:, 0])
    np.testing.assert_allclose(traces[4] + traces[5], ledger.weights[:, 1])
    assert min(traces[1].min(), traces[4].min()) == max(traces[2].max(), traces[5].max()) == 0.0
    np.testing.assert_allclose(traces[6], np.abs(ledger.weights).sum(1))
    np.testing.assert_allclose(traces[7], ledger.weights.sum(1))


def test_trades_of_several_assets_are_summed_up_by_symbol(few_entries: list[Entry]) -> None:
    trips = trades(two_assets(few_entries[0].ledgers[0]))
    text = trades_summary(trips)
    for symbol in ("A", "B"):
        mine = trips[trips["symbol"] == symbol]
        assert f"<td>{symbol}</td><td>{len(mine)}</td><td>0</td>" in text
        assert number(mine["pnl"].sum(), ",.2f") in text


def test_what_was_received_lies_below_zero_and_what_was_nothing_is_not_shown(
    tmp_path: Path, few_entries: list[Entry]
) -> None:
    one = few_entries[0].ledgers[0]
    earned = np.full(len(one.equity), -2.5)
    parts = {**one.costs, "interest": earned, "funding": 0.0 * earned, "fixed": 1e-9 * earned}
    entries = [Entry("dqn", (replace(one, costs=parts),), "agent"), *few_entries[2:3]]
    assert cost_parts(entries) == ["commission", "slippage", "interest"]
    figure = cost_figure(entries, colours(entries, "buy-and-hold"))
    shown = {trace.name: list(trace.x) for trace in figure.data if trace.name}
    assert list(shown) == cost_parts(entries)
    assert shown["interest"] == [pytest.approx(-2.5 * 121 / 1e4), 0.0]
    assert figure.layout.barmode == "relative"
    text = Page(written(tmp_path, entries)).text
    assert "Commission Slippage Interest Together" in text
    assert "\N{MINUS SIGN}302.50" in text


def test_exits_are_counted_and_marked(tmp_path: Path) -> None:
    """Bought at 100, stopped at 95, bought at 96, sold at 97, bought at 98 and held."""
    nothing, none = np.zeros(6), np.full(6, np.nan)
    close = np.array([100.0, 100.0, 96.0, 96.0, 97.0, 98.0])
    units = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    fills, exits, exit_price = none.copy(), nothing.copy(), none.copy()
    fills[[1, 3, 4, 5]], exits[2], exit_price[2] = (100.0, 96.0, 97.0, 98.0), 1.0, 95.0
    cash = 1000.0 + np.array([0.0, -100.0, -5.0, -101.0, -4.0, -102.0])
    base = account(close, nothing)
    ledger = replace(
        base,
        units=units[:, None],
        fill_price=fills[:, None],
        exit_units=exits[:, None],
        exit_price=exit_price[:, None],
        cash=cash,
        equity=cash + units * close,
    )
    entries = [Entry("dqn", (ledger,), "agent"), Entry("buy-and-hold", (base,), "baseline")]
    text = Page(written(tmp_path, entries)).text
    assert (
        "3 round trips: 1 closed by an order, 1 closed without one, 1 still open at the end."
        in text
    )
    figure = position_figure(ledger)
    marked = {trace.name: list(trace.y) for trace in figure.data if trace.mode == "markers"}
    assert marked["Opens long"] == [100.0, 96.0, 98.0]
    assert (marked["Closes"], marked["Closes without an order"]) == ([97.0], [95.0])


def test_many_symbols_are_not_all_named_on_top(tmp_path: Path, few_entries: list[Entry]) -> None:
    one = few_entries[2].ledgers[0]
    many = replace(
        one,
        symbols=tuple(f"S{i}" for i in range(9)),
        **{
            name: np.tile(getattr(one, name) / (9 if name == "units" else 1), 9)
            for name in ("close", "units", "fill_price", "exit_units", "exit_price")
        },
    )
    text = Page(written(tmp_path, [Entry("buy-and-hold", (many,), "baseline")])).text
    assert "S0, S1, S2, S3, S4 and 4 more" in text


def test_months_compound_to_the_total_return() -> None:
    ledger = account(market(600), np.ones(601))
    years, table = monthly_returns(ledger)
    assert years == [2013, 2014, 2015]
    growth = ledger.equity[-1] / ledger.equity[0]
    assert np.nanprod(1 + table[:, :12]) == pytest.approx(growth)
    assert np.prod(1 + table[:, 12]) == pytest.approx(growth)
    equity = pd.Series(ledger.equity, ledger.times)
    march = equity["2014-03"].iloc[-1] / equity["2014-02"].iloc[-1] - 1
    assert table[1, 2] == pytest.approx(march)


def test_long_lines_are_thinned_and_keep_their_ends() -> None:
    rows = drawn_rows(1_000_000)
    assert len(rows) <= 4001
    assert (rows[0], rows[-1]) == (0, 999_999)
    assert list(drawn_rows(3)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pd.date_range("2020-03-01 16:00", periods=2, tz="America/New_York"), "2020-03-01"),
        (pd.date_range("2020-03-01 09:30", periods=2, freq="h"), "2020-03-01 09:30:00"),
    ],
)
def test_times_are_dates_when_all_bars_end_at_the_same_time_of_day(
    times: pd.DatetimeIndex, expected: str
) -> None:
    assert axis_times(times)[0] == expected


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
