"""Compiled kernels on disk: compiling one takes seconds, loading it a tenth of a second.

numba's own cache asks what a function closes over, and for functions made by other functions the
answer is never the same twice. A kernel here is settled by its plan, so the plan names the file,
together with the source of this package, numba's version, the types and the processor. The files
lie where `NUMBA_CACHE_DIR` says, else in the user's folder for caches; they can be deleted at any
time. Where none can be written, each process compiles.
"""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from drltrade.atomic import write_atomic
from drltrade.market.kernels import compiler


def kernel(*settled_by: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compile an outermost function, unless that was done before.

    Args:
        settled_by: all that the function closes over, as numbers, texts and plans.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher: Any = compiler()(function)
        dispatcher._cache = _OnDisk(f"{function.__qualname__} {settled_by!r}", _source(function))
        return dispatcher

    return compiled


class _OnDisk:
    """What numba asks of a cache: one file for each function and its argument types."""

    def __init__(self, name: str, source: str) -> None:
        self._name = f"{name} {source}"

    @property
    def cache_path(self) -> str:
        return str(_folder())

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function, or None."""
        from numba.core.compiler import CompileResult

        target.refresh()
        rebuild: Any = CompileResult._rebuild
        try:
            content = self._file(signature, target.codegen()).read_bytes()
            return rebuild(target, *pickle.loads(content))
        except (OSError, EOFError, pickle.UnpicklingError):
            return None  # not there, or cut off

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function."""
        from numba.core import serialize

        dumps: Any = serialize.dumps
        content = dumps(compiled._reduce())
        with contextlib.suppress(OSError):
            file = self._file(signature, compiled.codegen)
            write_atomic(file, lambda temporary: temporary.write_bytes(content))

    def _file(self, signature: Any, codegen: Any) -> Path:
        key = f"{self._name} {signature} {codegen.magic_tuple()} {_sources()}"
        return _folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.kernel"


def _source(function: Callable[..., Any]) -> str:
    """A digest of the file that a kernel stands in, if it stands in one."""
    file = Path(function.__code__.co_filename)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@cache
def _sources() -> str:
    """A digest of the package's formulas and of numba's version."""
    import numba

    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _folder() -> Path:
    stated = os.environ.get("NUMBA_CACHE_DIR")
    if stated:
        return Path(stated) / "drltrade"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "drltrade" / "kernels"
