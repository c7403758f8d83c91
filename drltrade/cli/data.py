"""`drltrade data`: what prices there are, what is in them, what is wrong with them."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli.tables import Json, show_table

data = typer.Typer(help="Price data: list, import, show and check it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a data set, or a CSV or parquet file.")]
Calendar = Annotated[
    str | None,
    typer.Option(
        help="Look for missing sessions of an exchange, by its code: XNYS, XLON, 24/7 ..."
    ),
]
Report = Annotated[
    Path | None, typer.Option(help="Draw the series, and what is found, on an HTML page.")
]
Zone = Annotated[str | None, typer.Option(help="Zone of the times: America/New_York, UTC ...")]
Label = Annotated[str | None, typer.Option(help="Which end of its bar a time is: open or close.")]
Adjustment = Annotated[
    str | None,
    typer.Option(help="What prices are adjusted for: raw (nothing), split, or full (dividends)."),
]
DateOrder = Annotated[
    str | None, typer.Option(help="What comes first in dates such as 01/02/2017: day or month.")
]
TimeUnit = Annotated[
    str | None, typer.Option(help="Unit of times that are numbers since 1970: s, ms, us or ns.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help='volume="Volume BTC"; may be repeated.'),
]
Separator = Annotated[str | None, typer.Option(help="Between the values of a CSV.")]
Decimal = Annotated[str, typer.Option(help="Before the decimals: . or ,")]
Thousands = Annotated[str | None, typer.Option(help="Between thousands: , . ' or a space.")]
PriceUnit = Annotated[float, typer.Option(help="What a price of 1 is worth: 0.01 for cents.")]
VolumeUnit = Annotated[float, typer.Option(help="What a volume of 1 is: 100 for lots of 100.")]


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
                "first": _label(frame.index[0]),
                "last": _label(frame.index[-1]),
                "first close": f"{frame['close'].iloc[0]:.6g}",
                "last close": f"{frame['close'].iloc[-1]:.6g}",
            }
        )
    zone = bars.zone or "not stated"
    about = f"{bars.source} | {bars.frequency} | adjustment: {bars.adjustment} | zone: {zone}"
    show_table(f"{about}\nsha256 {bars.sha256}", rows, as_json)
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
    columns: Columns = None,
    separator: Separator = None,
    decimal: Decimal = ".",
    thousands: Thousands = None,
    price_unit: PriceUnit = 1.0,
    volume_unit: VolumeUnit = 1.0,
    append: Annotated[bool, typer.Option("--append", help="Add what is newer.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what there is.")] = False,
    calendar: Calendar = None,
    as_json: Json = False,
) -> None:
    """Put prices into the local store, as they were published, and check them.

    Zone and adjustment must be stated, and the label of bars that are not daily: nothing is
    guessed. On a terminal they are asked for.
    """
    from drltrade.data.importing import import_prices
    from drltrade.data.layout import Layout
    from drltrade.data.stored import local_store
    from drltrade.errors import ConfigError
    from drltrade.settings import parse

    if append and replace:
        raise ConfigError("--append and --replace: one of them")
    stated = {
        "zone": zone or _asked("zone", "UTC"),
        "adjustment": adjustment or _asked("adjustment", "raw"),
        "label": label or _asked("label", "close"),
        "frequency": frequency, "date_order": date_order, "time_unit": time_unit,
        "columns": _pairs(columns or (), "--column", "volume='Volume BTC'"),
        "separator": separator, "decimal": decimal,
        "thousands": thousands, "price_unit": price_unit, "volume_unit": volume_unit,
    }  # fmt: skip
    layout = parse(Layout, stated, "layout")
    done = import_prices(
        path, local_store(), layout, name=name, symbol=symbol,
        existing="append" if append else "replace" if replace else "refuse",
    )  # fmt: skip
    stored = done.stored
    about = f"{stored.name}: {done.bars:,} new bars of {len(done.symbols)} symbols"
    if done.dropped:
        about += f"; {done.dropped} that were there twice are kept once"
    errors = _report(about, stored.published(), calendar, layout.adjustment, as_json)
    if errors:
        typer.echo(
            f"{errors} errors: what cannot be true is refused when {stored.name} is loaded; "
            f"drltrade data check {stored.name} --repair mends it, where the data tell how, or "
            "sets it aside",
            err=True,
        )


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


def _asked(key: str, default: str) -> str | None:
    """Ask for what is not stated, where there is someone to ask."""
    from drltrade.data.layout import Layout

    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt(f"{key}: {Layout.model_fields[key].description}", default=default)
    return answer


def _pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    from drltrade.errors import ConfigError

    for text in texts:
        if "=" not in text:
            raise ConfigError(f"{option} {text!r}: write it as {example}")
    return dict(text.split("=", 1) for text in texts)


@data.command("check")
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
    undo: Annotated[bool, typer.Option("--undo", help="Take repairs and acceptance back.")] = False,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with prices. Exit code 1: there are errors.

    Repairs are of data sets in the store. Each value that is changed is a line in a log beside
    them; published values stay as they are.
    """
    from drltrade.data.catalog import find_stored, published
    from drltrade.data.layout import Layout
    from drltrade.data.universe import read_universe
    from drltrade.errors import ConfigError
    from drltrade.settings import parse

    if repair or undo or accept:
        stored = find_stored(name)
        if stored is None or (undo and (repair or accept)):
            raise ConfigError(
                f"{name}: repairs are of data sets in the store (see drltrade data import), and "
                "either made or undone"
            )
        if undo:
            typer.echo(f"{stored.name}: repairs of {stored.undo()} symbols undone", err=True)
        if repair:
            _mend(stored)
        if accept:
            for symbol, times in stored.accept().items():
                first = f"{symbol}: {len(times)} bars accepted as true, from {_label(times[0])}"
                typer.echo(first, err=True)
    prices = published(name, parse(Layout, {"zone": zone}, "layout"))
    bars = sum(map(len, prices.frames.values()))
    about = f"{name}: {bars:,} bars of {len(prices.frames)} symbols"
    members = None if universe is None else read_universe(universe)
    if _report(about, prices.frames, calendar, prices.adjustment, as_json, report, members):
        raise typer.Exit(1)


