"""What indicators remember between calls, so that bars may come one by one."""

import numpy as np

from drltrade.features.arrays import Floats


class Memory:
    """What the steps of a computation have to know of the bars before those at hand.

    The steps ask for it in the same order at every call, and each has its own place:

        memory = Memory()
        rsi(close[:100], 14, memory)
        memory.resume()
        rsi(close[100:], 14, memory)  # as the rest of rsi(close, 14), bit for bit
    """

    def __init__(self) -> None:
        self._kept: list[Floats] = []
        self._place = 0

    def resume(self) -> None:
        """Begin with the first step again, for the bars that follow."""
        self._place = 0

    def before(self, x: Floats, n: int) -> Floats:
        """x [T] and the n values before it: [n + T], NaN before the very first."""
        kept = self.state(n, np.nan)
        values = np.concatenate([kept, x])
        kept[:] = values[len(values) - n :]
        return values

    def state(self, size: int, initial: float = 0.0) -> Floats:
        """[size] numbers of a step, `initial` at first, to be changed in place."""
        if self._place == len(self._kept):
            self._kept.append(np.full(size, initial))
        self._place += 1
        return self._kept[self._place - 1]
