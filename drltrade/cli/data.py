"""`drltrade data`: what prices there are, what is in them, what is wrong with them."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli.checking import label_of, offer, read_actions, show_findings
from drltrade.cli.data_options import (
    Adjustment,
    Calendar,
    Columns,
    DateFormat,
    DateOrder,
    Decimal,
    Dividends,
    Ignored,
    Label,
    Name,
    PriceUnit,
    Report,
    Separator,
    Splits,
    Thousands,
    TimeUnit,
    VolumeUnit,
    Zone,
)
from drltrade.cli.tables import Json, show_table

data = typer.Typer(help="Price data: list, import, show and check it.", no_args_is_help=True)


@data.command("list")
def list_data(as_json: Json = False) -> None:
    """The embedded data sets, and those of the local store."""
    from drltrade.data.catalog import CATALOG
    from drltrade.data.stored import local_store

    rows = [
        {"name": name, "where": "embedded", "description": entry.description}
        for name, entry in CATALOG.items()
    ]
    store = local_store()
    for name in store.datasets():
        for frequency in store.frequencies(name):
            symbols = store.symbols(name, frequency)
            about = store.sidecar(name, frequency, symbols[0]).about
            text = f"{len(symbols)} symbols, {about.adjustment}, from {about.source}"
            rows.append({"name": f"{name}/{frequency}", "where": "store", "description": text})
    show_table("Data sets", rows, as_json)


@data.command("show")
def show_data(name: Name, report: Report = None, as_json: Json = False) -> None:
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
                "quarantined": len(bars.quarantined.get(symbol, ())),
                "first": label_of(frame.index[0]),
                "last": label_of(frame.index[-1]),
                "first close": f"{frame['close'].iloc[0]:.6g}",
                "last close": f"{frame['close'].iloc[-1]:.6g}",
            }
        )
    zone = bars.zone or "not stated"
    about = f"{bars.source} | {bars.frequency} | adjustment: {bars.adjustment} | zone: {zone}"
    show_table(f"{about}\nsha256 {bars.sha256}", rows, as_json)
    for line in bars.warnings:
        typer.echo(f"warning: {line}", err=True)
    if report is not None:
        from drltrade.report.prices import write_prices_report

        frames = {symbol: bars.frame(symbol) for symbol in bars.symbols}
        facts = [*about.split(" | "), f"{len(bars.symbols)} symbols"]
        write_prices_report(report, title=name, facts=facts, frames=frames)
        typer.echo(f"report: {report}", err=True)


@data.command("import")
def import_data(
    path: Annotated[Path, typer.Argument(help="A CSV or parquet file, or a folder of them.")],
    name: Annotated[str | None, typer.Option(help="Of the data set (default: the file's).")] = None,
    symbol: Annotated[str | None, typer.Option(help="Of a file that carries none.")] = None,
    zone: Zone = None,
    frequency: Annotated[
        str | None, typer.Option(help="Of the bars, where the file has too few to tell: 1h, 1d ...")
    ] = None,
    label: Label = None,
    adjustment: Adjustment = None,
    date_order: DateOrder = None,
    time_unit: TimeUnit = None,
    date_format: DateFormat = None,
    columns: Columns = None,
    ignored: Ignored = None,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    price_unit: PriceUnit = 1.0,
    volume_unit: VolumeUnit = 1.0,
    splits: Splits = None,
    dividends: Dividends = None,
    append: Annotated[bool, typer.Option("--append", help="Add what is newer.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what there is.")] = False,
    calendar: Calendar = None,
    as_json: Json = False,
) -> None:
    """Put prices into the local store, as they were published, and check them.

    Zone and adjustment must be stated, and the label of bars that are not daily, unless the format
    of the file proves them: nothing is guessed. On a terminal they are asked for.
    """
    from drltrade.data.importing import Unstated, import_prices
    from drltrade.data.layout import Layout
    from drltrade.data.stored import local_store
    from drltrade.errors import ConfigError
    from drltrade.settings import parse

    if append and replace:
        raise ConfigError("--append and --replace: one of them")
    stated: dict[str, Any] = {
        "zone": zone, "adjustment": adjustment, "label": label,
        "frequency": frequency, "date_order": date_order, "time_unit": time_unit,
        "calendar": calendar, "date_format": date_format, "ignore": ignored or (),
        "columns": _pairs(columns or (), "--column", "volume='Volume BTC'"),
        "separator": separator, "decimal": decimal, "thousands": thousands,
    }  # fmt: skip
    # What a format may prove is stated only where the user did.
    stated |= {"price_unit": price_unit} if price_unit != 1.0 else {}
    stated |= {"volume_unit": volume_unit} if volume_unit != 1.0 else {}
    existing = "append" if append else "replace" if replace else "refuse"
    actions = read_actions(splits, dividends)
    while True:
        layout = parse(Layout, stated, "layout")
        try:
            done = import_prices(
                path, local_store(), layout, name=name, symbol=symbol, existing=existing
            )
            break
        except Unstated as error:
            if not sys.stdin.isatty():
                raise
            stated |= {key: _asked(key) for key in error.keys}
    stored = done.stored
    for line in done.read_as:
        typer.echo(line, err=True)
    if actions:
        stored.state(actions)
    about = f"{stored.name}: {done.bars:,} new bars of {len(done.symbols)} symbols"
    if done.dropped:
        about += f"; {done.dropped} that were there twice are kept once"
    findings = stored.findings(calendar)
    show_findings(about, findings, as_json)
    offer(stored, findings)


@data.command("fetch")
def fetch_data(
    source: Annotated[str, typer.Argument(help="yahoo, crypto, or one that a package adds.")],
    symbols: Annotated[list[str], typer.Argument(help="As the source calls them.")],
    start: Annotated[str, typer.Option(help="First date: 2010-01-01.")],
    end: Annotated[str | None, typer.Option(help="Last date (default: today).")] = None,
    frequency: Annotated[str, typer.Option(help="1m, 1h, 1d ...")] = "1d",
    name: Annotated[str | None, typer.Option(help="Of the data set (default: the source).")] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="For the source: exchange=kraken."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch prices into the local store. Run it again to go on, or to add what is new.

    Exit code 1: a symbol failed; what the others brought is kept.
    """
    from drltrade.data.fetching import fetch_into
    from drltrade.data.sources import open_source
    from drltrade.data.stored import local_store

    chosen = _pairs(options or (), "--option", "exchange=kraken")
    opened = open_source(source, chosen)
    dataset = name or chosen.get("exchange") or source
    origin = " ".join([source, *(f"{key}={value}" for key, value in chosen.items())])
    outcomes = fetch_into(
        local_store(), dataset, opened, symbols, frequency,
        parse_date("start", start), None if end is None else parse_date("end", end), origin=origin,
    )  # fmt: skip
    rows = [
        {
            "symbol": each.symbol,
            "new bars": each.bars,
            "said": each.error or ("all fetched anew" if each.replaced else ""),
            "failed": each.error is not None,
        }
        for each in _watched(outcomes, len(symbols))
    ]
    show_table(f"{dataset}/{frequency}", rows, as_json)
    if any(row["failed"] for row in rows):
        raise typer.Exit(1)


def _watched(outcomes: Iterable[Any], total: int) -> Iterable[Any]:
    """With a progress bar, on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(outcomes, "Fetching", total, console=console, disable=not console.is_terminal)


def parse_date(key: str, text: str) -> Any:
    import pandas as pd

    from drltrade.errors import ConfigError

    try:
        return pd.Timestamp(pd.to_datetime(text, format="%Y-%m-%d"))
    except ValueError:
        raise ConfigError(f"--{key} {text!r}: write a date as 2010-01-31") from None


def _asked(key: str) -> str:
    """Ask for what is not stated."""
    from drltrade.data.layout import Layout

    likely = {"zone": "UTC", "adjustment": "raw", "label": "close"}[key]
    answer: str = typer.prompt(f"{key}: {Layout.model_fields[key].description}", default=likely)
    return answer


def _pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    from drltrade.errors import ConfigError

    for text in texts:
        if "=" not in text:
            raise ConfigError(f"{option} {text!r}: write it as {example}")
    return dict(text.split("=", 1) for text in texts)
