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
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="COLUMN", help="Do not read a column; may be repeated."),
]
DateFormat = Annotated[
    str | None, typer.Option(help="How times are written, as strptime has it: '%d-%b-%y %H:%M'.")
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split", metavar="SYMBOL DATE=RATIO",
        help="State a split that nothing tells of: 'AAPL 2014-06-09=7'; may be repeated.",
    ),
]  # fmt: skip
Dividends = Annotated[
    list[str] | None,
    typer.Option(
        "--dividend", metavar="SYMBOL DATE=CASH",
        help="State a dividend that nothing tells of: 'AAPL 2014-08-07=0.47'; may be repeated.",
    ),
]  # fmt: skip
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
    date_format: DateFormat = None,
    columns: Columns = None,
    ignored: Ignored = None,
    separator: Separator = None,
    decimal: Decimal = ".",
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
    stated = {
        "zone": zone, "adjustment": adjustment, "label": label,
        "frequency": frequency, "date_order": date_order, "time_unit": time_unit,
        "date_format": date_format, "ignore": ignored or (),
        "columns": _pairs(columns or (), "--column", "volume='Volume BTC'"),
        "separator": separator, "decimal": decimal, "thousands": thousands,
    }  # fmt: skip
    # What a format may prove is stated only where the user did.
    stated |= {"price_unit": price_unit} if price_unit != 1.0 else {}
    stated |= {"volume_unit": volume_unit} if volume_unit != 1.0 else {}
    existing = "append" if append else "replace" if replace else "refuse"
    actions = _actions(splits, dividends)
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
    _report(about, findings, as_json)
    _offer(stored, findings)


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


def _actions(splits: list[str] | None, dividends: list[str] | None) -> list[Any]:
    from drltrade.data.stated import parse_action

    return [
        *(parse_action("split", text) for text in splits or ()),
        *(parse_action("dividend", text) for text in dividends or ()),
    ]


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
    actions = _actions(splits, dividends)
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
                first = f"{symbol}: {len(times)} bars accepted as true, from {_label(times[0])}"
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
    _report(about, findings, as_json)
    if report is not None:
        _draw(report, about, prices.frames, calendar, findings)
    if stored is not None:
        _offer(stored, findings)
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
            first = _label(lines["time"].iloc[0])
            typer.echo(f"{symbol}: {len(lines)} {what} ({kind}, from {first}): {why}", err=True)
    if logs:
        typer.echo(f"{len(logs)} symbols; the logs are in {stored.folder / 'repairs'}", err=True)
    else:
        typer.echo(f"{stored.name}: nothing to repair", err=True)


def _offer(stored: Any, findings: Sequence[Any]) -> None:
    """Say what would mend errors, if there are any, and only what would."""
    errors = [each for each in findings if each.severity == "error"]
    if not errors:
        return
    typer.echo(
        f"{len(errors)} errors: what cannot be true is refused when {stored.name} is loaded", err=True
    )
    command = f"drltrade data check {stored.name}"
    mendable = stored.mendable()
    if mendable:
        typer.echo(
            f"{command} --repair mends {', '.join(mendable[:5])}"
            f"{', ...' if len(mendable) > 5 else ''} as far as the data tell how, and sets the rest "
            "aside",
            err=True,
        )
    for each in errors:
        if each.ratio is not None:
            day = each.times[0].date()
            typer.echo(
                f"{command} --split '{each.symbol} {day}={each.ratio:g}' states the split", err=True
            )
    typer.echo(f"{command} --accept calls what is found true", err=True)


def _report(about: str, findings: Sequence[Any], as_json: bool) -> None:
    """Print what is wrong with prices."""
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


def _draw(
    report: Path, about: str, frames: Any, calendar: str | None, findings: Sequence[Any]
) -> None:
    from drltrade.report.prices import write_prices_report

    facts = [about, f"calendar: {calendar or 'not looked at'}"]
    title = about.split(":")[0]
    write_prices_report(report, title=title, facts=facts, frames=frames, findings=findings)
    typer.echo(f"report: {report}", err=True)


def _label(time: Any) -> str:
    return str(time.date() if time == time.normalize() else time)
