"""Make `gymnasium.make("drltrade/Trading-v0")` work, without importing Gymnasium for nothing.

Gymnasium takes longer to import than the `drltrade` command may take to answer, and it has no entry
point for the environments of other packages. So the ids are registered at once where Gymnasium is
loaded already, and otherwise right after somebody imports it.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

ENTRY_POINTS = {
    "drltrade/Trading-v0": ("drltrade.envs.trading:TradingEnv", "drltrade.envs.vector:trading"),
    "drltrade/Portfolio-v0": (
        "drltrade.envs.portfolio:PortfolioEnv",
        "drltrade.envs.vector:portfolio",
    ),
}
"""Of `gymnasium.make` and of `gymnasium.make_vec`, which takes the second unless told otherwise."""


def register() -> None:
    """Tell Gymnasium of the environments, now or as soon as it is imported."""
    if "gymnasium" in sys.modules:
        _register_all(sys.modules["gymnasium"])
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _register_all(gymnasium: ModuleType) -> None:
    for name, (single, vector) in ENTRY_POINTS.items():
        if name not in gymnasium.registry:
            # The environments see to the order of calls themselves, and pass Gymnasium's checker in
            # the tests: neither needs a wrapper around every step.
            gymnasium.register(
                id=name, entry_point=single, vector_entry_point=vector, order_enforce=False,
                disable_env_checker=True,
            )  # fmt: skip


class _AfterImport:  # no MetaPathFinder: importlib.abc takes 16 ms to import
    """Finds Gymnasium once, the usual way, and has its loader register the ids when it is done."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _RegisteringLoader(spec.loader))
        return spec


class _RegisteringLoader:
    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on Gymnasium's own loader stands in: it knows more than to execute the module.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register_all(module)
