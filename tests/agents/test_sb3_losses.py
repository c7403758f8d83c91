"""Our losses against those that stable-baselines3 minimises: same batch, same weights.

stable-baselines3's `train` runs as it is; its optimisers are made not to move, and what they are
handed as gradients is compared, beside the losses that it logs.
"""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.logger import configure

from drltrade.agents.heads import CategoricalHead
from drltrade.agents.losses import (
    clipped_double_q_target,
    clipped_policy_loss,
    clipped_value_loss,
    critic_loss,
    double_q_target,
    smoothed_action,
    soft_value,
    temperature_loss,
    temporal_difference_loss,
    weighted_mean,
)
from drltrade.agents.returns import generalized_advantage
from drltrade.agents.soft_policies import squashed

BATCH, GAMMA = 64, 0.9


class Tiny(gymnasium.Env):
    """Random numbers; ends now and then."""

    observation_space = spaces.Box(-10, 10, (5,), np.float32)

    def __init__(self, action_space):
        self.action_space, self._rng = action_space, np.random.default_rng(0)

    def _seen(self):
        return self._rng.normal(size=5).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        return self._seen(), {}

    def step(self, action):
        return self._seen(), float(self._rng.normal()), bool(self._rng.random() < 0.1), False, {}


def frozen(algorithm, action_space, **settings):
    """A model with a filled buffer, and the batch that its next `train` will draw."""
    model = algorithm(
        "MlpPolicy", Tiny(action_space), learning_rate=0.0, batch_size=BATCH, gamma=GAMMA,
        learning_starts=200, buffer_size=500, seed=0, device="cpu", **settings,
    )  # fmt: skip
    model.set_logger(configure(None, []))
    model.learn(200)
    batch = model.replay_buffer.sample(BATCH)
    model.replay_buffer.sample = lambda *_, **__: batch
    return model, batch


def gradients(parameters):
    return [parameter.grad.clone() for parameter in parameters]


def assert_gradients(loss, parameters, expected):
    parameters = list(parameters)
    for ours, theirs in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_the_loss_of_dqn():
    # It clips gradients in place; a wide limit leaves them be.
    model, batch = frozen(DQN, spaces.Discrete(3), max_grad_norm=1e9, target_update_interval=50)
    model.train(1, BATCH)
    theirs = gradients(model.q_net.parameters())
    values = model.q_net(batch.observations).gather(1, batch.actions.long()).squeeze(1)
    with torch.no_grad():
        following = model.q_net_target(batch.next_observations)
    reward, discount = batch.rewards[:, 0], GAMMA * (1 - batch.dones[:, 0])
    target = double_q_target(reward, discount, following, following, double=False)
    loss = temporal_difference_loss(values, target)
    logged = model.logger.name_to_value["train/loss"]
    assert float(loss.detach()) == pytest.approx(logged, rel=1e-6, abs=1e-6)
    assert_gradients(loss, model.q_net.parameters(), theirs)


def test_the_losses_of_td3():
    space = spaces.Box(-1, 1, (2,), np.float32)
    model, batch = frozen(TD3, space, policy_delay=1)
    torch.manual_seed(7)
    model.train(1, BATCH)
    reward, discount = batch.rewards[:, 0], GAMMA * (1 - batch.dones[:, 0])
    torch.manual_seed(7)
    noise = torch.empty_like(batch.actions).normal_(0.0, 1.0)
    with torch.no_grad():
        action = smoothed_action(model.actor_target(batch.next_observations), noise, 0.2, 0.5)
        following = torch.cat(model.critic_target(batch.next_observations, action), 1)
    target = clipped_double_q_target(reward, discount, following)
    loss = critic_loss(torch.cat(model.critic(batch.observations, batch.actions), 1), target)
    logged = model.logger.name_to_value
    assert float(loss.detach()) == pytest.approx(logged["train/critic_loss"], rel=1e-6, abs=1e-6)
    climbed = model.critic.q1_forward(batch.observations, model.actor(batch.observations))
    actor_loss = -weighted_mean(climbed[:, 0], None)
    expected = logged["train/actor_loss"]
    assert float(actor_loss.detach()) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    theirs = gradients(model.actor.parameters())
    assert_gradients(actor_loss, model.actor.parameters(), theirs)


