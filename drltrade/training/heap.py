"""Memory that a batch frees is kept for the next one."""

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""`M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of glibc's malloc.h."""
KEPT = 1 << 30
"""Bytes at the end of the heap beyond which they are given back."""
OWN_MAPPING = 32 << 20
"""Bytes from which on a block is mapped by itself; the most that glibc takes."""


def keep_freed_memory() -> None:
    """Have malloc keep what is freed, of this process, from now on.

    A gradient step of 16,384 decisions makes and frees some 100 MB in blocks of 4 to 16 MB. glibc
    gives the end of its heap back as soon as twice the largest such block is free, and the next
    step has every page zeroed by the kernel again: 5% of the time on some machines, a third of it
    on virtual ones with dear page faults. Only glibc has these settings; elsewhere nothing changes.
    Source: mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, OWN_MAPPING)
        mallopt(TRIM_THRESHOLD, KEPT)
