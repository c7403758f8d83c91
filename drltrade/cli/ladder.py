"""The ladder from the command line: progress by rung, then the table, the remarks and the page."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.errors import ConfigError
from drltrade.evaluation.ladder import RungScore
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.ladder import RUNGS, climb
from drltrade.experiment.preset_files import preset_name, read_preset
from drltrade.experiment.presets import resolve_agent, split_overrides
from drltrade.experiment.progress import progress
from drltrade.report.ladder import remarks, write_ladder_report
from drltrade.report.summary import counted

SHORT = 220
"""Characters of a reason in the terminal; the page and JSON hold all of it."""


def run_ladder(
    agent: str,
    rungs: Sequence[str],
    seeds: int,
    steps: int | None,
    overrides: dict[str, Any],
    device: str,
    report: Path | None,
    as_json: bool,
) -> None:
    """Climb, and print what came of it; exit code 1 where the training of a seed failed."""
    rungs = tuple(dict.fromkeys(rungs)) or RUNGS
    raw, _ = read_preset("agents", agent)
    of_env, of_agent = split_overrides(overrides, raw)
    preset = resolve_agent(agent, of_agent)
    total = steps or preset.training.total_steps
    with progress(dict.fromkeys(rungs, seeds * total), Console(stderr=True)) as watch:
        scores = climb(
            agent, rungs, seeds=seeds, steps=total, device=device, watch=watch, **overrides
        )
    if not any(score.seeds or score.failed for score in scores):
        raise ConfigError(f"{agent} fits on no rung; {'; '.join(remarks(scores))}")
    if report is not None:
        settings = {
            "agent": {"preset": preset_name(agent), **preset.to_dict()},
            "steps": total,
            "seeds": seeds,
            "rungs": {rung: _told(resolve_env(rung, of_env)) for rung in rungs},
        }
        write_ladder_report(report, agent=preset_name(agent), scores=scores, settings=settings)
    if as_json:
        print(json.dumps(as_plain(agent, total, scores, report)))  # noqa: T201
    else:
        _print(agent, total, seeds, scores, report)
    if any(score.failed for score in scores):
        raise typer.Exit(1)


def _told(config: TradingConfig | PortfolioConfig) -> dict[str, Any]:
    """The keys of a preset that are not as usual."""
    return config.model_dump(mode="json", exclude_defaults=True)


def _print(
    agent: str, steps: int, seeds: int, scores: Sequence[RungScore], report: Path | None
) -> None:
    console = Console()
    title = (
        f"{preset_name(agent)}, {steps:,} steps, {counted(seeds, 'seed')}: % of the optimum, "
        "interquartile mean"
    )
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        show_edge=False,
    )
    table.add_column("rung", no_wrap=True)
    for heading in ("%", "95% interval", "lowest", "value", "optimum", "CPU s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        table.add_row(score.rung, *_cells(score))
    console.print(table)
    for remark in remarks(scores):
        text = remark if len(remark) <= SHORT else f"{remark[:SHORT]}..."
        console.print(f"- {text}", highlight=False, markup=False)
    if yearly := [score.rung for score in scores if score.seeds and score.per == "year"]:
        console.print(f"- {', '.join(yearly)}: growth a year", highlight=False, markup=False)
    if report is not None:
        console.print(f"\nreport: {report}", soft_wrap=True)


def _cells(score: RungScore) -> list[str]:
    if not score.seeds:
        return [*"------"]  # the remarks say why
    share, shares = score.share, ["-", "-", "-"]
    if share is not None:
        middle, low, high, lowest = (100.0 * each for each in share)
        interval = "-" if math.isnan(low) else f"{low:.1f}..{high:.1f}"
        shares = [f"{middle:.1f}", interval, f"{lowest:.1f}"]
    return [*shares, f"{score.value:.5f}", f"{score.optimum:.5f}", f"{score.cpu_seconds:.1f}"]


def as_plain(
    agent: str, steps: int, scores: Sequence[RungScore], report: Path | None
) -> dict[str, Any]:
    """The results for machines; NaN is null."""
    rungs = [_rung(score) for score in scores]
    return {
        "agent": agent,
        "steps": steps,
        "report": None if report is None else str(report),
        "rungs": rungs,
    }


def _rung(score: RungScore) -> dict[str, Any]:
    told: dict[str, Any] = {"rung": score.rung, "per": score.per, "optimum": score.optimum}
    if score.seeds:
        share = score.share
        told["share"] = None if share is None else share._asdict()
        told |= {name: getattr(score, name) for name in ("value", "error", "turnover")}
        told["cpu_seconds"] = score.cpu_seconds
    told["seeds"] = [
        {
            "seed": each.seed,
            "steps": each.steps,
            "cpu_seconds": each.cpu_seconds,
            **vars(each.found),
        }
        for each in score.seeds
    ]
    told |= {"verdict": score.verdict, "note": score.note, "unfit": score.unfit}
    told["failed"] = list(score.failed)
    cleaned: dict[str, Any] = _without_nan(told)
    return cleaned


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
