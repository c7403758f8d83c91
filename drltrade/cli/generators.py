"""`drltrade data learn`: train a generator of returns, and say how like the real ones its are."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli.tables import Json, show_table

PATHS = 64
"""Drawn to measure, each as long as the real series."""


def learn(
    source: Annotated[str, typer.Argument(help="Name of a data set, or a CSV or parquet file.")],
    start: Annotated[str, typer.Option(help="First date to learn from: 1999-01-01.")],
    end: Annotated[str, typer.Option(help="Last date to learn from: 2010-12-31.")],
    out: Annotated[
        Path | None, typer.Option(help="Default: data/generators/SYMBOL.npz, in lower case.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Of the data; needed where there are several.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    run: Annotated[
        Path | None, typer.Option(help="New folder for metrics and checkpoints.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a generator of returns on one symbol's closes, and compare what it draws.

    A preset names it: kind = "learned" under [synthetic], or augment = {learned = 0.5, generator =
    "data/generators/NAME.npz"}. Exit code 0: it was trained and kept; which stylised facts differ
    by more than two standard errors is said beneath the table.
    """
    from rich.console import Console

    from drltrade.cli.data import parse_date
    from drltrade.data.catalog import load_bars
    from drltrade.errors import ConfigError
    from drltrade.experiment.progress import progress
    from drltrade.market.synthetic.generator import FOLDER, SUFFIX
    from drltrade.training.generator import DEFAULT_TRAINING, train_generator

    first, last = parse_date("start", start), parse_date("end", end)
    if last <= first:
        raise ConfigError(f"--end {end} is not after --start {start}")
    bars = load_bars(source)
    if symbol is None and len(bars.symbols) > 1:
        raise ConfigError(f"{source} holds {', '.join(bars.symbols)}: set --symbol to one of them")
    symbol = symbol or bars.symbols[0]
    path = out or Path("data") / FOLDER / f"{symbol.lower()}{SUFFIX}"
    if path.suffix != SUFFIX:
        raise ConfigError(f"--out {path}: a generator is a file *{SUFFIX}")
    folder = run or Path("runs") / f"learn_{path.stem}"
    for each in (path, folder):
        if each.exists():
            raise ConfigError(f"{each} exists already; name another with --out or --run")
    training = DEFAULT_TRAINING.model_copy(update={"total_steps": steps})
    with progress({"generator": steps}, Console(stderr=True)) as watch:
        generator, outcome = train_generator(
            bars, symbol, first, last, folder, training=training, seed=seed,
            watch=lambda reached, figures: watch("generator", reached, figures),
        )  # fmt: skip
    generator.save(path)
    typer.echo(
        f"{outcome.steps:,} steps in {outcome.seconds:.0f} s; held-out loss "
        f"{-outcome.best_validation:.4f} after {outcome.best_steps:,}\ngenerator: {path}",
        err=True,
    )
    span = bars.frame(symbol).loc[str(first.date()) : str(last.date())]
    missed = _show(generator, span["close"].to_numpy("float64"), symbol, as_json)
    told = f"differ from the real series: {', '.join(missed)}" if missed else "all facts agree"
    typer.echo(f"{told}; the generator was kept (exit code 0)", err=True)


def _show(generator: Any, close: Any, symbol: str, as_json: bool) -> tuple[str, ...]:
    """Print the stylised facts of the real and the drawn returns; -> those that differ."""
    import numpy as np

    from drltrade.market.synthetic.stylised import TOLERANCE, compare

    real = np.diff(np.log(close))
    drawn = generator.sample(np.random.default_rng(0), len(real), PATHS)
    found = compare(real, drawn, np.random.default_rng(0))
    rows = [
        {
            "fact": name,
            "real": _rounded(each),
            "standard error": _rounded(error),
            "drawn": _rounded(other),
            "within": name not in found.missed,
        }
        for name, each, error, other in zip(
            found.real._fields, found.real, found.errors, found.drawn, strict=True
        )
    ]
    title = (
        f"{symbol}, and the median of {PATHS} drawn paths; within: {TOLERANCE:g} standard errors"
    )
    show_table(title, rows, as_json)
    return tuple(found.missed)


def _rounded(fact: float) -> float | None:
    """None of what a series does not have, such as the tail of returns that are all as large."""
    return round(fact, 4) if math.isfinite(fact) else None
