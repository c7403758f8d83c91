"""From runs and backtests to the report: who stands beside whom, and the settings to print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drltrade.backtesting.baselines import HELD, baseline_names, random_timing
from drltrade.backtesting.engine import replay
from drltrade.backtesting.ledger import Ledger
from drltrade.backtesting.strategies import Strategy
from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.envs.periods import PeriodName
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.backtest import Backtest, backtest
from drltrade.experiment.benchmark import benchmark_entry
from drltrade.experiment.env_presets import OF_REAL_MARKETS
from drltrade.experiment.run import Run
from drltrade.features.declarations import parse_feature
from drltrade.market.reward_spec import parse_reward
from drltrade.report.html import write_report
from drltrade.report.summary import Entry, counted

BENCHMARK = "buy-and-hold"
RANDOM_PATHS = 100

NOTE = (
    "The agents were trained on {train}, their best checkpoints were chosen on {validation}, and "
    "they are judged on {test}, which neither training nor choice has seen."
)


def baseline_entries(
    task: Task, period: PeriodName, names: Sequence[str] | None = None
) -> list[Entry]:
    """The rule-based baselines over the same bars, all of them by default."""
    names = baseline_names(task.config) if names is None else names
    return [Entry(name, (backtest(name, env=task, period=period),), "baseline") for name in names]


def random_entries(task: Task, period: PeriodName, entries: Sequence[Entry]) -> list[Entry]:
    """Beside each of `entries` strategies that hold and trade as much as it does, at random times.

    Its own decisions, each path's shifted by another number of bars; see `random_timing`. None
    where there is no second decision.
    """
    rows = task.rows(period)
    return [
        Entry(f"random, like {entry.name}", paths, "random", of=entry.name)
        for entry in entries
        if (paths := _random_paths(task, rows, entry.ledgers))
    ]


def _random_paths(task: Task, rows: range, ledgers: Sequence[Ledger]) -> tuple[Ledger, ...]:
    decisions = len(rows) - 1
    count = min(RANDOM_PATHS, decisions - 1)
    generator = np.random.default_rng(0)
    shifts = 1 + generator.choice(decisions - 1, count, replace=False) if count else ()
    return tuple(
        replay(random_timing(ledgers[i % len(ledgers)], int(shift)), task.market, rows, task.rules)
        for i, shift in enumerate(shifts)
    )


def strategy_entry(strategy: str | Strategy, task: Task, period: PeriodName) -> Entry:
    """A strategy of the user's, to be judged as an agent is.

    Raises:
        ConfigError: it is a name, and not of a function.
    """
    if isinstance(strategy, str) and ":" not in strategy:
        raise ConfigError(
            f"strategy {strategy!r}: file.py:function or package.module:function is needed; a rule "
            f"that came with drltrade ({', '.join(baseline_names(task.config))}) is a baseline"
        )
    result = backtest(strategy, env=task, period=period)
    return Entry(result.name, (result,), "agent")


def agent_entries(runs: Sequence[Run], period: PeriodName) -> list[Entry]:
    """One entry per configuration of an agent, one ledger per seed."""
    return [
        Entry(
            name,
            tuple(backtest(run, period=period) for run in group),
            "agent",
            tuple(training_curve(run) for run in group),
            tuple(run.seed for run in group),
        )
        for name, group in group_by_agent(runs).items()
    ]


def group_by_agent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Name -> the runs of one configuration, by seed.

    Where a preset was run in several configurations, each name tells what sets it apart.

    Raises:
        ConfigError: two runs are the same seed of the same configuration.
    """
    names: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        configurations = names.setdefault(run.agent_name, [])
        if _flat(run.agent_values) not in configurations:
            configurations.append(_flat(run.agent_values))
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.agent_name, run.seed)):
        own, others = _flat(run.agent_values), names[run.agent_name]
        keys = [key for key in own if any(other.get(key) != own[key] for other in others)]
        told = ", ".join(f"{key}={own[key]}" for key in keys)
        group = groups.setdefault(f"{run.agent_name} ({told})" if told else run.agent_name, [])
        for same in group:
            if same.seed == run.seed:
                raise ConfigError(
                    f"{same.path} and {run.path} are the same seed of the same agent; it would "
                    "count twice"
                )
        group.append(run)
    return groups


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}, without descriptions."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "description":
            flat[prefix + key] = value
    return flat


def training_curve(run: Run) -> pd.DataFrame:
    """steps, train_reward (mean log return per bar), validation_return, loss where there is one."""
    metrics = run.metrics()
    names = {"reward": "train_reward", "loss": "loss", "policy_loss": "loss"}
    columns = {"steps": metrics["steps"]}
    columns |= {new: metrics[old] for old, new in names.items() if old in metrics}
    columns["validation_return"] = np.expm1(metrics["validation"])
    return pd.DataFrame(columns)


