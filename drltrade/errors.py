"""What can go wrong for reasons a user can mend. Each message says what was found and where."""

import difflib
from collections.abc import Iterable


def suggestion(name: object, allowed: Iterable[str]) -> str:
    """The question whether the allowed name closest to `name` was meant, or nothing."""
    close = difflib.get_close_matches(str(name), list(allowed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class DrltradeError(Exception):
    """Base of every error that drltrade raises on purpose."""


class ConfigError(DrltradeError, ValueError):
    """A preset, an override or an argument is wrong: names the key, the value, what is allowed."""


class UnknownKeywordError(ConfigError, TypeError):
    """A keyword that an environment does not know; to Python's callers the TypeError that it is."""


class DataError(DrltradeError, ValueError):
    """A price file or series is wrong: names the file, the row, the column and the value."""


class DeviceError(DrltradeError, RuntimeError):
    """A device was asked for that this machine does not have."""


class StorageError(DrltradeError, OSError):
    """A file could not be written (a full disk, say): names it, and what is kept."""


class TrainingError(DrltradeError, ArithmeticError):
    """Training left the finite numbers: names the gradient step, and what to change."""