def _mend(stored: Any) -> None:
    """Repair a data set, and say what was done."""
    logs = stored.repair()
    for symbol, log in logs.items():
        made = log[log["kind"] != "accepted"]
        for (kind, why), lines in made.groupby(["kind", "why"], sort=False):
            columns = ", ".join(dict.fromkeys(lines["column"]))
            what = "bars" if kind == "quarantine" else f"values of {columns}"
            first = _label(lines["time"].iloc[0])
            typer.echo(f"{symbol}: {len(lines)} {what} ({kind}, from {first}): {why}", err=True)
    if logs:
        typer.echo(f"{len(logs)} symbols; the logs are in {stored.folder / 'repairs'}", err=True)
    else:
        typer.echo(f"{stored.name}: nothing to repair", err=True)


def _report(
    about: str, frames: Any, calendar: str | None, adjustment: Any, as_json: bool,
    report: Path | None = None, universe: Any = None,
) -> int:  # fmt: skip
    """Print what is wrong with prices, and draw it if asked to; how many errors there are."""
    from drltrade.data.quality import check

    findings = check(frames, calendar, adjustment, universe)
    rows: list[dict[str, Any]] = [
        {
            "severity": found.severity,
            "kind": found.kind,
            "symbol": found.symbol,
            "first": _label(found.times[0]),
            "bars": len(found.times),
            "found": found.text,
        }
        for found in findings
    ]
    if rows or as_json:
        show_table(about, rows, as_json)
    else:
        typer.echo(f"{about}: nothing found")
    if report is not None:
        from drltrade.report.prices import write_prices_report

        facts = [about, f"calendar: {calendar or 'not looked at'}"]
        title = about.split(":")[0]
        write_prices_report(report, title=title, facts=facts, frames=frames, findings=findings)
        typer.echo(f"report: {report}", err=True)
    return sum(row["severity"] == "error" for row in rows)


def _label(time: Any) -> str:
    return str(time.date() if time == time.normalize() else time)
