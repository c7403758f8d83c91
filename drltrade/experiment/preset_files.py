"""Presets as files: TOML in `envs/` and `agents/`, of the workspace first, then of the package.

What is in them is not looked at here: so that a name that is none is told at once.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from drltrade.agents.installed import SB3
from drltrade.errors import ConfigError, listed, suggestion
from drltrade.functions import in_file
from drltrade.workspace import packaged, search_path

Kind = Literal["envs", "agents"]
Values = dict[str, Any]


def list_presets(kind: Kind) -> dict[str, Path]:
    """Name -> file; the workspace's hide the packaged ones of the same name."""
    found: dict[str, Path] = {}
    for folder in reversed(search_path(kind)):
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return dict(sorted(found.items()))


def read_preset(kind: Kind, name: str) -> tuple[Values, str]:
    """The raw values of a preset, those it `extends` underneath, and the file they came from.

    Args:
        kind: "envs" or "agents".
        name: of a preset, or the path of a TOML file; for agents also sb3:NAME or file.py:Class,
            which take all of the algorithm's own defaults.

    Raises:
        ConfigError: there is no such preset, or the file is no valid TOML.
    """
    if kind == "agents" and (name.startswith(SB3) or in_file(name)):
        return {"algorithm": name}, name
    return _read(kind, _find(kind, name), ())


def _find(kind: Kind, name: str, beside: Path | None = None) -> Path:
    """The file of a preset; a file that extends its own name (`beside`) means the packaged one."""
    if name.endswith(".toml"):
        return beside.parent / name if beside is not None else Path(name)
    if kind == "agents" and name.endswith(".py"):
        raise ConfigError(f"--agent {name}: name the class in it, too: {name}:Class")
    presets = list_presets(kind)
    if beside is not None and beside.stem == name:
        presets = {path.stem: path for path in sorted(packaged(kind).glob("*.toml"))}
    if name not in presets:
        raise ConfigError(
            f"no preset {name!r} in {kind}/{suggestion(name, presets)} (there are: "
            f"{listed(presets, name)}; or give the path of a TOML file)"
        )
    return presets[name]


def _read(kind: Kind, path: Path, above: tuple[Path, ...]) -> tuple[Values, str]:
    if path.resolve() in above:
        raise ConfigError(f"{path}: extends itself, by way of {above[-1]}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    if base := values.pop("extends", None):
        found = _find(kind, str(base), beside=path)
        values = merge(_read(kind, found, (*above, path.resolve()))[0], values)
    return values, str(path)


def preset_name(name: str) -> str:
    """What to call a preset, or the file of one, in a report or a folder's name."""
    if own := in_file(name):
        return f"{own.file.stem}-{own.name}"
    return Path(name).stem.replace(":", "-")


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """`over` laid upon `base`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def parse_assignments(assignments: Sequence[str]) -> Values:
    """["costs.commission_bps=5", ...] -> nested values, each read as TOML, else as text."""
    values: Values = {}
    for text in assignments:
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text!r}: key.path=value is needed")
        try:
            value = tomllib.loads(f"value = {raw}")["value"]
        except tomllib.TOMLDecodeError:
            value = raw.strip()
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        values = merge(values, value)
    return values


def overridden(where: str, overrides: Mapping[str, Any]) -> str:
    """The place of values that overrides are laid upon, for errors."""
    return f"{where} with {', '.join(overrides)} overridden" if overrides else where
