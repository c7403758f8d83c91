"""Deep reinforcement learning for trading: exact markets, agents that learn, honest backtests.

The names below are loaded when they are first used, so that `import drltrade` stays quick.
Importing the package makes `gymnasium.make("drltrade/Trading-v0")` work.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from drltrade.registration import register

if TYPE_CHECKING:
    from drltrade.data.bars import Bars as Bars
    from drltrade.data.catalog import load_bars as load_bars
    from drltrade.errors import ConfigError as ConfigError
    from drltrade.errors import DataError as DataError
    from drltrade.errors import DeviceError as DeviceError
    from drltrade.errors import DrltradeError as DrltradeError
    from drltrade.experiment.backtest import Backtest as Backtest
    from drltrade.experiment.backtest import backtest as backtest
    from drltrade.experiment.presets import make_env as make_env
    from drltrade.experiment.presets import make_vec_env as make_vec_env
    from drltrade.experiment.run import Run as Run
    from drltrade.experiment.run import load_run as load_run
    from drltrade.experiment.run import train as train
    from drltrade.features.audit import audit as audit
    from drltrade.features.table import FeatureStream as FeatureStream
    from drltrade.features.table import feature_table as feature_table
    from drltrade.features.table import feature_tables as feature_tables

_HOMES = {
    "Bars": "drltrade.data.bars",
    "load_bars": "drltrade.data.catalog",
    "ConfigError": "drltrade.errors",
    "DataError": "drltrade.errors",
    "DeviceError": "drltrade.errors",
    "DrltradeError": "drltrade.errors",
    "Backtest": "drltrade.experiment.backtest",
    "backtest": "drltrade.experiment.backtest",
    "make_env": "drltrade.experiment.presets",
    "make_vec_env": "drltrade.experiment.presets",
    "Run": "drltrade.experiment.run",
    "load_run": "drltrade.experiment.run",
    "train": "drltrade.experiment.run",
    "audit": "drltrade.features.audit",
    "FeatureStream": "drltrade.features.table",
    "feature_table": "drltrade.features.table",
    "feature_tables": "drltrade.features.table",
}

__all__ = sorted([*_HOMES, "__version__"])

register()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("drltrade")
    if name not in _HOMES:
        raise AttributeError(f"module 'drltrade' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


class _CallablePackage(ModuleType):
    """`drltrade.backtest` is a folder of modules and, called, the function of that name.

    Both names are fixed; Python binds the folder to the attribute as soon as anything in it is
    imported, so it is the folder that learns to be called.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = importlib.import_module(_HOMES["backtest"]).backtest
        return function(*args, **kwargs)


def _callable_backtest() -> ModuleType:
    package = importlib.import_module("drltrade.backtest")
    package.__class__ = _CallablePackage
    return package


class _Package(ModuleType):
    """Hands out the subpackage `backtest` in its callable form."""

    @property
    def backtest(self) -> ModuleType:
        return _callable_backtest()

    @backtest.setter
    def backtest(self, module: ModuleType) -> None:
        """Python's own binding of the subpackage; the property finds it in `sys.modules`."""


sys.modules[__name__].__class__ = _Package
