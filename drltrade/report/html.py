"""The report of runs and baselines on one market.

Nothing on it is typed by hand: every number, and every sentence that judges one, is computed from
the ledgers. The same input gives the same bytes.
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drltrade import atomic
from drltrade.backtesting.ledger import Ledger
from drltrade.backtesting.trades import trades
from drltrade.evaluation.metrics import FEWEST_SESSIONS, sessions_of
from drltrade.report import breakdowns, figures, tables, training_curves
from drltrade.report.page import page, plot, section
from drltrade.report.rolling import rolling_figure, rolling_window
from drltrade.report.style import MOST_POINTS, colours
from drltrade.report.summary import (
    KINDS,
    Entry,
    check_entries,
    counted,
    given_benchmarks,
    relative_rows,
    summary_table,
    verdicts,
)

FILL_RULES = {
    "next_open": "An order decided at the close of a bar fills at the open of the next bar.",
    "next_close": "An order decided at the close of a bar fills at the close of the next bar.",
    "same_close": (
        "An order decided at the close of a bar fills at that same close. This is OPTIMISTIC: "
        "nobody can both know a close and trade at it. Use it only to reproduce published results."
    ),
}

MOST_WARNINGS = 5
"""Of the data, that stand open at the head of the page."""

OPTIMISTIC = '<span class="badge bad">OPTIMISTIC</span>'


def write_report(
    path: str | Path,
    *,
    title: str,
    entries: Sequence[Entry],
    benchmark: str,
    settings: Mapping[str, Any],
    notes: Sequence[str] = (),
    period: str = "test",
    in_sample: str = "",
    warnings: Sequence[str] = (),
) -> Path:
    """Write the report of one period to `path`, atomically, and return the path.

    Args:
        path: the HTML file.
        title: heading of the page.
        entries: agents and baselines; all ledgers cover the same bars.
        benchmark: name of the entry that the agents are judged against, usually buy-and-hold.
        settings: everything that the result depends on, nested; shown as it is.
        notes: sentences to show below the verdict.
        period: what the period is called: test, validation, train or all.
        in_sample: what the agents have seen of it, if anything; then the page warns.
        warnings: what is to be said of the data, a line each.

    Raises:
        ConfigError: the benchmark is missing, a name stands twice or the periods differ.
    """
    path = Path(path)
    reference = check_entries(entries, benchmark)
    # Agents first, then the benchmark, then the other baselines: here, and in every figure.
    ordered = sorted(entries, key=lambda e: (KINDS.index(e.kind), e.name != benchmark))
    rows, palette = summary_table(ordered, benchmark), colours(ordered, benchmark)
    references = [benchmark, *given_benchmarks(entries)]
    parts = [
        _header(title, ordered, reference, period, in_sample, warnings),
        _verdict(ordered, rows, benchmark, notes),
        _results(rows, benchmark, palette, reference.ledgers[0]),
        _relative(ordered, references, palette),
        *_figures(ordered, references, palette, unseen=not in_sample),
        _trades(ordered),
        section("settings", "Settings", tables.settings_table(settings)),
        _fill_rule(ordered),
        _conventions(reference.ledgers[0]),
    ]
    atomic.write_text(path, page(title, parts))
    return path


def _header(
    title: str, entries: Sequence[Entry], reference: Entry, period: str, in_sample: str,
    warnings: Sequence[str],
) -> str:  # fmt: skip
    ledger = reference.ledgers[0]
    first, last = tables.moment(ledger.times[0]), tables.moment(ledger.times[-1])
    agents = [entry for entry in entries if entry.kind == "agent"]
    seeds = sum(len(agent.ledgers) for agent in agents)
    facts = [
        f"{html.escape(period.capitalize())} period <b>{first}</b> to <b>{last}</b>",
        # Of the last bar nothing is decided any more.
        f"{counted(len(ledger.times), 'bar')}, {counted(len(ledger.times) - 1, 'decision')}",
        html.escape(_assets(ledger.symbols)),
        f"{counted(len(agents), 'agent')}, {counted(seeds, 'trial')}",
    ]
    badges = [
        f'<p class="warning"><span class="badge bad">bankrupt</span> {html.escape(entry.name)}: '
        f"{entry.bankrupt} of {counted(len(entry.ledgers), 'account')} lost everything and "
        f"{'was' if entry.bankrupt == 1 else 'were'} closed.</p>"
        for entry in entries
        if entry.bankrupt
    ]
    if _fills(entries) & {"same_close"}:
        badges.insert(
            0,
            f'<p class="warning">{OPTIMISTIC} {html.escape(FILL_RULES["same_close"])}</p>',
        )
    if in_sample:
        badges.insert(
            0,
            '<p class="warning"><span class="badge bad">IN-SAMPLE</span> '
            f"{html.escape(in_sample)}</p>",
        )
    links = "".join(f"<li>{fact}</li>" for fact in facts)
    return (
        f'<header><h1>{html.escape(title)}</h1><ul class="facts">{links}</ul>'
        f"{''.join(badges)}{_warnings(warnings)}</header>"
    )


def _warnings(lines: Sequence[str]) -> str:
    """What is to be said of the data; of many lines the first stand open."""
    if not lines:
        return ""
    items = [f"<li>{html.escape(line)}</li>" for line in lines]
    rest = "".join(items[MOST_WARNINGS:])
    count = f"{len(items) - MOST_WARNINGS:,} more"
    more = f"<details><summary>{count}</summary><ul>{rest}</ul></details>" if rest else ""
    return (
        f'<div class="warning data"><b>{counted(len(lines), "warning")} of the data</b>'
        f"<ul>{''.join(items[:MOST_WARNINGS])}</ul>{more}</div>"
    )


def _assets(symbols: Sequence[str]) -> str:
    most = 6
    if len(symbols) <= most:
        return ", ".join(symbols)
    return f"{', '.join(symbols[: most - 1])} and {len(symbols) - most + 1} more"


def _verdict(
    entries: Sequence[Entry],
    rows: Sequence[Mapping[str, Any]],
    benchmark: str,
    notes: Sequence[str],
) -> str:
    *sentences, caveat = verdicts(entries, benchmark) or ["No agent is judged here."]
    items = []
    for sentence, row in zip(sentences, rows, strict=False):  # agents come first in both
        mark = "beats" if row["beats_benchmark"] else "fails"
        name, rest = sentence[: len(row["name"])], sentence[len(row["name"]) :]
        items.append(f'<p class="verdict {mark}"><b>{html.escape(name)}</b>{html.escape(rest)}</p>')
    items.append(f'<p class="caveat">{html.escape(caveat)}</p>')
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    below = f'<ul class="notes">{listed}</ul>' if listed else ""
    return section("verdict", "Verdict", "".join(items) + below)


def _results(
    rows: Sequence[Mapping[str, Any]],
    benchmark: str,
    palette: Mapping[str, str],
    ledger: Ledger,
) -> str:
    text = (
        "After all costs. With several seeds: the median, and beneath it [lowest, highest]; never "
        'a best run. A dash is a number that is not defined; "2 of 3" counts the seeds where it '
        "is."
    )
    short = sessions_of(ledger.times) < FEWEST_SESSIONS
    table = tables.results_table(rows, benchmark, palette, short)
    return section("results", "Results", table, text)


def _relative(
    entries: Sequence[Entry], references: Sequence[str], palette: Mapping[str, str]
) -> str:
    """Alpha and beta; nothing where there is nothing beside the benchmark."""
    if len(entries) < 2:
        return ""
    table = tables.relative_table(relative_rows(entries, references), references, palette)
    text = "Of simple returns per bar, close to close; of several seeds the median of each."
    return section("relative", "Beside the benchmark", table, text)


def _figures(
    entries: Sequence[Entry], references: Sequence[str], palette: Mapping[str, str], unseen: bool
) -> list[str]:
    benchmark = references[0]
    agents = [entry for entry in entries if entry.kind == "agent"]
    judged = [*agents, *(entry for entry in entries if entry.name in references)]
    ledger = entries[0].ledgers[0]
    chosen = "; ".join(_which(entry) for entry in agents if len(entry.ledgers) > 1)
    seed = f" Drawn for the seed with the median final equity: {chosen}." if chosen else ""
    thinned = len(ledger.times) > MOST_POINTS
    growth = [ledger.equity / ledger.equity[0] for e in entries for ledger in e.ledgers]
    lowest = min(float(path.min()) for path in growth)
    below = lowest < figures.LOWEST_EQUITY
    cut = f" The scale ends at {figures.LOWEST_EQUITY:g}." if below else ""
    sparse = " Lines show evenly spaced bars, not every one." if thinned else ""
    random = any(entry.kind == "random" for entry in entries)
    on_demand = (
        " Random strategies that hold and trade as much as an agent, at random times, are hidden "
        "until their name is clicked: median, and the band that holds 90% of them."
    )
    sections = [
        section(
            "equity",
            "Equity",
            plot("equity", figures.equity_figure(entries, benchmark, palette)),
            "Log scale, starting at 1. Agents: median over the seeds at each bar, and the band "
            "from the lowest to the highest seed. Click a name to hide or show it; drag to zoom, "
            f"double-click to zoom out.{on_demand if random else ''}{cut}{sparse}",
        ),
        section(
            "drawdown",
            "Drawdown",
            plot("drawdown", figures.drawdown_figure(entries, benchmark, palette)),
            f"Equity below its highest close so far.{seed}{sparse}",
        ),
    ]
    window = rolling_window(ledger)
    if window:
        sections.append(
            section(
                "rolling",
                "Rolling Sharpe ratio",
                plot("rolling", rolling_figure(judged, benchmark, palette, window)),
                f"Of the {window:,} bars up to each, {window / ledger.periods_per_year:.2g} years; "
                f"a year, risk-free rate 0.{seed}{sparse}",
            )
        )
    held = (
        "Position: value held as a share of equity; blue is long, orange is short."
        if len(ledger.symbols) == 1
        else "Weights: value held as a share of equity, long above 0 and short below. Gross "
        "exposure is their sum without signs, net exposure with them."
    )
    for i, agent in enumerate(agents):
        own = agent.ledgers[agent.representative]
        sections.append(
            section(
                f"position-{i}",
                f"Positions of {agent.name}",
                plot(f"position-{i}", figures.position_figure(own)),
                f"{_which(agent)}{', the one with the median final equity' if chosen else ''}. "
                f"{held}{_marked(own)}{sparse}",
            )
        )
    named = [entry for entry in entries if entry.kind != "random"]
    costs = breakdowns.cost_figure(named, palette)
    sections += [
        section(
            "costs",
            "Costs and turnover",
            ("" if costs is None else plot("costs", costs)) + tables.costs_table(named, palette),
            "What trading took, by part; the table in money. Interest and funding are negative "
            "where they were received." + seed,
        ),
        section(
            "months",
            "Monthly returns",
            plot("months", breakdowns.monthly_figure(judged)),
            "After costs." + seed,
        ),
        section(
            "distribution",
            "Distribution of returns",
            plot("distribution", breakdowns.distribution_figure(judged, benchmark, palette)),
            "How often a bar brought which return, after costs; log scale, so that the tails show."
            + seed,
        ),
    ]
    training = training_curves.training_figure(agents, palette)
    if training is not None:
        sections.append(
            section(
                "training",
                "Training",
                plot("training", training),
                "One line per seed; the star is the checkpoint with the best validation return."
                + (" The period of this report took no part in it." if unseen else ""),
            )
        )
    return sections


def _marked(ledger: Ledger) -> str:
    """Which round trips stand on the price, where not all do."""
    every = figures.marked_every(len(trades(ledger)))
    if every == 1 or len(ledger.symbols) > 1:
        return ""
    return f" Marks show one round trip in {every}."


def _trades(entries: Sequence[Entry]) -> str:
    blocks = []
    agents = [entry for entry in entries if entry.kind == "agent"]
    for i, entry in enumerate(agents):
        most = tables.MOST_TRADES // len(agents)
        table = tables.trades_table(entry.ledgers[entry.representative], most)
        blocks.append(
            f"<details{'' if i else ' open'}><summary>{html.escape(_which(entry))}</summary>"
            f"{table}</details>"
        )
    text = (
        "Round trips of the seed with the median final equity. Prices are means over the fills, "
        'before slippage; slippage is in the costs. Closed by "exit": without an order, by '
        "stop-loss, take-profit, margin call, ruin or the end of trading. Interest on cash belongs "
        "to no trip."
    )
    return section("trades", "Trades", "".join(blocks) or "<p>No agent traded.</p>", text)


def _fill_rule(entries: Sequence[Entry]) -> str:
    rules = "".join(
        f"<p><b>{html.escape(fill)}</b> {OPTIMISTIC if fill == 'same_close' else ''} "
        f"{html.escape(FILL_RULES.get(fill, ''))}</p>"
        for fill in sorted(_fills(entries))
    )
    return section("fill", "Fill rule", rules)


def _conventions(ledger: Ledger) -> str:
    text = (
        f"Periods per year: {ledger.periods_per_year:g}. Risk-free rate: 0. Returns are simple "
        "returns per bar, after costs, marked at the close."
    )
    return section("conventions", "How each number is computed", tables.conventions_table(), text)


def _which(entry: Entry) -> str:
    if len(entry.ledgers) == 1 and not entry.seeds:
        return f"{entry.name}, its only seed"
    return f"{entry.name}, {entry.seed_name(entry.representative)}"


def _fills(entries: Sequence[Entry]) -> set[str]:
    return {ledger.fill for entry in entries for ledger in entry.ledgers}
