"""`drltrade data check`: what is wrong with prices, and mending it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli.data_options import Calendar, Dividends, Name, Report, Splits, Zone
from drltrade.cli.tables import Json, show_table


def check_data(
    name: Name,
    calendar: Calendar = None,
    zone: Zone = None,
    universe: Annotated[
        Path | None,
        typer.Option(help="Look for members without prices: a table of symbol, start and end."),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what can be mended, and set aside what cannot."),
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Call true the moves that are called errors.")
    ] = False,
    splits: Splits = None,
    dividends: Dividends = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take repairs, acceptance and stated actions back.")
    ] = False,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with prices. Exit code 1: there are errors.

    Repairs are of data sets in the store. Each value that is changed is a line in a log beside
    them; published values stay as they are.
    """
    from drltrade.data.catalog import find_stored, published
    from drltrade.data.layout import Layout
    from drltrade.data.quality import check
    from drltrade.data.universe import read_universe
    from drltrade.errors import ConfigError
    from drltrade.settings import parse

    stored = find_stored(name)
    actions = read_actions(splits, dividends)
    if repair or undo or accept or actions:
        if stored is None or (undo and (repair or accept or actions)):
            raise ConfigError(
                f"{name}: repairs are of data sets in the store (see drltrade data import), and "
                "either made or undone"
            )
        if undo:
            typer.echo(f"{stored.name}: repairs of {stored.undo()} symbols undone", err=True)
        for symbol, count in stored.state(actions).items():
            typer.echo(f"{symbol}: {count} stated; --undo takes it back", err=True)
        if repair:
            _mend(stored)
        if accept:
            for symbol, times in stored.accept().items():
                first = f"{symbol}: {len(times)} bars accepted as true, from {label_of(times[0])}"
                typer.echo(first, err=True)
    members = None if universe is None else read_universe(universe)
    prices = published(name, parse(Layout, {"zone": zone}, "layout"))
    if prices.read_as:
        typer.echo(prices.read_as, err=True)
    findings = (
        check(prices.frames, calendar, prices.adjustment, members, prices.zone)
        if stored is None else stored.findings(calendar, members)
    )  # fmt: skip
    bars = sum(map(len, prices.frames.values()))
    about = f"{name}: {bars:,} bars of {len(prices.frames)} symbols"
    show_findings(about, findings, as_json)
    if report is not None:
        _draw(report, about, prices.frames, calendar, findings)
    if stored is not None:
        offer(stored, findings)
    if any(each.severity == "error" for each in findings):
        raise typer.Exit(1)


def _mend(stored: Any) -> None:
    """Repair a data set, and say what was done."""
    logs = stored.repair()
    for symbol, log in logs.items():
        made = log[~log["kind"].isin(["accepted", "stated"])]
        for (kind, why), lines in made.groupby(["kind", "why"], sort=False):
            columns = ", ".join(dict.fromkeys(lines["column"]))
            what = "bars" if kind == "quarantine" else f"values of {columns}"
            first = label_of(lines["time"].iloc[0])
            typer.echo(f"{symbol}: {len(lines)} {what} ({kind}, from {first}): {why}", err=True)
    if logs:
        typer.echo(f"{len(logs)} symbols; the logs are in {stored.folder / 'repairs'}", err=True)
    else:
        typer.echo(f"{stored.name}: nothing to repair", err=True)


def offer(stored: Any, findings: Sequence[Any]) -> None:
    """Say what would mend errors, if there are any, and only what would."""
    errors = [each for each in findings if each.severity == "error"]
    if not errors:
        return
    typer.echo(
        f"{len(errors)} errors: what cannot be true is refused when {stored.name} is loaded",
        err=True,
    )
    command = f"drltrade data check {stored.name}"
    mendable = stored.mendable()
    if mendable:
        typer.echo(
            f"{command} --repair mends {', '.join(mendable[:5])}"
            f"{', ...' if len(mendable) > 5 else ''} as far as the data tell how, and sets the "
            "rest aside",
            err=True,
        )
    for each in errors:
        if each.ratio is not None:
            day = each.times[0].date()
            typer.echo(
                f"{command} --split '{each.symbol} {day}={each.ratio:g}' states the split", err=True
            )
    typer.echo(f"{command} --accept calls what is found true", err=True)


def show_findings(about: str, findings: Sequence[Any], as_json: bool) -> None:
    """Print what is wrong with prices."""
    rows: list[dict[str, Any]] = [
        {
            "severity": found.severity,
            "kind": found.kind,
            "symbol": found.symbol,
            "first": label_of(found.times[0]),
            "bars": len(found.times),
            "found": found.text,
        }
        for found in findings
    ]
    if rows or as_json:
        show_table(about, rows, as_json)
    else:
        typer.echo(f"{about}: nothing found")


def _draw(
    report: Path, about: str, frames: Any, calendar: str | None, findings: Sequence[Any]
) -> None:

    from drltrade.report.prices import write_prices_report

    facts = [about, f"calendar: {calendar or 'not looked at'}"]
    title = about.split(":")[0]
    write_prices_report(report, title=title, facts=facts, frames=frames, findings=findings)
    typer.echo(f"report: {report}", err=True)


def read_actions(splits: list[str] | None, dividends: list[str] | None) -> list[Any]:
    from drltrade.data.stated import parse_action

    return [
        *(parse_action("split", text) for text in splits or ()),
        *(parse_action("dividend", text) for text in dividends or ()),
    ]


def label_of(time: Any) -> str:
    return str(time.date() if time == time.normalize() else time)
