"""The command: what it prints, writes and answers; exit codes 0 done, 1 failed, 2 asked wrongly."""

import json

import pandas as pd
import pytest
import torch

import drltrade
from drltrade.market.costs import Bracket, Costs, Margin
from drltrade.market.reward_spec import available_rewards

TINY = [
    "--set", "training.total_steps=256", "--set", "training.evaluations=1", "--set", "n_envs=8",
    "--set", "n_steps=16", "--set", "batch_size=64",
]  # fmt: skip


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    tiny = {"total_steps": 256, "evaluations": 1}
    drltrade.train(
        "sp500-daily", "ppo", run=folder, device="cpu", training=tiny, n_envs=8, n_steps=16,
        batch_size=64,
    )  # fmt: skip
    return folder


def test_help_names_every_command(command):
    code, out, _ = command("--help")
    assert code == 0
    for name in (
        "demo",
        "train",
        "ladder",
        "backtest",
        "report",
        "doctor",
        "data",
        "envs",
        "agents",
    ):
        assert f" {name} " in out


@pytest.mark.parametrize(
    "name", ["demo", "train", "ladder", "backtest", "report", "doctor", "data"]
)
def test_every_command_has_help(command, name):
    code, out, _ = command(name, "--help")
    assert code == 0
    assert f"drltrade {name}" in out


