"""The prices in `info`: an array in which a price that is not there equals another such."""

from typing import Any

import numpy as np


class Prices(np.ndarray[Any, np.dtype[np.float64]]):
    """Prices by asset, float64, NaN where there is none.

    `==` and `np.allclose` find two of them equal where both lack a price. Gymnasium compares the
    infos of equal steps by these two (`gymnasium.utils.env_checker.data_equivalence`), and two
    steps in which nothing filled are equal. All else is NumPy's: `np.isnan` finds what is missing,
    and `!=` is true there.
    """

    __hash__ = None

    def __eq__(self, other: object) -> Any:
        """Elementwise; true where both lack a price."""
        if getattr(other, "__array_ufunc__", self) is None:  # who compares with arrays by itself
            return NotImplemented
        mine, theirs = self.view(np.ndarray), np.asarray(other)
        return (mine == theirs) | ((mine != mine) & (theirs != theirs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call NumPy's function; `allclose` and `isclose` find two missing prices equal."""
        if func in (np.allclose, np.isclose):
            kwargs = {"equal_nan": True} | kwargs
        return super().__array_function__(func, types, args, kwargs)
