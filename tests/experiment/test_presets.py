"""Presets and overrides: where they are found, how they are laid upon one another."""

import re

import pytest

from drltrade.envs.config import PortfolioConfig, TradingConfig
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.experiment.preset_files import list_presets, merge, parse_assignments, read_preset
from drltrade.experiment.presets import (
    agent_from_dict,
    make_env,
    make_vec_env,
    resolve_agent,
    split_overrides,
)
from drltrade.workspace import packaged

ENVS = sorted(path.stem for path in packaged("envs").glob("*.toml"))
AGENTS = sorted(path.stem for path in packaged("agents").glob("*.toml"))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for kind in ("envs", "agents"):
        (tmp_path / kind).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_presets_that_come_along():
    assert {"sp500-daily", "us5-daily"} <= set(ENVS)
    assert {f"us5-daily-{s}" for s in ("aapl", "msft", "ibm", "goog", "fb")} <= set(ENVS)
    assert {"dqn", "ppo", "dqn-lstm", "ppo-lstm", "sb3-ppo"} <= set(AGENTS)


@pytest.mark.parametrize("name", ENVS)
def test_every_env_preset_is_valid(name):
    config = resolve_env(name, {})
    assert config.description
    assert config.data in ("sp500", "us5", "nasdaq")


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_preset_is_valid_and_survives_its_dictionary(name):
    preset = resolve_agent(name, {})
    assert preset.description
    assert agent_from_dict(preset.to_dict(), "again") == preset


def test_the_portfolio_preset_pays_for_everything():
    dear = {"half_spread_bps": 3.0, "financing_rate": 0.03}
    config = resolve_env("us5-portfolio", {"asset_costs": {"GOOG": dear}})
    assert isinstance(config, PortfolioConfig)
    assert config.symbols == ("AAPL", "MSFT", "IBM", "GOOG")
    assert (config.long_only, config.gross_limit, config.margin.gross_limit) == (False, 1.0, 2.0)
    rules = config.rules(config.symbols)
    plan, terms = rules.plan, rules.terms
    assert plan.order_fees
    assert plan.holding
    assert plan.margin
    assert (plan.impact, plan.volume_limit) == ("square_root", "drop")
    assert terms.spread == pytest.approx([1e-4, 1e-4, 1e-4, 3e-4])


def twice_the_return(outcome):
    return 2.0 * (outcome.next_equity / outcome.equity - 1.0)


@pytest.mark.parametrize("weights", [False, True])
def test_a_reward_may_be_a_python_function(weights):
    reward = {twice_the_return: 0.5, "turnover": 0.0} if weights else twice_the_return
    env = make_env("us5-daily-ibm", reward=reward, period="test")
    env.reset()
    *_, info = env.step(0)
    _, paid, *_, after = env.step(0)
    gained = after["equity"] / info["equity"] - 1.0
    assert paid == pytest.approx((1.0 if weights else 2.0) * gained, rel=1e-12)
    assert make_vec_env("us5-daily-ibm", 2, reward=reward).config.reward == reward


def test_a_wrong_reward_beside_a_function_is_refused():
    with pytest.raises(ConfigError, match="reward 'log_retrun' is unknown; did you mean"):
        make_env("us5-daily-ibm", reward={twice_the_return: 1.0, "log_retrun": 1.0})


def test_a_preset_extends_another():
    aapl, base = resolve_env("us5-daily-goog", {}), resolve_env("us5-daily", {})
    assert (aapl.symbol, base.symbol) == ("GOOG", "AAPL")
    assert aapl.periods != base.periods
    assert (aapl.features, aapl.costs) == (base.features, base.costs)


