"""Files that are written unlike others: read right, or refused with what would make them clear."""

import numpy as np
import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.bars import Bars
from drltrade.data.catalog import load_bars
from drltrade.data.files import read_published
from drltrade.data.layout import Layout
from drltrade.errors import DataError

BARS = quiet_bars().iloc[:60].round(2)


def table(bars: pd.DataFrame = BARS) -> pd.DataFrame:
    return bars.rename_axis("time").reset_index()


@pytest.fixture
def load(tmp_path):
    def loading(content, **stated) -> Bars:
        if isinstance(content, pd.DataFrame):
            content = content.to_csv(index=False, sep=stated.get("separator", ","))
        path = tmp_path / "x.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_bars(path, layout=Layout(**stated))

    return loading


def two(column: str) -> pd.DataFrame:
    other = table(BARS * 2.0).assign(**{column: "BBB"})
    return pd.concat([table().assign(**{column: "AAA"}), other])


@pytest.mark.parametrize("column", ["contract", "Name", "pair"])
@pytest.mark.parametrize("mixed", [False, True])
def test_symbol_column_of_any_name_is_recognised_where_times_repeat(load, column, mixed):
    rows = two(column)
    found = load(rows.sort_values("time") if mixed else rows)
    assert found.symbols == ("AAA", "BBB")
    assert found.frame("BBB")["close"].tolist() == (BARS["close"] * 2.0).tolist()
    assert f"column '{column}' tells several series apart" in found.warnings[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (lambda rows: rows.assign(desk=rows["Name"].str.lower()), "columns 'Name' and 'desk'"),
        (lambda rows: rows.assign(Name=(rows["Name"] == "BBB") + 10001), "column 'Name' tells"),
    ],
)
def test_symbol_column_that_is_not_sure_is_asked_for(load, more, message):
    with pytest.raises(DataError, match=rf"row 2: .*{message}.*--column 'symbol=Name'"):
        load(more(two("Name")))


def test_contracts_that_follow_each_other_are_not_spliced(load):
    rows = table().assign(contract=["H"] * 30 + ["M"] * 30)
    with pytest.raises(DataError, match=r"row 32, column contract: changes from 'H' to 'M'.*ignor"):
        load(rows)
    assert load(rows, columns={"symbol": "contract"}).symbols == ("H", "M")
    assert len(load(rows, ignore=("contract",)).frames["x"]) == 60


@pytest.mark.parametrize(
    "said", ["USD", ["a", "b"] * 30, [f"2015-{m:02d}" for m in [1] * 30 + [2] * 30]]
)
def test_text_that_tells_no_series_apart_is_not_read(load, said):
    assert load(table().assign(said=said)).symbols == ("x",)


def pointed(values: pd.Series) -> pd.Series:
    return values.map(lambda value: f"{value:.3f}")


@pytest.mark.parametrize(
    ("volume", "proof", "close"),
    [
        (["2.000.000"], "points between thousands", 15250.0),
        (["71605"], "", 15.25),
        (["71.5"], "", 15.25),
        (["0.125"], "", 15.25),
    ],
)
def test_three_digits_behind_a_point_are_told_by_other_numbers(load, volume, proof, close):
    rows = table().assign(volume=["500"] * 59 + volume)
    for name in ("open", "high", "low", "close"):
        rows[name] = "15.250"
    found = load(rows)
    assert found.frame("x")["close"].iloc[-1] == close
    assert proof in " ".join(found.warnings)


def test_three_digits_behind_a_point_are_asked_about_where_nothing_tells(load):
    rows = table().assign(volume=500)
    for name in ("open", "high", "low", "close"):
        rows[name] = "15.250"
    with pytest.raises(
        DataError, match=r"row 2, column open: '15.250' is 15.25, or 15250.*--thous"
    ):
        load(rows)
    assert load(rows, decimal=".").frame("x")["close"].iloc[0] == 15.25
    assert load(rows, thousands=".").frame("x")["close"].iloc[0] == 15250.0


def test_decimal_commas_are_recognised(load):
    rows = table().astype(str).replace(r"\.", ",", regex=True)
    found = load(rows.to_csv(index=False, sep=";"))
    assert found.frame("x")["close"].tolist() == BARS["close"].tolist()


