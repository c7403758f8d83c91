"""`drltrade audit`: features, presets, environments and planted leaks from the command line."""

import json

import pytest

from drltrade.features.planted import PLANTED

FEATURES = """
import pandas as pd

def sound(bars):
    return pd.DataFrame({"mean": bars["close"].rolling(5).mean()})

def leaky(bars):
    return pd.DataFrame({"mean": bars["close"].rolling(5, center=True).mean()})
"""


@pytest.mark.parametrize(("name", "leaks"), [("sound", 0), ("leaky", 1)])
def test_features_of_ones_own_in_a_preset(command, tmp_path, name, leaks):
    (tmp_path / "own.py").write_text(FEATURES)
    preset = f'extends = "sp500-daily"\nfeatures = ["own.py:{name}", "log_return(1)"]\n'
    (tmp_path / "mine.toml").write_text(preset)
    code, out, _ = command("audit", "--env", "mine.toml", "--cuts", "3", "--json")
    rows = json.loads(out)
    assert (code, len(rows)) == (leaks, leaks)
    assert [row["feature"] for row in rows] == ["own.py:leaky_mean"][:leaks]


def test_features_of_ones_own(command, tmp_path):
    (tmp_path / "own.py").write_text(FEATURES)
    code, out, _ = command("audit", "own.py:sound", "--data", "us5", "--symbol", "IBM")
    assert (code, "nothing of the future found in own.py:sound, at 16 cuts" in out) == (0, True)
    code, out, _ = command("audit", "own.py:leaky", "--json")
    (row,) = json.loads(out)
    assert (code, row["feature"], row["first bar"][:10]) == (1, "mean", "1999-01-06")
    assert float(row["size"]) > 0
    assert row["when"].startswith("the bars after")


def test_planted_leaks_are_all_found(command):
    code, out, err = command("audit", "--planted", "--json")
    assert (code, "all 6 planted leaks were found (exit code 0)" in err) == (0, True)
    assert {row["of"] for row in json.loads(out)} == {
        "centred_window", "back_fill", "full_sample_scaling", "same_bar_resampling",
        "label_in_features", "shifted_join",
    }  # fmt: skip


def test_a_planted_leak_that_is_not_found_is_told_by_the_exit_code(command, monkeypatch):
    planted = {**PLANTED, "harmless": lambda bars: bars[["close"]].rolling(3).mean()}
    monkeypatch.setattr("drltrade.features.planted.PLANTED", planted)
    code, _, err = command("audit", "--planted")
    assert (code, "NOT found: harmless (exit code 1)" in err) == (1, True)


def test_a_preset(command):
    code, out, _ = command("audit", "--env", "sp500-daily", "--cuts", "3")
    assert (code, "nothing of the future found in sp500-daily" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "audit one: features (file.py:function), --env, --gym or --planted"),
        (("own.py:x", "--planted"), "audit one: "),
        (("none.py:x",), "features 'none.py:x': there is no file"),
        (("--gym", "json:nothing"), "env 'json:nothing': json has no 'nothing'"),
        (("--env", "kelly"), "kelly is a synthetic market"),
    ],
)
def test_what_cannot_be_audited(command, arguments, message):
    code, _, err = command("audit", *arguments)
    assert (code, message in err) == (2, True)
