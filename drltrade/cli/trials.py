"""Training from the command line: how far it is, then the table and the report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import typer
from rich.console import Console

from drltrade.cli.results import print_json, print_results
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.benchmark import benchmark_entry
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import preset_name, read_preset
from drltrade.experiment.presets import resolve_agent, split_overrides
from drltrade.experiment.progress import progress
from drltrade.experiment.reporting import report_runs
from drltrade.experiment.run import is_finished, new_run_folder, train
from drltrade.experiment.study import Trial, run_trials

PERIODS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")


def train_one(
    env: str,
    agent: str,
    seed: int,
    device: str,
    run: Path | None,
    overrides: dict[str, Any],
    benchmark: str | None,
    as_json: bool,
) -> None:
    """Train one trial in this process."""
    overrides, total = _checked(env, agent, overrides, benchmark)
    name = preset_name(agent)
    folder = run or new_run_folder(env, agent, seed, overrides)
    console = Console(stderr=True)
    with told_of_interrupts({folder: name}, console), progress({name: total}, console) as watch:
        finished = train(
            env,
            agent,
            seed=seed,
            device=device,
            run=folder,
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
        f"{f' --benchmark {benchmark}' if benchmark else ''}"
    )


def train_several(
    env: str,
    agent: str,
    seeds: Sequence[int],
    device: str,
    run: Path | None,
    overrides: dict[str, Any],
    benchmark: str | None,
    as_json: bool,
) -> None:
    """Train several seeds in processes of their own, and report them together."""
    folder = run or Path("runs") / f"{preset_name(env)}_{preset_name(agent)}"
    overrides, _ = _checked(env, agent, overrides, benchmark)
    trials = [Trial(env, agent, seed, device, overrides) for seed in seeds]
    if any((folder / trial.name).exists() for trial in trials):
        raise ConfigError(f"{folder} holds runs of these seeds already; name another with --run")
    train_and_report(trials, folder, benchmark=benchmark, as_json=as_json)


def train_and_report(
    trials: Sequence[Trial], folder: Path, title: str | None = None,
    benchmark: str | None = None, as_json: bool = False,
) -> None:  # fmt: skip
    """Train trials side by side, print the table and write the report."""
    console = Console(stderr=as_json)
    totals = {t.name: _checked(t.env, t.agent, dict(t.overrides))[1] for t in trials}
    folders = {folder / trial.name: trial.name for trial in trials}
    with told_of_interrupts(folders, console), progress(totals, console) as watch:
        runs = run_trials(trials, folder, watch)
    path, entries = report_runs(runs, folder / "report.html", title=title, benchmark=benchmark)
    if as_json:
        print_json(entries, path)
        return
    print_results(entries, console)
    console.print(f"\nreport: {path}", soft_wrap=True)


@contextmanager
def told_of_interrupts(folders: Mapping[Path, str], console: Console) -> Iterator[None]:
    """On Ctrl-C say what each training has left in its folder, and exit with 130.

    Args:
        folders: run folder -> the trial's name.
        console: where to say so.
    """
    before = {folder for folder in folders if is_finished(folder)}
    try:
        yield
    except KeyboardInterrupt:
        console.print("\ninterrupted", highlight=False)
        for folder, name in folders.items():
            if folder not in before:
                text = f"{name}: {_kept(folder)}"
                console.print(text, highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


INTERRUPTED = 130
"""The exit code of what was ended by Ctrl-C: 128 + SIGINT."""


def _kept(folder: Path) -> str:
    """What an interrupted training has left in its folder."""
    if is_finished(folder):
        return f"finished; run: {folder}"
    last, best = (folder / "checkpoints" / name for name in ("last.pt", "best.pt"))
    metrics = folder / "metrics.csv"
    if not last.is_file() or metrics.stat().st_size < 2:
        return "nothing was learned yet, nothing kept"
    figures = pd.read_csv(metrics)
    kept = f"kept the checkpoint of {int(figures['steps'].iloc[-1]):,} steps, {last}"
    if best.is_file():
        place = int(np.nanargmax(figures["validation"].to_numpy()))
        kept += f", and the best, of {int(figures['steps'].iloc[place]):,} steps, {best.name}"
    return f"{kept}; folder: {folder}"


def _checked(
    env: str, agent: str, overrides: dict[str, Any], benchmark: str | None = None
) -> tuple[dict[str, Any], int]:
    """Validate everything before anything is started, the benchmark of the report too.

    Returns:
        The overrides without the prefixes env. and agent., and the steps that they ask for.
    """
    raw, _ = read_preset("agents", agent)
    of_env, of_agent = split_overrides(overrides, raw)
    config = resolve_env(env, of_env)
    if benchmark is not None:
        benchmark_entry(benchmark, Task.build(config), "test")
    return {**of_env, **of_agent}, resolve_agent(agent, of_agent).training.total_steps
