"""Tables, printed for people or as JSON for machines."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


NAME, SHORT, KEPT = 40, 16, 52
"""The first column, and others, are not wrapped if they have so few characters, and no more than
the last number together."""


def show_table(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows as a table, or as JSON.

    Nothing is cut off: what is wider than the terminal (80 columns where there is none) goes on in
    the next line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    cells = [[_written(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(rows[0], *cells, strict=True)]
    left = KEPT
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for number, (column, width) in enumerate(zip(rows[0], widths, strict=True)):
        whole = width <= (SHORT if number else NAME) and width <= left
        left -= width + 1 if whole else 0
        table.add_column(column, no_wrap=whole, overflow="fold", min_width=min(width, 6))
    for row in cells:
        table.add_row(*map(escape, row))
    Console().print(table, highlight=False)


def escape(text: str) -> str:
    """A text in which rich finds no markup."""
    from rich.markup import escape as escaped

    return escaped(text)


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_written(part) for part in value)
    return "-" if value is None else str(value)
