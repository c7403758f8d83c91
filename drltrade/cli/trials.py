"""Training from the command line: progress bars, then the table and the report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from drltrade.cli.results import print_json, print_results
from drltrade.errors import ConfigError
from drltrade.experiment.presets import (
    preset_name,
    read_preset,
    resolve_agent,
    resolve_env,
    split_overrides,
)
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.run import train
from drltrade.experiment.study import Trial, WatchTrial, run_trials

FIGURES = {
    "best_validation": ("best", "{:+.3f}"),
    "validation": ("validation", "{:+.3f}"),
    "reward": ("reward/bar", "{:+.5f}"),
    "steps_per_second": ("steps/s", "{:,.0f}"),
    "loss": ("loss", "{:.3f}"),
    "value_loss": ("value loss", "{:.2f}"),
}
"""What a bar shows, the most telling first: a narrow terminal cuts the rest."""


PERIODS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")


@contextmanager
def progress_bars(totals: Mapping[str, int], console: Console) -> Iterator[WatchTrial]:
    """A bar per trial with its latest figures; yields the function to be told of them."""
    with Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=12),
        TaskProgressColumn(table_column=Column(min_width=4, no_wrap=True)),
        TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("[dim]{task.fields[figures]}", table_column=Column(no_wrap=True, ratio=1)),
        console=console,
        expand=True,
    ) as progress:
        bars = {
            name: progress.add_task(name, total=total, figures="waiting", start=False)
            for name, total in totals.items()
        }
        known: dict[str, dict[str, float]] = {name: {} for name in totals}

        def watch(name: str, steps: int, figures: Mapping[str, float] | None) -> None:
            if figures is None:
                # An early stop is an end, too.
                progress.update(bars[name], total=steps, completed=steps)
                progress.stop_task(bars[name])
                return
            known[name] |= figures
            text = "  ".join(
                f"{label} {form.format(known[name][key])}"
                for key, (label, form) in FIGURES.items()
                if key in known[name]
            )
            progress.start_task(bars[name])
            progress.update(bars[name], completed=steps, figures=text)

        yield watch


def train_one(
    env: str,
    agent: str,
    seed: int,
    device: str,
    run: Path | None,
    overrides: dict[str, Any],
    as_json: bool,
) -> None:
    """Train one trial in this process."""
    overrides, total = _checked(env, agent, overrides)
    name = preset_name(agent)
    with progress_bars({name: total}, Console(stderr=True)) as watch:
        finished = train(
            env,
            agent,
            seed=seed,
            device=device,
            run=run,
            watch=lambda steps, figures: watch(name, steps, figures),
            **overrides,
        )
        watch(name, finished.outcome["steps"], None)
    outcome = finished.outcome
    if as_json:
        print(json.dumps({"run": str(finished.path), **outcome}))  # noqa: T201
        return
    stopped = " (stopped early: validation no longer improved)" if outcome["stopped_early"] else ""
    rounded = f" (total_steps = {total:,} in whole rollouts)" if outcome["steps"] > total else ""
    rows = {name: sum(map(len, finished.task.spans(name))) for name in PERIODS}
    Console().print(
        f"bars: {', '.join(f'{name} {count:,}' for name, count in rows.items())}\n"
        f"{outcome['steps']:,} steps{rounded} in {outcome['seconds']:.1f} s{stopped}; best "
        f"validation log return {outcome['best_validation']:+.4f} after {outcome['best_steps']:,} "
        f"steps\nrun: {finished.path}\nnext: drltrade report {finished.path}"
    )


def train_several(
    env: str,
    agent: str,
    seeds: Sequence[int],
    device: str,
    run: Path | None,
    overrides: dict[str, Any],
    as_json: bool,
) -> None:
    """Train several seeds in processes of their own, and report them together."""
    folder = run or Path("runs") / f"{preset_name(env)}_{preset_name(agent)}"
    overrides, _ = _checked(env, agent, overrides)
    trials = [Trial(env, agent, seed, device, overrides) for seed in seeds]
    if any((folder / trial.name).exists() for trial in trials):
        raise ConfigError(f"{folder} holds runs of these seeds already; name another with --run")
    train_and_report(trials, folder, as_json=as_json)


def train_and_report(
    trials: Sequence[Trial], folder: Path, title: str | None = None, as_json: bool = False
) -> None:
    """Train trials side by side, print the table and write the report."""
    console = Console(stderr=as_json)
    totals = {t.name: _checked(t.env, t.agent, dict(t.overrides))[1] for t in trials}
    with progress_bars(totals, console) as watch:
        runs = run_trials(trials, folder, watch)
    path, entries = report_runs(runs, folder / "report.html", title=title)
    if as_json:
        print_json(entries, path)
        return
    print_results(entries, console)
    console.print(f"\nreport: {path}", soft_wrap=True)


def _checked(env: str, agent: str, overrides: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Validate everything before anything is started.

    Returns:
        The overrides without the prefixes env. and agent., and the steps that they ask for.
    """
    raw, _ = read_preset("agents", agent)
    of_env, of_agent = split_overrides(overrides, raw)
    resolve_env(env, of_env)
    return {**of_env, **of_agent}, resolve_agent(agent, of_agent).training.total_steps
