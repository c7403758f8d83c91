"""Functions and classes of a user's own: "package.module:name" or "path/to/file.py:name"."""

import importlib
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from drltrade.errors import ConfigError, suggestion


class InFile(NamedTuple):
    """What "path/to/file.py:name" names."""

    file: Path
    name: str

    @property
    def label(self) -> str:
        """The name without the folders: "file.py:name"."""
        return f"{self.file.name}:{self.name}"


def in_file(source: object) -> InFile | None:
    """The file and the name, where `source` is of the form "file.py:name"; nothing is read."""
    match = re.fullmatch(r"\s*(.*\S\.py)\s*:\s*([^\W\d]\w*)\s*", str(source), re.DOTALL)
    return InFile(Path(match[1]), match[2]) if isinstance(source, str) and match else None


def with_full_path(source: str) -> str:
    """The same "file.py:name" wherever the process stands; any other text as it is."""
    found = in_file(source)
    return f"{found.file.resolve()}:{found.name}" if found else source


def load_function(source: str, what: str, code: Path | None = None) -> Callable[..., Any]:
    """Import the module or file, and take the function (or class) out of it.

    Args:
        source: "package.module:function" or "path/to/file.py:function".
        what: it is for, in errors: "reward".
        code: the file to execute in place of the one that `source` names, such as a copy of it.

    Raises:
        ConfigError: there is no such module, file or function, or its import fails.
    """
    where, _, name = source.rpartition(":")
    where, name = where.strip(), name.strip()
    try:
        module = _load_file(code or Path(where)) if where.endswith(".py") else _load_module(where)
    except ConfigError as error:
        raise ConfigError(f"{what} {source!r}: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"{what} {source!r}: {where} fails on import: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, name):
        hint = suggestion(name, [key for key, value in vars(module).items() if callable(value)])
        raise ConfigError(f"{what} {source!r}: {where} has no {name!r}{hint}")
    function = getattr(module, name)
    if not callable(function):
        raise ConfigError(f"{what} {source!r}: {name} is {function!r}, not a function")
    return function  # type: ignore[no-any-return]


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise ConfigError(f"there is no module {error.name!r} to import") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path.resolve())!r}")
    # Its own name, so that a file called random.py does not stand in for the library.
    spec = importlib.util.spec_from_file_location(f"drltrade_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as `import` does: dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def place_of(error: BaseException) -> str:
    """Where in the user's own code an error arose: " (file, line 3, in function)", or nothing.

    The last line that it came by which is not of an installed package.
    """
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = [Path(sysconfig.get_paths()[kind]) for kind in kinds]
    installed.append(Path(__file__).parent)
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(Path(frame.filename).is_relative_to(folder) for folder in installed)
    ]
    return f" ({own[-1].filename}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
