"""When to stop: validation has not improved for a while."""

import math
from dataclasses import dataclass, field


@dataclass
class EarlyStopping:
    """Remembers the best score (higher is better) and how many scores ago it was."""

    patience: int
    """Scores in a row without improvement after which to stop."""
    best: float = field(default=-math.inf, init=False)
    best_steps: int = field(default=0, init=False)
    since: int = field(default=0, init=False)

    def improved(self, score: float, steps: int) -> bool:
        """Take a score; true when it is the best so far."""
        if score > self.best:
            self.best, self.best_steps, self.since = score, steps, 0
            return True
        self.since += 1
        return False

    @property
    def exhausted(self) -> bool:
        """True when it is time to stop."""
        return self.since >= self.patience
