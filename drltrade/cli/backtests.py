"""Backtests and reports from the command line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import pandas as pd
from rich.console import Console

from drltrade.atomic import write_atomic, write_json
from drltrade.cli.results import plain, print_json, print_results
from drltrade.envs.periods import PeriodName
from drltrade.errors import ConfigError, DataError
from drltrade.experiment.backtest import Backtest, backtest
from drltrade.experiment.presets import split_overrides
from drltrade.experiment.reporting import (
    BENCHMARK,
    baseline_entries,
    in_sample_of,
    report_runs,
)
from drltrade.experiment.run import Run, is_finished, load_run
from drltrade.report.summary import Entry


class Subjects(NamedTuple):
    """What can be backtested; one of them is."""

    run: Path | None
    baseline: str | None
    targets: Path | None
    strategy: str | None
    trust_code: bool = False
    """Of the run."""


class Beside(NamedTuple):
    """What stands in a report beside the runs."""

    benchmark: str | None
    strategies: Sequence[str]
    baselines: Sequence[str] | None
    """None: all."""


def run_backtest(
    subjects: Subjects,
    env: str | None,
    overrides: dict[str, Any],
    period: str,
    report: Path | None,
    benchmark: str | None,
    as_json: bool,
) -> None:
    """Backtest exactly one of a run, a baseline, a table of targets or a strategy."""
    run, baseline = subjects.run, subjects.baseline
    overrides, of_agent = split_overrides(overrides, None)
    if of_agent:
        raise ConfigError(f"a backtest takes no keys of an agent: {', '.join(of_agent)}")
    if "period" in overrides:
        raise ConfigError("--set period: give --period instead")
    if run is None:
        env = env or "sp500-daily"
    subject = _subject(subjects)
    result = backtest(subject, env=env, period=_period(period), benchmark=benchmark, **overrides)
    if run is not None and env is None and not overrides and benchmark is None:
        _keep(result, run / "backtests", period)
    if report is not None:
        result.report(report)
    if as_json:
        print(json.dumps(plain(result.metrics())))  # noqa: T201
        return
    entry = Entry(result.name, (result,), "baseline" if baseline else "agent")
    others = (
        []
        if result.name == BENCHMARK
        else baseline_entries(result.task, result.period, [BENCHMARK])
    )
    others += [result.benchmark] if result.benchmark else []
    print_results([entry, *others], Console(), result.period, result.in_sample)
    if report is not None:
        Console().print(f"report: {report}", soft_wrap=True)


def _subject(subjects: Subjects) -> Run | str | pd.DataFrame:
    """What is to be backtested, loaded."""
    if subjects.run is not None:
        return load_run(subjects.run, trust_code=subjects.trust_code)
    if subjects.strategy is not None:
        if ":" not in subjects.strategy:
            raise ConfigError(f"--strategy {subjects.strategy}: file.py:function is needed")
        return subjects.strategy
    return subjects.baseline or _read_targets(cast(Path, subjects.targets))


def report_folders(
    folders: Sequence[Path],
    out: Path | None,
    period: str,
    beside: Beside,
    as_json: bool,
    trust_code: bool = False,
) -> None:
    """Report the runs in `folders`."""
    paths = [path for folder in folders for path in _run_folders(folder)]
    runs = [load_run(path, trust_code=trust_code) for path in paths]
    name = "report.html" if period == "test" else f"report-{period}.html"
    path, entries = report_runs(
        runs, out or folders[0] / name, period=_period(period), **beside._asdict()
    )
    if as_json:
        print_json(entries, path)
        return
    console = Console()
    print_results(entries, console, _period(period), in_sample_of(entries))
    console.print(f"\nreport: {path}", soft_wrap=True)


def _run_folders(folder: Path) -> list[Path]:
    if (folder / "config.json").is_file():
        return [folder]
    inner = sorted(path.parent for path in folder.glob("*/config.json"))
    finished = [path for path in inner if is_finished(path)]
    for path in set(inner) - set(finished):
        Console(stderr=True).print(f"{path} is left out: its training did not finish")
    if not inner:
        raise ConfigError(f"{folder}: no run there, and no folder in it holds one")
    if not finished:
        raise ConfigError(f"{folder}: none of the runs in it finished its training")
    return finished


def _keep(result: Backtest, folder: Path, period: str) -> None:
    """Ledger, trades and metrics beside the run."""
    frame, trips = result.to_frame(), result.trades()
    write_atomic(folder / f"{period}.parquet", lambda path: frame.to_parquet(path))
    write_atomic(folder / f"{period}_trades.csv", lambda path: trips.to_csv(path, index=False))
    write_json(folder / f"{period}_metrics.json", plain(result.metrics()))


def _period(name: str) -> PeriodName:
    allowed = get_args(PeriodName)
    if name not in allowed:
        raise ConfigError(f"--period {name!r} is unknown; allowed: {', '.join(allowed)}")
    return cast(PeriodName, name)


def _read_targets(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from None
    if len(table.columns) < 2:
        raise DataError(f"{path}: a time column and a column of weights are needed")
    name = table.columns[0]
    try:
        table[name] = pd.to_datetime(table[name], format="ISO8601")
    except ValueError as error:
        raise DataError(f"{path}, column {name!r}: {error}") from None
    frame = table.set_index(name)
    for column in frame.columns:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        bad = numbers.isna() & frame[column].notna()
        if bad.any():
            row = int(bad.to_numpy().argmax())
            value = frame[column].iloc[row]
            raise DataError(f"{path} line {row + 2}, column {column!r}: {value!r} is no number")
        frame[column] = numbers
    return frame
