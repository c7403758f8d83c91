"""Where presets and embedded data lie: the current workspace first, then the package itself."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def packaged(kind: str) -> Path:
    """The folder `kind` ("envs", "agents", "data") that came with drltrade.

    An installed wheel carries it as `drltrade/packaged/<kind>`; in a checkout of the repository
    it is the folder of that name at the root.
    """
    inside = _PACKAGE / "packaged" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def search_path(kind: str) -> list[Path]:
    """Folders to look in for `kind`, in order: the current directory's, then the packaged one."""
    here = Path.cwd() / kind
    return [here, packaged(kind)] if here.is_dir() else [packaged(kind)]
