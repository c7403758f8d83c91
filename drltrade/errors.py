"""What can go wrong for reasons a user can mend. Each message says what was found and where."""

import difflib
from collections.abc import Iterable


def suggestion(name: object, allowed: Iterable[str]) -> str:
    """The question whether the allowed name closest to `name` was meant, or nothing.

    Of a key within a table, "costs.commission_bps", the last part alone does as well.
    """
    names = list(allowed)
    whole = {each.rpartition(".")[2]: each for each in reversed(names)} | {n: n for n in names}
    close = difflib.get_close_matches(str(name), list(whole), n=1)
    return f"; did you mean {whole[close[0]]!r}?" if close else ""


SHOWN = 16
"""Names that an error lists; of more, the nearest."""


def listed(allowed: Iterable[str], name: object = "") -> str:
    """Names that are allowed, for an error; of many, those closest to the one that was given."""
    names = list(dict.fromkeys(allowed))
    if len(names) <= SHOWN:
        return ", ".join(names)
    asked = difflib.SequenceMatcher(b=str(name).lower())

    def closeness(other: str) -> float:
        asked.set_seq1(other.lower())
        return -asked.ratio()

    nearest = sorted(names, key=closeness)[: SHOWN - 4]
    return f"{', '.join(nearest)} and {len(names) - len(nearest)} more"


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


class StrategyError(DrltradeError, RuntimeError):
    """A user's strategy failed: names its file, line and function, and the bar; `__cause__` is what
    it raised."""


class StorageError(DrltradeError, OSError):
    """A file could not be written (a full disk, say): names it, and what is kept."""


class TrainingError(DrltradeError, ArithmeticError):
    """Training left the finite numbers: names the gradient step, and what to change."""