WRITTEN = {
    "71,605": ("volume", "71,605", 71605.0),
    "USD behind": ("close", "{:.2f} USD", None),
    "EUR before": ("close", "EUR {:.2f}", None),
    "a sign": ("close", "${:.2f}", None),
}


@pytest.mark.parametrize(("column", "written", "value"), WRITTEN.values(), ids=WRITTEN.keys())
def test_dressed_numbers(load, column, written, value):
    rows = table().astype({column: object})
    rows.loc[3, column] = written.format(BARS[column].iloc[3])
    assert load(rows).frame("x")[column].iloc[3] == (value or BARS[column].iloc[3])


def test_currencies_are_not_mixed(load):
    rows = table().astype({"close": object})
    rows.loc[3, "close"], rows.loc[5, "close"] = "100 GBP", "100 GBX"
    with pytest.raises(DataError, match=r"row 7, column close: '100 GBX' is in another currency"):
        load(rows)


@pytest.mark.parametrize("written", ["2:1", "2/1", "2-for-1", "2 for 1"])
def test_splits_in_words(load, written):
    rows = table().assign(split="")
    rows.loc[:29, ["open", "high", "low", "close"]] *= 2.0
    rows.loc[30, "split"] = written
    found = load(rows).frame("x")["close"].to_numpy()
    np.testing.assert_allclose(found, BARS["close"], rtol=1e-12)


@pytest.mark.parametrize(("factor", "written"), [(2.0, 0.5), (1.5, 0.6667), (0.1, 10.0)])
def test_inverse_splits_are_told_by_the_prices(load, factor, written):
    rows = table().assign(split=1.0)
    rows.loc[:29, ["open", "high", "low", "close"]] *= factor
    rows.loc[30, "split"] = written
    found = load(rows)
    np.testing.assert_allclose(found.frame("x")["close"], BARS["close"], rtol=1e-12)
    assert "old shares for a new one" in " ".join(found.warnings)


ENCODINGS = {
    "Latin-1": table().assign(n="Münchener").to_csv(index=False).encode("latin-1"),
    "UTF-16, little end first": table().to_csv(index=False).encode("utf-16-le"),
    "UTF-16, big end first": table().to_csv(index=False).encode("utf-16-be"),
}