def test_the_workspace_comes_first(workspace):
    (workspace / "envs" / "sp500-daily.toml").write_text("window = 77\n")
    (workspace / "envs" / "mine.toml").write_text(
        'extends = "us5-daily"\nsymbol = "IBM"\n[costs]\nslippage_bps = 9.0\n'
    )
    assert resolve_env("sp500-daily", {}).window == 77
    mine, base = resolve_env("mine", {}), resolve_env("us5-daily", {})
    assert (mine.symbol, mine.costs.slippage_bps) == ("IBM", 9.0)
    assert mine.costs.commission_bps == base.costs.commission_bps
    presets = list_presets("envs")
    assert presets["mine"] == workspace / "envs" / "mine.toml"
    assert presets["sp500-daily"] == workspace / "envs" / "sp500-daily.toml"
    assert presets["us5-daily"] == packaged("envs") / "us5-daily.toml"


def test_a_file_is_a_preset(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text("window = 3\n")
    assert resolve_env(str(path), {"fill": "next_close"}) == TradingConfig(
        window=3, fill="next_close"
    )


def test_an_algorithm_of_sb3_needs_no_file():
    preset = resolve_agent("sb3:A2C", {"training": {"total_steps": 7}})
    assert preset.algorithm.algorithm == "sb3:A2C"
    assert preset.training.total_steps == 7


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("envs", "sp500-dayly", "no preset 'sp500-dayly' in envs/; did you mean 'sp500-daily'?"),
        (
            "agents",
            "pppo",
            "no preset 'pppo' in agents/; did you mean 'ppo'? (there are: a2c, ddpg, direct, dqn",
        ),
        ("envs", "nowhere.toml", "nowhere.toml: no such file"),
    ],
)
def test_an_unknown_preset_is_explained(kind, name, text):
    with pytest.raises(ConfigError) as caught:
        read_preset(kind, name)
    assert text in str(caught.value)


def test_broken_toml_names_the_file(workspace):
    path = workspace / "envs" / "broken.toml"
    path.write_text("window = [1\n")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: not valid TOML: "):
        read_preset("envs", "broken")


def test_a_wrong_key_names_the_file(workspace):
    path = workspace / "agents" / "mine.toml"
    path.write_text('algorithm = "ppo"\n[training]\ntotal_step = 5\n')
    with pytest.raises(ConfigError) as caught:
        resolve_agent("mine", {})
    text = str(caught.value)
    assert text.startswith(f"{path} [training]: key 'total_step' is unknown; did you mean")
    assert "'total_steps'" in text


@pytest.mark.parametrize(
    ("assignments", "values"),
    [
        (["window=20"], {"window": 20}),
        (["costs.slippage_bps=2.5"], {"costs": {"slippage_bps": 2.5}}),
        (["positions=[-1, 1]"], {"positions": [-1, 1]}),
        (["symbol=AAPL"], {"symbol": "AAPL"}),
        (['symbol="AAPL"'], {"symbol": "AAPL"}),
        (["double=false"], {"double": False}),
        (["data=a=b.csv"], {"data": "a=b.csv"}),
        ([" window = 3 "], {"window": 3}),
        (["a.b.c=1", "a.b.d=2", "a.e=3"], {"a": {"b": {"c": 1, "d": 2}, "e": 3}}),
        (["window=1", "window=2"], {"window": 2}),
    ],
)
def test_assignments_are_read_as_toml_or_text(assignments, values):
    assert parse_assignments(assignments) == values


@pytest.mark.parametrize("text", ["window", "=5", " =5"])
def test_an_assignment_needs_a_key_and_a_value(text):
    with pytest.raises(ConfigError, match=r"--set .*: key\.path=value is needed"):
        parse_assignments([text])


def test_merging_goes_table_by_table_and_leaves_the_base_alone():
    base = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merge(base, {"a": {"c": 3}, "d": [4]}) == {"a": {"b": 1, "c": 3}, "d": [4]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1, 2]}


def test_overrides_find_their_owner():
    raw, _ = read_preset("agents", "ppo")
    env, agent = split_overrides(
        {
            "window": 5,
            "costs": {"fixed_fee": 1},
            "gamma": 0.9,
            "training": {"patience": 3},
            "env": {"fill": "next_close"},
            "agent": {"n_envs": 4},
        },
        raw,
    )
    assert env == {"window": 5, "costs": {"fixed_fee": 1}, "fill": "next_close"}
    assert agent == {"gamma": 0.9, "training": {"patience": 3}, "n_envs": 4}


