"""Scores of several seeds, summed up."""

import math

import numpy as np
import pytest

from drltrade.evaluation.ladder import RungScore, SeedScore, interquartile_mean, summary
from drltrade.evaluation.optimality import Optimality
from drltrade.evaluation.portraits import Portrait

NOTHING = Portrait("map", "x", np.zeros(2), ("y",), np.zeros((1, 2)), np.zeros((1, 2)))


def scored(*found):
    return tuple(SeedScore(i, each, NOTHING, 100, 1.0 + i) for i, each in enumerate(found))


def test_the_interquartile_mean_leaves_out_the_outer_quarters():
    assert interquartile_mean(np.array([9.0, 1.0, 2.0, 3.0, -50.0])) == 2.0
    assert interquartile_mean(np.array([1.0, 2.0, 6.0])) == 3.0
    # Of n values n // 4 at each end: none of 3, one of 4 to 7, two of 8 to 11.
    for count, cut in ((3, 0), (4, 1), (7, 1), (8, 2), (11, 2), (12, 3)):
        values = np.arange(1.0, count + 1) ** 3
        assert interquartile_mean(values[::-1]) == values[cut : count - cut].mean()


def test_a_summary_has_an_interval_and_the_minimum():
    found = summary(np.array([0.9, 0.91, 0.92, 0.93, 0.2]))
    assert found.middle == pytest.approx(0.91)
    assert (found.minimum, found.high) == (0.2, pytest.approx(0.9267, abs=0.002))
    assert 0.2 < found.low < 0.91
    alone = summary(np.array([0.5]))
    assert alone.middle == alone.minimum == 0.5
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)


def test_shares_are_of_the_optimum():
    seeds = scored(*(Optimality(value, 0.001, 0.05, 0.1) for value in (0.04, 0.045, 0.05)))
    rung = RungScore("drift", "A drift", optimum=0.05, seeds=seeds)
    assert rung.share.middle == pytest.approx(0.9)
    assert rung.value == pytest.approx(0.045)
    assert rung.error == pytest.approx(0.001 / math.sqrt(3))
    assert rung.cpu_seconds == 2.0
    assert rung.verdict == ""


def test_where_nothing_can_be_earned_the_verdict_is_in_standard_errors():
    flat = RungScore("m", "", optimum=0.0, seeds=scored(Optimality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)))
    assert flat.share is None
    assert "within 2 s.e. of 0; turnover 0.0000 a bar" in flat.verdict
    assert "not significantly above 0" in flat.verdict
    trades = Optimality(-0.01, 0.001, 0.0, 0.1, -0.012, 0.002)
    assert "NOT within 2 s.e. of 0; turnover 0.1000" in (
        RungScore("m", "", optimum=0.0, seeds=scored(trades)).verdict
    )
    cheats = Optimality(0.0, 0.0, 0.0, 0.0, 0.01, 0.002)
    assert "SIGNIFICANTLY above 0" in RungScore("m", "", optimum=0.0, seeds=scored(cheats)).verdict


def test_without_seeds_there_is_nothing_to_share():
    assert RungScore("m", "", unfit="it does not fit").share is None


def test_the_interquartile_mean_is_that_of_each_row():
    rows = np.array([[9.0, 1.0, 2.0, 3.0, -50.0, 4.0, 5.0, 60.0]] * 3) + np.arange(3.0)[:, None]
    assert interquartile_mean(rows).tolist() == [3.5, 4.5, 5.5]
