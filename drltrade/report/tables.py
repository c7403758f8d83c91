"""The tables of the page, as HTML. Everything that comes from outside is escaped here."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from drltrade.backtest.ledger import Ledger
from drltrade.backtest.trades import trades
from drltrade.evaluation.metrics import CONVENTIONS
from drltrade.report.summary import Entry, cost_paid, cost_parts, counted

MOST_TRADES = 500
"""Rows of a trades table on the page; the ledger holds them all."""

HEADINGS = {
    "total_return": ("Total return", "%"),
    "annual_return": ("Annual return", "%"),
    "annual_volatility": ("Volatility", "%"),
    "sharpe": ("Sharpe", ".2f"),
    "sortino": ("Sortino", ".2f"),
    "calmar": ("Calmar", ".2f"),
    "max_drawdown": ("Max drawdown", "%"),
    "turnover": ("Turnover", ".1f"),
    "exposure": ("Exposure", "%"),
    "trades": ("Trades", ",.0f"),
    "hit_rate": ("Hit rate", "%"),
    "average_holding_bars": ("Avg holding", ",.1f"),
    "costs_paid": ("Costs paid", ",.0f"),
    "cost_share": ("Cost share", "%"),
}
"""Metric -> heading and format of the results table, in its order."""


def results_table(
    rows: Sequence[Mapping[str, Any]], benchmark: str, colours: Mapping[str, str]
) -> str:
    """The results: one line per entry, the median with [lowest, highest] beneath it."""
    head = "".join(f"<th>{heading}</th>" for heading, _ in HEADINGS.values())
    body, kind = [], None
    for row in rows:
        if row["kind"] != kind:
            kind = row["kind"]
            title = "Agents" if kind == "agent" else "Baselines"
            body.append(f'<tr class="group"><th colspan="{len(HEADINGS) + 1}">{title}</th></tr>')
        cells = "".join(_cell(row, name, spec) for name, (_, spec) in HEADINGS.items())
        body.append(f"<tr>{_name_cell(row, benchmark, colours)}{cells}</tr>")
    return (
        '<div class="scroll"><table class="results"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _name_cell(row: Mapping[str, Any], benchmark: str, colours: Mapping[str, str]) -> str:
    name = str(row["name"])
    below = []
    if row["seeds"] > 1:
        below.append(f"median of {row['seeds']} {'seeds' if row['kind'] == 'agent' else 'runs'}")
    if name == benchmark:
        below.append("benchmark")
    small = f"<small>{', '.join(below)}</small>" if below else ""
    badge = ' <span class="badge bad">bankrupt</span>' if row["bankrupt"] else ""
    dot = f'<span class="dot" style="background:{colours[name]}"></span>'
    return f"<th>{dot}{html.escape(name)}{badge}{small}</th>"


def _cell(row: Mapping[str, Any], name: str, spec: str) -> str:
    low, high = number(row[f"{name}_low"], spec), number(row[f"{name}_high"], spec)
    defined, seeds = row[f"{name}_defined"], row["seeds"]
    text = number(row[name], spec)
    if defined > 1:
        text += f"<small>[{low},<br>{high}]</small>"
    if 0 < defined < seeds:
        text += f"<small>{defined} of {seeds}</small>"
    return f"<td>{text}</td>"


def number(value: float, spec: str) -> str:
    """A number as the tables write it; a dash where it is not defined."""
    if math.isnan(value):
        return '<span class="none" title="not defined">–</span>'  # noqa: RUF001
    text = f"{value:,.1%}" if spec == "%" else f"{value:{spec}}"
    return text.replace("-", "\N{MINUS SIGN}")


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


def trades_table(ledger: Ledger) -> str:
    """A summary, and the round trips in a scrollable box, the first `MOST_TRADES` of them."""
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
    shown = trips.head(MOST_TRADES)
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
    names = {name: heading for name, (heading, _) in HEADINGS.items()}
    rows = "".join(
        f"<tr><th>{names.get(name, name.replace('_', ' ').capitalize())}</th>"
        f"<td>{html.escape(sentence)}</td></tr>"
        for name, sentence in CONVENTIONS.items()
    )
    return f'<table class="settings">{rows}</table>'
