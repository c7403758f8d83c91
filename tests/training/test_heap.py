"""Freed memory is kept: faults of pages are counted in a process of its own."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from drltrade.training.heap import keep_freed_memory
    keep_freed_memory()
def blocks():
    return [np.ones(1 << 20) for _ in range(4)]
for _ in range(3):
    blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    blocks()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone has these")
def test_kept_memory_is_not_faulted_in_again():
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", CODE, how]))
        for how in ("kept", "not")
    }
    # 10 times 4 blocks of 8 MiB are 81,920 pages of 4 KiB.
    assert faults["kept"] < 100 < faults["not"]
