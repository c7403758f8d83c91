"""What the policy-gradient agents share: the actor and the critic, and how they gather experience.

Accounts are (time index, a few numbers), so a rollout of a million steps is a few megabytes. The
market goes its way whatever the accounts do, so a bar is encoded once however many accounts stand
there; and with history memory the bars that a rollout will see are known before it begins, and all
are encoded in one call.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from drltrade.agents.config import AgentConfig, TwinsConfig
from drltrade.agents.encoders import State, make_encoder
from drltrade.agents.heads import CategoricalHead, GaussianHead, WeightsHead, make_head
from drltrade.agents.market_view import MarketView, reward_scale
from drltrade.agents.noisy import draw_from, quiet
from drltrade.agents.policy import NetworkPolicy
from drltrade.agents.returns import generalized_advantage
from drltrade.agents.towers import Tower
from drltrade.envs.task import Task
from drltrade.market.simulator import Transition


class RolloutConfig(AgentConfig, TwinsConfig):
    """What policy-gradient agents have in common."""

    n_steps: int = Field(128, ge=1, description="steps of each account per rollout")
    weights_head: WeightsHead = Field(
        "gaussian", description="distribution of a portfolio's weights; the others are long-only"
    )
    vf_coef: float = Field(0.5, ge=0, description="weight of the value loss")
    ent_coef: float | None = Field(
        None, ge=0,
        description="weight of the entropy at the start; it falls linearly to 0. Default: 0.1 "
        "where positions are listed, 0 where weights are drawn, and exploring them costs",
    )  # fmt: skip


class ActorCritic(nn.Module):
    """One encoder whose embedding holds the actor's half and the critic's; two towers.

    With the `mlp` encoder these are two separate networks whose first layers share one product.
    """

    def __init__(self, config: RolloutConfig, task: Task) -> None:
        super().__init__()
        network, self.assets = config.network, task.market.assets
        self.width = network.hidden[0]
        self.encoder = make_encoder(network, task.observation_size, 2 * self.width, self.assets)
        self.head = make_head(task, config.weights_head)
        self.actor = Tower(network, self.head.outputs, self.assets)
        self.critic = Tower(network, 1, self.assets, pooled=True)
        listed = isinstance(self.head, CategoricalHead)
        self._ent_coef = config.ent_coef if config.ent_coef is not None else 0.1 * listed

    def forward(self, embedding: Tensor, account: Tensor) -> tuple[Tensor, Tensor]:
        """[..., N 2H], [..., 3 N + 1] -> action outputs [..., N O], values [...]."""
        actor, critic = self._halves(embedding)
        return self._act(actor, account), self._value(critic, account)

    def act(self, embedding: Tensor, account: Tensor) -> Tensor:
        """-> [..., N O]."""
        return self._act(self._halves(embedding)[0], account)

    def value(self, embedding: Tensor, account: Tensor) -> Tensor:
        """-> [...]."""
        return self._value(self._halves(embedding)[1], account)

    def _act(self, half: Tensor, account: Tensor) -> Tensor:
        outputs: Tensor = self.actor(half, account)
        if isinstance(self.head, GaussianHead):
            return self.head.trading(outputs, account)
        return outputs

    def _value(self, half: Tensor, account: Tensor) -> Tensor:
        values: Tensor = self.critic(half, account)
        return values.squeeze(-1)

    def entropy_weight(self, progress: float) -> float:
        """Of the entropy after a share `progress` of the training: first explore, then commit."""
        return self._ent_coef * (1.0 - progress)

    def _halves(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The actor's and the critic's, [..., N H] each.

        `unbind` puts the two gradients together once; a slice would fill a gradient of the whole
        embedding with zeros for each half, which costs more than the products on large batches.
        """
        each = embedding.reshape(*embedding.shape[:-1], self.assets, 2, self.width)
        actor, critic = each.unbind(-2)
        return actor.flatten(-2), critic.flatten(-2)


