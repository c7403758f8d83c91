"""`drltrade data learn`."""

import json
import math

import numpy as np
import pandas as pd
import pytest

SPAN = ("--start", "1999-01-01", "--end", "2002-12-31")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_it_trains_compares_and_keeps(command, tmp_path):
    code, out, err = command("data", "learn", "sp500", *SPAN, "--steps", "1", "--json")
    # After one step it is not like the real series; it is kept all the same, as was asked.
    assert code == 0, err
    rows = {row["fact"]: row for row in json.loads(out)}
    assert set(rows) == {
        "kurtosis", "left_tail", "right_tail", "autocorrelation", "clustering", "leverage"
    }  # fmt: skip
    for row in rows.values():
        drawn = math.nan if row["drawn"] is None else row["drawn"]
        assert row["within"] == (abs(drawn - row["real"]) <= 2 * row["standard error"])
    assert rows["left_tail"]["drawn"] is rows["right_tail"]["drawn"] is None  # all of one size
    close = _closes("1999-01-01", "2002-12-31")
    returns = np.diff(np.log(close))
    kurtosis = pd.Series(returns).sub(returns.mean()).pow(4).mean() / returns.var() ** 2
    assert rows["kurtosis"]["real"] == pytest.approx(kurtosis, abs=1e-3)
    assert (tmp_path / "data" / "generators" / "sp500.npz").is_file()
    assert (tmp_path / "runs" / "learn_sp500" / "checkpoints" / "best.pt").is_file()
    assert "held-out loss" in err
    missed = ", ".join(name for name, row in rows.items() if not row["within"])
    assert missed
    assert f"differ from the real series: {missed}; the generator was kept (exit code 0)" in err
    code, _, err = command("data", "learn", "sp500", *SPAN, "--steps", "1")
    assert code == 2
    assert "sp500.npz exists already" in err.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sp500", "--start", "2000", "--end", "2001-01-01"), "write a date as 2010-01-31"),
        (("sp500", "--start", "2002-01-01", "--end", "2001-01-01"), "is not after --start"),
        (("us5", *SPAN), "set --symbol to one of them"),
        (("us5", *SPAN, "--symbol", "XYZ"), "no symbol 'XYZ'"),
        (("sp500", *SPAN, "--out", "mine.pt"), r"a generator is a file *.npz"),
        (("sp500", "--start", "1999-01-01", "--end", "1999-12-31"), "learns from at least 967"),
    ],
)
def test_what_cannot_be_learned(command, tmp_path, arguments, message):
    code, _, err = command("data", "learn", *arguments)
    assert code == (1 if "XYZ" in arguments else 2)  # 1: the data have no such symbol
    assert message in err.replace("\n", " ")
    assert not (tmp_path / "data").exists()


def _closes(start, end):
    from drltrade.data.catalog import load_bars

    return load_bars("sp500").frame("SP500")["close"].loc[start:end].to_numpy()
