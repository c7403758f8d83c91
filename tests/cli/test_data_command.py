"""`drltrade data`: what there is, what is in it, what is wrong with it."""

import json
from importlib.metadata import EntryPoint

import pandas as pd

from drltrade.data import sources
from drltrade.data.sources import Fetched, NoData


def test_data_is_listed_and_shown(command):
    code, out, _ = command("data", "list", "--json")
    assert code == 0
    assert {row["name"] for row in json.loads(out)} == {"us5", "sp500", "nasdaq"}
    code, out, _ = command("data", "show", "us5", "--json")
    rows = {row["symbol"]: row for row in json.loads(out)}
    assert (code, rows["FB"]["bars"], rows["FB"]["first"]) == (0, 196, "2012-05-18")


def test_a_price_file_is_shown_or_refused(command, tmp_path):
    (tmp_path / "good.csv").write_text(
        "Date,Open,High,Low,Close,Volume\n2020-01-02,1,2,1,2,10\n2020-01-03,2,2,1,1,5\n"
    )
    code, out, _ = command("data", "show", "good.csv", "--json")
    assert (code, json.loads(out)[0]["bars"]) == (0, 2)
    text = (tmp_path / "good.csv").read_text().replace("2,2,1,1,5", "2,2,1,x,5")
    (tmp_path / "bad.csv").write_text(text)
    code, _, err = command("data", "show", "bad.csv")
    assert code == 1
    assert err.startswith("drltrade: bad.csv, row 3")
    assert "'x'" in err


def test_data_is_checked_and_errors_fail(command, tmp_path):
    code, out, _ = command("data", "check", "us5", "--calendar", "XNYS", "--json")
    assert code == 0
    keys = ("severity", "kind", "symbol", "first", "bars")
    assert [tuple(each[key] for key in keys) for each in json.loads(out)] == [
        ("warning", "large_move", "AAPL", "2000-09-29", 1),
        ("note", "split", "AAPL", "2000-06-21", 2),
        ("note", "split", "MSFT", "2003-02-18", 1),
        ("note", "late_start", "FB", "2012-05-18", 1),
        ("note", "late_start", "GOOG", "2004-08-19", 1),
    ]
    lines = ["date,open,high,low,close,volume"]
    lines += [f"2024-03-{day:02d},10,11,9,10.5,1000" for day in range(1, 20)]
    sound, faulty = tmp_path / "sound.csv", tmp_path / "faulty.csv"
    sound.write_text("\n".join(lines))
    faulty.write_text("\n".join([*lines, "2024-03-20,10,8,9,10.5,1000"]))
    code, out, _ = command("data", "check", sound)
    assert code == 0
    assert "19 bars of 1 symbols: nothing found" in " ".join(out.split())
    code, out, _ = command("data", "check", faulty)
    assert code == 1
    assert "high_low" in out
    code, _, err = command("data", "check", sound, "--calendar", "XNIX")
    assert code == 2
    assert "calendar = 'XNIX' is no exchange's" in err


def test_a_file_is_imported_listed_and_loaded(command, tmp_path):
    lines = ["unix,open,high,low,close,Volume BTC"]
    lines += [f"{1577836800 + 3600 * n},10,11,9,10.5,1000" for n in range(20)]
    (tmp_path / "coins.csv").write_text("\n".join([*lines, lines[-1]]))
    told = ("--zone", "UTC", "--time-unit", "s", "--column", "volume=Volume BTC",
            "--column", "time=unix", "--name", "coins", "--symbol", "BTC/USDT")  # fmt: skip
    code, _, err = command("data", "import", "coins.csv", *told)
    assert (code, "does not guess: state --adjustment" in err) == (2, True)
    told += ("--adjustment", "full")
    code, _, err = command("data", "import", "coins.csv", *told)
    assert (code, "state --label (Which end of its bar a time is." in err) == (2, True)
    told += ("--label", "open")
    code, out, _ = command("data", "import", "coins.csv", *told)
    assert (code, "coins/1h: 20 new bars of 1 symbols; 1 that were there twice" in out) == (0, True)
    code, out, _ = command("data", "list", "--json")
    assert json.loads(out)[-1]["name"] == "coins/1h"
    code, out, _ = command("data", "show", "coins", "--json")
    assert json.loads(out)[0]["first"] == "2020-01-01 01:00:00"
    code, _, err = command("data", "import", "coins.csv", *told)
    assert (code, "in the store already" in err) == (1, True)
    code, _, err = command("data", "import", "coins.csv", *told, "--append", "--replace")
    assert (code, "one of them" in err) == (2, True)
    code, _, err = command("data", "import", "coins.csv", *told, "--column", "x")
    assert (code, "--column 'x': write it as volume=" in err) == (2, True)


