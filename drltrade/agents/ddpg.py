"""Deep deterministic policy gradient: a critic of continuous actions, and an actor that climbs it.

Source: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning" (ICLR). The
noise of exploration is independent from bar to bar, as in Fujimoto et al. 2018: markets have no
inertia to overcome.

Where trades are dear, the first slopes of a critic that has seen little point at the bounds: there
the clipped noise trades least. Three things keep the actor from following it there for good: the
critic is told the trade that an action means, the actor says what to trade and waits for the
critic's first updates, and its bounds do not hold it (see `actor_critic`).
"""

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from drltrade.agents.actions import weight_box
from drltrade.agents.actor_critic import Actor, Critic, DeterministicConfig, bounded, deviations
from drltrade.agents.agent import OnProgress
from drltrade.agents.alternation import follow, live_and_learn
from drltrade.agents.level import Level
from drltrade.agents.losses import clipped_double_q_target, critic_loss, weighted_mean
from drltrade.agents.noisy import draw_from
from drltrade.agents.off_policy import Experience, Sample
from drltrade.agents.optimisation import Optimization
from drltrade.agents.policy import NetworkPolicy
from drltrade.envs.task import Task


class DDPGConfig(DeterministicConfig):
    """Hyperparameters of `ddpg`."""

    algorithm: Literal["ddpg"] = "ddpg"


class DDPG:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    name = "ddpg"
    critics = 1
    report_every = 100
    """Steps of all accounts between two reports of progress."""

    def __init__(self, config: DeterministicConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random.

        Raises:
            ConfigError: the environment's actions are no weights from a range.
        """
        self.config, self.device, self._generator = config, generator.device, generator
        self.box, self._shape = weight_box(task, self.name), task.observation_size
        self._experience = Experience(config, task, generator, continuous=True, twins=config.twins)
        actor = Actor(config.network, self._shape, self.box.assets, 1, self.box).eval()
        critic = Critic(config.network, self._shape, self.box, self.critics).eval()
        config.initialise(actor, generator, head_gain=0.01)
        config.initialise(critic, generator, head_gain=0.1)
        # Copied before the move: an LSTM copied on a GPU loses the one block its weights lie in.
        self._target_actor = copy.deepcopy(actor).requires_grad_(False).to(self.device)
        self._target_critic = copy.deepcopy(critic).requires_grad_(False).to(self.device)
        self.actor, self.critic = actor.to(self.device), critic.to(self.device)
        for network in (self.actor, self.critic, self._target_actor, self._target_critic):
            draw_from(network, generator)
        self._actor_optimization = Optimization(config, self.actor.parameters())
        self._critic_optimization = Optimization(config, self.critic.parameters())
        self._level = Level(config.gamma, self.device, config.relative)
        self._deviations = deviations(config.exploration_noise, config.n_envs).to(self.device)
        self._updates = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Step all accounts, then take a few gradient steps; again and again."""
        live_and_learn(
            self._experience, self._act, self._update,
            [self.actor, self.critic, self._target_actor, self._target_critic],
            [self._critic_optimization, self._actor_optimization], ("critic_loss", "actor_loss"),
            total_steps, self.report_every, on_progress, self.policy(),
        )  # fmt: skip

    def _act(self, progress: float) -> tuple[Tensor, Tensor]:
        """The actor's actions and noise."""
        embedding = self._experience.look(self.actor.encoder)
        unit = bounded(self.actor.outputs(embedding, self._experience.simulator.account))
        noise = torch.randn(unit.shape, generator=self._generator, device=self.device)
        unit = (unit + self._deviations * noise).clamp(-1.0, 1.0)
        return unit, self.box.weights(unit)

    def _update(self, progress: float) -> Tensor:
        """One gradient step of the critic, and of the actor where it is due; -> losses [2]."""
        sample = self._experience.sample(progress)
        self._updates += 1
        critic_loss, now = self._update_critic(sample, progress)
        actor_loss = torch.zeros_like(critic_loss)
        if self._actor_is_due():
            if self._updates > self.config.actor_starts:
                actor_loss = self._update_actor(sample, now, progress)
                follow(self._target_actor, self.actor, self.config.tau)
            follow(self._target_critic, self.critic, self.config.tau)
        return torch.stack([critic_loss, actor_loss])

    def _update_critic(self, sample: Sample, progress: float) -> tuple[Tensor, Tensor]:
        """-> (loss, the critic's embeddings of the states, without gradient)."""
        batch, experience = sample.batch, self._experience
        with self.config.autocast(self.device), torch.no_grad():
            embedding = experience.later(self._target_actor.encoder, sample)
            action = bounded(self._target_actor.outputs(embedding, batch.next_account))
            embedding = experience.later(self._target_critic.encoder, sample)
            action = self._smoothed(action)
            next_values = self._target_critic.values(embedding, batch.next_account, action)
        target = clipped_double_q_target(self._level.reward(batch), batch.discount, next_values)
        with self.config.autocast(self.device):
            now = experience.now(self.critic.encoder, sample)
            values = self.critic.values(now, batch.account, batch.action)
        loss = critic_loss(values, target, sample.weight, self.config.twins)
        self._critic_optimization.step(loss, progress)
        self._level.follow(target - values[:, 0], sample.weight)
        return loss.detach(), now.detach()

    def _update_actor(self, sample: Sample, now: Tensor, progress: float) -> Tensor:
        """Climb the critic's value of the actor's own actions; -> loss."""
        account = sample.batch.account
        self.critic.requires_grad_(False)
        with self.config.autocast(self.device):
            embedding = self._experience.now(self.actor.encoder, sample)
            action = bounded(self.actor.outputs(embedding, account))
            loss = -weighted_mean(self.critic.first(now, account, action), sample.weight)
        self._actor_optimization.step(loss, progress)
        self.critic.requires_grad_(True)
        return loss.detach()

    def _smoothed(self, action: Tensor) -> Tensor:
        """The target policy's actions [M, N] as they are judged."""
        return action

    def _actor_is_due(self) -> bool:
        """Whether this update is one of the actor, too."""
        return True

    def policy(self) -> NetworkPolicy:
        """The actor's weights, without noise."""
        box = self.box
        return NetworkPolicy(
            self.actor.encoder, self.actor.outputs,
            lambda outputs: box.orders(box.weights(bounded(outputs))),
            self.config.network, self._shape, self.device,
        )  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """The actor's and the critic's parameters, `actor.` and `critic.` before their names."""
        return nn.ModuleDict({"actor": self.actor, "critic": self.critic}).state_dict()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore actor and critic, and let their targets be the same."""
        for actor, critic in (
            (self.actor, self.critic),
            (self._target_actor, self._target_critic),
        ):
            nn.ModuleDict({"actor": actor, "critic": critic}).load_state_dict(weights)