def test_envs_and_agents_are_listed_and_shown(command):
    code, out, _ = command("envs", "--json")
    assert code == 0
    envs = {row["name"]: row for row in json.loads(out)}
    assert envs["us5-daily-fb"]["description"].startswith("Facebook")
    code, out, _ = command("agents", "--json")
    assert code == 0
    assert {"dqn", "ppo-lstm", "sb3-ppo"} <= {row["name"] for row in json.loads(out)}
    code, out, _ = command("envs", "show", "us5-daily-ibm", "--json")
    rows = {row["key"]: row for row in json.loads(out)}
    assert (code, rows["symbol"]["value"]) == (0, "IBM")
    assert list(rows)[:3] == ["data", "symbol", "periods.train"]
    assert next(reversed(rows)).startswith("layout.")
    for key in (*Costs.model_fields, *Margin.model_fields, *Bracket.model_fields):
        (shown,) = (row for name, row in rows.items() if name.endswith(f".{key}"))
        assert shown["is"], key
    code, out, _ = command("agents", "show", "dqn", "--json")
    rows = {row["key"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["network.encoder"]["value"] in ("mlp", "lstm")
    assert {"double", "n_step", "training.total_steps"} <= set(rows)
    code, out, _ = command("envs", "features", "--json")
    assert code == 0
    assert "rsi(14)" in {row["feature"] for row in json.loads(out)}
    code, out, _ = command("envs", "rewards", "--json")
    rows = [row["reward"] for row in json.loads(out)]
    assert code == 0
    assert rows == [*available_rewards(), "module:function"]


def test_tables_are_for_people(command):
    code, out, _ = command("agents")
    assert code == 0
    assert "ppo-lstm" in out
    assert "{" not in out


def test_the_keys_of_an_env_preset_are_readable(command, tmp_path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "mine.toml").write_text(
        'extends = "us5-portfolio"\n[asset_costs.GOOG]\nhalf_spread_bps = 3.0\n'
        "financing_rate = 0.03\n"
    )
    code, out, _ = command("envs", "show", "mine")
    assert code == 0
    for text in ("asset_costs.GOOG.half_spread_bps ", "bracket.stop_loss ", "AAPL, MSFT, IBM"):
        assert text in out
    code, out, _ = command("envs", "show", "mine", "--json")
    rows = {row["key"]: row["value"] for row in json.loads(out)}
    assert rows["asset_costs.GOOG.half_spread_bps"] == 3.0
    assert rows["costs.half_spread_bps"] == 1.0


def test_a_synthetic_market_is_shown_by_its_process(command):
    code, out, _ = command("envs", "show", "ar1-cost", "--json")
    rows = {row["key"]: row["value"] for row in json.loads(out)}
    assert code == 0
    assert (rows["synthetic.kind"], rows["synthetic.rho"]) == ("ar1", 0.9)
    assert not {key for key in rows if key.split(".")[0] in ("data", "symbol", "periods")}
    _, out, _ = command("envs", "show", "sp500-daily", "--json")
    keys = {row["key"] for row in json.loads(out)}
    assert {"data", "periods.train"} <= keys
    assert "synthetic" not in keys


def test_the_doctor_finds_everything_well(command):
    code, out, _ = command("doctor", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {row["state"] for row in rows} == {"ok"}
    found = {row["check"]: row["found"] for row in rows}
    assert "all valid" in found["presets"]
    assert "sp500: 5,031 bars" in found["data"]
    assert f"drltrade {drltrade.__version__}" in found["packages"]


def test_the_doctor_says_what_is_broken(command, tmp_path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "broken.toml").write_text("windw = 3\n")
    code, out, _ = command("doctor", "--json")
    failed = [row for row in json.loads(out) if row["state"] != "ok"]
    assert code == 1
    assert [row["check"] for row in failed] == ["presets"]
    assert "did you mean 'window'" in failed[0]["found"]


def test_train_then_backtest_then_report(command, tmp_path):
    code, out, _ = command(
        "train", "--agent", "ppo", "--run", "r", "--device", "cpu", "--json", *TINY,
        "--set", "agent.gamma=0.9", "--set", "env.window=5", "--seed", 2,
    )  # fmt: skip
    outcome = json.loads(out)
    assert code == 0
    assert (outcome["run"], outcome["steps"], outcome["stopped_early"]) == ("r", 256, False)
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert (config["seed"], config["env"]["window"], config["agent"]["gamma"]) == (2, 5, 0.9)

    code, out, _ = command("backtest", "--run", "r", "--json")
    metrics = json.loads(out)
    assert code == 0
    kept = tmp_path / "r" / "backtests"
    assert json.loads((kept / "test_metrics.json").read_text()) == metrics
    frame = pd.read_parquet(kept / "test.parquet")
    assert metrics["total_return"] == pytest.approx(frame["equity"].iloc[-1] / 1e5 - 1, rel=1e-9)
    assert (kept / "test_trades.csv").is_file()

    code, out, _ = command("report", "r", "--json")
    answer = json.loads(out)
    assert (code, answer["report"]) == (0, "r/report.html")
    page = (tmp_path / "r" / "report.html").read_text()
    assert "<html" in page
    names = [row["name"] for row in answer["results"]]
    assert names[:2] == ["ppo", "buy-and-hold"]
    assert answer["results"][0]["total_return"] == pytest.approx(metrics["total_return"], rel=1e-9)


def test_results_for_people(command, run_folder):
    code, out, _ = command("backtest", "--run", run_folder, "--period", "validation")
    assert code == 0
    assert "buy-and-hold" in out
    assert "Sharpe" in out


def test_backtests_of_a_baseline_and_of_a_file_of_targets(command, tmp_path):
    code, out, _ = command("backtest", "--baseline", "buy-and-hold", "--json")
    hold = json.loads(out)
    assert code == 0
    (tmp_path / "t.csv").write_text("time,SP500\n2013-01-02,1.0\n")
    code, out, _ = command("backtest", "--targets", "t.csv", "--json")
    assert code == 0
    assert json.loads(out) == hold
    code, out, _ = command(
        "backtest", "--targets", "t.csv", "--json", "--set", "costs.commission_bps=50"
    )
    assert json.loads(out)["total_return"] < hold["total_return"]


def test_a_portfolio_follows_a_file_of_weights(command, tmp_path):
    (tmp_path / "t.csv").write_text(
        "time,AAPL,MSFT,IBM,GOOG\n2011-01-03,0.25,0.25,0.25,0.25\n2011-01-04,,,,\n"
    )
    market = ("--env", "us5-portfolio", "--json")
    code, out, _ = command("backtest", "--targets", "t.csv", *market)
    held = json.loads(out)
    assert code == 0
    code, out, _ = command("backtest", "--baseline", "buy-and-hold", *market)
    assert json.loads(out) == held
    assert held["trades"] == 4.0
    code, out, _ = command("backtest", "--baseline", "equal-weight", *market)
    assert (code, json.loads(out)["trades"]) == (0, 4.0)


@pytest.mark.slow
def test_an_agent_trains_on_a_portfolio(command, tmp_path):
    code, out, _ = command(
        "train", "--env", "us5-portfolio", "--agent", "sb3:PPO", "--run", "r", "--device", "cpu",
        "--json", "--set", "training.total_steps=512", "--set", "training.evaluations=1",
        "--set", "hyperparameters={n_steps=32, batch_size=64}",
    )  # fmt: skip
    assert (code, json.loads(out)["steps"]) == (0, 512)
    code, out, _ = command("report", "r", "--json")
    names = [row["name"] for row in json.loads(out)["results"]]
    assert code == 0
    assert names[:3] == ["sb3-PPO", "buy-and-hold", "equal-weight"]
    code, _, _ = command("backtest", "--run", "r")
    frame = pd.read_parquet(tmp_path / "r" / "backtests" / "test.parquet")
    assert code == 0
    gross = (
        frame[[f"weight_{symbol}" for symbol in ("AAPL", "MSFT", "IBM", "GOOG")]].abs().sum(axis=1)
    )
    assert 0.0 < gross.max() < 1.2


@pytest.mark.parametrize("name", ["buy-and-hold", "flat"])
def test_a_baseline_is_reported_beside_the_others(command, tmp_path, name):
    code, out, _ = command("backtest", "--baseline", name, "--report", "page.html")
    assert code == 0
    assert "report: page.html" in out
    page = (tmp_path / "page.html").read_text()
    for baseline in ("buy-and-hold", "flat", "ma-cross", "mean-reversion"):
        assert baseline in page


WRONG = {
    "unknown override": (
        ["train", "--set", "windw=3"],
        "override 'windw' is unknown; did you mean 'window'? (allowed: ",
    ),
    "wrong type": (["train", "--set", "window=ten"], "key 'window' = 'ten': input should be a"),
    "no value": (["train", "--set", "window"], "--set 'window': key.path=value is needed"),
    "unknown env": (["train", "--env", "sp501-daily"], "did you mean 'sp500-daily'?"),
    "unknown agent": (["train", "--agent", "dqm"], "preset 'dqm' in agents/; did you mean 'dqn'"),
    "unknown sb3": (["train", "--agent", "sb3:PPPO"], "'sb3:PPPO' is unknown; allowed: A2C"),
    "impossible date": (
        ["train", "--set", 'periods.test=["2013-02-30", "2018-12-31"]'],
        "key 'periods.test.0' = '2013-02-30': input should be a valid date",
    ),
    "empty period": (
        ["backtest", "--baseline", "flat", "--set", 'periods.test=["2030-01-01", "2030-12-31"]'],
        "periods reach from 1999-01-01 to 2030-12-31, and sp500",
    ),
    "unknown period": (
        ["backtest", "--baseline", "flat", "--period", "tset"],
        "--period 'tset' is unknown; allowed: train, validation, test, all",
    ),
    "period as override": (
        ["backtest", "--baseline", "flat", "--set", "period=train"],
        "give --period instead",
    ),
    "agent's key": (
        ["backtest", "--baseline", "flat", "--set", "agent.gamma=0.5"],
        "a backtest takes no keys of an agent: gamma",
    ),
    "unknown baseline": (
        ["backtest", "--baseline", "hold"],
        "no baseline 'hold' (there are: buy-and-hold, flat, ma-cross, mean-reversion)",
    ),
    "nothing to test": (["backtest"], "give one of --run, --baseline, --targets and --strategy"),
    "two to test": (["backtest", "--run", "r", "--baseline", "flat"], "give one of --run"),
    "no run": (["backtest", "--run", "nowhere"], "nowhere: no run there"),
    "no runs": (["report", "nowhere"], "nowhere: no run there, and no folder in it holds one"),
    "unknown device": (["train", "--device", "gpu"], "device 'gpu' is unknown; allowed: auto, cpu"),
    "a portfolio for an agent of positions": (
        ["train", "--env", "us5-portfolio", "--agent", "dqn"],
        "dqn chooses among listed positions of one asset, but the environment is a portfolio of 4",
    ),
    "a baseline of portfolios": (
        ["backtest", "--baseline", "equal-weight"],
        "no baseline 'equal-weight' (there are: buy-and-hold, flat, ",
    ),
    "unknown option": (["train", "--sead", "1"], "No such option: --sead"),
    "unknown command": (["trane"], "No such command 'trane'"),
    "negative seed": (["train", "--seed", "-1"], "Invalid value for '--seed'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_asking_wrongly_is_explained_and_exits_with_2(command, tmp_path, case):
    arguments, text = WRONG[case]
    code, out, err = command(*arguments)
    assert text in err.replace("\n", " ")
    assert code == 2
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_work_that_fails_exits_with_1(command, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = command("train", "--device", "cuda")
    assert (code, "sees no GPU here; use --device cpu or auto" in err) == (1, True)
    code, _, err = command("train", "--set", "data=nowhere.csv")
    assert (code, "neither an embedded data set (us5, sp500, nasdaq) nor a file" in err) == (
        1,
        True,
    )
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_of_targets_names_line_and_column(command, tmp_path):
    (tmp_path / "t.csv").write_text("time,SP500\n2013-01-02,1.0\n2013-01-03,long\n")
    code, _, err = command("backtest", "--targets", "t.csv")
    assert (code, err) == (1, "drltrade: t.csv line 3, column 'SP500': 'long' is no number\n")
    (tmp_path / "t.csv").write_text("time,SP500\n2013-01-02,1.0\nyesterday,0\n")
    code, _, err = command("backtest", "--targets", "t.csv")
    assert code == 1
    assert err.startswith("drltrade: t.csv, column 'time': ")
    code, _, err = command("backtest", "--targets", "none.csv")
    assert code == 1
    assert "none.csv" in err


def test_a_run_folder_in_use_is_refused(command, run_folder):
    before = (run_folder / "config.json").read_bytes()
    code, _, err = command("train", "--run", run_folder, *TINY)
    assert code == 2
    assert "exists already; name another folder for the run" in err
    assert (run_folder / "config.json").read_bytes() == before


@pytest.mark.slow
def test_several_seeds_train_side_by_side_and_are_reported(command, tmp_path):
    code, out, _ = command("train", "--seeds", 2, "--run", "s", "--device", "cpu", *TINY)
    assert code == 0
    assert "2 seeds" in out
    assert (tmp_path / "s" / "report.html").is_file()
    assert {p.name for p in (tmp_path / "s").iterdir()} == {
        "ppo-seed0",
        "ppo-seed1",
        "report.html",
    }
    code, _, err = command("train", "--seeds", 2, "--run", "s", *TINY)
    assert code == 2
    assert "s holds runs of these seeds already; name another with --run" in err
