"""Steps of a rollout that do not count: in no gradient, mean or deviation."""

import math

import pytest
import torch

from drltrade.agents.registry import make_agent, parse_agent
from drltrade.agents.returns import generalized_advantage

RUINED = {1: 3, 4: 0, 5: 9}
"""Account -> the last of its steps that counts, of 12."""


@pytest.fixture(scope="module")
def market(make_task, make_random_bars):
    return make_task(make_random_bars(length=600), positions=[-1, 0, 1])


def build(market, name, **more):
    network = {"encoder": "gru", "memory": "history", "units": 8, "hidden": [8]}
    values = {"algorithm": name, "n_envs": 6, "n_steps": 12, "twins": 1, "network": network}
    return make_agent(parse_agent(values | more, "test"), market, torch.Generator().manual_seed(0))


def ruined(agent):
    """A rollout in which accounts are ruined, with what must not matter made large."""
    rollout, _ = agent._collector.collect()
    counts, terminated = torch.ones_like(rollout.counts), torch.zeros_like(rollout.terminated)
    for account, last in RUINED.items():
        counts[last + 1 :, account] = False
        terminated[last, account] = True
    return rollout._replace(
        counts=counts, terminated=terminated, done=rollout.done | terminated,
        reward=torch.where(counts, rollout.reward, 1e6),
    )  # fmt: skip


def hand_advantage(rollout, gamma, gae_lambda):
    """Account by account, over the steps that count."""
    parts = []
    for account in range(rollout.t.shape[1]):
        upto = RUINED.get(account, 11) + 1
        fields = (rollout.reward, rollout.value, rollout.next_value, rollout.terminated)
        cut = [field[:upto, account, None] for field in (*fields, rollout.done)]
        parts.append(generalized_advantage(*cut, gamma, gae_lambda).flatten())
    return torch.cat(parts)


def by_account(rollout, field):
    return torch.cat([field[: RUINED.get(a, 11) + 1, a] for a in range(rollout.t.shape[1])])


@pytest.mark.parametrize("name", ["a2c", "ppo"])
def test_advantages_are_normalised_over_the_steps_that_count(market, name):
    more = {"batch_size": 72, "n_epochs": 1, "clip_range": 10.0} if name == "ppo" else {}
    agent = build(market, name, **more)
    rollout, config = ruined(agent), agent.config
    advantage = hand_advantage(rollout, config.gamma, config.gae_lambda)
    assert len(advantage) == 4 + 1 + 10 + 3 * 12
    gain = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    log_probability = by_account(rollout, rollout.log_probability)
    # Before the first update the policy is the one that played: PPO's ratios are all 1.
    expected = -(gain * log_probability).mean() if name == "a2c" else -gain.mean()
    policy_loss, value_loss, entropy, *_ = agent._update(rollout, 0.0)
    torch.testing.assert_close(policy_loss, expected, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(value_loss, advantage.square().mean(), rtol=1e-3, atol=1e-6)
    each = rollout.log_probability.exp()  # of a policy that is nearly uniform, nearly 1/3
    assert float(each.mean()) == pytest.approx(1 / 3, abs=0.03)
    assert float(entropy) == pytest.approx(math.log(3.0), abs=0.01)


def test_reinforce_scales_by_the_deviation_of_the_steps_that_count(market):
    agent = build(market, "reinforce", baseline="none")
    rollout = ruined(agent)
    gamma, returns = agent.config.gamma, []
    for account in range(6):
        path = rollout.reward[: RUINED.get(account, 11) + 1, account].tolist()
        done = rollout.done[: len(path), account].tolist()
        for t in range(len(path)):
            end = next((k for k in range(t, len(path)) if done[k]), len(path) - 1)
            returns.append(sum(gamma ** (k - t) * path[k] for k in range(t, end + 1)))
    gain = torch.tensor(returns)
    gain = gain / (gain.std() + 1e-8)
    expected = -(gain * by_account(rollout, rollout.log_probability)).mean()
    torch.testing.assert_close(agent._update(rollout, 0.0)[0], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("size", [12, 30, 72])
def test_batches_hold_each_step_that_counts_once(market, size):
    agent = build(market, "a2c")
    rollout = ruined(agent)
    batches = list(agent._collector.batches(rollout, size))
    assert all(len(batch.steps) == len(batch.embedding) for batch in batches)
    steps = torch.cat([batch.steps for batch in batches]).sort().values
    assert steps.tolist() == rollout.counts.flatten().nonzero().flatten().tolist()


def test_an_advantage_does_not_reach_over_a_step_that_does_not_count(market):
    agent = build(market, "a2c", twins=2)
    rollout, _ = agent._collector.collect()
    counts = torch.ones_like(rollout.counts)
    counts[5:, 0] = False  # a twin's ruin ends the episode with step 5, whose next state is unknown
    reward = rollout.reward.clone()
    reward[5, 0] = 1e6
    rollout = rollout._replace(counts=counts, reward=reward)
    advantage = rollout.advantage(0.9, 0.8)[:, 0]
    assert advantage[5:].tolist() == [0.0] * 7
    delta = reward[4, 0] + 0.9 * rollout.next_value[4, 0] - rollout.value[4, 0]
    torch.testing.assert_close(advantage[4], delta)
    assert advantage.abs().max() < 1e3


def test_nothing_counts_of_a_twin_from_the_ruin_of_the_other_on(make_task, make_random_bars):
    task = make_task(
        make_random_bars(length=600, volatility=0.4), positions=[-3, 0, 3], episode_length=24
    )
    agent = build(task, "ppo", twins=2, n_envs=32, batch_size=384)
    seen = 0
    for _ in range(4):
        rollout, _ = agent._collector.collect()
        for step, account in rollout.terminated.nonzero().tolist():
            first = bool(rollout.counts[: step + 1, account].all())
            if step == 11 or not first or bool(rollout.terminated[step, account ^ 1]):
                continue
            seen += 1
            assert bool(rollout.counts[:step, account ^ 1].all())
            assert not bool(rollout.counts[step:, account ^ 1].any())
            assert not bool(rollout.counts[step + 1 :, account].any())
    assert seen > 3
