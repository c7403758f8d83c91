"""Code of a user's own that a run needs: features, rewards and agents in files.

A run keeps a copy of each file and its sha256. To open a run executes none of it. Its market and
its policy need the features' and the agent's, and execute them only where this user has named that
very file before, to train with it, or says that the code is trusted: a run may come from anybody.
Which files a user has trained with is kept by their sha256, in the user's folder for caches
(`XDG_CACHE_HOME`).
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drltrade.atomic import write_atomic
from drltrade.errors import ConfigError
from drltrade.functions import in_file, load_function

_log = logging.getLogger(__name__)

FOLDER = "code"
"""Of a run, where it keeps the copies."""


def keep(folder: Path, sources: Iterable[str]) -> dict[str, dict[str, str]]:
    """Copy the files that are named into a run folder, and take them for the user's own.

    Args:
        folder: of the run.
        sources: "/full/path/file.py:name"; anything else is passed over.

    Returns:
        file -> {"copy": where in the folder, "sha256": of its bytes}, to be kept with the run.
    """
    files = list(dict.fromkeys(str(found.file) for each in sources if (found := in_file(each))))
    kept = {}
    for number, file in enumerate(files):
        content = Path(file).read_bytes()
        same = [other for other in files[:number] if Path(other).name == Path(file).name]
        name = f"{Path(file).stem}-{len(same) + 1}.py" if same else Path(file).name
        copy = folder / FOLDER / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        _write(copy, content)
        digest = hashlib.sha256(content).hexdigest()
        with contextlib.suppress(OSError):  # then it has to be said that the code is trusted
            _trusted().mkdir(parents=True, exist_ok=True)
            _write(_trusted() / digest, file.encode())
        kept[file] = {"copy": f"{FOLDER}/{name}", "sha256": digest}
    return kept


def _write(path: Path, content: bytes) -> None:
    write_atomic(path, lambda temporary: temporary.write_bytes(content))


@dataclass(frozen=True)
class OwnCode:
    """The files of a run.

    Attributes:
        folder: of the run.
        kept: what `keep` returned.
        trusted: whether they may be executed whoever wrote them.
    """

    folder: Path
    kept: Mapping[str, Mapping[str, str]]
    trusted: bool = False

    def load(self, source: str, what: str) -> Any:
        """The function or class that a run names, as it was when the run was trained.

        Raises:
            ConfigError: the code is unknown here and not trusted, or the run's copy is not what it
                was.
        """
        found = in_file(source)
        entry = self.kept.get(str(found.file)) if found else None
        if found is None or entry is None:
            raise ConfigError(f"{self.folder}: the run names {what} {source!r} and keeps no copy")
        copy = self.folder / FOLDER / Path(entry["copy"]).name
        now = _digest(found.file)
        code = found.file if now == entry["sha256"] else copy
        digest = _digest(code)
        if digest != entry["sha256"]:
            raise ConfigError(
                f"{copy}: {'is missing' if digest is None else 'has changed'} since the run was "
                f"trained, and so has {found.file}"
            )
        if not self.trusted and not (_trusted() / digest).is_file():
            raise ConfigError(
                f"{self.folder}: this run executes code, {what} {found.name!r} of {copy}, that "
                "you have not trained with here; read it, and if you trust it add --trust-code "
                "(in Python load_run(path, trust_code=True))"
            )
        if code == copy and now is not None:
            _log.warning(
                "%s has changed since %s was trained: the copy that the run keeps is used",
                found.file,
                self.folder,
            )
        return load_function(source, what, code)


def _digest(file: Path) -> str | None:
    """The sha256 of a file; None where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _trusted() -> Path:
    """The folder in which each file that this user has trained with has one by its sha256."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "drltrade" / "own-code"
