"""Rewards: what the account gained over one bar, in the form the agent is paid."""

from typing import Any, Literal

Reward = Literal["log_return"]


def log_return(log: Any, equity: Any, next_equity: Any) -> Any:
    """log(E' / E). Over an episode these sum to log(final equity / initial equity).

    Args:
        log: the logarithm of the array library (`math.log`, `numpy.log`, `torch.log`).
        equity: at the close of t, money.
        next_equity: at the close of t + 1, money.
    """
    return log(next_equity / equity)
