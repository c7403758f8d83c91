"""Backtests: a run, a policy, a table of targets or a baseline, over a period of a market."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.agents.agent import Policy
from drltrade.agents.sb3 import SB3Policy
from drltrade.backtesting.baselines import baseline_rules, baseline_targets, check_baseline
from drltrade.backtesting.engine import decide, replay
from drltrade.backtesting.ledger import Ledger
from drltrade.backtesting.strategies import Strategy, strategy_targets
from drltrade.backtesting.trades import trades
from drltrade.envs.config import PortfolioConfig, TradingConfig, parse_env
from drltrade.envs.make import face
from drltrade.envs.periods import PeriodName
from drltrade.envs.single import MarketEnv
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, DataError
from drltrade.evaluation.metrics import metrics
from drltrade.evaluation.relative import relative_metrics
from drltrade.experiment.benchmark import benchmark_entry
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.plan import found_features
from drltrade.experiment.preset_files import merge
from drltrade.experiment.run import Run, load_run, unrewarded
from drltrade.functions import load_function
from drltrade.market.synthetic import Process
from drltrade.report.summary import Entry

ROUNDING = 1e-6
"""By which targets may lie beyond a limit: actions are float32."""


@dataclass(frozen=True, kw_only=True)
class Backtest(Ledger):
    """A ledger that can speak for itself."""

    name: str
    period: PeriodName
    task: Task = field(repr=False)
    in_sample: str = ""
    """What the policy has seen of these bars in its training; empty where nothing is known."""
    benchmark: Entry | None = field(default=None, repr=False)
    """What it is measured against, held over the same bars; None: nothing was given."""

    def __repr__(self) -> str:
        told = metrics(self)
        figures = {"return": "total_return", "Sharpe": "sharpe", "max drawdown": "max_drawdown"}
        forms = {"Sharpe": "{:.2f}", "return": "{:+.1%}", "max drawdown": "{:.1%}"}
        known = [
            f"{label} {forms[label].format(told[key])}"
            for label, key in figures.items()
            if not math.isnan(told[key])
        ]
        first, last = (str(self.times[i]).removesuffix(" 00:00:00") for i in (0, -1))
        return (
            f"<Backtest {self.name} on {self.task.market.name}, {self.period}, {first} to {last}, "
            f"{len(self.times):,} bars: {', '.join(known)}>"
        )

    def trades(self) -> pd.DataFrame:
        """One row per round trip; see `backtesting.trades`."""
        return trades(self)

    def metrics(self) -> dict[str, float]:
        """See `evaluation.metrics` for each figure's conventions.

        With a benchmark those of `evaluation.relative`, too.
        """
        if self.benchmark is None:
            return metrics(self)
        return metrics(self) | relative_metrics(self, self.benchmark.ledgers[0])

    def plot(self) -> Any:
        """Equity against buy-and-hold on a log scale, a plotly figure."""
        from drltrade.experiment.reporting import BENCHMARK, baseline_entries
        from drltrade.report.figures import equity_figure
        from drltrade.report.style import colours

        entries = [Entry(self.name, (self,), "agent")]
        if self.name != BENCHMARK:
            entries += baseline_entries(self.task, self.period, (BENCHMARK,))
        entries += [self.benchmark] if self.benchmark else []
        return equity_figure(entries, BENCHMARK, colours(entries, BENCHMARK))

    def report(self, path: str | Path) -> Path:
        """Write an HTML report of this backtest beside the baselines; -> its path."""
        from drltrade.experiment.reporting import report_backtest

        return report_backtest(self, Path(path))


def backtest(
    subject: Run | Policy | pd.DataFrame | Strategy | str | Path,
    *,
    env: str | Task | gymnasium.Env[Any, Any] | None = None,
    period: PeriodName = "test",
    name: str | None = None,
    benchmark: str | Path | None = None,
    **overrides: Any,
) -> Backtest:
    """Run something over a period of a market.

    Args:
        subject: a `Run`, or its folder; a policy, or a model of stable-baselines3; a frame of
            target weights (index: decision times, those outside the period play no part; columns:
            the symbols; a bar that it lacks, or NaN, holds); a function of the bars up to now that
            returns the weights to hold next, or "file.py:function" (see `backtesting.strategies`);
            or the name of a baseline (buy-and-hold, flat, ma-cross, mean-reversion; of a portfolio
            also equal-weight). Brackets close neither what buy-and-hold nor what equal-weight
            holds.
        env: name or file of an env preset, an environment of drltrade or a prepared task; a run has
            its own, and so does a model of stable-baselines3 that knows its environment.
        period: train, validation, test or all.
        name: what to call it; the run's or baseline's own name by default.
        benchmark: what to measure it against (alpha, beta, information ratio, tracking error): a
            symbol of the same data, a file, or a data set, NAME:SYMBOL where it holds several. It
            is aligned with the bars by date: at each its last close by then.
        **overrides: keys of the env preset, such as `costs={"slippage_bps": 5}`.

    Raises:
        ConfigError: unknown names, keys or periods. DataError: targets at times that are no bars,
            or beyond what the environment's actions can ask for; names symbol and time.
    """
    if isinstance(subject, Path) or (isinstance(subject, str) and Path(subject).is_dir()):
        subject = load_run(subject)
    if isinstance(subject, str) and ":" in subject:
        subject = cast(Strategy, load_function(subject, "strategy"))
    task = _task(subject, env, overrides)
    rows, rules = task.rows(period), task.rules
    if isinstance(subject, str):
        check_baseline(subject, task.config)
        targets = baseline_targets(subject, task.market, rows, task.config)
        rules = baseline_rules(subject, rules, task.market, rows)
    elif isinstance(subject, pd.DataFrame):
        targets = _aligned(subject, task, rows)
    elif not isinstance(subject, Run) and not _is_policy(subject):
        if not callable(subject):
            raise ConfigError(CANNOT.format(type(subject).__name__))
        targets = strategy_targets(subject, task.market, rows)
        _check_limits(targets, task.market.times[rows[0] : rows[-1]], task)
    else:
        player = _whole(task, period)
        targets, _ = decide(_policy(subject, player), player)
    ledger = replay(targets, task.market, rows, rules)
    default = subject if isinstance(subject, str) else _name(subject)
    seen = _in_sample(subject, task, rows, period) if isinstance(subject, Run) else ""
    beside = None if benchmark is None else benchmark_entry(benchmark, task, period)
    return Backtest(
        **vars(ledger), name=name or str(default), period=period, task=task, in_sample=seen,
        benchmark=beside,
    )  # fmt: skip


SEEN = {"train": "were learned from", "validation": "chose the checkpoint"}
"""By period of a run, what its bars were used for."""

UNSEEN = "These figures say nothing about prices that the agent has not seen."


def _in_sample(run: Run, task: Task, rows: range, period: PeriodName) -> str:
    """What `run` has seen of the bars in `rows`, in a sentence."""
    process = getattr(task.config, "synthetic", None)
    if process is not None:  # its paths all begin on the same day, so that dates say nothing
        if period not in SEEN or not _same_paths(process, run):
            return ""
        return f"Bars of this period {SEEN[period]}: it is the run's {period} period. {UNSEEN}"
    learned_from = run.manifest["data"]
    if (task.sha256, ", ".join(task.market.symbols)) != (
        learned_from["sha256"],
        learned_from["symbol"],
    ):
        return ""
    first, last = task.market.times[rows[0]].date(), task.market.times[rows[-1]].date()
    for name, use in SEEN.items():
        start, end = run.env.periods.span(cast(PeriodName, name))
        if first < end and start < last:
            return (
                f"Bars of this period {use}: it overlaps the run's {name} period, {start} to "
                f"{end}. {UNSEEN}"
            )
    return ""


def _same_paths(process: Process, run: Run) -> bool:
    """Whether a run met a market of the same seed, of whatever length."""
    met = getattr(run.env, "synthetic", None)
    lengths = {"bars", "validation_bars", "test_bars"}
    return met is not None and met.model_dump(exclude=lengths) == process.model_dump(
        exclude=lengths
    )


CANNOT = (
    "a {} cannot be backtested; a run (see load_run), a policy with act(observation, state), a "
    "frame of targets, a function of the bars up to now or the name of a baseline can"
)


def _is_policy(subject: Any) -> bool:
    return hasattr(subject, "act") or hasattr(subject, "predict")


def _policy(subject: Any, player: MarketEnv) -> Policy:
    if isinstance(subject, Run):
        return subject.policy
    if not hasattr(subject, "predict"):
        policy: Policy = subject
        return policy
    read = SB3Policy(subject, player.action_space)
    for what in ("action_space", "observation_space"):
        own, asked = getattr(subject, what, None), getattr(player, what)
        if own is not None and own != asked:
            raise ConfigError(
                f"the model was trained with {what} {own}, and this environment has {asked}: give "
                "the keys that it was trained with (positions, window, features ...), or the "
                "environment itself (env=env)"
            )
    return read


def _name(subject: Any) -> str:
    """What to call a backtest that is given no name."""
    own = getattr(subject, "name", None) or getattr(subject, "__name__", None)
    return str(own or "targets")


def _whole(task: Task, period: PeriodName) -> MarketEnv:
    """An environment that plays all of a period, the train period too."""
    task = unrewarded(task)
    config = task.config.model_copy(update={"episode_length": None, "period": period})
    return face(task)(replace(task, config=config))


def _task(subject: Any, env: Any, overrides: Mapping[str, Any]) -> Task:
    if isinstance(env, Task):
        if overrides:
            raise ConfigError(f"a prepared task takes no overrides: {', '.join(overrides)}")
        return env
    if isinstance(subject, Run):
        if env is None and not overrides:
            return subject.task
        config = _overridden(subject.env, overrides) if env is None else resolve_env(env, overrides)
        config = config.model_copy(update={"features": found_features(config.features)})
        _check_shape(config, subject)
        return Task.build(config, preparation=subject.task.preparation, functions=subject.functions)
    if env is None and hasattr(subject, "get_env"):
        env = subject.get_env()  # the one that a model of stable-baselines3 learned in
    if env is None:
        raise ConfigError("env is missing: only a run knows the market it was trained on")
    if not isinstance(env, str):
        if overrides:
            raise ConfigError(f"an environment takes no overrides: {', '.join(overrides)}")
        return _task_of(env)
    return Task.build(resolve_env(env, overrides))


def _task_of(env: Any) -> Task:
    """The market of an environment: single, or the first of a vector of stable-baselines3."""
    task = getattr(getattr(env, "unwrapped", env), "task", None)
    if task is None and hasattr(env, "get_attr"):
        task = next(iter(env.get_attr("task")), None)
    if not isinstance(task, Task):
        raise ConfigError(
            f"env is a {type(env).__name__} that holds no market of drltrade; give the name or "
            "file of a preset, or an environment of drltrade"
        )
    return task


def _check_shape(config: TradingConfig | PortfolioConfig, run: Run) -> None:
    """A policy reads and acts as it was trained to."""
    keys = ("kind", "window", "features", "discrete_positions", "position_range", "order_units")
    for key in (*keys, "symbols", "long_only", "gross_limit"):
        asked, trained = getattr(config, key, None), getattr(run.env, key, None)
        if asked != trained:
            raise ConfigError(
                f"{run.path}: the policy was trained with {key.removeprefix('discrete_')} = "
                f"{trained}, not {asked}"
            )


def _overridden(
    config: TradingConfig | PortfolioConfig, overrides: Mapping[str, Any]
) -> TradingConfig | PortfolioConfig:
    return parse_env(merge(config.model_dump(mode="json"), overrides), "backtest")


def _aligned(frame: pd.DataFrame, task: Task, rows: range) -> NDArray[np.float64]:
    """[T, N] targets of each decision; NaN where the frame has none."""
    market = task.market
    if sorted(map(str, frame.columns)) != sorted(market.symbols):
        raise DataError(
            f"targets have the columns {list(frame.columns)}; {list(market.symbols)} "
            f"{'are' if market.assets > 1 else 'is'} needed"
        )
    if not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is not None:
        raise DataError("targets must be indexed by times without a zone, as the bars are")
    if not frame.index.is_unique:
        raise DataError(f"targets at {frame.index[frame.index.duplicated()][0]} stand twice")
    decisions = market.times[rows[0] : rows[-1]]
    inside = frame.index[(frame.index >= decisions[0]) & (frame.index <= decisions[-1])]
    if not len(inside):
        raise DataError(f"no targets between {decisions[0]} and {decisions[-1]}")
    unknown = inside.difference(decisions)
    if len(unknown):
        raise DataError(f"targets at {unknown[0]}: {task.source} has no bar of {market.name} then")
    table = frame[list(market.symbols)].reindex(decisions)
    targets: NDArray[np.float64] = table.to_numpy(np.float64)
    _check_limits(targets, decisions, task)
    return targets


def _check_limits(targets: NDArray[np.float64], times: pd.DatetimeIndex, task: Task) -> None:
    """Refuse targets [T, N] that no action of the task's environment can ask for.

    Any weight between the least and the largest position will do, also where actions are discrete.
    """
    config = task.config
    if isinstance(config, PortfolioConfig):
        low, high = 0.0 if config.long_only else -config.gross_limit, config.gross_limit
    else:
        low, high = config.lowest_position, config.highest_position
    wrong = (targets < low - ROUNDING) | (targets > high + ROUNDING)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"target {targets[row, column]:g} of {task.market.symbols[column]} at {times[row]}: "
            f"weights between {low:g} and {high:g} are allowed"
        )
    if isinstance(config, PortfolioConfig):
        gross = np.nansum(np.abs(targets), axis=1)
        if (gross > config.gross_limit + ROUNDING).any():
            row = int(np.argmax(gross > config.gross_limit + ROUNDING))
            each = zip(task.market.symbols, targets[row], strict=True)
            named = ", ".join(f"{symbol} {weight:g}" for symbol, weight in each if weight)
            raise DataError(
                f"targets at {times[row]} ({named}) have absolute values that sum to "
                f"{gross[row]:g}; gross_limit = {config.gross_limit:g} is allowed"
            )
