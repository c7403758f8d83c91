"""A run folder: what is in it, that it can be made and opened again, what is refused."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import drltrade
from drltrade.errors import ConfigError, DataError, DeviceError
from drltrade.experiment.run import load_run, train
from drltrade.features.preparation import Preparation

DQN = {"training": {"total_steps": 1000}, "learning_starts": 200, "n_envs": 8}


def weights(run, name="best"):
    return torch.load(run.path / "checkpoints" / f"{name}.pt", weights_only=True)


def read(run, name):
    return json.loads((run.path / name).read_text())


def test_what_a_run_folder_holds(finished):
    files = {str(path.relative_to(finished.path)) for path in finished.path.rglob("*")}
    assert {
        "config.json", "manifest.json", "preparation.json", "metrics.csv", "outcome.json",
        "checkpoints/best.pt", "checkpoints/last.pt", "tensorboard",
    } <= files  # fmt: skip
    assert any(name.startswith("tensorboard/events.out.tfevents") for name in files)
    assert not any(".best.pt" in name or ".tmp" in name for name in files)

    config = read(finished, "config.json")
    assert (config["env_name"], config["agent_name"]) == ("sp500-daily", "ppo")
    assert (config["seed"], config["device"]) == (3, "cpu")
    assert config["agent"]["n_steps"] == 16
    assert config["agent"]["training"]["total_steps"] == 512
    assert config["env"]["costs"]["financing_rate"] == 0.03

    manifest = read(finished, "manifest.json")
    assert manifest["packages"]["drltrade"] == drltrade.__version__
    assert manifest["packages"]["torch"] == torch.__version__
    assert manifest["data"]["symbol"] == "SP500"
    assert manifest["data"]["last"].startswith("2018-12-31")
    assert manifest["data"]["sha256"] == drltrade.load_bars("sp500").sha256

    outcome = read(finished, "outcome.json")
    assert outcome["steps"] == 512
    assert outcome["best_steps"] in (256, 512)
    metrics = finished.metrics()
    assert metrics["steps"].tolist() == [128, 256, 384, 512]
    assert metrics["validation"].notna().tolist() == [False, True, False, True]
    assert outcome["best_validation"] == pytest.approx(metrics["validation"].max(), rel=1e-12)


def test_a_loaded_run_is_the_run(finished):
    run = load_run(str(finished.path))
    assert run == finished
    one, two = (drltrade.backtest(r, period="validation") for r in (finished, run))
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame(), check_exact=True)
    assert one.name == "finished"
    # The checkpoint that was kept is the one that scored best in training.
    growth = np.log(one.equity[-1] / one.equity[0])
    assert growth == pytest.approx(run.outcome["best_validation"], abs=1e-9)


def test_the_same_seed_makes_the_same_run_bit_for_bit(finished, tmp_path, tiny):
    def again(name, seed):
        return train("sp500-daily", "ppo", seed=seed, device="cpu", run=tmp_path / name, **tiny)

    same, other = again("same", 3), again("other", 4)
    for name in ("best", "last"):
        expected, found = weights(finished, name), weights(same, name)
        assert all(torch.equal(found[key], expected[key]) for key in expected)
    last = weights(finished, "last")
    assert not torch.equal(weights(other, "last")["actor.head.weight"], last["actor.head.weight"])
    for column in ("steps", "reward", "validation", "policy_loss"):
        np.testing.assert_array_equal(same.metrics()[column], finished.metrics()[column])
    drop = {"seconds"}
    assert {k: v for k, v in same.outcome.items() if k not in drop} == {
        k: v for k, v in finished.outcome.items() if k not in drop
    }


def test_the_scaler_knows_the_train_period_alone(tmp_path, tiny):
    frame = drltrade.load_bars("sp500").frame("SP500")
    later = frame.index > "2010-12-31"
    changed = frame.copy()
    changed.loc[later, ["open", "high", "low", "close"]] *= np.linspace(1, 5, later.sum())[:, None]
    changed.loc[later, "volume"] *= 7
    scalers = []
    for name, bars in (("real", frame), ("changed", changed)):
        bars.to_csv(tmp_path / f"{name}.csv")
        run = train(
            "sp500-daily", "ppo", run=tmp_path / name, device="cpu",
            data=str(tmp_path / f"{name}.csv"), **tiny,
        )  # fmt: skip
        scalers.append((run.path / "preparation.json").read_bytes())
    assert scalers[0] == scalers[1]


def test_a_run_is_scaled_as_it_was_trained(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    values = read(finished, "preparation.json")
    values["scaler"]["mean"] = [mean + 1.0 for mean in values["scaler"]["mean"]]
    (tmp_path / "copy" / "preparation.json").write_text(json.dumps(values))
    copy = load_run(tmp_path / "copy")
    assert copy.task.preparation == Preparation.from_dict(values)
    assert not np.array_equal(copy.task.market.features, finished.task.market.features)


def test_changed_prices_are_noticed(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    values = read(finished, "manifest.json")
    values["data"]["sha256"] = "f" * 64
    (tmp_path / "copy" / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"has changed since .*copy was trained on it"):
        drltrade.backtest(load_run(tmp_path / "copy"))


def test_runs_from_a_file_open_from_another_directory(tmp_path, monkeypatch, tiny):
    drltrade.load_bars("sp500").frame("SP500").to_csv(tmp_path / "prices.csv")
    monkeypatch.chdir(tmp_path)
    run = train("sp500-daily", "ppo", run="mine", data="prices.csv", device="cpu", **tiny)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = load_run(tmp_path / "mine")
    assert len(drltrade.backtest(again).equity) == 1510
    assert run.env.data == str(tmp_path / "prices.csv")


@pytest.mark.parametrize("agent", ["ppo", "sb3:PPO"])
def test_a_reward_in_a_file_is_learned_from_and_not_needed_later(
    tmp_path, monkeypatch, tiny, agent
):
    (tmp_path / "mine.py").write_text("def paid(outcome):\n    return outcome.next_equity * 0.0\n")
    monkeypatch.chdir(tmp_path)
    reward = {"mine.py:paid": 1.0, "drawdown": 0.0}
    if agent != "ppo":
        settings = {"n_steps": 16, "batch_size": 16}
        tiny = {"training": tiny["training"], "n_envs": 4, "hyperparameters": settings}
    run = train("us5-daily-ibm", agent, run="mine", reward=reward, device="cpu", **tiny)
    assert run.env.reward == {f"{tmp_path / 'mine.py'}:paid": 1.0, "drawdown": 0.0}
    assert (run.metrics()["reward"] == 0).all()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    executed = "raise AssertionError('the code of a reward was executed')"
    (tmp_path / "mine.py").write_text(executed)
    again = load_run(tmp_path / "mine")
    assert len(drltrade.backtest(again).equity) == 795
    assert len(drltrade.backtest(again, costs={"slippage_bps": 9.0}).equity) == 795


def test_what_is_no_finished_run_is_refused(finished, tmp_path):
    with pytest.raises(ConfigError, match=r"nothing: no run there \(it has no config.json\)"):
        load_run(tmp_path / "nothing")
    shutil.copytree(finished.path, tmp_path / "killed")
    (tmp_path / "killed" / "outcome.json").unlink()
    with pytest.raises(ConfigError, match=r"killed: the training of this run did not finish"):
        load_run(tmp_path / "killed")


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path, tiny):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists already; name another folder"):
        train("sp500-daily", "ppo", run=tmp_path, **tiny)
    with pytest.raises(ConfigError, match="exists already"):
        train("sp500-daily", "ppo", run=tmp_path / "notes.txt", **tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_runs_without_a_folder_are_numbered(tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    paths = [train("sp500-daily", "ppo", device="cpu", **tiny).path for _ in range(2)]
    assert [str(path) for path in paths] == [
        os.path.join("runs", "sp500-daily_ppo_seed0"),
        os.path.join("runs", "sp500-daily_ppo_seed0-2"),
    ]


def gain(outcome):
    return outcome.next_equity - outcome.equity


BAD = {
    "reward": (
        {"reward": gain},
        ConfigError,
        "reward 'gain' is a Python function; for a run to find it again it needs its name",
    ),
    "portfolio": (
        {"env": "us5-portfolio", "agent": "dqn"},
        ConfigError,
        "dqn chooses among listed positions of one asset, but the environment is a portfolio of 4",
    ),
    "override": ({"windw": 3}, ConfigError, "override 'windw' is unknown; did you mean 'window'"),
    "value": ({"gamma": 2}, ConfigError, "key 'gamma' = 2: input should be less than 1"),
    "env": ({"env": "sp501"}, ConfigError, "no preset 'sp501' in envs/"),
    "agent": ({"agent": "ppa"}, ConfigError, "no preset 'ppa' in agents/"),
    "device": ({"device": "tpu"}, ConfigError, "device 'tpu' is unknown; allowed: auto, cpu, cuda"),
    "period": (
        {"periods": {"test": ["2030-01-01", "2031-01-01"]}},
        ConfigError,
        "periods reach from 1999-01-01 to 2031-01-01, and sp500",
    ),
    "data": ({"data": "nowhere.csv"}, DataError, "'nowhere.csv' is neither an embedded data set"),
    "action": (
        {"agent": "dqn", "position_range": [-1, 1]},
        ConfigError,
        "dqn chooses among listed positions",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_nothing_is_written_when_something_is_wrong(tmp_path, case):
    overrides, kind, text = BAD[case]
    with pytest.raises(kind) as caught:
        train(**{"run": tmp_path / "run", "device": "cpu", **overrides})
    assert text in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_gpu_is_an_error_and_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="sees no GPU here; use --device cpu or auto"):
        train("sp500-daily", "ppo", run=tmp_path / "run", device="cuda")
    assert list(tmp_path.iterdir()) == []


class Payload:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_policy_file_cannot_execute_code(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    torch.save({"weight": Payload(tmp_path / "executed")}, tmp_path / "copy/checkpoints/best.pt")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        _ = load_run(tmp_path / "copy").policy
    assert not (tmp_path / "executed").exists()
    torch.load(tmp_path / "copy/checkpoints/best.pt", weights_only=False)
    assert (tmp_path / "executed").exists()  # so the payload does work where it is let


def test_a_policy_acts_on_observations(finished):
    env = drltrade.make_env("sp500-daily", period="test")
    observation, _ = env.reset(seed=0)
    state, actions = None, []
    for _ in range(5):
        action, state = finished.policy.act(observation, state)
        observation, *_ = env.step(action)
        actions.append(action)
    targets = [env.actions.positions[action] for action in actions]
    assert targets == drltrade.backtest(finished).targets[:5, 0].tolist()


@pytest.mark.parametrize("agent", ["dqn", "sb3:PPO"])
def test_other_agents_make_runs_too(tmp_path, agent):
    own = (
        {"learning_starts": 64, "batch_size": 16}
        if agent == "dqn"
        else {"hyperparameters": {"n_steps": 16, "batch_size": 16}}
    )
    run = train(
        "us5-daily-ibm", agent, run=tmp_path / "run", device="cpu", n_envs=4,
        training={"total_steps": 256, "evaluations": 1}, **own,
    )  # fmt: skip
    result = drltrade.backtest(run)
    assert result.symbols == ("IBM",)
    assert result.equity[0] == 100_000
    assert np.isfinite(result.equity).all()
    assert run.agent_name == agent.replace(":", "-")


@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_the_weights_do_not_depend_on_the_threads_around_the_run(tmp_path, tiny, agent):
    overrides = tiny if agent == "ppo" else DQN
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            run = train("sp500-daily", agent, seed=1, run=tmp_path / str(threads), **overrides)
            found.append(weights(run, "last"))
    finally:
        torch.set_num_threads(before)
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


@pytest.mark.parametrize(("verbose", "shown"), [(1, True), (0, False), (None, False)])
def test_progress_of_a_training_is_shown_where_it_is_asked_for(
    tmp_path, tiny, capsys, verbose, shown
):
    train("sp500-daily", run=tmp_path / "r", device="cpu", verbose=verbose, **tiny)
    out, err = capsys.readouterr()
    assert (out, "r: done after 512 steps" in err) == ("", shown)
