"""What is said while loops are compiled, which takes seconds and happens once on a machine."""

import logging
from functools import cache

COMPILING = "compiling loops over bars and accounts, once on this machine: some ten seconds ..."


@cache
def say_compiling() -> None:
    """Log that loops are compiled: once in a process."""
    logging.getLogger("drltrade").warning(COMPILING)
