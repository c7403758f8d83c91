"""Soft actor-critic: twin critics, a stochastic policy, a temperature that keeps its entropy.

Sources: Haarnoja et al. 2018, "Soft actor-critic algorithms and applications" (arXiv:1812.05905);
for listed positions Christodoulou 2019, "Soft actor-critic for discrete action settings".
"""

import copy
import math
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from drltrade.agents.actions import weight_box
from drltrade.agents.actor_critic import Actor, ActorCriticConfig
from drltrade.agents.agent import OnProgress
from drltrade.agents.alternation import follow, live_and_learn
from drltrade.agents.level import Level
from drltrade.agents.losses import (
    clipped_double_q_target,
    critic_loss,
    temperature_loss,
    weighted_mean,
)
from drltrade.agents.noisy import draw_from
from drltrade.agents.off_policy import Experience
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.soft_policies import Softmax, SquashedGaussian
from drltrade.envs.config import TradingConfig
from drltrade.envs.task import Task


class SACConfig(ActorCriticConfig):
    """Hyperparameters of `sac`."""

    algorithm: Literal["sac"] = "sac"
    learn_temperature: bool = Field(True, description="keep the policy's entropy at its target")
    initial_temperature: float = Field(0.1, gt=0, description="weight of entropy against reward")
    temperature_learning_rate: float = Field(
        0.03, gt=0, description="of the temperature's logarithm, at its height"
    )
    target_entropy: float | None = Field(
        None,
        description="nats; none: minus the number of assets, and of listed positions a tenth of "
        "the largest there can be",
    )
    initial_std: float = Field(
        0.2, gt=0, description="of continuous actions at first, before the tanh to [-1, 1]"
    )


class SAC:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    report_every = 100
    """Steps of all accounts between two reports of progress."""

    def __init__(self, config: SACConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random.

        Raises:
            ConfigError: the environment's actions are amounts.
        """
        self.config, self.device, self._generator = config, generator.device, generator
        self._shape = task.observation_size
        self._kind = _policy_kind(config, task, generator.device)
        self._experience = Experience(
            config, task, generator, self._kind.continuous, twins=config.twins
        )
        actor = Actor(config.network, self._shape, self._kind.assets, self._kind.outputs).eval()
        critic = self._kind.critic(config.network, self._shape).eval()
        config.initialise(actor, generator, head_gain=0.01)
        config.initialise(critic, generator, head_gain=0.1)
        # Copied before the move: an LSTM copied on a GPU loses the one block its weights lie in.
        self._target = copy.deepcopy(critic).requires_grad_(False).to(self.device)
        self.actor, self.critic = actor.to(self.device), critic.to(self.device)
        for network in (self._target, self.actor, self.critic):
            draw_from(network, generator)
        start = math.log(config.initial_temperature)
        self._log_temperature = torch.tensor(start, device=self.device, requires_grad=True)
        wanted = config.target_entropy
        self._entropy = self._kind.target_entropy if wanted is None else wanted
        self._actor_optimization = Optimization(config, self.actor.parameters())
        self._critic_optimization = Optimization(config, self.critic.parameters())
        faster = config.model_copy(update={"learning_rate": config.temperature_learning_rate})
        self._temperature_optimization = Optimization(faster, [self._log_temperature])
        self._level = Level(config.gamma, self.device, config.relative)

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Step all accounts, then take a few gradient steps; again and again."""
        live_and_learn(
            self._experience, self._act, self._update, [self.actor, self.critic, self._target],
            [self._critic_optimization, self._actor_optimization, self._temperature_optimization],
            ("critic_loss", "actor_loss", "entropy", "temperature"), total_steps,
            self.report_every, on_progress, self.policy(),
        )  # fmt: skip

    def _act(self, progress: float) -> tuple[Tensor, Tensor]:
        """Draws from the policy."""
        embedding = self._experience.look(self.actor.encoder)
        outputs = self.actor.outputs(embedding, self._experience.simulator.account)
        action = self._kind.draw(outputs, self._generator)
        return action, self._kind.target(action)

    def _update(self, progress: float) -> Tensor:
        """One gradient step of critics, actor and temperature; -> figures [4]."""
        config, experience = self.config, self._experience
        sample = experience.sample(progress)
        batch, weight = sample.batch, sample.weight
        temperature = self._log_temperature.detach().exp()
        with config.autocast(self.device):
            here, next_here = experience.both(self.actor.encoder, sample)
            with torch.no_grad():
                later = experience.later(self._target.encoder, sample)
                outputs = self.actor.outputs(next_here, batch.next_account)
                worth = self._kind.soft(
                    outputs, self._target, later, batch.next_account, temperature, self._generator
                ).value
            now = experience.now(self.critic.encoder, sample)
            values = self._kind.taken(self.critic, now, batch.account, batch.action)
        target = clipped_double_q_target(self._level.reward(batch), batch.discount, worth[:, None])
        loss = critic_loss(values, target, weight, config.twins)
        self._critic_optimization.step(loss, progress)
        self._level.follow(target - values.mean(1), weight)

        self.critic.requires_grad_(False)
        with config.autocast(self.device):
            soft = self._kind.soft(
                self.actor.outputs(here, batch.account), self.critic, now.detach(),
                batch.account, temperature, self._generator,
            )  # fmt: skip
        actor_loss = -weighted_mean(soft.value, weight)
        self._actor_optimization.step(actor_loss, progress)
        self.critic.requires_grad_(True)

        drawn = soft.log_probability.detach()
        if config.learn_temperature:
            self._temperature_optimization.step(
                temperature_loss(self._log_temperature, drawn, self._entropy, weight), progress
            )
        follow(self._target, self.critic, config.tau)
        entropy = -weighted_mean(drawn, weight)
        return torch.stack([loss.detach(), actor_loss.detach(), entropy, temperature])

    def policy(self) -> NetworkPolicy:
        """The most probable action."""
        return NetworkPolicy(
            self.actor.encoder, self.actor.outputs, self._kind.greedy, self.config.network,
            self._shape, self.device,
        )  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """The actor's and the critic's parameters, `actor.` and `critic.` before their names."""
        return nn.ModuleDict({"actor": self.actor, "critic": self.critic}).state_dict()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore actor and critic, and let the target be the same."""
        for critic in (self.critic, self._target):
            nn.ModuleDict({"actor": self.actor, "critic": critic}).load_state_dict(weights)


def _policy_kind(config: SACConfig, task: Task, device: torch.device) -> SquashedGaussian | Softmax:
    """What fits the environment's actions."""
    if isinstance(task.config, TradingConfig):
        positions = task.trading.discrete_positions
        if positions is not None:
            return Softmax(positions, device)
    return SquashedGaussian(weight_box(task, "sac"), config.initial_std)
