"""Figures of a training, as TensorBoard events and as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from drltrade.atomic import storing, write_atomic


class TrainingLog:
    """Collects one row of figures per report; writes `metrics.csv` and TensorBoard events."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path, self._folder = folder / "metrics.csv", folder / "tensorboard"
        self._rows: list[dict[str, float]] = []
        with storing(self._folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._events: Any = SummaryWriter(str(self._folder))

    def write(self, steps: int, figures: Mapping[str, float]) -> None:
        """Add a row."""
        self._rows.append({"steps": steps, **figures})
        with storing(self._folder):
            for name, value in figures.items():
                self._events.add_scalar(name, value, steps)

    def frame(self) -> pd.DataFrame:
        """All rows so far; a figure that a row lacks is NaN."""
        return pd.DataFrame(self._rows)

    def flush(self) -> None:
        """Make what was written durable."""
        with storing(self._folder):
            self._events.flush()
        frame = self.frame()
        write_atomic(self._path, lambda temporary: frame.to_csv(temporary, index=False))

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        with storing(self._folder):
            self._events.close()
