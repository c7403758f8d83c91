"""The store: what is written is read, whatever happens to the writer."""

import multiprocessing
import os
import random
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restless_writer import ABOUT, FIRST, SYMBOLS, bars, write_forever

from drltrade.data.segments import ROW_GROUP
from drltrade.data.store import Store
from drltrade.errors import DataError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def put(store, symbol, frame):
    with store.writing("set", "1h") as writer:
        writer.replace(symbol, frame, ABOUT)


def append(store, symbol, frame):
    with store.writing("set", "1h") as writer:
        return writer.append(symbol, frame)


def segments(store, symbol):
    return store.sidecar("set", "1h", symbol).segments


def files(store):
    return sorted(path.name for path in (store.root / "set" / "1h").iterdir())


def test_what_is_written_is_read(store):
    frame = bars(10).assign(dividend=0.5)
    frame.iloc[3, 0] = np.nan
    put(store, "BTC/USDT", frame)
    put(store, ".hidden", bars(2))
    read, about = store.read("set", "1h", "BTC/USDT")
    pd.testing.assert_frame_equal(read, frame, check_freq=False)
    assert (about.source, about.zone, about.frequency, about.adjustment) == (
        "a test", "UTC", "1h", "raw",
    )  # fmt: skip
    assert about.fetched.endswith("+00:00")
    assert len(about.sha256) == 64
    assert store.datasets() == ["set"]
    assert store.frequencies("set") == ["1h"]
    assert store.symbols("set", "1h") == [".hidden", "BTC/USDT"]


def test_the_digest_tells_contents_apart(store):
    put(store, "A", bars(10))
    put(store, "B", bars(11))
    first, other = (store.sidecar("set", "1h", symbol).about.sha256 for symbol in "AB")
    put(store, "A", bars(10))
    assert first == store.sidecar("set", "1h", "A").about.sha256 != other


def test_appending_leaves_the_base_alone(store):
    put(store, "A", bars(5000))
    base = store.root / "set" / "1h" / "A@1.parquet"
    written = base.stat().st_mtime_ns, base.stat().st_ino
    for count in range(5001, 5020):
        assert append(store, "A", bars(count).iloc[-4:]) == 1
    assert (base.stat().st_mtime_ns, base.stat().st_ino) == written
    assert len(files(store)) == 4  # the lock, the sidecar, the base and one tail
    pd.testing.assert_frame_equal(store.read("set", "1h", "A")[0], bars(5019), check_freq=False)


def test_a_long_tail_is_merged_with_its_base(store):
    put(store, "A", bars(5000))
    append(store, "A", bars(5400))
    append(store, "A", bars(5800))
    assert files(store) == [".lock", "A.json", "A@3.parquet"]
    pd.testing.assert_frame_equal(store.read("set", "1h", "A")[0], bars(5800), check_freq=False)


@settings(deadline=None, max_examples=40)
@given(
    first=st.integers(1, 3 * ROW_GROUP),
    more=st.lists(st.integers(0, 900), max_size=3),
    span=st.tuples(st.integers(-5, 9000), st.integers(-5, 9000)),
)
def test_a_span_is_a_slice_of_the_whole(tmp_path_factory, first, more, span):
    store = Store(tmp_path_factory.mktemp("store"))
    put(store, "A", bars(first))
    count = first
    for new in more:
        count += new
        append(store, "A", bars(count).iloc[-new - 1 :])
    start, end = (bars(1).index[0] + pd.Timedelta(hours=h) for h in sorted(span))
    read, _ = store.read("set", "1h", "A", start, end)
    pd.testing.assert_frame_equal(read, bars(count).loc[start:end], check_freq=False)


def test_a_past_that_has_changed_is_refused(store):
    put(store, "A", bars(50))
    changed = bars(52).iloc[-10:]
    changed.loc[changed.index[3], "close"] *= 0.25
    with pytest.raises(DataError, match=r"A 2020-01-02 21:00:00: close = 11.5, and was 46 when"):
        append(store, "A", changed)
    with pytest.raises(DataError, match=r"columns .*dividend; the series has"):
        append(store, "A", bars(52).assign(dividend=0.0))
    assert len(store.read("set", "1h", "A")[0]) == 50


