"""Compiled kernels on disk: compiling one takes seconds, loading it a tenth of a second.

numba's own cache asks what a function closes over, and for functions made by other functions the
answer is never the same twice. A kernel here is settled by its plan, so the plan names the file,
together with all that the machine code depends on: the source files of the functions that the
kernel calls and the numbers that these close over, the types, the processor, and the versions of
Python, numba, llvmlite and numpy. A change in one module compiles the kernels anew that call into
it, and no others. The files lie where `NUMBA_CACHE_DIR` says, else in the user's folder for caches;
they can be deleted at any time. Where none can be written, each process compiles, and a file that
is not what was written is as good as none.
"""

import contextlib
import hashlib
import os
import pickle
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from drltrade.atomic import write_atomic
from drltrade.compiling import say_compiling
from drltrade.market.kernels import compiler


def kernel(*settled_by: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compile an outermost function, unless that was done before.

    Args:
        settled_by: all that the function closes over, as numbers, texts and plans.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher: Any = compiler()(function)
        dispatcher._cache = _OnDisk(f"{function.__qualname__} {settled_by!r}", dispatcher)
        return dispatcher

    return compiled


class _OnDisk:
    """What numba asks of a cache: one file for each function and its argument types."""

    def __init__(self, name: str, dispatcher: Any) -> None:
        self._name = f"{name} {dependencies(dispatcher)} {_machinery()}"

    @property
    def cache_path(self) -> str:
        return str(_folder())

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function, or None: then it will be compiled, which is said."""
        found = self._read(signature, target)
        if found is None:
            say_compiling()
        return found

    def _read(self, signature: Any, target: Any) -> Any:
        from numba.core.compiler import CompileResult

        target.refresh()
        rebuild: Any = CompileResult._rebuild
        file = self._file(signature, target.codegen())
        try:
            digest, _, content = file.read_bytes().partition(b"\n")
        except OSError:
            return None
        # Machine code is checked before it is handed to anything that would run or parse it.
        if digest != _digest(file.name, content):
            return None
        try:
            return rebuild(target, *pickle.loads(content))
        except Exception:  # of what kind depends on what was written: by another numba, say
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function."""
        from numba.core import serialize

        dumps: Any = serialize.dumps
        content = dumps(compiled._reduce())
        with contextlib.suppress(OSError):
            file = self._file(signature, compiled.codegen)
            whole = _digest(file.name, content) + b"\n" + content
            write_atomic(file, lambda temporary: temporary.write_bytes(whole))

    def _file(self, signature: Any, codegen: Any) -> Path:
        key = f"{self._name} {signature} {codegen.magic_tuple()}"
        return _folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.kernel"


def _digest(name: str, content: bytes) -> bytes:
    """Of a file's content and of whose it is."""
    return hashlib.sha256(name.encode() + content).hexdigest().encode()


def dependencies(dispatcher: Any) -> str:
    """A digest of what a compiled function and all that it calls are made of.

    That is the source files of the functions and classes, the numbers they close over or name, and
    how each is compiled.
    """
    files: set[str] = set()
    digest = hashlib.sha256()
    seen: set[int] = set()
    waiting = [dispatcher]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        function = getattr(thing, "py_func", thing)
        if isinstance(function, FunctionType):
            if function is not thing:
                digest.update(_options(thing).encode())
            digest.update(function.__qualname__.encode())
            files.add(function.__code__.co_filename)
            waiting += _named(function)
        elif isinstance(thing, type):
            files.add(getattr(sys.modules.get(thing.__module__), "__file__", None) or "")
        elif thing is None or isinstance(thing, bool | int | float | str | tuple):
            digest.update(repr(thing).encode())
    for content in sorted(_content(file) for file in files):
        digest.update(content.encode())
    return digest.hexdigest()


def _options(dispatcher: Any) -> str:
    """How a function is compiled, the same in every process."""
    options = dispatcher.targetoptions.items()
    return repr(sorted((name, sorted(o) if isinstance(o, set) else repr(o)) for name, o in options))


def _named(function: FunctionType) -> Iterator[Any]:
    """What a function closes over, and the globals that it names."""
    for cell in function.__closure__ or ():
        yield cell.cell_contents
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@cache
def _content(file: str) -> str:
    """A digest of a source file of this project; of a library's the version stands in."""
    path = Path(file)
    if not path.is_file() or not path.is_relative_to(Path(__file__).parents[1]):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _machinery() -> str:
    """Versions of all that makes machine code of functions, and reads it back."""
    import llvmlite
    import numba
    import numpy

    python = f"{sys.implementation.name} {sys.version} {sysconfig.get_config_var('SOABI')}"
    return f"{python} {numba.__version__} {llvmlite.__version__} {numpy.__version__}"


@cache
def _folder() -> Path:
    stated = os.environ.get("NUMBA_CACHE_DIR")
    if stated:
        return Path(stated) / "drltrade"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "drltrade" / "kernels"
