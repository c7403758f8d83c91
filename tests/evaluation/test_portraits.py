"""Portraits: the optimal policy lies on the optimum, in every kind of market."""

import numpy as np
import pytest
from known_policies import Filter, Rule, rung

from drltrade.evaluation.portraits import PATH, portrait


@pytest.mark.parametrize(
    ("name", "over", "panels"),
    [
        ("ar1-cost", "signal", 3),
        ("drift", "last return", 3),
        ("garleanu-pedersen", "factor 2 (the others at 0)", 3),
        ("kelly", "weight held", 1),
        ("kelly-cost", "weight held", 1),
    ],
)
def test_the_map_of_the_optimal_policy_is_the_optimum(name, over, panels):
    task, truth = rung(name)
    reads = name not in ("drift", "kelly", "kelly-cost")
    rule = Rule(task, lambda state, held: truth.act(state if reads else state[:, :0], held))
    drawn = portrait(rule, task, truth)
    assert (drawn.kind, drawn.over, len(drawn.panels)) == ("map", over, panels)
    assert drawn.chosen.shape == drawn.optimal.shape == (panels, len(drawn.x))
    np.testing.assert_allclose(drawn.chosen, drawn.optimal, atol=1e-5)


def test_the_thresholds_of_a_map_are_those_of_the_optimum():
    task, truth = rung("ar1-cost")
    drawn = portrait(Rule(task, truth.act), task, truth)
    short = drawn.panels.index("holding -1")
    first_long = drawn.x[(drawn.optimal[short] == 1.0).argmax()]
    assert first_long == pytest.approx(0.645, abs=0.03)


def test_a_memory_is_drawn_along_a_path_with_the_belief():
    task, truth = rung("hidden-regime")
    drawn = portrait(Filter(task, truth), task, truth)
    assert (drawn.kind, drawn.chosen.shape) == ("path", (1, PATH))
    np.testing.assert_array_equal(drawn.chosen, drawn.optimal)
    assert 0.0 < drawn.belief.min() < 0.3 < 0.7 < drawn.belief.max() < 1.0
    other, _ = rung("hidden-regime", synthetic={"seed": 3})
    again = portrait(Filter(other, truth), other, truth)
    np.testing.assert_array_equal(drawn.belief, again.belief)  # the same bars for every seed


def test_what_one_bar_does_not_say_is_drawn_along_a_path():
    task, truth = rung("ar1-cost", window=3)
    assert portrait(Rule(task, truth.act), task, truth).kind == "path"
    task, truth = rung("ar1-cost", features=["signal(1)", "log_return(1)"])
    rule = Rule(task, lambda state, held: truth.act(state[:, :1], held))
    assert portrait(rule, task, truth).kind == "path"


def test_two_bars_say_what_one_does_not():
    task, truth = rung("ar1-cost", window=2)
    assert portrait(Rule(task, truth.act), task, truth).kind == "path"