def report_runs(
    runs: Sequence[Run], path: Path, *, period: PeriodName = "test", title: str | None = None,
    benchmark: str | Path | None = None, strategies: Sequence[str | Strategy] = (),
    baselines: Sequence[str] | None = None,
) -> tuple[Path, list[Entry]]:  # fmt: skip
    """Report runs on one market beside the baselines; -> the file and what stands in it.

    Args:
        runs: of any agents.
        path: of the HTML file.
        period: train, validation, test or all.
        title: of the page.
        benchmark: to measure against beside buy-and-hold; see `backtest`.
        strategies: to judge beside the runs: functions of the bars up to now, or
            "file.py:function"; see `backtesting.strategies`.
        baselines: names of those to show beside buy-and-hold; None: all.

    Raises:
        ConfigError: no runs, or runs on different markets.
    """
    if not runs:
        raise ConfigError("no runs to report")
    first = runs[0]
    for run in runs:
        if run.env != first.env:
            ours, others = (_flat(each.env.model_dump(mode="json")) for each in (run, first))
            keys = sorted(key for key in {*ours, *others} if ours.get(key) != others.get(key))
            raise ConfigError(
                f"{run.path} and {first.path} were made on different markets: one report compares "
                f"agents on the same one, and these differ in {', '.join(keys)}"
            )
    agents = agent_entries(runs, period)
    task = first.task
    agents += [strategy_entry(each, task, period) for each in strategies]
    beside = [] if benchmark is None else [benchmark_entry(benchmark, task, period)]
    chosen = None if baselines is None else list(dict.fromkeys((BENCHMARK, *baselines)))
    entries = [*agents, *baseline_entries(task, period, chosen), *beside]
    entries += random_entries(task, period, agents)
    notes = [NOTE.format(**_spans(task))] if period == "test" else []
    notes += _notes(task)
    write_report(
        path,
        title=title or f"{', '.join(entry.name for entry in agents)} on {first.env_name}",
        entries=entries,
        benchmark=BENCHMARK,
        settings=_settings(runs, period),
        notes=notes,
        period=period,
        in_sample=in_sample_of(agents),
        warnings=task.warnings,
    )
    return path, entries


def _spans(task: Task) -> dict[str, str]:
    """What each period consists of."""
    names: tuple[PeriodName, ...] = ("train", "validation", "test")
    if getattr(task.config, "synthetic", None) is None:
        periods = task.config.periods
        said: dict[str, str] = {
            name: f"{periods.span(name)[0]} to {periods.span(name)[1]}" for name in names
        }
        if task.augmented:
            made = task.spans("train")[-task.augmented :]
            count = f"{sum(map(len, made)):,} bars"
            said["train"] += f", and {counted(len(made), 'path')} made of it ({count})"
        return said
    spans = {name: task.spans(name) for name in names}
    bars = {name: f"{sum(map(len, each)):,} bars" for name, each in spans.items()}
    paths = counted(len(spans["train"]), "random path")
    return {
        "train": f"{paths} ({bars['train']})",
        "validation": f"another ({bars['validation']})",
        "test": f"a further one ({bars['test']})",
    }


def report_backtest(result: Backtest, path: Path) -> Path:
    """Report one backtest beside the baselines."""
    task, period = result.task, result.period
    rules = baseline_names(task.config)
    entry = Entry(result.name, (result,), "baseline" if result.name in rules else "agent")
    others = [name for name in rules if name != result.name]
    beside = [result.benchmark] if result.benchmark else []
    settings = {"period": period, "env": _env(task.config), "data": _data(task)}
    return write_report(
        path,
        title=f"{result.name} on {task.market.name}",
        entries=[
            entry,
            *baseline_entries(task, period, others),
            *beside,
            *random_entries(task, period, [entry]),
        ],
        benchmark=BENCHMARK,
        settings=settings,
        notes=_notes(task),
        period=period,
        in_sample=result.in_sample,
        warnings=task.warnings,
    )


def _notes(task: Task) -> list[str]:
    """What a reader has to know of the baselines."""
    held = [name for name in baseline_names(task.config) if name in HELD]
    if task.rules.plan.brackets:
        return [f"Stop-loss and take-profit do not apply to {' and '.join(held)}."]
    return []


def in_sample_of(entries: Sequence[Entry]) -> str:
    """What the first of the entries' backtests that is in-sample says of it."""
    ledgers = [ledger for entry in entries for ledger in entry.ledgers]
    told = [ledger.in_sample for ledger in ledgers if isinstance(ledger, Backtest)]
    return next((text for text in told if text), "")


def _env(config: TradingConfig | PortfolioConfig) -> dict[str, Any]:
    """A preset to print; Python functions, of a reward or features, by their names."""
    terms = parse_reward(config.reward)
    reward = {str(term): weight for term, weight in terms.items()}
    unused = OF_REAL_MARKETS if getattr(config, "synthetic", None) is not None else {"synthetic"}
    return {
        **config.model_dump(mode="json", exclude={"reward", "features", *unused}),
        "features": [str(each) for each in map(parse_feature, config.features)],
        "reward": reward,
    }


def _learned(task: Task) -> dict[str, Any]:
    """What the train period taught of the features, beside their scale."""
    learned = task.preparation.to_dict()
    components = learned["components"]
    return {
        "columns": ", ".join(learned["kept"]),
        "components": components and {
            f"pc{number + 1}": f"{share:.1%} of the variance"
            for number, share in enumerate(components["explained"])
        },
        **learned["learned"],
    }  # fmt: skip


def _data(task: Task) -> Mapping[str, Any]:
    return {"source": task.source, "sha256": task.sha256}


def _settings(runs: Sequence[Run], period: PeriodName) -> dict[str, Any]:
    first = runs[0]
    agents = {name: dict(group[0].agent_values) for name, group in group_by_agent(runs).items()}
    return {
        "period": period,
        "env": {"preset": first.env_name, **_env(first.env)},
        "learned of features": _learned(first.task),
        "agents": agents,
        "trials": {
            run.path.name: {"seed": run.seed, "device": run.device, **run.outcome} for run in runs
        },
        "made with": first.manifest,
    }
