"""Universes: who is a member when, by whose prices, and who of them has none."""

import pandas as pd
import pytest
from quiet_bars import quiet_bars

from drltrade.data.quality import check
from drltrade.data.universe import read_universe, series_of
from drltrade.errors import DataError

TABLE = """symbol,start,end,series
AAL,1996-01-02,1997-01-15,
AAL,2015-03-23,2024-09-23,
FB,2013-12-23,2022-06-09,META
META,2022-06-09,,
IBM,1996-01-02,,
"""


@pytest.fixture
def read(tmp_path):
    def reading(text=TABLE):
        path = tmp_path / "members.csv"
        path.write_text(text)
        return read_universe(path)

    return reading


def day(text):
    return pd.Timestamp(text)


def test_members_are_those_of_the_day(read):
    universe = read()
    assert universe.members(day("1996-06-03")) == ["AAL", "IBM"]
    assert universe.members(day("1997-01-14")) == ["AAL", "IBM"]
    assert universe.members(day("1997-01-15")) == ["IBM"]  # the first day it is out
    assert universe.members(day("2023-01-03")) == ["AAL", "IBM", "META"]


def test_a_renamed_symbol_is_one_series_and_another_spell_another_asset(read):
    assets = read().assets(["AAL", "META", "IBM"], day("1996-01-01"), day("2024-01-01"))
    assert list(assets) == ["AAL@1996-01-02", "AAL@2015-03-23", "IBM", "META"]
    assert assets["META"].start == day("2013-12-23")
    assert assets["META"].end is None
    assert [series_of(each) for each in assets] == ["AAL", "AAL", "IBM", "META"]
    late = read().assets(["AAL", "IBM"], day("2016-01-01"), day("2024-01-01"))
    assert list(late) == ["AAL", "IBM"]


def test_a_part_is_the_days_of_the_spell(read):
    spell = read().assets(["AAL"], day("2016-01-01"), day("2024-01-01"))["AAL"]
    hours = pd.date_range("2024-09-20 10:00", "2024-09-24", freq="h")
    frame = pd.DataFrame({"close": 1.0}, hours)
    assert spell.part(frame).index[-1] == day("2024-09-23 00:00")  # the END of the 22nd


def test_parquet_and_other_names_of_columns(tmp_path, read):
    names = {"start": "timestamp", "end": "end_date"}
    table = pd.read_csv(pd.io.common.StringIO(TABLE)).rename(columns=names)
    table["timestamp"] = pd.to_datetime(table["timestamp"])
    table.to_parquet(tmp_path / "members.parquet")
    assert read_universe(tmp_path / "members.parquet").spells == read().spells


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("IBM,1996-01-02", ",1996-01-02"), "row 6: there is no symbol"),
        (("IBM,1996-01-02", "IBM,soon"), "row 6: start is no date"),
        (("2024-09-23", "later"), "row 3: end is no date"),
        (("2024-09-23", "2015-03-23"), "row 3: end is not after start"),
        (("AAL,1996-01-02,1997-01-15", "AAL,1996-01-02,"), "two intervals of AAL overlap, from 19"),
        (("symbol,start", "name,start"), r"missing column symbol \(found: name, start, end, se"),
    ],
)
def test_bad_tables_are_told_what_is_wrong(read, change, message):
    with pytest.raises(DataError, match=message):
        read(TABLE.replace(*change))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none.csv: no such file \(a universe is a table"):
        read_universe(tmp_path / "none.csv")


def test_members_without_prices_are_told(read):
    bars = quiet_bars()
    universe = read("symbol,start,end\nA,2015-01-01,\nB,2015-02-02,2015-03-02\nC,2014-01-01,"
                    "2015-01-05\nD,2015-03-02,\n")  # fmt: skip
    told = check({"A": bars, "D": bars.iloc[:10]}, universe=universe)
    (found,) = [each for each in told if each.kind != "early_end"]
    assert (found.severity, found.kind) == ("warning", "survivorship")
    assert found.text == (
        "2 of 3 members have no prices: B from 2015-02-02, D from 2015-03-02"
    )  # fmt: skip
