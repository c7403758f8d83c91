"""A benchmark of the user's: found, aligned with the bars, or refused."""

import json

import numpy as np
import pandas as pd
import pytest

import drltrade
from drltrade.cli import main
from drltrade.errors import DataError
from drltrade.experiment.benchmark import _aligned
from drltrade.experiment.reporting import report_runs


def test_a_benchmark_is_a_symbol_a_data_set_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bars = drltrade.load_bars("us5").frame("IBM")
    bars.to_csv("ibm.csv", index_label="date")
    told = [
        drltrade.backtest("ma-cross", env="us5-daily-aapl", benchmark=source).metrics()
        for source in ("IBM", "us5:IBM", "ibm.csv")
    ]
    assert told[0] == told[1]
    assert told[2]["beta"] == pytest.approx(told[0]["beta"], rel=1e-6)
    result = drltrade.backtest("ma-cross", env="us5-daily-aapl", benchmark="IBM")
    close = bars["close"].loc[result.times].to_numpy()
    held = result.benchmark.ledgers[0]
    np.testing.assert_allclose(held.equity / held.equity[0], close / close[0], rtol=1e-12)
    expected = np.polyfit(close[1:] / close[:-1] - 1, result.returns, 1)[0]
    assert told[0]["beta"] == pytest.approx(expected, rel=1e-9)


def test_a_benchmark_itself_has_no_alpha():
    held = drltrade.backtest("buy-and-hold", env="sp500-daily", benchmark="SP500",
                             costs={"commission_bps": 0, "slippage_bps": 0}).metrics()  # fmt: skip
    assert held["beta"] == pytest.approx(1.0, abs=0.01)
    assert held["alpha"] == pytest.approx(0.0, abs=0.005)
    assert "beta" not in drltrade.backtest("flat", env="sp500-daily").metrics()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("us5", "--benchmark us5: holds AAPL, FB, .*name one of them, as us5:AAPL"),
        ("SPY", "--benchmark SPY: 'SPY' is neither .* nor is it a symbol of .*SP500"),
        ("us5:IBM", "ends at 2013-03-01 .* come after, up to 2018-12-31"),
        ("us5:XYZ", "no symbol 'XYZ'"),
    ],
)
def test_a_benchmark_that_cannot_be_had_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        drltrade.backtest("flat", env="sp500-daily", benchmark=source)


DAYS = pd.bdate_range("2024-01-01", periods=10)


def aligned(close, times, zones=(None, None)):
    return _aligned(close, zones[0], times, zones[1], "there").tolist()


def test_a_close_known_before_stands_until_the_next():
    weekdays = pd.Series(np.arange(10.0) + 1, DAYS)
    everyday = pd.date_range("2024-01-02", "2024-01-14")
    assert aligned(weekdays, everyday) == [2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 10, 10]


def test_a_daily_close_counts_from_the_last_bar_of_its_date():
    hours = pd.DatetimeIndex([f"{day.date()} {hour}:00" for day in DAYS[1:3] for hour in (15, 16)])
    assert aligned(pd.Series(np.arange(10.0) + 1, DAYS), hours) == [1, 2, 2, 3]


def test_bars_within_the_day_of_two_zones_meet_at_the_same_moment():
    new_york = pd.Series([1.0, 2.0, 3.0], pd.date_range("2024-01-02 14:00", periods=3, freq="h"))
    london = pd.date_range("2024-01-02 19:30", periods=3, freq="h")
    zones = ("America/New_York", "Europe/London")
    assert aligned(new_york, london, zones) == [1, 2, 3]
    with pytest.raises(DataError, match="the zone of the market is not stated"):
        aligned(new_york, london, (zones[0], None))


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (DAYS[1:], "begins at 2024-01-02 .* after the period does, at 2024-01-01.*--benchmark"),
        (DAYS[:-1], "ends at 2024-01-11 .* 1 of the period's bars come after"),
    ],
)
def test_a_benchmark_has_to_cover_the_period(days, message):
    with pytest.raises(DataError, match=message):
        aligned(pd.Series(1.0, days), DAYS)


def test_a_report_shows_both_benchmarks(finished, tmp_path):
    path, entries = report_runs([finished], tmp_path / "r.html", benchmark="nasdaq")
    page = path.read_text()
    assert [entry.name for entry in entries if entry.kind == "benchmark"] == ["NASDAQ"]
    assert 'against buy-and-hold</th><th colspan="4">against NASDAQ</th>' in page
    assert '"name":"NASDAQ"' in page  # drawn


def test_the_command_measures_against_a_benchmark(monkeypatch, capsys):
    arguments = ["backtest", "--baseline", "ma-cross", "--benchmark", "nasdaq"]
    monkeypatch.setattr("sys.argv", ["drltrade", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out = " ".join(capsys.readouterr().out.split())
    figures = drltrade.backtest("ma-cross", env="sp500-daily", benchmark="nasdaq").metrics()
    assert f"ma-cross against NASDAQ: alpha {figures['alpha']:+.1%} a year, beta" in out
    monkeypatch.setattr("sys.argv", ["drltrade", *arguments, "--json"])
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["tracking_error"] == figures["tracking_error"]
