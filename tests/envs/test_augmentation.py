"""Paths that are added to the train period, and what they must not touch."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drltrade.data.catalog import load_bars
from drltrade.envs.auditing import audit_preset
from drltrade.envs.config import parse_env
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env

HALF = {"augment": {"bootstrap": 0.5}}
ARRAYS = (
    "open", "high", "low", "close", "volume", "tradable", "ended", "features", "signals", "times"
)  # fmt: skip


def task_of(preset: str = "sp500-daily", **settings) -> Task:
    return Task.build(resolve_env(preset, settings))


def paths_of(task: Task) -> list[range]:
    assert task.augmented
    return list(task.market.spans[-task.augmented :])


@pytest.fixture(scope="module")
def plain():
    return {name: task_of(name) for name in ("sp500-daily", "us5-portfolio")}


@pytest.fixture(scope="module")
def augmented():
    return {name: task_of(name, **HALF) for name in ("sp500-daily", "us5-portfolio")}


@pytest.mark.parametrize("preset", ["sp500-daily", "us5-portfolio"])
def test_what_is_real_stays_bit_for_bit(preset, plain, augmented):
    before, after = plain[preset], augmented[preset]
    assert after.preparation.scaler == before.preparation.scaler
    for name in ARRAYS:
        real = getattr(after.market, name)[: len(before.market)]
        np.testing.assert_array_equal(real, getattr(before.market, name), err_msg=name)
    for period in ("train", "validation", "test", "all"):
        assert after.rows(period) == before.rows(period)
    for period in ("validation", "test"):
        assert after.spans(period) == before.spans(period)
    for fill in ("next_open", "next_close", "same_close"):
        rows = list(before.rows("test"))[:-1]  # what lies after the last is not of the period
        np.testing.assert_array_equal(
            after.market.fill_price(fill)[rows], before.market.fill_price(fill)[rows]
        )


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_share_is_that_of_the_bars_trained_on(share):
    task = task_of(augment={"bootstrap": share})
    real, *paths = task.spans("train")
    assert real == task.rows("train")
    drawn = sum(map(len, paths))
    assert drawn / (drawn + len(real)) == pytest.approx(share, abs=0.002)
    for path, span in zip(paths, paths_of(task), strict=True):
        assert path == span[task.config.window - 1 :]
    train = pd.Timestamp("2010-12-31")
    assert max(task.market.times[span[-1]] for span in paths_of(task)) <= train


def test_nothing_after_the_train_period_changes_a_path():
    config, bars = resolve_env("sp500-daily", HALF), load_bars("sp500")
    frame = bars.frame("SP500")
    later = frame.index > "2010-12-31"
    columns = ["open", "high", "low", "close", "volume"]
    frame.loc[later, columns] *= np.linspace(1.0, 7.0, later.sum())[:, None]
    before = Task.build(config, bars=bars)
    after = Task.build(config, bars=replace(bars, frames={"SP500": frame}))
    assert not np.array_equal(before.market.close, after.market.close)
    assert paths_of(before) == paths_of(after)
    for span in paths_of(before):
        for name in ARRAYS:
            one, other = getattr(before.market, name), getattr(after.market, name)
            np.testing.assert_array_equal(one[span], other[span], err_msg=name)


def test_every_bar_of_a_path_is_one_of_the_train_period(augmented):
    task = augmented["sp500-daily"]
    close = load_bars("sp500").frame("SP500")["close"].loc[:"2010-12-31"].to_numpy()
    real = set(np.round(np.diff(np.log(close)), 10))
    for span in paths_of(task):
        drawn = np.round(np.diff(np.log(task.market.close[span, 0])), 10)
        assert set(drawn) <= real
        assert not np.array_equal(drawn, np.round(np.diff(np.log(close)), 10)[: len(drawn)])


def test_assets_of_a_portfolio_are_drawn_together(augmented, plain):
    task, market = augmented["us5-portfolio"], augmented["us5-portfolio"].market
    real = plain["us5-portfolio"]
    train = np.diff(np.log(real.market.close[real.rows("train")]), axis=0)
    known = {tuple(row) for row in np.round(train, 9)}
    drawn = np.concatenate([np.diff(np.log(market.close[s]), axis=0) for s in paths_of(task)])
    found = np.mean([tuple(row) in known for row in np.round(drawn, 9)])
    assert found > 0.95  # the others are of the bars that warm features up
    assert np.corrcoef(drawn.T).min() > 0.2  # of assets drawn apart it is near 0


def test_each_asset_trained_on_has_paths_of_its_own():
    task = task_of(
        "us5-daily", symbol="AAPL", train_symbols=["MSFT", "IBM"], augment={"bootstrap": 0.5}
    )
    assert task.market.instruments[:3] == ("AAPL", "MSFT", "IBM")
    assert set(task.market.instruments[3:]) == {"MSFT", "IBM"}
    spans = task.spans("train")
    assert len(spans) == 2 + task.augmented
    assert sum(map(len, spans[2:])) == pytest.approx(sum(map(len, spans[:2])), rel=0.01)
    first, second = (task.market.close[span[:50], 0] for span in (spans[2], spans[-1]))
    assert not np.allclose(np.diff(np.log(first)), np.diff(np.log(second)))


def test_seed_and_block():
    one, same, other = (
        task_of(augment={"bootstrap": 0.3, "seed": seed, "block": 5.0}) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.market.close, same.market.close)
    assert not np.array_equal(one.market.close, other.market.close)
    single = task_of(augment={"bootstrap": 0.5, "block": 1.0})
    (span,) = paths_of(single)
    size = np.abs(np.diff(np.log(single.market.close[span, 0])))
    # Without blocks nothing is left of volatility clustering.
    assert np.corrcoef(size[1:], size[:-1])[0, 1] == pytest.approx(0.0, abs=3 / np.sqrt(len(size)))


def test_a_preset_says_it_and_is_written_down():
    config = resolve_env("sp500-daily", {"augment": {"bootstrap": 0.25, "block": 20.0}})
    assert (config.augment.bootstrap, config.augment.block) == (0.25, 20.0)
    assert parse_env(config.model_dump(mode="json"), "written down") == config


def test_training_episodes_visit_the_paths(augmented):
    task = augmented["sp500-daily"]
    env, first = TradingEnv(task), paths_of(task)[0][0]
    seen = [env.reset(seed=seed)[1]["time"] for seed in range(40)]
    assert len(set(seen)) > 30
    starts = task.simulator(2000, _generator(), episode_length=100).t.numpy()
    assert np.mean(starts >= first) == pytest.approx(0.5, abs=0.05)


def test_the_audit_speaks_of_the_real_bars():
    config = resolve_env("sp500-daily", HALF)
    assert audit_preset(config, load_bars("sp500"), cuts=2) == []


@pytest.mark.parametrize(
    ("preset", "settings", "message"),
    [
        ("sp500-daily", {"augment": {"bootstrap": 1.0}}, "augment.bootstrap.* less than 1"),
        ("sp500-daily", {"augment": {"bootstrap": -0.1}}, "greater than or equal to 0"),
        ("sp500-daily", {"augment": {"bootstarp": 0.1}}, "did you mean 'bootstrap'"),
        ("heston", HALF, "augment belongs to data"),
        ("us5-portfolio", HALF | {"universe": "members.csv"}, "augment needs assets that are all"),
    ],
)
def test_what_cannot_be_is_refused(preset, settings, message):
    with pytest.raises(ConfigError, match=message):
        resolve_env(preset, settings)


def test_a_train_period_that_is_too_short():
    periods = {
        "train": ["2005-01-01", "2005-03-31"],
        "validation": ["2011-01-01", "2012-12-31"],
        "test": ["2013-01-01", "2018-12-31"],
    }
    message = "holds 61 bars that all of SP500 have; features and window take 69 of a path"
    with pytest.raises(ConfigError, match=message):
        task_of(periods=periods, features=["ma_ratio(60)"], window=10, **HALF)


def _generator():
    import torch

    return torch.Generator().manual_seed(0)
