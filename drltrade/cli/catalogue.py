"""`drltrade data`, `envs` and `agents`: what there is."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

data = typer.Typer(help="Price data: list it, show it, check it.", no_args_is_help=True)
envs = typer.Typer(
    help="Env presets: list them (the default), show one, list the features and the rewards."
)
agents = typer.Typer(help="Agent presets: list them (the default), show one.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


OWN_REWARD = "your own function of an Outcome; also file.py:function"


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


@data.command("list")
def list_data(as_json: Json = False) -> None:
    """The embedded data sets."""
    from drltrade.data.catalog import CATALOG

    rows = [{"name": name, "description": entry.description} for name, entry in CATALOG.items()]
    show_table("Embedded data", rows, as_json)


@data.command("show")
def show_data(
    name: Annotated[str, typer.Argument(help="Name of a data set, or a CSV or parquet file.")],
    as_json: Json = False,
) -> None:
    """Load a data set or file, check it, and say what is in it."""
    from drltrade.data.catalog import load_bars

    bars = load_bars(name)
    rows = []
    for symbol in bars.symbols:
        frame = bars.frame(symbol)
        rows.append(
            {
                "symbol": symbol,
                "bars": len(frame),
                "first": _label(frame.index[0]),
                "last": _label(frame.index[-1]),
                "first close": f"{frame['close'].iloc[0]:.6g}",
                "last close": f"{frame['close'].iloc[-1]:.6g}",
            }
        )
    zone = bars.zone or "not stated"
    about = f"{bars.source} | {bars.frequency} | adjustment: {bars.adjustment} | zone: {zone}"
    show_table(f"{about}\nsha256 {bars.sha256}", rows, as_json)


@data.command("check")
def check_data(
    name: Annotated[str, typer.Argument(help="Name of a data set, or a CSV or parquet file.")],
    calendar: Annotated[
        str | None,
        typer.Option(
            help="Look for missing sessions of an exchange, by its code: XNYS, XLON, 24/7 ..."
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone of the file's times: America/New_York ...")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with prices. Exit code 1: there are errors."""
    from drltrade.data.catalog import published
    from drltrade.data.quality import check

    frames = published(name, zone)
    rows: list[dict[str, Any]] = [
        {
            "severity": found.severity,
            "kind": found.kind,
            "symbol": found.symbol,
            "first": _label(found.times[0]),
            "bars": len(found.times),
            "found": found.text,
        }
        for found in check(frames, calendar)
    ]
    bars = sum(map(len, frames.values()))
    about = f"{name}: {bars:,} bars of {len(frames)} symbols"
    if rows or as_json:
        show_table(about, rows, as_json)
    else:
        typer.echo(f"{about}: nothing found")
    if any(row["severity"] == "error" for row in rows):
        raise typer.Exit(1)


def _label(time: Any) -> str:
    return str(time.date() if time == time.normalize() else time)


@envs.callback(invoke_without_command=True)
def list_envs(context: typer.Context, as_json: Json = False) -> None:
    """Env presets: the workspace's, then those that came with drltrade."""
    if context.invoked_subcommand is None:
        _list_presets("envs", as_json)


@envs.command("show")
def show_env(
    name: Annotated[str, typer.Argument(help="Name or file of an env preset.")],
    as_json: Json = False,
) -> None:
    """A preset's keys, those it leaves to the defaults too, and what they mean."""
    from drltrade.experiment.presets import resolve_env
    from drltrade.experiment.reporting import OF_REAL_MARKETS

    preset = resolve_env(name, {})
    process = getattr(preset, "synthetic", None)
    unused = {"description", *(OF_REAL_MARKETS if process is not None else {"synthetic"})}
    rows = [row for row in _fields(preset, "") if row["key"].split(".")[0] not in unused]
    show_table(preset.description, rows, as_json)


@envs.command("features")
def list_features(as_json: Json = False) -> None:
    """The features that a preset can declare."""
    from drltrade.features.table import available_features

    rows = [{"feature": name, "is": text} for name, text in available_features().items()]
    show_table("Features", rows, as_json)


@envs.command("rewards")
def list_rewards(as_json: Json = False) -> None:
    """The rewards that a preset can declare, one or several with weights."""
    from drltrade.market.reward_spec import available_rewards

    rows = [{"reward": name, "is": text} for name, text in available_rewards().items()]
    rows.append({"reward": "module:function", "is": OWN_REWARD})
    show_table("Rewards", rows, as_json)


@agents.callback(invoke_without_command=True)
def list_agents(context: typer.Context, as_json: Json = False) -> None:
    """Agent presets: the workspace's, then those that came with drltrade."""
    if context.invoked_subcommand is None:
        _list_presets("agents", as_json)


@agents.command("show")
def show_agent(
    name: Annotated[str, typer.Argument(help="Name or file of an agent preset.")],
    as_json: Json = False,
) -> None:
    """A preset's hyperparameters, those it leaves to the defaults too, and what they mean."""
    from drltrade.experiment.presets import resolve_agent

    preset = resolve_agent(name, {})
    rows = [*_fields(preset.algorithm, ""), *_fields(preset.training, "training.")]
    show_table(preset.description, rows, as_json)


def _fields(settings: Any, prefix: str) -> list[dict[str, Any]]:
    """A row per key; those of a table within have its name before them."""
    rows: list[dict[str, Any]] = []
    written = settings.model_dump(mode="json")
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        tables = value if isinstance(value, Mapping) else {}
        if hasattr(type(value), "model_fields"):
            rows += _fields(value, f"{prefix}{key}.")
        elif tables and all(hasattr(type(table), "model_fields") for table in tables.values()):
            for name, table in tables.items():
                rows += _fields(table, f"{prefix}{key}.{name}.")
        else:
            row = {"key": prefix + key, "value": written[key], "is": field.description or ""}
            rows.append(row)
    return rows


def _list_presets(kind: Any, as_json: bool) -> None:
    from drltrade.experiment.presets import list_presets, read_preset

    rows = []
    for name, path in list_presets(kind).items():
        values, _ = read_preset(kind, name)
        rows.append({"name": name, "description": values.get("description", ""), "file": path})
    show_table(f"Presets in {kind}/", rows, as_json)
