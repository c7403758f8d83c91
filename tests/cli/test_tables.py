"""Tables fit a terminal of 80 columns, and nothing of them is cut off."""

import io

import pytest
from rich.console import Console

from drltrade.backtesting.baselines import baseline_names
from drltrade.cli.results import print_results
from drltrade.cli.tables import show_table
from drltrade.experiment.backtest import backtest
from drltrade.report.summary import Entry

CUT = "\N{HORIZONTAL ELLIPSIS}"


@pytest.fixture(autouse=True)
def eighty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    "arguments",
    [
        ("envs",), ("envs", "show", "sp500-daily"), ("envs", "features"), ("envs", "rewards"),
        ("agents",), ("agents", "show", "ppo-lstm"), ("data", "list"), ("data", "check", "us5"),
        ("audit", "--planted", "--cuts", "3"),
        ("backtest", "--baseline", "ma-cross"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_table_fits_eighty_columns(command, arguments):
    code, out, _ = command(*arguments)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert CUT not in out


def test_a_table_of_long_texts_is_wrapped_and_whole(capsys):
    path = "/home/somebody/a/very/long/way/down/to/the/file/of/prices/" + "x" * 60
    row = {"name": "n" * 40, "kind": "adjusted_close", "when": "2020-01-01 16:00", "is": path}
    show_table("t", [row, {**row, "is": "[bold]not markup[/bold]"}], as_json=False)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    letters = "".join(out.split())
    assert letters.count("n") > 80
    assert letters.count("x") == 60
    assert "[bold]" in letters


def test_the_results_of_agents_with_long_names_and_large_costs_fit():
    hold = backtest("buy-and-hold", env="sp500-daily")
    names = [f"exo_dqn-lstm (learning_rate=0.000{i})" for i in range(2)]
    rules = [
        Entry(name, (backtest(name, env=hold.task),), "baseline")
        for name in baseline_names(hold.task.config)
    ]
    random = [Entry(f"random {name}", (hold, hold), "random", of=name) for name in names]
    file = io.StringIO()
    entries = [*(Entry(name, (hold, hold), "agent") for name in names), *rules, *random]
    print_results(entries, Console(file=file, width=80))
    out = file.getvalue()
    table = out.split("> random: ")[0]
    assert max(map(len, out.splitlines())) <= 80
    assert CUT not in out
    assert " 50% " in table
    assert "learning_rate=0.0001" in "".join(line[:16].strip() for line in table.splitlines())
    assert "mean-reversion" in table
    assert "random exo" not in table


@pytest.mark.parametrize("seeds", [1, 2])
def test_seeds_are_spoken_of_where_there_are_several(seeds):
    ledgers = (backtest("flat", env="sp500-daily"),) * seeds
    entries = [
        Entry("mine", ledgers, "agent"),
        Entry("buy-and-hold", (backtest("buy-and-hold", env="sp500-daily"),), "baseline"),
    ]
    file = io.StringIO()
    print_results(entries, Console(file=file))
    assert ("Of several seeds: the median" in file.getvalue()) == (seeds > 1)
