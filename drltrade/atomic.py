"""Files that are either wholly there or not there: temporary name, fsync, rename."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drltrade.errors import StorageError


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Say of a failed write which file it was, and what is kept.

    Raises:
        StorageError: in place of an OSError.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        kept = "what it held before is kept" if path.exists() else "nothing is left of it"
        raise StorageError(
            f"{path} could not be written: {reason}; {kept}, and files written before it are whole"
        ) from error


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, make that durable, rename it to `path`.

    Raises:
        StorageError: it could not be written; what `path` held before is kept.
    """
    with storing(path):
        _write_atomic(path, write)


def _write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        _make_durable(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _make_durable(path.parent)


def write_many(contents: Mapping[Path, bytes]) -> None:
    """Write files of one folder, each of them atomically, all of them durable on return.

    Written first and made durable afterwards, hundreds take hardly more turns of the disk than one.

    Raises:
        StorageError: one could not be written; then none is.
    """
    temporaries = {path: path.with_name(f".{path.name}.part") for path in contents}
    try:
        for path, content in contents.items():
            with storing(path):
                temporaries[path].write_bytes(content)
        for path, temporary in temporaries.items():
            with storing(path):
                _make_durable(temporary)
        for path, temporary in temporaries.items():
            with storing(path):
                temporary.replace(path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
    for folder in {path.parent for path in contents}:
        _make_durable(folder)


def _make_durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + "\n")