def test_the_losses_of_sac():
    space = spaces.Box(-1, 1, (2,), np.float32)
    model, batch = frozen(SAC, space, ent_coef="auto_0.3")
    torch.manual_seed(7)
    model.train(1, BATCH)
    logged = model.logger.name_to_value
    theirs_actor = gradients(model.actor.parameters())
    theirs_temperature = float(model.log_ent_coef.grad)
    reward, discount = batch.rewards[:, 0], GAMMA * (1 - batch.dones[:, 0])
    temperature = model.log_ent_coef.detach().exp()[0]

    torch.manual_seed(7)
    here, log_probability = model.actor.action_log_prob(batch.observations)
    with torch.no_grad():
        later, later_log_probability = model.actor.action_log_prob(batch.next_observations)
        following = torch.cat(model.critic_target(batch.next_observations, later), 1)
        worth = soft_value(following, later_log_probability, temperature)
    target = clipped_double_q_target(reward, discount, worth[:, None])
    loss = critic_loss(torch.cat(model.critic(batch.observations, batch.actions), 1), target)
    # stable-baselines3 takes half of the sum over critics.
    expected = 2 * logged["train/critic_loss"]
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6, abs=1e-6)

    values = torch.cat(model.critic(batch.observations, here), 1)
    actor_loss = -weighted_mean(soft_value(values, log_probability, temperature), None)
    expected = logged["train/actor_loss"]
    assert float(actor_loss.detach()) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert_gradients(actor_loss, model.actor.parameters(), theirs_actor)

    log_temperature = model.log_ent_coef.detach().requires_grad_()
    ours = temperature_loss(log_temperature[0], log_probability.detach(), model.target_entropy)
    expected = logged["train/ent_coef_loss"]
    assert float(ours.detach()) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    ours.backward()
    assert float(log_temperature.grad) == pytest.approx(theirs_temperature, rel=1e-6, abs=1e-6)


def test_the_density_of_a_squashed_gaussian():
    model, batch = frozen(SAC, spaces.Box(-1, 1, (2,), np.float32))
    torch.manual_seed(3)
    with torch.no_grad():
        action, log_probability = model.actor.action_log_prob(batch.observations)
        mean, log_std, _ = model.actor.get_action_dist_params(batch.observations)
    torch.manual_seed(3)
    ours, density = squashed(mean, log_std, torch.randn(mean.shape))
    torch.testing.assert_close(ours, action, rtol=1e-6, atol=1e-6)
    # stable-baselines3 adds 1e-6 to 1 - a^2 under the logarithm; that is taken back here.
    exact = log_probability + (1 - action**2 + 1e-6).log().sum(1) - (1 - action**2).log().sum(1)
    torch.testing.assert_close(density, exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("clip_range_vf", [None, 0.1])
def test_the_losses_of_ppo(clip_range_vf):
    vf_coef, ent_coef = 0.7, 0.03
    model = PPO(
        "MlpPolicy", Tiny(spaces.Discrete(4)), learning_rate=0.0, n_steps=BATCH, batch_size=BATCH,
        n_epochs=1, gamma=GAMMA, gae_lambda=0.8, clip_range=0.15, clip_range_vf=clip_range_vf,
        vf_coef=vf_coef, ent_coef=ent_coef, max_grad_norm=1e9, seed=0, device="cpu",
    )  # fmt: skip
    model.set_logger(configure(None, []))
    model.learn(BATCH)
    # A policy that has moved since the rollout, so that some ratios are clipped.
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.train()
    batch = next(model.rollout_buffer.get(BATCH))

    features = model.policy.extract_features(batch.observations)
    of_actor, of_critic = model.policy.mlp_extractor(features)
    outputs = model.policy.action_net(of_actor)
    value = model.policy.value_net(of_critic).flatten()
    head = CategoricalHead((-1.0, 0.0, 1.0, 2.0))
    gain = batch.advantages
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    log_probability = head.log_probability(outputs, batch.actions.long().flatten())
    policy_loss = clipped_policy_loss(log_probability, batch.old_log_prob, gain, 0.15)
    value_loss = clipped_value_loss(value, batch.old_values, batch.returns, clip_range_vf)
    entropy = head.entropy(outputs)
    loss = policy_loss + vf_coef * value_loss - ent_coef * entropy

    logged = model.logger.name_to_value
    assert 0.0 < logged["train/clip_fraction"] < 1.0
    assert float(policy_loss) == pytest.approx(logged["train/policy_gradient_loss"], abs=1e-6)
    assert float(value_loss) == pytest.approx(logged["train/value_loss"], rel=1e-6)
    assert -float(entropy) == pytest.approx(logged["train/entropy_loss"], rel=1e-6)
    assert float(loss) == pytest.approx(logged["train/loss"], rel=1e-6)
    parameters = [p for p in model.policy.parameters() if p.grad is not None]
    assert_gradients(loss, parameters, gradients(parameters))


def test_the_advantages_of_ppo():
    model = PPO(
        "MlpPolicy", Tiny(spaces.Discrete(4)), n_steps=BATCH, batch_size=BATCH, gamma=GAMMA,
        gae_lambda=0.8, learning_rate=0.0, seed=0, device="cpu",
    )  # fmt: skip
    model.learn(BATCH)
    buffer = model.rollout_buffer
    reward, value = (torch.from_numpy(x.reshape(BATCH, 1)) for x in (buffer.rewards, buffer.values))
    # An episode starts where the step before ended one; the last one's end only the model knows.
    starts = np.append(buffer.episode_starts.flatten()[1:], model._last_episode_starts)
    done = torch.from_numpy(starts.astype(bool))[:, None]
    with torch.no_grad():
        last = model.policy.predict_values(torch.from_numpy(model._last_obs))
    advantage = generalized_advantage(
        reward, value, torch.cat([value[1:], last]), done, done, GAMMA, 0.8
    )
    theirs = torch.from_numpy(buffer.advantages.reshape(BATCH, 1))
    torch.testing.assert_close(advantage, theirs, rtol=1e-5, atol=1e-5)