def test_stored_data_is_repaired_and_repairs_are_undone(command, tmp_path):
    lines = ["date,open,high,low,close,volume"]
    lines += [f"2024-03-{day:02d},10,11,9,10.5,1000" for day in range(1, 20)]
    lines[8] = lines[8].replace(",11,", ",8,")
    (tmp_path / "A.csv").write_text("\n".join(lines))
    code, _, err = command("data", "check", "A.csv", "--repair")
    assert (code, "repairs are of data sets in the store" in err) == (2, True)
    told = ("--zone", "UTC", "--adjustment", "full", "--name", "faulty")
    code, out, err = command("data", "import", "A.csv", *told)
    assert (code, "high_low" in out) == (0, True)
    assert "1 errors: what cannot be true is refused when faulty/1d is loaded" in err
    assert "--repair mends A" in err
    assert command("data", "show", "faulty")[0] == 1
    code, out, err = command("data", "check", "faulty", "--repair")
    assert (code, "A: 1 bars (quarantine, from 2024-03-08): a price outside its bar" in err) == (
        0, True,
    )  # fmt: skip
    assert "18 bars of 1 symbols: nothing found" in " ".join(out.split())
    code, out, _ = command("data", "show", "faulty", "--json")
    assert (code, json.loads(out)[0]["quarantined"]) == (0, 1)
    code, _, err = command("data", "check", "faulty", "--undo")
    assert (code, "repairs of 1 symbols undone" in err) == (1, True)
    assert command("data", "check", "faulty", "--undo", "--repair")[0] == 2
    assert "nothing to repair" not in command("data", "check", "faulty", "--repair")[2]


def test_fetching_says_what_became_of_each_symbol(command, monkeypatch):
    class Mine:
        def __init__(self, scale="1"):
            self.scale = float(scale)

        def fetch(self, symbol, frequency, start, end):
            if symbol == "GONE":
                raise NoData("GONE: there is no such symbol")
            days = pd.bdate_range(start, end, name="time")
            columns = dict.fromkeys(("open", "high", "low", "close", "volume"), self.scale)
            yield Fetched(pd.DataFrame(columns, days), "UTC", "full")

    entry = EntryPoint("mine", "nowhere:Mine", "drltrade.sources")
    monkeypatch.setattr(EntryPoint, "load", lambda _: Mine)
    monkeypatch.setattr(sources, "entry_points", lambda group: [entry])
    asked = ("data", "fetch", "mine", "A", "GONE", "--option", "scale=2.5", "--end", "2024-01-31")
    code, out, _ = command(*asked, "--start", "2024-01-01", "--json")
    rows = json.loads(out)
    assert code == 1
    assert rows[0] == {"symbol": "A", "new bars": 23, "said": "", "failed": False}
    assert rows[1]["said"] == "GONE: there is no such symbol"
    assert json.loads(command("data", "show", "mine", "--json")[1])[0]["last close"] == "2.5"
    code, _, err = command(*asked, "--start", "1.1.2024")
    assert (code, "--start '1.1.2024': write a date as 2010-01-31" in err) == (2, True)
    code, _, err = command("data", "fetch", "theirs", "A", "--start", "2024-01-01")
    assert (code, "source 'theirs' is unknown (there are crypto, mine, yahoo)" in err) == (2, True)
