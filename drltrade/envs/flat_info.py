"""Infos of numbers alone, for clients that make tensors of them, such as TorchRL."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def flat_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """The same info without dicts and dates within it.

    `costs` becomes `cost_commission` ..., with the masks that Gymnasium's vectors put beside them,
    and `time` int64 nanoseconds since 1970; what the last step of an episode leaves in `final_info`
    is made flat in its place.
    """
    flat: dict[str, Any] = {}
    for key, value in info.items():
        if key == "costs":
            masked = {part[1:]: mask for part, mask in value.items() if part.startswith("_")}
            flat |= {f"cost_{part}": v for part, v in value.items() if not part.startswith("_")}
            flat |= {f"_cost_{part}": mask for part, mask in masked.items()}
        elif key == "time":
            dated = isinstance(value, np.ndarray) and value.dtype.kind == "M"
            flat[key] = value.view(np.int64) if dated else _nanoseconds(value)
        elif key == "final_info":
            flat[key] = flat_info(value)
        elif key != "_costs":
            flat[key] = value
    # Python's own floats, of one environment, have no dtype, which is asked for.
    return {key: np.float64(v) if type(v) is float else v for key, v in flat.items()}


def _nanoseconds(time: Any) -> Any:
    """Of a date; of a vector on a device it is a number already."""
    return np.int64(time.as_unit("ns").value) if isinstance(time, pd.Timestamp) else time
