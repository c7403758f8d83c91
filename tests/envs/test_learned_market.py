"""The learned generator as a market, and as a source of more bars to train on."""

import numpy as np
import pytest

from drltrade.data.catalog import load_bars
from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.experiment.env_presets import resolve_env
from drltrade.market.synthetic import Learned, draw_paths
from drltrade.market.synthetic.generator import find_generator, load_generator

SMALL = {"bars": 250, "path_length": 100, "validation_bars": 100, "test_bars": 100}
HALF = {"augment": {"learned": 0.5}}


def test_the_shipped_generator_is_small_and_says_what_it_learned():
    card, bars = load_generator("sp500").card, load_bars("sp500")
    assert find_generator("sp500").stat().st_size < 300_000
    assert (card.symbol, str(card.start), str(card.end)) == ("SP500", "1999-01-04", "2010-12-31")
    assert card.sha256 == bars.sha256


def test_the_same_keys_give_the_same_bars():
    process = Learned(kind="learned", **SMALL)
    paths, again = draw_paths(process), draw_paths(process)
    for path, same in zip(paths, again, strict=True):
        assert path.frame.equals(same.frame)
    other = draw_paths(process.model_copy(update={"seed": 1}))
    assert not other[0].frame.equals(paths[0].frame)
    assert process.bars_per_year == 252.0


def test_another_generator_is_another_market(tmp_path):
    generator = load_generator("sp500")
    changed = generator.arrays | {"gain": generator.arrays["gain"] * 2}
    path = tmp_path / "wild.npz"
    type(generator)(generator.architecture, generator.card, changed).save(path)
    process = Learned(kind="learned", generator=str(path))
    wild, drawn = process.digest(), process.draw(np.random.default_rng(0), 100).returns
    type(generator)(generator.architecture, generator.card, generator.arrays).save(path)
    assert process.digest() != wild
    again = process.draw(np.random.default_rng(0), 100).returns
    assert again.std() < drawn.std()
    shipped = Learned(kind="learned").draw(np.random.default_rng(0), 100).returns
    np.testing.assert_array_equal(again, shipped)


def test_a_share_of_what_is_trained_on_is_learned():
    plain = Task.build(resolve_env("sp500-daily", {}))
    task = Task.build(resolve_env("sp500-daily", {"augment": {"learned": 0.2, "bootstrap": 0.3}}))
    real, *paths = (len(span) for span in task.spans("train"))
    assert len(paths) == 2
    assert np.array(paths) / (real + sum(paths)) == pytest.approx([0.3, 0.2], abs=0.002)
    assert task.preparation.scaler == plain.preparation.scaler
    np.testing.assert_array_equal(task.market.features[: len(plain.market)], plain.market.features)
    for period in ("validation", "test"):
        assert task.spans(period) == plain.spans(period)
    # Bars that could be true, with the range and the volume of real ones.
    market, span = task.market, task.market.spans[-1]
    high, low, close = (getattr(market, key)[span, 0] for key in ("high", "low", "close"))
    opened, rounding = market.open[span, 0], 1e-12
    assert (high * (1 + rounding) >= np.maximum(opened, close)).all()
    assert (low * (1 - rounding) <= np.minimum(opened, close)).all()
    width = [np.median(np.log(market.high[s, 0] / market.low[s, 0])) for s in task.spans("train")]
    assert width[2] == pytest.approx(width[0], rel=0.4)
    returns = np.diff(np.log(close))
    known = np.diff(np.log(plain.market.close[:, 0]))
    assert not set(np.round(returns, 9)) & set(np.round(known, 9))


def shortened(end: str) -> dict[str, list[str]]:
    return {
        "train": ["1999-01-01", end],
        "validation": ["2011-01-01", "2012-12-31"],
        "test": ["2013-01-01", "2018-12-31"],
    }


@pytest.mark.parametrize(
    ("preset", "settings", "message"),
    [
        (
            "sp500-daily",
            {"periods": shortened("2009-12-31")} | HALF,
            "has learned SP500 up to 2010-12-31; one of SP500 is needed that knows nothing after "
            "2009-12-31",
        ),
        (
            "sp500-daily",
            {"frequency": "1w"} | HALF,
            "has learned from 252 bars a year, and these are 52 a year",
        ),
        ("us5-daily-ibm", HALF, "one of IBM is needed"),
        ("us5-portfolio", HALF, "augment.learned draws one asset"),
        ("sp500-daily", {"augment": {"learned": 0.5, "bootstrap": 0.5}}, "leave no real bars"),
        ("sp500-daily", {"augment": {"learned": 0.5, "generator": "none"}}, "there are: sp500"),
    ],
)
def test_what_cannot_be_is_refused(preset, settings, message):
    with pytest.raises(ConfigError, match=message):
        Task.build(resolve_env(preset, settings))
