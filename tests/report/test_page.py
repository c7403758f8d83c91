"""The HTML page: what stands on it, that nothing on it loads or runs that should not."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_entries import SETTINGS, account, market, some_entries

from drltrade.backtesting.ledger import Ledger, Ruin
from drltrade.backtesting.trades import trades
from drltrade.evaluation.metrics import CONVENTIONS
from drltrade.report.breakdowns import cost_figure, monthly_returns
from drltrade.report.figures import equity_figure, position_figure
from drltrade.report.html import write_report
from drltrade.report.style import axis_times, colours, drawn_rows
from drltrade.report.summary import Entry, cost_parts, verdicts
from drltrade.report.tables import HEADINGS, number, trades_summary


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
    assert "Test period 2013-01-02 to 2013-06-19 121 bars, 120 decisions" in page.text
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
