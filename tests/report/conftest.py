"""Entries of a report, made once for all its tests."""

import sys
from pathlib import Path

import pytest

from drltrade.report.summary import Entry

sys.path.insert(0, str(Path(__file__).parents[1]))  # where browser.py lies

from synthetic_entries import some_entries


@pytest.fixture(scope="session")
def entries() -> list[Entry]:
    return some_entries()


@pytest.fixture(scope="session")
def few_entries() -> list[Entry]:
    return some_entries(120, runs=5)
