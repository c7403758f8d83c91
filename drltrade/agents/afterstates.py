"""Values of positions after the trade, where the reward of every position is known.

Let W(m, a) be what holding position a is worth from the fill on, given the market's state m. The
market goes its way whatever is held, and the reward of a trade from p to a is known, so the optimal
policy trades to argmax over a of trade(p, a) + W(m, a), and

    W(m_t, a) = E[ held_t(a) + gamma max over a' of ( trade_{t+1}(a, a') + W(m_{t+1}, a') ) ].

Everything inside the expectation can be computed in hindsight for every a from one bar: there is
nothing to explore. Theory: Sinclair et al. 2023, "Hindsight learning for MDPs with exogenous
inputs" (ICML); afterstates: Sutton & Barto 2018, section 6.8.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor


def lambda_returns(
    held: Tensor, trade: Tensor, values: Tensor, preference: Tensor, gamma: float, lam: float
) -> Tensor:
    """Y_t(a) = held_t(a) + gamma (trade_t(a, a*) + W_{t+1}(a*) + lam (Y_{t+1}(a*) - W_{t+1}(a*))).

    with a* = argmax over a' of trade_t(a, a') + preference_{t+1}(a'), the greedy trade; beyond the
    last t there is no Y, and W alone. The lambda-return (Sutton & Barto 2018, eq. 12.2) along the
    greedy path from every position.

    Args:
        held: [B, L, N, P] rewards of holding each of P positions in each of N assets from t on.
        trade: [B, L, N, P, P] rewards of trading from position to position at the end of that step.
        values: [B, L + 1, N, P] W of the bars t.
        preference: [B, L + 1, N, P] what to choose by in place of W: under a budget, W less the
            price of what a position uses of it. Without one, W.
        gamma: discount.
        lam: lambda.

    Returns:
        [B, L, N, P]
    """
    if held.device.type == "cpu":
        returns = torch.empty_like(held)
        _kernel()(
            held.numpy(), trade.numpy(), values.numpy(), preference.numpy(), gamma, lam,
            returns.numpy(),
        )  # fmt: skip
        return returns
    return lambda_returns_reference(held, trade, values, preference, gamma, lam)


def lambda_returns_reference(
    held: Tensor, trade: Tensor, values: Tensor, preference: Tensor, gamma: float, lam: float
) -> Tensor:
    """The same in tensor operations, for any device and dtype."""
    returns = torch.empty_like(held)
    following = values[:, -1]
    for t in reversed(range(held.shape[1])):
        best = (trade[:, t] + preference[:, t + 1].unsqueeze(-2)).argmax(-1, keepdim=True)
        paid = trade[:, t].gather(-1, best).squeeze(-1)
        expected = values[:, t + 1]
        mixed = expected + lam * (following - expected)
        returns[:, t] = held[:, t] + gamma * (paid + mixed.gather(-1, best.squeeze(-1)))
        following = returns[:, t]
    return returns


@cache
def _kernel() -> Any:
    from drltrade.market.kernel_cache import kernel

    @kernel("lambda returns")
    def returns(
        held: Any, trade: Any, values: Any, preference: Any, gamma: Any, lam: Any, out: Any
    ) -> None:
        batch, length, assets, positions = held.shape
        for b in range(batch):
            for back in range(length):
                t = length - 1 - back
                for i in range(assets):
                    for p in range(positions):
                        chosen = 0
                        best = trade[b, t, i, p, 0] + preference[b, t + 1, i, 0]
                        for a in range(1, positions):
                            worth = trade[b, t, i, p, a] + preference[b, t + 1, i, a]
                            if worth > best:
                                best = worth
                                chosen = a
                        value = values[b, t + 1, i, chosen]
                        if back > 0:
                            value += lam * (out[b, t + 1, i, chosen] - value)
                        value += trade[b, t, i, p, chosen]
                        out[b, t, i, p] = held[b, t, i, p] + gamma * value

    return returns


def price_of_budget(
    preference: Tensor, sizes: Tensor, limit: float, rounds: int = 40
) -> tuple[Tensor, Tensor]:
    """The choice among positions of several assets that fits a budget of gross weight.

    Maximises the sum of preferences subject to a sum of sizes of at most `limit`, by the multiplier
    lambda of Lagrange: each asset takes argmax of preference - lambda size, and bisection finds the
    least lambda at which they fit (Everett 1963, "Generalized Lagrange multiplier method"). What is
    left over, because positions come in steps, is not used.

    Args:
        preference: [B, N, P].
        sizes: [P] absolute weights, of which one at least is 0.
        limit: gross weight.
        rounds: halvings of the bracket.

    Returns:
        (positions chosen [B, N], lambda [B]).
    """
    unit = sizes[sizes > 0].min()
    spread = preference.amax((1, 2)) - preference.amin((1, 2))
    low, high = torch.zeros_like(spread), spread / unit + 1e-12

    def chosen(price: Tensor) -> tuple[Tensor, Tensor]:
        best = (preference - price[:, None, None] * sizes).argmax(-1)
        return best, sizes[best].sum(-1) <= limit * (1.0 + 1e-6)

    _, fits = chosen(low)
    high = torch.where(fits, low, high)
    for _ in range(rounds):
        middle = 0.5 * (low + high)
        _, fits = chosen(middle)
        low, high = torch.where(fits, low, middle), torch.where(fits, middle, high)
    return chosen(high)[0], high
