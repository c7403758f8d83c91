"""Deep reinforcement learning for trading: exact markets, agents that learn, honest backtests.

The names in `__init__.pyi` are loaded when they are first used, so that `import drltrade` stays
quick. Importing the package makes `gymnasium.make("drltrade/Trading-v0")` work.
"""

from typing import Any

import lazy_loader

from drltrade.registration import register

_load, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_names, "__version__"]

register()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("drltrade")
    if name not in __all__:
        raise AttributeError(f"module 'drltrade' has no attribute {name!r}")
    return _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
