"""Compiled kernels on disk: made once, loaded afterwards, never trusted when cut off."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import numpy as np
from drltrade.market import kernel_cache
from drltrade.market.kernels import compiler
from drltrade.market.terms import Plan

made = []
_save = kernel_cache._OnDisk.save_overload
kernel_cache._OnDisk.save_overload = lambda *args: (made.append(1), _save(*args))


def make(plan, factor):
    step = compiler()(lambda x: factor * x)

    @kernel_cache.kernel(plan, factor)
    def scale(values):
        for i in range(values.size):
            values[i] = step(values[i])

    return scale


found = []
for factor in (2.0, 3.0):
    values = np.ones(2)
    make(Plan(), factor)(values)
    found.append(values[1])
print(len(made), found == [2.0, 3.0])
"""


def ran(folder: Path) -> str:
    """Kernels compiled, and whether they worked."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"NUMBA_CACHE_DIR": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_kernel_is_compiled_once(tmp_path):
    assert ran(tmp_path) == "2 True"
    kept = sorted((tmp_path / "drltrade").iterdir())
    assert len(kept) == 2
    assert ran(tmp_path) == "0 True"
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert ran(tmp_path) == "1 True"
    assert ran(tmp_path) == "0 True"


@pytest.mark.parametrize("there", [False, True])
def test_where_nothing_can_be_written_it_is_compiled_every_time(tmp_path, there):
    folder = tmp_path / "a file"
    if there:
        folder.write_text("in the way", encoding="utf-8")
    else:
        folder = Path("/proc/nowhere")
    assert ran(folder) == ran(folder) == "2 True"
