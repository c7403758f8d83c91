"""Accounts that live and remember: embeddings of sequences, priorities, the level of values."""

import pytest
import torch

from drltrade.agents.encoders import make_encoder
from drltrade.agents.level import Level
from drltrade.agents.off_policy import Experience, OffPolicyConfig
from drltrade.agents.replay import Batch
from drltrade.errors import ConfigError
from drltrade.settings import parse

SMALL = {"n_envs": 8, "learning_starts": 0, "batch_size": 24, "buffer_size": 400}


def config_of(encoder="gru", **settings):
    network = {"encoder": encoder, "memory": "history", "units": 8, "hidden": [16], "context": 4}
    values = {"network": network, "sequence_length": 6, "burn_in": 5, **SMALL, **settings}
    return parse(OffPolicyConfig, values, "test")


def lived(task, config, steps=40, priorities=None, twins=1):
    generator = torch.Generator().manual_seed(0)
    experience = Experience(config, task, generator, False, priorities, twins)
    for _ in range(steps):
        action = torch.randint(3, (config.n_envs,), generator=generator)
        experience.live(action, action.double() - 1.0)
    return experience


@pytest.fixture
def encoder_of(task):
    def make(config):
        torch.manual_seed(0)
        return make_encoder(config.network, task.observation_size, 16).eval()

    return make


@pytest.mark.parametrize("twins", [1, 2])
@pytest.mark.parametrize("encoder", ["gru", "lstm", "cnn", "transformer"])
def test_embeddings_of_sequences_equal_those_of_single_stretches(task, encoder_of, encoder, twins):
    config = config_of(encoder, n_step=2)
    experience, network = lived(task, config, twins=twins), encoder_of(config)
    sample = experience.sample(0.0)
    assert len(sample.batch.t) == 24
    features = torch.from_numpy(task.market.features)
    now, later = experience.both(network, sample)
    torch.testing.assert_close(now, experience.now(network, sample))
    torch.testing.assert_close(later, experience.later(network, sample))
    assert now.requires_grad
    assert not later.requires_grad
    for i in range(24):
        if sample.weight[i] == 0:
            continue
        first = int(sample.start[i // 6]) - 5
        for t, embedding in ((sample.batch.t[i], now[i]), (sample.batch.next_t[i], later[i])):
            bars = features[first : int(t) + 1]
            along, _ = network.sequence(bars[None])
            torch.testing.assert_close(along[0, -1], embedding, rtol=1e-5, atol=1e-6)


def test_nothing_before_the_data_is_read(task, encoder_of):
    config = config_of(burn_in=30)
    experience = lived(task, config, steps=120)
    first = task.rows("train")[0]
    assert int(experience.replay._t.min()) >= first + 30
    bars = experience.look(encoder_of(config))
    assert bars.shape == (8, 16)


def test_a_burn_in_longer_than_the_period_is_refused(task):
    with pytest.raises(
        ConfigError, match=r"^burn_in = 5000 bars leave nothing of the train period"
    ):
        lived(task, config_of(burn_in=5000), steps=0)


def test_what_lies_beyond_an_episode_does_not_count(task):
    experience = lived(task, config_of())
    sample = experience.sample(0.0)
    counts = (sample.weight > 0).view(-1, 6)
    assert counts[:, 0].all()
    assert not counts.all()
    assert (counts[:, :-1] >= counts[:, 1:]).all()
    assert float(sample.weight.mean()) == pytest.approx(1.0, rel=1e-5)
    elapsed = sample.batch.t.view(-1, 6).diff(dim=1)
    assert (elapsed[counts[:, 1:]] == 1).all()


@pytest.mark.parametrize("twins", [1, 2])
def test_windows_are_embedded_one_by_one(task, twins):
    config = parse(OffPolicyConfig, {**SMALL, "n_step": 3}, "test")
    experience = lived(task, config, twins=twins)
    torch.manual_seed(0)
    network = make_encoder(config.network, task.observation_size, 64)
    sample = experience.sample(0.0)
    features = torch.from_numpy(task.market.features)
    now, later = experience.both(network, sample)
    for i in range(24):
        for t, embedding in ((sample.batch.t[i], now[i]), (sample.batch.next_t[i], later[i])):
            window = features[int(t) - 3 : int(t) + 1]
            torch.testing.assert_close(network(window[None])[0], embedding)


def test_twins_met_the_same_bars_and_did_what_they_liked(task):
    sample = lived(task, parse(OffPolicyConfig, SMALL, "test"), twins=2).sample(0.0)
    first, second = (
        [part[half] for part in sample.batch] for half in (slice(12), slice(12, None))
    )  # fmt: skip
    t, account, action, _, discount, next_t, _ = zip(first, second, strict=True)
    assert all(torch.equal(*of_both) for of_both in (t, discount, next_t))
    assert not any(torch.equal(*of_both) for of_both in (account, action))


def test_sequences_take_their_largest_and_mean_error_as_priority(task):
    experience = lived(task, config_of(), priorities=(1.0, 0.4))
    sample = experience.sample(0.0)
    error = torch.randn(24, generator=torch.Generator().manual_seed(0))
    experience.surprise(sample, error)
    leaf = sample.slots.row * 8 + sample.slots.env
    stored = experience.priorities.tree.weight(leaf)
    for i in range(4):
        counted = error[6 * i : 6 * i + 6][sample.weight[6 * i : 6 * i + 6] > 0].abs()
        expected = 0.9 * counted.max() + 0.1 * counted.mean()
        if (leaf == leaf[i]).sum() == 1:
            assert float(stored[i]) == pytest.approx(float(expected), rel=1e-4)


def test_the_level_finds_the_value_of_the_average_reward():
    # A reward of 0.3 for ever is worth 0.3 / (1 - 0.9) = 3; a network that puts out 0 all the time
    # is then right.
    level = Level(0.9, torch.device("cpu"), learned=True)
    none = torch.zeros(4)
    batch = Batch(none, none, none, none + 0.3, none + 0.9, none, none)
    for _ in range(500):
        level.follow(level.reward(batch) + batch.discount * none - none, None)
    assert float(level.value) == pytest.approx(3.0, rel=1e-3)
    # After a terminal step nothing follows: the values 0 less the level.
    ended = batch._replace(discount=none)
    assert float(level.reward(ended)[0]) == pytest.approx(0.3 - 3.0, rel=1e-3)


def test_a_level_that_is_not_learned_stays_at_zero():
    level = Level(0.9, torch.device("cpu"), learned=False)
    level.follow(torch.ones(3), None)
    assert float(level.value) == 0.0


BAD = {
    "a recurrent option without sequence length": (
        {"network": {"encoder": "gru", "memory": "history"}},
        "encoder 'gru' a recurrent option without sequence length: set sequence_length",
    ),
    "sequences of windows": ({"sequence_length": 8}, "sequence_length = 8 is for history memory"),
    "no whole sequence": (
        {"network": {"encoder": "gru", "memory": "history"}, "sequence_length": 32},
        "batch_size = 24 holds no sequence of sequence_length = 32 steps",
    ),
    "batch larger than the buffer": (
        {"batch_size": 512},
        "batch_size = 512 is larger than the buffer: buffer_size = 400 holds 400 transitions",
    ),
    "an update that never comes": (
        {"learning_starts": 500},
        "buffer_size = 400 holds 400 transitions of 8 accounts, but the first update waits for 500",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_settings_that_do_not_fit_are_explained(case):
    values, text = BAD[case]
    with pytest.raises(ConfigError) as caught:
        parse(OffPolicyConfig, {**SMALL, **values}, "test")
    assert text in str(caught.value)
