"""Schedules of dividends: who is due, who is early, and what nothing tells."""

import numpy as np
import pytest

from drltrade.data.schedule import Turn, next_turn, turn_of

QUARTERS = np.arange(8) * 91.0


@pytest.mark.parametrize(
    ("others", "at", "turn"),
    [
        (np.delete(QUARTERS, 3), QUARTERS[3] + 5, Turn.DUE),
        (np.delete(QUARTERS, 3), QUARTERS[3] + 30, Turn.UNKNOWN),
        (np.delete(np.append(QUARTERS, QUARTERS + 1500), 3), QUARTERS[3], Turn.DUE),
        (QUARTERS, QUARTERS[3] + 40, Turn.EARLY),
        (QUARTERS, QUARTERS[-1] + 91, Turn.UNKNOWN),
        (np.array([0.0, 91.0, 273.0]), 182.0, Turn.PERHAPS),
        (np.array([0.0, 40.0, 300.0, 320.0, 800.0]), 310.0, Turn.UNKNOWN),
        (np.array([0.0, 200.0]), 100.0, Turn.UNKNOWN),
    ],
)
def test_turn_of_a_dividend_among_others(others, at, turn):
    assert turn_of(others, at) is turn


def test_next_turn_is_a_year_after_another_or_in_the_rhythm_of_all():
    assert next_turn(np.array([0.0, 366.0]), 730.0) == pytest.approx(np.log(365.25 / 14.75))
    assert next_turn(QUARTERS, QUARTERS[-1] + 50) == 0.0
    assert next_turn(np.array([0.0, 60.0, 120.0]), 180.0) == pytest.approx(-np.log(0.24))


def test_next_turn_tells_little_where_dividends_are_all_over_the_year():
    others = np.array([0.0, 40.0, 130.0, 200.0, 400.0, 460.0, 700.0])
    apart = np.sort(others % 365.25)
    taken = np.minimum(np.diff(np.append(apart, apart[0] + 365.25)), 14.0).sum()
    assert next_turn(others, 200.0 + 3 * 365.25) == pytest.approx(np.log(365.25 / taken))
    assert taken == pytest.approx(89.25)