def test_after_an_error_nothing_is_changed(store):
    put(store, "A", bars(50))

    def fail():
        with store.writing("set", "1h") as writer:
            writer.append("A", bars(60))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(store.read("set", "1h", "A")[0]) == 50


@pytest.mark.parametrize(
    "frame",
    [bars(0), bars(3).drop(columns="low"), bars(3).iloc[::-1], bars(3).iloc[[0, 0, 1]]],
    ids=["none", "a column short", "newest first", "twice"],
)
def test_what_is_no_series_is_refused(store, frame):
    with pytest.raises(DataError, match="A: a series needs columns open, high"):
        put(store, "A", frame)
    assert store.datasets() == []


def test_damage_is_named(store):
    put(store, "A", bars(50))
    path = store.root / "set" / "1h" / "A@1.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    for span in ((), (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02"))):
        with pytest.raises(DataError, match=r"A@1.parquet: is damaged"):
            store.read("set", "1h", "A", *span)
    path.with_name("A.json").write_text("{}")
    with pytest.raises(DataError, match=r"A.json: is no sidecar"):
        store.read("set", "1h", "A")


def test_a_missing_symbol_is_named_with_those_there_are(store):
    put(store, "AAPL", bars(2))
    with pytest.raises(DataError, match=r"no series 'APPL'; did you mean 'AAPL'\? \(there are AA"):
        store.read("set", "1h", "APPL")


def test_readers_are_never_blocked_and_see_whole_series(store):
    """A reader reads while a writer holds the lock and replaces the files under it."""
    put(store, "A", bars(600))
    stopped = threading.Event()

    def write():
        for count in range(601, 720):
            append(store, "A", bars(count).iloc[-2:])
        stopped.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    while not stopped.is_set():
        read, _ = store.read("set", "1h", "A")
        counts.append(len(read))
        np.testing.assert_array_equal(read["close"], np.arange(1.0, len(read) + 1.0))
    writer.join()
    assert counts == sorted(counts)
    with store.writing("set", "1h"):
        assert len(store.read("set", "1h", "A")[0]) == 719


def test_fifty_kills_lose_nothing_that_was_committed(tmp_path):
    """SIGKILL at any moment: every series reads, and holds what its writer had told of."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["drltrade.data.store", "pandas", "pyarrow.parquet"])
    chance = random.Random(0)
    store = Store(tmp_path)
    counts = dict.fromkeys(SYMBOLS, 0)
    amid = 0
    for _ in range(50):
        told, telling = context.Pipe(duplex=False)
        writer = context.Process(target=write_forever, args=(tmp_path, telling))
        writer.start()
        assert told.poll(30), "the writer does not get to work"
        acknowledged = told.recv()
        threading.Event().wait(chance.uniform(0.0, 0.06))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(30)
        assert writer.exitcode == -signal.SIGKILL
        named = {each.file for symbol in SYMBOLS for each in segments(store, symbol)}
        amid += bool({name for name in files(store) if not name.endswith(("json", "lock"))} - named)
        while told.poll():
            acknowledged = told.recv()
        for symbol in SYMBOLS:
            read, _ = store.read("set", "1h", symbol)
            assert len(read) >= max(acknowledged, counts[symbol])
            np.testing.assert_array_equal(read["volume"], np.arange(1.0, len(read) + 1.0))
            counts[symbol] = len(read)
    assert min(counts.values()) >= FIRST + 49
    assert amid >= 1  # it died with bars written that were not committed yet
    with store.writing("set", "1h"):
        pass  # sweeps
    assert len(files(store)) <= 1 + 3 * len(SYMBOLS)


@pytest.mark.parametrize(
    "symbol", ["@ES", "NA", ".hidden", "a~b", "BTC/USDT:USDT", "long" * 100, "%" * 90]
)
def test_any_name_of_a_symbol_can_be_kept(store, symbol):
    for name in (symbol, symbol + "2"):
        put(store, name, bars(10))
    assert store.symbols("set", "1h") == sorted([symbol, symbol + "2"])
    assert len(store.read("set", "1h", symbol + "2")[0]) == 10
