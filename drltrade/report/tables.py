"""The tables of the page, as HTML. Everything that comes from outside is escaped here."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from drltrade.backtesting.ledger import Ledger
from drltrade.backtesting.trades import trades
from drltrade.evaluation.metrics import ANNUAL, CONVENTIONS, FEWEST_SESSIONS
from drltrade.evaluation.relative import RELATIVE
from drltrade.report.summary import BEATS_RANDOM, Entry, cost_paid, cost_parts, counted

MOST_TRADES = 500
"""Rows of the tables of trades on a page, of all agents together; the ledgers hold them all."""


class Heading(NamedTuple):
    """A column of the results table."""

    title: str
    unit: str
    """Stands in the head, beneath the title."""
    spec: str
    """Format of the numbers; % for shares, written without the sign."""


HEADINGS = {
    "total_return": Heading("Total return", "%", "%"),
    "annual_return": Heading("Annual return", "% a year", "%"),
    "annual_volatility": Heading("Volatility", "% a year", "%"),
    "sharpe": Heading("Sharpe", "a year", ".2f"),
    "sortino": Heading("Sortino", "a year", ".2f"),
    "calmar": Heading("Calmar", "ratio", ".2f"),
    "max_drawdown": Heading("Max drawdown", "%", "%"),
    "turnover": Heading("Turnover", "× equity a year", ".1f"),  # noqa: RUF001
    "exposure": Heading("Exposure", "% of equity", "%"),
    "trades": Heading("Trades", "round trips", ",.0f"),
    "hit_rate": Heading("Hit rate", "% of trips", "%"),
    "average_holding_bars": Heading("Avg holding", "bars", ",.1f"),
    "costs_paid": Heading("Costs paid", "money", ",.0f"),
    "cost_share": Heading("Cost share", "% of gross gain", "%"),
    "beats_random": Heading("Beats random", "% of paths", "%"),
}
"""Metric -> its column of the results table, in its order."""

SHORT = f"of a year, and the period has fewer than {FEWEST_SESSIONS} sessions"
UNDEFINED = {
    "sharpe": "the returns did not vary",
    "sortino": "no bar lost anything",
    "calmar": "there was no drawdown",
    "hit_rate": "nothing was traded",
    "average_holding_bars": "nothing was traded",
    "cost_share": "costs were more than all that was gained before them",
    "beats_random": "judged are agents, beside random strategies like them",
}
"""Metric -> why there is no number."""

GROUPS = {"agent": "Agents", "baseline": "Baselines", "benchmark": "Benchmark"}


def results_table(
    rows: Sequence[Mapping[str, Any]], benchmark: str, colours: Mapping[str, str], short: bool
) -> str:
    """The results: one line per entry, the median with [lowest, highest] beneath it.

    Random strategies stand in a table of their own, folded; beneath them, why a dash is one.

    Args:
        rows: of `summary_table`.
        benchmark: the entry to mark so.
        colours: entry name -> its colour.
        short: whether the period is too short for figures of a year.
    """
    shown = {
        name: heading
        for name, heading in HEADINGS.items()
        if name != "beats_random" or not all(math.isnan(row[name]) for row in rows)
    }
    cells = Cells(shown, short)
    body, kind = [], None
    for row in (row for row in rows if row["kind"] in GROUPS):
        if row["kind"] != kind:
            kind = row["kind"]
            title = f'<th colspan="{len(shown) + 1}">{GROUPS[kind]}</th>'
            body.append(f'<tr class="group">{title}</tr>')
        body.append(f"<tr>{_name_cell(row, benchmark, colours)}{cells.of(row)}</tr>")
    random = [
        f"<tr>{_name_cell(row, benchmark, colours)}{cells.of(row)}</tr>"
        for row in rows
        if row["kind"] == "random"
    ]
    head = "".join(f"<th>{h.title}<small>{h.unit}</small></th>" for h in shown.values())
    folded = (
        "<details><summary>Random strategies of the same exposure and turnover</summary>"
        f"{_wide(head, random)}</details>"
    )
    reasons = "".join(f"<li>{html.escape(text)}</li>" for text in cells.reasons())
    below = f'<ul class="notes dashes">{reasons}</ul>' if reasons else ""
    return SWIPE + _wide(head, body) + below + (folded if random else "")


SWIPE = '<p class="swipe">Swipe the table sideways: it goes on \N{RIGHTWARDS ARROW}</p>'
"""Where a page is narrow, the style shows it."""


def _wide(head: str, body: Sequence[str]) -> str:
    return (
        '<div class="scroll"><table class="results"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _name_cell(row: Mapping[str, Any], benchmark: str, colours: Mapping[str, str]) -> str:
    name = str(row["name"])
    below = []
    if row["seeds"] > 1:
        below.append(f"median of {row['seeds']} {'seeds' if row['kind'] == 'agent' else 'paths'}")
    if name == benchmark:
        below.append("benchmark")
    small = f"<small>{', '.join(below)}</small>" if below else ""
    badge = ' <span class="badge bad">bankrupt</span>' if row["bankrupt"] else ""
    dot = f'<span class="dot" style="background:{colours[name]}"></span>'
    return f"<th>{dot}{html.escape(name)}{badge}{small}</th>"


class Cells:
    """The cells of results, and why some of them are dashes."""

    def __init__(self, shown: Mapping[str, Heading], short: bool) -> None:
        self._shown, self._short = shown, short
        self._dashes: dict[str, str] = {}

    def of(self, row: Mapping[str, Any]) -> str:
        """The cells of a row."""
        return "".join(self._cell(row, name) for name in self._shown)

    def reasons(self) -> list[str]:
        """A line per reason for a dash, with the columns that it stands in."""
        columns: dict[str, list[str]] = {}
        for name, reason in self._dashes.items():
            columns.setdefault(reason, []).append(self._shown[name].title)
        return [f"– in {', '.join(each)}: {reason}." for reason, each in columns.items()]  # noqa: RUF001

    def _cell(self, row: Mapping[str, Any], name: str) -> str:
        text = self._number(row[name], name)
        if name == "beats_random":
            return f"<td>{text}</td>"
        low, high = (self._number(row[f"{name}_{end}"], name) for end in ("low", "high"))
        defined, seeds = row[f"{name}_defined"], row["seeds"]
        if defined > 1:
            text += f"<small>[{low},<br>{high}]</small>"
        if 0 < defined < seeds:
            text += f"<small>{defined} of {seeds}</small>"
        return f"<td>{text}</td>"

    def _number(self, value: float, name: str) -> str:
        spec = self._shown[name].spec
        if not math.isnan(value) and not (name == "cost_share" and value > 1.0):
            return number(100.0 * value, ",.1f") if spec == "%" else number(value, spec)
        short = self._short and name in ANNUAL
        reason = SHORT if short else UNDEFINED.get(name, "not defined")
        if name != "beats_random":  # whose blanks speak for themselves
            self._dashes[name] = reason
        return dash(reason)


def dash(reason: str = "not defined") -> str:
    """What stands for a number that there is none of; why is said on pointing at it."""
    return f'<span class="none" title="{html.escape(reason)}">–</span>'  # noqa: RUF001


def number(value: float, spec: str) -> str:
    """A number as the tables write it; a dash where it is not defined."""
    if math.isnan(value):
        return dash()
    text = f"{value:,.1%}" if spec == "%" else f"{value:{spec}}"
    return text.replace("-", "\N{MINUS SIGN}")


MEASURED = {
    "alpha": Heading("Alpha", "% a year", "%"),
    "beta": Heading("Beta", "slope", ".2f"),
    "information_ratio": Heading("Information ratio", "a year", ".2f"),
    "tracking_error": Heading("Tracking error", "% a year", "%"),
}
"""Metric against a benchmark -> its column."""


def relative_table(
    rows: Sequence[Mapping[str, Any]], benchmarks: Sequence[str], colours: Mapping[str, str]
) -> str:
    """Alpha, beta and the rest against each benchmark, a line per entry of `relative_rows`."""
    above = "".join(
        f'<th colspan="{len(MEASURED)}">against {html.escape(name)}</th>' for name in benchmarks
    )
    head = "".join(f"<th>{h.title}<small>{h.unit}</small></th>" for h in MEASURED.values())
    body = []
    for row in rows:
        cells = [
            _measured(row.get(name, {}).get(key, math.nan), heading.spec)
            for name in benchmarks
            for key, heading in MEASURED.items()
        ]
        dot = f'<span class="dot" style="background:{colours[row["name"]]}"></span>'
        body.append(f"<tr><th>{dot}{html.escape(row['name'])}</th>{''.join(cells)}</tr>")
    return SWIPE + (
        f'<div class="scroll"><table class="results"><thead><tr><th></th>{above}</tr><tr><th></th>'
        f"{head * len(benchmarks)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _measured(value: float, spec: str) -> str:
    if math.isnan(value):
        cell = dash("itself, too short, or one of the two did not vary")
    else:
        cell = number(100.0 * value, ",.1f") if spec == "%" else number(value, spec)
    return f"<td>{cell}</td>"


def costs_table(entries: Sequence[Entry], colours: Mapping[str, str]) -> str:
    """Money paid by part (those that anybody paid or received), a line per entry."""
    parts = cost_parts(entries)
    if not parts:
        return "<p>Nothing was paid.</p>"
    head = "".join(f"<th>{html.escape(part.capitalize())}</th>" for part in (*parts, "together"))
    body = []
    for entry in entries:
        paid = cost_paid(entry.ledgers[entry.representative])
        amounts = [*(paid.get(part, 0.0) for part in parts), sum(paid.values())]
        cells = "".join(f"<td>{number(amount, ',.2f')}</td>" for amount in amounts)
        dot = f'<span class="dot" style="background:{colours[entry.name]}"></span>'
        body.append(f"<tr><th>{dot}{html.escape(entry.name)}</th>{cells}</tr>")
    return (
        '<div class="scroll"><table class="results"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def trades_summary(trips: pd.DataFrame) -> str:
    """How many round trips were closed by what; of several assets, also a line for each."""
    left = trips["exit"].value_counts()
    ways = [
        (left.get("order", 0), "closed by an order"),
        (left.get("exit", 0), "closed without one"),
        (int(trips["open"].sum()), "still open at the end"),
    ]
    told = ", ".join(f"{count:,} {what}" for count, what in ways if count)
    text = f"<p>{counted(len(trips), 'round trip')}: {told}.</p>"
    if trips["symbol"].nunique() < 2:
        return text
    names = ("Symbol", "Round trips", "Without an order", "Hit rate", "Gross P&amp;L", "Cost",
             "Net P&amp;L")  # fmt: skip
    rows = []
    for symbol, mine in trips.groupby("symbol", sort=False):
        gain = mine["pnl"].sum()
        rows.append(
            f"<tr><td>{html.escape(str(symbol))}</td><td>{len(mine):,}</td>"
            f"<td>{int((mine['exit'] == 'exit').sum()):,}</td>"
            f"<td>{number(float((mine['pnl'] > 0).mean()), '%')}</td>"
            f"<td>{number(mine['gross_pnl'].sum(), ',.2f')}</td>"
            f"<td>{number(mine['cost'].sum(), ',.2f')}</td>"
            f'<td class="{"up" if gain > 0 else "down"}">{number(gain, ",.2f")}</td></tr>'
        )
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        f'{text}<div class="scroll"><table class="trades narrow"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def trades_table(ledger: Ledger, most: int = MOST_TRADES) -> str:
    """A summary, and the round trips in a scrollable box, the first `most` of them."""
    trips = trades(ledger)
    if not len(trips):
        return "<p>No trade was made.</p>"
    head = "".join(
        f"<th>{heading}</th>"
        for heading in (
            "Symbol",
            "Side",
            "Entry",
            "Exit",
            "Closed by",
            "Entry price",
            "Exit price",
            "Units",
            "Bars",
            "Gross P&amp;L",
            "Cost",
            "Net P&amp;L",
            "Return",
        )
    )
    shown = trips.head(most)
    body = "".join(_trade_row(trip) for trip in shown.to_dict("records"))
    rest = len(trips) - len(shown)
    more = f"<p>And {rest:,} more, in the run's trades.</p>" if rest else ""
    return (
        f'{trades_summary(trips)}<div class="scroll box"><table class="trades"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def _trade_row(trip: Mapping[Any, Any]) -> str:
    left = "still open" if trip["open"] else moment(trip["exit_time"])
    sign = "up" if trip["pnl"] > 0 else "down"
    return (
        f"<tr><td>{html.escape(str(trip['symbol']))}</td>"
        f'<td><span class="side {trip["side"]}">{trip["side"]}</span></td>'
        f"<td>{moment(trip['entry_time'])}</td><td>{left}</td><td>{trip['exit']}</td>"
        f"<td>{number(trip['entry_price'], ',.4g' if trip['entry_price'] < 1 else ',.2f')}</td>"
        f"<td>{number(trip['exit_price'], ',.4g' if trip['exit_price'] < 1 else ',.2f')}</td>"
        f"<td>{number(trip['units'], ',.2f')}</td><td>{trip['bars']:,}</td>"
        f"<td>{number(trip['gross_pnl'], ',.2f')}</td><td>{number(trip['cost'], ',.2f')}</td>"
        f'<td class="{sign}">{number(trip["pnl"], ",.2f")}</td>'
        f'<td class="{sign}">{number(trip["return"], "%")}</td></tr>'
    )


def moment(time: pd.Timestamp) -> str:
    """A time to the minute, or its date when it lies at midnight."""
    return f"{time:%Y-%m-%d}" if time == time.normalize() else f"{time:%Y-%m-%d %H:%M}"


def settings_table(settings: Mapping[str, Any]) -> str:
    """Nested settings as nested tables; the top level can be folded."""
    blocks = []
    for key, value in settings.items():
        blocks.append(
            f"<details open><summary>{html.escape(str(key))}</summary>{_value(value)}</details>"
        )
    return "".join(blocks) or "<p>None were given.</p>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = "".join(
            f"<tr><th>{html.escape(str(key))}</th><td>{_value(inner)}</td></tr>"
            for key, inner in value.items()
        )
        return f'<table class="settings">{rows}</table>' if rows else "<em>none</em>"
    if isinstance(value, (list, tuple)):
        if any(isinstance(inner, (Mapping, list, tuple)) for inner in value):
            return "".join(f'<div class="item">{_value(inner)}</div>' for inner in value)
        return ", ".join(_value(inner) for inner in value) or "<em>none</em>"
    if value is None:
        return "<em>none</em>"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return html.escape(f"{value:g}" if isinstance(value, float) else str(value))


def conventions_table() -> str:
    """How every metric is computed."""
    names = {name: heading.title for name, heading in HEADINGS.items()}
    rows = "".join(
        f"<tr><th>{names.get(name, name.replace('_', ' ').capitalize())}</th>"
        f"<td>{html.escape(sentence)}</td></tr>"
        for name, sentence in (CONVENTIONS | RELATIVE | {"beats_random": BEATS_RANDOM}).items()
    )
    return f'<table class="settings">{rows}</table>'
