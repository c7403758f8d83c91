"""Many accounts of one policy side by side, each at its own bar: what they ask for, step by step.

Native policies, models of stable-baselines3 and the known optimum answer through the same three
methods, so that they are scored and drawn alike.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drltrade.agents.agent import PriceTakerPolicy
from drltrade.envs.actions import make_actions
from drltrade.envs.observations import windows
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.ground_truth import GroundTruth
from drltrade.market.standing import account_features

Floats = NDArray[np.float64]

PROBES = 64
"""Made-up bars that a policy is shown twice, in two orders, to see whether it remembers."""


class Player(Protocol):
    """A decision rule, asked for many accounts at once."""

    def begin(self, starts: NDArray[np.int64], steps: int) -> None:
        """Begin an episode of `steps` decisions at each of the rows `starts` [n]."""
        ...

    def targets(self, step: int, account: Tensor) -> Floats:
        """[n] target weights at the close of the rows `starts + step`, given accounts [n, A]."""
        ...


class Responder(Player, Protocol):
    """One whose targets are a function of what it is shown."""

    def response(self, bars: Tensor, account: Tensor) -> Floats:
        """[n] target weights after windows [n, W, F] that nothing came before."""
        ...


class NativePlayer:
    """A policy that reads market and account apart."""

    def __init__(self, policy: PriceTakerPolicy, task: Task) -> None:
        """`task` has the bars that episodes begin in."""
        self._policy, self._orders = policy, _Orders(task)
        self._table = windows(torch.from_numpy(task.market.features), task.config.window)
        self._before = task.config.window - 1
        self.remembers = _remembers(policy, task)

    def begin(self, starts: NDArray[np.int64], steps: int) -> None:
        """See `Player`. Each episode is encoded by itself, as a policy with a memory needs it."""
        each = [self._table[s : s + steps] for s in (starts - self._before).tolist()]
        self._embeddings = torch.stack([self._policy.encode(bars) for bars in each], 1)

    def targets(self, step: int, account: Tensor) -> Floats:
        """See `Player`."""
        return self._orders.targets(self._policy.decide(self._embeddings[step], account))

    def response(self, bars: Tensor, account: Tensor) -> Floats:
        """See `Player`."""
        return self._orders.targets(self._policy.decide(self._policy.encode(bars), account))


class SB3Player:
    """A model of stable-baselines3, which predicts for all accounts in one call."""

    def __init__(self, model: Any, task: Task) -> None:
        """`task` has the bars that episodes begin in."""
        from drltrade.envs.sb3 import shown_space

        self._model, self._orders = model, _Orders(task)
        space = self._orders.space
        shown = model.action_space != space and model.action_space == shown_space(space)
        self._space = space if shown else None
        self._table = windows(torch.from_numpy(task.market.features), task.config.window)
        self._before = task.config.window - 1
        seen = np.prod(task.observation_size) + account_features(task.market.assets)
        self.remembers = model.predict(np.zeros((1, int(seen)), np.float32))[1] is not None

    def begin(self, starts: NDArray[np.int64], steps: int) -> None:
        """See `Player`."""
        self._rows, self._state = torch.from_numpy(starts - self._before), None

    def targets(self, step: int, account: Tensor) -> Floats:
        """See `Player`; the hidden state of a recurrent model goes from step to step."""
        return self._asked(self._table[self._rows + step], account, first=step == 0)

    def response(self, bars: Tensor, account: Tensor) -> Floats:
        """See `Player`."""
        self._state = None
        return self._asked(bars, account, first=True)

    def _asked(self, bars: Tensor, account: Tensor, first: bool) -> Floats:
        from drltrade.envs.sb3 import market_actions

        actions, self._state = self._model.predict(
            torch.cat((bars.flatten(1), account), 1).numpy(), state=self._state,
            episode_start=np.full(len(bars), first), deterministic=True,
        )  # fmt: skip
        if self._space is not None:
            actions = market_actions(actions, self._space)
        return self._orders.targets(torch.from_numpy(actions))


class OptimalPlayer:
    """The known optimum."""

    def __init__(self, truth: GroundTruth, task: Task) -> None:
        """`task` has the bars that episodes begin in."""
        self._truth, self._states = truth, truth.states(task.market)

    def begin(self, starts: NDArray[np.int64], steps: int) -> None:
        """See `Player`."""
        self._rows = starts

    def targets(self, step: int, account: Tensor) -> Floats:
        """See `Player`."""
        return self._truth.act(self._states[self._rows + step], _held(account))


def player(policy: Any, task: Task) -> NativePlayer | SB3Player:
    """What plays a policy, or a model of stable-baselines3, on a task for one asset.

    Raises:
        ConfigError: it is neither.
    """
    if hasattr(policy, "predict"):
        return SB3Player(policy, task)
    if isinstance(policy, PriceTakerPolicy):
        return NativePlayer(policy, task)
    raise ConfigError(
        f"a {type(policy).__name__} cannot be asked for many accounts at once; a policy with "
        "encode and decide (see PriceTakerPolicy) and a model of stable-baselines3 can"
    )


def accounts(weights: Sequence[float] | Floats, tenure: float = 0.0) -> Tensor:
    """[n, A] what is told of accounts that hold `weights` [n], without profit or loss so far."""
    account = torch.zeros(len(weights), account_features(1))
    account[:, 0] = torch.as_tensor(weights)
    account[:, 2] = tenure
    return account


class _Orders:
    """Actions -> target weights of one asset."""

    def __init__(self, task: Task) -> None:
        assert task.trading
        self._actions = make_actions(task.config, task.market.symbols)
        self.space = self._actions.space

    def targets(self, actions: Tensor) -> Floats:
        orders = np.zeros((len(actions), 2))
        self._actions.many(actions.numpy(force=True), orders)
        return orders[:, 0].copy()


def _held(account: Tensor) -> Floats:
    held: Floats = account[:, 0].double().numpy()
    return held


def _remembers(policy: PriceTakerPolicy, task: Task) -> bool:
    """Whether what a policy makes of a bar depends on the bars that it was shown before."""
    bars = torch.randn(PROBES, *task.observation_size, generator=torch.Generator().manual_seed(0))
    forward, backward = policy.encode(bars), policy.encode(bars.flip(0)).flip(0)
    return not torch.allclose(forward, backward, rtol=1e-4, atol=1e-5)