class Rollout(NamedTuple):
    """[T, n] each (account: [T, n, A]); never a window."""

    t: Tensor
    account: Tensor
    action: Tensor
    log_probability: Tensor
    reward: Tensor
    value: Tensor
    next_value: Tensor
    """Of the state that the step led to, before any restart."""
    terminated: Tensor
    done: Tensor
    counts: Tensor
    """False after an account's ruin in mid-rollout, where history memory cannot follow it."""

    def advantage(self, gamma: float, gae_lambda: float) -> Tensor:
        """[T, n] generalised advantages; 0 for the steps that do not count."""
        cut = self.done.clone()
        cut[:-1] |= ~self.counts[1:]  # what such a step led to is not known; its state is
        advantage = generalized_advantage(
            self.reward, self.value, self.next_value, self.terminated, cut, gamma, gae_lambda
        )
        return advantage * self.counts


class Batch(NamedTuple):
    """Some of a rollout's steps, and the network's embedding of their bars."""

    steps: Tensor
    """[B] places in the flattened rollout."""
    embedding: Tensor
    """[G, E], of B / G steps in a row each: those of twins, who stand at the same bar."""


class Collector:
    """Steps accounts of the train period through rollouts, and hands them out in batches."""

    def __init__(
        self, config: RolloutConfig, task: Task, network: ActorCritic, generator: torch.Generator
    ) -> None:
        """`generator` draws everything random."""
        self.config, self.network, self._generator = config, network, generator
        self.history = config.network.memory == "history"
        self.view = MarketView(task, generator.device)
        length = task.config.episode_length
        if self.history:
            # Whole rollouts, so that no account jumps elsewhere in the middle of one.
            longest = length[1] if isinstance(length, tuple) else length or 8 * config.n_steps
            length = config.n_steps * max(1, longest // config.n_steps)
            self.view.segments(length, config.lead)
        self._simulator = task.simulator(
            config.n_envs, generator, episode_length=length, detailed=False, lead=config.lead,
            twins=config.twins,
        )  # fmt: skip
        self.scale = reward_scale(task) if config.normalize_reward else 1.0
        self._state: State | None = None
        draw_from(network, generator)

    @torch.no_grad()
    def collect(self) -> tuple[Rollout, Tensor]:
        """Play `n_steps` of all accounts; -> (what happened, mean reward as the env pays it)."""
        config, network, simulator = self.config, self.network, self._simulator
        states, transitions = [], []
        with quiet(network), config.autocast(simulator.device):
            embed = self._reader(simulator.t)
            for step in range(config.n_steps):
                t, account = simulator.t, simulator.account
                embedding = embed(t, step)
                outputs = network.act(embedding, account).float()
                action = network.head.sample(outputs, self._generator)
                target = network.head.target(action)
                states.append((t, account, embedding, outputs, action))
                transitions.append(simulator.step(target))
            t, account, embedding, outputs, action = map(torch.stack, zip(*states, strict=True))
            led_to = Transition(*map(torch.stack, zip(*transitions, strict=True)))
            value = network.value(embedding, account).float()
            next_value = torch.empty_like(value)
            next_value[:-1] = value[1:]
            last = network.value(embed(t[-1] + 1, config.n_steps), led_to.account[-1])
            next_value[-1] = last.float()
            if not self.history:
                # A truncated step led to a state that the next row no longer holds.
                cut = led_to.truncated.nonzero(as_tuple=True)
                if len(cut[0]):
                    seen = self.view.embed(network.encoder, t[cut] + 1)
                    next_value[cut] = network.value(seen, led_to.account[cut]).float()
        counts = t == t[0] + torch.arange(config.n_steps, device=t.device)[:, None]
        counts[:-1] &= ~led_to.truncated[:-1]  # by a twin's ruin: what it led to is not known
        reward = (led_to.reward / self.scale).float()
        rollout = Rollout(
            t=t,
            account=account,
            action=action,
            log_probability=network.head.log_probability(outputs, action),
            reward=reward,
            value=value,
            next_value=next_value,
            terminated=led_to.terminated,
            done=led_to.terminated | led_to.truncated,
            counts=counts if self.history else torch.ones_like(counts),
        )
        return rollout, led_to.reward.mean()

    def _reader(self, start: Tensor) -> Callable[[Tensor, int], Tensor]:
        """(t [n], steps since the rollout began) -> embeddings [n, E]."""
        config, encoder = self.config, self.network.encoder
        if self.history:
            # The state before the rollout, from a burn-in on the bars that lead to it. The updates
            # of this rollout begin with it, too: by then it is a few gradient steps old, as in
            # Kapturowski et al. 2019.
            bars = self.view.stretch(start[:: config.twins], config.n_steps + 1, config.lead)
            self._state = None
            if config.lead:
                self._state = encoder.sequence(bars[:, : config.lead])[1]
            embeddings, _ = encoder.sequence(bars[:, config.lead :], self._state)
            return lambda t, step: self._for_twins(embeddings[:, step])
        embed = self.view.reader(encoder, config.n_steps * config.n_envs // config.twins)
        return lambda t, step: self._for_twins(embed(t[:: config.twins]))

    def _for_twins(self, each: Tensor) -> Tensor:
        """[G, ...] of groups of twins -> [n, ...] of accounts."""
        return each.unsqueeze(1).expand(-1, self.config.twins, *each.shape[1:]).flatten(0, 1)

    def _twins_of(self, groups: Tensor) -> Tensor:
        """[G] numbers of groups -> [G twins] numbers of their members."""
        twins = self.config.twins
        return (groups[:, None] * twins + torch.arange(twins, device=groups.device)).flatten()

    def batches(self, rollout: Rollout, size: int) -> Iterator[Batch]:
        """Go through a rollout once in random order, about `size` steps at a time.

        Twins come together, so that the bar they stand at is encoded once. With history memory
        whole accounts do, encoded from their bars in one call. Steps that do not count are in no
        batch, and so in no mean or deviation that is taken of one.
        """
        encoder, twins = self.network.encoder, self.config.twins
        options = {"generator": self._generator, "device": rollout.t.device}
        bars = rollout.t[:, ::twins]
        steps, n = bars.shape
        if not self.history:
            order = torch.randperm(steps * n, **options)  # type: ignore[call-overload]
            for groups in order.split(max(size // twins, 1)):
                embedding = self.view.embed(encoder, bars.flatten()[groups])
                yield Batch(self._twins_of(groups), embedding)
            return
        order = torch.randperm(n, **options)  # type: ignore[call-overload]
        row = torch.arange(steps, device=order.device) * rollout.t.shape[1]
        for groups in order.split(max(size // (steps * twins), 1)):
            seen = self.view.stretch(bars[0, groups], steps, 0)
            state = None
            if self._state is not None:
                state = tuple(part[groups] for part in self._state)
            embedding, _ = encoder.sequence(seen, state)
            places = (self._twins_of(groups)[:, None] + row).flatten()
            counts = rollout.counts.flatten()[places]
            yield Batch(places[counts], self._for_twins(embedding).flatten(0, 1)[counts])

    def policy(self, task: Task) -> NetworkPolicy:
        """The greedy policy of the network as it learns on."""
        network, config = self.network, self.config
        return NetworkPolicy(
            network.encoder, network.act, network.head.greedy, config.network,
            task.observation_size, self._generator.device,
        )  # fmt: skip


def make_network(config: RolloutConfig, task: Task, generator: torch.Generator) -> ActorCritic:
    """The network with its first weights, on the generator's device."""
    network = ActorCritic(config, task)
    config.initialise(network, generator, head_gain=0.01)
    on_cpu = torch.Generator().manual_seed(generator.initial_seed() + 1)
    nn.init.orthogonal_(network.critic.head.weight, 1.0, on_cpu)
    config.compiled(network.encoder, network.actor, network.critic)
    return network.to(generator.device)
