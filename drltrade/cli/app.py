"""The commands. Each loads what it needs when it runs, so that help is quick."""

from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli import catalogue, checking, data, generators

app = typer.Typer(
    name="drltrade",
    help="Deep reinforcement learning for trading: train agents, backtest them, judge them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data.data.command("check")(checking.check_data)
data.data.command("learn")(generators.learn)
app.add_typer(data.data, name="data")
app.add_typer(catalogue.envs, name="envs")
app.add_typer(catalogue.agents, name="agents")

Env = Annotated[
    str, typer.Option("--env", help="Env preset: a name from `drltrade envs`, or a file.")
]
AgentName = Annotated[
    str,
    typer.Option(
        "--agent", help="Agent preset: a name from `drltrade agents`, a file, or file.py:Class."
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of a preset; may be repeated."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Period = Annotated[str, typer.Option(help="train, validation, test or all.")]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust-code", help="Execute features or agents in files that a run brings along."
    ),
]

Benchmark = Annotated[
    str | None,
    typer.Option(
        "--benchmark", metavar="FILE|SYMBOL|DATASET",
        help="Measure against it, too: a symbol of the same data, a file, or a data set "
        "(NAME:SYMBOL where it holds several).",
    ),
]  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"drltrade {version('drltrade')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Deep reinforcement learning for trading: train agents, backtest them, judge them."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path(
        "runs/demo"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per agent.")] = 3,
    as_json: Json = False,
) -> None:
    """Train two agents on the S&P 500 of 1999-2012 and judge them on the years after."""
    from drltrade.cli.trials import train_and_report
    from drltrade.experiment.study import Trial

    trials = [Trial("sp500-daily", agent, seed) for agent in DEMO_AGENTS for seed in range(seeds)]
    train_and_report(trials, out, title=DEMO_TITLE, as_json=as_json)


@app.command()
def audit(
    target: Annotated[
        str | None,
        typer.Argument(help="Features: file.py:function, of bars (a frame) to features (a frame)."),
    ] = None,
    env: Annotated[str | None, typer.Option(help="An env preset: a name or a file.")] = None,
    gym: Annotated[
        str | None, typer.Option(help="file.py:function, of bars to a Gymnasium environment.")
    ] = None,
    planted: Annotated[
        bool, typer.Option("--planted", help="Features with mistakes that must be found.")
    ] = False,
    data: Annotated[str, typer.Option(help="Bars for functions and planted features.")] = "sp500",
    symbol: Annotated[str | None, typer.Option(help="Of the data (default: the first).")] = None,
    cuts: Annotated[int, typer.Option(min=2, help="Bars to try.")] = 16,
    as_json: Json = False,
) -> None:
    """Look for features that know the future: change it, and see whether the past changes.

    Exit code 1: there are some; each is named with the first bar and the size of the change. With
    --planted, exit code 0: every planted leak was found.
    """
    from drltrade.cli.audit import run_audit

    run_audit(target, env, gym, planted, data, symbol, cuts, as_json)


DEMO_TITLE = "Two agents on the S&P 500, 2013-2018"
DEMO_AGENTS = ("exo_dqn", "ppo-lstm")


@app.command()
def train(
    env: Env = "sp500-daily",
    agent: AgentName = "ppo",
    assignments: Assignments = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Train this many, from --seed up, and report them.")
    ] = None,
    device: Device = "auto",
    run: Annotated[Path | None, typer.Option(help="Folder to create.")] = None,
    benchmark: Benchmark = None,
    as_json: Json = False,
) -> None:
    """Train an agent on a market; the run folder keeps everything."""
    from drltrade.cli.early import check_presets
    from drltrade.experiment.preset_files import parse_assignments

    overrides = parse_assignments(assignments or [])
    check_presets(env, agent, overrides)
    from drltrade.cli import trials

    if seeds is None:
        trials.train_one(env, agent, seed, device, run, overrides, benchmark, as_json)
    else:
        names = range(seed, seed + seeds)
        trials.train_several(env, agent, names, device, run, overrides, benchmark, as_json)


@app.command()
def backtest(
    run: Annotated[Path | None, typer.Option(help="Run folder whose policy to test.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Or: buy-and-hold, flat, ma-cross, mean-reversion; of a portfolio equal-weight."
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(help="Or: CSV of target weights; a time column, then the symbols."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Or: file.py:function, of the bars up to now to the weights to hold."),
    ] = None,
    env: Annotated[
        str | None, typer.Option(help="Env preset; a run has its own. Default sp500-daily.")
    ] = None,
    assignments: Assignments = None,
    period: Period = "test",
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    benchmark: Benchmark = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Run a trained policy, a baseline or a table of targets over a period."""
    from drltrade.cli.early import check_backtest
    from drltrade.experiment.preset_files import parse_assignments

    overrides: dict[str, Any] = parse_assignments(assignments or [])
    check_backtest(run, baseline, targets, strategy, env, overrides)
    from drltrade.cli.backtests import Subjects, run_backtest

    subjects = Subjects(run, baseline, targets, strategy, trust_code)
    run_backtest(subjects, env, overrides, period, report, benchmark, as_json)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold some.")],
    out: Annotated[
        Path | None, typer.Option(help="Default: report.html in the first folder.")
    ] = None,
    period: Period = "test",
    benchmark: Benchmark = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Judge file.py:function beside them: of the bars up to now to weights."),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Show this one beside buy-and-hold; may be repeated. Default: all."),
    ] = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Write the HTML report of runs on one market, beside strategies and baselines."""
    from drltrade.cli.early import check_folders, check_own_file

    check_folders(runs)
    for each in strategy or ():
        check_own_file(each, "strategy")
    from drltrade.cli.backtests import Beside, report_folders

    beside = Beside(benchmark, strategy or (), baseline)
    report_folders(runs, out, period, beside, as_json, trust_code)


@app.command()
def ladder(
    agent: AgentName = "exo_dqn",
    rung: Annotated[
        list[str] | None,
        typer.Option(help="A synthetic env preset; may be repeated. Default: all ten rungs."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Of each rung.")] = 5,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Default: the agent preset's training.total_steps.")
    ] = None,
    assignments: Assignments = None,
    device: Device = "auto",
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    as_json: Json = False,
) -> None:
    """Score an agent on synthetic markets whose optimum is known: what share of it does it earn?"""
    from drltrade.experiment.preset_files import parse_assignments, read_preset

    overrides = parse_assignments(assignments or [])
    read_preset("agents", agent)  # names that are none are told before torch is imported
    for each in rung or ():
        read_preset("envs", each)
    from drltrade.cli.ladder import run_ladder

    run_ladder(agent, rung or [], seeds, steps, overrides, device, report, as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this installation: packages, data, presets, devices."""
    from drltrade.cli.doctor import examine

    examine(as_json)
