"""The stationary block bootstrap of real bars."""

from datetime import date

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length
from pydantic import ValidationError

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError
from drltrade.market.synthetic import Bootstrap, draw_paths
from drltrade.market.synthetic.blocks import block_length, stationary_rows
from drltrade.market.synthetic.paths import priced
from drltrade.market.synthetic.resampled import relative_bars, usual_block

SPAN = {"start": date(1999, 1, 1), "end": date(2010, 12, 31)}
SMALL = {"bars": 2000, "path_length": 1000, "validation_bars": 500, "test_bars": 500}


def sp500(start: str = "1999-01-01", end: str = "2010-12-31"):
    return load_bars("sp500").frame("SP500").loc[start:end]


def test_blocks_are_of_geometric_length_and_start_anywhere():
    rows, n, block = 1000, 200_000, 20.0
    drawn = stationary_rows(np.random.default_rng(0), rows, n, block)
    follows = (drawn[1:] - drawn[:-1]) % rows == 1
    # A new block begins with chance 1 / block; by chance it goes on where the last one ended.
    chance = (1 - 1 / block) + 1 / block / rows
    assert follows.mean() == pytest.approx(chance, abs=3 * np.sqrt(chance * (1 - chance) / n))
    lengths = np.diff(np.flatnonzero(np.concatenate(([True], ~follows))))
    count = len(lengths)
    assert lengths.mean() == pytest.approx(block, abs=3 * block / np.sqrt(count))
    # Of a geometric law: variance block (block - 1); its estimate has kurtosis 9.
    assert lengths.var() == pytest.approx(block * (block - 1), rel=3 * np.sqrt(8 / count))
    seen = np.bincount(drawn, minlength=rows)
    spread = np.sqrt(n / rows * 2 * block)  # blocks of mean square length 2 block^2
    assert np.abs(seen - n / rows).max() < 4.5 * spread


def test_blocks_of_one_bar_are_independent():
    drawn = stationary_rows(np.random.default_rng(0), 7, 70_000, 1.0)
    assert np.corrcoef(drawn[1:], drawn[:-1])[0, 1] == pytest.approx(0.0, abs=3 / np.sqrt(70_000))


def test_the_usual_block_is_that_of_politis_and_white():
    series = np.abs(np.diff(np.log(sp500()["close"].to_numpy())))
    expected = optimal_block_length(series)["stationary"].iloc[0]
    assert block_length(series) == expected
    real = relative_bars(sp500(), "here")
    assert usual_block(real) == pytest.approx(expected, rel=1e-9)
    assert 10 < expected < 300
    assert block_length(np.random.default_rng(0).standard_normal(1000)) < 5


def test_real_bars_come_back_from_their_relative_ones():
    frame = sp500()
    again = priced(relative_bars(frame, "here"), frame["close"].iloc[0], 1.0)
    for column in ("open", "high", "low", "close"):
        np.testing.assert_allclose(again[column], frame[column].iloc[1:], rtol=1e-10)


def test_every_bar_is_one_of_the_span_and_follows_its_own():
    process = Bootstrap(kind="bootstrap", **SPAN, **SMALL)
    real = relative_bars(sp500(), "here")
    known = {tuple(row): i for i, row in enumerate(np.column_stack([real.returns, *real.shape]))}
    drawn = process.draw(np.random.default_rng(0), 5000)
    rows = [known[tuple(row)] for row in np.column_stack([drawn.returns, *drawn.shape])]
    follows = np.diff(rows) == 1
    assert follows.mean() == pytest.approx(1 - 1 / usual_block(real), abs=0.01)
    assert len(set(rows)) > 1000


def test_nothing_outside_the_span_is_drawn():
    """A span of two calm years has no day like those of 2008."""
    calm = {"start": date(2004, 1, 1), "end": date(2005, 12, 31)}
    process = Bootstrap(kind="bootstrap", block=10.0, **calm, **SMALL)
    real = sp500("2004-01-01", "2005-12-31")["close"].pct_change().abs().max()
    for path in draw_paths(process):
        assert path.frame["close"].pct_change().abs().max() <= real * (1 + 1e-9)
    assert np.abs(relative_bars(sp500(), "here").returns).max() > 5 * real


def test_a_bar_of_which_nothing_was_traded_stays_one():
    frame = sp500().iloc[:200].copy()
    frame.iloc[100, frame.columns.get_loc("volume")] = 0.0
    worth = relative_bars(frame, "here").shape.worth
    assert worth[99] == 0.0
    assert (np.delete(worth, 99) > 0).all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"data": "nowhere"}, "an embedded data set is needed"),
        ({"end": date(1999, 1, 1)}, r"synthetic\.end = 1999-01-01 is not after start"),
        ({"block": 0.5}, "greater than or equal to 1"),
    ],
)
def test_bad_keys(keys, message):
    with pytest.raises(ValidationError, match=message):
        Bootstrap(kind="bootstrap", **(SPAN | keys))


def test_a_span_without_bars():
    process = Bootstrap(kind="bootstrap", start=date(2030, 1, 1), end=date(2031, 1, 1))
    with pytest.raises(ConfigError, match=r"start = 2030-01-01, end = 2031-01-01: sp500 holds 0"):
        process.draw(np.random.default_rng(0), 10)
