"""The arrays that indicators are computed on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
"""[T], oldest bar first."""
