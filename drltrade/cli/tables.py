"""Tables, printed for people or as JSON for machines."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def show_table(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    from rich.console import Console
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(rows[0]):
        table.add_column(column, no_wrap=number == 0)
    for row in rows:
        table.add_row(*(_written(value) for value in row.values()))
    Console().print(table)


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_written(part) for part in value)
    return "-" if value is None else str(value)
