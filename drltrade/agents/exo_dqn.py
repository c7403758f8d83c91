"""Full-information Q-learning for price takers.

The market's state m goes its way whatever the agent does, and the reward of every position is known
at every bar, so there is nothing to explore and nothing to roll out. A network maps m to W(m, a),
what holding position a is worth after the trade; the policy takes

    argmax over a of  trade(p, a) + W(m, a)

with the exact cost of the trade from the position p that is held. Targets for all positions are
lambda-returns computed in hindsight from segments of the train period (`afterstates`), with the
accounting rule asked for every reward (`hindsight`).

Sources: Sinclair et al. 2023, "Hindsight learning for MDPs with exogenous inputs" (ICML); Theate &
Ernst 2020, "An application of deep reinforcement learning to algorithmic trading", replay the other
of two actions. Values are relative, less their mean, as in relative value iteration (Puterman 1994,
section 8.5.5): their level, which no decision depends on, need not be learned. Quantiles: Dabney et
al. 2018, "Distributional reinforcement learning with quantile regression".
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from drltrade.agents.afterstates import lambda_returns, price_of_budget
from drltrade.agents.agent import OnProgress
from drltrade.agents.config import AgentConfig, DistributionConfig
from drltrade.agents.encoders import Encoder, NetworkConfig, make_encoder
from drltrade.agents.encoders.base import State
from drltrade.agents.hindsight import look_back
from drltrade.agents.losses import quantile_loss, tail_mean
from drltrade.agents.market_view import MarketView, read, reward_scale
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.seeds import Seeds
from drltrade.agents.towers import Tower
from drltrade.envs.config import PortfolioConfig
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.counterfactual import Counterfactual, check_memoryless


class ExoDQNConfig(AgentConfig, DistributionConfig):
    """Hyperparameters of `exo_dqn`."""

    algorithm: Literal["exo_dqn"] = "exo_dqn"
    network: NetworkConfig = NetworkConfig(hidden=(32, 32), initialisation="uniform")
    learning_rate: float = Field(6e-3, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="how the learning rate falls over the training"
    )
    batch_size: int = Field(2048, ge=1, description="bars per gradient step")
    sequence_length: int = Field(32, ge=1, description="bars in a row; returns end with them")
    td_lambda: float = Field(0.25, ge=0, le=1, description="of the lambda-returns")
    tau: float = Field(1.0, gt=0, le=1, description="share of the weights the target takes a step")
    weight_levels: int = Field(
        9, ge=2, description="positions per asset to choose from, where actions are continuous"
    )

    @model_validator(mode="after")
    def _a_batch_holds_a_segment(self) -> "ExoDQNConfig":
        if self.batch_size < self.sequence_length:
            raise ValueError(
                f"batch_size = {self.batch_size} holds no segment of sequence_length = "
                f"{self.sequence_length} bars"
            )
        return self


class PositionValues(Encoder):
    """Market -> the values of N P positions, each by Q quantiles."""

    def __init__(self, config: NetworkConfig, shape: tuple[int, int], assets: int, out: int):
        """`out`: P Q outputs per asset."""
        super().__init__()
        self.width = assets * out
        self.encoder = make_encoder(config, shape, config.hidden[0], assets)
        self.tower = Tower(config, out, assets, account=False)

    @property
    def reach(self) -> int | None:
        """That of the encoder."""
        return self.encoder.reach

    def forward(self, windows: Tensor) -> Tensor:
        """[B, W, F] -> [B, N P Q]."""
        values: Tensor = self.tower(self.encoder(windows))
        return values

    def sequence(self, bars: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """[B, L, F] -> [B, L, N P Q]."""
        embeddings, state = self.encoder.sequence(bars, state)
        return self.tower(embeddings), state


class _Stretches(nn.Module):
    """`market_view.read` as a module, for `Seeds`."""

    def __init__(self, values: PositionValues, length: int, history: bool) -> None:
        super().__init__()
        self.values, self._length, self._history = values, length, history

    def forward(self, bars: Tensor) -> Tensor:
        """[B, K, F] -> [B, L, N P Q]."""
        return read(self.values, bars, self._length, self._history)


class ExoDQN:
    """Learns on `task`'s train period; see `agents.agent.Agent`. Several seeds learn at once."""

    report_every = 20
    """Gradient steps between two reports of progress."""

    def __init__(self, config: ExoDQNConfig, task: Task, *generators: torch.Generator) -> None:
        """`generators`: one per seed, on the device to train on.

        Raises:
            ConfigError: rewards or costs that depend on more than a step, or too short a period.
        """
        check_memoryless(task.rules, "exo_dqn")
        self.config, self.device, self._generators = config, generators[0].device, generators
        self._task, self._view = task, MarketView(task, self.device)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        self._asked = Counterfactual(task.market, task.rules, self.device)
        self.positions = _positions(task, config.weight_levels).to(self.device)
        history = config.network.memory == "history"
        self._lead = config.burn_in if history else task.config.window - 1
        out = len(self.positions) * config.quantiles
        networks = []
        for generator in generators:
            values = PositionValues(config.network, task.observation_size, task.market.assets, out)
            config.initialise(values, generator, head_gain=0.01)
            networks.append(_Stretches(values, config.sequence_length + 1, history))
        targets = [copy.deepcopy(n).requires_grad_(False).to(self.device) for n in networks]
        for network in (*networks, *targets):
            config.compiled(network.values.encoder, network.values.tower)
        self._online = Seeds([network.to(self.device) for network in networks])
        self._target = Seeds(targets) if config.tau < 1.0 else self._online
        self._optimization = Optimization(
            config, self._online.parameters.values(), self._online.stacked
        )
        self._steps = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Fit values to returns on random segments, all positions at once.

        Args:
            total_steps: bars to learn from, each once per gradient step that it is drawn for.
            on_progress: of the first seed.
        """
        self.learn_together(total_steps, [on_progress])

    def learn_together(self, total_steps: int, on_progress: Sequence[OnProgress]) -> None:
        """The same for all seeds; `on_progress` [S]. Goes on until none wants more."""
        config = self.config
        self._segments = self._view.segments(config.sequence_length, config.lead)
        hindsight = look_back(
            self._task, self._asked, self.positions, self._view.spans, config.gamma
        )
        self._held, self._trade = (table / self._scale for table in hindsight)
        count = config.batch_size // config.sequence_length
        policies = [self.policy(seed) for seed in range(len(self._generators))]
        loss = torch.zeros(len(self._generators), device=self.device)
        since = 0
        while self._steps < total_steps:
            progress = self._steps / total_steps
            loss += self._update(count, progress)
            self._steps += count * config.sequence_length
            since += 1
            if since == self.report_every or self._steps >= total_steps:
                self._optimization.check()
                wanted = [
                    tell(self._steps, {"loss": each / since}, policy)
                    for tell, each, policy in zip(on_progress, loss.tolist(), policies, strict=True)
                ]
                if not any(wanted):
                    break
                loss, since = loss * 0.0, 0

    def _update(self, count: int, progress: float) -> Tensor:
        """One gradient step of every seed; -> losses [S]."""
        config, length = self.config, self.config.sequence_length
        start = torch.stack([self._segments.draw(count, g) for g in self._generators])
        bars = self._view.stretch(start, length + 1, self._lead)
        rows = start.unsqueeze(-1) + torch.arange(length, device=self.device)
        with config.autocast(self.device):
            outputs = self._shaped(self._online(bars))
            fixed = outputs
            if self._target is not self._online:
                fixed = self._shaped(self._target(bars))
        values = outputs[:, :, :-1]
        with torch.no_grad():
            target = self._returns(fixed.detach(), self._held[rows], self._trade[rows])
            target = target - target.mean((1, 2, 3, 4, 5), keepdim=True)
        if config.quantiles == 1:
            loss = (values - target).square().mean((1, 2, 3, 4, 5))
        else:
            loss = quantile_loss(values, target).mean((1, 2, 3, 4))
        self._optimization.step(loss if self._online.stacked else loss[0], progress)
        if self._target is not self._online:
            self._target.follow(self._online, config.tau)
        return loss.detach()

    def _shaped(self, outputs: Tensor) -> Tensor:
        """[S, B, L + 1, N P Q] -> [S, B, L + 1, N, P, Q], float32."""
        assets, positions = self._task.market.assets, len(self.positions)
        quantiles = self.config.quantiles
        return outputs.float().view(*outputs.shape[:-1], assets, positions, quantiles)

    def _returns(self, values: Tensor, held: Tensor, trade: Tensor) -> Tensor:
        """Targets [S, B, L, N, P, Q] (Q atoms of a distribution, or the mean alone).

        Args:
            values: [S, B, L + 1, N, P, Q].
            held: [S, B, L, N, P].
            trade: [S, B, L, N, P, P].
        """
        config = self.config
        values = values - values.mean((1, 2, 3, 4, 5), keepdim=True)
        worth = tail_mean(values, config.risk_level)
        preference = self._within_budget(worth)
        if config.quantiles == 1:
            held_, trade_, worth_, preference_ = (
                x.flatten(0, 1).contiguous() for x in (held, trade, worth, preference)
            )
            returns = lambda_returns(
                held_, trade_, worth_, preference_, config.gamma, config.td_lambda
            )
            return returns.view_as(held).unsqueeze(-1)
        best = (trade + preference[:, :, 1:].unsqueeze(-2)).argmax(-1)
        paid = held + config.gamma * trade.gather(-1, best.unsqueeze(-1)).squeeze(-1)
        index = best.unsqueeze(-1).expand(*best.shape, config.quantiles)
        return paid.unsqueeze(-1) + config.gamma * values[:, :, 1:].gather(-2, index)

    def _within_budget(self, worth: Tensor) -> Tensor:
        """[..., N, P] values -> what to choose by: less the price of gross weight."""
        limit = _budget(self._task)
        if limit is None:
            return worth
        sizes = self.positions.abs()
        _, price = price_of_budget(worth.flatten(0, -3), sizes, limit)
        return worth - price.view(worth.shape[:-2])[..., None, None] * sizes

    # The policy.

    def policy(self, seed: int = 0) -> NetworkPolicy:
        """The positions of highest value after what it costs to take them."""
        template = self._online.networks[seed]
        assert isinstance(template, _Stretches)
        return NetworkPolicy(
            template.values, self._preferences, self._choice(), self.config.network,
            self._task.observation_size, self.device, reads="position",
        )  # fmt: skip

    def _preferences(self, values: Tensor, account: Tensor) -> Tensor:
        """[n, N P Q], [n, 3 N + 1] -> [n, N P]."""
        n, assets, positions = len(values), self._task.market.assets, len(self.positions)
        worth = tail_mean(self._shaped(values), self.config.risk_level)
        held, to = account[:, :assets], self.positions
        one = torch.eye(assets, dtype=torch.float64, device=self.device)
        before = held[:, :, None, None] * one[:, None].expand(-1, positions, -1)
        after = to[:, None] * one[:, None]
        trade = self._asked.trade(
            before.reshape(-1, assets), after.expand(n, -1, -1, -1).reshape(-1, assets)
        )
        return (worth + trade.view_as(worth) / self._scale).flatten(1)

    def _choice(self) -> Callable[[Tensor], Tensor]:
        """[n, N P] -> actions."""
        assets, limit = self._task.market.assets, _budget(self._task)
        discrete = getattr(self._task.config, "discrete_positions", None) is not None

        def choose(preferences: Tensor) -> Tensor:
            each = preferences.view(len(preferences), assets, -1)
            if limit is None:
                best = each.argmax(-1)
            else:
                best, _ = price_of_budget(each.float(), self.positions.abs(), limit)
            return best[:, 0] if discrete else self.positions[best].float()

        return choose

    def weights(self, seed: int = 0) -> dict[str, Tensor]:
        """The parameters of one seed."""
        return dict(self._online.networks[seed].state_dict())

    def load_weights(self, weights: Mapping[str, Tensor], seed: int = 0) -> None:
        """Restore the parameters of one seed."""
        self._online.networks[seed].load_state_dict(weights)
        if self._target is not self._online:
            self._target.networks[seed].load_state_dict(weights)


def _budget(task: Task) -> float | None:
    """The gross weight that several assets share; None: there is one."""
    config = task.config
    return config.gross_limit if isinstance(config, PortfolioConfig) else None


def _positions(task: Task, levels: int) -> Tensor:
    """[P] the target weights to choose from, per asset.

    Raises:
        ConfigError: the environment's actions are amounts.
    """
    config = task.config
    if isinstance(config, PortfolioConfig):
        low, high = 0.0 if config.long_only else -config.gross_limit, config.gross_limit
    else:
        assert task.trading
        if task.trading.discrete_positions is not None:
            return torch.tensor(task.trading.discrete_positions, dtype=torch.float64)
        low, high = task.trading.lowest_position, task.trading.highest_position
    positions = torch.linspace(low, high, levels, dtype=torch.float64)
    if isinstance(config, PortfolioConfig) and not bool((positions == 0.0).any()):
        raise ConfigError(
            f"weight_levels = {levels} puts no position at 0 between {low:g} and {high:g}, and a "
            "budget needs it: take an odd number"
        )
    return positions
