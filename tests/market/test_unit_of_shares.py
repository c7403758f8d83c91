"""The accounting does not depend on what a share is: a coin in hundredths, pennies in lots."""

import pytest
from hypothesis import given, settings
from random_paths import Paths
from test_account import costs, journeys, run, terms_strategy


@pytest.mark.parametrize("each", [1e-3, 1e6])
@given(journeys(), terms_strategy)
@settings(max_examples=60, deadline=None)
def test_the_unit_that_shares_are_counted_in_changes_nothing(each, journey, terms):
    path, plan = journey
    tape = path.tape.copy()
    tape[..., :6] *= each  # prices; then the volumes
    tape[..., 6:8] /= each
    changed = Paths(tape, path.target, path.amount / each)
    for other, step in zip(run(changed, terms, plan), run(path, terms, plan), strict=True):
        assert other.equity == pytest.approx(step.equity, rel=1e-8)
        assert other.turnover == pytest.approx(step.turnover, rel=1e-8, abs=1e-4)
        assert costs(other) == pytest.approx(costs(step), rel=1e-8, abs=1e-4)
        assert other.account.units * each == pytest.approx(step.account.units, rel=1e-8, abs=1e-6)
