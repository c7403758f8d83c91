"""Thousands of accounts on one market at once, as tensors on a device.

The market stays on the device; an account is a time index and a row of numbers. A step reads the
tape by index, calls the accounting rule, and restarts the accounts whose episode is over. On the
CPU the rule is the compiled one, which writes the rows in place; on a GPU it is the tensor one, and
nothing waits for the host, so that steps queue up without synchronisation.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from drltrade.market.account import make_rule
from drltrade.market.advance import BRIEF, advance_kernel, make_room
from drltrade.market.kernels import (
    ACCOUNT_REPORT,
    ACCOUNT_STATE,
    ASSET_REPORT,
    report_size,
    state_size,
)
from drltrade.market.namespaces import torch_namespace
from drltrade.market.reward_spec import make_reward
from drltrade.market.rewards import Outcome
from drltrade.market.rules import Rules, Starts
from drltrade.market.standing import account_features, make_standing
from drltrade.market.state import COST_PARTS, Account, Bar
from drltrade.market.tensors import Market


class Transition(NamedTuple):
    """What a step of n accounts led to, before the finished ones were restarted."""

    reward: Tensor
    """[n] float64."""
    terminated: Tensor
    """[n] bool: the account was ruined."""
    truncated: Tensor
    """[n] bool: the episode's time was up, or the period's last bar reached."""
    account: Tensor
    """[n, 3 N + 1] float32, what the agent is told of its account after the step."""


class Simulator:
    """n accounts, each somewhere in the rows of one period of a market."""

    def __init__(
        self,
        market: Market,
        rules: Rules,
        *,
        spans: Sequence[range],
        n_envs: int,
        episode_length: int | tuple[int, int] | None,
        device: torch.device,
        generator: torch.Generator,
        starts: Starts = "uniform",
        twins: int = 1,
        detailed: bool = True,
    ) -> None:
        """Place `n_envs` accounts.

        Args:
            market: the bars.
            rules: costs, fill, equity and reward.
            spans: rows that this simulator may show. An episode stays in one of them: its first
                decision is made at or after the span's first row, and it is marked at the latest at
                its last.
            n_envs: n.
            episode_length: steps an episode lasts, or their bounds; random starts. None: whole
                spans.
            device: where everything lives.
            generator: on `device`; draws the starts and lengths.
            starts: uniform over all rows; or stratified, where account i draws from the i-th of n
                equal blocks, so that all times are seen equally often.
            twins: accounts in a row that meet the same bars: they draw the same episodes, and when
                one is ruined the episode is truncated for the others. Divides n.
            detailed: whether `report` holds all its columns, rather than log return and ruin alone.
        """
        self.rules, self.n_envs, self.device, self.generator = rules, n_envs, device, generator
        self.rows = range(min(span[0] for span in spans), max(span[-1] for span in spans) + 1)
        self.assets, self._starts, self._length = market.assets, starts, episode_length
        self._twins = twins
        self.features = torch.from_numpy(market.features).to(device)
        self._tape = torch.from_numpy(market.tape(rules.plan.fill)).to(device)
        self._place_spans(spans)
        fresh = torch.zeros(state_size(self.assets), dtype=torch.float64)
        fresh[: len(ACCOUNT_STATE)] = rules.initial_equity
        self._fresh = fresh.to(device)
        self._orders = torch.zeros(n_envs, 2 * self.assets, dtype=torch.float64, device=device)
        self._plain = rules.reward in ("log_return", {"log_return": 1.0})
        self.detailed = detailed or not self._plain
        self._no_features = np.zeros((1, 0), np.float32)
        self._terms, self._room = rules.terms.table(self.assets), make_room(self.assets)
        self._compile()
        self.reset()

    def _compile(self) -> None:
        """Make what is not kept with a simulator that is pickled, but made anew."""
        rules = self.rules
        self._reward = make_reward(torch, rules.reward)
        if self.device.type == "cpu":
            self._kernel = advance_kernel(rules.plan, detailed=self.detailed)
        else:
            self._rule = make_rule(torch_namespace(rules.plan.single), rules.plan)
            self._standing = make_standing(torch_namespace(rules.plan.single), lambda f: f)
            self._tensors = rules.terms.on(self.device)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_reward", "_kernel", "_rule", "_standing", "_tensors", "generator")
        state = {key: value for key, value in vars(self).items() if key not in made}
        return state | {"random": self.generator.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        random = state.pop("random")
        self.__dict__ |= state
        self.generator = torch.Generator(self.device)
        self.generator.set_state(random)
        self._compile()

    def _place_spans(self, spans: Sequence[range]) -> None:
        """Number the possible starts of all spans consecutively."""
        shortest = self._length if isinstance(self._length, int) else (self._length or (None,))[0]
        first, last, choices = [], [], []
        for span in spans:
            steps = len(span) - 1
            first.append(span[0])
            last.append(span[-1])
            choices.append(max(steps - (shortest or steps), 0) + 1)
        self._first = torch.tensor(first, device=self.device)
        self._last = torch.tensor(last, device=self.device)
        ends = torch.tensor(choices, device=self.device).cumsum(0)
        self._upto, self._choices = ends, int(ends[-1])

    # An account's numbers, as views of the rows. After a step, `report` [n, R] holds what happened
    # in it (see `kernels.ACCOUNT_REPORT`), before restarts.

    @property
    def cash(self) -> Tensor:
        """[n] money."""
        return self.state[:, 0]

    @property
    def equity(self) -> Tensor:
        """[n] money, at the last close."""
        return self.state[:, 1]

    @property
    def units(self) -> Tensor:
        """[n, N] shares."""
        return self._block(0)

    def _block(self, number: int) -> Tensor:
        start = len(ACCOUNT_STATE) + number * self.assets
        return self.state[:, start : start + self.assets]

    def reset(self) -> None:
        """Start every account anew."""
        self.t, self.left = self._draw()
        self.state = self._fresh.repeat(self.n_envs, 1)
        self.account = torch.zeros(self.n_envs, account_features(self.assets), device=self.device)
        self._memory = tuple(
            torch.full_like(self.equity, number) for number in self._reward.initial
        )

    def place(self, t: Tensor, weights: Tensor) -> None:
        """Begin a step of every account where one asks for it, instead of where an episode leads.

        Args:
            t: [n] rows at whose close the accounts stand; not the last of a span.
            weights: [n, N] of the initial equity, held since that close.
        """
        self.t, self.left = t.clone(), torch.ones_like(t)
        close = self._tape.index_select(0, t)[:, self.assets : 2 * self.assets]
        weights = weights.to(torch.float64)
        equity = self.rules.initial_equity
        self.state = self._fresh.repeat(self.n_envs, 1)
        self.state[:, 0] = equity * (1.0 - weights.sum(1))
        held = weights != 0.0
        self._block(0)[:] = equity * weights / close
        self._block(1)[:] = torch.where(held, close, 0.0)
        self._block(2)[:] = held.double()

    def _draw(self) -> tuple[Tensor, Tensor]:
        """(first rows, lengths) of n episodes, [n] each."""
        start, length = self._drawn(self.n_envs // self._twins)
        return start.repeat_interleave(self._twins), length.repeat_interleave(self._twins)

    def _drawn(self, n: int) -> tuple[Tensor, Tensor]:
        """(first rows, lengths) of n different episodes, [n] each."""
        options = {"generator": self.generator, "device": self.device}
        if self._starts == "uniform" or self._choices < n:
            pick = torch.randint(self._choices, (n,), **options)  # type: ignore[call-overload]
        else:
            within = torch.rand(n, dtype=torch.float64, **options)  # type: ignore[call-overload]
            block = torch.arange(n, device=self.device) + within
            pick = (block * (self._choices / n)).long().clamp_max(self._choices - 1)
        span = torch.searchsorted(self._upto, pick, right=True)
        before = torch.where(span > 0, self._upto[span - 1], 0)
        start = self._first[span] + pick - before
        most = self._last[span] - start
        if self._length is None:
            return start, most
        if isinstance(self._length, int):
            return start, most.clamp_max(self._length)
        low, high = self._length
        length = torch.randint(low, high + 1, (n,), **options)  # type: ignore[call-overload]
        return start, torch.minimum(most, length)

    def advance(self, target: Tensor, amount: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Carry every account one bar on, without restarts.

        Args:
            target: [n] (one asset) or [n, N] float64 weights; NaN holds.
            amount: likewise, units to buy where there is no target.

        Returns:
            (report [n, R], account [n, 3 N + 1] float32).
        """
        orders, n = self._orders, self.assets
        orders[:, :n] = target.reshape(self.n_envs, n)
        if amount is not None:
            orders[:, n:] = amount.reshape(self.n_envs, n)
        elif self.rules.plan.takes_amounts:
            orders[:, n:] = 0.0
        if self.device.type != "cpu":
            return self._advance_tensors(orders)
        columns = report_size(self.assets) if self.detailed else BRIEF
        report = torch.empty(self.n_envs, columns, dtype=torch.float64)
        account = torch.empty(self.n_envs, account_features(self.assets))
        self._kernel(
            self._tape.numpy(), self._terms, self._no_features, self.rules.floor, self._room,
            orders.numpy(), self.state.numpy(), report.numpy(), self.t.numpy(), account.numpy(),
        )  # fmt: skip
        return report, account

    def _advance_tensors(self, orders: Tensor) -> tuple[Tensor, Tensor]:
        """The same in tensor operations."""
        n, single = self.assets, self.rules.plan.single
        row = self._tape.index_select(0, self.t)

        def blocks(rows: Tensor, first: int, count: int) -> list[Tensor]:
            parts = [rows[:, first + k * n : first + (k + 1) * n] for k in range(count)]
            return [part[:, 0] for part in parts] if single else parts

        fill, close, later, start, high, low, volume, later_volume, ended = blocks(row, 0, 9)
        bar = Bar(
            fill, close, later, row[:, 9 * n], start, high, low, volume, later_volume, ended > 0.0
        )
        units, entry, age, pressure, pending = blocks(self.state, len(ACCOUNT_STATE), 5)
        target, amount = blocks(orders, 0, 2)
        account = Account(self.cash, units, entry, pressure, pending)
        step = self._rule(account, target, amount, bar, self.rules.floor, self._tensors)
        after, equity = step.account, step.equity
        age = self._standing.aged(age, units, after.units)
        peak = torch.maximum(self.state[:, 2], equity)
        worth = equity if single else equity[:, None]
        seen = self._standing.of_asset(after.units, after.entry, age, later, worth)
        none = torch.zeros_like(equity)
        exited = (step.exit_units != 0.0).double()
        exited = exited if single else exited.sum(1)
        figures = {
            "log_return": torch.log(equity / self.equity), "ruined": step.ruined.double(),
            "equity": equity, "cash": after.cash, "turnover": step.turnover,
            "forgiven": step.forgiven, "exited": exited,
            **{part: getattr(step, part) + none for part in COST_PARTS},
        }  # fmt: skip
        fills = torch.where(step.traded != 0.0, fill, torch.nan)
        exits = torch.where(step.exit_units != 0.0, step.exit_price, torch.nan)
        by_asset = (
            after.units, after.units * later / worth, fills, exits, step.traded, step.exit_units
        )  # fmt: skip
        report = _row([figures[name] for name in ACCOUNT_REPORT], by_asset, single)
        self.state = _row(
            [after.cash, equity, peak],
            (after.units, after.entry, age, after.pressure, after.pending), single,
        )  # fmt: skip
        drawdown = 1.0 - equity / peak
        return report, _row([], (*seen, drawdown if single else drawdown[:, None]), single).float()

    @torch.no_grad()
    def step(self, target: Tensor, amount: Tensor | None = None) -> Transition:
        """Carry all accounts one bar on and restart those whose episode ended."""
        transition = self.play(target, amount)
        done = transition.truncated | transition.terminated
        if self._twins > 1:
            done = done.view(-1, self._twins).any(1).repeat_interleave(self._twins)
            transition = transition._replace(truncated=done & ~transition.terminated)
        # On a GPU the question whether any is done would wait for the device; the answer costs more
        # than restarting none.
        if self.device.type != "cpu" or bool(done.any()):
            self.restart(done)
        return transition

    @torch.no_grad()
    def play(self, target: Tensor, amount: Tensor | None = None) -> Transition:
        """Carry all accounts one bar on and leave the finished ones where they are."""
        before = None if self._plain else self.state[:, 1:3].clone()
        report, account = self.advance(target, amount)
        ruined = report[:, 1] > 0.0
        reward = report[:, 0] if before is None else self._rewarded(report, *before.unbind(1))
        self.t, self.left, self.account = self.t + 1, self.left - 1, account
        self.report = report
        return Transition(reward, ruined, (self.left <= 0) & ~ruined, account)

    def _rewarded(self, report: Tensor, before: Tensor, peak: Tensor) -> Tensor:
        weights = len(ACCOUNT_REPORT) + ASSET_REPORT.index("weights") * self.assets
        first = ACCOUNT_REPORT.index(COST_PARTS[0])
        outcome = Outcome(
            initial_equity=self.rules.initial_equity,
            equity=before,
            next_equity=report[:, 2],
            peak=peak,
            next_peak=self.state[:, 2],
            turnover=report[:, ACCOUNT_REPORT.index("turnover")] / before,
            cost=report[:, first : first + len(COST_PARTS)].sum(1),
            exposure=report[:, weights : weights + self.assets].abs().sum(1),
        )
        self._memory, reward = self._reward.step(self._memory, outcome)
        return reward  # type: ignore[no-any-return]

    def restart(self, done: Tensor) -> None:
        """Give the accounts marked in `done` [n] a fresh start."""
        if self.device.type == "cpu":
            self._restart(done.nonzero()[:, 0])
            return
        start, length = self._draw()
        self.t = torch.where(done, start, self.t)
        self.left = torch.where(done, length, self.left)
        self.account = torch.where(done[:, None], 0.0, self.account)
        self.state = torch.where(done[:, None], self._fresh, self.state)
        self._memory = tuple(
            torch.where(done, initial, memory)
            for initial, memory in zip(self._reward.initial, self._memory, strict=True)
        )

    def _restart(self, which: Tensor) -> None:
        """The same for few of many accounts, by index, which has to know how many they are."""
        start, length = self._draw()
        self.t[which], self.left[which] = start[which], length[which]
        self.state[which], self.account = self._fresh, self.account.clone()
        self.account[which] = 0.0
        memory = tuple(part.clone() for part in self._memory)
        for part, initial in zip(memory, self._reward.initial, strict=True):
            part[which] = initial
        self._memory = memory


def _row(numbers: Sequence[Tensor], blocks: Sequence[Tensor], single: bool) -> Tensor:
    """[n, ...] account numbers, then the assets' blocks, side by side."""
    if single:
        return torch.stack((*numbers, *blocks), 1)
    return torch.cat((*(number[:, None] for number in numbers), *blocks), 1)
