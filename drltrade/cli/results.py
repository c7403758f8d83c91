"""Results as a table in the terminal."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from drltrade.evaluation.metrics import FEWEST_SESSIONS, sessions_of
from drltrade.experiment.reporting import BENCHMARK
from drltrade.report.summary import Entry, given_benchmarks, relative_rows, summary_table, verdicts

COLUMNS = {
    "total_return": ("return", "{:+.1%}"),
    "annual_return": ("a year", "{:+.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "max_drawdown": ("max DD", "{:.1%}"),
    "turnover": ("turnover", "{:.1f}"),
    "costs_paid": ("costs", "{:,.0f}"),
    "beats_random": ("> random", "{:.0%}"),
}


MEASURED = {
    "alpha": "alpha {:+.1%} a year",
    "beta": "beta {:.2f}",
    "information_ratio": "information ratio {:.2f}",
    "tracking_error": "tracking error {:.1%}",
}

RANDOM = (
    "share of strategies of the same exposure and turnover, at random times, that returned less"
)


def print_results(
    entries: Sequence[Entry], console: Console, period: str = "test", in_sample: str = ""
) -> None:
    """Print a row per agent and baseline (medians, ranges beneath) and the verdict.

    A column without a single number is left out.
    """
    rows = [row for row in summary_table(entries, BENCHMARK) if row["kind"] != "random"]
    columns = {
        key: column
        for key, column in COLUMNS.items()
        if not all(math.isnan(row[key]) for row in rows)
    }
    title = f"The {period} period, after costs."
    if any(entry.kind != "random" and len(entry.ledgers) > 1 for entry in entries):
        title += " Of several seeds: the median, and the range of the return."
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0),
        show_edge=False,
    )  # fmt: skip
    table.add_column("", overflow="fold", max_width=22)
    for label, _ in columns.values():
        table.add_column(label, justify="right", no_wrap=True)
    for row in rows:
        style = "bold" if row["kind"] == "agent" else None
        cells = [_cell(row, key, form) for key, (_, form) in columns.items()]
        table.add_row(_name(row), *cells, style=style)
    console.print(table)
    if "beats_random" in columns:
        console.print(f"> random: {RANDOM}", highlight=False)
    if sessions_of(entries[0].ledgers[0].times) < FEWEST_SESSIONS:
        console.print(
            f"fewer than {FEWEST_SESSIONS} sessions: no figures of a year", highlight=False
        )
    for against in given_benchmarks(entries):
        for row in relative_rows(entries, [against]):
            if against not in row:
                continue
            told = ", ".join(form.format(row[against][key]) for key, form in MEASURED.items())
            console.print(f"{row['name']} against {against}: {told}", highlight=False, markup=False)
    if any(ledger.fill == "same_close" for entry in entries for ledger in entry.ledgers):
        console.print(
            "[bold red]OPTIMISTIC[/bold red] orders fill at the very close that was looked at "
            "(fill = same_close)",
            highlight=False,
        )
    if in_sample:
        console.print(f"[bold red]IN-SAMPLE[/bold red] {in_sample}", highlight=False)
    for sentence in verdicts(entries, BENCHMARK):
        console.print(f"- {sentence}", highlight=False)


def print_json(entries: Sequence[Entry], report: Path) -> None:
    """Print the same rows, and where the report lies, for machines."""
    rows = [plain(row) for row in summary_table(entries, BENCHMARK)]
    given = given_benchmarks(entries)
    measured = {row.pop("name"): row for row in relative_rows(entries, given)}
    for row in rows:
        if against := measured.get(row["name"]):
            row["against"] = {name: plain(figures) for name, figures in against.items()}
    print(json.dumps({"report": str(report), "results": rows}))  # noqa: T201


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN has no place in JSON."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in values.items()
    }


def _name(row: dict[str, Any]) -> str:
    if row["kind"] == "agent" and row["seeds"] > 1:
        return f"{row['name']}\n[dim]{row['seeds']} seeds[/dim]"
    return str(row["name"])


def _cell(row: dict[str, Any], key: str, form: str) -> str:
    value = row[key]
    if math.isnan(value):
        return "-"
    text = form.format(value)
    if key == "total_return" and row["seeds"] > 1:
        low, high = row[f"{key}_low"], row[f"{key}_high"]
        text += f"\n[dim]{low:+.0%}..{high:+.0%}[/dim]"
    return text
