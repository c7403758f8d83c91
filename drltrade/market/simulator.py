"""Thousands of accounts on one market at once, as tensors on a device.

The market stays on the device; an account is a time index and a handful of numbers. A step reads
prices by index, calls the accounting rule, and restarts the accounts whose episode is over. Nothing
in it waits for the host, so on a GPU steps queue up without synchronisation.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from drltrade.market.account import RUIN, Fill, Rates, Step, make_rule
from drltrade.market.rewards import log_return
from drltrade.market.tensors import Market

ACCOUNT_FEATURES = 4
"""position, unrealised return, tenure, drawdown: see `account.Standing`."""


class Transition(NamedTuple):
    """What a step of n accounts led to, before the finished ones were restarted. Each [n]."""

    reward: Tensor
    """float64."""
    terminated: Tensor
    """bool: the account was ruined."""
    truncated: Tensor
    """bool: the episode's time was up, or the period's last bar reached."""
    account: Tensor
    """[n, 4] float32, the account after the step."""


class Prices(NamedTuple):
    """What the rule needs to know of one bar; each [n], float64."""

    fill: Tensor
    close: Tensor
    next_close: Tensor
    years: Tensor


class Simulator:
    """n accounts, each somewhere in the rows of one period of a market."""

    def __init__(
        self,
        market: Market,
        *,
        rows: range,
        n_envs: int,
        rates: Rates,
        fill: Fill,
        initial_equity: float,
        episode_length: int | None,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Place `n_envs` accounts.

        Args:
            market: the bars.
            rows: those that this simulator may show; the first decision is made at or after the
                first of them and the account is last marked at the last.
            n_envs: n.
            rates: costs.
            fill: fill rule.
            initial_equity: money each account starts with.
            episode_length: steps an episode lasts; random starts. None: the whole period.
            device: where everything lives.
            generator: on `device`; draws the starts.
        """
        self.rows, self.n_envs, self.rates = rows, n_envs, rates
        self.initial_equity, self.device, self.generator = initial_equity, device, generator
        steps = len(rows) - 1
        self.episode_length = min(episode_length or steps, steps)
        self.features = torch.from_numpy(market.features).to(device)
        self._close = torch.from_numpy(market.close).to(device)
        self._fill_price = torch.from_numpy(market.fill_price(fill)).to(device)
        self._years = torch.from_numpy(market.years).to(device)
        self._rule = make_rule(torch, fill)
        self._floor = RUIN * initial_equity
        self.reset()

    def reset(self) -> None:
        """Start every account anew."""
        self.t = self._starts()
        self.left = torch.full((self.n_envs,), self.episode_length, device=self.device)
        self.units = torch.zeros(self.n_envs, dtype=torch.float64, device=self.device)
        self.entry, self.age = self.units.clone(), self.units.clone()
        self.equity = torch.full_like(self.units, self.initial_equity)
        self.cash, self.peak = self.equity.clone(), self.equity.clone()
        self.account = torch.zeros(self.n_envs, ACCOUNT_FEATURES, device=self.device)

    def _starts(self) -> Tensor:
        last = self.rows[-1] - self.episode_length
        return torch.randint(
            self.rows[0], last + 1, (self.n_envs,), generator=self.generator, device=self.device
        )

    def advance(self, target: Tensor, prices: Prices | None = None) -> tuple[Step, Tensor]:
        """Run the rule over one bar for targets [n] (float64; NaN holds); -> (step, reward [n])."""
        at = prices or self.prices()
        step = self._rule.step(
            self.cash, self.units, target, at.fill, at.close, at.next_close, at.years,
            self._floor, self.rates,
        )  # fmt: skip
        return step, log_return(torch.log, self.equity, step.equity)

    def prices(self) -> Prices:
        """The bars where the accounts stand, each [n]."""
        t, u = self.t, self.t + 1
        return Prices(
            self._fill_price.index_select(0, t),
            self._close.index_select(0, t),
            self._close.index_select(0, u),
            self._years.index_select(0, t),
        )

    @torch.no_grad()
    def step(self, target: Tensor) -> Transition:
        """Carry all accounts one bar on and restart those whose episode ended."""
        prices = self.prices()
        step, reward = self.advance(target, prices)
        standing = self._rule.track(
            self.entry, self.age, self.peak, self.units, step.units, prices.fill,
            prices.next_close, step.equity,
        )  # fmt: skip
        account = torch.stack(
            (standing.position, standing.unrealised, standing.tenure, standing.drawdown), 1
        ).float()
        left = self.left - 1
        truncated = (left <= 0) & ~step.ruined
        done = truncated | step.ruined

        self.t, self.left, self.account = self.t + 1, left, account
        self.cash, self.units, self.equity = step.cash, step.units, step.equity
        self.entry, self.age, self.peak = standing.entry, standing.age, standing.peak
        # On a GPU the question whether any is done would wait for the device; the answer costs more
        # than restarting none.
        if self.device.type != "cpu" or bool(done.any()):
            self._restart(done)
        return Transition(reward, step.ruined, truncated, account)

    def _restart(self, done: Tensor) -> None:
        """Give the accounts marked in `done` [n] a fresh start."""
        self.t = torch.where(done, self._starts(), self.t)
        self.left = torch.where(done, self.episode_length, self.left)
        self.account = torch.where(done[:, None], 0.0, self.account)
        for name in ("cash", "equity", "peak"):
            setattr(self, name, torch.where(done, self.initial_equity, getattr(self, name)))
        for name in ("units", "entry", "age"):
            setattr(self, name, torch.where(done, 0.0, getattr(self, name)))
