"""Proximal policy optimisation (Schulman et al. 2017) on the batched market.

Accounts are (time index, four numbers), so a rollout of a million steps is a few megabytes, and a
bar's window is encoded once however many accounts stand there.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from drltrade.agents.agent import OnProgress
from drltrade.agents.encoders import NetworkConfig, Tower, initialise, make_encoder
from drltrade.agents.heads import Head, make_head
from drltrade.agents.losses import approximate_kl, clipped_policy_loss
from drltrade.agents.market_view import MarketView, reward_scale
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.returns import generalized_advantage
from drltrade.envs.task import Task
from drltrade.market.simulator import Transition
from drltrade.settings import Settings


class PPOConfig(Settings):
    """Hyperparameters of `ppo`."""

    algorithm: Literal["ppo"] = "ppo"
    network: NetworkConfig = NetworkConfig()
    n_envs: int = Field(64, ge=1, description="accounts stepped at once")
    n_steps: int = Field(128, ge=1, description="steps of each account per rollout")
    batch_size: int = Field(2048, ge=2, description="transitions per gradient step")
    n_epochs: int = Field(4, ge=1, description="passes over each rollout")
    learning_rate: float = Field(3e-4, gt=0)
    anneal: bool = Field(True, description="let the learning rate fall linearly to zero")
    weight_decay: float = Field(0.0, ge=0)
    gamma: float = Field(0.99, ge=0, lt=1)
    gae_lambda: float = Field(0.95, ge=0, le=1)
    clip_range: float = Field(0.2, gt=0)
    ent_coef: float = Field(0.01, ge=0)
    vf_coef: float = Field(0.5, ge=0)
    max_grad_norm: float = Field(0.5, gt=0)
    normalize_reward: bool = Field(True, description="divide by the asset's volatility per bar")

    @model_validator(mode="after")
    def _more_than_one(self) -> "PPOConfig":
        if self.n_envs * self.n_steps < 2:
            raise ValueError("n_envs * n_steps: a rollout needs at least two transitions")
        return self


class Rollout(NamedTuple):
    """[T, n] each (account: [T, n, 4]); never a window."""

    t: Tensor
    account: Tensor
    action: Tensor
    log_probability: Tensor
    advantage: Tensor
    value_target: Tensor


class ActorCritic(nn.Module):
    """One encoder whose embedding holds the actor's half and the critic's; two towers.

    With the `mlp` encoder these are two separate networks whose first layers share one product.
    """

    def __init__(self, config: NetworkConfig, shape: tuple[int, int], head: Head) -> None:
        super().__init__()
        self.width = config.hidden[0]
        self.encoder = make_encoder(config, shape, 2 * self.width)
        self.actor = Tower(config, head.outputs)
        self.critic = Tower(config, 1)
        self.head = head

    def forward(self, embedding: Tensor, account: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 2H], [N, 4] -> action outputs [N, A], values [N]."""
        of_actor, of_critic = torch.split(embedding, self.width, -1)
        return self.actor(of_actor, account), self.critic(of_critic, account).squeeze(-1)

    def act(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, 2H], [N, 4] -> [N, A]."""
        outputs: Tensor = self.actor(embedding[..., : self.width], account)
        return outputs

    def value(self, embedding: Tensor, account: Tensor) -> Tensor:
        """[N, 2H], [N, 4] -> [N]."""
        values: Tensor = self.critic(embedding[..., self.width :], account)
        return values.squeeze(-1)


class PPO:
    """Learns on `task`'s train period; see `agents.agent.Agent`."""

    def __init__(self, config: PPOConfig, task: Task, generator: torch.Generator) -> None:
        """`generator` lives on the device to train on and draws everything random."""
        self.config, self.device, self._generator = config, generator.device, generator
        self._shape = task.observation_size
        self._simulator = task.simulator(
            config.n_envs, generator, episode_length=task.config.episode_length, detailed=False
        )
        self._view = MarketView(task, self._simulator)
        self._scale = reward_scale(task) if config.normalize_reward else 1.0
        network = ActorCritic(config.network, self._shape, make_head(task.trading))
        cpu = torch.Generator().manual_seed(generator.initial_seed())
        initialise(network, cpu)
        nn.init.orthogonal_(network.critic.head.weight, 1.0, cpu)
        self.network = network.to(self.device)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, eps=1e-5,
            weight_decay=config.weight_decay, fused=True,
        )  # fmt: skip
        self._steps = 0

    def learn(self, total_steps: int, on_progress: OnProgress) -> None:
        """Alternate rollouts and updates."""
        policy = self.policy()
        while self._steps < total_steps:
            if self.config.anneal:
                remaining = 1.0 - self._steps / total_steps
                self._optimizer.param_groups[0]["lr"] = self.config.learning_rate * remaining
            rollout, reward = self._collect()
            self._steps += rollout.t.numel()
            figures = {"reward": float(reward), **self._update(rollout)}
            if not on_progress(self._steps, figures, policy):
                break

    @torch.no_grad()
    def _collect(self) -> tuple[Rollout, Tensor]:
        config, network, simulator = self.config, self.network, self._simulator
        embed = self._view.reader(network.encoder, config.n_steps * config.n_envs)
        states, transitions = [], []
        for _ in range(config.n_steps):
            t, account = simulator.t, simulator.account
            embedding = embed(t)
            outputs = network.act(embedding, account)
            action = network.head.sample(outputs, self._generator)
            states.append((t, account, embedding, outputs, action))
            transitions.append(simulator.step(network.head.target(action)))
        t, account, embedding, outputs, action = map(torch.stack, zip(*states, strict=True))
        led_to = Transition(*map(torch.stack, zip(*transitions, strict=True)))
        reward = (led_to.reward / self._scale).float()

        value = network.value(embedding, account)
        next_value = torch.empty_like(value)
        next_value[:-1] = value[1:]
        next_value[-1] = network.value(embed(t[-1] + 1), led_to.account[-1])
        # A truncated step led to a state that the next row no longer holds.
        cut = led_to.truncated.nonzero(as_tuple=True)
        if len(cut[0]):
            next_value[cut] = network.value(embed(t[cut] + 1), led_to.account[cut])
        advantage = generalized_advantage(
            reward, value, next_value, led_to.terminated, led_to.terminated | led_to.truncated,
            config.gamma, config.gae_lambda,
        )  # fmt: skip
        log_probability = network.head.log_probability(outputs, action)
        rollout = Rollout(t, account, action, log_probability, advantage, advantage + value)
        return rollout, reward.mean() * self._scale

    def _update(self, rollout: Rollout) -> dict[str, float]:
        config = self.config
        flat = Rollout(*(field.flatten(0, 1) for field in rollout))
        count = flat.t.numel()
        sums = torch.zeros(4, device=self.device)
        updates = 0
        for _ in range(config.n_epochs):
            order = torch.randperm(count, generator=self._generator, device=self.device)
            for index in torch.split(order, config.batch_size):
                if len(index) < 2:
                    continue  # a single advantage has no spread to be normalised by
                batch = Rollout(*(field[index] for field in flat))
                embedding = self._view.embed(self.network.encoder, batch.t)
                outputs, value = self.network(embedding, batch.account)
                log_probability = self.network.head.log_probability(outputs, batch.action)
                advantage = batch.advantage
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                policy_loss = clipped_policy_loss(
                    log_probability, batch.log_probability, advantage, config.clip_range
                )
                value_loss = (value - batch.value_target).square().mean()
                entropy = self.network.head.entropy(outputs)
                loss = policy_loss + config.vf_coef * value_loss - config.ent_coef * entropy
                self._optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), config.max_grad_norm)
                self._optimizer.step()
                with torch.no_grad():
                    kl = approximate_kl(log_probability, batch.log_probability)
                    sums += torch.stack((policy_loss, value_loss, entropy, kl)).detach()
                updates += 1
        names = ("policy_loss", "value_loss", "entropy", "kl")
        return dict(zip(names, (sums / max(updates, 1)).tolist(), strict=True))

    def policy(self) -> NetworkPolicy:
        """The most probable action (continuous: the mean)."""
        network = self.network
        return NetworkPolicy(
            network.encoder, network.act, network.head.greedy, self._shape, self.device
        )

    def weights(self) -> dict[str, Tensor]:
        """The network's parameters."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Restore the network's parameters."""
        self.network.load_state_dict(weights)
