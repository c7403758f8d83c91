"""Every agent of the README's table on the shipped presets of the kinds of actions it offers."""

import re
from pathlib import Path

import pytest
import torch

import drltrade
from drltrade.agents.registry import make_agent
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.presets import resolve_agent

KINDS = {"positions": "drift", "range": "kelly-cost", "weights": "us5-portfolio"}
"""A shipped preset of each kind of actions."""

SHORT = {"bars": 500, "path_length": 500, "validation_bars": 300, "test_bars": 300}
FEW = {
    "n_envs": 4, "n_steps": 8, "batch_size": 32, "learning_starts": 8, "buffer_size": 512,
    "actor_starts": 1, "sequence_length": 8,
}  # fmt: skip
"""Whatever of these an agent knows."""


def offered():
    """(agent, kind of actions) by the README's table of agents."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    table = text[text.index("| agent | what it is | actions |") :].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        names, _, actions = (cell.strip() for cell in row.strip("|").split(" | "))
        kinds = [kind for kind in KINDS if re.search(rf"\b{kind}\b", actions)]
        if re.search(r"levels of each weight", actions):
            kinds.append("weights")
        for name in re.findall(r"`([\w:]+)`", names):
            for kind in KINDS if actions == "all" else dict.fromkeys(kinds):
                yield ("sb3-ppo" if name == "sb3:NAME" else name), kind


def test_the_table_offers_every_algorithm():
    pairs = set(offered())
    assert len(pairs) == 25
    assert {("direct", "weights"), ("ddpg", "range"), ("exo_dqn", "weights")} <= pairs
    assert ("dqn", "weights") not in pairs


@pytest.fixture(scope="module")
def tasks():
    made = {}
    for kind, preset in KINDS.items():
        config = resolve_env(preset, {})
        if getattr(config, "synthetic", None) is not None:
            fewer = {k: n for k, n in SHORT.items() if hasattr(config.synthetic, k)}
            config = resolve_env(preset, {"synthetic": fewer, "episode_length": 60})
        made[kind] = Task.build(config)
    return made


@pytest.mark.parametrize(("name", "kind"), [*offered()])
def test_an_agent_learns_on_the_preset_of_its_kind(tasks, name, kind):
    known = type(resolve_agent(name, {}).algorithm).model_fields
    few = {key: value for key, value in FEW.items() if key in known}
    if name == "direct":
        few = {"batch_size": 128, "sequence_length": 32}
    if name in ("dqn", "ddpg", "td3", "sac"):
        del few["sequence_length"]
    if name == "sb3-ppo":
        few = {"n_envs": 2, "hyperparameters": {"n_steps": 16, "batch_size": 16, "n_epochs": 1}}
    preset = resolve_agent(name, few)
    agent = make_agent(preset.algorithm, tasks[kind], torch.Generator().manual_seed(0))
    before = {key: value.clone() for key, value in agent.weights().items()}
    reached = []
    agent.learn(300, lambda steps, *_: reached.append(steps) or True)
    assert reached[-1] >= 300
    changed = [key for key, value in agent.weights().items() if not value.equal(before[key])]
    assert any(not key.startswith("critic.") for key in changed)
    assert all(bool(value.isfinite().all()) for value in agent.weights().values())


SMALL = {"n_envs": 8, "batch_size": 16, "learning_starts": 20, "buffer_size": 512}


@pytest.mark.parametrize(
    ("name", "more", "least"),
    [
        ("dqn", {}, 24),  # three steps of 8 accounts fill the replay to 20
        ("dqn", {"n_step": 5}, 40),
        ("sac", {}, 24),
        ("ddpg", {"actor_starts": 0}, 24),
        ("ddpg", {"actor_starts": 10}, 24 + 80),
        ("ddpg", {"actor_starts": 10, "gradient_steps": 4}, 24 + 16),
        ("td3", {"actor_starts": 10, "policy_delay": 1}, 24 + 80),
        ("td3", {"actor_starts": 10, "policy_delay": 4}, 24 + 88),
    ],
)
def test_an_actor_learns_with_the_last_step_that_is_needed(tasks, name, more, least):
    task = tasks["positions" if name == "dqn" else "range"]

    def policy_after(steps):
        config = resolve_agent(name, SMALL | more | {"training": {"total_steps": 10_000}}).algorithm
        agent = make_agent(config, task, torch.Generator().manual_seed(0))
        agent.learn(steps, lambda *_: True)
        return {k: v for k, v in agent.weights().items() if not k.startswith("critic.")}

    def same(some, other):
        return all(some[key].equal(other[key]) for key in some)

    untouched = policy_after(1)
    assert same(policy_after(least - 8), untouched)
    assert not same(policy_after(least), untouched)
    resolve_agent(name, SMALL | more | {"training": {"total_steps": least}})
    with pytest.raises(ConfigError, match=rf"first change comes after {least} environment"):
        resolve_agent(name, SMALL | more | {"training": {"total_steps": least - 1}})


def test_a_short_training_of_the_shipped_td3_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="first change comes after 8"):
        drltrade.train(
            env="kelly-cost", agent="td3", run=tmp_path / "run", training={"total_steps": 20_000}
        )
    assert not (tmp_path / "run").exists()


def test_replay_of_sb3_counts_too():
    few = {"algorithm": "sb3:SAC", "n_envs": 2, "hyperparameters": {"learning_starts": 500}}
    with pytest.raises(ConfigError, match="first change comes after 502 environment steps"):
        resolve_agent("sb3-ppo", few | {"training": {"total_steps": 400}})
