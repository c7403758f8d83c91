"""Frames of pandas as prices: the same checks, the same bars, a name by which they are found."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

import drltrade
from drltrade.data.catalog import load_bars
from drltrade.data.frames import hand_in, parquet_of
from drltrade.data.gate import read_bars
from drltrade.data.layout import Layout
from drltrade.errors import DataError

PERIODS = {
    "train": ["2015-01-01", "2015-03-31"],
    "validation": ["2015-04-01", "2015-04-30"],
    "test": ["2015-05-01", "2015-06-19"],
}


@pytest.mark.parametrize("shape", ["index", "column", "zoned", "symbols", "levels", "mapping"])
def test_frames_are_read_as_files_are(shape):
    bars = quiet_bars()
    source = {
        "index": bars,
        "column": bars.rename_axis("Date").reset_index().rename(columns=str.title),
        "zoned": bars.tz_localize("America/New_York"),
        "symbols": bars.assign(symbol="A"),
        "levels": pd.concat({"A": bars}, names=["symbol"]),
        "mapping": {"A": bars},
    }[shape]
    found = load_bars(source)
    (symbol,) = found.symbols
    assert symbol == ("A" if shape in ("symbols", "levels", "mapping") else "frame")
    pd.testing.assert_frame_equal(found.frame(symbol), bars, check_freq=False)


def test_a_frame_is_checked_as_a_file_is():
    spoilt = quiet_bars()
    spoilt.iloc[60:, :4] /= 7.0
    spoilt.iloc[60:, 4] *= 7.0
    with pytest.raises(DataError, match=r"a frame: prices that are hardly true: frame: split at"):
        load_bars(spoilt)
    with pytest.raises(DataError, match=r"frame, row 3 .*: close = -1 is not positive"):
        load_bars(quiet_bars().assign(close=lambda f: np.where(np.arange(120) == 2, -1, f.close)))
    with pytest.raises(DataError, match="frame A: missing column volume"):
        load_bars({"A": quiet_bars().drop(columns="volume")})


def test_environments_and_backtests_take_frames():
    frames = {"A": quiet_bars(), "B": quiet_bars() * 2.0}
    env = drltrade.make_env("us5-daily", data=frames["A"], symbol=None, periods=PERIODS)
    assert env.task.market.symbols == ("frame",)
    result = drltrade.backtest(
        "equal-weight", env="us5-portfolio", data=frames, symbols=None, periods=PERIODS,
        features=["log_return(1)"],
    )  # fmt: skip
    assert list(result.symbols) == ["A", "B"]


def test_a_frame_is_found_again_by_its_content(tmp_path):
    name = hand_in(quiet_bars())
    assert name == hand_in(quiet_bars().copy())
    assert name != hand_in(quiet_bars() * 2.0)
    bars = load_bars(name)
    path = tmp_path / "prices.parquet"
    path.write_bytes(parquet_of(bars))
    kept = read_bars(path)
    assert kept.sha256 == bars.sha256
    pd.testing.assert_frame_equal(kept.frame("frame"), bars.frame("frame"), check_freq=False)
    with pytest.raises(DataError, match="was handed in to another process"):
        load_bars("frame:0123456789abcdef")


def test_a_layout_says_what_a_frame_does_not():
    times = pd.date_range("2024-03-30 20:00", periods=120, freq="h", tz="Europe/Berlin")
    found = load_bars(quiet_bars().set_axis(times), layout=Layout(label="open"))
    # The clock goes forward at 02:00 on the 31st: the bar that opens at 01:00 ends at 03:00.
    assert [str(time.time()) for time in found.frame("frame").index[4:6]] == [
        "01:00:00",
        "03:00:00",
    ]
    assert found.zone == "Europe/Berlin"
    naive = quiet_bars().set_axis(pd.date_range("2024-03-30 20:00", periods=120, freq="h"))
    with pytest.raises(DataError, match="2024-03-31 02:00:00, which the clock of Europe/Berlin"):
        load_bars(naive, layout=Layout(zone="Europe/Berlin", label="open"))