@pytest.mark.parametrize("content", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_encodings(load, content):
    assert load(content).frame("x")["close"].tolist() == BARS["close"].tolist()


@pytest.mark.parametrize(
    "below",
    ["Downloaded from example.com", "\nSource: a, b and c\n# not for trade", "Fin du fichier,,,,,"],
)
def test_lines_below_the_table_are_told_and_not_read(load, below):
    found = load(table().to_csv(index=False) + below)
    assert len(found.frames["x"]) == 60
    assert "below the table" in found.warnings[0]


@pytest.mark.parametrize("torn", ["2015-03-26,100.1", "2015-03-26", "Total rows,60"])
def test_torn_rows_are_no_lines_below_the_table(load, torn):
    with pytest.raises(DataError, match="row 62: cannot be read"):
        load(table().to_csv(index=False) + torn)


@pytest.mark.parametrize("as_frame", [False, True])
def test_rows_that_repeat_others_are_read_once(load, as_frame):
    rows = table().iloc[[*range(60), 10, 20]].sort_values("time", kind="stable")
    found = load_bars(rows) if as_frame else load(rows)
    assert (len(found.frames[found.symbols[0]]), found.warnings[0]) == (
        60, "rows that repeat one above them are read once: 2")  # fmt: skip
    rows.iloc[11, 5] += 1
    with pytest.raises(DataError, match="duplicate of row"):
        load_bars(rows) if as_frame else load(rows)


def test_equal_rows_of_two_symbols_are_both_kept(load):
    found = load(pd.concat([table().assign(symbol=each) for each in "AB"]))
    assert [len(each) for each in found.frames.values()] == [60, 60]


def hourly(zone: str | None, times: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100.0 + np.arange(len(times)) % 7
    return pd.DataFrame(
        {"time": times, "open": close, "high": close + 1, "low": close - 1, "close": close,
         "volume": 1000.0}
    )  # fmt: skip


AUTUMN = pd.date_range("2021-10-29 22:00", periods=288, freq="15min", tz="UTC")


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("label", ["close", "open"])
def test_hour_that_comes_twice_is_told_by_the_order(load, newest_first, label):
    rows = hourly(None, AUTUMN.tz_convert("Europe/Berlin").tz_localize(None))
    found = load(rows.iloc[::-1] if newest_first else rows, zone="Europe/Berlin", label=label)
    later = pd.Timedelta(minutes=15 if label == "open" else 0)
    assert found.zone == "UTC"
    assert list(found.frames["x"].index) == list(AUTUMN.tz_localize(None) + later)
    assert found.frame("x")["close"].tolist() == rows["close"].tolist()


def test_hour_that_comes_twice_asks_for_the_zone(load):
    rows = hourly(None, AUTUMN.tz_convert("Europe/Berlin").tz_localize(None))
    with pytest.raises(DataError, match=r"row 110: 2021-10-31 02:00:00 is not after .*--zone"):
        load(rows)


def test_hour_that_comes_twice_is_told_by_offsets(load):
    times = AUTUMN.tz_convert("Europe/Berlin")
    rows = hourly(None, times).assign(time=[each.isoformat() for each in times])
    assert list(load(rows, zone="Europe/Berlin").frames["x"].index) == list(
        AUTUMN.tz_localize(None)
    )


@pytest.mark.parametrize("written", ["%Y-%m-%d {}:00", "%Y.%m.%d {}:00:00", "%Y%m%d{}00"])
def test_midnight_as_24_is_the_end_of_the_day(load, written):
    times = pd.date_range("2021-03-01 01:00", periods=72, freq="h")
    days = (times - pd.Timedelta(microseconds=1)).normalize()
    hours = ((times - days) / pd.Timedelta(hours=1)).astype(int)
    shown = [
        day.strftime(written.format(f"{hour:02d}")) for day, hour in zip(days, hours, strict=True)
    ]
    assert list(load(hourly(None, times).assign(time=shown)).frames["x"].index) == list(times)


def test_counts_before_1971_are_read_in_the_stated_unit(load):
    times = pd.bdate_range("1969-12-01", periods=400)
    rows = hourly(None, times).assign(time=times.as_unit("s").asi8)
    with pytest.raises(DataError, match=r"row 2: time '-2678400' .*--time-unit s, ms"):
        load(rows)
    assert list(load(rows, time_unit="s").frames["x"].index) == list(times)


@pytest.mark.parametrize(
    ("frequency", "first"), [("h", "2020-01-01 01:00"), ("D", "2020-01-01"), ("M", "2020-01-31")]
)
def test_periods_are_labelled_by_their_end(frequency, first):
    periods = pd.period_range("2020-01-01", periods=60, freq=frequency)
    found = load_bars(BARS.set_axis(periods)).frames["frame"]
    assert found.index[0] == pd.Timestamp(first)


WEEKS = pd.date_range("2020-01-06", periods=30, freq="7D")
MONTHS = pd.date_range("2018-01-01", periods=30, freq="MS")


@pytest.mark.parametrize(
    ("times", "days", "kept"),
    [(WEEKS, 3, 29), (WEEKS, 10, 30), (WEEKS, 7, 31), (MONTHS, 16, 29), (MONTHS, 45, 30),
     (WEEKS + pd.Timedelta(days=4), 3, 30)],
)  # fmt: skip
def test_bar_of_a_week_or_month_that_is_not_over_is_left_out(load, times, days, kept):
    times = times.append(times[-1:] + pd.Timedelta(days=days))
    found = load(hourly(None, times))
    assert len(found.frames["x"]) == kept
    assert ("not over, and left out" in " ".join(found.warnings)) == (kept < 31)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Athens"])
def test_currencies_within_the_day_have_the_bars_of_whole_weeks_a_year(zone):
    times = pd.date_range("2023-03-05 18:00", "2023-06-16 17:00", freq="h", tz="America/New_York")
    clock = times.day_of_week * 24 + times.hour
    open_ = times[(clock <= 4 * 24 + 17) | (clock > 6 * 24 + 17)]
    rows = hourly(None, open_.tz_convert(zone).tz_localize(None)).set_index("time")
    assert load_bars(rows).periods_per_year == pytest.approx(120 * 365.25 / 7)


def test_published_rows_of_a_torn_week_keep_their_numbers(tmp_path):
    path = tmp_path / "x.csv"
    times = WEEKS.append(WEEKS[-1:] + pd.Timedelta(days=10))
    hourly(None, times).to_csv(path, index=False)
    published = read_published(path)
    assert published.rows["x"].tolist() == list(range(2, 32))
