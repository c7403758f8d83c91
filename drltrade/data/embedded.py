"""Real daily prices that come with drltrade, so that everything runs without a download."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd

from drltrade.data.bars import Bars
from drltrade.data.files import Published, read_published
from drltrade.data.gate import checked_bars
from drltrade.data.layout import Layout
from drltrade.data.quality import Finding
from drltrade.errors import DataError
from drltrade.workspace import packaged

_NEW_YORK = Layout(zone="America/New_York")
_RAW = Layout(zone="America/New_York", adjustment="raw")


def us5() -> Bars:
    """AAPL, FB, GOOG, IBM and MSFT, daily, 2000-03-01 to 2013-03-01, fully adjusted."""
    bars = checked_bars(us5_published(), "us5: Quandl WIKI, from bokeh_sampledata 2026.1")
    return replace(bars, findings=tuple(each for each in bars.findings if not _is_true(each)))


def _is_true(found: Finding) -> bool:
    """Whether a finding is Apple's -52% after its warning of 2000-09-28: it is true."""
    crash = pd.Timestamp("2000-09-29")
    return found.kind == "large_move" and found.symbol == "AAPL" and set(found.times) == {crash}


def us5_published() -> Published:
    """The same as traded that day, raw, with the adjusted close beside it."""
    return read_published(_us5_file(), _RAW)


def sp500() -> Bars:
    """The S&P 500 index (symbol SP500), daily, 1999-01-04 to 2018-12-31."""
    return checked_bars(sp500_published(), "sp500: package arch")


def nasdaq() -> Bars:
    """The Nasdaq Composite index (symbol NASDAQ), daily, 1999-01-04 to 2018-12-31."""
    return checked_bars(nasdaq_published(), "nasdaq: package arch")


def sp500_published() -> Published:
    """The same as published, with an adjusted close that equals the close."""
    return read_published(_arch_file("sp500"), _NEW_YORK, "SP500")


def nasdaq_published() -> Published:
    """The same as published, with an adjusted close that equals the close."""
    return read_published(_arch_file("nasdaq"), _NEW_YORK, "NASDAQ")


def _us5_file() -> Path:
    return packaged("data") / "us5.parquet"


def _arch_file(name: str) -> Path:
    # The file that `arch.data.<name>.load()` reads, without importing arch, which takes a second.
    package = importlib.util.find_spec("arch")
    if package is None or package.origin is None:
        raise DataError(f"{name}: the package arch, which carries this data, is not installed")
    return Path(package.origin).parent / "data" / name / f"{name}.csv.gz"
