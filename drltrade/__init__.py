"""Deep reinforcement learning for trading: exact markets, agents that learn, honest backtests.

The names in `__init__.pyi` are loaded when they are first used, so that `import drltrade` stays
quick. Importing the package makes `gymnasium.make("drltrade/Trading-v0")` work.
"""

from typing import Any

import lazy_loader

from drltrade.registration import register

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]

register()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("drltrade")
    return _lazy(name)
