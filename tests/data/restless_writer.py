"""A process that writes to a store without end, to be killed."""

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd

from drltrade.data.store import About, Store

SYMBOLS = ("A", "B/C", "D")
ABOUT = About("a test", "UTC", "1h", "raw")
FIRST = 700


def bars(count: int) -> pd.DataFrame:
    """Bars of which each says its own number in every column."""
    values = np.arange(1.0, count + 1.0)
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), values)
    return pd.DataFrame(columns, pd.date_range("2020-01-01", periods=count, freq="h", name="time"))


def write_forever(root: Path, told: Connection) -> None:
    """Append a bar to every series again and again, now and then write them whole; tell of each."""
    store = Store(root)
    while True:
        with store.writing("set", "1h") as writer:
            count = FIRST
            if all(symbol in writer for symbol in SYMBOLS):
                count = 1 + min(len(store.read("set", "1h", each)[0]) for each in SYMBOLS)
            for symbol in SYMBOLS:
                if count % 5 == 0 or symbol not in writer:
                    writer.replace(symbol, bars(count), ABOUT)
                else:
                    writer.append(symbol, bars(count).iloc[-3:])
        told.send(count)
