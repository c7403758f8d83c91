"""Thousands of environments in one: Gymnasium's vector face of the batched simulator.

`gymnasium.make_vec("drltrade/Trading-v0", num_envs=4096)` and `drltrade.make_vec_env` build it. No
environment has an object of its own; a step is a handful of array operations, however many there
are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from drltrade.envs.actions import Actions
from drltrade.envs.flat_info import flat_info as flat
from drltrade.envs.observations import windows
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.prices import Prices
from drltrade.envs.single import MarketEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, DeviceError
from drltrade.market.kernels import ACCOUNT_REPORT, ASSET_REPORT, report_size
from drltrade.market.state import COST_PARTS

_EQUITY, _CASH, _EXITED = (ACCOUNT_REPORT.index(name) for name in ("equity", "cash", "exited"))
_COSTS = {part: ACCOUNT_REPORT.index(part) for part in COST_PARTS}


class MarketVectorEnv(VectorEnv[Any, Any, Any]):
    """n accounts, each playing episodes of its own; see `gymnasium.vector.VectorEnv`.

    **Actions, observations, rewards** are those of the single environment, stacked: observations
    [n, window * F + 3 N + 1] float32, rewards [n] float64, terminations and truncations [n] bool.
    A wrong action is an error that names its environment.

    **Infos** are the single environment's, an array to each key: `time` [n] (datetime64), `equity`
    and `cash` [n], `holdings`, `weights`, `fills` and `exits` [n, N], and `costs`, a dict of [n] by
    part. `_key` beside each tells which environments it speaks of; that of `exits`, where something
    was closed by force.

    **Episodes** start as the single environment's do. `reset(seed=)` seeds the starts of all
    environments together: the same seed and actions lead to the same episodes. When one is over:

    - `AutoresetMode.NEXT_STEP`: the next step ignores the environment's action and starts a new
      episode, with reward 0.
    - `AutoresetMode.SAME_STEP`: the step itself starts it; `final_obs` [n, ...] and `final_info`
      hold what the old one ended with, where `_final_obs` says so.
    - `AutoresetMode.DISABLED`: `reset(options={"reset_mask": mask})` starts it, [n] bool.

    **Device.** On the CPU all of this is numpy arrays. On any other device it is tensors that stay
    there, `time` being nanoseconds since 1970 (int64); a step does not wait for the device, but in
    AutoresetMode.DISABLED. There a wrong action is an assertion of the device, which torch reports
    later, and which ends the process's use of it.
    """

    def __init__(
        self,
        single: type[MarketEnv],
        num_envs: int = 1,
        task: Task | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        device: str | torch.device = "cpu",
        render_mode: None = None,
        flat_info: bool = False,
        **settings: Any,
    ) -> None:
        """Place n accounts; they wait for `reset`.

        Args:
            single: the environment that this is n of.
            num_envs: n.
            task: a prepared market to share, as for `single`.
            autoreset_mode: what happens when an episode is over.
            device: where the market and the accounts live.
            render_mode: there is none.
            flat_info: infos of numbers alone, as of `single`.
            settings: keys of the preset, as for `single`.

        Raises:
            ConfigError, DataError: see `single`. DeviceError: there is no such device.
        """
        if num_envs < 1:
            raise ConfigError(f"num_envs = {num_envs}: at least 1")
        one = single(task, **settings)
        self.task, self.config, self.num_envs = one.task, one.config, num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode(autoreset_mode)}
        self.render_mode, self.flat_info = render_mode, flat_info
        self.single_observation_space = one.observation_space
        self.single_action_space = one.action_space
        self.observation_space = batch_space(one.observation_space, num_envs)
        self.action_space = batch_space(one.action_space, num_envs)
        generator = _generator(device)
        self.device = generator.device
        whole = self.config.period != "train"
        self.simulator = self.task.simulator(
            num_envs, generator, period=self.config.period,
            episode_length=None if whole else self.config.episode_length,
        )  # fmt: skip
        self._actions, self._assets = one.actions, self.task.market.assets
        self._on_host = self.device.type == "cpu"
        times = torch.from_numpy(self.task.market.times.as_unit("ns").asi8.copy())
        self._times = times.to(self.device)
        self._everyone = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        first, size = len(ACCOUNT_REPORT), self._assets
        self._blocks = {
            name: slice(first + k * size, first + (k + 1) * size)
            for k, name in enumerate(ASSET_REPORT)
        }
        self._fresh = self._fresh_report().to(self.device)
        self._over: Tensor | None = None
        self._derive()

    def _derive(self) -> None:
        """Make what is not kept with an environment that is pickled, but made anew."""
        self._windows = windows(self.simulator.features, self.config.window).flatten(1, 2)
        gross = getattr(self.config, "gross_limit", None)
        self._tensor_orders = tensor_orders(self._actions, self._assets, gross, self.device)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_windows", "_tensor_orders")
        return {key: value for key, value in vars(self).items() if key not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._derive()

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """What happens when an episode is over."""
        mode: AutoresetMode = self.metadata["autoreset_mode"]
        return mode

    def action_masks(self) -> NDArray[np.bool_]:
        """[n, A] which of a list of actions have a use now; see `actions.Actions.masks`."""
        market = self.simulator
        if self._over is None:
            raise ConfigError("no episode has begun: call reset() first")
        row, equity = market.t.cpu().numpy(), market.equity.cpu().numpy()
        closes = self.task.market.close[row]
        weights = market.units.cpu().numpy() * closes / equity[:, None]
        return self._actions.masks(weights, self.task.market.tradable[row], equity, self.task.rules)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What each environment answers; see `gymnasium.vector.SyncVectorEnv.call`.

        Raises:
            AttributeError: there are no single environments; methods of all are called here, and
                attributes are those that all share.
        """
        if name == "action_masks":
            return tuple(self.action_masks())
        shared = {
            "observation_space": self.single_observation_space,
            "action_space": self.single_action_space,
        }
        value = shared[name] if name in shared else getattr(self, name)
        if callable(value) and not isinstance(value, spaces.Space):
            raise AttributeError(f"{name}: a {type(self).__name__} holds no single environments")
        return (value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each environment, which all share; see `call`."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute that all environments share; see `SyncVectorEnv.set_attr`.

        Raises:
            ConfigError: the environments' values differ. ValueError: there are more or fewer.
        """
        each = list(values) if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(each) != self.num_envs:
            raise ValueError(
                f"set_attr({name!r}): {len(each)} values for {self.num_envs} environments"
            )
        if any(value is not each[0] and value != each[0] for value in each):
            raise ConfigError(f"set_attr({name!r}): the environments share their attributes")
        setattr(self, name, each[0])

    def _fresh_report(self) -> Tensor:
        """[R] what is reported of an account at the start of its episode."""
        fresh = torch.zeros(report_size(self._assets), dtype=torch.float64)
        fresh[_EQUITY] = fresh[_CASH] = self.config.initial_equity
        fresh[self._blocks["fills"]] = fresh[self._blocks["exits"]] = torch.nan
        return fresh

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start new episodes; see `gymnasium.vector.VectorEnv.reset`.

        Args:
            seed: of all starts from here on.
            options: `reset_mask` [n] bool: which environments; default all. The infos then speak
                of these alone.

        Raises:
            ConfigError: another option, or a mask of another shape or type.
        """
        super().reset(seed=seed)
        chosen = self._chosen(options or {})
        if seed is not None:
            self.simulator.generator.manual_seed(seed)
        if self._over is None or chosen is self._everyone:
            chosen = self._everyone
            self.simulator.reset()
            self._over = torch.zeros_like(self._everyone)
        else:
            self.simulator.restart(chosen)
            self._over = self._over & ~chosen
        report = self._fresh.repeat(self.num_envs, 1)
        infos = self._infos(report, chosen.clone())
        return self._out(self._observe()), flat(infos) if self.flat_info else infos

    def _chosen(self, options: dict[str, Any]) -> Tensor:
        if odd := set(options) - {"reset_mask"}:
            raise ConfigError(f"reset: unknown options {sorted(odd)}; reset_mask is allowed")
        if options.get("reset_mask") is None:
            return self._everyone
        mask = torch.as_tensor(options["reset_mask"], device=self.device)
        if mask.shape != (self.num_envs,) or mask.dtype != torch.bool:
            raise ConfigError(
                f"reset: reset_mask of shape {tuple(mask.shape)} and {mask.dtype}; "
                f"({self.num_envs},) and bool are needed"
            )
        return mask

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry all environments one bar on; see `gymnasium.vector.VectorEnv.step`.

        Raises:
            ValueError: an action is wrong; names its environment.
            ConfigError: there was no reset; or, in AutoresetMode.DISABLED, an episode is over.
        """
        if self._over is None:
            raise ConfigError("no episode has begun: call reset() first")
        mode, market, over = self.metadata["autoreset_mode"], self.simulator, self._over
        if mode is AutoresetMode.DISABLED and bool(over.any()):
            raise ConfigError(
                f"the episode of environment {int(over.int().argmax())} is over: call "
                'reset(options={"reset_mask": ...}) first'
            )
        resetting = mode is AutoresetMode.NEXT_STEP and self._any(over)
        orders = self._orders(actions, over if resetting else None)
        led_to = market.play(orders[:, : self._assets], orders[:, self._assets :])
        reward, report = led_to.reward.clone(), market.report
        terminated, truncated = led_to.terminated, led_to.truncated
        infos = {}
        if resetting:
            market.restart(over)
            reward = torch.where(over, 0.0, reward)
            terminated, truncated = terminated & ~over, truncated & ~over
            report = self._begun(report, over)
        self._over = terminated | truncated
        if mode is AutoresetMode.SAME_STEP and self._any(self._over):
            infos = self._finals(report, self._over.clone())
            market.restart(self._over)
            report = self._begun(report, self._over)
        infos |= self._infos(report, self._everyone.clone())
        observations = self._observe()
        told = flat(infos) if self.flat_info else infos
        return *map(self._out, (observations, reward, terminated, truncated)), told

    def _any(self, mask: Tensor) -> bool:
        """Whether any is True; on a device, whose answer would have to be waited for, perhaps."""
        return not self._on_host or bool(mask.any())

    def _begun(self, report: Tensor, new: Tensor) -> Tensor:
        """`report` [n, R], with the start of an episode in the rows of those that are `new` [n]."""
        if not self._on_host:
            return torch.where(new[:, None], self._fresh, report)
        report = report.clone()  # and few rows written: several times faster than `where`
        report[new] = self._fresh
        return report

    def _orders(self, actions: Any, ignored: Tensor | None) -> Tensor:
        """[n, 2 N] the orders that n actions stand for; those `ignored` [n] may be any."""
        shape = self.action_space.shape
        if np.shape(actions) != shape:
            raise ValueError(f"actions of shape {np.shape(actions)}; {shape} is needed")
        discrete = isinstance(self.single_action_space, spaces.Discrete)
        idle, rows = (0, (-1,)) if discrete else (torch.nan, (-1, 1))
        if self._on_host:
            actions = np.asarray(actions)
            if ignored is not None:
                actions = np.where(ignored.view(rows).numpy(), idle, actions)
            return self._checked(actions)
        actions = torch.as_tensor(actions, device=self.device)
        if ignored is not None:
            actions = torch.where(ignored.view(rows), idle, actions)
        return self._tensor_orders(actions)

    def _checked(self, actions: NDArray[Any]) -> Tensor:
        orders = np.zeros((self.num_envs, 2 * self._assets))
        self._actions.many(actions, orders)
        return torch.from_numpy(orders)

    def _observe(self) -> Tensor:
        """[n, window * F + 3 N + 1] float32 what is seen now."""
        market, size = self.simulator, self._windows.shape[1]
        seen = torch.empty(self.num_envs, size + market.account.shape[1], device=self.device)
        last = market.t - (self.config.window - 1)
        torch.index_select(self._windows, 0, last, out=seen[:, :size])
        seen[:, size:] = market.account
        return seen

    def _finals(self, report: Tensor, over: Tensor) -> dict[str, Any]:
        """What the episodes that are `over` ended with."""
        there = self._out(over)
        return {
            "final_obs": self._out(self._observe()), "_final_obs": there,
            "final_info": self._infos(report, over), "_final_info": there,
        }  # fmt: skip

    def _infos(self, report: Tensor, there: Tensor) -> dict[str, Any]:
        """Infos of the environments that are `there`, as views of `report` [n, R]."""
        time = self._out(self._times.index_select(0, self.simulator.t))
        exited = self._out(there & (report[:, _EXITED] > 0.0))
        report, there = self._out(report), self._out(there)
        costs = {part: report[:, column] for part, column in _COSTS.items()}
        infos = {
            "time": time.view("datetime64[ns]") if self._on_host else time,
            "equity": report[:, _EQUITY],
            "cash": report[:, _CASH],
            "holdings": report[:, self._blocks["units"]],
            "weights": report[:, self._blocks["weights"]],
            "costs": costs | {f"_{part}": there for part in costs},
            "fills": self._prices(report, "fills"),
            "exits": self._prices(report, "exits"),
        }
        return infos | {f"_{key}": there for key in infos} | {"_exits": exited}

    def _prices(self, report: Any, name: str) -> Any:
        prices = report[:, self._blocks[name]]
        return prices.view(Prices) if self._on_host else prices

    def _out(self, tensor: Tensor) -> Any:
        """What a caller gets of a tensor."""
        return tensor.numpy() if self._on_host else tensor


def trading(num_envs: int = 1, **settings: Any) -> MarketVectorEnv:
    """n of `drltrade/Trading-v0`; see `MarketVectorEnv`."""
    return MarketVectorEnv(TradingEnv, num_envs, **settings)


def portfolio(num_envs: int = 1, **settings: Any) -> MarketVectorEnv:
    """n of `drltrade/Portfolio-v0`; see `MarketVectorEnv`."""
    return MarketVectorEnv(PortfolioEnv, num_envs, **settings)


def _generator(device: str | torch.device) -> torch.Generator:
    """One on `device`, seeded by chance."""
    try:
        generator = torch.Generator(torch.device(device))
        generator.seed()
    except RuntimeError as error:
        raise DeviceError(f"device {str(device)!r}: {error}") from None
    return generator


def tensor_orders(
    actions: Actions, assets: int, gross: float | None, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """`orders(actions) -> [n, 2 N]` in tensor operations on `device`, for which nothing waits.

    Args:
        actions: what they mean.
        assets: N.
        gross: the sum of absolute weights to which larger ones are scaled down; None: none is.
        device: where actions and orders live.
    """
    space = actions.space
    if isinstance(space, spaces.Discrete):
        rows = np.zeros((int(space.n), 2 * assets))
        actions.many(np.arange(len(rows)), rows)
        table = torch.from_numpy(rows).to(device)
        return lambda chosen: table.index_select(0, chosen.long())
    assert isinstance(space, spaces.Box)
    low, high = float(space.low.min()), float(space.high.max())

    def orders(chosen: Tensor) -> Tensor:
        target = chosen.double()
        outside = ((target < low) | (target > high)).any()
        torch._assert_async(~outside, f"an action lies outside the range [{low}, {high}]")
        if gross is not None:
            size = target.nan_to_num(0.0).abs().sum(1, keepdim=True)
            target = target * (gross / size.clamp_min(gross))
        return torch.cat((target, torch.zeros_like(target)), 1)

    return orders
