"""Sources that prices are fetched from, by name: ours, and those of installed packages.

A package adds one in its pyproject.toml,

    [project.entry-points."drltrade.sources"]
    mine = "my_package:Mine"

where Mine(**options) has a `fetch` as `Source` describes.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from drltrade.data.sources.source import Busy, Fetched, NoData, Source
from drltrade.errors import ConfigError, suggestion

__all__ = ["Busy", "Fetched", "NoData", "Source", "available_sources", "open_source"]

GROUP = "drltrade.sources"


def _yahoo(**options: Any) -> Source:
    from drltrade.data.sources.yahoo import Yahoo

    return Yahoo(**options)


def _crypto(**options: Any) -> Source:
    from drltrade.data.sources.crypto import Crypto

    return Crypto(**options)


OURS: Mapping[str, Callable[..., Source]] = {"yahoo": _yahoo, "crypto": _crypto}


def available_sources() -> list[str]:
    """Names that `open_source` knows."""
    return sorted({*OURS, *(each.name for each in entry_points(group=GROUP))})


def open_source(name: str, options: Mapping[str, str]) -> Source:
    """A source by its name.

    Args:
        name: one of `available_sources`.
        options: its own keywords, such as the exchange of crypto.

    Raises:
        ConfigError: there is no such source, or it does not take such an option.
    """
    make: Any = OURS.get(name)
    if make is None:
        added = {each.name: each for each in entry_points(group=GROUP)}
        if name not in added:
            names = available_sources()
            raise ConfigError(
                f"source {name!r} is unknown{suggestion(name, names)} (there are "
                f"{', '.join(names)})"
            )
        make = added[name].load()
    try:
        source: Source = make(**options)
    except TypeError as error:
        raise ConfigError(f"source {name}: {error}") from None
    return source