def test_an_unknown_override_is_explained():
    raw, _ = read_preset("agents", "ppo")
    with pytest.raises(ConfigError) as caught:
        split_overrides({"windows": 1}, raw)
    assert "override 'windows' is unknown; did you mean 'window'? (allowed: " in str(caught.value)
    assert re.search(r"window, .* and \d+ more\)", str(caught.value))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("comission_bps", "costs.commission_bps"),
        ("learnin_rate", "learning_rate"),
        ("unitz", "network.units"),
        ("total_step", "training.total_steps"),
    ],
)
def test_an_unknown_override_may_stand_in_a_table(key, meant):
    raw, _ = read_preset("agents", "ppo")
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
        split_overrides({key: 1}, raw)
    with pytest.raises(ConfigError, match="override 'windo' is unknown; did you mean 'window'"):
        split_overrides({"windo": 1}, None)


def test_a_key_of_another_algorithm_is_unknown():
    raw, _ = read_preset("agents", "ppo")
    with pytest.raises(ConfigError, match="override 'double' is unknown"):
        split_overrides({"double": True}, raw)
    assert split_overrides({"double": True, "algorithm": "dqn"}, raw)[1]["double"] is True


def test_a_key_that_both_have_must_say_whose_it_is(monkeypatch):
    fields = {**TradingConfig.model_fields, "gamma": None}
    monkeypatch.setattr(TradingConfig, "__pydantic_fields__", fields)
    raw, _ = read_preset("agents", "ppo")
    with pytest.raises(
        ConfigError, match=r"'gamma' belongs to both; write env\. or agent\. before"
    ):
        split_overrides({"gamma": 0.5}, raw)
    assert split_overrides({"agent": {"gamma": 0.5}}, raw) == ({}, {"gamma": 0.5})


def test_naming_one_kind_of_action_replaces_the_other(workspace):
    (workspace / "envs" / "smooth.toml").write_text("position_range = [0.0, 1.0]\n")
    assert resolve_env("sp500-daily", {"position_range": [-1, 1]}).positions is None
    assert resolve_env("smooth", {"positions": [0, 1]}).position_range is None
    with pytest.raises(ConfigError, match="set either positions"):
        resolve_env("smooth", {"positions": [0, 1], "position_range": [0, 1]})


def test_a_preset_of_a_packaged_name_extends_the_packaged_one(workspace):
    (workspace / "envs" / "sp500-daily.toml").write_text('extends = "sp500-daily"\nwindow = 3\n')
    config = resolve_env("sp500-daily", {})
    assert (config.window, config.data) == (3, "sp500")


def test_presets_that_extend_each_other_are_an_error(workspace):
    for one, other in (("a", "b"), ("b", "a")):
        (workspace / "envs" / f"{one}.toml").write_text(f'extends = "{other}"\n')
    with pytest.raises(ConfigError, match=r"a\.toml: extends itself, by way of .*b\.toml"):
        resolve_env("a", {})


def test_a_file_extends_the_file_beside_it(tmp_path):
    (tmp_path / "base.toml").write_text("window = 7\n")
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n')
    assert resolve_env(str(tmp_path / "mine.toml"), {}).window == 7


@pytest.mark.parametrize(
    ("agent", "overrides", "text"),
    [
        ("dqn", {"buffer_size": 5000}, "it would never come"),
        ("dqn", {"training": {"total_steps": 9000}}, "nothing would be learned"),
        ("ppo", {"n_envs": 2, "n_steps": 1}, "is larger than a rollout of n_envs"),
        ("ppo", {"network": {"hidden": [0]}}, "greater than 0"),
        ("ppo", {"learning_rate": float("inf")}, "finite number"),
    ],
)
def test_what_could_not_learn_is_refused(agent, overrides, text):
    with pytest.raises(ConfigError, match=text):
        resolve_agent(agent, overrides)
